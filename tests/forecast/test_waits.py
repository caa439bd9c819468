"""Indicators of waits, by hand and against the queue itself."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from poblar.forecast import DrawsError, simulate_queue
from poblar.forecast.orders import ORDERS, Priority
from poblar.forecast.waits import (
    all_classes,
    mean_wait,
    share_decided_within,
    share_pending_longer,
    wait_distribution,
    wait_quantile,
)

ALL = ("arrivals", "pending", "ages")
few = settings(max_examples=25)


def queue_of(arrivals: list[float], capacity: list[float], backlog: float, withdrawal: float = 0.0) -> xr.Dataset:
    axes, number = ("draw", "country", "month"), len(arrivals)
    return xr.Dataset(
        {
            "arrivals": (axes, [[arrivals]]),
            "productivity": (axes, [[capacity]]),
            "withdrawal": (axes, np.full((1, 1, number), withdrawal)),
            "backlog": ("country", [backlog]),
        },
        coords={"country": ["MEX"], "month": np.datetime64("2027-01", "M") + np.arange(number)},
    ).assign_coords(month=lambda queue: queue["month"].astype("datetime64[s]"))


def random_run(seed: int, order: str = ORDERS[0], withdrawal: float = 0.05) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    number = int(rng.integers(4, 30))
    queue = queue_of(list(rng.gamma(2.0, 20.0, number)), list(rng.gamma(2.0, 20.0, number)), 50.0, withdrawal)
    ages = xr.DataArray([25.0, 25.0], coords={"age": [0, 1]})
    return simulate_queue(queue, 1.0, order=order, ages=ages, keep=ALL, longest=number)


def line(values: xr.DataArray) -> list[float]:
    return values.squeeze(("draw", "country")).to_numpy().tolist()


def test_by_hand() -> None:
    """Ten wait; twenty come each month and ten are decided: one month later, two months later, and so on."""
    ages = xr.DataArray([4.0, 6.0], coords={"age": [0, 1]})
    run = simulate_queue(queue_of([20.0] * 4, [10.0] * 4, 10.0), 1.0, ages=ages, keep=ALL, longest=3)
    assert line(share_decided_within(run, 1)) == [0.5, 0.0, 0.0]
    assert line(share_decided_within(run, 2)) == [1.0, 0.5]
    assert line(mean_wait(run)) == pytest.approx([1.6, 1.0, 2.0, 2.0])
    assert line(share_pending_longer(run, 1)) == pytest.approx([0.6, 0.0, 1 / 3, 0.5])
    assert line(share_pending_longer(run, 2)) == pytest.approx([0.0] * 4)
    assert line(wait_quantile(run, 0.5)) == [1.0, 2.0, np.inf, np.inf]
    assert line(wait_quantile(run, 1.0, of="pending")) == [0.0, 1.0, np.inf, np.inf]
    shares = wait_distribution(run).isel(month=0)
    assert line(shares["decided"]) == [0.0, 0.5, 0.5, 0.0]
    assert line(shares["waiting"]) == [1.0, 0.5, 0.0, 0.0]
    assert line(shares["left"]) == [0.0, 0.0, 0.0, 0.0]
    known = wait_distribution(run, of="pending")["decided"].isel(month=2)
    np.testing.assert_allclose(line(known), [1 / 3, 1 / 3, np.nan, np.nan])


def test_a_wait_can_have_a_long_tail_and_a_short_median() -> None:
    """Last in, first out, of twenty who come ten are decided at once; the others wait until nobody comes any more."""
    run = simulate_queue(
        queue_of([20.0] * 3 + [0.0] * 3, [10.0] * 6, 0.0), 1.0, order="last in, first out", keep=ALL, longest=5
    )
    assert line(share_decided_within(run, 0)) == [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]
    assert line(wait_quantile(run, 0.5))[:3] == [0.0, 0.0, 0.0]
    assert line(wait_quantile(run, 1.0))[:3] == [5.0, 3.0, 1.0]
    assert line(mean_wait(run)) == [0.0, 0.0, 0.0, 1.0, 3.0, 5.0]


@few
@given(st.integers(0, 10**6), st.sampled_from(ORDERS))
def test_decided_waiting_and_left_are_one(seed: int, order: str) -> None:
    run = random_run(seed, order)
    arrived = wait_distribution(run)
    for shares in (arrived, wait_distribution(run, of="pending")):
        total = shares["decided"].cumsum("after", skipna=False) + shares["waiting"] + shares["left"]
        np.testing.assert_allclose(total.fillna(1.0), 1.0)
    known = arrived["waiting"].notnull().sum("after").to_numpy()
    assert (known == np.arange(run.sizes["month"], 0, -1)).all()
    assert float(arrived["left"].isel(after=0).max()) < 1e-12
    np.testing.assert_allclose(
        share_decided_within(run, 2),
        arrived["decided"].isel(after=slice(3)).sum("after")[..., : run.sizes["month"] - 2],
    )


@few
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1]))
def test_first_in_first_out_the_longest_wait_is_that_of_the_queue(seed: int, withdrawal: float) -> None:
    run = random_run(seed, withdrawal=withdrawal)
    np.testing.assert_array_equal(wait_quantile(run, 1.0), run["wait"])
    waits = [wait_quantile(run, share) for share in (0.1, 0.5, 0.9)]
    assert bool((waits[0] <= waits[1]).all())
    assert bool((waits[1] <= waits[2]).all())


def test_withdrawal_does_not_lengthen_the_wait_of_those_who_stay() -> None:
    """A third of those who wait gives up every month, the office decides one of ten: a stayer has one chance in ten."""
    number = 60
    arrivals, waiting = 100.0, 1000.0
    queue = queue_of([arrivals] * number, [0.0] * number, waiting, withdrawal=1 / 3)
    queue["productivity"] = queue["productivity"] + 25.0
    run = simulate_queue(queue, 1.0, order="random", keep=ALL, longest=40)
    chance = float((run["decided"] / (run["decided"] + run["pending"].shift(month=-1))).isel(month=-2).squeeze())
    median = np.ceil(np.log(0.5) / np.log(1.0 - chance)) - 1  # decided in the month itself, after 0 months
    assert line(wait_quantile(run, 0.5))[15:20] == [median] * 5
    assert float(wait_distribution(run)["decided"].isel(month=15).sum()) < 0.5  # most never get a decision


def test_what_is_not_known_of_a_backlog_without_ages_is_no_number() -> None:
    """Fifty wait, nobody knows how long, and thirty are decided a month; twenty come."""
    queue = queue_of([20.0] * 8, [30.0] * 8, 50.0)
    run = simulate_queue(queue, 1.0, keep=["ages"], longest=6)
    assert np.isnan(line(mean_wait(run))[:2]).all()
    assert np.isfinite(line(mean_wait(run))[2:]).all()
    longer = share_pending_longer(run, 1)
    assert longer["month"].to_numpy()[0] == queue["month"].to_numpy()[1]
    old = xr.DataArray([0.0] * 7 + [50.0], coords={"age": range(8)})
    known = simulate_queue(queue, 1.0, ages=old, keep=["ages"], longest=6)
    xr.testing.assert_allclose(longer, share_pending_longer(known, 1).isel(month=slice(1, None)))
    with pytest.raises(DrawsError, match="expected a run of more than 5 months for a backlog of unknown age"):
        share_pending_longer(run.isel(month=slice(2)), 5)


def test_nobody_is_no_share_of_anything() -> None:
    run = simulate_queue(queue_of([10.0, 0.0, 10.0], [20.0] * 3, 0.0), 1.0, keep=ALL, longest=2)
    assert line(share_decided_within(run, 0)) == [1.0, 1.0, 1.0]
    assert line(share_pending_longer(run, 1)) == [0.0, 0.0, 0.0]
    assert np.isnan(line(wait_quantile(run, 0.5))[1])
    assert np.isnan(line(mean_wait(run))[1])


def test_classes_add_up() -> None:
    queue = queue_of([20.0] * 6, [15.0] * 6, 40.0)
    groups = xr.DataArray([0.25, 0.75], coords={"class": ["children", "others"]})
    split = queue.assign(arrivals=queue["arrivals"] * groups, backlog=queue["backlog"] * groups)
    run = simulate_queue(split, 1.0, order=Priority(classes=["children", "others"]), keep=ALL, longest=3)
    quick = share_decided_within(run, 1)
    assert bool((quick.sel({"class": "children"}) == 1.0).all())
    both = all_classes(run)
    expected = 0.25 * quick.sel({"class": "children"}) + 0.75 * quick.sel({"class": "others"})
    np.testing.assert_allclose(share_decided_within(both, 1), expected)
    assert bool(np.isnan(both["arrivals_decided"].isel(month=-1, after=1)).all())
    with pytest.raises(DrawsError, match="expected a run with classes"):
        all_classes(both)


def test_what_was_not_kept_is_refused() -> None:
    run = simulate_queue(queue_of([20.0] * 6, [15.0] * 6, 40.0), 1.0, keep=["arrivals"], longest=3)
    with pytest.raises(DrawsError, match="expected a run that kept 'ages', found"):
        share_pending_longer(run, 1)
    with pytest.raises(DrawsError, match="expected a run that kept 'pending', found"):
        wait_quantile(run, 0.5, of="pending")
    with pytest.raises(DrawsError, match="expected months= of at most the 3 kept, found 4; raise longest="):
        share_decided_within(run, 4)
    with pytest.raises(DrawsError, match="expected a share above 0 to 1, found 0"):
        wait_quantile(run, 0.0)
    with pytest.raises(DrawsError, match="expected months= of one or more, found 0"):
        share_pending_longer(simulate_queue(queue_of([1.0], [1.0], 0.0), 1.0, keep=["ages"]), 0)
    with pytest.raises(DrawsError, match="expected months= from 0 to below 2, the months of the run, found 3"):
        share_decided_within(run.isel(month=slice(2)), 3)
