"""The base path of the mock, for reverse proxies that pass on the prefix of a path."""

from collections.abc import Callable, Iterable
from typing import Any

from together_rerank_mockserver.http import access
from together_rerank_mockserver.http.access import Wsgi
from together_rerank_mockserver.http.wsgi import Mock, application, move

# The environ key of a request whose base path has been moved: WsgiApp passes it to the Flask application, which would
# move it, too.
_MOVED = "together_rerank_mock.base_path_moved"


def below_base_path(app: Wsgi, mock: Mock) -> Wsgi:
    """Return *app* below the base path of *mock*; return *app* itself if there is none.

    The base path moves from `PATH_INFO` to `SCRIPT_NAME`, so *app* has the same paths with and without it. Requests to
    other paths get 404, except health checks and metrics, because what asks for them can bypass the proxy.
    """
    base = mock.settings.base_path
    if not base:
        return app
    outside = access.allow(application(mock.outside), mock.settings.cors)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if _MOVED in environ or path in mock.views:
            return app(environ, start_response)
        if path != base and not path.startswith(f"{base}/"):
            return move(lambda: outside(environ, start_response), environ)
        script, below = environ.get("SCRIPT_NAME", "") + base, path.removeprefix(base) or "/"
        return app({**environ, "SCRIPT_NAME": script, "PATH_INFO": below, _MOVED: True}, start_response)

    return answer
