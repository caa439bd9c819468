"""Frontiers: what a plan costs as more is asked of it, with each point certified like a plan of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .errors import GoalError
from .held import PopulationGoal
from .plan import GoalReport, Plan
from .quota import OpenQuotaPlan, QuotaPlan
from .regional import RegionalPlan
from .staffing import StaffingPlan
from .waiting import BacklogSize, WaitingGoal, WaitingNow, WaitTime

__all__ = ["frontier", "pareto"]


def frontier(
    problem: QuotaPlan | OpenQuotaPlan | StaffingPlan,
    *,
    over: str,
    values: Sequence[float] | Sequence[str],
    goal: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Solve a plan for one value after another of a goal's probability or target, or of a wait's date.

    Parameters
    ----------
    problem : QuotaPlan, OpenQuotaPlan or StaffingPlan
        An open one keeps its response and its last cuts, so that each point starts from the one before.
    over : {"probability", "target", "since"}
        What changes: the probability asked for, or the goal's bound in its own units (of a wait, months); or, in a
        staffing plan, the month from which a goal holds.
    values : sequence of float or str
        Points, in an order in which neighbours are alike.
    goal : int
        Position of the goal among the problem's.
    seed : int
        As in `QuotaPlan.solve`, for a problem that is not open.

    Returns
    -------
    pandas.DataFrame
        A row for each value: ``value``, ``exists``, ``objective`` (persons admitted, or cost; NaN where no plan
        exists), ``in_sample``, ``held_out``, ``lower95``, ``upper95``, ``seconds``; the goal in words, and the units of
        the objective, are in ``attrs``.

    Raises
    ------
    GoalError
        If nothing else changes than what is asked, or there is no such goal.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> from poblar.optimize import Admissions, GrowthRate
    >>> people = project(reference.region(("MEX",)))
    >>> lever = Admissions("workers", profile="worker", years=range(2021, 2024))
    >>> plan = QuotaPlan(people, levers=[lever], goals=[GrowthRate(at_least=0.0, years=[2023])])
    >>> frontier(plan, over="weather", values=[0.5])
    Traceback (most recent call last):
    ...
    poblar.optimize.errors.GoalError: expected over= probability or target, found 'weather'.
    """
    if isinstance(problem, StaffingPlan):
        return _of_waits(problem, over, values, goal, seed)
    if over not in ("probability", "target"):
        raise GoalError(f"expected over= probability or target, found {over!r}.")
    opened = problem if isinstance(problem, OpenQuotaPlan) else problem.open(seed=seed)
    goals = list(opened.problem.goals)
    if not 0 <= goal < len(goals) or len(values) == 0:
        raise GoalError(
            f"expected a goal of 0 to {len(goals) - 1} and a value or more, found goal {goal} and {len(values)} values."
        )
    rows, units = [], ""
    for value in values:
        asked = _with(goals[goal], over, float(value))
        plan = opened.solve([*goals[:goal], asked, *goals[goal + 1 :]])
        report, units = plan.goals[goal], plan.objective_units
        rows.append(_point(float(value), plan, report))
    frame = pd.DataFrame(rows)
    frame.attrs = {"goal": goals[goal].describe(), "over": over, "units": units}
    return frame


def _point(value: float | str, plan: Plan, report: GoalReport) -> dict[str, object]:
    """A row of a frontier."""
    low, high = report.held_out_interval
    return {
        "value": value,
        "exists": plan.exists,
        "objective": plan.objective if plan.exists else np.nan,
        "in_sample": report.in_sample,
        "held_out": report.held_out,
        "lower95": low,
        "upper95": high,
        "seconds": plan.record["seconds"],
    }


def _of_waits(
    problem: StaffingPlan, over: str, values: Sequence[float] | Sequence[str], goal: int, seed: int
) -> pd.DataFrame:
    """The frontier of a staffing plan; the certificate is that of the queue where a goal is least sure."""
    goals = list(problem.goals)
    if over not in ("probability", "target", "since") or not 0 <= goal < len(goals) or len(values) == 0:
        raise GoalError(
            f"expected over= probability, target or since, a goal of 0 to {len(goals) - 1} and a value or more, found "
            f"{over!r}, goal {goal} and {len(values)} values."
        )
    rows, units = [], ""
    for value in values:
        asked = _moved(goals[goal], over, value)
        plan = replace(problem, goals=[*goals[:goal], asked, *goals[goal + 1 :]]).solve(seed=seed)
        mine = [report for report in plan.goals if report.goal.endswith(asked.describe())]
        report, units = min(mine, key=lambda one: one.held_out), plan.objective_units
        rows.append(_point(value, plan, report))
    frame = pd.DataFrame(rows)
    frame.attrs = {"goal": goals[goal].describe(), "over": over, "units": units}
    return frame


def _moved(goal: WaitingGoal, over: str, value: float | str) -> WaitingGoal:
    """The goal with another probability, bound or date."""
    assert isinstance(goal, WaitTime | WaitingNow | BacklogSize)
    if over == "probability":
        return replace(goal, probability=float(value))
    if isinstance(goal, WaitingNow):
        return replace(goal, by=str(value))
    if over == "since":
        return replace(goal, since=str(value))
    if isinstance(goal, BacklogSize):
        return replace(goal, at_most=float(value))
    return replace(goal, at_most=f"{int(value)} months")


def pareto(plan: RegionalPlan, *, between: tuple[str, str], seed: int, points: int = 5) -> pd.DataFrame:
    """How far one country's goals can be tightened for each tightening of another's, all others as they are asked.

    The first country's goals are tightened by equal parts of the most that they can be; at each the second's are
    tightened as far as there is a plan (an epsilon constraint). Every point is a plan with its certificate.

    Parameters
    ----------
    plan : RegionalPlan
        The problem; its objective does not matter.
    between : (str, str)
        Two of the countries with goals.
    seed : int
        As in `RegionalPlan.solve`.
    points : int
        Points of the frontier, two or more.

    Returns
    -------
    pandas.DataFrame
        Two rows for each ``point`` that a plan was found at: ``country``, ``steps`` by which each of its goals is
        tightened, ``goal`` in words, ``held_out`` (lowest over its goals) and ``moved``, persons over all years and
        countries.

    Raises
    ------
    GoalError
        If a country has no goal, both are one, there is one point only, or no plan reaches the goals as asked.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> from poblar.optimize import SupportRatio, Transfer
    >>> visas = Transfer(name="workers", origin="MEX", destination="USA", profile="worker", years=[2022])
    >>> goals = {"USA": [SupportRatio(at_least=3.6, years=[2023])]}
    >>> problem = RegionalPlan(project(reference.region(("MEX", "USA"))), {}, [visas], goals)
    >>> pareto(problem, between=("MEX", "USA"), seed=1)
    Traceback (most recent call last):
    ...
    poblar.optimize.errors.GoalError: expected two countries with goals, USA, found MEX and USA; give each a goal.
    """
    first, second = between
    having = [country for country, goals in plan.goals.items() if len(goals)]
    if first == second or not {first, second} <= set(having):
        raise GoalError(
            f"expected two countries with goals, {', '.join(having)}, found {first} and {second}; give each a goal."
        )
    if points < 2:
        raise GoalError(f"expected two points or more, found {points}.")
    opened = plan.open(seed=seed)
    nothing = dict.fromkeys(having, 0.0)
    start = opened.reaching(nothing)
    if start is None:
        raise GoalError(
            "expected goals that some plan reaches, found none that does; solve() says which goals have to be eased."
        )
    most, top = opened.highest(lambda z: nothing | {first: z}, start)
    rows = []
    for point, own in enumerate(np.linspace(0.0, most, points)):
        begun = top if point == points - 1 else opened.reaching(nothing | {first: float(own)})
        if begun is None:  # so near the edge that it depends on where the search began
            continue
        other, best = opened.highest(lambda z, own=own: nothing | {first: float(own), second: z}, begun)
        steps = nothing | {first: float(own), second: other}
        found = opened.plan(steps, best, exists=True)
        for country in between:
            reports = [report for report in found.goals if report.goal.startswith(f"{country}: ")]
            rows.append(
                {
                    "point": point,
                    "country": country,
                    "steps": steps[country],
                    "goal": " and ".join(report.goal.removeprefix(f"{country}: ") for report in reports),
                    "held_out": min(report.held_out for report in reports),
                    "moved": float(found.decided["admissions"].sum()),
                }
            )
    return pd.DataFrame(rows)


def _with(goal: PopulationGoal, over: str, value: float) -> PopulationGoal:
    """The goal with another probability, or another bound."""
    return replace(goal, probability=value) if over == "probability" else goal.moved((value - goal.target) / goal.step)
