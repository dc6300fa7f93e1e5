"""A transport for httpx, sync and async, that calls the mock without a socket."""

import anyio.to_thread
import httpx
from flask import Flask


class Transport(httpx.WSGITransport, httpx.AsyncBaseTransport):
    """Passes requests to the Flask application *app*.

    A fault that needs a connection, such as `reset`, is answered with 501.
    """

    def __init__(self, app: Flask) -> None:
        super().__init__(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        whole = httpx.Request(request.method, request.url, headers=request.headers, content=await request.aread())
        return await anyio.to_thread.run_sync(self._answer, whole)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        response = self.handle_request(request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(b"".join(response.iter_raw()))
        )
