"""Admissions: the lever of a quota plan, and the age profiles of those admitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES
from ..forecast.schedules import PROFILES
from .errors import GoalError

__all__ = ["Admissions"]


@dataclass(frozen=True)
class Admissions:
    """People admitted in each year, in one category.

    Parameters
    ----------
    name : str
        What the category is called in tables.
    profile : str or xarray.DataArray
        Age and sex of those admitted: a name in `PROFILES`, or shares (sex, single year of age 0-100) that sum to
        one. After arrival they live, bear children and age under the country's rates.
    years : sequence of int
        Calendar years in which the lever moves.
    at_least, at_most : float
        Persons admitted in any year; no `at_most` means no limit.
    change_at_most : float, optional
        Largest change from one year to the next, as a share of the earlier year.

    Raises
    ------
    GoalError
        If limits contradict each other, years are not consecutive, or the profile is not one.

    Examples
    --------
    >>> Admissions("workers", profile="worker", years=range(2027, 2051), at_most=150_000).years[-1]
    2050
    """

    name: str
    profile: str | xr.DataArray
    years: Sequence[int]
    at_least: float = 0.0
    at_most: float | None = None
    change_at_most: float | None = None

    def __post_init__(self) -> None:
        years = np.asarray(self.years)
        if years.size == 0 or (np.diff(years) != 1).any():
            raise GoalError(
                f"{self.name}: expected consecutive years, found {list(self.years)}; use range(first, last + 1)."
            )
        if not 0.0 <= self.at_least <= (np.inf if self.at_most is None else self.at_most):
            raise GoalError(
                f"{self.name}: expected 0 <= at_least <= at_most, found {self.at_least} and {self.at_most}."
            )
        if self.change_at_most is not None and not 0.0 <= self.change_at_most < 1.0:
            raise GoalError(
                f"{self.name}: expected change_at_most between 0 and 1 (0.1 is ten percent), "
                f"found {self.change_at_most}."
            )
        if isinstance(self.profile, str) and self.profile not in PROFILES:
            raise GoalError(
                f"{self.name}: expected a profile among {', '.join(PROFILES)}, found {self.profile!r}; "
                "or give shares by sex and single year of age."
            )

    @property
    def shares(self) -> NDArray[np.float64]:
        """Shares by sex and age, shape (2, 101), summing to one."""
        profile = PROFILES[self.profile] if isinstance(self.profile, str) else self.profile
        values = profile.transpose("sex", "age").sel(sex=list(SEXES)).to_numpy().astype(float)
        if values.shape != (2, 101) or (values < 0).any() or abs(values.sum() - 1.0) > 1e-6:
            raise GoalError(
                f"{self.name}: expected a profile of shares (2 sexes, ages 0-100) that sum to one, "
                f"found shape {values.shape} with sum {values.sum():.4g}; divide it by its sum."
            )
        return values
