"""Where an endpoint's answers differ from what the document says and from the library's: a pure comparison."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from typing import Any

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests.client.exchange import excerpt, wrapped
from together_rerank_contract_tests.record import field_types
from together_rerank_contract_tests.record.field_types import ABSENT, NONE, NOT_JSON, Fields, Types
from together_rerank_fixtures import conformity
from together_rerank_fixtures.exchange import ANY_KEY
from together_rerank_fixtures.redaction import Redactor
from together_rerank_spec import Document

# What the document leaves open.
OPEN = "-"
# Of these the library's are the kit's own where the API was not seen to say them.
_KIT_S_OWN = {"error /error/type", "error /error/code"}
_NOTHING: Types = frozenset([ABSENT, "null"])
# For the table; a row with a text longer than a cell is printed as lines, not as columns.
_HEAD = ("", "document", "endpoint", "library")
_WIDTHS = (32, 23, 24, 25)
_LONGEST_CELL = 60
_LONGEST, _MAX_ROWS = 200, 100


@dataclass(frozen=True, slots=True)
class Pair:
    exchange: fixtures.Exchange
    answer: fixtures.Response


@dataclass(frozen=True, slots=True)
class Row:
    """One difference: in a field, in the `status`, or in `error.type`, `error.code` or `error.message`.

    `exchanges` names those with the difference; it is empty for a difference in a field.
    """

    what: str
    document: str
    endpoint: str
    library: str
    exchanges: tuple[str, ...] = ()


def compared(pairs: Sequence[Pair], document: Document) -> list[Row]:
    """Return where the answers differ from *document* or from the library: fields, statuses, then errors."""
    return [
        *_fields("200", pairs, _allowed(document, 200), lambda status: status == 200),
        *_fields("error", pairs, _allowed(document, document.error_statuses[0]), lambda status: status >= 400),
        *_grouped(_statuses(pairs, document)),
        *_grouped(_errors(pairs, document)),
    ]


def promised(exchange: fixtures.Exchange, document: Document) -> str:
    """Return the status that the document has for *exchange*'s request; what is wrong first counts."""
    request = exchange.request
    if request.method != "POST" or request.path not in document.routes:
        return OPEN
    if request.headers.get("Authorization") != ANY_KEY:
        return "401"
    wrong = [found.deviation for found in conformity.deviations(exchange)]
    if any(not each.is_of_response and each.reading != "vendored" for each in wrong):
        return "400"
    model = request.body.get("model") if isinstance(request.body, dict) else None
    return "200" if model in (None, *usual_models()) else "404"


@cache
def usual_models() -> tuple[str, ...]:
    answered = [exchange for exchange in fixtures.all(status=200) if not exchange.forced]
    return tuple(sorted({exchange.request.body["model"] for exchange in answered}))


def _fields(kind: str, pairs: Sequence[Pair], said: Fields, is_of_kind: Callable[[int], bool]) -> Iterator[Row]:
    quoted = {path for path, types in said.items() if any(each.startswith('"') for each in types)}
    theirs = _found((pair.answer for pair in pairs), is_of_kind, quoted)
    ours = _found((pair.exchange.response for pair in pairs), is_of_kind, quoted)
    for path in sorted({*theirs, *ours}):
        at, allowed, usual = theirs.at(path), said.at(path) or frozenset([ABSENT]), ours.at(path)
        what = f"{kind} {path or '(the body)'}"
        standard = NONE if what in _KIT_S_OWN else usual
        if _is_known(path, said, ours) and _differs(at, allowed, standard):
            document, endpoint, library = map(field_types.words, (allowed, at, usual))
            yield Row(what, document, endpoint, library)


def _is_known(path: str, *known: Fields) -> bool:
    """Whether *path* is in something that is known; of what is new the whole is quoted, not each part."""
    parent, _, name = path.rpartition("/")
    return not path or any(("array" if name == "*" else "object") in each.at(parent) for each in known)


def _found(responses: Iterator[fixtures.Response], is_of_kind: Callable[[int], bool], quoted: set[str]) -> Fields:
    return field_types.of_bodies((_value(each) for each in responses if is_of_kind(each.status)), quoted=quoted)


def _differs(theirs: Types, allowed: Types, usual: Types) -> bool:
    if not theirs:
        return False
    # Where the document takes both, null is as good as absent, and one whole number no promise of others.
    nothing = _NOTHING if allowed >= _NOTHING and usual & _NOTHING else NONE
    numbers = frozenset(["number"]) if "number" in allowed and "integer" in usual else NONE
    is_gone = theirs == {ABSENT} and bool(usual - {ABSENT} - nothing)
    is_unusual = bool(usual) and not field_types.fits(theirs, usual | nothing | numbers)
    return is_gone or is_unusual or not field_types.fits(theirs, allowed)


def _statuses(pairs: Sequence[Pair], document: Document) -> Iterator[Row]:
    for pair in pairs:
        came, usual = str(pair.answer.status), str(pair.exchange.response.status)
        if came != usual:  # which is the document's, where that has one
            yield Row("status", promised(pair.exchange, document), came, usual, (pair.exchange.name,))


def _errors(pairs: Sequence[Pair], document: Document) -> Iterator[Row]:
    said = _allowed(document, document.error_statuses[0])
    for field in ("type", "code", "message"):
        document_s = field_types.words(said.at(f"/error/{field}"))
        for pair in pairs:
            exchange, answer = pair.exchange, pair.answer
            # What the kit made up is no standard for others.
            if min(answer.status, exchange.response.status) < 400 or not exchange.wording:
                continue
            theirs, ours = _of_error(answer, field), _of_error(exchange.response, field)
            if theirs != ours:
                yield Row(f"error.{field}", document_s, theirs, ours, (exchange.name,))


def _of_error(response: fixtures.Response, field: str) -> str:
    error = response.body.get("error") if isinstance(response.body, dict) else None
    if not isinstance(error, dict) or field not in error:
        return ABSENT
    value = error[field]
    return field_types.type_of(value) if isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)


def _grouped(rows: Iterator[Row]) -> list[Row]:
    """Return one row for all that differ alike."""
    names = defaultdict[Row, list[str]](list)
    for row in rows:
        names[replace(row, exchanges=())] += row.exchanges
    return [replace(row, exchanges=tuple(each)) for row, each in names.items()]


def _value(response: fixtures.Response) -> Any:
    return NOT_JSON if response.body is None and response.content.strip() != b"null" else response.body


def _allowed(document: Document, status: int) -> Fields:
    return field_types.of_schema(document.response_schema(status) or {}, document)


def table(rows: Sequence[Row], mask: Redactor) -> str:
    """Format *rows* as a text table of fixed width, without the key."""
    lines = [line for row in rows[:_MAX_ROWS] for line in _lines(row, mask)]
    more = [f"and {len(rows) - _MAX_ROWS} more differences"] if len(rows) > _MAX_ROWS else []
    return "\n".join([*_cells(_HEAD), *lines, *more])


def _lines(row: Row, mask: Redactor) -> Iterator[str]:
    # Mask the key before cutting or wrapping: half a key is not recognised.
    what, *said = (excerpt(mask.text(each), _LONGEST) for each in (row.what, row.document, row.endpoint, row.library))
    if max(map(len, said)) > _LONGEST_CELL:
        yield what
        for name, each in zip(_HEAD[1:], said, strict=True):
            yield from wrapped(f"  {name:<10}", each)
    else:
        yield from _cells([what, *said])
    if row.exchanges:
        yield from wrapped("  ", ", ".join(row.exchanges))


def _cells(cells: Sequence[str]) -> Iterator[str]:
    columns = [textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, _WIDTHS, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        padded = (f"{part:<{width}}" for part, width in zip(parts, _WIDTHS, strict=True))
        yield "  ".join(padded).rstrip()
