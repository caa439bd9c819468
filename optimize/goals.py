"""Goals: small frozen values that read like the sentence they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import GoalError
from .response import Response
from .words import month, months_in, percent, span

__all__ = [
    "DependencyRatio",
    "GrowthRate",
    "PopulationGoal",
    "PopulationSize",
    "SupportRatio",
    "WaitTime",
]

Array = NDArray[np.float64]
EVERYONE = "everyone"


class PopulationGoal(Protocol):
    """What a goal on the population offers to a quota plan."""

    @property
    def probability(self) -> float:
        """Probability asked for."""
        ...

    @property
    def together(self) -> bool:
        """Whether it holds for all years at once or for each."""
        ...

    @property
    def years(self) -> Sequence[int]:
        """Years in which the goal holds."""
        ...

    @property
    def step(self) -> float:
        """A small tightening of the target, in its units, by which prices are quoted."""
        ...

    def functionals(self) -> dict[str, Array]:
        """Weights by sex and age of the populations it looks at."""
        ...

    def rows(self, response: Response, tighter: float = 0.0) -> tuple[Array, Array]:
        """Constant (draw, row) and slope (draw, row, lever) of the margins, one row a year, as shares of the people."""
        ...

    def reached(self, response: Response, people: Array) -> Array:
        """What each draw reaches in its worst year, in the target's units (draw,)."""
        ...

    def describe(self, target: float | None = None) -> str:
        """The goal in words, with another target if one is given."""
        ...

    @property
    def better_is_more(self) -> bool:
        """Whether more of the indicator is better."""
        ...

    @property
    def target(self) -> float:
        """The bound on the indicator."""
        ...


@dataclass(frozen=True, kw_only=True)
class GrowthRate:
    """Total growth stays at or above a rate: P(t+1) >= (1 + at_least) P(t) in every year.

    Parameters
    ----------
    at_least : float
        Growth, fraction per year (0.01 is one percent).
    years : sequence of int
        Calendar years in which it must hold.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all years at once, or for each year by itself.

    Examples
    --------
    >>> print(GrowthRate(at_least=0.0, years=range(2035, 2051), probability=0.9).describe())
    growth of at least 0.00 % a year in 2035-2050
    """

    at_least: float
    years: Sequence[int]
    probability: float = 0.9
    together: bool = True

    def __post_init__(self) -> None:
        _check(self, self.years, self.probability)

    better_is_more = True
    step = 0.001

    @property
    def target(self) -> float:
        """The growth rate asked for."""
        return self.at_least

    def functionals(self) -> dict[str, Array]:
        """The total population."""
        return {EVERYONE: np.ones((2, 101))}

    def rows(self, response: Response, tighter: float = 0.0) -> tuple[Array, Array]:
        """Margins (P(t+1) - (1+g) P(t)) / P0(t), one row a year."""
        base, slope = response.base[EVERYONE], response.slope[EVERYONE]
        now = _positions(self, response, self.years, last=len(response.years) - 2)
        growth = 1.0 + self.at_least + tighter
        scale = base[:, now]
        constant = (base[:, now + 1] - growth * base[:, now]) / scale
        return constant, (slope[:, now + 1] - growth * slope[:, now]) / scale[..., None]

    def reached(self, response: Response, people: Array) -> Array:
        """Lowest growth over the years, fraction per year."""
        total = response.base[EVERYONE] + response.slope[EVERYONE] @ people
        now = _positions(self, response, self.years, last=len(response.years) - 2)
        return (total[:, now + 1] / total[:, now] - 1.0).min(1)

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        growth = self.at_least if target is None else target
        return f"growth of at least {percent(growth, 2)} a year in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class SupportRatio:
    """The potential support ratio stays at or above a bound at 1 January of every year.

    Parameters
    ----------
    at_least : float
        Persons of working age per older person (the UN's scale, per one).
    years : sequence of int
        Years whose 1 January it must hold at.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all years at once, or for each year by itself.
    young, old : int
        First age of working life and first age after it, years.

    Examples
    --------
    >>> print(SupportRatio(at_least=3.0, years=range(2040, 2051)).describe())
    at least 3.00 persons aged 15-64 per person aged 65+ in 2040-2050
    """

    at_least: float
    years: Sequence[int]
    probability: float = 0.9
    together: bool = True
    young: int = 15
    old: int = 65

    def __post_init__(self) -> None:
        _check(self, self.years, self.probability)

    better_is_more = True
    step = 0.01

    @property
    def target(self) -> float:
        """The ratio asked for."""
        return self.at_least

    def functionals(self) -> dict[str, Array]:
        """Everyone, those of working age and those older."""
        return _age_functionals(self.young, self.old)

    def rows(self, response: Response, tighter: float = 0.0) -> tuple[Array, Array]:
        """Margins (working - ratio x older) / P0(t), one row a year."""
        weights = {_working(self.young, self.old): 1.0, _older(self.old): -(self.at_least + tighter)}
        return _combined(self, response, self.years, weights)

    def reached(self, response: Response, people: Array) -> Array:
        """Lowest ratio over the years."""
        working, older = _stocks(self, response, people, self.years, _working(self.young, self.old), _older(self.old))
        return (working / older).min(1)

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        ratio = self.at_least if target is None else target
        return (
            f"at least {ratio:.2f} persons aged {self.young}-{self.old - 1} per person aged {self.old}+ "
            f"in {span(self.years)}"
        )


@dataclass(frozen=True, kw_only=True)
class DependencyRatio:
    """The dependency ratio stays at or below a bound at 1 January of every year.

    Parameters
    ----------
    at_most : float
        Dependants, younger and older, per person of working age.
    years : sequence of int
        Years whose 1 January it must hold at.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all years at once, or for each year by itself.
    young, old : int
        First age of working life and first age after it, years.

    Examples
    --------
    >>> print(DependencyRatio(at_most=0.6, years=range(2040, 2051)).describe())
    at most 0.600 dependants per person aged 15-64 in 2040-2050
    """

    at_most: float
    years: Sequence[int]
    probability: float = 0.9
    together: bool = True
    young: int = 15
    old: int = 65

    def __post_init__(self) -> None:
        _check(self, self.years, self.probability)

    better_is_more = False
    step = -0.001

    @property
    def target(self) -> float:
        """The ratio allowed."""
        return self.at_most

    def functionals(self) -> dict[str, Array]:
        """Everyone, those of working age and those older."""
        return _age_functionals(self.young, self.old)

    def rows(self, response: Response, tighter: float = 0.0) -> tuple[Array, Array]:
        """Margins ((1 + ratio) x working - everyone) / P0(t), one row a year."""
        weights = {_working(self.young, self.old): 1.0 + self.at_most + tighter, EVERYONE: -1.0}
        return _combined(self, response, self.years, weights)

    def reached(self, response: Response, people: Array) -> Array:
        """Highest ratio over the years."""
        working, everyone = _stocks(self, response, people, self.years, _working(self.young, self.old), EVERYONE)
        return (everyone / working - 1.0).max(1)

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        ratio = self.at_most if target is None else target
        return f"at most {ratio:.3f} dependants per person aged {self.young}-{self.old - 1} in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class PopulationSize:
    """The population stays at or above a size at 1 January of every year.

    Parameters
    ----------
    at_least : float
        Persons.
    years : sequence of int
        Years whose 1 January it must hold at.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all years at once, or for each year by itself.

    Examples
    --------
    >>> print(PopulationSize(at_least=130e6, years=[2050]).describe())
    at least 130,000,000 people in 2050
    """

    at_least: float
    years: Sequence[int]
    probability: float = 0.9
    together: bool = True

    def __post_init__(self) -> None:
        _check(self, self.years, self.probability)

    better_is_more = True

    @property
    def step(self) -> float:
        """A thousandth of the size."""
        return 0.001 * self.at_least

    @property
    def target(self) -> float:
        """The size asked for, persons."""
        return self.at_least

    def functionals(self) -> dict[str, Array]:
        """The total population."""
        return {EVERYONE: np.ones((2, 101))}

    def rows(self, response: Response, tighter: float = 0.0) -> tuple[Array, Array]:
        """Margins P(t) / size - 1, one row a year."""
        at = _positions(self, response, self.years)
        size = self.at_least + tighter
        return response.base[EVERYONE][:, at] / size - 1.0, response.slope[EVERYONE][:, at] / size

    def reached(self, response: Response, people: Array) -> Array:
        """Smallest population over the years, persons."""
        (everyone,) = _stocks(self, response, people, self.years, EVERYONE)
        return everyone.min(1)

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        size = self.at_least if target is None else target
        return f"at least {size:,.0f} people in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class WaitTime:
    """Whoever applies in a month is decided within a number of months, from a date on, first in first out.

    Parameters
    ----------
    at_most : str
        "6 months": the decision falls at the latest in the sixth month after the month of application.
    since : str
        First month of application for which it holds, "2028-01"; it holds up to the horizon less the wait.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all months at once, or for each month by itself.

    Examples
    --------
    >>> print(WaitTime(at_most="6 months", since="2028-01").describe())
    a decision within 6 months for everyone who applies from 2028-01 on
    """

    at_most: str
    since: str
    probability: float = 0.9
    together: bool = True

    def __post_init__(self) -> None:
        _check_probability(self, self.probability)
        months_in(self.at_most)
        month(self.since)

    @property
    def months(self) -> int:
        """The wait allowed, months."""
        return months_in(self.at_most)

    def describe(self, months: float | None = None) -> str:
        """The goal in words."""
        wait = self.at_most if months is None else f"{months:.0f} months"
        return f"a decision within {wait} for everyone who applies from {self.since} on"


def _check(goal: object, years: Sequence[int], probability: float) -> None:
    if len(years) == 0 or list(years) != sorted(set(years)):
        raise GoalError(f"{type(goal).__name__}: expected years in order, each once, found {list(years)}.")
    _check_probability(goal, probability)


def _check_probability(goal: object, probability: float) -> None:
    if not 0.0 < probability < 1.0:
        raise GoalError(
            f"{type(goal).__name__}: expected a probability above 0 and below 1, found {probability}; "
            "no finite number of draws can certify certainty, ask for 0.95 or 0.99."
        )


def _positions(goal: object, response: Response, years: Sequence[int], last: int | None = None) -> NDArray[np.intp]:
    """Positions of the goal's years among the stocks."""
    at = np.asarray(years) - int(response.years[0])
    top = len(response.years) - 1 if last is None else last
    if at.min() < 0 or at.max() > top:
        raise GoalError(
            f"{type(goal).__name__}: expected years within {response.years[0]}-{response.years[top]}, the horizon of "
            f"the projection, found {span(years)}; forecast further or shorten the goal."
        )
    return at


def _age_functionals(young: int, old: int) -> dict[str, Array]:
    if not 0 < young < old <= 100:
        raise GoalError(f"expected ages 0 < young < old <= 100, found young={young}, old={old}.")
    ages = np.arange(101)
    return {
        EVERYONE: np.ones((2, 101)),
        _working(young, old): np.tile((ages >= young) & (ages < old), (2, 1)).astype(float),
        _older(old): np.tile(ages >= old, (2, 1)).astype(float),
    }


def _working(young: int, old: int) -> str:
    return f"aged {young}-{old - 1}"


def _older(old: int) -> str:
    return f"aged {old}+"


def _combined(goal: object, response: Response, years: Sequence[int], weights: dict[str, float]) -> tuple[Array, Array]:
    at = _positions(goal, response, years)
    scale = response.base[EVERYONE][:, at]
    constant = sum(weight * response.base[name][:, at] for name, weight in weights.items())
    slope = sum(weight * response.slope[name][:, at] for name, weight in weights.items())
    return constant / scale, slope / scale[..., None]


def _stocks(goal: object, response: Response, people: Array, years: Sequence[int], *names: str) -> list[Array]:
    at = _positions(goal, response, years)
    return [response.base[name][:, at] + response.slope[name][:, at] @ people for name in names]
