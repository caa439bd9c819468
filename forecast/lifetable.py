"""Period life tables by single year of age, and the survival ratios that projections use.

Ages 0-99 are single years, 100 is open. Arrays carry age last.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import DataError

__all__ = ["life_expectancy", "life_table", "survival_ratios"]

Array = NDArray[np.float64]

AGES = np.arange(101)
# Andreev & Kingkade (2015), as in the Human Mortality Database's protocol (version 6, table 1): a0 is linear in m0,
# a0 = intercept + slope m0, up to each limit of m0.
INFANT = {
    "female": ((0.01724, 0.14903, -2.05527), (0.06891, 0.04667, 3.88089), (np.inf, 0.31411, 0.0)),
    "male": ((0.02300, 0.14929, -1.99545), (0.08307, 0.02832, 3.26021), (np.inf, 0.29915, 0.0)),
}


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
    lx, Lx, Tx, ax, qx = _columns(mx, sex)
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
        index=pd.Index(AGES, name="age"),
    )


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
    if not (np.isfinite(mx).all() and (mx >= 0).all() and (mx[..., 100] > 0).all()):
        raise DataError(
            expected="finite death rates, zero or more, and above zero at 100+",
            found=f"a minimum of {np.nanmin(mx):g} and {np.isnan(mx).sum()} missing",
            remedy="fill or correct the schedule",
        )
    return mx
