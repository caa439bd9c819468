"""Staffing plans revised in closed loop."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.optimize import GoalError, Overtime, RollingStaffing, Staffing, StaffingPlan, WaitTime

LEVER = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", ramp=(0.5,), attrition=0.1)


def walks(*, wander: float, draws: int = 900, months: int = 48, seed: int = 1) -> xr.Dataset:
    """One office whose applications wander from 100 a month on."""
    rng, axes = np.random.default_rng(seed), ("draw", "office", "month")
    steps = np.cumsum(wander * rng.standard_normal((draws, 1, months)), axis=2)
    labels = (np.datetime64("2027-01", "M") + np.arange(months)).astype("datetime64[s]")
    return xr.Dataset(
        {
            "arrivals": (axes, 100.0 * np.exp(steps)),
            "productivity": (axes, np.full((draws, 1, months), 10.0)),
            "withdrawal": (axes, np.full((draws, 1, months), 0.01)),
            "backlog": ("office", [200.0]),
        },
        coords={"office": ["A"], "month": labels},
    )


def problem(queue: xr.Dataset, **more: object) -> StaffingPlan:
    goal = WaitTime(at_most="3 months", since="2028-01", probability=0.9)
    asked: dict[str, object] = {"levers": [LEVER], "goals": [goal]} | more
    return StaffingPlan(queue, start="2027-01", in_post=10, **asked)


def test_revising_saves_where_the_future_shows_itself() -> None:
    """Applications wander: who looks again every year keeps as much of the promise with fewer officers."""
    found = RollingStaffing(problem=problem(walks(wander=0.1)), every="1 year", near=250).simulate(seed=1, worlds=20)
    open_, rolling = (found.set_index("policy").loc[name] for name in ("open loop", "rolling"))
    assert open_["upper95"] > 0.9
    assert rolling["kept"] >= open_["kept"] - 0.15
    assert rolling["cost"] < 0.9 * open_["cost"]


def test_the_open_loop_is_the_plan_itself() -> None:
    queue = walks(wander=0.0)
    rolling = RollingStaffing(problem=problem(queue), every="1 year")
    found = rolling.simulate(seed=1, worlds=3).set_index("policy")
    plan = problem(queue).solve(seed=1)
    assert found.loc["open loop", "cost"] == pytest.approx(plan.objective)
    assert found.loc["open loop", "kept"] == 1.0
    assert found.loc["rolling", "cost"] == pytest.approx(plan.objective, rel=0.04)  # officers are whole again each year


def test_worlds_of_another_kind_show_what_the_open_loop_does_not() -> None:
    """A third more apply than any draw has: only who looks again hires for them."""
    queue = walks(wander=0.02)
    worse = queue.assign(arrivals=queue["arrivals"] * xr.where(queue["month"] < np.datetime64("2028-01"), 1.0, 1.35))
    late = problem(queue, goals=[WaitTime(at_most="3 months", since="2029-10", probability=0.9)])
    found = RollingStaffing(problem=late, every="6 months", near=250).simulate(seed=1, worlds=10, worlds_from=worse)
    kept = found.set_index("policy")["kept"]
    assert kept["open loop"] <= 0.3
    assert kept["rolling"] >= kept["open loop"] + 0.4


def test_officers_hired_before_are_counted_from_their_first_day() -> None:
    queue = walks(wander=0.0)
    stay = Staffing(cost=12_000.0, training="3 months", ramp=(0.5,), attrition=0.1, releases=False)
    plan = problem(queue, hired={"2026-11": 4.0}, levers=[stay])
    officers = plan.officers(plan.solve(seed=1)).to_numpy()
    stays = 0.9 ** (1 / 12)
    np.testing.assert_allclose(officers[:2], [10.0, 10.0 * stays + 4.0 * stays**3 * 0.5], rtol=1e-9)
    assert officers[2] == pytest.approx(10.0 * stays**2 + 4.0 * stays**4)


def test_what_cannot_be_revised_is_refused() -> None:
    queue = walks(wander=0.0)
    with pytest.raises(GoalError, match="expected every= whole quarters"):
        RollingStaffing(problem=problem(queue), every="2 months")
    with pytest.raises(GoalError, match="expected one Staffing lever whose attrition is a number"):
        RollingStaffing(problem=problem(queue, levers=[LEVER, Overtime(cost=1.0)]))
    with pytest.raises(GoalError, match="expected at least 950 draws for 650 worlds and 300 to plan on, found 900"):
        RollingStaffing(problem=problem(queue)).simulate(seed=1, worlds=650)
