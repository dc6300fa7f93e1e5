"""A 200, read as far as it can be, so that each requirement judges one thing and lets others pass."""

import math
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.requirements import PrerequisiteFailed

# Which requirement is unmet when a part cannot be read.
BODY, INDEX, SCORE = "RR-RESPONSE-001", "RR-RESULT-004", "RR-SCORE-001"
COUNT, COUNT_ALL = "RR-RESULT-002", "RR-RESULT-003"


@dataclass(frozen=True)
class Answer:
    """The answer to a rerank request; a part that cannot be read raises PrerequisiteFailed."""

    exchange: Exchange

    @property
    def documents(self) -> list[Any]:
        documents: list[Any] = self.exchange.request["documents"]
        return documents

    @property
    def expected_count(self) -> int:
        top_n = self.exchange.request.get("top_n")
        return len(self.documents) if top_n is None else min(int(top_n), len(self.documents))

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
        """The indices in the order of the answer, each of a document and no two alike."""
        indices = [result.get("index") for result in self.results]
        if misplaced(indices, len(self.documents)) is not None:
            raise PrerequisiteFailed("the indices cannot be read", INDEX)
        return [index for index in indices if isinstance(index, int)]

    @cached_property
    def scores(self) -> dict[int, float]:
        """The score of each document by its index; as many as there should be."""
        self.check_complete()
        return dict(zip(self.indices, self.listed_scores, strict=True))

    def check_complete(self) -> None:
        """Raise PrerequisiteFailed unless there are as many results as there should be."""
        if len(self.results) != self.expected_count:
            named = self.exchange.request.get("top_n") is not None
            raise PrerequisiteFailed(f"there are {len(self.results)} results", COUNT if named else COUNT_ALL)

    @property
    def best(self) -> int:
        return max(self.scores, key=lambda index: self.scores[index])

    @cached_property
    def texts(self) -> list[str | None]:
        """What each result says of its document, be it in `document.text` or as `document`; None when nothing."""
        return [_text(result.get("document")) for result in self.results]

    @property
    def usage(self) -> dict[str, Any] | None:
        usage = self.exchange.members.get("usage")
        return usage if isinstance(usage, dict) else None


def is_number(value: Any) -> bool:
    """Return whether *value* is a number that JSON has."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond a double
        return False


def is_integer(value: Any) -> TypeGuard[int]:
    """Return whether *value* is an integer, and not a Boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def misplaced(indices: list[Any], count: int) -> int | None:
    """Return the place of the first of *indices* that is none of *count* documents, or comes again; else None."""
    seen: set[int] = set()
    for place, index in enumerate(indices):
        if not is_integer(index) or not 0 <= index < count or index in seen:
            return place
        seen.add(index)
    return None


def same_text(one: str, other: str) -> bool:
    """Return whether two texts are equal but for their Unicode normalisation."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _text(document: Any) -> str | None:
    text = document.get("text") if isinstance(document, dict) else document
    return text if isinstance(text, str) else None
