"""Limits and objectives of a quota plan: sentences about the admissions, as constraints of its program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from .admissions import Admissions, Column
from .errors import GoalError
from .program import Model

__all__ = ["Budget", "Closest", "Share"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What those admitted take of something scarce stays within what there is in each year: places, homes, schools.

    ``sum_k per_person[k] x[k, t] <= at_most`` for every year t.

    Parameters
    ----------
    name : str
        What is scarce.
    per_person : mapping of str to float
        What a person of each category takes, in any unit.
    at_most : float or mapping of int to float
        What there is in a year, in that unit, or by year.

    Raises
    ------
    GoalError
        If a use or an amount is negative, or nothing is used.

    Examples
    --------
    >>> Budget(name="homes", per_person={"families": 0.3, "workers": 0.7}, at_most=60_000).name
    'homes'
    """

    name: str
    per_person: Mapping[str, float]
    at_most: float | Mapping[int, float]

    def __post_init__(self) -> None:
        amounts = self.at_most.values() if isinstance(self.at_most, Mapping) else [self.at_most]
        if not self.per_person or min(*self.per_person.values(), 0.0) < 0.0 or min(*amounts, 0.0) < 0.0:
            raise GoalError(
                f"{self.name}: expected per_person and at_most of zero or more, found {dict(self.per_person)} and "
                f"{self.at_most}."
            )


@dataclass(frozen=True, kw_only=True)
class Share:
    """A category's share of all admissions stays within limits in every year.

    Parameters
    ----------
    of : str
        The category.
    at_least, at_most : float
        Shares of all persons admitted in the year, between 0 and 1.

    Raises
    ------
    GoalError
        If the limits are not between 0 and 1 in order.

    Examples
    --------
    >>> Share(of="refugees", at_least=0.1).at_most
    1.0
    """

    of: str
    at_least: float = 0.0
    at_most: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.at_least <= self.at_most <= 1.0:
            raise GoalError(
                f"share of {self.of}: expected 0 <= at_least <= at_most <= 1, found {self.at_least} and "
                f"{self.at_most}; 0.1 is ten percent."
            )


@dataclass(frozen=True, kw_only=True)
class Closest:
    """Objective: stay as close as can be to admissions planned before, ``sum (x - reference)²``.

    Parameters
    ----------
    reference : mapping of str to mapping of int to float
        Persons by category and year.

    Examples
    --------
    >>> Closest(reference={"workers": {2027: 100_000, 2028: 110_000}}).reference["workers"][2028]
    110000
    """

    reference: Mapping[str, Mapping[int, float]]


Objective = str | Closest
OBJECTIVES = ("fewest", "cheapest", "smoothest")


def model_of(
    levers: Sequence[Admissions],
    columns: Sequence[Column],
    limits: Sequence[Budget | Share],
    objective: Objective,
    unit: float,
    *,
    whole: bool = False,
) -> Model:
    """The program of a plan without its goals, in thousands or whatever the unit is of persons."""
    plan = cp.Variable(len(columns), integer=whole)
    by_year = {lever.name: totals_of(lever, columns) @ plan for lever in levers}
    kept: list[cp.Constraint] = [plan >= 0.0]
    for lever in levers:
        kept += _of_lever(lever, by_year[lever.name], unit)
        kept += _holding(lever, columns, plan)
    for limit in limits:
        kept += _of_limit(limit, levers, by_year, unit)
    return Model(plan, objective_of(objective, levers, plan, by_year, columns, unit), kept)


def totals_of(lever: Admissions, columns: Sequence[Column]) -> Array:
    """Matrix (year, column) that adds up a lever's columns year by year."""
    return np.array(
        [[float(column.lever == lever.name and column.year == year) for column in columns] for year in lever.years]
    )


def _of_lever(lever: Admissions, total: cp.Expression, unit: float) -> list[cp.Constraint]:
    low, high = (limit / unit for limit in lever.limits)
    kept: list[cp.Constraint] = []
    if (low > 0.0).any():
        kept.append(total >= low)
    if np.isfinite(high).any():
        capped = np.flatnonzero(np.isfinite(high))
        kept.append(total[capped] <= high[capped])
    if lever.change_at_most is not None and len(lever.years) > 1:
        kept += [total[1:] <= (1.0 + lever.change_at_most) * total[:-1]]
        kept += [total[1:] >= (1.0 - lever.change_at_most) * total[:-1]]
    if lever.step_at_most is not None and len(lever.years) > 1:
        step = lever.step_at_most / unit
        kept += [total[1:] - total[:-1] <= step, total[1:] - total[:-1] >= -step]
    return kept


def _holding(lever: Admissions, columns: Sequence[Column], plan: cp.Variable) -> list[cp.Constraint]:
    """Numbers of a lever that change every some years are those of the year before in all others."""
    at = {column: place for place, column in enumerate(columns)}
    return [
        plan[place] == plan[at[replace(column, year=column.year - 1)]]
        for column, place in at.items()
        if column.lever == lever.name and (column.year - int(lever.years[0])) % lever.every
    ]


def _of_limit(
    limit: Budget | Share, levers: Sequence[Admissions], by_year: Mapping[str, cp.Expression], unit: float
) -> list[cp.Constraint]:
    years = sorted({int(year) for lever in levers for year in lever.years})
    named = limit.per_person if isinstance(limit, Budget) else {limit.of: 1.0}
    unknown = [name for name in named if name not in by_year]
    if unknown:
        raise GoalError(f"expected limits on {', '.join(by_year)}, found one on {unknown[0]!r}; name a lever.")

    def used(per_person: Mapping[str, float], year: int) -> cp.Expression:
        terms = [
            per_person[lever.name] * by_year[lever.name][year - int(lever.years[0])]
            for lever in levers
            if lever.name in per_person and year in lever.years
        ]
        return cp.hstack(terms) @ np.ones(len(terms)) if terms else cp.Constant(0.0)

    kept: list[cp.Constraint] = []
    for year in years:
        if isinstance(limit, Budget):
            there = limit.at_most.get(year) if isinstance(limit.at_most, Mapping) else limit.at_most
            taken = used(limit.per_person, year)
            if there is not None:
                kept.append(taken <= there / unit)
            continue
        own, everyone = used({limit.of: 1.0}, year), used(dict.fromkeys(by_year, 1.0), year)
        if limit.at_least > 0.0:
            kept.append(own >= limit.at_least * everyone)
        if limit.at_most < 1.0:
            kept.append(own <= limit.at_most * everyone)
    return kept


def objective_of(
    objective: Objective,
    levers: Sequence[Admissions],
    plan: cp.Variable,
    by_year: Mapping[str, cp.Expression],
    columns: Sequence[Column],
    unit: float,
) -> cp.Expression:
    if isinstance(objective, Closest):
        unknown = [name for name in objective.reference if name not in by_year]
        if unknown:
            raise GoalError(f"expected a reference of {', '.join(by_year)}, found one of {unknown[0]!r}.")
        apart = [
            by_year[lever.name][position] - objective.reference[lever.name][int(year)] / unit
            for lever in levers
            for position, year in enumerate(lever.years)
            if int(year) in objective.reference.get(lever.name, {})
        ]
        if not apart:
            raise GoalError("expected a reference for some of the levers' years, found none in common.")
        # Years without a reference are kept from drifting off for nothing.
        return cp.sum_squares(cp.hstack(apart)) + 1e-6 * cp.sum(plan)
    if objective == "cheapest":
        cost = {lever.name: lever.cost for lever in levers}
        return plan @ np.array([cost[column.lever] for column in columns])
    if objective == "smoothest":
        jumps = [cp.diff(total) for total in by_year.values() if total.size > 1]
        if not jumps:
            raise GoalError("expected levers of more than one year for the objective 'smoothest', found one year.")
        return cp.sum_squares(cp.hstack(jumps)) + 1e-3 * cp.sum(plan)
    return plan @ np.ones(len(columns))
