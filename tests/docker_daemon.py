"""A stand-in for Docker's daemon, whose container is a mock: a process here with the variables of the container."""

import json
import re
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from mock_process import running

# What the image of the mock sets.
IMAGE = {"TOGETHER_RERANK_MOCK_HOST": "0.0.0.0"}


class Daemon(ThreadingHTTPServer):
    """The daemon at `url`, with one container, as Testcontainers creates it; it knows the API that this needs."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.created = {}
        self.port = ""
        self.removed = False
        self.mock = ExitStack()

    @property
    def url(self):
        return f"tcp://127.0.0.1:{self.server_port}"

    def answer(self, method, path, content):
        """Return the status and the JSON of the answer."""
        status, answer = 200, None
        match method, re.sub(r"^/v[\d.]+", "", path).partition("?")[0].split("/")[1:]:
            case "GET", ["version"]:
                answer = {"ApiVersion": "1.50"}
            case "GET", ["images", name, "json"]:
                answer = {"Id": name, "Architecture": "amd64"}
            case "POST", ["containers", "create"]:
                self.created = content
                status, answer = 201, {"Id": "mock", "Warnings": []}
            case "POST", ["containers", "mock", "start"]:
                variables = dict(each.split("=", 1) for each in self.created["Env"])
                self.port = str(self.mock.enter_context(running("-q", **IMAGE, **variables)).port)
                status = 204
            case "GET", ["containers", "mock", "json"]:
                ports = {each: [{"HostIp": "0.0.0.0", "HostPort": self.port}] for each in self.created["ExposedPorts"]}
                state = {"Status": "running", "Running": True}
                answer = {"Id": "mock", "State": state, "NetworkSettings": {"Ports": ports}}
            case "DELETE", ["containers", "mock"]:
                self.mock.close()
                self.removed = True
                status = 204
            case _:
                status, answer = 404, {"message": f"{method} {path} is not known here"}
        return status, answer


class _Handler(BaseHTTPRequestHandler):
    def _answer(self):
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self.server.answer(self.command, self.path, json.loads(content) if content else None)
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the names that http.server calls

    def log_message(self, *arguments):
        pass


@contextmanager
def daemon():
    with Daemon() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.mock.close()
            thread.join()
