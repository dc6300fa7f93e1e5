"""Read a 200 response part by part, so that an invalid part fails only the requirement for that part."""

import json
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.requirements import PrerequisiteFailed

# The requirement that fails if a part cannot be read.
BODY, INDEX, SCORE = "RR-RESPONSE-001", "RR-RESULT-004", "RR-SCORE-001"
COUNT, COUNT_ALL, TWICE = "RR-RESULT-002", "RR-RESULT-003", "RR-SCORE-003"


@dataclass(frozen=True)
class Answer:
    """The response to a rerank request; each property raises PrerequisiteFailed if its part cannot be read."""

    exchange: Exchange

    @property
    def documents(self) -> list[Any]:
        documents: list[Any] = self.exchange.request["documents"]
        return documents

    @cached_property
    def document_keys(self) -> frozenset[str]:
        """The keys of the documents in the request, to look up a text."""
        return frozenset(map(document_key, self.documents))

    @property
    def top_n(self) -> int | None:
        top_n = self.exchange.request.get("top_n")
        return None if top_n is None else int(top_n)

    @property
    def expected_count(self) -> int:
        return len(self.documents) if self.top_n is None else min(self.top_n, len(self.documents))

    @property
    def distinct_count(self) -> int:
        """The number of different documents in the request."""
        return len({json.dumps(each, sort_keys=True) for each in self.documents})

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        results = self.exchange.members.get("results")
        if (
            self.exchange.decode_error
            or not isinstance(results, list)
            or not all(isinstance(each, dict) for each in results)
        ):
            raise PrerequisiteFailed("the results cannot be read", BODY)
        return results

    @cached_property
    def listed_scores(self) -> list[float]:
        scores = [result.get("relevance_score") for result in self.results]
        if not all(is_number(score) for score in scores):
            raise PrerequisiteFailed("the scores cannot be read", SCORE)
        return [float(score) for score in scores if score is not None]

    @cached_property
    def indices(self) -> list[int]:
        """The index of each result, in the sequence of the response; all are valid and distinct."""
        indices = [result.get("index") for result in self.results]
        if find_invalid_index(indices, len(self.documents)) is not None:
            raise PrerequisiteFailed("the indices cannot be read", INDEX)
        return [int(index) for index in indices if index is not None]

    @cached_property
    def scores(self) -> dict[int, float]:
        """The score of each document, by its index; complete."""
        self.check_complete()
        return dict(zip(self.indices, self.listed_scores, strict=True))

    def check_complete(self) -> None:
        """Raise PrerequisiteFailed if the number of results is not the expected one."""
        if len(self.results) != self.expected_count:
            raise PrerequisiteFailed(
                f"the response has {len(self.results)} results, not {self.expected_count}",
                COUNT if self.top_n is not None else TWICE if len(self.results) == self.distinct_count else COUNT_ALL,
            )

    @property
    def best(self) -> int:
        return max(self.scores, key=lambda index: self.scores[index])

    @cached_property
    def texts(self) -> list[str | None]:
        """The text of each result, from `document.text` or from `document` itself; None if there is no text."""
        return [_text(result.get("document")) for result in self.results]

    @property
    def returns_documents(self) -> bool | None:
        """Whether the response has to have texts; None if it may have them."""
        explicit: bool | None = self.exchange.request.get("return_documents")
        mapping = self.exchange.document.mapping
        if explicit is not None or mapping.is_canonical:
            return explicit
        places = mapping.places["request"]
        default: bool = places.get("returns_documents", False)
        # By default, an API may return less than it says.
        return None if default and "return_documents" in places else default

    @property
    def usage(self) -> dict[str, Any] | None:
        usage = self.exchange.members.get("usage")
        return usage if isinstance(usage, dict) else None


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether *value* is a finite number, and not a Boolean."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False


def is_integer(value: Any) -> TypeGuard[int | float]:
    """Return whether *value* is an integer as in JSON Schema, such as 1 and 1.0, and not a Boolean."""
    is_whole = isinstance(value, float) and value.is_integer()
    return is_whole or (isinstance(value, int) and not isinstance(value, bool))


def find_invalid_index(indices: Sequence[Any], count: int) -> int | None:
    """Return the position of the first index that is out of range or occurs twice; None if all are valid."""
    seen: set[float] = set()
    for position, index in enumerate(indices):
        if not is_integer(index) or not 0 <= index < count or index in seen:
            return position
        seen.add(index)
    return None


def same_text(one: str, other: str) -> bool:
    """Return whether two texts are equal, except for Unicode normalisation."""
    return normalised(one) == normalised(other)


def document_key(document: Any) -> str:
    """Return the text of *document*, or its JSON if it is an object; equal for equal documents."""
    is_text = isinstance(document, str)
    return normalised(document if is_text else json.dumps(document, ensure_ascii=False, sort_keys=True))


def normalised(text: str) -> str:
    """Return *text* in Unicode's normalisation form C."""
    return unicodedata.normalize("NFC", text)


def same_json(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; 1 equals 1.0, and true does not equal 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _text(document: Any) -> str | None:
    text = document.get("text") if isinstance(document, dict) else document
    return text if isinstance(text, str) else None
