"""The rerank operations of a mock, by path: those of the document at the root, and those of each dialect."""

from threading import Lock

from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.mock_state import MockState
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_spec import Document, DocumentError, dialect, dialect_of


class Operations:
    """The endpoints of one mock. Raises the exceptions of `create_app`.

    A dialect has its paths below its name. Its document is read when a request first needs it, so that dialects without
    requests cost nothing.
    """

    def __init__(self, settings: Settings, limiter: DelayLimiter) -> None:
        document = settings.document()
        for each in document.operations if settings.api_keys else ():
            if not each.key_header:
                raise DocumentError(f"{each.name}: the operation needs no key, so --api-key cannot be enforced")
        self.state = MockState(document, settings, limiter)
        self.loaded: dict[str, list[Endpoint]] = {}  # by the name of the dialect
        self._by_route: dict[str, Endpoint] = {}
        self._lock = Lock()
        self._root_name = "" if settings.spec else settings.dialect
        self.root = self._load(self._root_name, document, ("", f"/{self._root_name}") if self._root_name else ("",))
        for exchange in self.state.recorded:  # check now that they can be replayed
            self.near(exchange.request.path)

    def at(self, path: str) -> Endpoint | None:
        """Return the endpoint with the route *path*; None if there is none."""
        return self._by_route.get(path) or self._by_parameter(path)

    def near(self, path: str) -> list[Endpoint]:
        """Return the endpoints of the dialect whose name *path* begins with, or else those at the root."""
        name = dialect_of(path)
        if name in ("", self._root_name):
            return self.root
        with self._lock:
            return self.loaded.get(name) or self._load(name, dialect(name), (f"/{name}",))

    def _by_parameter(self, path: str) -> Endpoint | None:
        endpoints = [*self.near(path), *self.root]  # `near` may load routes
        return self._by_route.get(path) or next((each for each in endpoints if each.serves(path)), None)

    def _load(self, name: str, document: Document, prefixes: tuple[str, ...]) -> list[Endpoint]:
        endpoints = [Endpoint(each, self.state, prefixes) for each in document.operations]
        for each in endpoints:
            for route in each.routes:
                self._by_route.setdefault(route, each)
                self._by_route.setdefault(route.rstrip("/"), each)  # the trailing slash of a document is optional
        self.loaded[name] = endpoints
        return endpoints
