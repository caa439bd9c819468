"""A queue worked first in, first out."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from poblar.forecast import DrawsError, simulate_queue
from poblar.forecast.queue import run_queue


def random_queue(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (8, int(rng.integers(1, 40)))
    arrivals = rng.gamma(0.7, 20.0, shape) * (rng.random(shape) < 0.8)
    capacity = rng.gamma(0.7, 22.0, shape) * (rng.random(shape) < 0.9)
    return rng.gamma(1.0, 40.0, shape[0]), arrivals, capacity, rng.uniform(0.0, 0.3, shape)


@given(st.integers(0, 10**6))
def test_every_case_is_decided_has_withdrawn_or_waits(seed: int) -> None:
    backlog, arrivals, capacity, withdrawal = random_queue(seed)
    run = run_queue(backlog, arrivals, capacity, withdrawal)
    left = backlog + arrivals.sum(1) - run.decided.sum(1) - run.withdrawn.sum(1)
    np.testing.assert_allclose(run.pending[:, -1], left, atol=1e-9)
    change = arrivals - run.decided - run.withdrawn
    np.testing.assert_allclose(np.diff(run.pending, axis=1), change, atol=1e-9)
    assert (run.pending >= 0).all()


@given(st.integers(0, 10**6))
def test_nobody_idles_while_cases_wait_and_none_decides_more_than_there_are(seed: int) -> None:
    backlog, arrivals, capacity, withdrawal = random_queue(seed)
    run = run_queue(backlog, arrivals, capacity, withdrawal)
    assert (run.decided <= capacity + 1e-9).all()
    idle = run.decided < capacity - 1e-9
    assert (run.pending[:, 1:][idle] <= 1e-9).all()


@given(st.integers(0, 10**6), st.floats(1.0, 2.0))
def test_more_capacity_never_lengthens_a_wait(seed: int, factor: float) -> None:
    backlog, arrivals, capacity, withdrawal = random_queue(seed)
    assert (
        run_queue(backlog, arrivals, factor * capacity, withdrawal).wait
        <= run_queue(backlog, arrivals, capacity, withdrawal).wait
    ).all()


@given(st.integers(0, 10**6))
def test_withdrawal_never_lengthens_a_wait(seed: int) -> None:
    backlog, arrivals, capacity, withdrawal = random_queue(seed)
    without = run_queue(backlog, arrivals, capacity, 0 * withdrawal).wait
    assert (run_queue(backlog, arrivals, capacity, withdrawal).wait <= without).all()


def test_first_in_is_first_out() -> None:
    """By hand: 30 wait, ten come and ten are decided each month, so each waits three months until capacity doubles."""
    arrivals = np.full((1, 8), 10.0)
    capacity = np.array([[10.0, 10, 10, 10, 30, 30, 10, 10]])
    run = run_queue(np.array([30.0]), arrivals, capacity, np.zeros((1, 8)))
    assert run.wait[0].tolist() == [3.0, 3.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert run.pending[0].tolist() == [30.0, 30, 30, 30, 30, 10, 0, 0, 0]


def test_littles_law_holds_in_the_steady_state() -> None:
    """Cases waiting = arrivals per month x months waited, with a constant queue (Little 1961)."""
    months, rate, waiting = 120, 40.0, 200.0
    flow = np.full((1, months), rate)
    run = run_queue(np.array([waiting]), flow, flow, np.zeros((1, months)))
    waited = run.wait[0, :100]
    assert (waited == waiting / rate).all()
    assert run.pending[0, :100].mean() == rate * waited.mean()


def test_without_officers_only_withdrawals_shorten_the_queue() -> None:
    nothing = np.zeros((1, 24))
    run = run_queue(np.array([100.0]), nothing, nothing, np.full((1, 24), 0.05))
    np.testing.assert_allclose(run.pending[0], 100.0 * 0.95 ** np.arange(25))
    assert np.isinf(run.wait).all()


def test_a_queue_of_countries_is_worked_country_by_country() -> None:
    axes, shape = ("draw", "country", "month"), (3, 2, 12)
    rng = np.random.default_rng(1)
    months = (np.datetime64("2027-01", "M") + np.arange(12)).astype("datetime64[s]")
    queue = xr.Dataset(
        {
            "arrivals": (axes, rng.gamma(2.0, 50.0, shape)),
            "productivity": (axes, rng.uniform(5.0, 15.0, shape)),
            "withdrawal": (axes, rng.uniform(0.0, 0.05, shape)),
            "backlog": ("country", [100.0, 0.0]),
        },
        coords={"country": ["CAN", "MEX"], "month": months},
    )
    officers = xr.DataArray(np.linspace(5.0, 12.0, 12), dims="month", coords={"month": months})
    both = simulate_queue(queue, officers)
    alone = simulate_queue(queue.sel(country=["MEX"]), officers)
    xr.testing.assert_allclose(both.sel(country=["MEX"]), alone)
    assert float(both["pending"].sel(country="CAN").isel(month=0).max()) == 100.0
    with pytest.raises(DrawsError, match="expected officers for every month 2027-01 to 2027-12, found other labels"):
        simulate_queue(queue, officers.isel(month=slice(6)))


def test_what_is_no_queue_is_refused() -> None:
    one = np.ones((1, 4))
    with pytest.raises(DrawsError, match=r"expected backlog \(draw,\) and arrivals, .* found shapes"):
        run_queue(np.ones(2), one, one, 0 * one)
    with pytest.raises(DrawsError, match="capacity: expected finite numbers of zero or more, found -1"):
        run_queue(np.ones(1), one, -one, 0 * one)
    with pytest.raises(DrawsError, match="arrivals: expected finite numbers of zero or more, found nan"):
        run_queue(np.ones(1), np.nan * one, one, 0 * one)
    with pytest.raises(DrawsError, match="withdrawal: expected shares below one, found 1"):
        run_queue(np.ones(1), one, one, one)
