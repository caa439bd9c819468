"""The study's questions as plans, and what becomes of people and queue under them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ..forecast import Projection, simulate_queue
from ..optimize import GrowthRate, Plan, PopulationGoal, QuotaPlan, StaffingPlan, SupportRatio
from ..optimize.response import Response, respond
from .asked import Quota, Staff
from .frames import SCENARIOS

__all__ = [
    "quota_plan",
    "staffing_plan",
]

UNITS = {"growth_rate": "per year", "support_ratio": "persons aged 15-64 per person aged 65+"}
AFTERWARDS = 120  # months the queue is worked on after the horizon, so that every wait ends or is this long


def quota_plan(people: Projection, asked: Quota) -> QuotaPlan:
    """The admissions that a study asks for.

    Parameters
    ----------
    people : Projection
        Draws of one country.
    asked : Quota
        What is asked.

    Returns
    -------
    QuotaPlan

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> quota_plan(project(reference.region(("MEX",))), Quota()).goals[0].describe()
    'growth of at least 0.00 % a year in 2035-2050'
    """
    levers = [lever.lever() for lever in asked.levers]
    goals = [goal.made() for goal in asked.goals]
    return QuotaPlan(people, levers=levers, goals=goals, objective=asked.objective)


def staffing_plan(queue: xr.Dataset, asked: Staff) -> StaffingPlan:
    """The officers that a study asks for.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws of one country from ``Backlog().fit(…).forecast(…)``.
    asked : Staff
        What is asked.

    Returns
    -------
    StaffingPlan

    Examples
    --------
    >>> import xarray as xr
    >>> staffing_plan(xr.Dataset(), Staff()).goals[0].describe()
    'a decision within 6 months for everyone who applies from 2031-01 on'
    """
    return StaffingPlan(
        queue,
        start=asked.start,
        in_post=asked.in_post,
        levers=[lever.made() for lever in asked.levers],
        goals=[goal.made() for goal in asked.goals],
        objective=asked.objective,
        budget=asked.fiscal(),
    )


def growth_with_plan(people: Projection, plan: Plan, asked: Quota) -> xr.Dataset:
    """Total growth and potential support ratio, without and with the admissions of a plan.

    Parameters
    ----------
    people : Projection
        Draws of the study's country.
    plan : Plan
        A quota plan of the study.
    asked : Quota
        What was asked.

    Returns
    -------
    xarray.Dataset
        ``growth_rate`` (fraction per year) and ``support_ratio`` by scenario ("without", "with"), draw and year.
    """
    years = people.flows["year"].to_numpy().tolist()
    functionals = {name: of for goal in shown_goals(years).values() for name, of in goal.functionals().items()}
    return growth_with(respond(people, [lever.lever() for lever in asked.levers], functionals), plan, years)


def shown_goals(years: Sequence[int]) -> dict[str, PopulationGoal]:
    """Goals whose indicators are shown beside a plan, whatever its own are.

    Parameters
    ----------
    years : sequence of int
        Years shown.

    Returns
    -------
    dict of str to PopulationGoal

    Examples
    --------
    >>> list(shown_goals([2030]))
    ['growth_rate', 'support_ratio']
    """
    kinds = {"growth_rate": GrowthRate, "support_ratio": SupportRatio}
    return {name: kind(at_least=0.0, years=years) for name, kind in kinds.items()}


def growth_with(response: Response, plan: Plan, years: Sequence[int]) -> xr.Dataset:
    """Total growth and potential support ratio, without and with a plan, from a response at hand.

    Parameters
    ----------
    response : Response
        To the plan's levers, of what `shown_goals` look at.
    plan : Plan
        A quota plan.
    years : sequence of int
        Years shown.

    Returns
    -------
    xarray.Dataset
        As `growth_with_plan`.
    """
    admitted = response.vector(plan.decided)

    def stacked(goal: PopulationGoal, units: str) -> xr.DataArray:
        return xr.DataArray(
            np.stack([goal.indicator(response, persons) for persons in (0.0 * admitted, admitted)]),
            dims=("scenario", "draw", "year"),
            coords={"scenario": list(SCENARIOS), "year": list(years)},
            attrs={"units": units},
        )

    return xr.Dataset({name: stacked(goal, UNITS[name]) for name, goal in shown_goals(years).items()})


def queue_with_officers(queue: xr.Dataset, officers: xr.DataArray) -> xr.Dataset:
    """The queue worked off by these officers; waits that end after the horizon go on at its last year's pace.

    First in, first out, a wait does not depend on who comes later: after the horizon nobody is let in, and the last
    month's officers go on with the mean productivity of the last year.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws from ``Backlog().fit(…).forecast(…)``.
    officers : xarray.DataArray
        Officers who decide cases, by ``month``.

    Returns
    -------
    xarray.Dataset
        As `poblar.forecast.simulate_queue`, with waits of at most `AFTERWARDS` months.
    """
    months = queue["month"].to_numpy()
    more = pd.date_range(months[-1], periods=AFTERWARDS + 1, freq="MS")[1:].to_numpy().astype(months.dtype)
    last = queue.isel(month=slice(-12, None)).mean("month").assign(arrivals=0.0 * queue["arrivals"].isel(month=0))
    later = last.drop_vars(["backlog", "month"], errors="ignore").expand_dims(month=more)
    longer = xr.concat([queue.drop_vars("backlog"), later], "month", join="exact").assign(backlog=queue["backlog"])
    posted = officers.reindex(month=longer["month"]).fillna(officers.isel(month=-1, drop=True))
    run = simulate_queue(longer, posted).isel(month=slice(None, len(months)))
    wait = run["wait"].clip(max=float(AFTERWARDS)).assign_attrs(run["wait"].attrs)
    return run.assign(wait=wait)
