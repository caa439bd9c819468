"""Capacity from staff: what the model recovers, what a staff path can decide, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from poblar.data import DataError, Panel
from poblar.data.capacity import read_staff
from poblar.forecast import DrawsError, Posterior
from poblar.forecast.priors import LogNormal
from poblar.forecast.processing import JUDGES, Processing, StaffPath, _Months, capacity, in_cases
from poblar.forecast.queue import run_queue, simulate_queue

ABOUT = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
RAMP, PRODUCTIVITY, ATTRITION = 8.0, 12.0, 0.15


def months(count: int, first: str = "2020-01-01") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq="MS")


def panel(series: Mapping[str, NDArray[np.float64]], **attrs: str) -> Panel:
    units = {"staff": "officers"}
    return Panel(
        xr.Dataset(
            {
                name: ("month", v, {"units": units.get(name, "decisions per month")} | attrs)
                for name, v in series.items()
            },
            coords={"month": months(len(series["staff"]))},
            attrs=ABOUT,
        )
    )


def by_month(values: object, first: str = "2027-01-01") -> xr.DataArray:
    array = np.asarray(values, dtype=float)
    return xr.DataArray(array, coords={"month": months(len(array), first)}, dims="month")


def drawn(count: int, ramps: list[float], productivity: float = 20.0) -> xr.Dataset:
    size = (len(ramps), count)
    units = {"units": "decisions per officer-month"}
    return xr.Dataset(
        {
            "productivity": (("draw", "month"), np.full(size, productivity), units),
            "ramp": ("draw", ramps),
            "presence": ("draw", np.full(len(ramps), 0.8)),
        },
        coords={"draw": np.arange(len(ramps)), "month": months(count, "2027-01-01")},
    )


@pytest.fixture(scope="module")
def office() -> dict[str, NDArray[np.float64]]:
    """Five years of an office that loses people at random, hires now a few and now sixty, and wanders a little."""
    rng = np.random.default_rng(4)
    cohorts, staff, trained = {-1000: 100}, np.empty(60), np.empty(60)  # people by the month of their first day
    for month in range(60):
        cohorts = {first: rng.binomial(people, (1 - ATTRITION) ** (1 / 12)) for first, people in cohorts.items()}
        cohorts[month] = rng.binomial(6, 0.25) + 60 * (month in (12, 28, 44))
        staff[month] = sum(cohorts.values())
        trained[month] = sum(people * min((month - first) / RAMP, 1.0) for first, people in cohorts.items())
    wander = np.zeros(60)
    for month in range(1, 60):
        wander[month] = 0.5 * wander[month - 1] + 0.04 * rng.standard_t(4)
    return {"staff": staff, "decisions": trained * PRODUCTIVITY * np.exp(wander)}


@pytest.fixture(scope="module")
def fitted(office: dict[str, NDArray[np.float64]]) -> Posterior[xr.Dataset]:
    return Processing().fit(panel(office), seed=1)


def test_the_learning_ramp_and_productivity_are_recovered(fitted: Posterior[xr.Dataset]) -> None:
    """The intervals hold the truth, and are much narrower than those of the priors: 2.4 and 4.7 on the log."""
    for name, truth, widest in (("ramp", RAMP, 1.0), ("productivity", PRODUCTIVITY, 0.3)):
        low, high = fitted.parameters[name].quantile([0.025, 0.975]).to_numpy()
        assert low < truth < high
        assert np.log(high / low) < widest


def test_a_forecast_has_draws_of_productivity_near_the_truth(fitted: Posterior[xr.Dataset]) -> None:
    future = fitted.forecast(until="2026-12", draws=500, seed=1)
    assert future["productivity"].dims == ("draw", "month")
    assert str(future["month"].to_numpy()[0])[:7] == "2025-01"
    assert future["productivity"].attrs["units"] == "decisions per officer-month"
    assert float(future["productivity"].isel(month=-1).median()) == pytest.approx(PRODUCTIVITY, rel=0.1)
    xr.testing.assert_identical(future, fitted.forecast(until="2026-12", draws=500, seed=1))


def test_months_without_work_do_not_count_as_slow_officers(office: dict[str, NDArray[np.float64]]) -> None:
    """In the last year there are too few cases; who is told so still knows what the officers can do."""
    cases = np.where(np.arange(60) < 48, 1e6, 0.6 * office["decisions"])
    held_up = office | {"decisions": np.minimum(office["decisions"], cases), "available": cases}
    posterior = Processing().fit(panel(held_up), seed=1)
    future = posterior.forecast(until="2025-12", draws=500, seed=1)["productivity"]
    low, high = future.isel(month=-1).quantile([0.1, 0.9]).to_numpy()
    assert 0.8 * PRODUCTIVITY < low < PRODUCTIVITY < high  # at face value the last year shows 0.6 of it


def test_the_uks_months_pass_the_gate_and_productivity_is_three_decisions_a_month(asylum_folder: Path) -> None:
    path = asylum_folder / "uk_staff_interviews_decisions_monthly.csv"
    posterior = Processing().fit(read_staff(path), seed=1)  # raises where the chains do not agree
    low, high = posterior.parameters["productivity"].quantile([0.1, 0.9]).to_numpy()
    assert 2.7 < low < high < 4.2
    future = posterior.forecast(until="2023-12", draws=500, seed=1)
    assert float(future["productivity"].max()) <= 3.0 * 2149 / 555 * (1 + 1e-9)  # three times the best, March 2021


def test_constant_trained_staff_decides_staff_times_productivity() -> None:
    path = StaffPath(in_post=50, hires=by_month(np.zeros(12)), attrition=0.0)
    found = capacity(drawn(12, [1.0, 6.0]), path)
    np.testing.assert_allclose(found, 1000.0)
    assert found.attrs["units"] == "decisions per month"


@given(ramp=st.floats(1.0, 20.0), hired=st.floats(0.0, 500.0), at=st.integers(0, 20), attrition=st.floats(0.0, 0.6))
def test_a_cohort_learns_along_the_ramp_and_leaves_with_attrition(
    ramp: float, hired: float, at: int, attrition: float
) -> None:
    hires = np.zeros(24)
    hires[at] = hired
    path = StaffPath(in_post=50, hires=by_month(hires), attrition=attrition)
    since, stay = np.arange(24) - at, (1.0 - attrition) ** (1.0 / 12.0)
    here = np.where(since >= 0, hired * stay ** np.maximum(since, 0), 0.0)
    learnt = np.clip(since / ramp, 0.0, 1.0)
    old = 50.0 * stay ** np.arange(1, 25)
    np.testing.assert_allclose(path.staff, old + here, rtol=1e-9)
    np.testing.assert_allclose(capacity(drawn(24, [ramp]), path)[0], 20.0 * (old + here * learnt), rtol=1e-9)


def test_staff_that_replaces_its_leavers_has_a_constant_share_of_trainees() -> None:
    stay = (1.0 - 0.3) ** (1.0 / 12.0)
    path = StaffPath(in_post=100, hires=by_month(np.full(60, 100.0 * (1.0 - stay))), attrition=0.3)
    np.testing.assert_allclose(path.staff, 100.0)
    lag = np.arange(10)
    lacking = 100.0 * (1.0 - stay) * ((1.0 - lag / 10.0) * stay**lag).sum()
    np.testing.assert_allclose(path.trained(xr.DataArray([10.0], dims="draw"))[0, 9:], 100.0 - lacking)


def test_past_months_tell_who_is_still_learning() -> None:
    """The path from the start and the path that begins after two years of it are the same officers."""
    hires = np.random.default_rng(1).integers(0, 20, 48).astype(float)
    whole = StaffPath(in_post=30, hires=by_month(hires), attrition=0.2)
    known = xr.concat([by_month([30.0], "2026-12-01"), whole.staff[:24]], "month")
    rest = StaffPath(in_post=known, hires=whole.hires[24:], attrition=0.2)
    ramp = xr.DataArray([5.0, 18.0], dims="draw")
    np.testing.assert_allclose(rest.trained(ramp), whole.trained(ramp)[:, 24:])


def test_staff_that_falls_faster_than_attrition_has_no_trainees() -> None:
    falling = by_month(100.0 * 0.95 ** np.arange(12), "2026-01-01")
    path = StaffPath(in_post=falling, hires=by_month(np.zeros(3)), attrition=0.2)
    np.testing.assert_allclose(path.trained(xr.DataArray([12.0], dims="draw"))[0], path.staff)


def test_an_office_may_begin_with_nobody() -> None:
    path = StaffPath(in_post=0, hires=by_month([10.0, 0.0, 0.0]), attrition=0.0)
    np.testing.assert_allclose(path.trained(xr.DataArray([2.0], dims="draw"))[0], [0.0, 5.0, 10.0])


def test_more_presence_and_simpler_cases_give_more_decisions() -> None:
    path, draws = StaffPath(in_post=50, hires=by_month(np.zeros(4)), attrition=0.0), drawn(4, [6.0])
    np.testing.assert_allclose(capacity(draws, path, presence=0.9), 1000.0 * 0.9 / 0.8)
    np.testing.assert_allclose(capacity(draws, path, complexity=by_month([1.0, 1.0, 2.0, 0.5]))[0, 2:], [500.0, 2000.0])


@given(st.lists(st.floats(0.0, 3000.0), min_size=6, max_size=6))
def test_no_more_is_decided_than_there_is(arrivals: list[float]) -> None:
    hires = by_month([0.0, 40.0, 0.0, 0.0, 0.0, 0.0])
    work = capacity(drawn(6, [2.0]), StaffPath(in_post=50, hires=hires, attrition=0.1))
    coming = np.array([arrivals])
    run = run_queue(np.array([300.0]), coming, work.to_numpy(), np.zeros((1, 6)))
    there = xr.DataArray(run.pending[:, :-1] + coming, coords=work.coords, dims=work.dims)
    assert (run.decided <= there.to_numpy() + 1e-9).all()
    limited = capacity(drawn(6, [2.0]), StaffPath(in_post=50, hires=hires, attrition=0.1), available=there)
    np.testing.assert_allclose(limited, run.decided, atol=1e-9)


def test_a_queue_takes_capacity_in_the_place_of_officers() -> None:
    work = capacity(drawn(6, [2.0, 4.0]), StaffPath(in_post=50, hires=by_month(np.full(6, 5.0)), attrition=0.1))
    cells = {name: xr.full_like(work, value).expand_dims(country=["GBR"]) for name, value in
             {"arrivals": 1200.0, "productivity": 1.0, "withdrawal": 0.0}.items()}  # fmt: skip
    queue = xr.Dataset(cells | {"backlog": ("country", [2000.0])})
    run = run_queue(np.full(2, 2000.0), np.full((2, 6), 1200.0), work.to_numpy(), np.zeros((2, 6)))
    np.testing.assert_allclose(simulate_queue(queue, work)["decided"].squeeze("country"), run.decided)


def test_decisions_become_cases_by_a_stated_ratio() -> None:
    decisions = xr.DataArray(np.full((4000, 2), 1320.0), dims=("draw", "month"))
    cases = in_cases(decisions, LogNormal(median=1.32, sd=0.1), units="main applicants per month", seed=1)
    assert float(cases.median()) == pytest.approx(1000.0, rel=0.01)
    assert float(np.log(cases[:, 0]).std()) == pytest.approx(0.1, rel=0.05)
    assert bool((cases[:, 0] == cases[:, 1]).all())
    assert cases.attrs["units"] == "main applicants per month"


def test_without_data_judges_complete_what_was_published() -> None:
    low, high = 12 * JUDGES.median * np.exp(np.array([-1.2816, 1.2816]) * JUDGES.sd)
    assert low < 678 < 740 < 807 < high
    model = Processing(productivity=JUDGES)
    draws = model.assume(start="2023-07", until="2024-06", counted="completions", draws=2000, seed=1)
    assert draws["productivity"].attrs["units"] == "completions per officer-month"
    assert draws.sizes == {"draw": 2000, "month": 12}
    assert float(draws["productivity"].sum("month").median()) == pytest.approx(740.0, rel=0.03)
    xr.testing.assert_identical(
        draws, model.assume(start="2023-07", until="2024-06", counted="completions", draws=2000, seed=1)
    )


FLAT = {"staff": np.full(12, 40.0), "decisions": np.full(12, 120.0)}


def changed(name: str, month: int, value: float) -> dict[str, NDArray[np.float64]]:
    array = FLAT[name].copy()
    array[month] = value
    return FLAT | {name: array}


def test_a_declared_month_without_figures_is_left_out() -> None:
    months = _Months.read(
        panel(changed("decisions", 5, np.nan), missing="declared", missing_reason="closed"), "decisions", 0.95
    )
    assert months.seen.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    np.testing.assert_allclose(months.log_work, np.log(120.0))
    assert not months.idle.any()


def test_known_complexity_is_work() -> None:
    months = _Months.read(panel(FLAT | {"complexity": np.linspace(1.0, 2.0, 12)}), "decisions", 0.95)
    np.testing.assert_allclose(np.exp(months.log_work), 120.0 * np.linspace(1.0, 2.0, 12))


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (changed("decisions", 3, 0.0), "expected decisions above zero, found 0 in 2020-04"),
        (changed("decisions", 3, -5.0), "expected decisions above zero, found -5 in 2020-04"),
        (changed("staff", 2, 0.0), "expected staff above zero in every month, found 0 in 2020-03"),
        (FLAT | {"available": np.full(12, 100.0)}, "no more decisions than cases available, found 120 in 2020-01"),
        (FLAT | {"complexity": np.zeros(12)}, "complexity above zero in every month, found 0 in 2020-01"),
    ],
)
def test_figures_that_cannot_be_are_refused(figures: dict[str, NDArray[np.float64]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Processing().build(panel(figures))


def test_negative_staff_and_undeclared_gaps_are_no_panel() -> None:
    with pytest.raises(DataError, match="staff of 0 or more"):
        panel(changed("staff", 2, -1.0))
    with pytest.raises(DataError, match="expected no missing value"):
        panel(changed("decisions", 2, np.nan))


def test_several_offices_are_fitted_one_by_one() -> None:
    offices = Panel(panel(FLAT).dataset.expand_dims(office=["north", "south"]))
    with pytest.raises(DataError, match="fit each office by itself"):
        Processing().build(offices)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_post": -1.0}, "in_post: expected finite numbers of zero or more, found -1"),
        ({"hires": by_month([1.0, -2.0])}, "hires: expected finite numbers of zero or more, found -2"),
        ({"hires": by_month([1.0, np.nan])}, "hires: expected finite numbers of zero or more, found nan"),
        ({"hires": xr.DataArray([1.0], dims="month")}, "expected hires by labelled month"),
        ({"hires": by_month([1.0, 2.0, 3.0])[::2]}, "expected months in a row"),
        ({"in_post": by_month([5.0], "2026-10-01")}, "expected months in a row"),
        ({"attrition": 1.0}, "expected attrition from 0 to below 1 a year"),
    ],
)
def test_staff_paths_that_cannot_be_meant_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        StaffPath(**({"in_post": 10.0, "hires": by_month([0.0, 0.0]), "attrition": 0.1} | change))  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"presence": 0.0}, "presence: expected shares above 0 and up to 1"),
        ({"complexity": -1.0}, "complexity: expected finite numbers above zero"),
        ({"available": by_month([1.0, -1.0])}, "available: expected cases of zero or more"),
        ({"path": StaffPath(in_post=1, hires=by_month([0.0, 0.0, 0.0]), attrition=0.0)}, "expected the same draws"),
    ],
)
def test_capacity_refuses_what_does_not_fit(change: dict[str, object], message: str) -> None:
    usual = {"path": StaffPath(in_post=1, hires=by_month([0.0, 0.0]), attrition=0.0)}
    with pytest.raises(DrawsError, match=message):
        capacity(drawn(2, [3.0]), **(usual | change))  # pyright: ignore


@pytest.mark.parametrize("until", ["2023-05", "soon"])
def test_no_months_are_refused(until: str) -> None:
    with pytest.raises(DrawsError, match="expected months start= and until= like '2023-07', in order"):
        Processing().assume(start="2023-07", until=until, counted="decisions", draws=5, seed=1)
