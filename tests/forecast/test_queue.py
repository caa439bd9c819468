"""A queue worked first in, first out, and what acts on it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from poblar.forecast import DrawsError, simulate_queue
from poblar.forecast.orders import Priority, Removal, WaitResponse
from poblar.forecast.queue import run_queue

MONTHS = (np.datetime64("2027-01", "M") + np.arange(24)).astype("datetime64[s]")


def steady(arrivals: float = 40.0, productivity: float = 30.0, backlog: float = 200.0, draws: int = 1) -> xr.Dataset:
    """Two years in which as many arrive every month and an officer decides as many."""
    flow = xr.DataArray(np.ones((draws, 1, 24)), dims=("draw", "country", "month"))
    return xr.Dataset(
        {"arrivals": arrivals * flow, "productivity": productivity * flow, "withdrawal": 0.02 * flow}
        | {"backlog": ("country", [backlog])},
        coords={"country": ["MEX"], "month": MONTHS},
    )


def series(run: xr.Dataset, name: str) -> np.ndarray:
    return run[name].squeeze(("draw", "country")).to_numpy()


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


def test_shocks_to_staff_and_productivity_are_arithmetic_on_what_is_given() -> None:
    queue, officers = steady(), xr.DataArray(np.ones(24), dims="month", coords={"month": MONTHS})
    closed = simulate_queue(queue, officers.where(officers["month"] < np.datetime64("2028-01"), 0.0))
    assert (series(closed, "decided")[:12] == 30).all()
    assert (series(closed, "decided")[12:] == 0).all()
    assert np.isinf(series(closed, "wait")[12:]).all()
    surge = simulate_queue(queue, 1.5 * officers)
    np.testing.assert_allclose(surge["decided"][..., :6], 45.0)
    xr.testing.assert_allclose(surge, simulate_queue(queue.assign(productivity=1.5 * queue["productivity"]), officers))


def test_claims_by_origin_take_the_place_of_arrivals() -> None:
    """Draw by draw, as `Flows` forecasts them; months that are not the queue's are refused."""
    queue = steady(draws=5)
    months = queue["month"]
    rng = np.random.default_rng(1)
    counts = rng.poisson(50.0, (queue.sizes["draw"], 3, len(months))).astype(float)
    claims = xr.DataArray(
        counts, dims=("draw", "category", "month"), coords={"category": ["HND", "HTI", "CUB"], "month": months}
    )
    run = simulate_queue(queue.assign(arrivals=claims.sum("category")), 4.0)
    np.testing.assert_array_equal(run["arrivals"].squeeze("country").transpose("draw", "month"), counts.sum(axis=1))
    late = claims.isel(month=slice(1, None)).sum("category")
    with pytest.raises(DrawsError, match="arrivals: expected finite numbers of zero or more, found nan"):
        simulate_queue(queue.assign(arrivals=late), 4.0)
    with pytest.raises(DrawsError, match="arrivals: expected no other axes"):
        simulate_queue(queue.assign(arrivals=claims), 4.0)


def test_a_removal_takes_its_share_or_number_of_those_who_wait() -> None:
    queue = steady()
    waiting = float(0.98 * simulate_queue(queue, 1.0)["pending"].sel(month="2028-01").squeeze())  # 2 % withdraw first
    for removal, expected in (
        (Removal(month="2028-01", share=0.25), 0.25 * waiting),
        (Removal(month="2028-01", number=50), 50.0),
        (Removal(month="2028-01", share=0.25, number=50, oldest_first=True), 0.25 * waiting + 50),
        (Removal(month="2028-01", number=1e6), waiting),
    ):
        removed = simulate_queue(queue, 1.0, removals=[removal])["removed"]
        np.testing.assert_allclose(removed.sel(month="2028-01").item(), expected)
        assert float(removed.sum()) == removed.sel(month="2028-01").item()


def test_oldest_first_or_evenly_leaves_as_many_waiting_but_others() -> None:
    """By hand: 30, 20 and 10 of ages 2, 1 and 0; half are removed in the first month, and then nobody is decided."""
    queue = steady(arrivals=0.0, productivity=0.0, backlog=60.0) * 1.0
    queue["withdrawal"] = 0 * queue["withdrawal"]
    ages = xr.DataArray([10.0, 20.0, 30.0], coords={"age": [0, 1, 2]})
    for oldest_first, left in ((True, [0, 10, 20, 0, 0]), (False, [0, 5, 10, 15, 0])):
        removal = Removal(month="2027-01", share=0.5, oldest_first=oldest_first)
        run = simulate_queue(queue, 1.0, ages=ages, removals=[removal], keep=["ages"], longest=4)
        np.testing.assert_allclose(series(run, "pending_by_age")[1], left, atol=1e-12)
        assert run["removed"].sum().item() == pytest.approx(30.0)


def test_a_removal_can_be_of_one_class_and_differ_by_draw() -> None:
    queue = steady(draws=2)
    groups = xr.DataArray([0.25, 0.75], coords={"class": ["children", "others"]})
    queue = queue.assign(arrivals=queue["arrivals"] * groups, backlog=queue["backlog"] * groups)
    removal = Removal(month="2027-01", share=xr.DataArray([0.5, 1.0], dims="draw"), of=["children"])
    run = simulate_queue(queue, 1.0, order=Priority(classes=["children", "others"]), removals=[removal])
    removed = run["removed"].isel(month=0, country=0).transpose("draw", "class").to_numpy()
    np.testing.assert_allclose(removed, [[0.5 * 0.98 * 50, 0], [0.98 * 50, 0]])


def test_arrivals_answer_to_the_wait_of_the_month_before() -> None:
    """The printed equation, on what the run says: waits are cases pending over capacity."""
    queue, elasticity = steady(draws=3), np.array([-0.2, 0.0, 0.3])
    response = WaitResponse(elasticity=xr.DataArray(elasticity, dims="draw"))
    run = simulate_queue(queue, 1.0, response=response)
    wait = (run["pending"] / queue["productivity"]).transpose("draw", "country", "month").to_numpy()[:, 0]
    factor = (wait[:, :-1] / wait[:, :1]) ** -elasticity[:, None]
    np.testing.assert_allclose(run["arrivals"][:, 0, 1:], 40.0 * factor)
    assert (run["arrivals"][:, 0, 0] == 40.0).all()
    assert run["arrivals"][2, 0, -1] < 40.0 < run["arrivals"][0, 0, -1]


@given(st.integers(0, 10**6))
def test_without_elasticity_arrivals_are_as_they_were(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queue = steady(draws=2)
    for name, most in (("arrivals", 80.0), ("productivity", 60.0), ("withdrawal", 0.2)):
        queue[name] = queue[name] * 0 + rng.uniform(0.0, most, queue[name].shape) * (rng.random(24) < 0.8)
    xr.testing.assert_identical(
        simulate_queue(queue, 1.0, response=WaitResponse(elasticity=0.0)), simulate_queue(queue, 1.0)
    )


def test_a_response_keeps_to_its_limits() -> None:
    queue = steady()
    queue["productivity"][..., 6:] = 0.0  # closed: the wait is the longest there is, 12 months
    response = WaitResponse(elasticity=0.5, waits=(1.0, 12.0), factors=(0.0, 2.0))
    arrivals = series(simulate_queue(queue, 1.0, response=response), "arrivals")
    np.testing.assert_allclose(arrivals[7:], 40.0 * (12.0 / (200.0 / 30.0)) ** -0.5)
    arrivals = series(simulate_queue(queue, 1.0, response=WaitResponse(elasticity=3.0)), "arrivals")
    np.testing.assert_allclose(arrivals[7:], 20.0)
    empty = series(simulate_queue(steady(backlog=0.0), 1.0, response=WaitResponse(elasticity=0.5)), "arrivals")
    np.testing.assert_allclose(empty[:4], 40.0)  # under a month of work counts as a month


def test_what_acts_on_no_queue_is_refused() -> None:
    queue = steady()
    ages = xr.DataArray([100.0, 99.0], coords={"age": [0, 1]})
    with pytest.raises(DrawsError, match="ages: expected a sum of 200, the backlog, found 199"):
        simulate_queue(queue, 1.0, ages=ages)
    with pytest.raises(DrawsError, match="ages: expected persons of zero or more, found -1"):
        simulate_queue(queue, 1.0, ages=xr.DataArray([201.0, -1.0], coords={"age": [0, 1]}))
    with pytest.raises(DrawsError, match="ages: expected persons along age 0, 1, 2"):
        simulate_queue(queue, 1.0, ages=ages.assign_coords(age=[1, 2]))
    with pytest.raises(DrawsError, match="backlog: expected finite numbers of zero or more, found -200"):
        simulate_queue(steady(backlog=-200.0), 1.0)
    with pytest.raises(DrawsError, match=r"withdrawal: expected shares below one, found 1\.2"):
        simulate_queue(queue.assign(withdrawal=60 * queue["withdrawal"]), 1.0)
    with pytest.raises(DrawsError, match="expected a removal in a month from 2027-01 to 2028-12"):
        simulate_queue(queue, 1.0, removals=[Removal(month="2029-01", share=0.1)])
    with pytest.raises(DrawsError, match="expected one removal in a month, found two in 2028-01"):
        simulate_queue(queue, 1.0, removals=[Removal(month="2028-01", share=0.1)] * 2)
    with pytest.raises(DrawsError, match=r"removal of 2028-01: expected classes of .* found \['children'\]"):
        simulate_queue(queue, 1.0, removals=[Removal(month="2028-01", share=0.1, of=["children"])])
    for share in (1.1, -0.1, np.nan):
        with pytest.raises(DrawsError, match="removal of 2028-01: expected share= from 0 to 1"):
            Removal(month="2028-01", share=share)
    with pytest.raises(DrawsError, match="expected number= of zero or more, found inf"):
        Removal(month="2028-01", number=np.inf)
    with pytest.raises(DrawsError, match="elasticity: expected the labels of the queue along"):
        simulate_queue(queue, 1.0, response=WaitResponse(elasticity=xr.DataArray(np.zeros(7), dims="draw")))
    with pytest.raises(DrawsError, match="expected a finite elasticity, found nan"):
        WaitResponse(elasticity=np.nan)
    with pytest.raises(DrawsError, match=r"expected waits=\(shortest, longest\) in months"):
        WaitResponse(elasticity=0.1, waits=(0.0, 12.0))
    with pytest.raises(DrawsError, match=r"expected factors=\(least, most\) with one between them"):
        WaitResponse(elasticity=0.1, factors=(1.1, 2.0))
    with pytest.raises(DrawsError, match="expected keep= some of"):
        simulate_queue(queue, 1.0, keep=["waits"])
