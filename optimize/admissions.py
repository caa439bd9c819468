"""Admissions: the lever of a quota plan, who comes with it, and within which limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES
from ..forecast.schedules import PROFILES
from .errors import GoalError

__all__ = ["Admissions", "Column"]

Array = NDArray[np.float64]
ByYear = float | Mapping[int, float]
EVERY_AGE = "all ages"


@dataclass(frozen=True)
class Column:
    """One number that a plan decides: persons admitted in a category and year, and at some ages where these are free.

    Parameters
    ----------
    lever : str
        Name of the category.
    year : int
        Calendar year of admission.
    ages : str
        Group of sex and age, such as "female 20-24".

    Examples
    --------
    >>> Column("workers", 2030).ages
    'all ages'
    """

    lever: str
    year: int
    ages: str = EVERY_AGE


@dataclass(frozen=True)
class Admissions:
    """People admitted in each year, in one category.

    Parameters
    ----------
    name : str
        What the category is called in tables.
    profile : str or xarray.DataArray
        Age and sex of those admitted: a name in `PROFILES`, or shares (sex, single year of age 0-100) that sum to
        one; or "free", where the plan decides them too, by groups of `group` years.
    years : sequence of int
        Calendar years in which the lever moves.
    at_least, at_most : float or mapping of int to float
        Persons admitted in any year, or by year (years left out have no limit of their own); no `at_most` means no
        limit. A range such as Canada's Levels Plan is one of each. With free ages they hold for all ages together.
    change_at_most : float, optional
        Largest change from one year to the next, as a share of the earlier year.
    step_at_most : float, optional
        Largest change from one year to the next, persons.
    every : int
        Years that a number holds for, counted from the first year; 1 lets each year have its own.
    cost : float
        Cost of a person admitted, in any unit; what the objective "cheapest" adds up.
    fertility, mortality : float
        Factors on the country's birth and death rates for those admitted, not for their children born here.
    leaves : float
        Share of those admitted that leaves again, with the children born to them here, at the end of the year that
        is `stay` years after that of admission.
    leaves_weight : float, optional
        How many observations the share is worth: each draw has its own, from Beta(mean=leaves, weight=leaves_weight).
        Without it every draw has the same.
    stay : int
        Years that those who leave stay.
    group : int
        Width of the groups of free ages, years; 1 or a divisor of 100.

    Raises
    ------
    GoalError
        If limits contradict each other, years are not consecutive, or the profile is not one.

    Examples
    --------
    >>> Admissions("workers", profile="worker", years=range(2027, 2051), at_most=150_000).years[-1]
    2050
    >>> len(Admissions("anyone", profile="free", years=[2027, 2028], group=5).columns)
    84
    """

    name: str
    profile: str | xr.DataArray
    years: Sequence[int]
    at_least: ByYear = 0.0
    at_most: ByYear | None = None
    change_at_most: float | None = None
    step_at_most: float | None = None
    every: int = 1
    cost: float = 1.0
    fertility: float = 1.0
    mortality: float = 1.0
    leaves: float = 0.0
    leaves_weight: float | None = None
    stay: int = 5
    group: int = 5

    def __post_init__(self) -> None:
        years = np.asarray(self.years)
        if years.size == 0 or (np.diff(years) != 1).any():
            raise GoalError(
                f"{self.name}: expected consecutive years, found {list(self.years)}; use range(first, last + 1)."
            )
        for which in ("at_least", "at_most"):
            value = getattr(self, which)
            strange = [year for year in value if year not in self.years] if isinstance(value, Mapping) else []
            if strange:
                raise GoalError(
                    f"{self.name}: expected {which} by years of {years[0]}-{years[-1]}, found {strange[0]}; "
                    "drop it, or lengthen years=."
                )
        low, high = self.limits
        wrong = ~((low >= 0.0) & (low <= high))
        if wrong.any():
            least, most = (
                value if isinstance(value, Mapping) else f"{value}" for value in (self.at_least, self.at_most)
            )
            raise GoalError(f"{self.name}: expected 0 <= at_least <= at_most, found {least} and {most}.")
        self._check_shares()
        self._check_people()

    def _check_shares(self) -> None:
        if self.change_at_most is not None and not 0.0 <= self.change_at_most < 1.0:
            raise GoalError(
                f"{self.name}: expected change_at_most between 0 and 1 (0.1 is ten percent), "
                f"found {self.change_at_most}."
            )
        if self.step_at_most is not None and not self.step_at_most >= 0.0:
            raise GoalError(f"{self.name}: expected step_at_most of zero or more persons, found {self.step_at_most}.")
        if self.every < 1 or int(self.every) != self.every:
            raise GoalError(f"{self.name}: expected every of one year or more, found {self.every}.")
        if not 0.0 <= self.leaves < 1.0:
            raise GoalError(f"{self.name}: expected leaves between 0 and 1 (0.2 is one in five), found {self.leaves}.")
        if self.leaves_weight is not None and not self.leaves_weight > 0.0:
            raise GoalError(f"{self.name}: expected leaves_weight above zero, found {self.leaves_weight}.")
        if self.stay < 1 or int(self.stay) != self.stay:
            raise GoalError(f"{self.name}: expected stay of one year or more, found {self.stay}.")

    def _check_people(self) -> None:
        if isinstance(self.profile, str) and self.profile not in (*PROFILES, "free"):
            raise GoalError(
                f"{self.name}: expected a profile among {', '.join(PROFILES)}, free, found {self.profile!r}; "
                "or give shares by sex and single year of age."
            )
        if self.group < 1 or 100 % self.group:
            raise GoalError(f"{self.name}: expected group of 1 year or a divisor of 100, found {self.group}.")
        for what in ("fertility", "mortality"):
            if not 0.0 <= getattr(self, what) < np.inf:
                raise GoalError(f"{self.name}: expected a factor {what} of zero or more, found {getattr(self, what)}.")

    @property
    def limits(self) -> tuple[Array, Array]:
        """Least and most persons by year; infinite where there is no limit."""

        def by_year(value: ByYear | None, absent: float) -> Array:
            if isinstance(value, Mapping):
                return np.array([value.get(int(year), absent) for year in self.years], dtype=float)
            return np.full(len(self.years), absent if value is None else value, dtype=float)

        return by_year(self.at_least, 0.0), by_year(self.at_most, np.inf)

    @property
    def is_free(self) -> bool:
        """Whether the plan decides ages and sexes too."""
        return isinstance(self.profile, str) and self.profile == "free"

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of sex and age that are decided apart."""
        if not self.is_free:
            return (EVERY_AGE,)
        lows = range(0, 101, self.group)
        labels = [
            "100" if low == 100 else f"{low}-{low + self.group - 1}" if self.group > 1 else f"{low}" for low in lows
        ]
        return tuple(f"{sex} {label}" for sex in SEXES for label in labels)

    @property
    def columns(self) -> list[Column]:
        """What the plan decides, year by year."""
        return [Column(self.name, int(year), ages) for year in self.years for ages in self.groups]

    def shares_of(self, ages: str) -> Array:
        """Shares by sex and age (2, 101) of those admitted in one group; spread evenly inside it."""
        if not self.is_free:
            return self.shares
        sex, _, label = ages.partition(" ")
        low, _, high = label.partition("-")
        shares = np.zeros((2, 101))
        shares[SEXES.index(sex), int(low) : int(high or low) + 1] = 1.0
        return shares / shares.sum()

    @property
    def shares(self) -> Array:
        """Shares by sex and age, shape (2, 101), summing to one."""
        profile = PROFILES[self.profile] if isinstance(self.profile, str) else self.profile
        values = profile.transpose("sex", "age").sel(sex=list(SEXES)).to_numpy().astype(float)
        if values.shape != (2, 101) or (values < 0).any() or abs(values.sum() - 1.0) > 1e-6:
            raise GoalError(
                f"{self.name}: expected a profile of shares (2 sexes, ages 0-100) that sum to one, "
                f"found shape {values.shape} with sum {values.sum():.4g}; divide it by its sum."
            )
        return values

    def leaving_draws(self, draws: int, rng: np.random.Generator) -> Array:
        """Share that leaves again in each draw (draw,)."""
        if self.leaves_weight is None or self.leaves == 0.0:
            return np.full(draws, self.leaves)
        return rng.beta(self.leaves * self.leaves_weight, (1.0 - self.leaves) * self.leaves_weight, draws)
