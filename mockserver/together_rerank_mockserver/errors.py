"""What the API refuses, and in which words: those of the real gateway where they have been observed."""

from collections.abc import Iterable, Mapping
from typing import Any


class ApiError(Exception):
    """An error of the API itself: it becomes a response, never a traceback.

    The shape is the document's `ErrorData`, without its nulls. A subclass fixes the status, the `type`, the `code` and
    perhaps the message; `headers` are added to the usual ones, and `origin` is the value of `x-mock-reply`.
    """

    status: int
    origin = "refused"
    type = "invalid_request_error"
    code: str | None = None
    message = ""
    headers: Mapping[str, str] = {}

    def __init__(self, message: str = "", *, param: str | None = None) -> None:
        super().__init__(message or self.message)
        self.param = param

    @property
    def data(self) -> dict[str, Any]:
        """The body: the document's `ErrorData`."""
        error = {"message": str(self), "type": self.type, "param": self.param, "code": self.code}
        return {"error": {name: value for name, value in error.items() if value is not None}}


class InvalidRequest(ApiError):
    status = 400


class Misuse(InvalidRequest):
    """What is asked of the mock itself, by a header or a model, cannot be understood."""

    origin = "misuse"


class Unauthorized(ApiError):
    status = 401
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class MissingApiKey(Unauthorized):
    code = "missing_api_key"
    message = (
        "Missing API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY)"
    )


class InvalidApiKey(Unauthorized):
    code = "invalid_api_key"
    message = "Invalid API key provided. You can find your API key at https://api.together.xyz/settings/api-keys."


class ModelNotFound(ApiError):
    status = 404
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        shown = '""' if not model else model if len(model) <= 200 else f"{model[:200]}..."
        super().__init__(
            f"Unable to access model {shown}. Please visit https://api.together.xyz to see the list of supported "
            "models or contact the owner to request access.",
            param="/model",
        )


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


class RequestTimeout(ApiError):
    status = 408
    headers: Mapping[str, str] = {"Connection": "close"}

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"The body did not arrive within {limit_s:g} s (--read-timeout)")


class BodyTooLarge(ApiError):
    status = 413

    def __init__(self, limit: int, why: str) -> None:
        super().__init__(f"The body is longer than {limit} bytes, the most this server reads ({why})")


class RankingsTooLarge(ApiError):
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The rankings of all namespaces would take more than {limit} bytes; DELETE one before")


class TooManyWaiting(ApiError):
    """The server would have no thread left for others if one more call waited."""

    status = 503
    type = "overloaded_error"
    headers: Mapping[str, str] = {"Connection": "close"}

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} calls wait already, for a delay or for the rest of a body; more cannot")


class UnsupportedEncoding(ApiError):
    status = 415

    def __init__(self, coding: str) -> None:
        super().__init__(f"The body has Content-Encoding: {coding[:100]}; only identity, which means none, is accepted")


class InternalError(ApiError):
    status = 500
    type = "server_error"


class NotHere(ApiError):
    """What is asked for needs another server than the one that runs; asking again is of no use."""

    status = 501
    type = "server_error"
    origin = "misuse"
    headers: Mapping[str, str] = {"x-should-retry": "false"}


class ClientGone(ConnectionError):
    """Nobody is there any more to answer."""
