"""The program of a staffing plan without its goals: cost, caps, rooms, budget, and nobody released who is not there."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from ._workforce import QUARTER, Workforce, cap_at
from .errors import GoalError
from .office import Overtime, Surge
from .program import Model
from .words import months_in

__all__ = ["overspent", "staffing_model"]

Array = NDArray[np.float64]


def staffing_model(staff: Workforce, objective: str, spare: float = 0.0) -> Model:
    """What is least, within the caps, the rooms, the budget and who is there."""
    plan = cp.Variable(staff.size)
    limits: list[Any] = [plan >= 0.0]
    for pool in range(len(staff.pools)):
        limits += _of_pool(staff, pool, plan)
    for lever, columns in zip(staff.redirects, staff.sent, strict=True):
        limits.append(plan[columns] <= lever.at_most)
    for number, column in staff.handed.items():
        limits.append(plan[column] <= staff.redirects[number].waiting_at_most)
    for origin in {lever.origin for lever in staff.redirects}:
        handed = [plan[c] for number, c in staff.handed.items() if staff.redirects[number].origin == origin]
        if len(handed) > 1:
            limits.append(cp.sum(cp.hstack(handed)) <= 1.0)
        several = [c for lever, c in zip(staff.redirects, staff.sent, strict=True) if lever.origin == origin]
        if len(several) > 1:
            limits.append(cp.sum([plan[columns] for columns in several]) <= 1.0)
    if staff.openings:
        limits.append(plan[staff.opened] <= 1.0)
    for lever, columns in zip(staff.intakes, staff.invited, strict=True):
        since = 0 if lever.since is None else staff.at(lever.since)
        open_ = QUARTER * np.arange(staff.quarters) >= since
        limits += [plan[columns] <= lever.at_most * open_, plan[columns] >= lever.at_least * open_]
    cost = staff.monthly_cost @ plan
    if staff.budget is not None:
        limits += _of_budget(staff, cost, spare)
    total: Any = cp.sum(cost)
    for lever, columns in zip(staff.intakes, staff.invited, strict=True):
        total = total - lever.worth * cp.sum(plan[columns])
    for columns in staff.shared.values():  # what is divided otherwise from month to month is so for a reason
        total = total + 1e-3 / 12 * staff.grades[0].cost * cp.norm1(cp.diff(plan[columns]))
    if objective == "smoothest":
        posted = [_posted_at_starts(staff, pool, plan) for pool in range(len(staff.pools))]
        steps: Any = cp.sum(cp.hstack([cp.norm1(cp.diff(one)) for one in posted]))
        return Model(plan, steps + 1e-3 / staff.grades[0].cost * total, limits)
    if objective == "least waiting":  # what is waited is a cost of its own; money breaks ties
        return Model(plan, 1e-3 / staff.grades[0].cost * total, limits)
    return Model(plan, total, limits)


def _posted_at_starts(staff: Workforce, pool: int, plan: cp.Variable) -> cp.Expression:
    starts = QUARTER * np.arange(staff.quarters)
    total: cp.Expression = cp.Constant(np.zeros(staff.quarters))
    for grade in range(len(staff.grades)):
        there, matrix, columns = staff.posted(pool, grade)
        if len(columns):
            total = total + there[starts] + matrix[starts] @ plan[columns]
    return total


def _of_pool(staff: Workforce, pool: int, plan: cp.Variable) -> list[cp.Constraint]:
    """Nobody released who is not there; caps; rooms; hours; what the stages of an office share."""
    office = staff.pools[pool][0]
    limits: list[Any] = []
    starts = QUARTER * np.arange(staff.quarters)
    everyone: Any = 0.0
    for grade, lever in enumerate(staff.grades):
        there, matrix, columns = staff.posted(pool, grade)
        everyone = everyone + there
        if not len(columns):
            continue
        everyone = everyone + matrix @ plan[columns]
        if any(block.what == "releases" and block.pool == pool and block.lever is lever for block in staff.staff):
            mine = [block for block in staff.staff if block.pool == pool and block.lever is lever]
            trained = np.concatenate([block.at_work for block in mine], axis=1) / lever.output
            limits.append(there[starts] + trained[starts] @ plan[columns] >= 0.0)
        cap = cap_at(lever.at_most, office)
        if cap is not None:
            arrive = np.unique(np.minimum(starts + months_in(lever.recruitment_lag), staff.months - 1))
            room = cap - there[arrive]
            # Rounding up adds one as a rule (what is more is let go); nobody has to go.
            limits.append(matrix[arrive] @ plan[columns] <= np.maximum(room - 1.0, np.minimum(room, 0.0)))
        cap = cap_at(lever.hires_at_most, office)
        hires = next((b for b in staff.staff if (b.pool, b.what) == (pool, "hires") and b.lever is lever), None)
        if cap is not None and hires is not None:
            limits.append(plan[hires.columns] <= np.floor(cap))
    for lever, column in zip(staff.openings, staff.opened, strict=True):
        if lever.office == office:
            # Rounding up adds less than two in each grade.
            grades = len({id(block.lever) for block in staff.staff if block.pool == pool and block.what == "hires"})
            rooms = max(lever.rooms - 2.0 * grades, 0.0) * (np.arange(staff.months) >= staff.at(lever.date))
            limits.append(everyone <= rooms * plan[column])
    for block in staff.staff:
        if block.pool != pool:
            continue
        if isinstance(block.lever, Overtime):
            others = staff.fixed(pool) + staff.added(pool, plan, overtime=False)
            limits.append(block.at_work @ plan[block.columns] <= block.lever.at_most * others)
        elif isinstance(block.lever, Surge) and block.lever.at_most is not None:
            limits.append(block.posted @ plan[block.columns] <= np.floor(block.lever.at_most))
    mine = [columns for queue, columns in staff.shared.items() if staff.pool_of(queue) == pool]
    if mine:
        limits.append(cp.sum([plan[columns] for columns in mine]) <= staff.fixed(pool) + staff.added(pool, plan))
    return limits


def overspent(staff: Workforce, plan: Array) -> float:
    """What a plan spends in some fiscal year beyond its budget and what was carried over, at most."""
    most, carried, cost = 0.0, 0.0, staff.cost(plan).sum(axis=0)
    for year, inside in staff.fiscal_years.items():
        amount = None if staff.budget is None else staff.budget.amount(year)
        if staff.budget is None or amount is None:
            carried = 0.0
            continue
        left = amount + carried - float(cost[inside].sum())
        most, carried = max(most, -left), min(max(left, 0.0), staff.budget.carry_over * amount)
    return most


def _of_budget(staff: Workforce, cost: Any, spare: float) -> list[Any]:
    """What is spent in a fiscal year, and `spare`, is within its budget and what was carried over."""
    assert staff.budget is not None
    limits: list[Any] = []
    carried: Any = 0.0
    for year, inside in staff.fiscal_years.items():
        amount = staff.budget.amount(year)
        if amount is None:
            carried = 0.0
            continue
        committed = float(staff.committed[:, inside].sum())
        if year == next(iter(staff.fiscal_years)) and amount < committed:
            raise GoalError(
                f"expected a budget of at least {committed:,.0f} in {year}, what those in post at the start cost, "
                f"found {amount:,.0f}; raise it, or start with fewer in post."
            )
        spent = committed + cp.sum(cost[np.flatnonzero(inside)]) + spare
        kept = cp.Variable(nonneg=True)
        limits += [spent + kept <= amount + carried, kept <= staff.budget.carry_over * amount]
        carried = kept
    return limits
