"""The rerank operations of a mock, by path: those of the document at the root, and those of each dialect."""

from threading import Lock

from together_rerank_mockserver.endpoint import Endpoint, Shared
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_spec import Document, DocumentError, dialect, dialects


class Operations:
    """The endpoints of one mock. Raises the exceptions of `create_app`.

    A dialect has its paths below its name, and is read when a request first needs it, so that dialects without requests
    cost nothing.
    """

    def __init__(self, settings: Settings, limiter: DelayLimiter) -> None:
        document = settings.document()
        if settings.api_keys and not document.key_header:
            raise DocumentError(f"{document.name}: the operation needs no key, so --api-key cannot be enforced")
        self.shared = Shared(document, settings, limiter)
        self._by_route: dict[str, Endpoint] = {}
        self.read: dict[str, list[Endpoint]] = {}  # by the name of the dialect
        self._lock = Lock()
        self._root_name = "" if settings.spec else settings.dialect
        self.root = self._add(self._root_name, document, ("", f"/{self._root_name}") if self._root_name else ("",))

    def at(self, path: str) -> Endpoint | None:
        """Return the endpoint with the route *path*; None if there is none."""
        return self._by_route.get(path) or self._by_parameter(path)

    def near(self, path: str) -> list[Endpoint]:
        """Return the endpoints of the dialect whose name *path* begins with, or else those at the root."""
        name = path.split("/", 2)[1] if path.startswith("/") else ""
        if name == self._root_name or name not in dialects():
            return self.root
        with self._lock:
            return self.read.get(name) or self._add(name, dialect(name), (f"/{name}",))

    def _by_parameter(self, path: str) -> Endpoint | None:
        endpoints = self.near(path)
        return self._by_route.get(path) or next((each for each in endpoints if each.serves(path)), None)

    def _add(self, name: str, document: Document, prefixes: tuple[str, ...]) -> list[Endpoint]:
        endpoints = [Endpoint(each, self.shared, prefixes) for each in document.operations]
        for each in endpoints:
            for route in each.routes:
                self._by_route.setdefault(route, each)
                self._by_route.setdefault(route.rstrip("/"), each)  # clients differ in this
        self.read[name] = endpoints
        return endpoints
