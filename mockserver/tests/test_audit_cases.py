"""The cases of an audit show each mistake, for any number of passages and any top_n."""

import re

import pytest

from together_rerank_mockserver.audit.cases import QUICK, Call, CaseBuilder
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.ranking import override
from together_rerank_mockserver.ranking.score import Ranked
from together_rerank_spec import load

SIZES = [(count, top_n) for count in range(3, 13) for top_n in (*range(1, count + 1), None)]
PASSAGES = ["Pandas eat bamboo.", "Llamas live in Peru.", "Bears hunt seals.", "Bees make honey."]


def passages(count):
    return [f"Passage {number}" for number in range(count)]


def cases(given, top_n=None, *, quick=False, slow_s=30):
    every = CaseBuilder(given, top_n, slow_s).build()
    return {each.name: each for each in every if not quick or each.name in QUICK}


def best(call, top_n):
    return sorted(range(len(call.passages)), key=lambda index: -call.scores[index])[:top_n]


def by_mock(call, given=None):
    """Return the order in which the mock ranks *given*, by default the passages of *call*."""
    texts = call.passages if given is None else given
    ranking, _ = override.from_json(call.ranking).apply([Ranked(index, 0) for index in range(len(texts))], texts)
    return [each.index for each in ranking]


@pytest.mark.parametrize(("count", "top_n"), SIZES)
def test_both_rankings_differ_from_each_other_and_from_what_a_wrong_pipeline_finds(count, top_n):
    calls = cases(passages(count), top_n)["ranking"].calls

    first, second = (best(call, top_n) for call in calls)

    assert first != second
    for call, right in zip(calls, (first, second), strict=True):
        worst_first = best(call, None)[::-1][: top_n or count]
        ranks = sorted(range(count), key=best(call, None).index)[:top_n]
        wrong = [list(range(count))[:top_n], worst_first]
        if count > (top_n or count):
            wrong.append(sorted(range(top_n), key=lambda index: -call.scores[index]))
        assert right not in wrong
    assert (first, second) != (ranks, ranks)


@pytest.mark.parametrize(("count", "top_n"), SIZES)
def test_a_wrong_index_is_not_right_by_chance(count, top_n):
    every = cases(passages(count), top_n)
    negative, off_by_one = (every[name].calls[0] for name in ("index-negative", "index-off-by-one"))

    # The index -1 is that of the last passage; one more than that of the last one is too high.
    assert best(negative, top_n)[0] != count - 1
    assert count - 1 in best(off_by_one, top_n)


@pytest.mark.parametrize("name", ["same-query", "two-at-once"])
def test_indexes_of_one_call_are_wrong_for_the_other(name):
    first, second = cases(PASSAGES, 2)[name].calls

    assert best(first, 2) != best(second, 2)
    assert not set(first.passages) & set(second.passages)


def test_each_fault_is_a_case_unless_no_client_can_tell():
    every = cases(PASSAGES)
    faults = [fault for fault in Catalogue(load()) if fault.family in ("status", "wire", "body")]

    missing = {fault.name for fault in faults} - every.keys()

    assert missing == {
        *("delay", "document-dropped", "duplicates-removed", "rank-fields-ignored", "query-ignored", "position-bias"),
        *("text-field-only", "first-batch-only", "top-n-first-batch", "cache-collision", "calls-mixed-up"),
        *("index-is-rank", "score-equal", "score-halved", "score-above-one", "score-negative"),
    }
    assert {f"{fault.name}-retry-after" for fault in faults if fault.family == "status"} <= every.keys()
    assert len(every) == len(CaseBuilder(PASSAGES, None, 30).build())


def test_the_cases_that_wait_are_last_and_not_quick():
    every = list(cases(PASSAGES).values())

    assert [each.name for each in every if each.waits] == [each.name for each in every[-3:]]
    assert len(cases(PASSAGES, quick=True)) == 26
    assert not any(each.waits for each in cases(PASSAGES, quick=True).values())


@pytest.mark.parametrize("slow_s", [0.15, 3, 30, 900])
def test_a_drip_ends_before_the_patience_does(slow_s):
    (call,) = cases(PASSAGES, slow_s=slow_s)["drip"].calls

    assert 10 * call.fault["pause"] / 1000 <= slow_s / 1.5 / 2
    assert call.fault["pause"] <= 200


PREFIX = "A chapter about the animals of South America, " * 10
LISTS = {
    "short": PASSAGES,
    "one contains another": ["Llamas", "Llamas live in Peru", "Peru", "The Llamas live in Peru"],
    "a long common beginning": [f"{PREFIX}number {number}" for number in range(12)],
    "longer than a text of a ranking": [f"{number} of {'and so on ' * 1_000}" for number in range(3)],
    "white space": [f"Animals\n\n  of page   {number}\n\tand more text" for number in range(5)],
    "other scripts": ["Straße in İzmir", "ΌΣΟΣ ΚΑΙ ΌΣΟΣ", "リャマはペルーに"],
    "many": [f"Passage {number:03}" for number in range(150)],
}
CHANGES = {
    "nothing": str,
    "lower case": str.lower,
    "no punctuation": lambda text: re.sub(r"[^\w\s]", "", text),
    "upper case": str.upper,
    "white space": lambda text: " ".join(text.split()),
    "a prefix": "passage: {}".format,
}


@pytest.mark.parametrize("name", LISTS)
def test_the_mock_ranks_as_designed(name):
    for case in cases(LISTS[name]).values():
        for call in case.calls:
            if call.ranking:
                order = by_mock(call)
                assert [call.scores[index] for index in order] == sorted(call.scores, reverse=True), case.name


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", LISTS)
def test_the_mock_recognises_passages_that_a_pipeline_changes(name, change):
    (call, *_) = cases(LISTS[name], 3)["ranking"].calls

    assert by_mock(call, list(map(CHANGES[change], call.passages)))[:3] == best(call, 3)


def test_passages_can_be_cut():
    (call, *_) = cases([f"{number} {'and so on ' * 100}" for number in range(20)])["ranking"].calls

    assert by_mock(call, [each[:40] for each in call.passages])[:3] == best(call, 3)


def test_equal_passages_have_equal_scores_and_blank_ones_none():
    every = cases(PASSAGES, 2)
    (equal,), (blank,) = every["duplicates"].calls, every["blanks"].calls

    assert len(set(zip(equal.passages, equal.scores, strict=True))) == len(set(equal.passages))
    assert len(equal.passages) == len(PASSAGES) + 2
    assert {each.strip() for each, score in zip(blank.passages, blank.scores, strict=True) if not score} == {""}


def test_no_text_has_no_ranking():
    assert Call(["", " "], [0.5, 0.5]).ranking is None
