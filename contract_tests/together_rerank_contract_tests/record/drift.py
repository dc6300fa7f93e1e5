"""Compare the responses of an endpoint with the document and with the responses in the library."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from typing import Any

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests.client.exchange import excerpt, wrap
from together_rerank_contract_tests.record import field_types
from together_rerank_contract_tests.record.field_types import ABSENT, NO_TYPES, NOT_JSON, Fields, Types
from together_rerank_fixtures import conformity
from together_rerank_fixtures.exchange import ANY_BARE_KEY, ANY_KEY
from together_rerank_fixtures.redaction import Redactor
from together_rerank_spec import TOGETHER, Document, operation_at

# Printed if the document specifies no status.
UNSPECIFIED = "-"
# Fields whose values in the library are often invented by the kit, because the API's values are unknown.
_INVENTED_BY_KIT = {"error /error/type", "error /error/code"}
_NOTHING: Types = frozenset([ABSENT, "null"])
# The columns of the table. A difference with a text longer than a cell is printed as lines instead.
_HEADINGS = ("", "document", "endpoint", "library")
_WIDTHS = (32, 23, 24, 25)
_MAX_CELL = 60
_MAX_TEXT, _MAX_ROWS = 200, 100


@dataclass(frozen=True, slots=True)
class Pair:
    """An exchange of the library, and the endpoint's response to its request."""

    exchange: fixtures.Exchange
    response: fixtures.Response


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: in a field, in the `status`, or in `error.type`, `error.code` or `error.message`.

    `exchanges` has the names of the exchanges with the difference; it is empty for a difference in a field.
    """

    what: str
    document: str
    endpoint: str
    library: str
    exchanges: tuple[str, ...] = ()


def compare(pairs: Sequence[Pair], document: Document) -> list[Difference]:
    """Return the differences from *document* and from the library: first fields, then statuses, then errors."""
    return [
        *_fields("200", pairs, _allowed(document, 200), lambda status: status == 200),
        *_fields("error", pairs, _allowed_errors(document), lambda status: status >= 400),
        *_group(_statuses(pairs, document)),
        *_group(_errors(pairs, document)),
    ]


def documented_status(exchange: fixtures.Exchange, document: Document) -> str:
    """Return the status that the document specifies for the request of *exchange*: that of the first error in it."""
    request, mapping = exchange.request, document.mapping
    if request.method != "POST" or operation_at(request.path) is None:
        return UNSPECIFIED
    if document.requires_key and not has_any_key(request, document):
        return str(mapping.status("missing_api_key", 401))
    deviations = [found.deviation for found in conformity.deviations(exchange)]
    if any(not each.is_of_response and each.reading != "vendored" for each in deviations):
        return str(mapping.status("invalid_request", 400))
    model = mapping.model(request.body)
    models = library_models(document.dialect or TOGETHER)
    return "200" if model in (None, *models) else str(mapping.status("model_not_found", 404))


def has_any_key(request: fixtures.Request, document: Document) -> bool:
    """Return whether *request*, of the library, has the key that stands for any valid one."""
    header = document.key_header or "Authorization"
    return request.headers.get(header) == (ANY_KEY if header == "Authorization" else ANY_BARE_KEY)


@cache
def library_models(dialect: str = TOGETHER) -> tuple[str, ...]:
    """Return the models that the library's successful requests to the API *dialect* name."""
    successes = [exchange.request for exchange in fixtures.all(status=200, dialect=dialect) if not exchange.forced]
    found = ((operation_at(each.path), each.body) for each in successes)
    models = {operation.mapping.model(body) for operation, body in found if operation}
    return tuple(sorted(each for each in models if isinstance(each, str)))


def _fields(
    kind: str, pairs: Sequence[Pair], documented: Fields, is_of_kind: Callable[[int], bool]
) -> Iterator[Difference]:
    quoted = {path for path, types in documented.items() if any(each.startswith('"') for each in types)}
    endpoint_types = _types((pair.response for pair in pairs), is_of_kind, quoted)
    library_types = _types((pair.exchange.response for pair in pairs), is_of_kind, quoted)
    for path in sorted({*endpoint_types, *library_types}):
        actual, usual = endpoint_types.at(path), library_types.at(path)
        allowed = documented.at(path) or frozenset([ABSENT])
        what = f"{kind} {path or '(the body)'}"
        expected = NO_TYPES if what in _INVENTED_BY_KIT else usual
        if _has_known_parent(path, documented, library_types) and _differs(actual, allowed, expected):
            document, endpoint, library = map(field_types.describe, (allowed, actual, usual))
            yield Difference(what, document, endpoint, library)


def _has_known_parent(path: str, *known: Fields) -> bool:
    """Whether the parent of *path* is known: report a new object or array once, and not each of its fields."""
    parent, _, name = path.rpartition("/")
    return not path or any(("array" if name == "*" else "object") in each.at(parent) for each in known)


def _types(responses: Iterator[fixtures.Response], is_of_kind: Callable[[int], bool], quoted: set[str]) -> Fields:
    return field_types.types_in_bodies((_value(each) for each in responses if is_of_kind(each.status)), quoted=quoted)


def _differs(actual: Types, allowed: Types, usual: Types) -> bool:
    if not actual:
        return False
    # If the document allows both, null equals absent, and an integer in the library does not exclude other numbers.
    nothing = _NOTHING if allowed >= _NOTHING and usual & _NOTHING else NO_TYPES
    numbers = frozenset(["number"]) if "number" in allowed and "integer" in usual else NO_TYPES
    is_gone = actual == {ABSENT} and bool(usual - {ABSENT} - nothing)
    is_unusual = bool(usual) and not field_types.fits(actual, usual | nothing | numbers)
    return is_gone or is_unusual or not field_types.fits(actual, allowed)


def _statuses(pairs: Sequence[Pair], document: Document) -> Iterator[Difference]:
    for pair in pairs:
        actual, usual = str(pair.response.status), str(pair.exchange.response.status)
        if actual != usual:  # the library's status is the documented one, if there is one
            yield Difference("status", documented_status(pair.exchange, document), actual, usual, (pair.exchange.name,))


def _errors(pairs: Sequence[Pair], document: Document) -> Iterator[Difference]:
    documented, read = _allowed_errors(document), document.mapping.read_response
    for field in ("type", "code", "message"):
        allowed = field_types.describe(documented.at(document.mapping.place_of_error(field)))
        for pair in pairs:
            exchange, response = pair.exchange, pair.response
            # Do not compare with a message that the kit invented.
            if min(response.status, exchange.response.status) < 400 or not exchange.wording:
                continue
            actual, usual = (_error_field(read(each.body), field) for each in (response, exchange.response))
            if actual != usual:
                yield Difference(f"error.{field}", allowed, actual, usual, (exchange.name,))


def _error_field(members: dict[str, Any], field: str) -> str:
    error = members.get("error")
    if not isinstance(error, dict) or field not in error:
        return ABSENT
    value = error[field]
    return field_types.type_of(value) if isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)


def _group(differences: Iterator[Difference]) -> list[Difference]:
    """Merge equal differences into one, which names all their exchanges."""
    names = defaultdict[Difference, list[str]](list)
    for each in differences:
        names[replace(each, exchanges=())] += each.exchanges
    return [replace(difference, exchanges=tuple(exchanges)) for difference, exchanges in names.items()]


def _value(response: fixtures.Response) -> Any:
    return NOT_JSON if response.body is None and response.content.strip() != b"null" else response.body


def _allowed(document: Document, status: int) -> Fields:
    return field_types.types_in_schema(document.response_schema(status) or {}, document)


def _allowed_errors(document: Document) -> Fields:
    """Return the types that any error of the document allows."""
    forms = [_allowed(document, status) for status in document.error_statuses]
    paths = [*dict.fromkeys(path for form in forms for path in form)]
    return Fields({path: frozenset().union(*(form.at(path) or {ABSENT} for form in forms)) for path in paths})


def table(rows: Sequence[Difference], mask: Redactor) -> str:
    """Return *rows* as a text table of fixed width, without the key."""
    lines = [line for row in rows[:_MAX_ROWS] for line in _lines(row, mask)]
    more = [f"and {len(rows) - _MAX_ROWS} more differences"] if len(rows) > _MAX_ROWS else []
    return "\n".join([*_cells(_HEADINGS), *lines, *more])


def _lines(row: Difference, mask: Redactor) -> Iterator[str]:
    # Mask the key before cutting or wrapping: a key that is cut in two is not recognised.
    what, *values = (
        excerpt(mask.text(each), _MAX_TEXT) for each in (row.what, row.document, row.endpoint, row.library)
    )
    if max(map(len, values)) > _MAX_CELL:
        yield what
        for name, each in zip(_HEADINGS[1:], values, strict=True):
            yield from wrap(f"  {name:<10}", each)
    else:
        yield from _cells([what, *values])
    if row.exchanges:
        yield from wrap("  ", ", ".join(row.exchanges))


def _cells(cells: Sequence[str]) -> Iterator[str]:
    columns = [textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, _WIDTHS, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        padded = (f"{part:<{width}}" for part, width in zip(parts, _WIDTHS, strict=True))
        yield "  ".join(padded).rstrip()
