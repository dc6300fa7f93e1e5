"""Chaos: its probabilities are parsed, and its random draws are the same on every machine."""

from threading import Lock

import pytest

from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.chaos import Chaos
from together_rerank_mockserver.faults.grammar import InvalidFaultSpec
from together_rerank_mockserver.state.namespace import Namespace
from together_rerank_spec import load

CATALOGUE = Catalogue(load())


def test_draws_are_evenly_spread():
    n = Namespace("default", Lock())
    draws = [n.draw(7) for _ in range(10_000)]

    assert all(0 <= draw < 1 for draw in draws)
    assert all(900 < sum(low <= draw * 10 < low + 1 for draw in draws) < 1100 for low in range(10))


def test_the_draws_of_a_seed_never_change():
    # A user who noted a seed with a failure must get the same faults with the next version.
    assert [round(each, 6) for each in map(Namespace("default", Lock()).draw, [7] * 4)] == EXPECTED_DRAWS


EXPECTED_DRAWS = [0.86803, 0.242892, 0.036567, 0.682565]


def test_chaos_applies_a_fault_with_its_probability():
    chaos = Chaos(["429,retry_after=2=0.2", "delay=50ms=0.1"], CATALOGUE)

    assert chaos.spec_for(0.0).fault.name == chaos.spec_for(0.19).fault.name == "429"
    assert chaos.spec_for(0.0).get("retry_after") == 2
    assert chaos.spec_for(0.2).fault.name == chaos.spec_for(0.29).fault.name == "delay"
    assert chaos.spec_for(0.31) is None


def test_probabilities_that_add_up_to_one_cover_every_draw():
    assert Chaos(["429=0.7", "503=0.3"], CATALOGUE).spec_for(0.999999).fault.name == "503"


@pytest.mark.parametrize(
    ("probabilities", "because"),
    [
        (["429"], "'429' is not a fault with a probability from 0 to 1, such as 429=0.2"),
        (["429=2"], "is not a fault with a probability"),
        (["429=nan"], "is not a fault with a probability"),
        (["=0.2"], "is not a fault with a probability"),
        (["4290=0.2"], "the nearest: 429, "),
        (["429=0.6", "503=0.6"], "the probabilities add up to 1.2"),
    ],
)
def test_an_invalid_probability_is_rejected(probabilities, because):
    with pytest.raises(InvalidFaultSpec) as refused:
        Chaos(probabilities, CATALOGUE)

    assert because in str(refused.value)
