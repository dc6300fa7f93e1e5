"""The admin API, independent of any framework: read the journal, queue faults, override rankings and reset."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from orjson import Fragment

from together_rerank_mockserver import __version__, recorded
from together_rerank_mockserver.api import body, json_text
from together_rerank_mockserver.api.errors import Conflict, InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import ADMIN
from together_rerank_mockserver.faults import grammar
from together_rerank_mockserver.http import admin_document
from together_rerank_mockserver.http.client_variables import client_variables
from together_rerank_mockserver.http.operations import Operations
from together_rerank_mockserver.mock_state import NAMESPACE_PREFIX
from together_rerank_mockserver.ranking import override
from together_rerank_mockserver.ranking.score import explain
from together_rerank_mockserver.resilience import find_problems
from together_rerank_mockserver.state.namespace import DEFAULT, QueueClosed

# The maximum bytes of a body for the control plane, except of a request to explain.
MAX_BODY = 4 * 1024 * 1024


@dataclass(slots=True)
class AdminRequest:
    """One request to the admin API."""

    method: str
    path: str  # below `/__admin`
    parameters: Mapping[str, str]
    url: str  # of the mock, as the client reaches it
    read: Callable[[int], bytes]  # reads the body, up to that many bytes
    raw_socket: bool = True  # whether the server can produce the faults that need a raw socket
    settle: Callable[[], object] = lambda: None  # returns once every call received so far is in the journal

    @property
    def json(self) -> Any:
        return json_text.parse_unique_keys(self.read(MAX_BODY))

    @property
    def namespace(self) -> str:
        return self.parameters.get("namespace", DEFAULT)

    def number(self, name: str) -> int | None:
        text = self.parameters.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            also = ", or none for a connection without an answer" if name == "status" else ""
            raise InvalidRequest(f"`{name}` must be an integer from 0{also}, not {text[:100]}")
        return int(text)


class Admin:
    """Reads and changes the state of *operations*; each route is one method."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._state = operations.state
        self._registry = operations.state.registry
        self._endpoint = operations.root[0]
        # By the operations of the document of the control plane.
        self._actions: dict[str, Callable[[AdminRequest], Any]] = {
            "health": lambda _: health(),
            "version": lambda _: {"version": __version__, "document": self._endpoint.document.name},
            "openapi": self._openapi,
            "spec": lambda _: self._endpoint.document.content,
            "settings": self._read_settings,
            "environment": self._environment,
            "namespaces": self._namespaces,
            "requests": self._requests,
            "clearRequests": self._clear_requests,
            "resilience": self._resilience,
            "faults": self._faults,
            "queueFaults": self._queue_faults,
            "clearFaults": self._clear_faults,
            "ranking": self._ranking,
            "setRanking": self._set_ranking,
            "queueRanking": self._queue_ranking,
            "clearRanking": self._clear_ranking,
            "reset": self._reset,
            "explain": self._explain,
        }

    def answer(self, request: AdminRequest) -> bytes:
        """Return the JSON answer to *request*; raise ApiError if the request is invalid."""
        every = admin_document.operations()
        methods = every.get(ADMIN + request.path)
        if not methods:
            there = ", ".join(path.removeprefix(f"{ADMIN}/") for path in every)
            raise RouteNotFound(f"There is no {ADMIN}{request.path[:200]}; known routes below {ADMIN}/: {there}")
        operation = methods.get("GET" if request.method == "HEAD" else request.method)
        if operation is None:
            raise MethodNotAllowed(request.method, methods)
        if "501" in operation["responses"]:
            self._state.check_shared(ADMIN + request.path)
        self._check(request, [each["name"] for each in operation["parameters"]])
        if request.method not in ("GET", "HEAD") and "requestBody" not in operation:
            self._check_no_body(request)
        return to_json(self._actions[operation["operationId"]](self._with_word(request)))

    def _check_no_body(self, request: AdminRequest) -> None:
        if (raw := request.read(MAX_BODY)) and json_text.parse(raw) != {}:
            raise InvalidRequest("This request takes no body; name the namespace in `?namespace=`")

    def _with_word(self, request: AdminRequest) -> AdminRequest:
        """Return *request* for the namespace of its `word`, if it has one."""
        word = request.parameters.get("word")
        if word is None:
            return request
        if not re.fullmatch("[A-Za-z0-9_-]{1,100}", word):
            raise InvalidRequest(f"`word` must be 1 to 100 ASCII letters, digits, `-` and `_`, not {word[:100]}")
        own = self._registry.word_name(request.namespace, word)
        if request.method not in ("GET", "HEAD"):
            self._registry.add_word(request.namespace, word)
        return replace(request, parameters={**request.parameters, "namespace": own})

    def _check(self, request: AdminRequest, known: Sequence[str]) -> None:
        for name in request.parameters:
            if name not in known:
                raise InvalidRequest(f"`{name[:100]}` is not a parameter; known: {', '.join(known)}")
        if request.namespace != DEFAULT and not self._state.is_namespace(request.namespace):
            wanted = f"{DEFAULT}, or an accepted key that begins with {NAMESPACE_PREFIX}"
            raise InvalidRequest(f"`namespace` must be {wanted}")

    def _read_settings(self, _: AdminRequest) -> Any:
        settings = self._state.settings
        shown = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(settings).items()}
        secrets = {"admin_token": settings.admin_token is not None, "state": settings.state is not None}
        return {**shown, "api_keys": len(settings.api_keys), **secrets}

    def _openapi(self, request: AdminRequest) -> Any:
        faults, paths = list(self._state.catalogue), self._endpoint.routes
        content = admin_document.served(self._endpoint.document, faults, paths, request.url)
        return content if self._state.settings.admin_token is None else admin_document.with_token(content)

    def _environment(self, request: AdminRequest) -> Any:
        key = request.namespace.partition(" ")[0]
        return client_variables(request.url, key if self._state.accepts(key) else None)

    def _namespaces(self, _: AdminRequest) -> Any:
        namespaces = [self._registry.look(name) for name in self._registry.names()]
        return {"namespaces": [{"namespace": each.name, **each.counts()} for each in namespaces]}

    def _requests(self, request: AdminRequest) -> Any:
        request.settle()
        path, reply, status = (request.parameters.get(name) for name in ("path", "reply", "status"))
        number = None if status == "none" else request.number("status")
        entries, dropped = self._registry.look(request.namespace).journal()
        found = [
            entry
            for entry in entries
            if (status is None or entry.status == number)
            and path in (None, entry.path)
            and reply in (None, entry.reply.partition(";")[0])
        ]
        offset, limit = request.number("offset") or 0, request.number("limit")
        shown = found[offset : None if limit is None else offset + limit]
        # Serialise each entry at once, because the values of all bodies together would take much memory.
        requests = [Fragment(to_json(entry.shown(self._reader(entry.path)))) for entry in shown]
        page = {"total": len(found), "dropped": dropped, "requests": requests}
        return {"namespace": request.namespace, **page}

    def _reader(self, path: str) -> Callable[[Any, str], Any] | None:
        return (self._operations.at(path) or self._operations.near(path)[0]).read

    def _resilience(self, request: AdminRequest) -> Any:
        request.settle()
        entries, dropped = self._registry.look(request.namespace).journal()
        requests = recorded.sort([entry.shown(self._reader(entry.path)) for entry in entries], dropped)
        findings = [
            {"rule": each.rule, "sentence": each.sentence, "requests": [request.number for request in each.requests]}
            for each in find_problems(requests)
        ]
        return {"namespace": request.namespace, "total": len(entries), "dropped": dropped, "findings": findings}

    def _clear_requests(self, request: AdminRequest) -> Any:
        self._registry.forget_journal(request.namespace)
        return {"namespace": request.namespace, "total": 0, "dropped": 0, "requests": []}

    def _faults(self, request: AdminRequest) -> Any:
        return {**self._queue(request), "known": [fault.name for fault in self._state.catalogue]}

    def _queue_faults(self, request: AdminRequest) -> Any:
        try:
            chain = grammar.from_json(request.json, self._state.catalogue)
            for spec in chain:
                spec.fault.check_server(raw_socket=request.raw_socket)
            self._registry.open(request.namespace).enqueue([spec.queued for spec in chain])
        except grammar.InvalidFaultSpec as error:
            raise InvalidRequest(str(error)) from error
        except QueueClosed as error:
            raise Conflict(str(error)) from error
        return self._queue(request)

    def _clear_faults(self, request: AdminRequest) -> Any:
        self._registry.look(request.namespace).clear_queue()
        return self._queue(request)

    def _queue(self, request: AdminRequest) -> dict[str, Any]:
        queue = self._registry.look(request.namespace).queued()
        return {
            "namespace": request.namespace,
            "queue": [replace(each.spec, times=each.left).as_dict for each in queue],
        }

    def _ranking(self, request: AdminRequest) -> Any:
        namespace = self._registry.look(request.namespace)
        ranking = namespace.override and namespace.override.as_dict
        queue = [{**each.override.as_dict, "times": each.left} for each in list(namespace.override_queue)]
        return {"namespace": request.namespace, "ranking": ranking, "answers": namespace.overridden, "queue": queue}

    def _set_ranking(self, request: AdminRequest) -> Any:
        self._registry.set_override(request.namespace, _override(request.json))
        return self._ranking(request)

    def _queue_ranking(self, request: AdminRequest) -> Any:
        data = request.json
        times = json_text.whole(data.pop("times", 1)) if isinstance(data, dict) else 1
        if type(times) is not int or not 1 <= times <= grammar.MAX_TIMES:
            raise InvalidRequest(
                f"`times` must be an integer from 1 to {grammar.MAX_TIMES}; PUT sets the ranking of all further calls"
            )
        try:
            self._registry.queue_override(request.namespace, _override(data), times)
        except QueueClosed as error:
            raise Conflict(str(error)) from error
        return self._ranking(request)

    def _clear_ranking(self, request: AdminRequest) -> Any:
        self._registry.look(request.namespace).clear_overrides()
        return self._ranking(request)

    def _reset(self, request: AdminRequest) -> Any:
        self._registry.reset(request.namespace)
        return {"namespace": request.namespace}

    def _explain(self, request: AdminRequest) -> Any:
        path = request.parameters.get("path", "")
        endpoint = self._operations.at(path) if path else self._endpoint
        if endpoint is None:
            raise InvalidRequest(f"`path` must be the path of an operation, not {path[:200]}")
        raw = request.read(self._state.settings.max_body)
        media_type = endpoint.document.request_media_types[0]
        return explain(endpoint.requests.parse(media_type, body.Content(raw), path))


def _override(data: Any) -> override.RankingOverride:
    try:
        return override.from_json(data)
    except override.InvalidOverride as error:
        raise InvalidRequest(str(error)) from error


def health() -> dict[str, str]:
    """Return the body of the health check."""
    return {"status": "ok", "version": __version__}
