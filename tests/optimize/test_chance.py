"""Tails, cuts, certificates and the dealing of draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from poblar.optimize import GoalError
from poblar.optimize.chance import Certificate, LinearMargins, certify, deal, tail_of


@given(st.integers(0, 10_000), st.floats(0.01, 1.0))
def test_a_tail_is_the_mean_of_the_worst_share_of_draws(seed: int, tail: float) -> None:
    rng = np.random.default_rng(seed)
    margins = LinearMargins(rng.normal(size=(60, 4)), rng.normal(size=(60, 4, 3)))
    plan = rng.normal(size=3)
    found = tail_of(margins, plan, tail)
    worst = np.sort(margins.rows(plan).min(axis=1))
    # By the definition of Rockafellar and Uryasev: the largest of a - mean((a - m)+) / tail is at a quantile.
    expected = max(a - np.maximum(a - worst, 0.0).mean() / tail for a in worst)
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.weights.max() <= 1.0 / (tail * 60) + 1e-9
    constant, slope = found.cut(margins)
    assert constant + slope @ plan == pytest.approx(found.value, abs=1e-9)
    elsewhere = rng.normal(size=3)
    assert tail_of(margins, elsewhere, tail).value <= constant + slope @ elsewhere + 1e-9  # a cut bounds it


def test_some_of_the_draws_have_the_same_margins() -> None:
    rng = np.random.default_rng(1)
    margins = LinearMargins(rng.normal(size=(60, 4)), rng.normal(size=(60, 4, 3)))
    some, plan = np.array([3, 17, 59]), rng.normal(size=3)
    np.testing.assert_array_equal(margins.take(some).worst(plan)[0], margins.worst(plan)[0][some])


def test_intervals_are_those_of_clopper_and_pearson() -> None:
    """Exact binomial 95 % limits: 0 of 10 gives 0 to 0.3085, 5 of 10 gives 0.1871 to 0.8129."""
    assert Certificate(0, 10).interval == pytest.approx((0.0, 0.3085), abs=5e-5)
    assert Certificate(5, 10).interval == pytest.approx((0.1871, 0.8129), abs=5e-5)


def test_a_draw_counts_only_if_every_row_holds() -> None:
    margins = LinearMargins(np.array([[1.0, 2.0], [1.0, -1e-6], [0.0, -1e-12]]), np.zeros((3, 2, 1)))
    assert certify(margins, np.zeros(1)) == Certificate(reached=2, draws=3)


def test_sets_are_disjoint_and_hold_every_draw() -> None:
    sets = deal(997, seed=3)
    assert sorted(np.concatenate(list(sets.values()))) == list(range(997))
    assert all((deal(997, seed=3)[name] == draws).all() for name, draws in sets.items())
    assert not (deal(997, seed=4)["certify"] == sets["certify"]).all()


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(GoalError, match=r"expected at least 200 draws .*, found 199; forecast with draws=2000"):
        deal(199, seed=1)
