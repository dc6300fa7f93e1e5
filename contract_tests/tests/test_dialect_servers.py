"""Broken and legitimate servers that speak another API: as many are caught, and none is accused.

Each server speaks one of the APIs, in turn. With the environment variable RERANK_KIT_KILL_MATRIX, each speaks all of
them, which takes about 20 minutes.
"""

import os
from itertools import cycle, islice

import pytest

from broken import BROKEN
from judging import TESTS, failed, failed_and_counts, judged, unclear
from legitimate import LEGITIMATE
from speaking import speaking
from together_rerank_contract_tests.suite.requirements import lacking
from together_rerank_spec import TOGETHER, dialect, dialects

NAMES = [name for name in dialects() if name != TOGETHER]
REQUIREMENTS = {each.id: each for each in TESTS}
# The APIs in which a server cannot show what it does, and why.
EXCEPTIONS = {
    # The mapping does not render what they do.
    "ScoresDependOnTheFirstKey": NAMES,  # the sequence of the members in a request
    "RejectsReturnDocuments": NAMES,  # the default is in each request
    "WrongTextsByDefault": NAMES,  # as above
    "KeepsTheOptionsOfTheLastRequest": NAMES,  # as above
    "ComparesObjectsOfEqualScores": NAMES,  # objects are texts
    "CrashesOnAMissingField": NAMES,  # as above
    "RejectsObjects": ["cohere", "jina"],  # as above
    "CrashesOnObjects": [name for name in NAMES if lacking(dialect(name), ["whole objects"])],  # as above
    "RanksStringsAndObjectsDifferently": ["cohere", "jina"],  # as above
    "CountsTheLengthInCharacters": ["nim"],  # no text is returned
    "UnsortedWithTexts": ["nim"],  # as above
    "RepeatsAnIndexWithTexts": ["nim"],  # as above
    "ErrorsWithResults": ["tei"],  # an error cannot be in a list
    "ClosesOnAnEmptyQuery": ["cohere", "mixedbread", "nim", "voyage"],  # a query is not empty
    "CrashesOnAnEmptyQuery": ["cohere", "mixedbread", "nim", "voyage"],  # as above
    "CachesByQueryAndCount": ["nim"],  # no text is returned
    "TextsOfUnrankedDocuments": ["tei"],  # only with top_n
    "AcceptsAnyScheme": ["pinecone"],  # a key has no scheme
    "LeavesTheBodyOfARejectedRequest": ["nim", "pinecone"],  # it depends on the header Authorization
    "SendsWrongUsageWithTopN": ["jina", "voyage"],  # only the total is counted
    # The document allows it.
    "Sends403InsteadOf401": [name for name in NAMES if 403 in dialect(name).statuses],
    "Sends422InsteadOf400": [name for name in NAMES if 422 in dialect(name).statuses],
    "ErrorsAsInFastApi": ["jina", "mixedbread", "nim", "voyage"],
    "NoDocumentWithTopN": [name for name in NAMES if name != "infinity"],
    "AcceptsInvalidRequests": NAMES,
    "AcceptsMixedLists": ["cohere", "jina", "mixedbread", "nim", "pinecone"],
    "ConvertsTopN": ["infinity", "vllm"],
    "TakesNegativeTopNForAll": ["pinecone"],
    "RanksTheFirstBatch": ["pinecone", "tei"],  # no list is longer than the batch
    "ScalesEachBatch": ["pinecone", "tei"],
    "ReturnsAtMost100": ["pinecone"],
    "ScoresDependOnReturnDocuments": ["vllm"],
    "ReturnsTextsWithTopN": ["vllm"],
    # The document forbids it.
    "NullText": NAMES,
    "NoId": ["infinity", "vllm"],
    "NoUsage": ["infinity", "jina", "mixedbread", "pinecone", "vllm", "voyage"],
    "NullUsage": ["cohere", "infinity", "jina", "mixedbread", "pinecone", "vllm", "voyage"],
}


def _can_show(kind, name):
    if name in EXCEPTIONS.get(kind.__name__, ()) or (
        "TopN" in kind.__name__ and lacking(dialect(name), ["request.top_n"])
    ):
        return False
    return not kind.breaks or bool(_expected(kind, name))


def _expected(kind, name):
    return {each for each in kind.breaks if not lacking(dialect(name), REQUIREMENTS[each].needs)}


def _pairs(kinds):
    """Return each server with the APIs that it speaks: every one, or the next one that can show what it does."""
    for kind, first in zip(kinds, cycle(range(len(NAMES))), strict=False):
        names = [name for name in islice(cycle(NAMES), first, first + len(NAMES)) if _can_show(kind, name)]
        for name in names if os.environ.get("RERANK_KIT_KILL_MATRIX") else names[:1]:
            yield pytest.param(kind, name, id=f"{kind.__name__}-{name}")


@pytest.mark.slow  # all parameters together
@pytest.mark.exhaustive
@pytest.mark.parametrize(("kind", "name"), [*_pairs(kind for kind in BROKEN if kind.breaks)])
def test_a_broken_server_is_caught_in_another_dialect(kind, name):
    with speaking(kind, dialect(name))() as server:
        outcomes = judged(server.url, dialect=name)

    assert _expected(kind, name) <= failed(outcomes)


@pytest.mark.slow  # all parameters together
@pytest.mark.exhaustive
@pytest.mark.parametrize(("kind", "name"), [*_pairs(LEGITIMATE)])
def test_a_legitimate_server_is_not_accused_in_another_dialect(kind, name):
    with speaking(kind, dialect(name))() as server:
        outcomes = judged(server.url, dialect=name)

    assert failed_and_counts(outcomes) == set(), [str(each.failure) for each in outcomes if each.failure]
    assert kind.noisy or unclear(outcomes) == {}


def test_every_exception_is_a_server():
    assert EXCEPTIONS.keys() <= {kind.__name__ for kind in (*BROKEN, *LEGITIMATE)}
