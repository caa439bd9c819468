"""Monthly counts of many flows: a log-intensity that wanders, with seasons, shared shocks and calm and wild times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import gammaln

from ..data import Panel
from ._flows_levels import follow, recent_weight
from ._flows_observed import Observed, recent
from ._flows_open import place
from ._flows_paths import Paths, months_after
from ._flows_pilots import Pilots, pilots, waves
from ._informed import add_informed
from .closures import Closures
from .fit import Model
from .interventions import Covariate, Intervention, design, effects
from .priors import Beta, Gamma, HalfNormal, LogNormal, Normal
from .shocks import add_shocks

__all__ = ["Flows"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Flows(Model[xr.DataArray]):
    r"""Counts about a log-intensity whose level follows what each month has brought.

    .. math::
        k_{s,t} &\sim \mathrm{Poisson}(e^{y_{s,t}}), \qquad
        y_{s,t} = \ell_{s,t} + a_{s,m(t)} + \sum_j \beta_{j,s} x_{j,s,t} + e_{s,t} \\
        e_{s,t} &= \sigma_s e^{v_t} (g_s f_t + \varepsilon_{s,t}), \qquad f_t, \varepsilon_{s,t} \sim t_\nu \\
        \ell_{s,t+1} &= \ell_{s,t} + (1 - \phi)(\bar\ell_{s,t} - \ell_{s,t}) + b_{s,t} + \alpha e_{s,t}, \qquad
        b_{s,t+1} = \delta (b_{s,t} + \beta e_{s,t})

    with level :math:`\ell`, its mean :math:`\bar\ell` over the past, weighted by :math:`2^{-\mathrm{age} / h}`, a
    trend b that fades, seasons a that sum to zero, dated interventions and covariates x, a factor f common to all
    series, and a volatility v that all series share, :math:`v_t = \rho v_{t-1} + \kappa \eta_t`. Of what a month has
    beyond its level the share :math:`\alpha` stays and the rest passes with the month; with a variance of its own the
    count is spread more than a Poisson's, as a negative binomial is, with heavier tails. One error moves level and
    count (Hyndman et al. 2008), so that a path of counts says what the levels were: nothing is left to be sampled of
    months that are counted. Scales, loadings and the spread of the seasons are pooled between series on the log.

    In months to come all doors may close, for reasons that no window of calm years shows (`Closures`).

    A count may sum several months (``span``), be known to lie in an interval (``low``, ``high``) or be missing; the
    log-intensities of such months, and of counts below 50, are parameters. Larger counts give theirs, with the variance
    of Poisson added to the error.

    Parameters
    ----------
    scale : LogNormal
        A typical monthly :math:`\sigma_s`.
    scale_spread : HalfNormal
        Standard deviation of :math:`\log \sigma_s` between series.
    gain : Beta
        :math:`\alpha`.
    momentum : Beta
        :math:`\beta`.
    fading : float
        :math:`\delta`.
    tails : Gamma
        :math:`\nu`.
    volatility : HalfNormal
        :math:`\kappa`.
    calming : float
        :math:`\rho`, how much of a month's volatility is left in the next.
    loading : HalfNormal
        A typical :math:`g_s`: how much of an error the series have in common.
    loading_spread : float
        Standard deviation of :math:`\log g_s` between series.
    season : HalfNormal
        Standard deviation of the seasons that all series share; months of seasonal work differ tenfold and more.
    season_own : LogNormal
        Standard deviation of a series' own seasons about them.
    season_spread : float
        Standard deviation of its log between series.
    persistence : Beta
        :math:`\phi`.
    memory : float
        h, half-life of the past in the mean, months.
    window : int
        Months before the end of the panel that are fitted: seasons and scales change within decades.
    effect : Normal
        Mean over series of the effect of an intervention or covariate, on the log.
    effect_spread : HalfNormal
        Standard deviation between series.
    most : float
        No simulated level exceeds this many times the highest count of the window: heavy tails have no other bound.
        That of `Backlog`.
    closures : Closures
        Months to come in which doors are closed; ``Closures(rate=0.0)`` is a world without.
    interventions : tuple of Intervention
        Dated effects.
    covariates : tuple of Covariate
        Variables of the panel that shift the log-intensity.

    Notes
    -----
    `persistence`, `memory`, `fading` and `window` were chosen on border encounters from origins of 2002 to 2010, before
    those that benchmarks score; a little more or less of each changed the scores by a few percent. The priors of
    `season`, `season_own` and `gain` were made wider after visas for seasonal work had been forecast badly; on the
    encounters that changed nothing.

    References
    ----------
    Hyndman R.J., Koehler A.B., Ord J.K., Snyder R.D. (2008), Forecasting with Exponential Smoothing: The State Space
    Approach, Springer; Harvey A.C. (2013), Dynamic Models for Volatility and Heavy Tails, Cambridge; Zens G., Bijak J.
    (2026), Dynamic count models with flexible innovation processes for irregular maritime migration, arXiv:2508.18716.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> months = pd.date_range("2019-01-01", periods=24, freq="MS")
    >>> counts = xr.DataArray(np.full((2, 24), 500.0), dims=("category", "month"),
    ...                       coords={"category": ["workers", "students"], "month": months}, attrs={"units": "persons"})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    >>> model = Flows().build(Panel(xr.Dataset({"count": counts}, attrs=about)))
    >>> "persistence" in [variable.name for variable in model.free_RVs]
    True
    """

    scale: LogNormal = LogNormal(median=0.2, sd=0.5)
    scale_spread: HalfNormal = HalfNormal(0.3)
    gain: Beta = Beta(mean=0.7, weight=4.0)
    momentum: Beta = Beta(mean=0.1, weight=50.0)
    fading: float = 0.9
    tails: Gamma = Gamma(mean=5.0, sd=2.0)
    volatility: HalfNormal = HalfNormal(0.2)
    calming: float = 0.95
    loading: HalfNormal = HalfNormal(0.7)
    loading_spread: float = 0.5
    season: HalfNormal = HalfNormal(1.0)
    season_own: LogNormal = LogNormal(median=0.2, sd=1.0)
    season_spread: float = 0.5
    persistence: Beta = Beta(mean=0.97, weight=200.0)
    memory: float = 36.0
    window: int = 72
    effect: Normal = Normal(0.0, 1.0)
    effect_spread: HalfNormal = HalfNormal(0.3)
    most: float = 10.0
    closures: Closures = Closures()
    interventions: tuple[Intervention, ...] = ()
    covariates: tuple[Covariate, ...] = ()

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``count`` (series, month; persons) down in PyMC."""
        panel = recent(panel, self.window)
        data = Observed.read(panel)
        axis, size = data.axis, len(data.months)
        names = effects(self.interventions, self.covariates)
        coords = {
            axis: data.names,
            "step": data.months[1:].to_numpy(),
            "calendar": np.arange(1, 13),
            "wave": np.arange(11),
            "effect": names,
            "open": [f"{data.names[row]} {data.months[month]:%Y-%m}" for row, month in np.argwhere(~data.plain)],
        }
        with pm.Model(coords=coords) as model:
            tails = self.tails.variable("tails")
            about = pilots(data)
            volatility = self._volatility(about)
            usual = self._scales(data, about, volatility.mean())
            loading = self._loadings(data)
            scale = usual[:, None] * pt.exp(volatility - volatility.mean())
            seasons = self._seasons(data, about, usual, loading)
            expected = seasons[:, data.calendar]
            if names:
                regressors = design(panel, axis, data.months, self.interventions, self.covariates)
                expected = expected + (self._effects(axis)[:, :, None] * regressors).sum(0)
            path: Any = pt.as_tensor(data.centre)
            if coords["open"]:
                deviate = pm.Normal("open_z", dims="open")
                path, volume = place(data, about, deviate, expected, scale, loading)
                # The density is that of the path.
                pm.Potential("open_prior", 0.5 * (deviate**2).sum() + volume)
                pm.Deterministic("log_intensity", path[~data.plain], dims="open")
                _add_counts(data, path)
            freed = path - expected
            levels = follow(
                freed,
                size,
                gain=self.gain.variable("gain"),
                momentum=self.momentum.variable("momentum"),
                persistence=self.persistence.variable("persistence"),
                memory=self.memory,
                fading=self.fading,
            )
            error = levels.error[:, 1:]
            if len(data.names) > 1:
                error = error - scale * self._common(loading[:, None], tails, error / scale)
            counted = np.where(data.plain, np.exp(-data.centre), 0.0)[:, 1:]
            widened: Any = pt.sqrt(scale**2 + counted)
            add_shocks("errors", error, tails=tails, scale=widened)
            pm.Deterministic("level", levels.after, dims=axis)
            pm.Deterministic("average", levels.average, dims=axis)
            pm.Deterministic("trend", levels.trend, dims=axis)
            pm.Deterministic("volatility_last", volatility[-1])
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate counts to month `until` ("2025-12"), axes (draw, series, month), persons."""
        panel = recent(panel, self.window)
        data = Observed.read(panel)
        months = months_after(data.months[-1], until)
        whole = pd.date_range(data.months[0], months[-1], freq="MS")
        regressors = design(panel, data.axis, whole, self.interventions, self.covariates)[..., len(data.months) :]
        paths = Paths(
            calming=self.calming,
            memory=self.memory,
            fading=self.fading,
            weight=float(recent_weight(len(data.months), self.memory)),
            most=data.record + np.log(self.most),
            closures=self.closures,
        )
        counts = paths.run(sample, data.axis, np.asarray(months.month - 1), regressors, rng)
        return xr.DataArray(
            counts,
            dims=("draw", data.axis, "month"),
            coords={data.axis: panel[data.axis].to_numpy(), "month": months},
            name="count",
            attrs={"units": panel["count"].attrs["units"]},
        )

    def _volatility(self, about: Pilots) -> Any:
        """Log of the scale of each month's error over its typical value, an autoregression.

        The more series there are, the better the months' errors tell it; along the axes of its variance the sampler
        moves about what they tell.
        """
        steps = len(about.wild)
        news = np.eye(steps) - self.calming * np.eye(steps, k=-1)
        believed = news.T @ news  # inverse variance, in units of the news
        known, across = eigh(np.diag(about.wild_weight), believed)
        along = add_informed(
            "volatility_z",
            across.T @ believed @ about.wild,
            np.maximum(known, 0.0),
            self.volatility.variable("volatility_scale") ** -2.0 * np.ones(steps),
            dims="step",
        )
        return pm.Deterministic("volatility", pt.dot(across, along), dims="step")

    def _scales(self, data: Observed, about: Pilots, volatility: Any) -> Any:
        """Scale of each series' errors in a usual month of the window.

        The counts say much of the scale in the window's months, and little of how volatile they were as months go. So
        the sampler moves in the former, and the priors are those of the latter.
        """
        pilot, known = about.scale, about.scale_weight
        spread = self.scale_spread.variable("scale_spread")
        middle = np.log(self.scale.median) + volatility
        of_all = 1.0 / (spread**2 + 1.0 / known)
        typical = middle + add_informed(
            "scale_typical_z", (of_all * pilot).sum() / of_all.sum() - middle, of_all.sum(), self.scale.sd**-2.0
        )
        log_scale = typical + add_informed("scale_z", pilot - typical, known, spread**-2.0, dims=data.axis)
        pm.Deterministic("scale_typical", pt.exp(typical - volatility))
        pm.Deterministic("scale", pt.exp(log_scale - volatility), dims=data.axis)
        return pt.exp(log_scale)

    def _loadings(self, data: Observed) -> Any:
        """Share of the factor in each series' errors; a single series has none."""
        if len(data.names) == 1:
            return np.zeros(1)
        each = pt.exp(self.loading_spread * pm.Normal("loading_z", dims=data.axis))
        return pm.Deterministic("loading", self.loading.variable("loading_typical") * each, dims=data.axis)

    def _seasons(self, data: Observed, about: Pilots, scale: Any, loading: Any) -> Any:
        """Log of the month of the year over the year's mean, shape (series, 12).

        However many series there are, shared seasons are known no better than the shared errors let them be.
        """
        pilot, weight = about.season, about.season_weight
        spread: Any = pt.log(self.season_own.variable("season_own"))
        spread = spread + self.season_spread * pm.Normal("season_spread_z", dims=data.axis)
        known = weight / (scale**2 + about.noise)[:, None]
        own: Any = pt.exp(-2.0 * spread[:, None])
        of_all = known * own / (known + own)
        together = ((loading * scale) ** 2).mean() / (weight.mean(0) + 1e-9)
        shared = add_informed(
            "season_shared_z",
            (of_all * pilot).sum(0) / (of_all.sum(0) + 1e-9),
            1.0 / (1.0 / (of_all.sum(0) + 1e-9) + together),
            self.season.variable("season_scale") ** -2.0 * np.ones(11),
            dims="wave",
        )
        factor = np.sqrt(weight / (weight.mean(0) + 1e-9)) * loading[:, None]
        away = add_informed(
            "season_z", pilot - shared, known, own * np.ones(11), dims=(data.axis, "wave"), along=factor
        )
        return pm.Deterministic("season", (shared + away) @ waves(), dims=(data.axis, "calendar"))

    def _common(self, loading: Any, tails: Any, error: Any) -> Any:
        """Share of each error that all series have in common, in units of the series' scale.

        The factor is a parameter about its regression on the errors, in units of what they leave open.
        """
        precision = 1.0 + (loading**2).sum()
        away = pm.Normal("factor_z", dims="step")
        factor = (loading * error).sum(0) / precision + away / pt.sqrt(precision)
        add_shocks("factor", factor, tails=tails, scale=pt.as_tensor(1.0))
        pm.Potential("factor_jacobian", 0.5 * (away**2 - pt.log(precision)).sum())
        return loading * factor

    def _effects(self, axis: str) -> Any:
        mean = self.effect.variable("effect_mean", dims="effect")
        spread = self.effect_spread.variable("effect_spread", dims="effect")
        own = pm.Normal("effect_z", dims=("effect", axis))
        return pm.Deterministic("effects", mean[:, None] + spread[:, None] * own, dims=("effect", axis))


def _add_counts(data: Observed, path: Any) -> None:
    """Add the likelihood of small counts of single months, and of sums and intervals, to the current model."""
    small = ~data.plain[data.series, data.month]
    log_mean = path[data.series[small], data.month[small]]
    pm.Potential("months", (data.count[small] * log_mean - pt.exp(log_mean)).sum())
    if len(data.span):
        each: Any = pt.exp(path[data.sum_series[:, None], data.sum_months])
        total = (each * data.sum_weight).sum(axis=1)[:, None]
        log_total: Any = pt.log(total)
        mass = data.nodes * log_total - total - gammaln(data.nodes + 1.0)
        pm.Potential("sums", pt.as_tensor(pm.math.logsumexp(mass + data.log_weight, axis=1)).sum())
