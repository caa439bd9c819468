"""What a quota plan says of itself: goals reached and missed, limits that bind, what is assumed, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from .admissions import EVERY_AGE, Admissions, Column
from .chance import certify
from .held import PopulationGoal
from .plan import GoalReport
from .response import UNIT, Response
from .solve import ChanceGoal, Cuts, Solution
from .words import most_often, percent

Array = NDArray[np.float64]
SLACK = 1.0  # persons within which a plan stands at a limit


def report_of(
    goal: PopulationGoal,
    chances: Sequence[ChanceGoal],
    response: Response,
    sets: Mapping[str, NDArray[np.intp]],
    plan: Array,
    exists: bool,
) -> GoalReport:
    """What a plan reaches of one goal; for a goal by years, in its worst year."""
    counts = [(certify(chance.solve, plan), certify(chance.certify, plan)) for chance in chances]
    inside, held = min(counts, key=lambda pair: pair[1].probability)
    relaxed = ""
    if not exists and held.probability < goal.probability:
        level = 1.0 - goal.probability if goal.better_is_more else goal.probability
        reached = goal.reached(response, plan * UNIT, sets["certify"])
        relaxed = goal.describe(float(np.quantile(reached, level)))
    return GoalReport(
        goal=goal.describe(),
        requested=goal.probability,
        in_sample=inside.probability,
        held_out=held.probability,
        held_out_interval=held.interval,
        binding=_tightest(goal, chances, plan),
        relaxed=relaxed,
        highest=held.probability,
    )


def with_highest(reports: list[GoalReport], prepared: Sequence[Sequence[ChanceGoal]], cuts: Cuts) -> list[GoalReport]:
    """The highest probability that each goal reaches under plans that come near in wider and wider tails."""
    highest = [report.highest for report in reports]
    for widening in (2.0, 4.0, 8.0, 16.0):
        plan = cuts.nearest(widening).plan
        for position, chances in enumerate(prepared):
            reached = min(certify(chance.certify, plan).probability for chance in chances)
            highest[position] = max(highest[position], reached)
    return [replace(report, highest=value) for report, value in zip(reports, highest, strict=True)]


def _tightest(goal: PopulationGoal, chances: Sequence[ChanceGoal], plan: Array) -> str:
    """The years that are worst in the draws that decide the goal."""
    margins = np.concatenate([chance.solve.rows(plan) for chance in chances], axis=1)  # type: ignore[attr-defined]
    worst = margins.min(1)
    edge = np.argsort(np.abs(worst - np.quantile(worst, 1.0 - goal.probability)))[: max(50, len(worst) // 20)]
    return most_often(np.asarray(goal.years)[margins[edge].argmin(1)])


def labelled(people: Array, columns: Sequence[Column]) -> xr.Dataset:
    """Admissions by category and year, persons, and by ages where these were free."""
    frame = pd.DataFrame(
        {
            "category": [column.lever for column in columns],
            "year": [column.year for column in columns],
            "ages": [column.ages for column in columns],
            "admissions": people,
        }
    )
    labels = list(dict.fromkeys(frame["category"]))
    table = frame.groupby(["category", "year"])["admissions"].sum().to_xarray().sel(category=labels).fillna(0.0)
    found = {"admissions": table.assign_attrs(units="persons per year")}
    if (frame["ages"] != EVERY_AGE).any():
        free = frame[frame["ages"] != EVERY_AGE]
        by_age = free.set_index(["category", "year", "ages"])["admissions"].to_xarray().fillna(0.0)
        order = list(dict.fromkeys(free["ages"]))
        found["admissions_by_age"] = by_age.sel(ages=order).assign_attrs(units="persons per year")
    return xr.Dataset(found)


def _years(lever: Admissions, chosen: NDArray[np.bool_]) -> str:
    years = np.asarray(lever.years)[chosen]
    return f"{years[0]}" if len(years) == 1 else f"{len(years)} years from {years[0]} to {years[-1]}"


@dataclass(frozen=True)
class Priced:
    """A goal in words, its constraints as asked and a step tighter, and the plan on the columns that they are of."""

    name: str
    goal: PopulationGoal
    asked: Sequence[ChanceGoal]
    tighter: Sequence[ChanceGoal]
    plan: Array


def prices_of(items: Sequence[Priced], solution: Solution, years: int, what: str) -> pd.DataFrame:
    """What a step more of each goal costs a year: the duals of its cuts times what the step takes of them."""
    owner = [(position, number) for position, item in enumerate(items) for number in range(len(item.asked))]
    rows = []
    for position, item in enumerate(items):
        taken = 0.0
        for chance, tail, price in solution.prices:
            which, number = owner[chance]
            if which == position:
                now, then = (
                    constant + slope @ item.plan
                    for constant, slope in (tail.cut(one[number].solve) for one in (item.asked, item.tighter))
                )
                taken += price * (now - then)
        a_year, step = taken * UNIT / years, abs(item.goal.step)
        more = percent(step, 2) if step < 0.01 and abs(item.goal.target) < 1 else f"{step:,.3g}"
        words = f"{a_year:+,.0f} {what} a year for {more} more asked of: {item.name}"
        rows.append({"goal": item.name, "step": step, "persons_a_year": a_year, "in_words": words})
    return pd.DataFrame(rows)


def binding(people: Array, columns: Sequence[Column], levers: Sequence[Admissions]) -> list[str]:
    """Limits of the levers that the plan stands at."""
    found = []
    for lever in levers:
        own = np.zeros(len(lever.years))
        for value, column in zip(people, columns, strict=True):
            if column.lever == lever.name:
                own[column.year - int(lever.years[0])] += value
        low, high = lever.limits
        for which, limit, standing in (
            ("at most", high, own >= high - SLACK),
            ("at least", low, (own <= low + SLACK) & (low > 0.0)),
        ):
            if standing.any():
                values = sorted({float(value) for value in limit[standing]})
                number = f"{values[0]:,.0f}" if len(values) == 1 else f"{values[0]:,.0f} to {values[-1]:,.0f}"
                found.append(f"{which} {number} {lever.name} a year, in {_years(lever, standing)}")
        if lever.change_at_most is not None:
            change = np.abs(np.diff(own)) >= lever.change_at_most * own[:-1] - SLACK
            moving = np.r_[False, change] & (own > SLACK)
            if moving.any():
                most = percent(lever.change_at_most)
                found.append(f"{lever.name} change by at most {most} a year, in {_years(lever, moving)}")
    return found


def assumptions(levers: Sequence[Admissions]) -> list[str]:
    """What a plan takes for granted of those admitted."""
    found = [
        "migration without the plan goes on as forecast, and those admitted come on top of it",
        "those admitted live, bear children and leave descendants at the country's own rates, and stay",
    ]
    for lever in levers:
        if (lever.fertility, lever.mortality) != (1.0, 1.0):
            found.append(
                f"{lever.name} have {lever.fertility:g} times the country's birth rates and {lever.mortality:g} "
                "times its death rates, their children the country's"
            )
        if lever.leaves:
            spread = f" (uncertain, as of {lever.leaves_weight:g} observed)" if lever.leaves_weight else ""
            found.append(
                f"{percent(lever.leaves)} of the {lever.name} leave again after {lever.stay} years, their children "
                f"with them{spread}"
            )
    return found
