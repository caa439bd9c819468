"""Births by age of mother for draws of the TFR: patterns that grow later where fertility is low, and are drawn too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from ..data import DataError
from .ages import split_groups

__all__ = ["LATE", "STOPPING", "FertilityAges", "common_patterns", "fit_fertility_ages", "mean_age"]

Array = NDArray[np.float64]

GROUPS = np.arange(10, 55, 5)
REPLACEMENT = 2.1  # children per woman: late childbearing is sought in countries below it
STOPPING_RANGE = (2.2, 3.2)  # and the pattern of families that stop at few children in those between
FULL, BEGINS = 1.0, 2.5  # TFRs at which convergence to late childbearing has its full speed, and where it begins
FIRST, LAST = 10, 54  # ages at which women give birth
FARTHEST = 8.0  # years that a drawn mean age may depart from the common one

LATE = (0.0001, 0.0108, 0.0795, 0.2480, 0.3753, 0.2283, 0.0537, 0.0043, 0.0)
"""Shares of births at 10-14 … 50-54, mean age 32.0: `common_patterns` of 187 countries in 2023 (UN 2024)."""
STOPPING = (0.0004, 0.0673, 0.2433, 0.2780, 0.2229, 0.1354, 0.0468, 0.0058, 0.0001)
"""The same of countries with 2.2 to 3.2 children per woman, mean age 28.9."""


def mean_age(births: xr.DataArray) -> xr.DataArray:
    """Mean age of mothers at birth, from rates or shares by age.

    Parameters
    ----------
    births : xarray.DataArray
        Rates or shares by ``age``, the lower bounds of groups of one width.

    Returns
    -------
    xarray.DataArray
        Years, without the axis of ages.

    Examples
    --------
    >>> mean_age(xr.DataArray([1.0, 3.0], dims="age", coords={"age": [20, 30]})).item()
    32.5
    """
    ages = births["age"]
    middle = ages + float(ages[1] - ages[0]) / 2.0
    return (births * middle).sum("age") / births.sum("age")


def common_patterns(shares: xr.DataArray, tfr: xr.DataArray, *, latest: float = 0.25) -> tuple[Array, Array]:
    """Late and stopping patterns of many countries in the last year of their history.

    Parameters
    ----------
    shares : xarray.DataArray
        Shares of births (country, year, age 10, 15 … 50).
    tfr : xarray.DataArray
        TFR (country, year), children per woman.
    latest : float
        Share of the countries below 2.1 children per woman, those with the highest mean age, whose mean is late.

    Returns
    -------
    (array, array), shape (9,)
        Late, and of the countries with 2.2 to 3.2 children per woman: in place of `LATE` and `STOPPING`.

    Raises
    ------
    DataError
        If no country has so few children per woman.

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region()
    >>> late, stopping = common_patterns(region.fertility_pattern["fertility_share"], region.tfr["tfr"])
    >>> bool(late @ GROUPS > stopping @ GROUPS)
    True
    """
    own = shares.isel(year=-1).transpose("country", "age")
    level = tfr.sel(country=own["country"], year=int(own["year"])).to_numpy()
    curves = _curve(own.to_numpy())
    low = np.flatnonzero(level < REPLACEMENT)
    between = (level > STOPPING_RANGE[0]) & (level < STOPPING_RANGE[1])
    if not (len(low) and between.any()):
        raise DataError(
            expected=f"countries below {REPLACEMENT} and between {STOPPING_RANGE} children per woman",
            found=f"TFRs of {level.min():.2f} to {level.max():.2f}",
            remedy="give more countries, or take the patterns LATE and STOPPING",
        )
    order = low[np.argsort(mean_age(own).to_numpy()[low])]
    late = order[-max(1, int(latest * len(low))) :]
    return _shares(curves[late].mean(0)), _shares(curves[between].mean(0))


@dataclass(frozen=True, kw_only=True)
class FertilityAges:
    r"""Births by age of one country, as a function of its TFR and of time.

    .. math::
        y_t &= y_0 + \sum_{i \le t} \phi^i \tau, \qquad
        y'_t = y_t + \beta\, \frac{T_0 - \max(T_t, 2.5)}{T_0 - 2.5} (y^S - y_t) \\
        Y_t &= y'_t + (1 - e^{-\Lambda_t}) (y^L - y'_t), \qquad
        \Lambda_t = \lambda \sum_{i \le t} \min(1, (2.5 - T_i)_+ / 1.5)

    Y are the normal quantiles of the cumulated shares of births by age, y_0 and τ their last value and yearly trend, T
    the TFR, S and L the stopping and the late pattern. So patterns converge to late childbearing at a speed that
    fertility sets, as those of Ševčíková et al. (2016, algorithm 3) by a set year; where they are later already they
    stay. A draw moves the whole pattern by δ years, :math:`\Delta\delta_t = \rho\,\Delta\delta_{t-1} + \sigma
    \varepsilon_t`, and widens it by a factor whose log is such a path too.

    Parameters
    ----------
    country : str
        ISO 3166-1 alpha-3.
    year : int
        Last year of the history, t = 0.
    tfr : float
        TFR of that year, children per woman.
    curve, trend, late, stopping : array, shape (8,)
        Normal quantiles of the shares of births before 15, 20 … 50: the country's, its change a year, and the common
        ones.
    damping : float
        φ.
    speed : float
        λ, per year.
    stops : float
        β: how far a fall of the TFR to 2.5 brings the pattern to the stopping one.
    persistence, shock, widening : float
        ρ, σ in years, and σ of the log width.

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region()
    >>> model = fit_fertility_ages(region.fertility_pattern["fertility_share"], region.tfr["tfr"], "MEX")
    >>> model.year
    2023
    """

    country: str
    year: int
    tfr: float
    curve: Array
    trend: Array
    late: Array
    stopping: Array
    damping: float
    speed: float
    stops: float
    persistence: float
    shock: float
    widening: float

    def rates(self, tfr: xr.DataArray, *, seed: int | None = None) -> xr.DataArray:
        """Birth rates by single year of age, which sum to the TFR in every draw and year.

        Parameters
        ----------
        tfr : xarray.DataArray
            TFR of every year that follows the history (year, and any other axes), children per woman.
        seed : int, optional
            Draws the mean age's path for each ``draw``; by default all have the common one.

        Returns
        -------
        xarray.DataArray
            The axes of tfr and ``age`` 0 … 100, births per woman-year.

        Raises
        ------
        DataError
            If years are missing, a TFR is not a number above zero, or a seed is given without draws.

        Examples
        --------
        >>> from poblar.data import reference
        >>> region = reference.region()
        >>> model = fit_fertility_ages(region.fertility_pattern["fertility_share"], region.tfr["tfr"], "MEX")
        >>> tfr = xr.DataArray(np.full((5, 27), 1.6), dims=("draw", "year"), coords={"year": range(2024, 2051)})
        >>> rates = model.rates(tfr, seed=1)
        >>> rates.sum("age").sel(year=2050).round(6).to_numpy()
        array([1.6, 1.6, 1.6, 1.6, 1.6])
        >>> mean_age(model.rates(tfr)).sel(draw=0, year=[2024, 2050]).round().to_numpy()
        array([27., 30.])
        """
        self._check(tfr, seed)
        own = tfr.transpose(..., "year")
        level = own.to_numpy().astype(float)
        curves, shift = self._curves(level), np.zeros(level.shape)
        if seed is not None:
            paths = _paths(own.sizes["draw"], own.sizes["year"], self.persistence, seed)
            drawn = xr.DataArray(paths, dims=("path", "draw", "year"))
            drawn = (drawn + xr.zeros_like(own.drop_vars(own.coords))).transpose("path", *own.dims).to_numpy()
            shift = np.clip(self.shock * drawn[0], -FARTHEST, FARTHEST)
            curves = curves * np.exp(-self.widening * drawn[1])[..., None]
        groups = xr.DataArray(_shares(curves), dims=[*own.dims, "age"], coords={"age": GROUPS})
        single = _moved(split_groups(groups).to_numpy(), shift)
        rates = level[..., None] * single / single.sum(-1, keepdims=True)
        coords = {dim: own[dim] for dim in own.dims if dim in own.coords} | {"age": np.arange(101)}
        found = xr.DataArray(rates, dims=[*own.dims, "age"], coords=coords, attrs={"units": "births per woman-year"})
        return found.transpose(*tfr.dims, "age")

    def _check(self, tfr: xr.DataArray, seed: int | None) -> None:
        years = tfr["year"].to_numpy()
        if (years != self.year + 1 + np.arange(len(years))).any():
            raise DataError(
                expected=f"a TFR of every year from {self.year + 1} on",
                found=f"years {years.tolist()[:6]} …",
                remedy="give the years between, or end the history of the pattern one year before the first",
            )
        if not bool((tfr > 0).all()):
            raise DataError(
                expected="TFRs above zero",
                found=f"a minimum of {float(tfr.min()):g} and {int(tfr.isnull().sum())} missing",
                remedy="mend the draws",
            )
        if seed is not None and "draw" not in tfr.dims:
            raise DataError(
                expected="a TFR by draw, each of which gets a path of the mean age",
                found=f"axes {', '.join(map(str, tfr.dims))}",
                remedy="give it an axis draw, or leave seed out",
            )

    def _curves(self, level: Array) -> Array:
        """Quantiles Y (..., year, 8) for TFRs (..., year)."""
        carried = np.cumsum(self.damping ** np.arange(1, level.shape[-1] + 1))
        found = self.curve + carried[:, None] * self.trend
        if self.tfr > BEGINS:
            fallen = np.clip((self.tfr - np.maximum(level, BEGINS)) / max(self.tfr - BEGINS, 0.3), 0.0, 1.0)
            found = found + self.stops * fallen[..., None] * (self.stopping - found)
        settled = self.curve + self.damping / (1.0 - self.damping) * self.trend
        if _shares(settled) @ GROUPS >= _shares(self.late) @ GROUPS:
            return np.broadcast_to(found, (*level.shape, len(self.curve)))
        share = np.clip((BEGINS - level) / (BEGINS - FULL), 0.0, 1.0)
        converged = 1.0 - np.exp(-self.speed * np.cumsum(share, axis=-1))
        return found + converged[..., None] * (self.late - found)


def fit_fertility_ages(
    shares: xr.DataArray,
    tfr: xr.DataArray,
    country: str,
    *,
    late: tuple[float, ...] | Array = LATE,
    stopping: tuple[float, ...] | Array = STOPPING,
    window: int = 5,
    damping: float = 0.9,
    speed: float = 0.05,
    stops: float = 0.2,
    persistence: float = 0.8,
    shock: float = 0.053,
    widening: float = 0.004,
) -> FertilityAges:
    """Fit the age pattern of fertility of one country to the end of its history.

    The defaults of window, damping, speed and stops did best, given the TFR, in 187 countries over ten spans of 10 to
    23 years from 1970-90 on, none past 2000. From 2000 to 2023 they err by 0.71 years in the mean age and by 1.4 points
    in the shares, a pattern that stays by 1.28 and 2.3. The others give the spread of the errors of spans from 1960 on,
    none past 2000: 0.3 years of mean age and 2 % of width after 5 years, 0.5 and 4 % after 10, 1.0 and 6 % after 20.

    Parameters
    ----------
    shares : xarray.DataArray
        Shares of births (country, year, age 10, 15 … 50), every year.
    tfr : xarray.DataArray
        TFR (country, year), children per woman, up to the last year of the shares at least.
    country : str
        One of its countries.
    late, stopping : sequence of nine float
        Common patterns; see `common_patterns`.
    window : int
        Years over which the trend is measured.
    damping, speed, stops, persistence, shock, widening : float
        φ, λ, β, ρ and both σ of `FertilityAges`.

    Returns
    -------
    FertilityAges

    Raises
    ------
    DataError
        If the country is not there, the ages are not 10, 15 … 50, or the history is too short.

    References
    ----------
    Ševčíková, Li, Kantorová, Gerland & Raftery (2016), Age-specific mortality and fertility rates for probabilistic
    population projections.

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region()
    >>> model = fit_fertility_ages(region.fertility_pattern["fertility_share"], region.tfr["tfr"], "USA")
    >>> bool((model.trend[1:4] < 0).all())  # fewer births before 20, 25 and 30
    True
    """
    if country not in shares["country"] or shares["age"].to_numpy().tolist() != GROUPS.tolist():
        raise DataError(
            expected=f"shares of births of {country} at ages 10, 15 … 50",
            found=f"{shares.sizes['country']} countries, ages {shares['age'].to_numpy().tolist()}",
            remedy="choose a country of the history, and give five-year groups",
        )
    if shares.sizes["year"] <= window:
        raise DataError(
            expected=f"more than {window} years of shares",
            found=f"{shares.sizes['year']}",
            remedy="give a longer history, or a shorter window=",
        )
    own = shares.sel(country=country).transpose("year", "age")
    curves, year = _curve(own.to_numpy()), int(own["year"][-1])
    return FertilityAges(
        country=country,
        year=year,
        tfr=float(tfr.sel(country=country, year=year)),
        curve=curves[-1],
        trend=(curves[-1] - curves[-1 - window]) / window,
        late=_curve(np.asarray(late)),
        stopping=_curve(np.asarray(stopping)),
        damping=damping,
        speed=speed,
        stops=stops,
        persistence=persistence,
        shock=shock,
        widening=widening,
    )


def _curve(shares: Array) -> Array:
    """Normal quantiles (..., 8) of cumulated shares (..., 9)."""
    cumulated = np.cumsum(shares, axis=-1)
    return ndtri(np.clip(cumulated[..., :-1] / cumulated[..., -1:], 1e-6, 1.0 - 1e-6))


def _shares(curve: Array) -> Array:
    """Shares (..., 9) from their quantiles (..., 8), none below zero."""
    cumulated = ndtr(np.maximum.accumulate(curve, axis=-1))
    ends = np.zeros_like(cumulated[..., :1])
    return np.diff(np.concatenate([ends, cumulated, ends + 1.0], axis=-1), axis=-1)


def _paths(draws: int, years: int, persistence: float, seed: int) -> Array:
    """Two paths (2, draw, year) whose changes are an AR(1) with unit shocks, before the first year at rest."""
    shocks = np.random.default_rng(seed).standard_normal((draws, years, 2)).transpose(2, 0, 1)
    changes = lfilter([1.0], [1.0, -persistence], shocks, axis=-1)
    return np.cumsum(changes, axis=-1)


def _moved(shares: Array, shift: Array) -> Array:
    """Shares (..., 101) whose births all are `shift` (...) years later; what leaves 10-54 stays at its end."""
    whole = np.floor(shift).astype(int)[..., None]
    part, ages = shift[..., None] - whole, np.arange(shares.shape[-1])
    came = np.take_along_axis(shares, np.clip(ages - whole, 0, ages[-1]), axis=-1)
    before = np.take_along_axis(shares, np.clip(ages - whole - 1, 0, ages[-1]), axis=-1)
    moved = (1.0 - part) * came + part * before
    moved[..., FIRST] += moved[..., :FIRST].sum(-1)
    moved[..., LAST] += moved[..., LAST + 1 :].sum(-1)
    moved[..., :FIRST] = moved[..., LAST + 1 :] = 0.0
    return moved
