"""The body family: a 200 that is wrong in one thing, be it the contract or a habit that clients lean on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from together_rerank_mockserver.faults.fault import BodyFault, Case
from together_rerank_mockserver.ranking import Ranked, rank
from together_rerank_mockserver.rendering import ranked_text

_APPLIES = ("any 200", "a 200 with results", "a 200 with two results or more")


def _contract(name: str, sentence: str, bend: Callable[[Any, Case], Any], least: int = 1, only: str = "") -> BodyFault:
    applies = only or _APPLIES[least]
    return BodyFault(name=name, breaks="contract", sentence=sentence, applies=applies, least=least, bend=bend)


def _habit(name: str, sentence: str, bend: Callable[[Any, Case], Any], least: int = 1, only: str = "") -> BodyFault:
    return replace(_contract(name, sentence, bend, least, only), breaks="habit")


def _with(field: str, value: Any) -> Callable[[Any, Case], Any]:
    return lambda answer, _: {**answer, field: value}


def _without(field: str) -> Callable[[Any, Case], Any]:
    return lambda answer, _: {name: value for name, value in answer.items() if name != field}


def _usage(**changes: Any) -> Callable[[Any, Case], Any]:
    return lambda answer, _: {**answer, "usage": {**answer["usage"], **changes}}


def _result(place: int, field: str, value: Any) -> Callable[[Any, Case], Any]:
    def bend(answer: Any, _: Case) -> Any:
        results = [*answer["results"]]
        results[place] = {**results[place], field: value}
        return {**answer, "results": results}

    return bend


def _results(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any, Case], Any]:
    """Let *change* say of each result what is different about it."""
    return lambda answer, _: {**answer, "results": [{**each, **change(each)} for each in answer["results"]]}


def _ranked(
    rerank: Callable[[Case], Sequence[Ranked]], more: Callable[[Case], float] = lambda _: 0
) -> Callable[[Any, Case], Any]:
    """Answer with the ranking that *rerank* gives instead, and so many *more* results."""

    def bend(answer: Any, case: Case) -> Any:
        top_n = case.request.get("top_n")
        ranking = rerank(case)
        kept = ranking if top_n is None else ranking[: max(0, int(top_n + more(case)))]
        return {**answer, "results": case.results(kept)}

    return bend


def _worst_first(answer: Any, _: Case) -> Any:
    return {**answer, "results": sorted(answer["results"], key=lambda result: result["relevance_score"])}


def _distinct(case: Case) -> list[Ranked]:
    first = {repr(document): index for index, document in reversed(list(enumerate(case.documents)))}
    kept = set(first.values())
    return [ranked for ranked in case.ranking if ranked.index in kept]


def _biased(case: Case) -> list[Ranked]:
    count = len(case.documents)
    biased = (each._replace(score=(each.score + 1 - each.index / count) / 2) for each in case.ranking)
    return sorted(biased, key=lambda ranked: -ranked.score)


def _all_fields(case: Case) -> list[Ranked]:
    return rank(case.request["query"], [ranked_text(document, None) for document in case.documents])


def _out_of_range(answer: Any, case: Case) -> Any:
    return _result(0, "index", len(case.documents))(answer, case)


def _duplicate(answer: Any, case: Case) -> Any:
    return _result(1, "index", answer["results"][0]["index"])(answer, case)


def _rank_as_index(answer: Any, _: Case) -> Any:
    return {**answer, "results": [{**each, "index": rank} for rank, each in enumerate(answer["results"])]}


def _swapped(answer: Any, _: Case) -> Any:
    first, second, *others = answer["results"]
    swapped = [{**first, "document": second["document"]}, {**second, "document": first["document"]}]
    return {**answer, "results": [*swapped, *others]}


def _altered(answer: Any, case: Case) -> Any:
    text = answer["results"][0]["document"].get("text")
    return _result(0, "document", {"text": text[:-1]})(answer, case) if text else answer


def _unasked(answer: Any, case: Case) -> Any:
    return {**answer, "results": case.results(case.ranking[: len(answer["results"])], texts=True)}


def _missing_documents(answer: Any, _: Case) -> Any:
    results = [{name: value for name, value in each.items() if name != "document"} for each in answer["results"]]
    return {**answer, "results": results}


def _no_completion_tokens(answer: Any, _: Case) -> Any:
    usage = {name: value for name, value in answer["usage"].items() if name != "completion_tokens"}
    return {**answer, "usage": usage}


def _wrong_sum(answer: Any, case: Case) -> Any:
    return _usage(total_tokens=answer["usage"]["total_tokens"] + 1)(answer, case)


def _error(_answer: Any, _: Case) -> Any:
    return {"error": {"message": "The model could not be loaded.", "type": "server_error"}}


_BELOW = "a `top_n` below the number of documents"
_WITH_TOP_N = "a request with `top_n`"
_TEXTS = "a 200 with texts"

FAULTS = (
    # Which results, and in which order.
    _contract("unsorted", "The results come worst first", _worst_first, 2, "a 200 with different scores"),
    _contract(
        "top-n-ignored",
        "All documents come, whatever `top_n` says",
        _ranked(lambda case: case.ranking, lambda case: len(case.ranking)),
        0,
        _BELOW,
    ),
    _contract(
        "top-n-one-more",
        "One result more than `top_n` asks for",
        _ranked(lambda case: case.ranking, lambda _: 1),
        0,
        _BELOW,
    ),
    _contract(
        "top-n-one-fewer",
        "One result fewer than `top_n` asks for",
        lambda answer, case: {**answer, "results": answer["results"][:-1]} if "top_n" in case.request else answer,
        1,
        _WITH_TOP_N,
    ),
    _contract("document-dropped", "The best document is not ranked", _ranked(lambda case: case.ranking[1:])),
    _contract(
        "duplicates-removed", "Of equal documents one is ranked", _ranked(_distinct), 1, "documents that come twice"
    ),
    _contract(
        "rank-fields-ignored",
        "All fields are compared, whatever `rank_fields` says",
        _ranked(_all_fields),
        1,
        "objects, and `rank_fields` that makes a difference",
    ),
    _contract(
        "query-ignored",
        "The documents are compared with the first of them, not with the query",
        _ranked(lambda case: rank(case.texts[0], case.texts)),
    ),
    _habit("position-bias", "A document scores the higher the earlier it stands in the request", _ranked(_biased), 2),
    # The index.
    _contract("index-out-of-range", "The first index is the number of documents", _out_of_range),
    _contract("index-duplicate", "The second index is the first again", _duplicate, 2),
    _contract("index-off-by-one", "Indices count from 1", _results(lambda each: {"index": each["index"] + 1})),
    _contract(
        "index-is-rank", "The index is the place in the results", _rank_as_index, 1, "an order unlike the request's"
    ),
    _contract("index-string", "Indices are strings", _results(lambda each: {"index": str(each["index"])})),
    # The document.
    _contract("text-swapped", "The first two results have each other's text", _swapped, 2, _TEXTS),
    _contract("text-altered", "The first text lacks its last character", _altered, 1, _TEXTS),
    _contract(
        "text-unasked", "Texts come although `return_documents` is false", _unasked, 1, "`return_documents` false"
    ),
    _contract("document-missing", "Results have no `document`", _missing_documents),
    _contract("document-null", "`document` is null", _results(lambda _: {"document": None})),
    _contract(
        "document-string",
        "`document` is a string, the text itself",
        _results(lambda each: {"document": each["document"].get("text", "")}),
    ),
    # The score.
    _contract(
        "score-string", "Scores are strings", _results(lambda each: {"relevance_score": str(each["relevance_score"])})
    ),
    _contract(
        "score-nan", "The last score is NaN, which JSON has not", _result(-1, "relevance_score", orjson.Fragment("NaN"))
    ),
    _habit("score-above-one", "The first score is 1.5", _result(0, "relevance_score", 1.5)),
    _habit("score-negative", "The last score is -0.5", _result(-1, "relevance_score", -0.5)),
    _habit("score-equal", "All scores are 0.5", _results(lambda _: {"relevance_score": 0.5}), 2),
    # What is around the results.
    _contract("results-missing", "There is no `results`", _without("results"), 0),
    _contract("results-null", "`results` is null", _with("results", None), 0),
    _contract("results-empty", "`results` is empty", _with("results", [])),
    _contract("results-bare-list", "The body is the list of results", lambda answer, _: answer["results"], 0),
    _habit("usage-missing", "There is no `usage`", _without("usage"), 0),
    _habit("usage-null", "`usage` is null", _with("usage", None), 0),
    _contract("usage-no-completion-tokens", "`usage` has no `completion_tokens`", _no_completion_tokens, 0),
    _contract("usage-wrong-sum", "`usage.total_tokens` is one more than the sum", _wrong_sum, 0),
    _contract("usage-negative", "`usage` counts below zero", _usage(prompt_tokens=-1, total_tokens=-1), 0),
    _habit("model-other", "`model` is another than was asked for", _with("model", "another/model"), 0),
    _habit("id-missing", "There is no `id`", _without("id"), 0),
    _habit("id-constant", "`id` is always the same", _with("id", "ooooooo-oooooo-0000000000000000"), 0),
    _contract("object-wrong", "`object` is `list`", _with("object", "list"), 0),
    _habit("extra-field", "There is a field that the document does not know", _with("meta", {"version": "2"}), 0),
    _contract("error-200", "The body is an error, and the status 200", _error, 0),
)
