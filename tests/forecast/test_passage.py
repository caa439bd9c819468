"""Cases through stages: nobody is lost, flows and times have closed forms, and a queue can move to the next stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from poblar.forecast import DrawsError, mean_wait, share_decided_within, simulate_queue
from poblar.forecast.orders import ORDERS
from poblar.forecast.passage import Route, Stage, gamma_lag, passage_times, simulate_passage
from poblar.forecast.queue import run_queue

NAMES = ("first decision", "appeal", "further review", "return")
few = settings(max_examples=25)


def months(number: int, first: str = "2027-01") -> np.ndarray:
    return (np.datetime64(first, "M") + np.arange(number)).astype("datetime64[s]")


def by_month(values: Any, first: str = "2027-01") -> xr.DataArray:
    """Along month, or (draw, month)."""
    values = np.asarray(values, dtype=float)
    dims = ("draw", "month")[2 - values.ndim :]
    return xr.DataArray(values, dims=dims, coords={"month": months(values.shape[-1], first)})


def steady(number: int, arrivals: float = 1000.0) -> xr.DataArray:
    return by_month(np.full(number, arrivals))


def line(run: xr.Dataset, name: str, stage: str = NAMES[0]) -> np.ndarray:
    return run[name].sel(stage=stage).squeeze("draw").to_numpy()


def random_passage(seed: int) -> tuple[xr.DataArray, dict[str, Stage]]:
    """Three or four stages with capacity for a part of what comes, ways back and lags, and three draws."""
    rng = np.random.default_rng(seed)
    number, stages = int(rng.integers(2, 40)), {}

    def flow(scale: float) -> xr.DataArray:
        return by_month(rng.gamma(0.7, scale, (3, number)) * (rng.random((3, number)) < 0.9))

    def lag(least: int) -> xr.DataArray:
        shares = rng.dirichlet(np.ones(int(rng.integers(1, 6))), 3)
        return xr.DataArray(np.pad(shares, ((0, 0), (least, 0))), dims=("draw", "after"))

    names = NAMES[: int(rng.integers(3, 5))]
    for at, name in enumerate(names):
        shares = rng.dirichlet(np.ones(3))
        onward = rng.dirichlet(np.ones(3)) if at + 1 < len(names) else np.zeros(3)
        ways = [Route(to=to, share=float(g), lag=lag(0)) for to, g in zip(names[at + 1 :], onward, strict=False)]
        back = Route(to=names[int(rng.integers(0, at + 1))], share=float(shares[1]), lag=lag(1))
        stages[name] = Stage(
            capacity=flow(60.0 / (at + 1)),
            backlog=xr.DataArray(rng.gamma(1.0, 50.0, 3), dims="draw"),
            withdrawal=float(rng.uniform(0.0, 0.1)),
            order=str(rng.choice(ORDERS)),
            recognized=float(shares[0]),
            remitted=[back] if rng.random() < 0.7 else [],
            rejected=ways,
        )
    return flow(100.0), stages


@few
@given(st.integers(0, 10**6))
def test_no_case_is_lost(seed: int) -> None:
    arrivals, stages = random_passage(seed)
    run = simulate_passage(arrivals, stages)
    assert all(float(run[name].min()) >= 0.0 for name in run if name != "waited")
    outcomes = run["recognized"] + run["remitted"] + run["onward"] + run["left"]
    np.testing.assert_allclose(run["decided"], outcomes, atol=1e-9)
    change = run["arrivals"] - run["decided"] - run["withdrawn"]
    np.testing.assert_allclose(run["pending"].diff("month"), change.isel(month=slice(-1)), atol=1e-8)
    moving = (run["onward"] + run["remitted"] - run["lodged"]).sum("stage")
    on_the_way = run["waiting_to_lodge"].sum("stage")
    np.testing.assert_allclose(on_the_way.diff("month"), moving.isel(month=slice(-1)), atol=1e-8)
    # All who ever came are somewhere: they wait, are on their way, or have left for good.
    start = run["pending"].isel(month=0).sum("stage")
    came = start + arrivals.isel(month=slice(-1)).sum("month")
    out = (run["recognized"] + run["left"] + run["withdrawn"]).isel(month=slice(-1)).sum(["month", "stage"])
    there = (run["pending"].sum("stage") + on_the_way).isel(month=-1)
    np.testing.assert_allclose(came, out + there, rtol=1e-10)


@few
@given(st.integers(0, 10**6))
def test_month_by_month_by_hand(seed: int) -> None:
    """The same passage with nothing but sums: what waits, what is decided, and a calendar of who lodges when."""
    arrivals, stages = random_passage(seed)
    run = simulate_passage(arrivals, stages)
    number, draw = arrivals.sizes["month"], 1
    pending = {name: float(xr.DataArray(stage.backlog)[draw]) for name, stage in stages.items()}
    lodging = {name: np.zeros(number + 10) for name in stages}
    lodging[NAMES[0]][:number] = arrivals[draw]
    for month in range(number):
        for name, stage in stages.items():
            assert float(run["pending"].sel(stage=name)[draw, month]) == pytest.approx(pending[name], abs=1e-8)
            there = pending[name] * (1.0 - stage.withdrawal) + lodging[name][month]
            decided = min(there, float(stage.capacity[draw, month]))
            pending[name] = there - decided
            sent = [(way, decided * way.share) for way in stage.remitted]
            rejected = decided * (1.0 - stage.recognized - sum(way.share for way in stage.remitted))
            for way, cases in [*sent, *((way, rejected * way.share) for way in stage.rejected)]:
                shares = way.shares[draw].to_numpy()
                lodging[way.to][month : month + len(shares)] += cases * shares


@few
@given(st.integers(0, 10**6))
def test_one_stage_is_a_queue(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (4, int(rng.integers(1, 40)))
    backlog, arrivals, capacity = rng.gamma(1.0, 50.0, 4), rng.gamma(0.7, 20.0, shape), rng.gamma(0.7, 22.0, shape)
    withdrawal = rng.uniform(0.0, 0.3, shape)
    stage = Stage(
        capacity=by_month(capacity), backlog=xr.DataArray(backlog, dims="draw"), withdrawal=by_month(withdrawal)
    )
    run = simulate_passage(by_month(arrivals), {"only": stage}).sel(stage="only")
    queue = run_queue(backlog, arrivals, capacity, withdrawal)
    np.testing.assert_array_equal(run["pending"], queue.pending[:, :-1])
    for name in ("decided", "withdrawn", "wait"):
        np.testing.assert_array_equal(run[name], getattr(queue, name))
    np.testing.assert_array_equal(run["left"], run["decided"])


@pytest.mark.parametrize("order", ORDERS)
def test_a_stage_is_worked_in_its_order_and_keeps_its_waits(order: str) -> None:
    """Appeals from a first stage that decides 60 a month are a queue with 60 arrivals a month."""
    ages = xr.DataArray([10.0, 20.0, 30.0], coords={"age": [0, 1, 2]})
    stages = {
        "first decision": Stage(capacity=60.0, backlog=1000.0, rejected=[Route(to="appeal", share=1.0)]),
        "appeal": Stage(capacity=40.0, backlog=60.0, withdrawal=0.02, order=order, ages=ages),
    }
    run = simulate_passage(steady(12, 60.0), stages, keep=["arrivals", "ages"], longest=6).sel(stage="appeal")
    flow = xr.DataArray(np.ones((1, 1, 12)), dims=("draw", "country", "month"), coords={"month": months(12)})
    queue = xr.Dataset({"arrivals": 60 * flow, "productivity": 40 * flow, "withdrawal": 0.02 * flow})
    queue = queue.assign(backlog=("country", [60.0]))
    expected = simulate_queue(queue, 1.0, order=order, ages=ages, keep=["arrivals", "ages"], longest=6)
    for name in ("waited", "arrivals_decided", "pending_by_age"):
        np.testing.assert_array_equal(run[name], expected[name].squeeze("country"))
    np.testing.assert_array_equal(share_decided_within(run, 3), share_decided_within(expected, 3).squeeze("country"))


def test_flows_and_times_in_a_steady_state() -> None:
    """With a share of appeals remitted, visits to the first stage are a geometric series."""
    a, r, g, m, r2, g2 = 1000.0, 0.4, 0.75, 0.1, 0.3, 0.2
    first = a / (1.0 - m * g * (1.0 - r))
    appeal = g * (1.0 - r) * first
    review = g2 * (1.0 - m - r2) * appeal
    stages = {
        "first decision": Stage(
            capacity=first, backlog=5 * first, recognized=r, rejected=[Route(to="appeal", share=g, lag=gamma_lag(1.5))]
        ),
        "appeal": Stage(
            capacity=appeal,
            backlog=8 * appeal,
            recognized=r2,
            remitted=[
                Route(to="first decision", share=m, lag=gamma_lag(2.0).shift(after=1, fill_value=0.0).pipe(whole))
            ],
            rejected=[Route(to="further review", share=g2, lag=[0.0, 0.5, 0.5])],
        ),
        "further review": Stage(capacity=review, backlog=3 * review),
    }
    # Before the first month all went as it goes on: who is on the way lodges in the months to come.
    lags = {way.to: way.shares.to_numpy() for stage in stages.values() for way in [*stage.remitted, *stage.rejected]}
    rates = {"appeal": appeal, "first decision": m * appeal, "further review": review}
    number = 60
    outside = {
        name: rates[name] * np.pad(lag, (0, number))[::-1].cumsum()[::-1][1 : number + 1] for name, lag in lags.items()
    }
    outside["first decision"] = outside["first decision"] + a
    arrivals = xr.concat([by_month(outside[name]) for name in stages], pd.Index(stages, name="stage"))
    run = simulate_passage(arrivals, stages)
    for name, rate in zip(stages, (first, appeal, review), strict=True):
        for flow in ("arrivals", "decided"):
            np.testing.assert_allclose(line(run, flow, name), rate, rtol=1e-9)
    np.testing.assert_allclose(line(run, "recognized", "appeal"), r2 * appeal)
    np.testing.assert_allclose(line(run, "left", "appeal"), (1 - g2) * (1 - m - r2) * appeal)
    settled = run.isel(month=slice(30, None))
    times = passage_times(settled).squeeze("draw")
    np.testing.assert_allclose(times["in_stage"], [5.0, 8.0, 3.0])
    np.testing.assert_allclose(mean_wait(settled).squeeze("draw").mean("month"), [5.0, 8.0, 3.0])
    back = float(lags["first decision"] @ np.arange(len(lags["first decision"])))
    on_the_way = 1.5 * appeal + back * m * appeal + 1.5 * review
    expected = (5 * first + 8 * appeal + 3 * review + on_the_way) / a
    assert float(times["passage"]) == pytest.approx(expected, rel=1e-5)
    assert float(times["to_lodge"][0]) == pytest.approx(1.5, rel=1e-5)


def whole(lag: xr.DataArray) -> xr.DataArray:
    return lag / lag.sum("after")


def test_lags() -> None:
    """A gamma lag has its mean and, but for the month's grid, its variance; a pulse of cases arrives by its shares."""
    means = xr.DataArray([0.0, 0.4, 2.5, 9.0], dims="draw")
    for shape in (0.5, 1.0, 4.0):
        lag = gamma_lag(means, shape)
        np.testing.assert_allclose(lag.sum("after"), 1.0)
        mean = (lag * lag["after"]).sum("after")
        np.testing.assert_allclose(mean, means, rtol=2e-4, atol=1e-7)
        variance = ((lag["after"] - mean) ** 2 * lag).sum("after")
        # A fractional part that is uniform adds 1/6 to the variance of a lag that is wider than a month.
        np.testing.assert_allclose(variance[-1], 81.0 / shape + 1 / 6, rtol=5e-3)
    simulated = np.floor(np.random.default_rng(1).random(200_000) + np.random.default_rng(2).gamma(2.0, 1.5, 200_000))
    np.testing.assert_allclose(gamma_lag(3.0, 2.0)[:8], [(simulated == month).mean() for month in range(8)], atol=3e-3)
    pulse = by_month([100.0] + [0.0] * 7)
    stages = {
        "first decision": Stage(capacity=1000.0, rejected=[Route(to="appeal", share=0.5, lag=[0.1, 0.0, 0.6, 0.3])]),
        "appeal": Stage(capacity=0.0),
    }
    run = simulate_passage(pulse, stages)
    np.testing.assert_allclose(line(run, "lodged", "appeal"), [5, 0, 30, 15, 0, 0, 0, 0])
    np.testing.assert_allclose(line(run, "waiting_to_lodge"), [0, 45, 45, 15, 0, 0, 0, 0])


def office(first: float, appeal: float) -> dict[str, Stage]:
    """Four of ten are recognized, three quarters of the others appeal, and three of ten appeals are allowed."""
    ways = [Route(to="appeal", share=0.75, lag=gamma_lag(1.0))]
    return {
        "first decision": Stage(capacity=first, backlog=20_000.0, recognized=0.4, rejected=ways),
        "appeal": Stage(capacity=appeal, backlog=1000.0, recognized=0.3),
    }


def test_faster_first_decisions_move_the_queue_to_appeals() -> None:
    """Of a thousand decided besides, 450 appeal; without more judges nearly all of them wait there."""
    slow, fast, both = (
        simulate_passage(steady(37), office(*capacity))["pending"].isel(draw=0, month=-1)
        for capacity in ((1000.0, 450.0), (1500.0, 450.0), (1500.0, 675.0))
    )
    first, appeal = (slow - fast).to_numpy()
    assert first == 36 * 500
    assert appeal == pytest.approx(-0.45 * 500 * 35, rel=0.01)  # a month is spent on the way
    total = float((slow - fast).sum())
    assert 0.55 * first < total < 0.6 * first
    assert float((slow - both).sum()) > 0.95 * first  # with half as many judges again it is gone
    assert float(both.sel(stage="appeal")) <= 1000.0


def test_draws_and_countries_are_worlds_of_their_own() -> None:
    arrivals, stages = random_passage(5)
    both = xr.concat([arrivals, 2 * arrivals], pd.Index(["MEX", "GTM"], name="country"))
    run = simulate_passage(both, stages)
    assert run["pending"].dims == ("draw", "country", "stage", "month")
    one = simulate_passage(arrivals, stages)
    assert one["pending"].dims == ("draw", "stage", "month")
    assert set(one.coords) == {"stage", "month"}
    xr.testing.assert_allclose(run.sel(country="MEX", drop=True), one)
    chosen = simulate_passage(both.sel(country="MEX"), stages)
    xr.testing.assert_identical(chosen, one)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recognized": 1.2}, "expected shares from 0 to 1, found 1.2"),
        ({"recognized": np.nan}, "expected shares from 0 to 1"),
        ({"order": "by age"}, "expected one of the orders 'first in, first out"),
        ({"recognized": 0.7, "remitted": [Route(to="a", share=0.4, lag=[0, 1])]}, "of one in all at most, found 1.1"),
        (
            {"rejected": [Route(to="b", share=xr.DataArray([0.2, 0.6], dims="draw")), Route(to="c", share=0.5)]},
            "routes of the rejected: expected shares of one in all at most, found 1.1; lower one",
        ),
    ],
)
def test_what_is_no_stage_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        Stage(capacity=1.0, **options)


@pytest.mark.parametrize(
    ("lag", "message"),
    [
        ([0.5, 0.4], "one in all, found a least of 0.4 and a sum of 0.9; divide"),
        ([1.5, -0.5], "found a least of -0.5"),
        ([], "expected a lag along after"),
        (xr.DataArray([1.0], dims="month"), "expected a lag along after"),
    ],
)
def test_lags_that_are_none_are_refused(lag: Any, message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        Route(to="appeal", share=0.5, lag=lag)


def test_what_is_no_passage_is_refused() -> None:
    first = Stage(capacity=10.0, rejected=[Route(to="appeal", share=0.5)])
    appeal = Stage(capacity=10.0)
    for stages, message in (
        ({"first": first}, "first: expected a route to one of \\['first'\\], found 'appeal'; add the stage"),
        ({"appeal": appeal, "first": first}, "first: expected a month at least on the way back to 'appeal'"),
        ({"first": first, "appeal": Stage(capacity=-1.0)}, "appeal: capacity: expected finite numbers of zero or more"),
        ({"first": first, "appeal": Stage(capacity=1.0, withdrawal=1.0)}, "appeal: withdrawal: expected shares below"),
        ({"first": Stage(capacity=by_month(np.ones(5)))}, "the same draws, countries and months everywhere"),
        ({"first": Stage(capacity=xr.DataArray([1.0], dims="office"))}, "expected figures along labelled"),
    ):
        with pytest.raises(DrawsError, match=message):
            simulate_passage(steady(6), stages)
    with pytest.raises(DrawsError, match="arrivals: expected persons along month"):
        simulate_passage(xr.DataArray(1.0), {"first": appeal})
    with pytest.raises(DrawsError, match=r"expected labelled stages of .*, found \['review'\]"):
        simulate_passage(steady(6).expand_dims(stage=["review"]), {"first": appeal})
    for mean, shape in ((-1.0, 1.0), (np.inf, 1.0), (1.0, 0.0)):
        with pytest.raises(DrawsError, match="expected a mean of zero or more months and a shape above zero"):
            gamma_lag(mean, shape)
