"""The pages of the journal: its requests, newest first, and one request with its answer."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request

from together_rerank_mockserver.api import json_text
from together_rerank_mockserver.api.errors import InvalidRequest, RouteNotFound
from together_rerank_mockserver.api.messages import utc
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.http.console.context import Console, given, number, without_empty
from together_rerank_mockserver.http.console.curl import curl
from together_rerank_mockserver.http.console.explanation import written
from together_rerank_mockserver.http.console.origin import Origin, origin
from together_rerank_mockserver.http.wsgi import RAW_SOCKET
from together_rerank_mockserver.state.journal import Entry

_SHOWN = 50
_FILTERS = ("status", "path", "reply", "text")


@dataclass(frozen=True, slots=True)
class JournalRow:
    """An entry of the journal, as a page shows it."""

    entry: Entry
    canonical: Any  # the body with the names of Together's API; None if it was cut or is not JSON

    @property
    def time(self) -> str:
        return utc(self.entry.time)

    @property
    def origin(self) -> Origin:
        return origin(self.entry.reply)

    @property
    def query(self) -> str:
        query = self.canonical.get("query") if isinstance(self.canonical, dict) else None
        return query if isinstance(query, str) else ""

    @property
    def status(self) -> str:
        """The status with its name, or `none`."""
        number = self.entry.status
        if number is None:
            return "none"
        try:
            return f"{number} {HTTPStatus(number).phrase}"
        except ValueError:
            return str(number)

    @property
    def tone(self) -> str:
        status = self.entry.status
        return "bad" if status is None or status >= 500 else "good" if status < 300 else "open"


def endpoint_of(console: Console, path: str) -> Endpoint:
    """Return the operation at *path*, or the one that is nearest to it."""
    operations = console.mock.operations
    return operations.at(path) or operations.near(path)[0]


def shown(console: Console, entry: Entry) -> JournalRow:
    read = endpoint_of(console, entry.path).read
    try:
        body = json_text.exact(entry.body, json_text.parse(entry.body))
    except InvalidRequest:
        return JournalRow(entry, None)
    return JournalRow(entry, read(body, entry.path) if read and isinstance(body, dict) else body)


def entries(console: Console) -> list[Entry]:
    """Return the journal of the namespace of the page, newest first; raise ApiError as the control plane does."""
    console.call("GET", "/faults")  # checks the namespace, and whether all workers share the state
    if raw_socket := request.environ.get(RAW_SOCKET):
        raw_socket.settle()
    found: list[Entry] = console.registry.look(console.namespace).journal()[0]
    return found[::-1]


def journal(console: Console) -> Response:
    """Show the requests of a namespace that pass the filters."""
    problem = console.check_namespace()
    every = entries(console)
    filters = {name: given(name) for name in _FILTERS}
    found = [each for each in every if _passes(console, each, filters)]
    last_page = max(1, -(-len(found) // _SHOWN))
    wanted = number(given("page"))
    page = min(max(1, wanted), last_page) if isinstance(wanted, int) else 1
    rows = [shown(console, each) for each in found[(page - 1) * _SHOWN : page * _SHOWN]]
    return console.page(
        "journal.html.j2",
        400 if problem else 200,
        problem=problem and str(problem),
        rows=rows,
        found=len(found),
        total=len(every),
        filters=filters,
        chosen=without_empty(filters),
        names=console.names,
        page_number=page,
        last_page=last_page,
        example="" if every else _example(console),
    )


def _example(console: Console) -> str:
    """Return a command that sends a first request to the API at the root."""
    endpoint = console.mock.operations.root[0]
    documents = ["Pandas live in China.", "Llamas in Peru"]
    canonical = {"model": endpoint.document.default_model, "query": "llamas", "documents": documents}
    path, body = written(endpoint, canonical)
    return curl(console, endpoint.document, path, body.decode())


def _passes(console: Console, entry: Entry, filters: dict[str, str]) -> bool:
    wanted = filters["text"].casefold()
    return (
        str(entry.status or "none").startswith(filters["status"])
        and filters["path"] in entry.path
        and filters["reply"] in entry.reply
        and (not wanted or wanted in entry.request_id.casefold() or wanted in shown(console, entry).query.casefold())
    )


def find(console: Console, request_id: str) -> Entry:
    """Return the newest request with the id *request_id*; raise RouteNotFound if there is none."""
    entry = next((each for each in entries(console) if each.request_id == request_id), None)
    if entry is None:
        raise RouteNotFound(
            f"The journal of `{console.namespace}` does not have the request `{request_id[:100]}` any more"
        )
    return entry


def details(console: Console, request_id: str) -> Response:
    """Show one request: what was sent, what was answered and why, and how to send it again."""
    entry = find(console, request_id)
    endpoint = endpoint_of(console, entry.path)
    is_cut = entry.body_bytes > len(entry.body)
    body = entry.body.decode(errors="replace").replace("\0", "")
    return console.page(
        "request.html.j2",
        shown=shown(console, entry),
        entry=entry,
        body=pretty(entry.body),
        is_cut=is_cut,
        answer=pretty(entry.answer),
        curl=curl(console, endpoint.document, entry.path, body, entry.method, entry.headers),
    )


def pretty(content: bytes) -> str:
    """Return *content* as indented JSON, or as the text that it is."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="replace")
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text.encode(errors="backslashreplace").decode()  # a fault can send half of a surrogate pair
