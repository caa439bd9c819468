"""What becomes of a queue under a plan."""

from __future__ import annotations

import numpy as np
import xarray as xr
from poblar.planner import plans
from poblar.planner.asked import Officers, Staff

MONTHS = np.arange("2023-01", "2035-01", dtype="datetime64[M]").astype("datetime64[s]")


def steady(arrivals: float, productivity: float, backlog: float, draws: int = 300) -> xr.Dataset:
    axes, shape = ("draw", "country", "month"), (draws, 1, len(MONTHS))
    noise = np.random.default_rng(1).gamma(100.0, 0.01, shape)
    return xr.Dataset(
        {
            "arrivals": (axes, arrivals * noise, {"units": "persons per month"}),
            "productivity": (axes, np.full(shape, productivity), {"units": "persons per officer-month"}),
            "withdrawal": (axes, np.zeros(shape), {"units": "per month"}),
            "backlog": ("country", [backlog], {"units": "persons"}),
        },
        coords={"country": ["MEX"], "month": MONTHS, "draw": np.arange(draws)},
    )


def test_officers_by_month_are_those_of_the_plan_at_each_quarters_end() -> None:
    problem = plans.staffing_plan(steady(1500.0, 20.0, 20_000.0), Staff(in_post=50, levers=(Officers(),)))
    plan = problem.solve(seed=1)
    assert plan.exists
    assert float(plan.decided["hires"].sum()) > 0
    officers = problem.officers(plan)
    assert set(officers.sel(month=slice(None, "2026-12")).to_numpy()) == {50.0}
    ends = officers.sel(month=slice("2027-01", None)).to_numpy()[2::3]
    np.testing.assert_allclose(ends, plan.decided["at_work"], atol=1e-6)


def test_a_wait_past_the_horizon_goes_on_at_the_last_years_pace() -> None:
    """Nobody withdraws, 100 decided a month: who comes in the last month waits for all that are pending."""
    queue = steady(100.0, 10.0, 2400.0, draws=1)
    queue["arrivals"] = xr.full_like(queue["arrivals"], 100.0)
    officers = xr.DataArray(np.full(len(MONTHS), 10.0), dims="month", coords={"month": MONTHS})
    run = plans.queue_with_officers(queue, officers)
    assert run.sizes["month"] == len(MONTHS)
    np.testing.assert_allclose(run["wait"].to_numpy(), 24.0)


def test_a_wait_without_end_is_ten_years() -> None:
    nobody = xr.DataArray(np.zeros(len(MONTHS)), dims="month", coords={"month": MONTHS})
    run = plans.queue_with_officers(steady(100.0, 10.0, 0.0, draws=2), nobody)
    assert set(run["wait"].to_numpy().ravel()) == {float(plans.AFTERWARDS)}
