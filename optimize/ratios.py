"""Goals on the make-up of a population: support and dependency ratios, median age, share of the foreign-born."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .errors import GoalError
from .held import EVERYBODY, Parts, PopulationGoal, between, check_ages, named
from .response import EVERYONE, Functional
from .words import percent, span

__all__ = ["DependencyRatio", "ForeignBorn", "MedianAge", "SupportRatio"]


@dataclass(frozen=True, kw_only=True)
class SupportRatio(PopulationGoal):
    """The potential support ratio stays at or above a bound at 1 January of every year.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`.
    at_least : float
        Persons of working age per older person (the UN's scale, per one).
    young, old : int
        First age of working life and first age after it, years.

    Examples
    --------
    >>> print(SupportRatio(at_least=3.0, years=range(2040, 2051)).describe())
    at least 3.00 persons aged 15-64 per person aged 65+ in 2040-2050
    """

    at_least: float
    young: int = 15
    old: int = 65

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ages(self.young, self.old)

    @property
    def target(self) -> float:
        """The ratio asked for."""
        return self.at_least

    @property
    def step(self) -> float:
        """0.01 more."""
        return 0.01

    def functionals(self) -> dict[str, Functional]:
        """Those of working age and those older."""
        return between(self.young, self.old) | between(self.old, None)

    def numerator(self) -> Parts:
        """Those of working age."""
        return {named(self.young, self.old): {0: 1.0}}

    def denominator(self) -> Parts:
        """Those older."""
        return {named(self.old, None): {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        ratio = self.at_least if target is None else target
        return (
            f"at least {ratio:.2f} persons aged {self.young}-{self.old - 1} per person aged {self.old}+ "
            f"in {span(self.years)}"
        )


@dataclass(frozen=True, kw_only=True)
class DependencyRatio(PopulationGoal):
    """The dependency ratio stays at or below a bound at 1 January of every year.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`.
    at_most : float
        Dependants, younger and older, per person of working age.
    young, old : int
        First age of working life and first age after it, years.

    Examples
    --------
    >>> print(DependencyRatio(at_most=0.6, years=range(2040, 2051)).describe())
    at most 0.600 dependants per person aged 15-64 in 2040-2050
    """

    at_most: float
    young: int = 15
    old: int = 65
    better_is_more: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ages(self.young, self.old)

    @property
    def target(self) -> float:
        """The ratio allowed."""
        return self.at_most

    @property
    def step(self) -> float:
        """0.001 less."""
        return -0.001

    def functionals(self) -> dict[str, Functional]:
        """Everyone, and those of working age."""
        return {**EVERYBODY} | between(self.young, self.old)

    def numerator(self) -> Parts:
        """Everyone but those of working age."""
        return {EVERYONE: {0: 1.0}, named(self.young, self.old): {0: -1.0}}

    def denominator(self) -> Parts:
        """Those of working age."""
        return {named(self.young, self.old): {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        ratio = self.at_most if target is None else target
        return f"at most {ratio:.3f} dependants per person aged {self.young}-{self.old - 1} in {span(self.years)}"


@dataclass(frozen=True, kw_only=True)
class MedianAge(PopulationGoal):
    """The median age stays at or below an age: half of the people are younger at 1 January of every year.

    ``N(under M) >= N / 2``, linear in the people, and true exactly where the median age is at most M.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`.
    at_most : float
        Age, years; inside a year of age people are spread evenly.
    half : float
        Share of the people that is to be younger.

    Examples
    --------
    >>> print(MedianAge(at_most=38, years=[2050]).describe())
    at least 50.0 % of the people younger than 38 in 2050
    """

    at_most: float
    half: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.at_most <= 100.0 or not 0.0 < self.half < 1.0:
            raise GoalError(
                f"MedianAge: expected an age above 0 and up to 100 and a share between 0 and 1, found {self.at_most} "
                f"and {self.half}."
            )

    @property
    def target(self) -> float:
        """The share that is to be younger."""
        return self.half

    @property
    def step(self) -> float:
        """0.005 more."""
        return 0.005

    def functionals(self) -> dict[str, Functional]:
        """Everyone, and those younger than the age."""
        younger = np.clip(self.at_most - np.arange(101.0), 0.0, 1.0)
        return {**EVERYBODY} | {self._younger: Functional(weights=np.stack([younger, younger]))}

    def numerator(self) -> Parts:
        """Those younger."""
        return {self._younger: {0: 1.0}}

    def denominator(self) -> Parts:
        """Everyone."""
        return {EVERYONE: {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        share = self.half if target is None else target
        return f"at least {percent(share, 1)} of the people younger than {self.at_most:g} in {span(self.years)}"

    @property
    def _younger(self) -> str:
        return f"younger than {self.at_most:g}"


@dataclass(frozen=True, kw_only=True)
class ForeignBorn(PopulationGoal):
    """The share of the foreign-born stays at or below a bound at 1 January of every year.

    All who are admitted were born abroad, their children here were not. The projection has to follow the foreign-born.

    Parameters
    ----------
    years, probability, together, weight, priority : optional
        As in `PopulationGoal`.
    at_most : float
        Share of the people, between 0 and 1.

    Examples
    --------
    >>> print(ForeignBorn(at_most=0.1, years=[2050]).describe())
    at most 10.0 % of the people born abroad in 2050
    """

    at_most: float
    better_is_more: ClassVar[bool] = False

    @property
    def target(self) -> float:
        """The share allowed."""
        return self.at_most

    @property
    def step(self) -> float:
        """0.001 less."""
        return -0.001

    def functionals(self) -> dict[str, Functional]:
        """Everyone, and those born abroad."""
        return {**EVERYBODY} | {"foreign-born": Functional(weights=np.ones((2, 101)), native=False)}

    def numerator(self) -> Parts:
        """Those born abroad."""
        return {"foreign-born": {0: 1.0}}

    def denominator(self) -> Parts:
        """Everyone."""
        return {EVERYONE: {0: 1.0}}

    def describe(self, target: float | None = None) -> str:
        """The goal in words."""
        share = self.at_most if target is None else target
        return f"at most {percent(share, 1)} of the people born abroad in {span(self.years)}"
