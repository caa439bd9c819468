"""Mortality in the published form: women's life expectancy by double-logistic gains, men's by the gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from ..data import Panel
from .crises import Crises
from .double_logistic import add_countries, add_scaled, gain, learn
from .fit import Model, last_year
from .priors import Normal
from .shocks import add_shocks

__all__ = ["PublishedMortality"]

Array = NDArray[np.float64]

PARAMETERS = ("start", "first_width", "between", "second_width", "fast", "slow")
GAP = ("constant", "first", "women", "women_above_75")
ELBOW = 75.0  # women's e0 above which the gap narrows (Raftery, Lalic & Gerland 2014, eq. 2)
FIRST_YEAR = 1953  # of the covariate of the gap
UNSEEN = 60.0  # a level put where a step is not used
GAP_CENTRE = 4.8  # a round mean of the gap, years
UNITS = (
    (50.0, 12.0),
    (70.0, 11.0),
    (1.5, 4.0),
)  # round means and scales of the covariates, so that coefficients are alike


def _log(*values: float) -> tuple[float, ...]:
    return tuple(float(value) for value in np.log(values))


@dataclass(frozen=True, kw_only=True)
class PublishedMortality(Model[xr.DataArray]):
    r"""Life expectancy at birth by the published models, in their form for single years.

    .. math::
        e^f_{c,t+1} &= e^f_{c,t} + g(e^f_{c,t};\, \Delta_c, k_c, z_c) + \omega\, f(e^f_{c,t})\, \varepsilon_{c,t} \\
        G_{c,t+1} &= \beta_0 + \phi G_{c,t} + \beta_1 e^f_{c,1953} + \beta_2 e^f_{c,t+1} + \beta_3 (e^f_{c,t+1} - 75)_+
            + s_1 \varepsilon_{c,t} \quad \text{if } e^f_{c,t+1} \le M \\
        G_{c,t+1} &= \gamma G_{c,t} + s_2 \varepsilon_{c,t} \quad \text{otherwise}, \qquad
            e^m_{c,t} = e^f_{c,t} - G_{c,t}

    Women's errors are normal, those of the gap Student t. Countries are pooled by :math:`\Delta_1`,
    :math:`\log \Delta_2`, :math:`\Delta_3`, :math:`\log \Delta_4`, :math:`\log k` and the logit of z within its bounds;
    the gap has no country parameters.

    It differs from the publication where that served the sampler: logarithms and the logit keep parameters in their
    ranges, where the publication truncates; the standard deviations between countries have tight log-normal priors,
    since few countries have seen both ends of the curve, except that of k, so that the pace is a country's own; f is
    given, not smoothed from the residuals of a first fit. `masked` years and gains of more than `largest_change` (war,
    famine, epidemic, and the rebound) are left out; a forecast starts from the last year that is neither masked nor of
    a pandemic, and what a war or disaster took by then comes back as `crises` says.

    Fitted to the 236 countries of World Population Prospects 2024, its medians of 2050 are within 1.5 years of the
    UN's in 91.1 % (women) and 90.3 % (men) of them, and in 93 and 92 % of the 215 that bayesLife forecasts. Nearly all
    others are in sub-Saharan Africa, where the UN expects gains of 0.2 years a year, a half of what countries at those
    levels have had and of what bayesLife gives them.

    Parameters
    ----------
    shape : Normal
        World means of the six pooled parameters, years and years per year.
    log_spread : Normal
        Logarithms of their standard deviations between countries.
    slow : (float, float)
        Bounds of z, years per year.
    scale_levels, scale : tuple of float
        f: standard deviation of a year's gain (years) at levels of life expectancy, linear between them.
    log_omega : Normal
        Logarithm of :math:`\omega`.
    gap : Normal
        Coefficients of the gap after standardisation: the constant, women's e0 of 1953, women's e0, and its excess
        over 75, in years per standard unit.
    log_gap_closing, log_late_closing : Normal
        Logarithms of :math:`1 - \phi` and :math:`1 - \gamma`.
    log_gap_scale, log_late_scale : Normal
        Logarithms of :math:`s_1` and :math:`s_2`, years.
    log_gap_tails, log_late_tails : Normal
        Logarithms of the degrees of freedom.
    late : float
        M, years.
    largest_change : float
        Years per year; the publication has 5, with which one small country's curve has two modes.
    masked : tuple of int
        Years left out of the fit.
    pandemic : tuple of int
        Years that are fitted, but that no forecast starts from and no fall is measured from or to.
    crises : Crises
        Which falls come back, and when; errors to come are too small to be one.
    bounds, gap_bounds : (float, float)
        Limits of simulated paths, years; those of the gap before what is missing in a crisis.

    References
    ----------
    Raftery A.E., Chunn J.L., Gerland P., Sevcikova H. (2013), Bayesian probabilistic projections of life expectancy
    for all countries, Demography 50.
    Raftery A.E., Lalic N., Gerland P. (2014), Joint probabilistic projection of female and male life expectancy,
    Demographic Research 30.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = PublishedMortality().build(reference.region().e0)
    >>> [variable.name for variable in model.free_RVs][:3]
    ['mean_offset', 'spread_offset', 'deviation']
    """

    shape: Normal = Normal(mean=(13.7, 3.72, 4.2, 2.88, -0.4, 1.4), sd=(0.5, 0.03, 0.8, 0.1, 0.1, 0.25))
    log_spread: Normal = Normal(mean=_log(1.0, 0.03, 1.5, 0.1, 0.8, 0.3), sd=(0.05, 0.05, 0.05, 0.05, 0.1, 0.05))
    slow: tuple[float, float] = (0.0, 0.1306)
    scale_levels: tuple[float, ...] = (20.0, 45.0, 60.0, 75.0, 85.0, 90.0)
    scale: tuple[float, ...] = (0.7, 0.62, 0.56, 0.42, 0.3, 0.28)
    log_omega: Normal = Normal(0.0, 0.1)
    gap: Normal = Normal(mean=(0.0, 0.0, 0.0, 0.0), sd=(0.05, 0.05, 0.05, 0.05))
    log_gap_closing: Normal = Normal(_log(0.01)[0], 0.3)
    log_late_closing: Normal = Normal(_log(0.008)[0], 0.3)
    log_gap_scale: Normal = Normal(_log(0.11)[0], 0.1)
    log_late_scale: Normal = Normal(_log(0.13)[0], 0.2)
    log_gap_tails: Normal = Normal(_log(2.0)[0], 0.15)
    log_late_tails: Normal = Normal(_log(2.5)[0], 0.2)
    late: float = 83.0
    largest_change: float = 2.0
    masked: tuple[int, ...] = ()
    pandemic: tuple[int, ...] = (2020, 2021)
    crises: Crises = Crises()
    bounds: tuple[float, float] = (20.0, 105.0)
    gap_bounds: tuple[float, float] = (0.0, 18.0)

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``e0`` (country, year, sex; years) down in PyMC."""
        e0, years = _by_sex(panel)
        women, men = e0[..., 0], e0[..., 1]
        free = ~np.isin(years, self.masked)
        used = (free[1:] & free[:-1]) & (np.abs(np.diff(women, axis=1)) <= self.largest_change)
        coords = {"country": panel["country"].to_numpy(), "parameter": PARAMETERS, "coefficient": GAP}
        with pm.Model(coords=coords) as model:
            self._add_gains(women, used)
            self._add_gap(women, women - men, years, used & (np.abs(np.diff(men, axis=1)) <= self.largest_change))
        return model

    def _add_gains(self, women: Array, used: NDArray[np.bool_]) -> None:
        """Women: parameters of the gains and of their errors, and their likelihood."""
        step = np.diff(women, axis=1)
        country, time = np.nonzero(used)
        at, change = women[country, time], step[country, time]
        scale = np.exp(float(np.asarray(self.log_omega.mean))) * self._scale(at)

        def residuals(raw: Array) -> Array:
            curve = {name: x[country] for name, x in self._curve(raw.T, np.exp, expit).items()}
            return (change - gain(at, **curve)) / scale

        centre = np.asarray(self.shape.mean)
        seen = learn(residuals, country, len(women), centre, np.exp(np.asarray(self.log_spread.mean)))
        raw = add_countries(seen, self.shape, self.log_spread, dims=("parameter", "country"))
        curve = self._curve(raw, pt.exp, pt.sigmoid)
        for name, value in curve.items():
            pm.Deterministic(name, value, dims="country")
        omega = add_scaled("omega", self.log_omega, log=True)
        where = np.where(used, women[:, :-1], UNSEEN)
        weight = np.where(used, self._scale(where) ** -2.0, 0.0)
        expected = gain(where, **{name: x[:, None] for name, x in curve.items()}, sigmoid=pt.sigmoid)
        squares = (weight * (np.where(used, step, 0.0) - expected) ** 2).sum()
        size: Any = pt.log(omega)
        pm.Potential("gains", -0.5 * squares / omega**2 - used.sum() * size)

    def _add_gap(self, women: Array, gap: Array, years: NDArray[np.int64], used: NDArray[np.bool_]) -> None:
        """Men: the regression of the gap, and its fading where women live longest."""
        country, time = np.nonzero(used)
        e0, before, after = women[country, time + 1], gap[country, time], gap[country, time + 1]
        early = e0 <= self.late
        first = _first(women, years)[country]
        closing = add_scaled("gap_closing", self.log_gap_closing, log=True)
        scale = add_scaled("gap_scale", self.log_gap_scale, log=True)
        tails = add_scaled("gap_tails", self.log_gap_tails, log=True)
        late_closing = add_scaled("late_closing", self.log_late_closing, log=True)
        late_scale = add_scaled("late_scale", self.log_late_scale, log=True)
        late_tails = add_scaled("late_tails", self.log_late_tails, log=True)
        coefficient = add_scaled("gap_coefficient", self.gap, "coefficient")
        x = _covariates(first[early], e0[early])
        trend = coefficient[0] + sum(coefficient[i + 1] * x[i] for i in range(len(x)))
        shock: Any = (after - before)[early] + closing * (before[early] - GAP_CENTRE) - trend
        add_shocks("gaps", shock, tails=tails, scale=scale)
        shock = (after - before)[~early] + late_closing * before[~early]
        add_shocks("late_gaps", shock, tails=late_tails, scale=late_scale)

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate life expectancy to the end of year `until`, axes (draw, country, year, sex), years."""
        past, years = _by_sex(panel)
        last = last_year(until, years)
        curve: dict[str, Any] = {name: sample[name].transpose("draw", "country").to_numpy() for name in PARAMETERS}
        names = ("omega", "gap_closing", "gap_scale", "gap_tails", "late_closing", "late_scale", "late_tails")
        omega, closing, scale, tails, late_closing, late_scale, late_tails = (
            sample[name].to_numpy()[:, None] for name in names
        )
        coefficient = sample["gap_coefficient"].transpose("draw", "coefficient").to_numpy()
        shape = (sample.sizes["draw"], len(past))
        kept = ~np.isin(years, (*self.masked, *self.pandemic))
        calm, loss = self.crises.before(past[:, kept])
        e0, gap = (np.broadcast_to(start, shape) for start in (calm[:, -1, 0], calm[:, -1, 0] - calm[:, -1, 1]))
        first = np.broadcast_to(_first(past[..., 0], years), shape)
        paths = np.empty((*shape, last - int(years[-1]), 2))
        for year in range(paths.shape[2]):
            shock = omega * self._scale(e0) * rng.standard_normal(shape)
            e0 = np.clip(e0 + gain(e0, **curve) + shock, *self.bounds)
            x = _covariates(first, e0)
            trend = coefficient[:, [0]] + sum(coefficient[:, [i + 1]] * x[i] for i in range(len(x)))
            drift = trend - closing * (gap - GAP_CENTRE) + scale * rng.standard_t(np.broadcast_to(tails, shape))
            fading = -late_closing * gap + late_scale * rng.standard_t(np.broadcast_to(late_tails, shape))
            gap = np.clip(gap + np.where(e0 <= self.late, drift, fading), *self.gap_bounds)
            paths[:, :, year] = np.stack([e0, e0 - gap], axis=-1)
        missing = self.crises.missing(loss, len(paths), paths.shape[2], rng)
        return xr.DataArray(
            np.maximum(paths - missing, self.bounds[0]),
            dims=("draw", "country", "year", "sex"),
            coords={
                "country": panel["country"].to_numpy(),
                "year": np.arange(years[-1] + 1, last + 1),
                "sex": ["female", "male"],
            },
            name="e0",
            attrs={"units": "years"},
        )

    def _curve(self, raw: Any, exp: Callable[[Any], Any], sigmoid: Callable[[Any], Any]) -> dict[str, Any]:
        """Parameters of `gain` from the pooled ones."""
        values = (
            raw[0],
            exp(raw[1]),
            raw[2],
            exp(raw[3]),
            exp(raw[4]),
            self.slow[0] + (self.slow[1] - self.slow[0]) * sigmoid(raw[5]),
        )
        return dict(zip(PARAMETERS, values, strict=True))

    def _scale(self, level: Array) -> Array:
        """f, years."""
        return np.interp(level, self.scale_levels, self.scale)


def _by_sex(panel: Panel) -> tuple[Array, NDArray[np.int64]]:
    """Life expectancy (country, year, sex) of women and men, years, and the years."""
    e0 = panel["e0"].sel(sex=["female", "male"]).transpose("country", "year", "sex")
    return e0.to_numpy(), e0["year"].to_numpy()


def _first(women: Array, years: NDArray[np.int64]) -> Array:
    """Women's e0 of 1953, or of the year nearest to it."""
    return women[:, int(np.argmin(np.abs(years - FIRST_YEAR)))]


def _covariates(first: Array, e0: Array) -> tuple[Array, ...]:
    """Covariates of the gap, standardised."""
    values = (first, e0, np.maximum(e0 - ELBOW, 0.0))
    return tuple((value - centre) / scale for value, (centre, scale) in zip(values, UNITS, strict=True))
