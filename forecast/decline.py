"""How death rates fall at each age as people live longer: the pattern that all countries share, and their own parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..data import DataError
from ..data.axes import SEXES
from .ages import single_year_rates
from .lifetable import ABRIDGED, AGES, life_expectancy

__all__ = ["LEVELS", "WORLD", "Decline", "decline_by_level"]

Array = NDArray[np.float64]

LEVELS = (50.0, 65.0, 80.0)  # life expectancies at which the decline by age is estimated, linear between them
# Given e0, which takes a part of the spread away, and with b itself moving, this holds 80 % from 1980 to 2010.
WIDER = 1.4
LEAST = 0.2  # of b, so that the oldest live longer too
WINDOW, COMPONENTS = 3, 4  # steps over which deviations are summed; four hold 76 % of the variance of 187 countries


@dataclass(frozen=True, kw_only=True)
class Decline:
    """How fast the log death rate falls at each age as people live longer, the same for all countries and both sexes.

    Parameters
    ----------
    b : array, shape (3, 101)
        Fall of the log rate by single year of age, relative to its mean over the abridged ages, where people live 50,
        65 and 80 years, mean of both sexes.
    ultimate : array, shape (101,)
        What b turns to where people live longest.
    deviations : array, shape (components, 2, 101)
        Principal components of the countries' own declines about b, women and men, per root of a year.

    Examples
    --------
    >>> WORLD.b[:, [2, 70]].round(1).tolist()  # first children's rates fall, then old people's too
    [[1.5, 0.6], [2.4, 0.5], [1.5, 1.1]]
    """

    b: Array
    ultimate: Array
    deviations: Array


def decline_by_level(
    history: xr.DataArray,
    *,
    first: int = 1950,
    last: int = 2010,
) -> Decline:
    r"""Estimate the common decline by age, and how countries differ from it, from the steps between the years given.

    .. math:: \log m_{c,t}(x) - \log m_{c,t+1}(x) = \kappa_{c,t} \sum_j h_j(e_{c,t})\, b_j(x) + r_{c,t}(x)

    with κ the mean of the left side over sexes and ages, e the mean life expectancy of the step and h the hat functions
    of 50, 65 and 80 years. Least squares by age over the steps with κ > 0; b is smoothed over neighbouring groups. It
    is the common factor of Li & Lee (2005) by level, since in history too it turns. The ultimate pattern is made of the
    last b: its mean over 15-64 below 70, its own shape above (Li, Lee & Gerland 2013). The components are those of r
    summed over windows of years and divided by the root of their length (its spread grows as the lag to the power 0.6),
    scaled to its whole variance by sex and age times 1.4.

    Parameters
    ----------
    history : xarray.DataArray
        Death rates (country, year, sex, abridged age), evenly spaced in time, per person-year.
    first, last : int
        Years used; 2010 is the last decade before the pandemic.

    Returns
    -------
    Decline

    Raises
    ------
    DataError
        If the ages are not abridged or the years are too few.

    Examples
    --------
    >>> from poblar.data import reference
    >>> decline = decline_by_level(reference.region().mx["mx"], last=2000)
    >>> decline.deviations.shape
    (4, 2, 101)
    """
    used = history.sel(year=slice(first, last), sex=list(SEXES)).transpose("country", "year", "sex", "age")
    if used.sizes["year"] <= WINDOW:
        raise DataError(
            expected=f"death rates of more than {WINDOW} years between {first} and {last}",
            found=f"{used.sizes['year']}",
            remedy="give a longer history, or change first= and last=",
        )
    logs = np.log(np.maximum(used.to_numpy(), 1e-7))
    singles = single_year_rates(used).to_numpy()
    e0 = np.mean([life_expectancy(singles[:, :, i], sex) for i, sex in enumerate(SEXES)], axis=0)
    falls = logs[:, :-1] - logs[:, 1:]
    k, middle = falls.mean((2, 3)), (e0[:, 1:] + e0[:, :-1]) / 2.0
    hats = k[..., None] * np.stack([np.interp(middle, LEVELS, row) for row in np.eye(len(LEVELS))], axis=-1)
    own = falls.mean(2)
    b, *_ = np.linalg.lstsq(hats[k > 0], own[k > 0], rcond=None)
    ages, groups = used["age"].to_numpy(), np.arange(b.shape[1])
    smoother = np.exp(-((groups[:, None] - groups) ** 2) / 2.0)
    b = b @ (smoother / smoother.sum(0))
    b = np.maximum(b / b.mean(1, keepdims=True), LEAST)
    b /= b.mean(1, keepdims=True)
    rest = falls - (hats @ b)[:, :, None]
    sums = np.lib.stride_tricks.sliding_window_view(rest, WINDOW, axis=1).sum(-1)
    spread = (sums / np.sqrt(WINDOW * np.diff(used["year"])[0])).reshape(-1, 2 * b.shape[1])
    return _pattern(b, _components(spread), ages)


def _ultimate(b: Array, ages: NDArray[np.int64]) -> Array:
    """One rate of decline up to 69, the mean of 15-64, and above it b, scaled to meet it at 65-69."""
    level = b[(ages >= 15) & (ages < 65)].mean()
    return np.where(ages < 70, level, b * level / b[ages == 65])


def _components(spread: Array) -> Array:
    """Principal components (COMPONENTS, 2, ages) of rows, without the twentieth that is farthest out (wars, AIDS)."""
    size = (spread**2).mean(1)
    kept = spread[size <= np.quantile(size, 0.95)]
    values, vectors = np.linalg.eigh(kept.T @ kept / len(kept))
    found = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1][:, :COMPONENTS].T
    found *= WIDER * np.sqrt((kept**2).mean(0) / np.maximum((found**2).sum(0), 1e-12))
    return found.reshape(len(found), 2, -1)


def _singles(values: Array, ages: NDArray[np.int64]) -> Array:
    """From the middles of abridged groups to single years."""
    middles = np.r_[0.5, (ages[1:-1] + ages[2:]) / 2.0, 100.5]
    return PchipInterpolator(middles, values, axis=-1)(AGES + 0.5)


def _pattern(b: Array, spread: Array, ages: NDArray[np.int64] = ABRIDGED) -> Decline:
    last = _ultimate(b[-1], ages)
    return Decline(b=_singles(b, ages), ultimate=_singles(last, ages), deviations=_singles(spread, ages))


# `decline_by_level` of the 187 countries of World Population Prospects 2024 with death rates by age, 1950-2010, by
# abridged age in thousandths: b at each level, then women and men of each component.
_FIGURES = """
1330 1540 1620 1610 1610 1620 1600 1530 1420 1280 1130 980 850 750 650 560 480 410 340 280 220 200
2300 2380 2170 1820 1600 1510 1440 1330 1180 1020 860 720 620 550 490 430 370 310 260 220 200 200
1520 1440 1370 1270 1160 1090 1050 1050 1050 1040 1010 1010 1020 1050 1070 1050 970 840 690 540 410 310
-70 -124 -57 -33 -12 -20 -20 -14 -4 6 12 10 6 -6 -12 -19 -19 -16 -11 -5 0 11
-64 -117 -41 -9 49 62 63 62 58 54 49 44 39 33 27 20 13 8 5 5 5 10
-19 -22 -31 -36 -23 -11 0 10 19 23 28 32 34 35 33 28 27 25 25 27 27 21
-22 -24 -48 -51 -62 -62 -54 -39 -23 -6 8 17 20 22 20 18 17 15 16 18 18 13
-48 7 13 32 52 58 59 56 46 34 27 22 15 10 2 -5 -12 -15 -16 -17 -18 -19
-55 0 -36 -24 -15 -2 7 8 9 3 -2 -8 -12 -16 -20 -24 -24 -23 -23 -24 -25 -25
12 45 -44 -31 -24 -18 -10 -2 5 8 7 7 5 2 -4 -7 -10 -13 -15 -18 -21 -22
10 45 -31 -30 -16 -2 12 22 30 31 29 24 18 12 5 0 -5 -8 -10 -13 -16 -17
"""
_ROWS = 0.001 * np.loadtxt(_FIGURES.split("\n"))
WORLD = _pattern(_ROWS[:3], _ROWS[3:].reshape(-1, 2, len(ABRIDGED)))
