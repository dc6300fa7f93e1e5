"""Broken and legitimate servers that speak another API: as many are caught, and none is accused.

Each server speaks one of the APIs, in turn. `make kill-matrix` lets each of them speak every API.
"""

import itertools
import os

import pytest

from broken import BROKEN
from judging import TESTS, failed, failed_and_counts, judged, unclear
from legitimate import LEGITIMATE
from speaking import speaking
from together_rerank_contract_tests.suite.requirements import lacking
from together_rerank_spec import TOGETHER, dialect, dialects

NAMES = [name for name in dialects() if name != TOGETHER]
REQUIREMENTS = {each.id: each for each in TESTS}
# Servers that the mapping cannot render, because what they break is in Together's form only.
NOT_RENDERED = {
    "ScoresDependOnTheFirstKey": "the mapping writes the members of a request in its own sequence",
    "RejectsReturnDocuments": "the mapping writes the default of the API into each request",
    "WrongTextsByDefault": "the mapping writes the default of the API into each request",
    "KeepsTheOptionsOfTheLastRequest": "the mapping writes the default of the API into each request",
    "ErrorsAsInFastApi": "some APIs have errors of this form",
    "Sends422InsteadOf400": "most APIs list both",
    "Sends403InsteadOf401": "most APIs list both",
    "ErrorStatusVaries": "both statuses are listed by some APIs",
    "ComparesObjectsOfEqualScores": "needs objects without a text",
    "CrashesOnAMissingField": "needs objects without a text",
    "CountsTheLengthInCharacters": "needs a text in the response",
    "NullText": "an API that leaves the text out may not allow null",
}
# A server with one of these words in its name breaks its requirement only with this in a request or a response.
ONLY_WITH = {
    "TopN": "request.top_n",
    "Text": "response.document",
    "Document": "response.document",
    "Objects": "objects",
    "Mixed": "whole objects",
    "Keys": "whole objects",
}


def _can_break(kind, document):
    words = [need for word, need in ONLY_WITH.items() if word in kind.__name__]
    return kind.__name__ not in NOT_RENDERED and not lacking(document, words)


def _pairs(kinds):
    """Return each server with the API that it speaks: all of them, or the next one."""
    names = itertools.cycle(NAMES)
    if os.environ.get("RERANK_KIT_KILL_MATRIX"):
        return [(kind, name) for kind in kinds for name in NAMES]
    return [(kind, next(names)) for kind in kinds]


def _ids(pair):
    return f"{pair[0].__name__}-{pair[1]}"


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("pair", _pairs(BROKEN), ids=_ids)
def test_a_broken_server_is_caught_in_every_dialect(pair):
    kind, name = pair
    document = dialect(name)
    expected = {each for each in kind.breaks if not lacking(document, REQUIREMENTS[each].needs)}
    if not _can_break(kind, document) or not expected:
        pytest.skip(f"{name} cannot show it")
    with speaking(kind, document)() as server:
        outcomes = judged(server.url, dialect=name)

    assert expected <= failed(outcomes)


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("pair", _pairs(LEGITIMATE), ids=_ids)
def test_a_legitimate_server_is_not_accused_in_any_dialect(pair):
    kind, name = pair
    if kind.__name__ in NOT_RENDERED:
        pytest.skip(NOT_RENDERED[kind.__name__])
    with speaking(kind, dialect(name))() as server:
        outcomes = judged(server.url, dialect=name)

    assert failed_and_counts(outcomes) == set(), [str(each.failure) for each in outcomes if each.failure]
    assert kind.noisy or unclear(outcomes) == {}
