"""Cross-origin requests: pages of the origins that are let in may read answers; browsers ask first."""

from __future__ import annotations

from flask import Flask, Response, request

_EXPOSED = (
    "Preference-Applied, Retry-After, retry-after-ms, x-mock-accepts, x-mock-reply, x-ratelimit-limit, "
    "x-ratelimit-limit-dynamic, x-ratelimit-limit-tokens, x-ratelimit-remaining, x-ratelimit-remaining-dynamic, "
    "x-ratelimit-remaining-tokens, "
    "x-ratelimit-reset, x-request-id"
)


def allow(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of *origins* read the answers of *app*."""

    @app.before_request
    def answer_preflight() -> Response | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or asked is None or request.headers.get("Origin") not in origins:
            return None
        headers = {
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
            "Access-Control-Max-Age": "600",
        }
        return Response(status=204, headers=headers)

    @app.after_request
    def let_read(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response
