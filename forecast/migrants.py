"""Migrants: how many come or go in each draw and year, of what ages, over one border or between two countries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from ..data.axes import SEXES
from .errors import DrawsError
from .schedules import PROFILES

__all__ = ["Corridors", "Migrants"]

UNITS = ("persons per year", "per person-year")


@dataclass(frozen=True, kw_only=True)
class Migrants:
    """One flow of migrants over the borders of every country: net, immigrants, emigrants or one category of them.

    Parameters
    ----------
    name : str
        What scenarios and tables call it: "net", "workers", "returns" …
    total : xarray.DataArray
        Axes ``country``, ``year`` and perhaps ``draw``; persons per year, or per person-year of the population that the
        year would end with without migrants. With ``sex`` and single year of ``age`` as well it holds the migrants by
        age, persons per year. Immigrants and emigrants are both zero or more.
    direction : {"net", "in", "out"}
        "net" counts immigrants less emigrants.
    ages : str or xarray.DataArray, optional
        Ages and sexes: a name in `poblar.forecast.PROFILES`, or shares over ``sex`` and single year of ``age`` (and
        perhaps ``country`` and ``year``) that sum to one. Without it the region's schedule of net migrants.
    returning : bool
        Whether those who arrive were born in the country; they do not count as foreign-born.

    Raises
    ------
    DrawsError
        If the direction is unknown, the units are, people counted one way are negative, or shares do not sum to one.

    Examples
    --------
    >>> coming = xr.DataArray([[40_000.0]], coords={"country": ["MEX"], "year": [2030]}, dims=("country", "year"),
    ...                       attrs={"units": "persons per year"})
    >>> Migrants(name="workers", total=coming, direction="in", ages="worker").by_age
    False
    """

    name: str
    total: xr.DataArray
    direction: Literal["net", "in", "out"] = "net"
    ages: str | xr.DataArray | None = None
    returning: bool = False

    def __post_init__(self) -> None:
        if self.direction not in ("net", "in", "out"):
            raise DrawsError(f"{self.name}: expected direction 'net', 'in' or 'out', found {self.direction!r}.")
        units = self.total.attrs.get("units")
        if units not in (UNITS[:1] if self.by_age else UNITS):
            raise DrawsError(
                f"{self.name}: expected units {' or '.join(map(repr, UNITS[:1] if self.by_age else UNITS))}, found "
                f"{units!r}; convert (thousands times 1,000, percent by 100), and set attrs['units']."
            )
        if self.direction != "net" and bool((self.total < 0).any()):
            raise DrawsError(
                f"{self.name}: expected zero or more people who go {self.direction}, found "
                f"{float(self.total.min()):g}; count emigrants as positive, or call a difference direction='net'."
            )
        if isinstance(self.ages, str) and self.ages not in PROFILES:
            raise DrawsError(
                f"{self.name}: expected ages among {', '.join(PROFILES)}, found {self.ages!r}; or give shares by sex "
                "and single year of age."
            )
        if self.ages is not None and self.by_age:
            raise DrawsError(f"{self.name}: expected ages once, found a total by age and ages=; leave one out.")
        if isinstance(self.ages, xr.DataArray):
            _check_shares(self.name, self.ages, "country", "year")

    @property
    def by_age(self) -> bool:
        """Whether the total is by sex and age."""
        return "age" in self.total.dims

    @property
    def is_count(self) -> bool:
        """Whether the total is persons, not a rate."""
        return self.total.attrs.get("units") == UNITS[0]

    @property
    def sign(self) -> int:
        """-1 for emigrants, else 1."""
        return -1 if self.direction == "out" else 1


def _check_shares(name: str, shares: xr.DataArray, *more: str) -> None:
    """Shares over both sexes and ages 0-100 that sum to one."""
    right = (
        {"sex", "age"} <= set(shares.dims) <= {"sex", "age", *more}
        and tuple(shares["sex"].values) == SEXES
        and np.array_equal(shares["age"], np.arange(101))
    )
    if not right:
        raise DrawsError(
            f"{name}: expected ages over sex {SEXES}, age 0-100 and perhaps {', '.join(more)}, found axes "
            f"{tuple(shares.dims)}; "
            "spread groups over single years with poblar.forecast.ages.split_groups."
        )
    total = shares.sum(["sex", "age"])
    if not bool((abs(total - 1.0) < 1e-6).all()):
        raise DrawsError(
            f"{name}: expected shares that sum to one, found a sum of {float(total.max()):.4g}; divide by it."
        )


@dataclass(frozen=True, kw_only=True)
class Corridors:
    """Migrants between the countries of one system: what an origin loses the destination gains, person by person.

    Parameters
    ----------
    total : xarray.DataArray
        Axes ``origin``, ``destination``, ``year`` and perhaps ``draw``; persons per year, or per person-year of the
        origin's population. Zero or more, and zero from a country to itself.
    ages : str or xarray.DataArray
        Ages and sexes of all who move, as in `Migrants`; shares may differ by ``origin``.

    Raises
    ------
    DrawsError
        If an axis is missing, a number is negative, units are others, or a country sends people to itself.

    Examples
    --------
    >>> total = xr.DataArray([[[0.0], [1000.0]], [[200.0], [0.0]]], dims=("origin", "destination", "year"),
    ...                      coords={"origin": ["MEX", "USA"], "destination": ["MEX", "USA"], "year": [2030]},
    ...                      attrs={"units": "persons per year"})
    >>> Corridors(total=total).is_count
    True
    """

    total: xr.DataArray
    ages: str | xr.DataArray = "family"

    def __post_init__(self) -> None:
        found = set(map(str, self.total.dims))
        if found | {"draw"} != {"draw", "origin", "destination", "year"}:
            raise DrawsError(
                "corridors: expected axes origin, destination and year (draw may be left out), "
                f"found {', '.join(sorted(found))}."
            )
        if self.total.attrs.get("units") not in UNITS:
            raise DrawsError(
                f"corridors: expected units {' or '.join(map(repr, UNITS))}, found {self.total.attrs.get('units')!r}; "
                "convert, and set attrs['units']."
            )
        if not bool((self.total >= 0).all()):
            raise DrawsError("corridors: expected zero or more people everywhere, found fewer or NaN; mend the draws.")
        for country in np.intersect1d(self.total["origin"], self.total["destination"]):
            if bool((self.total.sel(origin=country, destination=country) > 0).any()):
                raise DrawsError(f"corridors: expected nobody from {country} to {country}, found some; set zero.")
        if isinstance(self.ages, str) and self.ages not in PROFILES:
            raise DrawsError(f"corridors: expected ages among {', '.join(PROFILES)}, found {self.ages!r}.")
        if isinstance(self.ages, xr.DataArray):
            _check_shares("corridors", self.ages, "origin")

    @property
    def is_count(self) -> bool:
        """Whether the total is persons, not a rate."""
        return self.total.attrs.get("units") == UNITS[0]
