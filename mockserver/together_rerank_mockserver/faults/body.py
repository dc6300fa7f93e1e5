"""Body faults: a 200 that is wrong in one thing. It breaks the contract, or a habit that clients rely on."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from together_rerank_mockserver.api.rendering import ranked_text, ranked_texts
from together_rerank_mockserver.faults.fault import BodyFault, RankedRequest, top
from together_rerank_mockserver.ranking.score import Ranked, rank

_Change = Callable[[Any, RankedRequest], Any]
# Which answers a fault can change: how many results it needs, and the description for users.
_ANY = 0, "any 200"
_SOME = 1, "a 200 with results"
_TWO = 2, "a 200 with two results or more"
_SCORES = 2, "a 200 with different scores"
_BELOW = 0, "a `top_n` below the number of documents"
_TOP_N = 1, "a request with `top_n`"
_TWICE = 1, "equal documents"
_FIELDS = 1, "objects, if `rank_fields` makes a difference"
_MOVED = 1, "a ranking that differs from the request's order"
_TEXT = 1, "a 200 with texts"
_TEXTS = 2, "a 200 with texts"
_NO_TEXTS = 1, "`return_documents` false"
_NO_OPTIONS = 1, "`return_documents` false without `top_n`"
_OBJECTS = 2, "objects with other fields than `text`, without `rank_fields`"
_MANY = 1, "more than 100 documents, if a later one matches"
_MANY_TOP_N = 1, "more than 100 documents, and a lower `top_n`"
_EARLIER = 2, "a query that begins like the one before, with the same documents"
_CONCURRENT = 2, "concurrent calls with different rankings"
# The number of documents that a server ranks together.
_BATCH = 100


def _fault(name: str, sentence: str, apply: _Change, where: tuple[int, str]) -> BodyFault:
    least, applies = where
    breaks = "habit" if name in _HABITS else "contract"
    window_s = _WINDOWS_S.get(name)
    return BodyFault(
        name=name, breaks=breaks, sentence=sentence, applies=applies, least=least, apply=apply, window_s=window_s
    )


def _with(field: str, value: Any) -> _Change:
    return lambda answer, _: {**answer, field: value}


def _without(field: str) -> _Change:
    return lambda data, _: {name: value for name, value in data.items() if name != field}


def _usage(apply: _Change) -> _Change:
    return lambda answer, ranked: {**answer, "usage": apply(answer["usage"], ranked)}


def _results(change: Callable[[list[Any], RankedRequest], list[Any]]) -> _Change:
    return lambda answer, ranked: {**answer, "results": change(answer["results"], ranked)}


def _each(field: str, change: Callable[[Any], Any]) -> _Change:
    """Change one field of each result."""
    return _results(lambda results, _: [{**each, field: change(each[field])} for each in results])


def _one(place: int, field: str, change: Callable[[list[Any], RankedRequest], Any]) -> _Change:
    """Set one field of the result at *place* to what *change* returns for the results and the request."""

    def changed(results: list[Any], ranked: RankedRequest) -> list[Any]:
        changed = [*results]
        changed[place] = {**changed[place], field: change(results, ranked)}
        return changed

    return _results(changed)


def _score_of(place: int, score: Any) -> _Change:
    return _one(place, "relevance_score", lambda *_: score)


def _ranked(rerank: Callable[[RankedRequest], Sequence[Ranked]], more: int = 0) -> _Change:
    """Answer with the ranking that *rerank* returns, and *more* results than `top_n`."""

    def results(_: list[Any], ranked: RankedRequest) -> list[Any]:
        return ranked.results(top(rerank(ranked), ranked.request.get("top_n"), more))

    return _results(results)


def _distinct(ranked: RankedRequest) -> list[Ranked]:
    first = {repr(document): index for index, document in reversed(list(enumerate(ranked.documents)))}
    kept = set(first.values())
    return [ranked for ranked in ranked.ranking if ranked.index in kept]


def _biased(ranked: RankedRequest) -> list[Ranked]:
    count = len(ranked.documents)
    biased = (each._replace(score=(each.score + 1 - each.index / count) / 2) for each in ranked.ranking)
    return sorted(biased, key=lambda ranked: -ranked.score)


def _all_fields(ranked: RankedRequest) -> list[Ranked]:
    return rank(ranked.request["query"], [ranked_text(document, None) for document in ranked.documents])


def _text_only(ranked: RankedRequest) -> Sequence[Ranked]:
    if "rank_fields" in ranked.request or all(isinstance(each, str) for each in ranked.documents):
        return ranked.ranking
    return rank(ranked.request["query"], ranked_texts(ranked.documents, ["text"]))


def _first_batch(ranked: RankedRequest) -> list[Ranked]:
    scored = (each if each.index < _BATCH else each._replace(score=0.0) for each in ranked.ranking)
    return sorted(scored, key=lambda ranked: (-ranked.score, ranked.index))


def _first_batch_if_cut(ranked: RankedRequest) -> Sequence[Ranked]:
    top_n = ranked.request.get("top_n")
    is_cut = top_n is not None and top_n < len(ranked.documents)
    return _first_batch(ranked) if is_cut else ranked.ranking


def _cached(ranked: RankedRequest) -> Sequence[Ranked]:
    is_hit = ranked.other is not None and ranked.other.key == ranked.stored.key
    return _of_other(ranked) if is_hit else ranked.ranking


def _of_other(ranked: RankedRequest) -> Sequence[Ranked]:
    """Return the ranking of the other call for the documents of this one; those that it lacks have the score 0."""
    if ranked.other is None:
        return ranked.ranking
    known = [each for each in ranked.other.ranking if each.index < len(ranked.documents)]
    indexes = {each.index for each in known}
    return [*known, *(each._replace(score=0.0) for each in ranked.ranking if each.index not in indexes)]


def _first(ranked: RankedRequest) -> list[Ranked]:
    return rank(ranked.texts[0], ranked.texts)


def _worst_first(results: list[Any], _: RankedRequest) -> list[Any]:
    return sorted(results, key=lambda result: result["relevance_score"])


def _all(_: list[Any], ranked: RankedRequest) -> list[Any]:
    return ranked.results(ranked.ranking)


def _one_fewer(results: list[Any], ranked: RankedRequest) -> list[Any]:
    return results[:-1] if "top_n" in ranked.request else results


def _rank_as_index(results: list[Any], _: RankedRequest) -> list[Any]:
    return [{**each, "index": place} for place, each in enumerate(results)]


def _swapped(results: list[Any], _: RankedRequest) -> list[Any]:
    first, second, *others = results
    return [{**first, "document": second["document"]}, {**second, "document": first["document"]}, *others]


def _each_without(field: str) -> _Change:
    return _results(lambda results, ranked: [_without(field)(each, ranked) for each in results])


def _halved(results: list[Any], ranked: RankedRequest) -> list[Any]:
    if ranked.request.get("top_n") is not None or ranked.request.get("return_documents", True):
        return results
    return [{**each, "relevance_score": each["relevance_score"] / 2} for each in results]


def _unasked(results: list[Any], ranked: RankedRequest) -> list[Any]:
    return ranked.results(ranked.ranking[: len(results)], texts=True)


def _altered(results: list[Any], _: RankedRequest) -> Any:
    document = results[0]["document"]
    return {"text": document["text"][:-1]} if document.get("text") else document


def _count(_: list[Any], ranked: RankedRequest) -> int:
    return len(ranked.documents)


def _first_index(results: list[Any], _: RankedRequest) -> Any:
    return results[0]["index"]


def _wrong_sum(usage: Any, _: RankedRequest) -> Any:
    return {**usage, "total_tokens": usage["total_tokens"] + 1}


def _below_zero(usage: Any, _: RankedRequest) -> Any:
    return {**usage, "prompt_tokens": -1, "total_tokens": -1}


_ERROR = {"error": {"message": "The model could not be loaded.", "type": "server_error"}}

_TABLE: list[tuple[str, str, _Change, tuple[int, str]]] = [
    # Which results, and their ranking.
    ("unsorted", "Results are sorted worst first", _results(_worst_first), _SCORES),
    ("top-n-ignored", "All documents are returned, whatever `top_n` is", _results(_all), _BELOW),
    ("top-n-one-more", "One result more than `top_n`", _ranked(lambda ranked: ranked.ranking, 1), _BELOW),
    ("top-n-one-fewer", "One result fewer than `top_n`", _results(_one_fewer), _TOP_N),
    ("document-dropped", "The best document is missing", _ranked(lambda ranked: ranked.ranking[1:]), _SOME),
    ("duplicates-removed", "Only one of equal documents is ranked", _ranked(_distinct), _TWICE),
    ("rank-fields-ignored", "All fields are ranked, whatever `rank_fields` is", _ranked(_all_fields), _FIELDS),
    (
        "query-ignored",
        "Documents are compared with the first document, not with the query",
        _ranked(_first),
        _SOME,
    ),
    ("position-bias", "Earlier documents of the request get higher scores", _ranked(_biased), _TWO),
    ("text-field-only", "Only the field `text` of objects is ranked", _ranked(_text_only), _OBJECTS),
    ("first-batch-only", "Documents after the first 100 get the score 0", _ranked(_first_batch), _MANY),
    (
        "top-n-first-batch",
        "With `top_n`, documents after the first 100 get the score 0",
        _ranked(_first_batch_if_cut),
        _MANY_TOP_N,
    ),
    ("cache-collision", "The scores are those of the call before, from a cache", _ranked(_cached), _EARLIER),
    ("calls-mixed-up", "The scores are those of a concurrent call", _ranked(_of_other), _CONCURRENT),
    # The index.
    ("index-out-of-range", "The first index is the number of documents", _one(0, "index", _count), _SOME),
    ("index-duplicate", "The second index equals the first", _one(1, "index", _first_index), _TWO),
    ("index-off-by-one", "Indexes start at 1", _each("index", lambda index: index + 1), _SOME),
    ("index-is-rank", "Each index is the position in the results", _results(_rank_as_index), _MOVED),
    ("index-string", "Indexes are strings", _each("index", str), _SOME),
    ("index-negative", "The first index is -1", _one(0, "index", lambda *_: -1), _SOME),
    ("index-missing", "Results have no `index`", _each_without("index"), _SOME),
    # The document.
    ("text-swapped", "The texts of the first two results are swapped", _results(_swapped), _TEXTS),
    ("text-altered", "The first text lacks its last character", _one(0, "document", _altered), _TEXT),
    ("text-unasked", "Texts are returned although `return_documents` is false", _results(_unasked), _NO_TEXTS),
    ("document-missing", "Results have no `document`", _each_without("document"), _SOME),
    ("document-null", "`document` is null", _each("document", lambda _: None), _SOME),
    (
        "document-string",
        "`document` is a string, the text itself",
        _each("document", lambda it: it.get("text", "")),
        _SOME,
    ),
    # The score.
    ("score-string", "Scores are strings", _each("relevance_score", str), _SOME),
    ("score-nan", "The last score is NaN, which is not JSON", _score_of(-1, orjson.Fragment("NaN")), _SOME),
    ("score-nan-string", 'The last score is the string "NaN"', _score_of(-1, "NaN"), _SOME),
    ("score-null", "Scores are null", _each("relevance_score", lambda _: None), _SOME),
    ("score-above-one", "The first score is 1.5", _score_of(0, 1.5), _SOME),
    ("score-negative", "The last score is -0.5", _score_of(-1, -0.5), _SOME),
    ("score-equal", "All scores are 0.5", _each("relevance_score", lambda _: 0.5), _TWO),
    ("score-halved", "Scores are halved if no texts and no `top_n` are requested", _results(_halved), _NO_OPTIONS),
    # Fields beside the results.
    ("results-missing", "`results` is missing", _without("results"), _ANY),
    ("results-null", "`results` is null", _with("results", None), _ANY),
    ("results-empty", "`results` is empty", _with("results", []), _SOME),
    ("results-bare-list", "The body is the list of results", lambda answer, _: answer["results"], _ANY),
    ("usage-missing", "`usage` is missing", _without("usage"), _ANY),
    ("usage-null", "`usage` is null", _with("usage", None), _ANY),
    ("usage-no-completion-tokens", "`usage` has no `completion_tokens`", _usage(_without("completion_tokens")), _ANY),
    ("usage-wrong-sum", "`usage.total_tokens` is one more than the sum", _usage(_wrong_sum), _ANY),
    ("usage-negative", "`usage` has negative counts", _usage(_below_zero), _ANY),
    ("model-other", "`model` differs from the requested model", _with("model", "another/model"), _ANY),
    ("id-missing", "`id` is missing", _without("id"), _ANY),
    ("id-constant", "`id` is always the same", _with("id", "ooooooo-oooooo-0000000000000000"), _ANY),
    ("object-wrong", "`object` is `list`", _with("object", "list"), _ANY),
    ("extra-field", "The answer has a field that the document does not define", _with("extra", {"version": "2"}), _ANY),
    ("error-200", "The status is 200, but the body is an error", lambda *_: _ERROR, _ANY),
]
# How long a fault waits for a concurrent call; 0 if it needs an earlier one.
_WINDOWS_S = {"cache-collision": 0.0, "calls-mixed-up": 0.02}
# Faults that break only what clients rely on, not what the document requires.
_HABITS = {
    *("position-bias", "score-above-one", "score-negative", "score-equal", "usage-missing"),
    *("usage-null", "model-other", "id-missing", "id-constant", "extra-field"),
}
FAULTS = [_fault(*row) for row in _TABLE]
