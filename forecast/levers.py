"""Levers of a scenario: one sentence each about one path of a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from .errors import DrawsError
from .schedules import PROFILES

__all__ = ["Cap", "Delay", "Multiply", "Replace", "Shift"]

Names = str | Sequence[str] | None
Amount = float | xr.DataArray


@dataclass(frozen=True, kw_only=True)
class Where:
    """The part of a path that a lever moves."""

    on: str
    country: Names = None
    origin: Names = None
    destination: Names = None
    ages: tuple[int, int] | str | None = None

    def __post_init__(self) -> None:
        ages = self.ages
        if isinstance(ages, str):
            if not isinstance(self, Shift | Replace):
                raise DrawsError(
                    f"{says(self)}: expected ages=(low, high), found {ages!r}; Shift and Replace take a profile's name."
                )
            if ages not in PROFILES:
                raise DrawsError(f"{says(self)}: expected ages=(low, high) or {', '.join(PROFILES)}, found {ages!r}.")
        elif ages is not None and (len(ages) != 2 or not 0 <= ages[0] <= ages[1] <= 100):
            raise DrawsError(
                f"{says(self)}: expected ages=(low, high) with 0 <= low <= high <= 100, found {ages}; give completed "
                "ages, 100 for the open group."
            )


def says(lever: Where) -> str:
    """What messages call a lever."""
    return f"{type(lever).__name__} on {lever.on!r}"


def _check_amount(lever: Where, by: Amount, low: float = -np.inf) -> None:
    values = np.asarray(by, dtype=float)
    if not np.isfinite(values).all() or (values < low).any():
        wanted = "finite numbers" if low == -np.inf else f"finite numbers from {low:g} on"
        raise DrawsError(f"{says(lever)}: expected by= of {wanted}, found {by}; mend it.")


@dataclass(frozen=True, kw_only=True)
class Multiply(Where):
    """Multiply a path: "fertility of Guatemala is a tenth lower from 2030 on".

    Parameters
    ----------
    on : str
        "fertility"; "mortality" (life expectancy, or death rates where those are given); "migration", the net flow;
        the name of any other flow of `Migrants`; or "corridors".
    country : str or sequence of str, optional
        Where; without it everywhere.
    origin, destination : str or sequence of str, optional
        The same for corridors.
    ages : tuple of int, optional
        First and last completed age, 100 for the open group: where the path is by age, and on a flow with ages of its
        own, whose total and shares then both change.
    by : float or xarray.DataArray
        Factor, zero or more. An array may differ by any axis of the path, and by ``draw`` where the effect is itself
        uncertain; its labels are those of the part that the lever moves.
    years : sequence of int, optional
        Calendar years, such as ``range(2030, 2051)``; without it all.

    Raises
    ------
    DrawsError
        If the factor is negative or not finite, or the ages are not from 0 to 100.

    Examples
    --------
    >>> Multiply(by=0.9, on="fertility", country="GTM", years=range(2030, 2051)).by
    0.9
    """

    by: Amount
    years: Sequence[int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_amount(self, self.by, low=0.0)


@dataclass(frozen=True, kw_only=True)
class Shift(Where):
    """Add to a path: "20,000 more immigrants a year to the United States".

    People added to a rate, or of ages of their own, are a flow apart, of the name of the flow and who was added, so
    that they come in full whatever the rate is in a draw.

    Parameters
    ----------
    on, country, origin, destination : optional
        As in `Multiply`.
    ages : tuple of int or str, optional
        On a flow: who is added, by the name of a profile in `poblar.forecast.PROFILES`, or first and last age, as the
        flow's own profile has them ("family" where it has none). On rates by age: where each is shifted.
    by : float or xarray.DataArray
        What is added, as in `Multiply`; negative takes away.
    units : str, optional
        Units of `by`: those of the path unless said. Of a flow "persons per year" or "per person-year", whichever the
        path itself is in.
    years : sequence of int, optional
        As in `Multiply`.

    Raises
    ------
    DrawsError
        If `by` is not finite, or the ages are neither 0 to 100 nor a profile.

    Examples
    --------
    >>> Shift(by=20_000, units="persons per year", on="migration", country="USA", ages="worker").units
    'persons per year'
    """

    by: Amount
    units: str | None = None
    years: Sequence[int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_amount(self, self.by)


@dataclass(frozen=True, kw_only=True)
class Cap(Where):
    """Keep a path within limits: "no more than 100,000 refugees a year".

    Parameters
    ----------
    on, country, origin, destination, ages : optional
        As in `Multiply`; ages only where fertility or mortality is by age.
    at_most, at_least : float, optional
        Limits of the path in any draw and year; one of them, or both.
    units : str, optional
        Units of the limits, which are those of the path.
    years : sequence of int, optional
        As in `Multiply`.

    Raises
    ------
    DrawsError
        If there is no limit, or the lower one is above the upper one.

    Examples
    --------
    >>> Cap(at_most=2.1, on="fertility").at_most
    2.1
    """

    at_most: float | None = None
    at_least: float | None = None
    units: str | None = None
    years: Sequence[int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        if not low <= high or (self.at_least, self.at_most) == (None, None):
            raise DrawsError(
                f"{says(self)}: expected at_least= <= at_most=, or one of them, found {self.at_least} and "
                f"{self.at_most}."
            )


@dataclass(frozen=True, kw_only=True)
class Replace(Where):
    """Put a path of one's own in its place: "a million net migrants a year".

    Parameters
    ----------
    on, country, origin, destination : optional
        As in `Multiply`.
    ages : tuple of int or str, optional
        On a flow, as in `Shift`: a profile takes the place of the whole flow, first and last age of that part of it.
    by : float or xarray.DataArray
        The new path, as in `Multiply`.
    units : str, optional
        As in `Shift`.
    years : sequence of int, optional
        As in `Multiply`.

    Raises
    ------
    DrawsError
        As `Shift`.

    Examples
    --------
    >>> Replace(by=1.5, on="fertility", country="MEX", years=[2050]).by
    1.5
    """

    by: Amount
    units: str | None = None
    years: Sequence[int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_amount(self, self.by)


@dataclass(frozen=True, kw_only=True)
class Delay(Where):
    """Put off what is coming: "life expectancy reaches everything ten years later".

    ``x'(t) = x(max(t - n, since - 1))`` from `since` on: the figure of the year before stays for n years.

    Parameters
    ----------
    on, country, origin, destination : optional
        As in `Multiply`.
    ages : tuple of int, optional
        Where the path is by age.
    years : int
        By how many years, n.
    since : int, optional
        First year that is put off; without it the second of the path.

    Raises
    ------
    DrawsError
        If the delay is not one year or more.

    Examples
    --------
    >>> Delay(years=10, on="mortality", country=("GTM", "HND")).years
    10
    """

    years: int
    since: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.years, bool) or not isinstance(self.years, int | np.integer) or self.years < 1:
            raise DrawsError(f"{says(self)}: expected a delay of one year or more, found {self.years}.")


Lever = Multiply | Shift | Cap | Replace | Delay
