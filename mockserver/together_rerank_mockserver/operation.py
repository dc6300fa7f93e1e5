"""The operation as WSGI has it: from the environ of a call to its answer, for Flask's view and for the shortcut."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

from together_rerank_mockserver.call import Call, EnvironHeaders
from together_rerank_mockserver.delivery import RAW_SOCKET, response, status_line
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.errors import ApiError, InternalError, InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.recording import Recorder, now
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.waiting import Waiting
from together_rerank_spec import Document

_logger = logging.getLogger(__name__)


class Operation:
    """Answers calls: as a view of Flask, and as a WSGI application of its own that sends the same."""

    def __init__(self, endpoint: Endpoint, recorder: Recorder, waiting: Waiting) -> None:
        self._endpoint = endpoint
        self._recorder = recorder
        self._waiting = waiting

    def view(self) -> Response:
        """Answer the call that Flask is at."""
        return response(self._reply(request.environ), request.environ.get(RAW_SOCKET), self._waiting)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the call in *environ*."""
        reply = self._reply(environ)
        if reply.delivery != "whole":
            return response(reply, environ.get(RAW_SOCKET), self._waiting)(environ, start_response)
        length = ("Content-Length", str(len(reply.body)))
        start_response(status_line(reply.status), [*reply.headers.items(), length])
        return [reply.body]

    def _reply(self, environ: dict[str, Any]) -> Reply:
        start = now()
        headers = EnvironHeaders(environ)
        raw_socket = environ.get(RAW_SOCKET)
        pause = raw_socket.wait if raw_socket else self._waiting.wait
        try:
            read = get_input_stream(environ).read
            reply = self._endpoint.answer(Call(headers, read, raw_socket is not None, pause))
        except Exception as fault:  # noqa: BLE001  # whatever it is, it becomes an answer
            reply = self._endpoint.refuse(api_error(fault, self._endpoint.document), headers)
        self._recorder.record(reply, environ, environ["PATH_INFO"], start)
        return reply


def api_error(fault: Exception, document: Document) -> ApiError:
    """Return what the client is told of *fault*, which came up on the way to an answer."""
    match fault:
        case ApiError():
            return fault
        case HTTPException(code=404):
            return RouteNotFound(_nothing_there(request.path, document))
        case HTTPException(code=405):
            return MethodNotAllowed(request.method, getattr(fault, "valid_methods", None) or ())
        case HTTPException():
            return InvalidRequest(fault.description or fault.name)
    _logger.error("a bug in the mock", exc_info=fault)
    return InternalError(f"The mock itself failed: {type(fault).__name__}; the traceback is in its log")


def _nothing_there(path: str, document: Document) -> str:
    if base := document.doubled_routes.get(path):
        return f"There is no {path}: the base URL already ends in {base}; leave {base} out of it"
    return f"There is no {path[:200]} here; the mock answers POST {' and POST '.join(document.routes)}"
