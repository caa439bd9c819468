"""Frontiers: what a plan costs as more is asked of it, with each point certified like a plan of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from .errors import GoalError
from .held import PopulationGoal
from .quota import OpenQuotaPlan, QuotaPlan

__all__ = ["frontier"]

BOUNDS = ("at_least", "at_most")


def frontier(
    problem: QuotaPlan | OpenQuotaPlan,
    *,
    over: str,
    values: Sequence[float],
    goal: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Solve a quota plan for one value after another of a goal's probability or target.

    Parameters
    ----------
    problem : QuotaPlan or OpenQuotaPlan
        An open one keeps its response and its last cuts, so that each point starts from the one before.
    over : {"probability", "target"}
        What changes: the probability asked for, or the goal's bound in its own units.
    values : sequence of float
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
    if over not in ("probability", "target"):
        raise GoalError(f"expected over= probability or target, found {over!r}.")
    opened = problem if isinstance(problem, OpenQuotaPlan) else problem.open(seed=seed)
    goals = list(opened.problem.goals)
    if not 0 <= goal < len(goals) or len(values) == 0:
        raise GoalError(
            f"expected a goal of 0 to {len(goals) - 1} and one value or more, found goal {goal} and {len(values)} of them."
        )
    rows = []
    for value in values:
        asked = _moved(goals[goal], over, float(value))
        plan = opened.solve([*goals[:goal], asked, *goals[goal + 1 :]])
        report = plan.goals[goal]
        rows.append(
            {
                "value": float(value),
                "exists": plan.exists,
                "objective": plan.objective if plan.exists else np.nan,
                "in_sample": report.in_sample,
                "held_out": report.held_out,
                "lower95": report.held_out_interval[0],
                "upper95": report.held_out_interval[1],
                "seconds": plan.record["seconds"],
            }
        )
    frame = pd.DataFrame(rows)
    frame.attrs = {"goal": goals[goal].describe(), "over": over, "units": plan.objective_units}
    return frame


def _moved(goal: PopulationGoal, over: str, value: float) -> PopulationGoal:
    """The goal with another probability, or another bound."""
    if over == "probability":
        return replace(goal, probability=value)
    bound = next((field.name for field in fields(goal) if field.name in BOUNDS), None)
    if bound is None:
        raise GoalError(f"expected a goal with at_least or at_most, found {goal!r}.")
    if type(goal).__name__ == "MedianAge":
        return replace(goal, half=value)
    return replace(goal, **{bound: value})
