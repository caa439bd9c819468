"""Death rates by age for each life expectancy: coherent Lee-Carter whose decline by age turns as people live longer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray

from ..data import DataError
from ..data.axes import SEXES
from .ages import single_year_rates
from .decline import LEVELS, WORLD, Decline
from .lifetable import (
    AGES,
    INFANT,
    SurvivalTable,
    close_at_100,
    survival_ratios,
    years_lived,
)

__all__ = ["LeeCarter", "fit_lee_carter"]

Array = NDArray[np.float64]

ROTATION = (80.0, 102.0)  # life expectancies between which it turns to its ultimate form (Li, Lee & Gerland 2013)
STEP = 0.05  # of k in the table of schedules
HIGHEST = 5.0  # per person-year: no rate is higher
_A0 = np.array([INFANT[sex] for sex in SEXES])


@dataclass(frozen=True, kw_only=True)
class LeeCarter:
    r"""Death rates of one country by single year of age and sex, as a function of life expectancy.

    .. math:: \log m_s(x, k) = a_s(x) - \int_0^k B(x, e(\kappa))\, d\kappa + \sqrt{t} \sum_j z_j v_{j,s}(x)

    where e is the life expectancy, mean of both sexes, that the common k gives, and t the years since the start. Each
    sex has the k of its own e0.

    Parameters
    ----------
    country : str
        ISO 3166-1 alpha-3.
    start : int
        Year from which the countries' patterns diverge.
    a : array, shape (2, 101)
        Log death rates of k = 0, women and men.
    decline : Decline
        b, what it turns to, and v.
    apart : array, shape (101,)
        Whether no year since 1980 has a lower rate of men than of women at an age.
    k : array, shape (k,)
        Grid, evenly spaced.
    log_rates : array, shape (2, k, 101)
        Log rates without deviations, closed at 100+.
    e0 : array, shape (2, k)
        Their life expectancies, years.
    """

    country: str
    start: int
    a: Array
    decline: Decline
    apart: NDArray[np.bool_]
    k: Array
    log_rates: Array
    e0: Array

    def rates(self, e0: xr.DataArray, *, seed: int | None = None) -> xr.DataArray:
        """Death rates whose life tables have these life expectancies, to 0.001 year.

        At the ages `apart` men's rates are at least the women's, where women live longer and e0 can be met so.

        Parameters
        ----------
        e0 : xarray.DataArray
            Life expectancies (sex, and any other axes), years.
        seed : int, optional
            Draws a pattern of decline for each ``draw`` of e0, for all its years; by default all have the common one.

        Returns
        -------
        xarray.DataArray
            The axes of e0, sex and age last, per person-year.

        Raises
        ------
        DataError
            If a life expectancy is out of reach, or a seed is given and e0 has no draws.

        Examples
        --------
        >>> from poblar.data import reference
        >>> from poblar.forecast.lifetable import life_table
        >>> model = fit_lee_carter(reference.region().mx["mx"], "MEX")
        >>> coords = {"year": [2030, 2060], "sex": ["female", "male"]}
        >>> e0 = xr.DataArray(np.full((50, 2, 2), 82.0), dims=("draw", "year", "sex"), coords=coords)
        >>> rates = model.rates(e0, seed=1)
        >>> bool(rates.sel(sex="female", age=40, year=2060).std() > rates.sel(sex="female", age=40, year=2030).std())
        True
        >>> round(float(life_table(rates.sel(sex="male", year=2060)[7].to_numpy(), "male").loc[0, "ex"]), 2)
        82.0
        """
        if seed is not None and not {"draw", "year"} <= set(e0.dims):
            raise DataError(
                expected="life expectancies by draw, each of which gets a pattern, and by year",
                found=f"axes {', '.join(map(str, e0.dims))}",
                remedy="give e0 the axes draw and year, or leave seed out",
            )
        first = ["draw"] if "draw" in e0.dims else []
        own = e0.transpose(*first, ..., "sex").sel(sex=list(SEXES))
        draws = own.sizes["draw"] if first else 1
        patterns, wide = np.zeros((draws, 2, len(AGES))), np.zeros(own.shape[len(first) : -1])
        if seed is not None:
            scores = np.random.default_rng(seed).standard_normal((draws, len(self.decline.deviations)))
            patterns = np.einsum("dc,csx->dsx", scores, self.decline.deviations)
            since = (own["year"] - self.start).clip(min=0) + 0.0 * own.isel(draw=0, sex=0)
            wide = np.sqrt(since.transpose(*own.dims[1:-1]).to_numpy())
        wanted = np.ascontiguousarray(own.to_numpy(), dtype=float).reshape(draws, -1, 2)
        values = self._reached(wanted, patterns, wide.ravel(), self.apart).reshape(*own.shape, len(AGES))
        coords = {dim: own[dim] for dim in own.dims if dim in own.coords} | {"age": AGES}
        found = xr.DataArray(values, dims=[*own.dims, "age"], coords=coords, attrs={"units": "per person-year"})
        return found.transpose(*[dim for dim in e0.dims if dim != "sex"], "sex", "age")

    def table(self) -> SurvivalTable:
        """Survival ratios of the common pattern at life expectancies of 5, 5.25 … 110 (or what is reached).

        Returns
        -------
        SurvivalTable
            Each sex for itself: whether they cross is not looked at.

        Examples
        --------
        >>> from poblar.data import reference
        >>> fit_lee_carter(reference.region().mx["mx"], "MEX").table().survival.shape
        (2, 421, 102)
        """
        grid = np.arange(5.0, min(110.0, self.e0[:, -1].min()) + 1e-9, 0.25)
        none, free = np.zeros((1, 2, len(AGES))), np.zeros(len(AGES), dtype=bool)
        rates = self._reached(np.repeat(grid[None, :, None], 2, axis=2), none, np.zeros(len(grid)), free)[0]
        return SurvivalTable(grid, np.stack([survival_ratios(rates[:, i], sex) for i, sex in enumerate(SEXES)]))

    def _reached(self, e0: Array, patterns: Array, wide: Array, apart: NDArray[np.bool_]) -> Array:
        """Rates (draw, n, 2, 101) of life expectancies (draw, n, 2)."""
        rates, tables = np.empty((*e0.shape, len(AGES))), (self.k[0], self.log_rates, self.e0, _A0)
        low, high = self.e0[:, 0].max(), self.e0[:, -1].min()
        if not ((e0 >= low).all() and (e0 <= high).all() and _fill(e0, tables, patterns, wide, apart, rates)):
            raise DataError(
                expected=f"life expectancies of {low:.1f} to {high:.1f} years, which {self.country}'s rates can reach",
                found=f"{np.nanmin(e0):.1f} to {np.nanmax(e0):.1f} years, {np.isnan(e0).sum()} missing",
                remedy="mend the draws",
            )
        return rates


def fit_lee_carter(
    history: xr.DataArray,
    country: str,
    *,
    recent: xr.DataArray | None = None,
    start: int | None = None,
    decline: Decline = WORLD,
    rotation: tuple[float, float] = ROTATION,
) -> LeeCarter:
    r"""Fit the coherent Lee-Carter model of one country (Li & Lee 2005; Li, Lee & Gerland 2013).

    The pattern a is the country's latest: with its mean of earlier decades, carried to the same e0, blended in, the
    rates of 2020 were forecast no better (from 1980 and 1990, 187 countries). B turns from b to its ultimate form with
    the weight :math:`\sqrt{(1 + \sin(\pi (2u - 1) / 2)) / 2}`, u the share of the way between the ends of the rotation.
    The open group follows Kannisto's logistic (`poblar.forecast.lifetable.close_at_100`).

    Parameters
    ----------
    history : xarray.DataArray
        Death rates (country, year, sex, abridged age), evenly spaced in time, per person-year.
    country : str
        One of its countries.
    recent, start : xarray.DataArray and int, optional
        Rates to start from (sex, abridged age) and their year; by default the last of the history.
    decline : Decline
        The world's, or one from `decline_by_level`.
    rotation : (float, float)
        Life expectancies, mean of both sexes, between which B turns, years.

    Returns
    -------
    LeeCarter
        Or a DataError, if the history lacks the country or its ages are not abridged.

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region()
    >>> model = fit_lee_carter(region.mx["mx"], "GTM", recent=region.mx_recent["mx"].sel(country="GTM"))
    >>> model.a.shape
    (2, 101)
    """
    if country not in history["country"]:
        found = ", ".join(map(str, history["country"].to_numpy()[:8]))
        raise DataError(expected=f"death rates of {country}", found=f"those of {found} …", remedy="choose one of these")
    last = history.sel(country=country).isel(year=-1) if recent is None else recent
    a = np.log(single_year_rates(last.transpose("sex", "age").sel(sex=list(SEXES))).to_numpy())
    seen = history.sel(country=country, year=slice(1980, None))
    above = (seen.sel(sex="male") >= seen.sel(sex="female")).all("year").to_numpy()
    groups = np.searchsorted(last["age"].to_numpy(), AGES, side="right") - 1
    way = (np.array(LEVELS), decline.b, decline.ultimate, *rotation, _A0)
    below, over = _march(a, -STEP, *way), _march(a, STEP, *way)
    log_rates, e0 = (np.concatenate([down[:, :0:-1], up], axis=1) for down, up in zip(below, over, strict=True))
    return LeeCarter(
        country=country,
        start=int(history["year"][-1]) if start is None else start,
        a=a,
        decline=decline,
        apart=above[groups],
        k=STEP * (np.arange(e0.shape[1]) - below[1].shape[1] + 1),
        log_rates=np.ascontiguousarray(log_rates),
        e0=np.ascontiguousarray(e0),
    )


@njit(cache=True, nogil=True)
def _march(
    a: Array, step: float, levels: Array, b: Array, ultimate: Array, start: float, end: float, a0: Array
) -> tuple[Array, Array]:
    """Log rates (2, k, 101) and life expectancies (2, k), from a along k until people live 4 or 110.5 years."""
    most = 1500
    found, e0 = np.empty((2, most, 101)), np.empty((2, most))
    logs, ceiling, count = a.copy(), np.log(HIGHEST), 0
    for count in range(most):
        close_at_100(logs)
        logs = np.minimum(logs, ceiling)
        found[:, count] = logs
        for sex in range(2):
            e0[sex, count] = years_lived(np.exp(logs[sex]), a0[sex])
        if e0[:, count].max() < 4.0 or e0[:, count].min() > 110.5:
            break
        now = e0[:, count].mean()
        share = min(max((now - start) / (end - start), 0.0), 1.0)
        turned = np.sqrt(0.5 * (1.0 + np.sin(0.5 * np.pi * (2.0 * share - 1.0))))
        row = min(max(np.searchsorted(levels, now) - 1, 0), len(levels) - 2)
        between = min(max((now - levels[row]) / (levels[row + 1] - levels[row]), 0.0), 1.0)
        fall = (1.0 - turned) * ((1.0 - between) * b[row] + between * b[row + 1]) + turned * ultimate
        logs = logs - step * fall
    return found[:, : count + 1].copy(), e0[:, : count + 1].copy()


_Tables = tuple[float, Array, Array, Array]  # first k, log rates (2, k, 101), their e0 (2, k), terms of infants' a0


@njit(cache=True, nogil=True)
def _at(k: float, sex: int, tables: _Tables, pattern: Array, floor: Array, rates: Array) -> float:
    """Fill the rates (101,) at k with a pattern's deviations, not below a floor, and return their life expectancy."""
    first, logs, _, a0 = tables
    place = min(max((k - first) / STEP, 0.0), logs.shape[1] - 1.0)
    row = min(int(place), logs.shape[1] - 2)
    share = place - row
    for age in range(101):
        log = (1.0 - share) * logs[sex, row, age] + share * logs[sex, row + 1, age] + pattern[age]
        rates[age] = max(min(np.exp(log), HIGHEST), floor[age])
    return years_lived(rates, a0[sex])


@njit(cache=True, nogil=True)
def _search(wanted: float, sex: int, tables: _Tables, pattern: Array, floor: Array, rates: Array) -> bool:
    """Fill the rates whose life expectancy is wanted: secants from the common pattern's k, between closing bounds."""
    first, reached = tables[0], tables[2][sex]
    row = min(max(np.searchsorted(reached, wanted), 1), len(reached) - 1)
    steepness = max(reached[row] - reached[row - 1], 1e-6) / STEP
    k = first + STEP * row + (wanted - reached[row]) / steepness
    low, high = first, first + STEP * (len(reached) - 1)
    before, missed = np.nan, np.nan
    for step in range(80):
        miss = _at(k, sex, tables, pattern, floor, rates) - wanted
        if abs(miss) < 1e-3:
            return True
        if miss > 0.0:
            high = k
        else:
            low = k
        if step > 0 and (miss - missed) / (k - before) > 0.05 * steepness:
            steepness = (miss - missed) / (k - before)
        before, missed = k, miss
        k -= miss / steepness
        if not low < k < high or (step > 8 and step % 2):  # a deviation can bend the curve: halve
            k = 0.5 * (low + high)
    return False


@njit(cache=True, nogil=True)
def _fill(e0: Array, tables: _Tables, patterns: Array, wide: Array, apart: NDArray[np.bool_], rates: Array) -> bool:
    """Fill rates (draw, n, 2, 101) for e0 (draw, n, 2); False if one cannot be reached."""
    none, floor, held, pattern = np.zeros(101), np.zeros(101), np.empty(101), np.empty((2, 101))
    for draw in range(e0.shape[0]):
        for i in range(e0.shape[1]):
            own = rates[draw, i]
            pattern[:] = wide[i] * patterns[draw]
            for sex in range(2):
                if not _search(e0[draw, i, sex], sex, tables, pattern[sex], none, own[sex]):
                    return False
            crossed = False
            for age in range(101):
                floor[age] = own[0, age] if apart[age] else 0.0
                crossed |= own[1, age] < floor[age]
            below = e0[draw, i, 1] < e0[draw, i, 0]
            if crossed and below and _search(e0[draw, i, 1], 1, tables, pattern[1], floor, held):
                own[1] = held
    return True
