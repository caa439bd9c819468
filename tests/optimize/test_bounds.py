"""The scenario bound: published numbers, closed forms, and how often it is right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from poblar.optimize import GoalError
from poblar.optimize.bounds import scenario_draws, scenario_probability
from scipy.stats import beta


def test_numbers_are_those_of_wilks() -> None:
    """One-sided tolerance limits by order statistics are the same tail; the tables of 95 % / 95 % and 95 % / 99 %."""
    assert [scenario_draws(order, 0.95, 0.95) for order in (1, 2, 3, 4, 5, 6)] == [59, 93, 124, 153, 181, 208]
    assert [scenario_draws(1, 0.99, confidence) for confidence in (0.95, 0.99)] == [299, 459]
    assert scenario_draws(1, 0.9, 0.95) == 29


@given(st.floats(0.01, 0.999), st.floats(0.01, 0.999))
def test_one_decision_has_a_closed_form(probability: float, confidence: float) -> None:
    exact = math.log(1.0 - confidence) / math.log(probability)
    draws = scenario_draws(1, probability, confidence)
    assert draws >= exact * (1.0 - 1e-9)
    assert draws == 1 or draws - 1 < exact * (1.0 + 1e-9)  # the ceiling, where rounding leaves no doubt
    assert scenario_probability(1, draws, confidence) == pytest.approx((1.0 - confidence) ** (1.0 / draws))


@given(st.integers(1, 200), st.floats(0.3, 0.999), st.floats(0.1, 1.0 - 1e-6))
def test_each_function_is_the_converse_of_the_other(decisions: int, probability: float, confidence: float) -> None:
    draws = scenario_draws(decisions, probability, confidence)
    assert draws >= decisions
    assert scenario_probability(decisions, draws, confidence) >= probability - 1e-9
    if draws > decisions:
        assert scenario_probability(decisions, draws - 1, confidence) < probability + 1e-9


def test_more_decisions_probability_or_confidence_want_more_draws() -> None:
    base = scenario_draws(10, 0.9, 0.9)
    assert scenario_draws(11, 0.9, 0.9) > base
    assert scenario_draws(10, 0.91, 0.9) > base
    assert scenario_draws(10, 0.9, 0.99) > base
    promised = [scenario_probability(10, draws) for draws in (10, 20, 100, 1000, 10_000)]
    assert promised == sorted(promised)
    assert promised[-1] > 0.998


@pytest.mark.parametrize("decisions", [1, 5, 40])
@pytest.mark.parametrize("probability", [0.8, 0.95, 0.99])
def test_draws_are_fewer_than_the_explicit_bound(decisions: int, probability: float) -> None:
    """2 / eps (log 1 / beta + d) draws are always enough (Campi, Garatti & Prandini 2009)."""
    explicit = 2.0 / (1.0 - probability) * (math.log(1.0 / 0.01) + decisions)
    assert scenario_draws(decisions, probability) <= math.ceil(explicit)


@pytest.mark.parametrize("decisions", [1, 2])
def test_plans_break_their_promise_as_rarely_as_said(decisions: int) -> None:
    """Programs that reach the bound: the least cover of uniform demand, and the shortest interval round it.

    What they break is 1 less the largest demand, or 1 less the interval's length, whose law is Beta(d, N - d + 1).
    """
    probability, confidence, programs = 0.9, 0.8, 20_000
    draws = scenario_draws(decisions, probability, confidence)
    demand = np.random.default_rng(7).uniform(size=(programs, draws))
    held = demand.max(axis=1) if decisions == 1 else demand.max(axis=1) - demand.min(axis=1)
    reached = float((held >= probability).mean())
    error = math.sqrt(confidence * (1.0 - confidence) / programs)
    assert reached == pytest.approx(1.0 - beta.cdf(probability, draws - decisions + 1, decisions), abs=4.0 * error)
    assert reached >= confidence - 4.0 * error
    least = scenario_probability(decisions, draws, confidence)
    assert float((held >= least).mean()) == pytest.approx(confidence, abs=4.0 * error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.9, 0.9), r"expected one decision or more, found 0; count the numbers"),
        ((1, 1.0, 0.9), r"expected a probability above 0 and below 1, found 1\.0; .* ask for 0\.95 or 0\.99"),
        ((1, 0.9, 0.0), r"expected a confidence above 0 and below 1, found 0\.0"),
    ],
)
def test_what_no_number_of_draws_can_promise_is_refused(arguments: tuple[int, float, float], message: str) -> None:
    with pytest.raises(GoalError, match=message):
        scenario_draws(*arguments)


def test_fewer_draws_than_decisions_promise_nothing() -> None:
    with pytest.raises(GoalError, match=r"at least as many draws as decisions, found 9 draws for 10; draw more"):
        scenario_probability(10, 9)
