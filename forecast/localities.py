r"""Regions of a country: its own trajectory, and each region's deviation from it as an AR(1).

A region's TFR is the country's times a factor, a region's life expectancy the country's plus a difference:

.. math:: f_{r,t} = \alpha_{r,t} f_t \quad\text{or}\quad e_{r,t} = e_t + \alpha_{r,t}, \qquad
    \alpha_{r,t} = \mu + \phi (\alpha_{r,t-1} - \mu) + \sigma(f_{t-1})\, \varepsilon_{r,t}

Draw i of the regions is the world of draw i of the country, so that regions move together as far as the country does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .errors import DrawsError
from .fertility import Fertility
from .mortality import Mortality

__all__ = ["E0_DIFFERENCE", "TFR_RATIO", "Deviation", "subnational"]

Array = NDArray[np.float64]

HIGHEST_PHI = 0.999  # a fitted deviation halves in 700 years at the latest, so that regions always come back
HALVINGS = 60  # of the bracket of a raking factor, to the last bit


def _yearly(phi: float) -> tuple[float, float]:
    """Yearly phi, and yearly variance for one of five years, of an AR(1) with the same stationary variance."""
    return phi**0.2, (1.0 - phi**0.4) / (1.0 - phi**2)


@dataclass(frozen=True, kw_only=True)
class Deviation:
    r"""How regions deviate from their country.

    Parameters
    ----------
    relative : bool
        Whether a region is the country's figure times the deviation; else plus it.
    mean : float
        :math:`\mu`, where regions come back to: 1 if relative, else 0, for regions that converge.
    phi : float
        Share of a deviation from the mean that the next year keeps.
    sigma : float
        Standard deviation of the yearly error, where the country is at `pivot` or above.
    limits : (float, float)
        Limits that no region crosses, in the units of the figure: errors are redrawn inside them.
    widening, pivot : float
        :math:`\sigma(f)^2 = \sigma^2 + w \max(p - f, 0)`: variance that is added for each unit below `pivot`.
    converging : bool
        Whether sigma is at most what keeps the spread that the regions have between them now,
        :math:`\sigma^2 \leq (1 - \phi^2) \operatorname{var}_r \alpha_{r}`, in the latest year that half of them have.
    between : float
        Correlation of the errors of any two regions, over and above what the country's trajectory does.
    sexes : float
        Correlation of the errors of women and men of a region.

    Raises
    ------
    DrawsError
        If phi is not between 0 and 1, a variance is negative, a correlation is not from 0 to 1, or the limits are not
        finite, or not above zero for a ratio.

    Examples
    --------
    >>> round(TFR_RATIO.phi, 4), round(TFR_RATIO.sigma, 4)
    (0.9845, 0.0209)
    """

    relative: bool
    mean: float
    phi: float
    sigma: float
    limits: tuple[float, float]
    widening: float = 0.0
    pivot: float = 0.0
    converging: bool = False
    between: float = 0.0
    sexes: float = 0.7

    def __post_init__(self) -> None:
        low, high = self.limits
        inside = np.isfinite(self.limits).all() and (0.0 if self.relative else -np.inf) < low < high
        if not (0.0 <= self.phi < 1.0 and min(self.sigma, self.widening) >= 0.0 and inside):
            raise DrawsError(
                "expected 0 <= phi < 1, sigma and widening of zero or more and finite limits low < high, above zero if "
                f"relative, found phi={self.phi}, sigma={self.sigma}, widening={self.widening}, limits={self.limits}."
            )
        if not (0.0 <= self.between < 1.0 and 0.0 <= self.sexes <= 1.0):
            raise DrawsError(
                f"expected correlations from 0 to 1, found between={self.between} and sexes={self.sexes}; errors that "
                "cancel between regions come with weights= of subnational."
            )

    def fit(self, regions: xr.DataArray, national: xr.DataArray) -> Self:
        r"""Estimate phi and sigma from the past of the regions, pooled, by weighted least squares.

        .. math:: \hat\phi = \frac{\sum x_t x_{t-1} / v_t}{\sum x_{t-1}^2 / v_t}, \qquad
            \hat s^2 = \frac1n \sum (x_t - \hat\phi x_{t-1})^2 / v_t

        with :math:`x = \alpha - \mu` over all pairs of consecutive years of all regions, and v the variances that this
        spec has: sigma and the widening are both scaled to :math:`\hat s^2 v`. The mean stays, so that there is no bias
        from estimating it in short series. The spread is no longer held down by `converging`.

        Parameters
        ----------
        regions, national : xarray.DataArray
            As for `subnational`.

        Returns
        -------
        Deviation

        Raises
        ------
        DrawsError
            If regions and country do not fit together, or no region has two years in a row.
        """
        _check_past(regions, national)
        level = national.sel(year=regions["year"])
        x = self._of(regions, level).transpose("locality", "year", ...).to_numpy() - self.mean
        v = self._variance(level.transpose("year", ...).to_numpy())[:-1]
        known = bool((v > 0.0).all())
        v = v if known else np.ones_like(v)
        follows = (np.diff(regions["year"].to_numpy()) == 1).reshape(-1, *[1] * (x.ndim - 2))
        used = np.isfinite(x[:, 1:]) & np.isfinite(x[:, :-1]) & follows
        now, before = np.where(used, x[:, 1:], 0.0), np.where(used, x[:, :-1], 0.0)
        if not before.any():
            raise DrawsError("regions: expected deviations in two years in a row, found none; use the defaults.")
        phi = float(np.clip((now * before / v).sum() / (before**2 / v).sum(), 0.0, HIGHEST_PHI))
        scale = float(((now - phi * before) ** 2 / v).sum() / used.sum())
        sigma, widening = (self.sigma * scale**0.5, self.widening * scale) if known else (scale**0.5, 0.0)
        return replace(self, phi=phi, sigma=sigma, widening=widening, converging=False)

    def _of(self, regions: xr.DataArray, national: xr.DataArray) -> xr.DataArray:
        return regions / national if self.relative else regions - national

    def _variance(self, level: Array) -> Array:
        return self.sigma**2 + self.widening * np.maximum(self.pivot - level, 0.0)


_PHI, _PART = _yearly(0.92464)
TFR_RATIO = Deviation(
    relative=True,
    mean=1.0,
    phi=_PHI,
    sigma=0.04522 * _PART**0.5,
    converging=True,
    limits=Fertility().bounds,
)
"""Sevcikova, Raftery & Gerland (2018), 47 countries: phi 0.92464 and sigma 0.04522 of five years, made yearly."""

_PHI, _PART = _yearly(0.95)
E0_DIFFERENCE = Deviation(
    relative=False,
    mean=0.0,
    phi=_PHI,
    sigma=(0.0482 * _PART) ** 0.5,
    widening=0.0154 * _PART,
    pivot=82.5,
    # Women's and men's yearly errors correlate at 0.70 in 21 countries of low mortality, as regions of one, 1990-2019.
    sexes=0.7,
    limits=Mortality().bounds,
)
"""Sevcikova & Raftery (2021), 29 countries: phi 0.95, variance 0.0482 + 0.0154 max(82.5 - e0, 0) of five years."""

DEFAULTS = {"children per woman": TFR_RATIO, "years": E0_DIFFERENCE}


def subnational(
    draws: xr.DataArray,
    regions: xr.DataArray,
    national: xr.DataArray,
    *,
    seed: int,
    deviation: Deviation | None = None,
    weights: xr.DataArray | None = None,
) -> xr.DataArray:
    """Simulate the regions of a country along its draws.

    Each region starts from its deviation in the last year that it was observed, and goes through the country's own past
    until the forecast begins. With `weights` the regions are raked: all are multiplied by a factor, or shifted by an
    amount, for which their weighted mean is the country's figure in every draw and year; those that come to a limit
    stop there and the others make up for it. If the means differ in the past, that gap closes at once.

    Parameters
    ----------
    draws : xarray.DataArray
        Forecast of the country (draw, year), or (draw, year, sex).
    regions : xarray.DataArray
        The regions' past (locality, year), and sex where the draws have it; NaN where a region was not observed.
    national : xarray.DataArray
        The country's past (year,), and sex, until the year before the forecast.
    seed : int
        Seed of the errors.
    deviation : Deviation, optional
        How they deviate: by the units of the draws `TFR_RATIO` or `E0_DIFFERENCE`, which are published estimates.
        ``TFR_RATIO.fit(regions, national)`` estimates it from these regions.
    weights : xarray.DataArray, optional
        For raking: people of each region (locality,), who may change by year (and sex): women of 15 to 49 for TFR.

    Returns
    -------
    xarray.DataArray
        (draw, locality, year), and sex; the units of the draws.

    Raises
    ------
    DrawsError
        If axes, labels, years or units do not fit, a region has no observation, or a draw of the country is outside the
        limits, so that regions cannot be raked to it.

    References
    ----------
    Sevcikova H., Raftery A.E., Gerland P. (2018), Probabilistic projection of subnational total fertility rates,
    Demographic Research 38(60).
    Sevcikova H., Raftery A.E. (2021), Probabilistic projection of subnational life expectancy, Journal of Official
    Statistics 37(3).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> units = {"units": "children per woman"}
    >>> past = xr.DataArray([1.9, 1.8], coords={"year": [2022, 2023]}, attrs=units)
    >>> regions = past * xr.DataArray([0.8, 1.2], coords={"locality": ["city", "south"]}, attrs=units)
    >>> future = xr.DataArray(np.full((500, 2), 1.7), coords={"draw": range(500), "year": [2024, 2025]}, attrs=units)
    >>> paths = subnational(future, regions.assign_attrs(units), past, seed=1)
    >>> paths.median("draw").sel(year=2025).to_numpy().round(1)
    array([1.4, 2. ])
    """
    dims = ("draw", "year", "sex") if "sex" in draws.dims else ("draw", "year")
    if set(draws.dims) != set(dims):
        raise DrawsError(
            f"draws: expected axes draw and year, and sex or not, found {tuple(draws.dims)}; choose one country by "
            "draws.sel(country=…)."
        )
    units = draws.attrs.get("units")
    for name, array in (("regions", regions), ("national", national)):
        if array.attrs.get("units") != units or ("sex" in array.dims) != ("sex" in dims):
            raise DrawsError(
                f"{name}: expected units {units!r} and {'the' if 'sex' in dims else 'no'} axis sex, as the draws have, "
                f"found {array.attrs.get('units')!r} and axes {tuple(array.dims)}; convert, or select."
            )
    if deviation is None:
        if units not in DEFAULTS:
            raise DrawsError(f"draws: expected units among {', '.join(DEFAULTS)}, found {units!r}; give deviation=.")
        deviation = DEFAULTS[units]
    _check_past(regions, national)
    future, past, before = (_with_sex(array, draws) for array in (draws, regions, national))
    before = before.sel(year=slice(int(past["year"][0]), int(future["year"][0]) - 1))
    years = np.r_[before["year"].to_numpy(), future["year"].to_numpy()]
    if (np.diff(years) != 1).any() or int(past["year"][-1]) > int(before["year"][-1]):
        raise DrawsError(
            f"national: expected every year from {int(past['year'][0])}, the regions' first, to "
            f"{int(future['year'][0]) - 1}, the one before the forecast, and no region after it, found "
            f"{int(before['year'][0])} to {int(before['year'][-1])}; add the years between."
        )
    observed = deviation._of(past, before).reindex(year=before["year"]).transpose("year", "locality", "sex").to_numpy()
    if not np.isfinite(observed).any(axis=0).all():
        raise DrawsError("regions: expected an observation of every region, found one without; leave it out.")
    if deviation.converging and observed.shape[1] > 1:
        most = np.sqrt((1.0 - deviation.phi**2) * _spread(observed))
        deviation = replace(deviation, sigma=min(deviation.sigma, float(most)))
    country = future.transpose("draw", "year", "sex").to_numpy()
    early = np.broadcast_to(before.transpose("year", "sex").to_numpy(), (len(country), *observed.shape[::2]))
    paths = _simulate(deviation, np.concatenate([early, country], axis=1), observed, np.random.default_rng(seed))
    if weights is not None:
        shares = _shares(weights, past, future)
        paths = _raked(paths, country[:, None], shares, deviation)
    result = xr.DataArray(
        paths,
        dims=("draw", "locality", "year", "sex"),
        coords={"locality": past["locality"].to_numpy()}
        | {name: values for name, values in draws.coords.items() if name in dims or values.ndim == 0},
        name=draws.name,
        attrs=draws.attrs | {"phi": deviation.phi, "sigma": deviation.sigma, "raked": int(weights is not None)},
    )
    return result if "sex" in dims else result.squeeze("sex")


def _check_past(regions: xr.DataArray, national: xr.DataArray) -> None:
    """Axes and years of what was observed; NaN is a year in which a region was not."""
    if not {"locality", "year"} <= set(regions.dims) <= {"locality", "year", "sex"}:
        raise DrawsError(f"regions: expected axes locality and year, found {tuple(regions.dims)}; rename them.")
    if set(national.dims) != set(regions.dims) - {"locality"}:
        raise DrawsError(
            f"national: expected axes {sorted(map(str, set(regions.dims) - {'locality'}))}, found "
            f"{tuple(national.dims)}; choose one country."
        )
    for name, array in (("regions", regions), ("national", national)):
        years = array.get_index("year")
        if not (years.is_unique and years.is_monotonic_increasing):
            raise DrawsError(f"{name}: expected years that ascend, each once, found others; sort them.")
    absent = regions.get_index("year").difference(national.get_index("year"))
    if len(absent) or not bool(np.isfinite(national).all()):
        raise DrawsError(
            f"national: expected a figure for every year of the regions, found none for "
            f"{', '.join(map(str, absent[:6])) or 'some'}; add it."
        )


def _with_sex(array: xr.DataArray, draws: xr.DataArray) -> xr.DataArray:
    """An array with the axis sex, which has one label where there are no sexes, in the order of the draws."""
    if "sex" not in draws.dims:
        return array.drop_vars("sex", errors="ignore").expand_dims(sex=["both"])
    if set(array["sex"].to_numpy()) != set(draws["sex"].to_numpy()):
        raise DrawsError(f"expected sexes {draws['sex'].to_numpy()}, found {array['sex'].to_numpy()}; select alike.")
    return array.sel(sex=draws["sex"].to_numpy())


def _simulate(deviation: Deviation, country: Array, observed: Array, rng: np.random.Generator) -> Array:
    """Paths (draw, region, year, sex) of the years after the observed ones; `country` (draw, year, sex) has both."""
    seen, (regions, sexes) = len(observed), observed.shape[1:]
    last = seen - 1 - np.isfinite(observed)[::-1].argmax(axis=0)
    state = np.broadcast_to(np.take_along_axis(observed, last[None], axis=0), (len(country), regions, sexes))
    mixing = _equal_correlation(regions, deviation.between), _equal_correlation(sexes, deviation.sexes)
    paths = np.empty((len(country), regions, country.shape[1] - seen, sexes))
    low, high = deviation.limits
    for year in range(int(last.min()) + 1, country.shape[1]):
        level = country[:, None, year]
        bounds = (low / level, high / level) if deviation.relative else (low - level, high - level)
        sd = np.sqrt(deviation._variance(country[:, None, year - 1]))
        errors = mixing[0] @ rng.standard_normal(state.shape) @ mixing[1]
        expected = deviation.mean + deviation.phi * (state - deviation.mean)
        moved = _inside(expected, sd, errors, bounds, rng)
        state = np.where(year <= last, state, moved)  # a region that was seen later than the first waits for its turn
        if year >= seen:
            path = level * state if deviation.relative else level + state
            paths[:, :, year - seen] = np.clip(path, low, high)
    return paths


def _inside(expected: Array, sd: Array, errors: Array, bounds: tuple[Array, Array], rng: np.random.Generator) -> Array:
    """Next deviations; those outside the limits are drawn again inside them, from the truncated normal."""
    moved = expected + sd * errors
    low, high = (np.broadcast_to(bound, moved.shape) for bound in bounds)
    out = (moved < low) | (moved > high)
    if out.any():
        centre, scale = expected[out], np.broadcast_to(sd, moved.shape)[out]
        with np.errstate(divide="ignore", invalid="ignore"):  # no error at all: the limit itself
            below, above = ndtr((low[out] - centre) / scale), ndtr((high[out] - centre) / scale)
            again = centre + scale * ndtri(below + rng.random(len(centre)) * (above - below))
        moved[out] = np.clip(np.where(np.isnan(again), centre, again), low[out], high[out])
    return moved


def _spread(observed: Array) -> float:
    """Variance between regions in the latest year that at least half of them, and two, have; mean over the sexes."""
    enough = np.isfinite(observed).all(axis=2).sum(axis=1) >= max(2.0, observed.shape[1] / 2)
    if not enough.any():
        return np.inf
    return float(np.nanvar(observed[np.flatnonzero(enough)[-1]], axis=0, ddof=1).mean())


def _equal_correlation(size: int, correlation: float) -> Array:
    """M with M M' = (1 - c) I + c 1 1'."""
    values, vectors = np.linalg.eigh((1.0 - correlation) * np.eye(size) + correlation)
    return vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T


def _shares(weights: xr.DataArray, past: xr.DataArray, future: xr.DataArray) -> Array:
    """Weights that sum to one over regions, as (region, year, sex)."""
    wanted = {"locality": past["locality"], "year": future["year"], "sex": future["sex"]}
    if "locality" not in weights.dims or not set(weights.dims) <= set(wanted):
        raise DrawsError(f"weights: expected axes locality, and year or sex or not, found {tuple(weights.dims)}.")
    for axis in weights.dims:
        absent = [label for label in wanted[str(axis)].to_numpy() if label not in weights.get_index(axis)]
        if absent:
            names = ", ".join(map(str, absent[:6]))
            raise DrawsError(f"weights: expected every {axis} of the result, found none of {names}; add them.")
    known = weights.sel({axis: wanted[str(axis)].to_numpy() for axis in weights.dims})
    if not bool((np.isfinite(known) & (known >= 0.0)).all()) or not bool((known.sum("locality") > 0.0).all()):
        raise DrawsError("weights: expected people of each region, zero or more and some in all, found others.")
    full = (known / known.sum("locality")).broadcast_like(past.isel(year=0, drop=True) * future.isel(draw=0, drop=True))
    return full.transpose("locality", "year", "sex").to_numpy()


def _raked(paths: Array, country: Array, shares: Array, deviation: Deviation) -> Array:
    """Paths whose weighted mean is the country's (draw, 1, year, sex), none outside the limits."""
    low, high = deviation.limits
    if (country < low).any() or (country > high).any():
        raise DrawsError(
            f"draws: expected {low:g} to {high:g}, the limits of the regions, found {country.min():g} to "
            f"{country.max():g}; give deviation= with wider limits."
        )
    mean = (shares * paths).sum(axis=1, keepdims=True)
    raked = paths * (country / mean) if deviation.relative else paths + (country - mean)
    # Where a region would cross a limit: the factor is found by halving, since the clipped mean grows with it.
    d, t, s = np.nonzero(((raked < low) | (raked > high)).any(axis=1))
    if len(d):
        part, weight, wanted = paths[d, :, t, s], shares[:, t, s].T, country[d, 0, t, s]
        least, most = part.min(axis=1), part.max(axis=1)
        start, end = (low / most, high / least) if deviation.relative else (low - most, high - least)
        inside = part
        for _ in range(HALVINGS):
            middle = (start + end)[:, None] / 2
            inside = np.clip(part * middle if deviation.relative else part + middle, low, high)
            short = (weight * inside).sum(axis=1) < wanted
            start, end = np.where(short, middle[:, 0], start), np.where(short, end, middle[:, 0])
        raked[d, :, t, s] = inside
    return raked
