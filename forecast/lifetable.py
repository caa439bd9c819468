"""Period life tables by single year of age or abridged, and the survival ratios that projections use.

Ages 0-99 are single years, 100 is open, unless a table is abridged. Arrays carry age last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..data import DataError

__all__ = ["ABRIDGED", "SurvivalTable", "abridged_life_table", "life_expectancy", "life_table", "survival_ratios"]

Array = NDArray[np.float64]

AGES = np.arange(101)
ABRIDGED = np.array([0, 1, *range(5, 101, 5)])
"""Lower bounds of the groups of an abridged table: infants, 1-4, 5-9 … 95-99 and 100+."""

# Andreev & Kingkade (2015), as in the Human Mortality Database's protocol (version 6, table 1): a0 is linear in m0,
# a0 = intercept + slope m0, up to each limit of m0.
INFANT = {
    "female": ((0.01724, 0.14903, -2.05527), (0.06891, 0.04667, 3.88089), (np.inf, 0.31411, 0.0)),
    "male": ((0.02300, 0.14929, -1.99545), (0.08307, 0.02832, 3.26021), (np.inf, 0.29915, 0.0)),
}
# Coale & Demeny (1983), model West (Preston, Heuveline & Guillot 2001, table 3.3): years lived between the first and
# the fifth birthday by those who die there, linear in m0 below the limit: intercept, slope, and what it is above.
CHILDREN = {"female": (1.522, -1.518, 1.361), "male": (1.651, -2.816, 1.352)}
CHILDREN_LIMIT = 0.107


def life_table(mx: Array, sex: str) -> pd.DataFrame:
    """Period life table of one schedule of death rates.

    ``q = m / (1 + (1 - a) m)``, ``l[x+1] = l[x] (1 - q[x])``, ``L[x] = l[x+1] + a[x] d[x]``; in the open group
    ``L = l / m`` (Preston, Heuveline & Guillot 2001, box 3.1).

    Parameters
    ----------
    mx : array, shape (101,)
        Death rates by single year of age 0-99 and 100+, per person-year.
    sex : {"female", "male"}
        Decides the mean age at death of infants (Andreev & Kingkade 2015).

    Returns
    -------
    pandas.DataFrame
        Indexed by age; columns mx, ax (years), qx, lx, dx, Lx, Tx (with l0 = 1) and ex (years).

    Raises
    ------
    DataError
        If a rate is missing, negative or not a number, or the ages are not 0-100.

    Examples
    --------
    >>> import numpy as np
    >>> table = life_table(np.full(101, 0.02), "female")
    >>> round(float(table.loc[50, "ex"]), 2)  # 1 / 0.02
    50.0
    """
    mx = _checked(mx)
    if mx.ndim != 1:
        raise DataError(
            expected="one schedule of death rates, shape (101,)",
            found=f"shape {mx.shape}",
            remedy="call life_table for each schedule; survival_ratios and life_expectancy take many at once",
        )
    return _frame(mx, AGES, *_columns(mx, sex))


def abridged_life_table(mx: Array, sex: str, ages: ArrayLike = ABRIDGED) -> pd.DataFrame:
    """Period life table by abridged age of one schedule of death rates.

    ``q = n m / (1 + (n - a) m)`` in a group of n years, ``L[x] = n l[x+n] + a[x] d[x]``, ``L = l / m`` in the open one
    (Preston, Heuveline & Guillot 2001, box 3.1). Those who die live in their group ``a`` years: Andreev & Kingkade
    (2015) for infants, Coale & Demeny (1983, model West) for 1-4, 2.5 for 5-14, and from 15 on Greville's (1943)
    ``a = 2.5 - 25/12 (m - k)`` between 1 and 4, where ``k = log(m[x+5] / m[x-5]) / 10``; beside a rate of zero
    2.5. No a is above ``1 / m``, by when all have died.

    Parameters
    ----------
    mx : array, shape (ages,)
        Death rates by abridged age, the last of the open group, per person-year.
    sex : {"female", "male"}
        Decides the mean age at death below the age of five.
    ages : sequence of int
        Lower bounds 0, 1, 5, 10 … of the groups; the last is open, at 15 or later (85 and 100 are usual).

    Returns
    -------
    pandas.DataFrame
        Indexed by age; columns mx, ax (years), qx, lx, dx, Lx, Tx (with l0 = 1) and ex (years).

    Raises
    ------
    DataError
        If a rate is missing, negative or not a number, zero in the open group, or if the ages are not abridged.

    Examples
    --------
    >>> from poblar.data import reference
    >>> mx = reference.region().mx["mx"].sel(country="MEX", year=2010, sex="female")
    >>> table = abridged_life_table(mx.to_numpy(), "female")
    >>> table.loc[[0, 1, 65], "ex"].round(2).to_list()
    [76.29, 76.39, 17.37]
    """
    ages = np.asarray(ages)
    if ages.ndim != 1 or len(ages) < 5 or (ages != [0, 1, *range(5, 5 * len(ages) - 5, 5)]).any():
        raise DataError(
            expected="abridged ages 0, 1, 5, 10 … up to an open group at 15 or later",
            found=f"ages {ages.tolist()}",
            remedy="give infants, ages 1-4 and five-year groups, or take life_table for single years",
        )
    mx = np.asarray(mx, dtype=float)
    if mx.shape != ages.shape:
        raise DataError(
            expected=f"one schedule of death rates at the {len(ages)} ages given, shape ({len(ages)},)",
            found=f"shape {mx.shape}",
            remedy="call abridged_life_table for each schedule, and give the lower bounds of its groups as ages=",
        )
    _check_rates(mx, int(ages[-1]))
    ax = _abridged_ax(mx, sex)
    width = np.r_[np.diff(ages), 0.0]  # the open group's person-years are those of its dead
    qx = np.minimum(width * mx / (1.0 + (width - ax) * np.where(width > 0, mx, 0.0)), 1.0)
    qx[-1] = 1.0
    lx = np.r_[1.0, np.cumprod(1.0 - qx[:-1])]
    Lx = width * lx * (1.0 - qx) + ax * lx * qx
    return _frame(mx, ages, lx, Lx, np.cumsum(Lx[::-1])[::-1], ax, qx)


def life_expectancy(mx: Array, sex: str) -> Array:
    """Life expectancy at birth, e0 = T0 / l0.

    Parameters
    ----------
    mx : array, shape (..., 101)
        Death rates by single year of age, per person-year.
    sex : {"female", "male"}
        Sex of the schedule.

    Returns
    -------
    array, shape (...)
        Years.

    Examples
    --------
    >>> import numpy as np
    >>> life_expectancy(np.full((2, 101), 0.02), "male").round(1)
    array([50., 50.])
    """
    return _columns(_checked(mx), sex)[2][..., 0]


def survival_ratios(mx: Array, sex: str) -> Array:
    """Shares that survive a calendar year, by cohort: births to age 0, age 0 to 1, … 99 to 100+, and within 100+.

    ``s[0] = L[0]``, ``s[x+1] = L[x+1] / L[x]``, and ``exp(-m[100])`` inside the open group, so that a population
    without migration under constant rates and births becomes the stationary population L of the life table.

    Parameters
    ----------
    mx : array, shape (..., 101)
        Death rates by single year of age, per person-year.
    sex : {"female", "male"}
        Sex of the schedule.

    Returns
    -------
    array, shape (..., 102)

    Examples
    --------
    >>> import numpy as np
    >>> survival_ratios(np.full(101, 0.02), "female")[[1, 101]].round(4)
    array([0.9876, 0.9802])
    """
    mx = _checked(mx)
    _, Lx, Tx, _, _ = _columns(mx, sex)
    within = np.exp(-mx[..., 100])
    later = Lx[..., 1:].copy()
    later[..., -1] = Tx[..., 100] * (1.0 - within)  # person-years between 100 and 101
    ratios = np.divide(
        later, Lx[..., :100], out=np.zeros_like(later), where=Lx[..., :100] > 0
    )  # nobody left, nobody lives
    return np.concatenate([Lx[..., :1], ratios, within[..., None]], axis=-1)


@dataclass(frozen=True)
class SurvivalTable:
    """Survival ratios of one country as a function of life expectancy, for linear interpolation.

    Parameters
    ----------
    e0 : array, shape (grid,)
        Life expectancies, evenly spaced, years.
    survival : array, shape (2, grid, 102)
        Survival ratios of women and men, as `survival_ratios` gives them.

    Examples
    --------
    `poblar.forecast.lee_carter.LeeCarter.table` makes one of a country's death rates:

    >>> import numpy as np
    >>> ratios = survival_ratios(np.full((1, 101), 0.02), "female")
    >>> SurvivalTable(np.array([48.6]), np.stack([ratios, ratios])).survival.shape
    (2, 1, 102)
    """

    e0: Array
    survival: Array


def _columns(mx: Array, sex: str) -> tuple[Array, Array, Array, Array, Array]:
    """lx, Lx, Tx, ax and qx."""
    ax = np.full_like(mx, 0.5)
    ax[..., 0] = _infant_ax(mx[..., 0], sex)
    ax[..., 100] = 1.0 / mx[..., 100]
    qx = np.minimum(mx / (1.0 + (1.0 - ax) * mx), 1.0)
    qx[..., 100] = 1.0
    lx = np.concatenate([np.ones_like(mx[..., :1]), np.cumprod(1.0 - qx[..., :100], axis=-1)], axis=-1)
    Lx = lx * (1.0 - qx) + ax * lx * qx
    return lx, Lx, np.flip(np.cumsum(np.flip(Lx, -1), axis=-1), -1), ax, qx


def _abridged_ax(mx: Array, sex: str) -> Array:
    """Mean years lived in each abridged group by those who die there."""
    ax = np.full_like(mx, 2.5)
    ax[0] = _infant_ax(mx[0], sex)
    intercept, slope, above = CHILDREN[sex]
    ax[1] = above if mx[0] >= CHILDREN_LIMIT else intercept + slope * mx[0]
    before, here, after = mx[3:-2], mx[4:-1], mx[5:]
    known = (before > 0) & (after > 0)
    growth = np.log(np.where(known, after, 1.0) / np.where(known, before, 1.0)) / 10.0
    ax[4:-1] = np.where(known, np.clip(2.5 - 25.0 / 12.0 * (here - growth), 1.0, 4.0), 2.5)
    ax[-1] = 1.0 / mx[-1]
    return np.minimum(ax, np.divide(1.0, mx, out=np.full_like(mx, 5.0), where=mx > 0))  # at 1 / m all have died


def _frame(mx: Array, ages: NDArray[np.int64], lx: Array, Lx: Array, Tx: Array, ax: Array, qx: Array) -> pd.DataFrame:
    """The columns of a life table, as a frame."""
    return pd.DataFrame(
        {
            "mx": mx,
            "ax": ax,
            "qx": qx,
            "lx": lx,
            "dx": lx * qx,
            "Lx": Lx,
            "Tx": Tx,
            "ex": np.divide(Tx, lx, out=np.zeros_like(Tx), where=lx > 0),
        },
        index=pd.Index(ages, name="age"),
    )


def _infant_ax(m0: Array, sex: str) -> Array:
    """Mean years lived by those who die as infants, given their death rate."""
    if sex not in INFANT:
        raise DataError(expected="sex 'female' or 'male'", found=repr(sex), remedy="name the schedule's sex")
    pieces = INFANT[sex]
    conditions = [m0 < limit for limit, _, _ in pieces]
    return np.select(conditions, [intercept + slope * m0 for _, intercept, slope in pieces])


def _checked(mx: Array) -> Array:
    mx = np.asarray(mx, dtype=float)
    if mx.shape[-1:] != (101,):
        raise DataError(
            expected="death rates at ages 0, 1, … 100, shape (..., 101)",
            found=f"shape {mx.shape}",
            remedy="graduate abridged rates with poblar.forecast.ages.single_year_rates first",
        )
    _check_rates(mx)
    return mx


def _check_rates(mx: Array, opens: int = 100) -> None:
    if not (np.isfinite(mx).all() and (mx >= 0).all() and (mx[..., -1] > 0).all()):
        raise DataError(
            expected=f"finite death rates, zero or more, and above zero at {opens}+",
            found=f"a minimum of {np.nanmin(mx):g} and {np.isnan(mx).sum()} missing",
            remedy="fill or correct the schedule",
        )


@njit(cache=True, nogil=True)
def years_lived(rates: Array, infants: Array) -> float:
    """Life expectancy of rates (101,) for compiled loops, as `life_expectancy`; infants is one sex of `INFANT`."""
    piece = 0
    while rates[0] >= infants[piece, 0]:
        piece += 1
    a = infants[piece, 1] + infants[piece, 2] * rates[0]
    alive, lived = 1.0, 0.0
    for age in range(100):
        m = rates[age]
        q = min(m / (1.0 + (1.0 - a) * m), 1.0)
        lived += alive * (1.0 - q + a * q)
        alive *= 1.0 - q
        a = 0.5
    return lived + alive / rates[100]


@njit(cache=True, nogil=True)
def close_at_100(logs: Array) -> None:
    """Replace the open group of log rates (2, 101), women's and men's, by Kannisto's logistic over 80-99.

    ``logit m = c + d x`` (Thatcher, Kannisto & Vaupel 1998) with one d for both sexes, and men's c not below women's
    (Ševčíková et al. 2016, algorithm 2); least squares, and a life table of ages 100-129 for the group's rate.
    """
    m = np.minimum(np.exp(logs[:, 80:100]), 0.95)
    logit, x = np.log(m / (1.0 - m)), np.arange(80, 100) - 89.5
    slope = (logit * x).sum() / (2.0 * (x**2).sum())
    women, men = logit[0].mean(), max(logit[1].mean(), logit[0].mean())
    for sex, level in enumerate((women, men)):
        alive, lived = 1.0, 0.0
        for age in range(100, 130):
            rate = 1.0 / (1.0 + np.exp(-level - slope * (age - 89.5)))
            q = rate / (1.0 + 0.5 * rate)
            lived += alive * (1.0 - 0.5 * q)
            alive *= 1.0 - q
        logs[sex, 100] = max(-np.log(lived + alive), logs[sex, 99])  # the logistic ends at one
