"""The tolerance ignores every difference that noise can cause, and no larger one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_contract_tests.suite.tolerance import Tolerance, find_difference, find_inversion, measure

SCORES = {0: 1.0, 1: 0.6, 2: 0.0}
EXACT = measure([SCORES, SCORES, SCORES], SCORES, {0: 1.0, 1: 0.6})


def moved(by):
    return {index: score + by for index, score in SCORES.items()}


def test_without_noise_scores_are_equal_within_a_fortieth_of_the_span():
    assert EXACT.equal == pytest.approx(0.025)
    assert not EXACT.is_noisy
    assert not EXACT.is_listwise


@pytest.mark.parametrize("noise", [0.001, 0.005, 0.019])
def test_noise_increases_the_tolerance_up_to_a_limit(noise):
    noisy = measure([SCORES, moved(noise), SCORES], SCORES, {0: 1.0})

    assert noise < noisy.equal <= 0.04
    assert not noisy.is_noisy


def test_noise_above_the_limit_is_reported_as_noisy():
    assert measure([SCORES, moved(0.03), SCORES], SCORES, {0: 1.0}).is_noisy


def test_a_difference_after_a_permutation_adds_to_the_noise_only_if_it_is_small():
    assert measure([SCORES] * 3, moved(0.01), {0: 1.0}).noise == pytest.approx(0.01)
    assert measure([SCORES] * 3, moved(0.3), {0: 1.0}).noise == 0


def test_scores_that_change_in_a_shorter_list_are_listwise():
    assert measure([SCORES] * 3, SCORES, {0: 0.9, 1: 0.6}).is_listwise
    assert not measure([SCORES] * 3, SCORES, {0: 0.98, 1: 0.6}).is_listwise


def test_equal_scores_have_a_tolerance_for_float_rounding():
    same = measure([{0: 0.5, 1: 0.5}] * 3, {0: 0.5, 1: 0.5}, {0: 0.5})

    assert same.equal == pytest.approx(2e-6)
    assert not same.is_noisy


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6), st.floats(0.001, 1e4), st.floats(-100, 100))
def test_the_tolerance_scales_with_the_scores(scores, factor, offset):
    span = max(scores) - min(scores)
    if span * factor < 0.1 or span < 0.1:
        return
    one = dict(enumerate(scores))
    other = {index: factor * score + offset for index, score in one.items()}
    ratio = measure([other] * 3, other, {0: other[0]}).equal / measure([one] * 3, one, {0: one[0]}).equal

    assert ratio == pytest.approx(factor, rel=0.01)


def test_find_difference_returns_the_document_that_differs_most():
    assert find_difference({0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.1, 1: 2.5, 3: 9.0}, 0.2) == 1
    assert find_difference({0: 1.0, 1: 2.0}, {0: 1.1, 1: 2.1}, 0.2) is None


def test_find_inversion_ignores_scores_that_are_close_in_either_ranking():
    assert find_inversion({0: 1.0, 1: 0.5}, {0: 0.5, 1: 1.0}, 0.1) == (0, 1)
    assert find_inversion({0: 1.0, 1: 0.95}, {0: 0.5, 1: 1.0}, 0.1) is None
    assert find_inversion({0: 1.0, 1: 0.5}, {0: 0.95, 1: 1.0}, 0.1) is None


def test_a_clear_gap_is_a_quarter_of_the_span():
    assert Tolerance(span=4.0, noise=0.0, batch=0.0).clear_gap == 1.0
