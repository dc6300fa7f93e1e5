"""Recognise the API of a response by the documents, and list how the response differs from an example."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.suite.answer import is_number
from together_rerank_spec import TOGETHER, Document, Validator, dialect, dialects, value_at

# The most deviations to list, and the most characters of one.
_MAX, _MAX_SHOWN = 12, 100
# How many places a violation of the schema counts for.
_OF_A_VIOLATION = 2


def name_of(document: Document) -> str:
    """Return the name of the API of *document*; of a user's document, its file."""
    is_of_the_kit = document.dialect or document.mapping.is_canonical
    return (document.dialect or TOGETHER) if is_of_the_kit else document.name


def recognised(body: Any) -> str:
    """Return the name of the API whose document describes *body*, a 200, best; "unknown" if none does."""
    documents = [operation for name in dialects() for operation in dialect(name).operations]
    found = closest(body, documents)
    return name_of(found) if found else "unknown"


def closest(body: Any, documents: Sequence[Document], others: Sequence[Document] = ()) -> Document | None:
    """Return the document that fits *body* best; None if no document finds results in it.

    It is one of *others* only if *body* violates the schema of the best of *documents*.
    """
    distance = _distance(body)
    found = min((each for each in documents if _has_results(body, each)), key=distance, default=None)
    if found is None or not _validator(found).is_valid(body):
        found = min((each for each in (*documents, *others) if _has_results(body, each)), key=distance, default=None)
    return found


def deviations(exchange: Exchange) -> list[str]:
    """Return how the response in *exchange* differs from the document, a few words for each difference."""
    shown = (excerpt(exchange.mask.text(each), _MAX_SHOWN) for each in _deviations(exchange.body, exchange.document))
    return [*dict.fromkeys(shown)][:_MAX]


def _has_results(body: Any, document: Document) -> bool:
    results = document.mapping.read_response(body).get("results")
    first = results[0] if isinstance(results, list) and results else None
    return isinstance(first, dict) and is_number(first.get("relevance_score"))


def _distance(body: Any) -> Callable[[Document], int]:
    """Return the distance of a document from *body*: the places that only one has, and what the schema forbids."""
    places = set(_places(body))

    def distance(document: Document) -> int:
        violations = _validator(document).violations(body)
        return len(places ^ set(_places(document.example_of_success))) + _OF_A_VIOLATION * len(violations)

    return distance


def _deviations(body: Any, document: Document) -> Iterator[str]:
    example, found = set(_places(document.example_of_success)), set(_places(body))
    missing = example - found
    if _validator(document).is_valid(body):  # a document that is not requested is no difference
        missing = {each for each in missing if not each.startswith(_place_of_document(document))}
    yield from (f"no `{each}`" for each in _topmost(missing))
    yield from (f"a field `{each}`" for each in _topmost(found - example))
    for each in _validator(document).violations(body):
        if each.keyword in ("const", "enum"):
            yield f"`{_dotted(each.pointer)}` is {json.dumps(value_at(body, each.pointer), ensure_ascii=False)}"
        elif each.keyword not in ("required", "additionalProperties"):
            yield f"`{_dotted(each.pointer)}` {each.message}"


def _place_of_document(document: Document) -> str:
    places = document.mapping.places["response"]
    return _dotted(f"{places['results']}[]{places.get('document', '/document')}")


def _dotted(pointer: str) -> str:
    return re.sub(r"/(\d+)", r"[\1]", pointer).lstrip("/").replace("/", ".")


def _topmost(places: set[str]) -> list[str]:
    """Return the sorted *places* without those below another."""
    return [each for each in sorted(places) if not any(each.startswith((f"{other}.", f"{other}[")) for other in places)]


def _places(node: Any, at: str = "") -> Iterator[str]:
    """Yield the place of each member in *node*, such as `results[].index`; all items of a list have one place."""
    if isinstance(node, dict):
        for name, value in node.items():
            place = f"{at}.{name}" if at else name
            yield place
            yield from _places(value, place)
    elif isinstance(node, list):
        for each in node:
            yield from _places(each, f"{at}[]")


@lru_cache(maxsize=32)
def _validator(document: Document) -> Validator:
    return Validator(document.response_schema(200) or {})
