"""Goals on numbers and growth: small frozen values that read like the sentence they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .held import EVERYBODY, Parts, PopulationGoal, between, check_ages, named
from .response import EVERYONE, Functional
from .words import percent, span

__all__ = ["Births", "GrowthRate", "PopulationSize", "WorkingAge"]


@dataclass(frozen=True, kw_only=True)
class GrowthRate(PopulationGoal):
    """Total growth stays at or above a rate: P(t+1) >= (1 + at_least) P(t) in every year.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`; calendar years of growth.
    at_least : float
        Growth, fraction per year (0.01 is one percent).

    Examples
    --------
    >>> print(GrowthRate(at_least=0.0, years=range(2035, 2051), probability=0.9).describe())
    growth of at least 0.00 % a year in 2035-2050
    """

    at_least: float

    @property
    def target(self) -> float:
        """The growth rate asked for."""
        return self.at_least

    @property
    def step(self) -> float:
        """0.001 more."""
        return 0.001

    def functionals(self) -> dict[str, Functional]:
        """The total population."""
        return dict(EVERYBODY)

    def numerator(self) -> Parts:
        """P(t+1) - P(t)."""
        return {EVERYONE: {1: 1.0, 0: -1.0}}

    def denominator(self) -> Parts:
        """P(t)."""
        return {EVERYONE: {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        growth = self.at_least if target is None else target
        return f"growth of at least {percent(growth, 2)} a year in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class PopulationSize(PopulationGoal):
    """The population stays at or above a size at 1 January of every year.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`.
    at_least : float
        Persons.

    Examples
    --------
    >>> print(PopulationSize(at_least=130e6, years=[2050]).describe())
    at least 130,000,000 people in 2050
    """

    at_least: float

    @property
    def step(self) -> float:
        """A thousandth of the size."""
        return 0.001 * self.at_least

    @property
    def target(self) -> float:
        """The size asked for, persons."""
        return self.at_least

    def functionals(self) -> dict[str, Functional]:
        """The total population."""
        return dict(EVERYBODY)

    def numerator(self) -> Parts:
        """P(t)."""
        return {EVERYONE: {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        size = self.at_least if target is None else target
        return f"at least {size:,.0f} people in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class WorkingAge(PopulationGoal):
    """The people of working age stay at or above a number at 1 January of every year.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`.
    at_least : float
        Persons.
    young, old : int
        First age of working life and first age after it, years.

    Examples
    --------
    >>> print(WorkingAge(at_least=85e6, years=[2050]).describe())
    at least 85,000,000 people aged 15-64 in 2050
    """

    at_least: float
    young: int = 15
    old: int = 65

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ages(self.young, self.old)

    @property
    def step(self) -> float:
        """A thousandth of the number."""
        return 0.001 * self.at_least

    @property
    def target(self) -> float:
        """The number asked for, persons."""
        return self.at_least

    def functionals(self) -> dict[str, Functional]:
        """Those of working age."""
        return between(self.young, self.old)

    def numerator(self) -> Parts:
        """Those of working age."""
        return {named(self.young, self.old): {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        number = self.at_least if target is None else target
        return f"at least {number:,.0f} people aged {self.young}-{self.old - 1} in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class Births(PopulationGoal):
    """The births of every year stay at or above a number.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`; calendar years of birth.
    at_least : float
        Persons per year.

    Examples
    --------
    >>> print(Births(at_least=1.5e6, years=range(2040, 2051)).describe())
    at least 1,500,000 births a year in 2040-2050
    """

    at_least: float

    @property
    def step(self) -> float:
        """A thousandth of the number."""
        return 0.001 * self.at_least

    @property
    def target(self) -> float:
        """The number asked for, persons per year."""
        return self.at_least

    def functionals(self) -> dict[str, Functional]:
        """Births of the year before a 1 January."""
        return {"births": Functional(weights=np.zeros((2, 101)), births=True)}

    def numerator(self) -> Parts:
        """Births."""
        return {"births": {1: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        number = self.at_least if target is None else target
        return f"at least {number:,.0f} births a year in {span(self.years)}"
