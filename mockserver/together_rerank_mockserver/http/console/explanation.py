"""Explain a request: what each document has points for, what changed its place, and what the API answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from together_rerank_mockserver.api import rendering
from together_rerank_mockserver.api.body import Content
from together_rerank_mockserver.api.errors import Misuse
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.limits import Limits
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.faults.fault import RankedRequest, top
from together_rerank_mockserver.ranking.marks import Mark, marks
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_mockserver.ranking.score import Evidence, Query, Ranked, rank

MAX_SHOWN = 100
MAX_MARKED = 5_000
# What points are for, by the name in `Points`.
LABELS = {
    "whole": "whole words",
    "parts": "parts of words",
    "adjacent": "adjacent pairs",
    "in_order": "pairs in order",
    "length": "short text",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score."""

    name: str
    label: str
    points: float
    start: float  # of its bar, in percent of the points of the query
    width: float
    found: list[str]  # the words and pairs that it is for


@dataclass(frozen=True, slots=True)
class ExplainedDocument:
    """Why a document has its place. Places count from 1."""

    index: int
    place: int
    score: float
    evidence: Evidence
    marks: list[Mark]  # of its text, or of the beginning of that
    is_cut: bool
    computed_place: int  # without the ranking that is set
    all_fields_place: int | None  # without `rank_fields`; None if there are none

    @property
    def parts(self) -> list[Part]:
        points, start, parts = self.evidence.points, 0.0, []
        for name, label in LABELS.items():
            value: float = getattr(points, name)
            width = min(100 * value / points.query, 100 - start)
            parts.append(Part(name, label, value, start, width, _found(self.evidence, name)))
            start += width
        return parts


def _found(evidence: Evidence, name: str) -> list[str]:
    match name:
        case "whole":
            return list(evidence.whole)
        case "parts":
            return [f"{word}: {', '.join(found)}" for word, found in evidence.parts.items()]
        case "adjacent":
            return [f"{left} {right}" for left, right in evidence.adjacent]
        case "in_order":
            return [f"{left} … {right}" for left, right in evidence.in_order]
    return []


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one API ranks a request."""

    body: bytes  # the request in the form of the API
    path: str
    left_out: list[str]  # the fields of the canonical request that the API has no place for
    documents: list[ExplainedDocument]  # best first
    count: int
    answer: bytes  # the body of the 200
    misfit: str  # why the ranking that is set does not fit the documents; empty if it does


def written(endpoint: Endpoint, canonical: dict[str, Any]) -> tuple[str, bytes]:
    """Return the path and the body with which *endpoint* takes *canonical*, a request in the canonical form."""
    return endpoint.routes[0].replace("{model}", canonical["model"]), to_json(
        endpoint.document.write_request(canonical)
    )


def explain(
    endpoint: Endpoint, canonical: dict[str, Any], override: RankingOverride | None, limits: Limits
) -> Explanation:
    """Explain *canonical*, a request in the canonical form, at *endpoint* in a namespace with *override*.

    Raises ApiError if the API refuses the request.
    """
    path, body = written(endpoint, canonical)
    request = endpoint.requests.parse(endpoint.document.request_media_types[0], Content(body), path)
    request = {"model": canonical["model"], **request}
    texts = rendering.ranked_texts(request["documents"], request.get("rank_fields"))
    limits.check(request["model"], request["query"], texts)
    computed = rank(request["query"], texts)
    ranking, misfit = computed, ""
    try:
        ranking = override.apply(computed, texts)[0] if override else computed
    except Misuse as error:
        misfit = str(error)
    all_fields = None
    if request.get("rank_fields") is not None:
        all_fields = rank(request["query"], rendering.ranked_texts(request["documents"], None))
    return Explanation(
        body,
        path,
        [name for name in canonical if name not in request],
        _explained(request, texts, ranking, computed, all_fields),
        len(texts),
        _answer(endpoint, request, texts, ranking),
        misfit,
    )


def _explained(
    request: dict[str, Any],
    texts: list[str],
    ranking: list[Ranked],
    computed: list[Ranked],
    all_fields: list[Ranked] | None,
) -> list[ExplainedDocument]:
    shown = ranking[:MAX_SHOWN]
    evidence = Query(request["query"]).evidences([texts[each.index] for each in shown])
    computed_places, all_fields_places = _places(computed), _places(all_fields or [])
    return [
        ExplainedDocument(
            each.index,
            place,
            each.score,
            why,
            marks(texts[each.index][:MAX_MARKED], why),
            len(texts[each.index]) > MAX_MARKED,
            computed_places[each.index],
            all_fields_places.get(each.index),
        )
        for place, (each, why) in enumerate(zip(shown, evidence, strict=True), 1)
    ]


def _places(ranking: Sequence[Ranked]) -> dict[int, int]:
    return {ranked.index: place for place, ranked in enumerate(ranking, 1)}


def _answer(endpoint: Endpoint, request: dict[str, Any], texts: list[str], ranking: list[Ranked]) -> bytes:
    documents = endpoint.document.mapping.texts(request["documents"])
    ranked = RankedRequest(request, documents, texts, ranking)
    results = ranked.results(top(ranking, request.get("top_n")))
    usage = rendering.usage(request["query"], texts)
    answer = rendering.answer("example", request["model"], results, usage)
    return to_json(endpoint.document.success_body(answer))
