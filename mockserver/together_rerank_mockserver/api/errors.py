"""The errors of the API, with the messages of the real gateway where they have been observed."""

from collections.abc import Iterable, Mapping
from typing import Any


class ApiError(Exception):
    """An error of the API itself: it becomes a response, never a traceback.

    The shape is the canonical one, without nulls. A subclass fixes the status, the `type` and the `code`; `headers` are
    added to the usual ones, and `origin` is the value of `x-mock-reply`. For a *kind* of error, an API can have another
    status and a message of its own.
    """

    status: int
    origin = "refused"
    kind = ""
    values: dict[str, str] = {}  # noqa: RUF012  # for the placeholders in the API's own message
    status_setting: int | None = None  # of a setting; None for the status that the API has for the *kind*
    type = "invalid_request_error"
    code: str | None = None
    headers: Mapping[str, str] = {}

    def __init__(self, message: str = "", *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param

    @property
    def data(self) -> dict[str, Any]:
        """The canonical body."""
        error = {"message": str(self), "type": self.type, "param": self.param, "code": self.code}
        return {"error": {name: value for name, value in error.items() if value is not None}}


class InvalidRequest(ApiError):
    """The request is invalid; *kind* says more than `invalid_request` if an API may have another status for it."""

    status = 400
    kind = "invalid_request"

    def __init__(self, message: str = "", *, param: str | None = None, kind: str = "") -> None:
        super().__init__(message, param=param)
        self.kind = kind or self.kind


class Conflict(InvalidRequest):
    """The state of a namespace does not allow the request."""

    status = 409


class Misuse(InvalidRequest):
    """A fault or ranking that the client requests of the mock itself is invalid."""

    origin = "misuse"
    kind = ""


class Unauthorized(ApiError):
    status = 401
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class MissingApiKey(Unauthorized):
    kind = code = "missing_api_key"


class InvalidApiKey(Unauthorized):
    kind = code = "invalid_api_key"


class ModelNotFound(ApiError):
    status = 404
    kind = code = "model_not_found"

    def __init__(self, model: str, place: str) -> None:
        shown = shortened(model)
        self.values = {"model": shown}
        super().__init__(f"Unable to access model {shown}", param=place)


def shortened(model: str) -> str:
    """Return the name *model* as messages show it."""
    return '""' if not model else model if len(model) <= 200 else f"{model[:200]}..."


class LimitExceeded(InvalidRequest):
    """The request for *model* has *number* documents, characters or tokens, more than the *limit* of a setting."""

    origin = "limit"

    def __init__(self, kind: str, message: str, number: int, limit: int, model: str, status: int | None) -> None:
        self.values = {"number": str(number), "limit": str(limit), "model": shortened(model)}
        super().__init__(message.format(**self.values), kind=kind)
        self.status_setting = status


class Forbidden(ApiError):
    status = 403


class RouteNotFound(ApiError):
    status = 404


class MethodNotAllowed(ApiError):
    status = 405

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        allow = ", ".join(sorted(allowed))
        super().__init__(f"{method[:40]} is not allowed here; allowed: {allow}")
        self.headers = {"Allow": allow}


class InvalidHttp(ApiError):
    """The bytes are not an HTTP request; the server closes the connection after the answer."""

    headers: Mapping[str, str] = {"Connection": "close"}

    def __init__(self, problem: str, status: int = 400) -> None:
        super().__init__(f"Not valid HTTP: {problem}"[:300])
        self.status = status


class RequestTimeout(ApiError):
    status = 408
    headers: Mapping[str, str] = {"Connection": "close"}

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"The body did not arrive within {limit_s:g} s (--read-timeout)")


class BodyTooLarge(ApiError):
    status = 413

    def __init__(self, limit: int, setting: str) -> None:
        super().__init__(f"The body is longer than {limit} bytes, the limit of this server ({setting})")


class RankingsTooLarge(ApiError):
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The rankings of all namespaces would take more than {limit} bytes; DELETE one first")


class TooManyWaiting(ApiError):
    """One more waiting call would leave no thread for other calls."""

    status = 503
    type = "overloaded_error"
    headers: Mapping[str, str] = {"Connection": "close"}

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} calls already wait, for a delay or for the rest of a body; this is the limit")


class StateUnavailable(ApiError):
    """The shared state does not answer, so the call cannot be answered either."""

    status = 503
    type = "overloaded_error"
    origin = "state-unavailable"


class UnsupportedEncoding(ApiError):
    status = 415

    def __init__(self, coding: str) -> None:
        super().__init__(f"The body has Content-Encoding: {coding[:100]}; only identity (no encoding) is accepted")


class InternalError(ApiError):
    status = 500
    type = "server_error"


class UnsupportedByServer(ApiError):
    """The running server cannot do what is requested; a retry does not help."""

    status = 501
    type = "server_error"
    origin = "misuse"
    headers: Mapping[str, str] = {"x-should-retry": "false"}


class ClientDisconnected(ConnectionError):
    """The client closed the connection before its answer."""
