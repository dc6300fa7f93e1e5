"""The operation as WSGI has it: from the environ of a call to what is sent, without Flask."""

from __future__ import annotations

import logging
from typing import Any

from together_rerank_mockserver.call import Call, EnvironHeaders
from together_rerank_mockserver.delivery import RAW_SOCKET, Outgoing, outgoing
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.errors import ApiError, InternalError
from together_rerank_mockserver.incoming import SizedBody
from together_rerank_mockserver.recording import Recorder, now
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.waiting import Waiting

_logger = logging.getLogger(__name__)


class Operation:
    """Answers calls as *settings* say, and keeps them back with *waiting*.

    Attributes:
        endpoint: what answers.
        recorder: writes down what is answered.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        BadOrder: the settings ask for a fault that there is not.
        ValueError: the settings' rate cannot be read.
    """

    def __init__(self, settings: Settings, waiting: Waiting) -> None:
        self.settings = settings
        self.waiting = waiting
        self.document = settings.document()
        self.endpoint = Endpoint(self.document, settings)
        self.recorder = Recorder(self.endpoint, settings)

    def answer(self, environ: dict[str, Any]) -> Outgoing:
        """Return what is to be sent to the call in *environ*."""
        return outgoing(self._reply(environ), self.waiting, environ.get(RAW_SOCKET))

    def _reply(self, environ: dict[str, Any]) -> Reply:
        start = now()
        headers = EnvironHeaders(environ)
        raw_socket = environ.get(RAW_SOCKET)
        pause = raw_socket.wait if raw_socket else self.waiting.wait
        try:
            reply = self.endpoint.answer(Call(headers, _body(environ).read, raw_socket is not None, pause))
        except Exception as fault:  # noqa: BLE001  # whatever it is, it becomes an answer
            reply = self.endpoint.refuse(api_error(fault), headers)
        self.recorder.record(reply, environ, environ["PATH_INFO"], start)
        return reply


def api_error(fault: Exception) -> ApiError:
    """Return what the client is told of *fault*, which came up on the way to an answer."""
    if isinstance(fault, ApiError):
        return fault
    _logger.error("a bug in the mock", exc_info=fault)
    return InternalError(f"The mock itself failed: {type(fault).__name__}; the traceback is in its log")


def _body(environ: dict[str, Any]) -> Any:
    """Return the body of the request, which a server may leave open at its end."""
    if "wsgi.input_terminated" in environ:
        return environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH") or ""
    return SizedBody(environ["wsgi.input"], int(length) if length.isascii() and length.isdigit() else 0)
