"""Waiting goals as rows agree with the queue itself."""

from __future__ import annotations

import numpy as np
import pytest
from poblar.forecast.queue import run_queue
from poblar.optimize.fifo import FifoMargins, fifo_margins


def case(rng: np.random.Generator, draws: int = 400) -> tuple[FifoMargins, np.ndarray, np.ndarray]:
    """Random queues: margins, whether each draw keeps the promise by running it, and the first month's row alone."""
    months = int(rng.integers(6, 40))
    wait = int(rng.integers(0, 5))
    first, last = int(rng.integers(0, months - wait - 1)), months - wait - 1
    shape = (draws, months)
    arrivals = rng.gamma(0.5, 20.0, shape) * (rng.random(shape) < 0.8)
    withdrawal = rng.uniform(0.0, 0.2, shape)
    productivity = rng.uniform(0.5, 1.5, shape)
    backlog = rng.gamma(1.0, 30.0, draws) * (rng.random(draws) < 0.8)
    officers = rng.uniform(0.0, 25.0, months) * (rng.random(months) < 0.8)
    margins = fifo_margins(
        backlog=backlog,
        arrivals=arrivals,
        withdrawal=withdrawal,
        productivity=productivity,
        officers=officers,
        officers_per_lever=np.zeros((months, 1)),
        first=first,
        last=last,
        months=wait,
    )
    run = run_queue(backlog, arrivals, productivity * officers, withdrawal)
    kept = (run.wait[:, first : last + 1] <= wait).all(axis=1)
    at = np.arange(first, last + 1)
    from_the_start = (margins.fixed[:, at + wait + 1] - margins.work[:, at + 1]).min(axis=1) >= -1e-9
    return margins, kept, from_the_start


@pytest.mark.parametrize("seed", range(4))
def test_rows_hold_exactly_when_the_queue_keeps_the_promise(seed: int) -> None:
    """20,000 random queues with withdrawals, idle months and months without arrivals: not one mismatch."""
    rng = np.random.default_rng(seed)
    shortcut_wrong = 0
    for _ in range(13):
        margins, kept, from_the_start = case(rng)
        values, _ = margins.worst(np.zeros(1))
        assert ((values >= -1e-9) == kept).all()
        shortcut_wrong += int((from_the_start != kept).sum())
    assert shortcut_wrong > 100  # the first month's row alone is not enough: a lull helps nobody who comes later


def test_the_gradient_is_that_of_the_margin() -> None:
    rng = np.random.default_rng(1)
    months, levers = 18, 3
    shape = (50, months)
    margins = fifo_margins(
        backlog=rng.gamma(2.0, 30.0, 50),
        arrivals=rng.gamma(2.0, 10.0, shape),
        withdrawal=rng.uniform(0.0, 0.1, shape),
        productivity=rng.uniform(0.5, 1.5, shape),
        officers=np.full(months, 5.0),
        officers_per_lever=rng.uniform(0.0, 1.0, (months, levers)),
        first=3,
        last=12,
        months=4,
    )
    plan = np.array([2.0, 3.0, 1.0])
    value, rows = margins.worst(plan)
    for draw in range(50):
        constant, slope = margins.mean(np.ones(1), np.array([draw]), rows[[draw]])
        assert constant + slope @ plan == pytest.approx(value[draw], abs=1e-12)
        for lever in range(levers):
            step = np.zeros(levers)
            step[lever] = 1e-7
            numeric = (margins.worst(plan + step)[0][draw] - margins.worst(plan - step)[0][draw]) / 2e-7
            assert numeric == pytest.approx(slope[lever], rel=1e-4, abs=1e-9)
    assert (value >= -1.0).all()


def test_a_margin_is_never_below_minus_one_however_many_apply() -> None:
    flood = np.full((1, 12), 1e9)
    margins = fifo_margins(
        backlog=np.array([1e9]),
        arrivals=flood,
        withdrawal=0 * flood,
        productivity=np.ones((1, 12)),
        officers=np.ones(12),
        officers_per_lever=np.zeros((12, 1)),
        first=0,
        last=8,
        months=3,
    )
    value, _ = margins.worst(np.zeros(1))
    assert -1.0 <= value[0] < -0.9
