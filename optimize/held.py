"""What goals on the population share: years, probability, and margins that are linear in the admissions."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .errors import GoalError
from .response import EVERYONE, Functional, Response
from .words import span

__all__ = ["PopulationGoal", "PopulationMargins"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
Parts = Mapping[str, Mapping[int, float]]
"""Weight of each functional at the stock so many years after the goal's year."""
EVERYBODY: Mapping[str, Functional] = MappingProxyType({EVERYONE: Functional(weights=np.ones((2, 101)))})


@dataclass(frozen=True, kw_only=True)
class PopulationGoal:
    """A ratio of weighted populations stays on one side of a bound: N(t) >= g D(t), or <=, in every year t.

    Parameters
    ----------
    years : sequence of int
        Years in which it must hold.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all years at once, or for each year by itself.
    weight : float, optional
        What makes the goal soft: cost, in units of the plan's objective, of each `step` that the mean of its worst
        draws misses it by. Without it the goal must be reached.
    priority : int
        Where not all goals can be reached, those of a higher priority (1 is the highest) give way last.

    Raises
    ------
    GoalError
        If years are not in order, each once, or the probability is not between 0 and 1.

    Examples
    --------
    >>> from poblar.optimize import GrowthRate
    >>> isinstance(GrowthRate(at_least=0.0, years=[2030]), PopulationGoal)
    True
    """

    years: Sequence[int]
    probability: float = 0.9
    together: bool = True
    weight: float | None = None
    priority: int = 1

    better_is_more: ClassVar[bool] = True

    def __post_init__(self) -> None:
        what = type(self).__name__
        if len(self.years) == 0 or list(self.years) != sorted(set(self.years)):
            raise GoalError(f"{what}: expected years in order, each once, found {list(self.years)}.")
        check_probability(self, self.probability)
        if self.weight is not None and not 0.0 < self.weight < np.inf:
            raise GoalError(f"{what}: expected a weight above zero, or none for a hard goal, found {self.weight}.")
        if self.priority < 1:
            raise GoalError(f"{what}: expected a priority of 1 or more, 1 being the highest, found {self.priority}.")

    @property
    def target(self) -> float:
        """The bound."""
        raise NotImplementedError

    @property
    def step(self) -> float:
        """A small tightening of the bound, in its units, by which prices are quoted."""
        raise NotImplementedError

    def moved(self, steps: float) -> Self:
        """The goal with its target better by some steps."""
        names = [one.name for one in fields(self)]
        bound = next(name for name in ("half", "at_least", "at_most") if name in names)  # a median's age is no target
        return replace(self, **{bound: self.target + steps * self.step})

    def functionals(self) -> dict[str, Functional]:
        """Populations that it looks at."""
        raise NotImplementedError

    def numerator(self) -> Parts:
        """N, by functional and years after the goal's year."""
        raise NotImplementedError

    def denominator(self) -> Parts:
        """D likewise; nothing where the bound is on N alone."""
        return {}

    def describe(self, target: float | None = None) -> str:
        """The goal in words, with another target if one is given."""
        raise NotImplementedError

    def needs(self) -> dict[str, set[int]]:
        """Years of the stocks that it looks at, by functional."""
        found: dict[str, set[int]] = {}
        for parts in (self.numerator(), self.denominator()):
            for name, lags in parts.items():
                found.setdefault(name, set()).update(int(year) + lag for year in self.years for lag in lags)
        return found

    def indicator(self, response: Response, people: Array, draws: Positions | None = None) -> Array:
        """What each draw reaches in each year (draw, year), in the target's units, with people admitted (column,)."""
        above, below = (self._total(parts, response, people, draws) for parts in (self.numerator(), self.denominator()))
        return above / below if self.denominator() else above

    def reached(self, response: Response, people: Array, draws: Positions | None = None) -> Array:
        """What each draw reaches in its worst year (draw,)."""
        values = self.indicator(response, people, draws)
        return values.min(1) if self.better_is_more else values.max(1)

    def kept(self, response: Response, people: Array, draws: Positions | None = None) -> NDArray[np.bool_]:
        """Whether each draw keeps the goal in each year (draw, year)."""
        values = self.indicator(response, people, draws)
        slack = 1e-9 * max(abs(self.target), 1.0)
        return values >= self.target - slack if self.better_is_more else values <= self.target + slack

    def _total(self, parts: Parts, response: Response, people: Array, draws: Positions | None) -> Array:
        total = np.zeros(1)
        for name, lags in parts.items():
            for lag, weight in lags.items():
                at = response.positions(name, [int(year) + lag for year in self.years])
                total = total + weight * response.values(name, people, draws, at)
        return total


def check_probability(goal: object, probability: float) -> None:
    """Refuse a certainty that no count can certify."""
    if not 0.0 < probability < 1.0:
        raise GoalError(
            f"{type(goal).__name__}: expected a probability above 0 and below 1, found {probability}; "
            "no finite number of draws can certify certainty, ask for 0.95 or 0.99."
        )


class PopulationMargins:
    """Margins of a goal on some draws: ±(N - g D), as a share of the people of the baseline.

    Parameters
    ----------
    goal : PopulationGoal
    response : Response
    draws : array
        Positions of the draws.
    rows : sequence of int, optional
        Positions of the goal's years; all of them unless given.
    tighter : float
        Added to the target.
    unit : float
        Persons per unit of the plan.

    Examples
    --------
    >>> from poblar.optimize import PopulationSize
    >>> from poblar.optimize.admissions import Column
    >>> from poblar.optimize.response import by_hand
    >>> answer = by_hand([2030], {"everyone": [[100.0]]}, {"everyone": [[[1.0]]]}, columns=[Column("workers", 2029)])
    >>> margins = PopulationMargins(PopulationSize(at_least=110.0, years=[2030]), answer, answer.draws)
    >>> margins.worst(np.array([20.0]))[0].round(6)  # (120 - 110) / 100
    array([0.1])
    """

    def __init__(
        self,
        goal: PopulationGoal,
        response: Response,
        draws: Positions,
        *,
        rows: Sequence[int] | None = None,
        tighter: float = 0.0,
        unit: float = 1.0,
    ) -> None:
        self.response, self.draws, self.unit = response, draws, unit
        years = [int(goal.years[row]) for row in (range(len(goal.years)) if rows is None else rows)]
        self.years = years
        sign = 1.0 if goal.better_is_more else -1.0
        target = goal.target + tighter
        now = np.asarray(years) - response.first
        if now.min() < 0 or now.max() >= response.total.shape[1]:
            last = response.first + response.total.shape[1] - 1
            raise GoalError(
                f"{type(goal).__name__}: expected years within {response.first}-{last}, the horizon of the projection, "
                f"found {span(years)}; forecast further or shorten the goal."
            )
        self.scale = response.total[draws][:, now]
        self.offset = 0.0 if goal.denominator() else -sign * target
        self.terms: dict[str, tuple[Positions, Array]] = {}
        weights: dict[str, dict[int, Array]] = {}
        for parts, factor in ((goal.numerator(), sign), (goal.denominator(), -sign * target)):
            for name, lags in parts.items():
                for lag, weight in lags.items():
                    for row, year in enumerate(years):
                        own = weights.setdefault(name, {}).setdefault(year + lag, np.zeros(len(years)))
                        own[row] += factor * weight
        for name, by_year in weights.items():
            stocks = sorted(by_year)
            self.terms[name] = response.positions(name, stocks), np.stack([by_year[year] for year in stocks], axis=1)

    def per_target(self, goal: PopulationGoal) -> float:
        """What the margin moves by, on average, when the target moves by one: the baseline's D as a share of people."""
        if not goal.denominator():
            return float((1.0 / self.scale).mean())
        total = np.zeros(self.scale.shape)
        for name, lags in goal.denominator().items():
            for lag, weight in lags.items():
                years = [year + lag for year in self.years]
                total += weight * self.response.base[name][self.draws][:, self.response.positions(name, years)]
        return float((total / self.scale).mean())

    def take(self, draws: Positions) -> PopulationMargins:
        """The margins of some of the draws."""
        part = copy.copy(self)
        part.draws, part.scale = self.draws[draws], self.scale[draws]
        return part

    def rows(self, plan: Array) -> Array:
        """All margins (draw, row)."""
        total = np.full(self.scale.shape, self.offset)
        for name, (at, weights) in self.terms.items():
            total += self.response.values(name, self.unit * plan, self.draws, at) @ weights.T
        return total / self.scale

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw, and its row."""
        margins = self.rows(plan)
        row = margins.argmin(axis=1)
        return margins[np.arange(len(row)), row], row

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws, as constant and slope by column."""
        shares = weights / self.scale[draws, rows]
        constant, slope = float(shares.sum() * self.offset), np.zeros(len(self.response.columns))
        for name, (at, parts) in self.terms.items():
            each = shares[:, None] * parts[rows]
            constant += float((each * self.response.base[name][self.draws[draws]][:, at]).sum())
            slope += self.unit * self.response.gradient(name, each, self.draws[draws], at)
        return constant, slope


def check_ages(young: int, old: int) -> None:
    if not 0 < young < old <= 100:
        raise GoalError(f"expected ages 0 < young < old <= 100, found young={young}, old={old}.")


def named(low: int, high: int | None) -> str:
    return f"aged {low}+" if high is None else f"aged {low}-{high - 1}"


def between(low: int, high: int | None) -> dict[str, Functional]:
    """People of both sexes from one age up to another, which does not count."""
    ages = np.arange(101)
    chosen = (ages >= low) & (ages < (200 if high is None else high))
    return {named(low, high): Functional(weights=np.tile(chosen, (2, 1)).astype(float))}
