"""Monthly counts of many flows: a log-intensity that wanders, with seasons, shared shocks and calm and wild times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from ..data import Panel
from ._flows_observed import Observed, place, recent, season_pilot, waves
from ._flows_paths import Paths, months_after
from .fit import Model
from .interventions import Covariate, Intervention, design, effects
from .priors import Beta, Gamma, HalfNormal, LogNormal, Normal
from .shocks import add_shocks

__all__ = ["Flows"]

Array = NDArray[np.float64]

BEGINNING = 3.0  # standard deviation of the first level about its count: next to nothing is said of it


@dataclass(frozen=True, kw_only=True)
class Flows(Model[xr.DataArray]):
    r"""Counts as negative binomial about a log-intensity that wanders from month to month.

    .. math::
        k_{s,t} &\sim \mathrm{NB}(\lambda_{s,t},\ r_s), \qquad
        \log \lambda_{s,t} = \ell_{s,t} + a_{s,m(t)} + \sum_j \beta_{j,s} x_{j,s,t} \\
        \ell_{s,t+1} - \ell_{s,t} &= (1 - \phi)(\bar\ell_{s,t} - \ell_{s,t})
            + \sigma_s e^{v_t} (g_s f_t + \varepsilon_{s,t}), \qquad f_t, \varepsilon_{s,t} \sim t_\nu

    with level :math:`\ell`, its mean :math:`\bar\ell` over the past, weighted by :math:`2^{-\mathrm{age} / h}`, seasons
    a that sum to zero, dated interventions and covariates x, a factor f common to all series, and a volatility
    v that all series share, :math:`v_t = \rho v_{t-1} + \kappa \eta_t`. The variance of a count is
    :math:`\lambda + \lambda^2 / r`, with :math:`1 / \sqrt{r_s} = q \sigma_s`: what passes with its month is a share q
    of what stays. Scales, loadings and the spread of the seasons are pooled between series on the log.

    A count may sum several months (``span``), be known to lie in an interval (``low``, ``high``) or be missing. A sum
    of months has the mean and the variance of its months.

    Parameters
    ----------
    scale : LogNormal
        A typical monthly :math:`\sigma_s`.
    scale_spread : HalfNormal
        Standard deviation of :math:`\log \sigma_s` between series.
    noise : LogNormal
        q.
    tails : Gamma
        :math:`\nu`.
    volatility : HalfNormal
        :math:`\kappa`.
    calming : float
        :math:`\rho`, how much of a month's volatility is left in the next.
    loading : HalfNormal
        A typical :math:`g_s`: how much of a step the series have in common.
    loading_spread : float
        Standard deviation of :math:`\log g_s` between series.
    season : HalfNormal
        Standard deviation of the seasons that all series share.
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
    interventions : tuple of Intervention
        Dated effects.
    covariates : tuple of Covariate
        Variables of the panel that shift the log-intensity.

    Notes
    -----
    `persistence`, `memory` and `window` were chosen on border encounters from origins of 2003 to 2010, before those
    that benchmarks score; a little more or less of each changed the scores by a few percent.

    References
    ----------
    Zens G., Bijak J. (2026), Dynamic count models with flexible innovation processes for irregular maritime migration,
    arXiv:2508.18716; Welch N.G., Raftery A.E. (2022), Probabilistic forecasts of international bilateral migration
    flows, PNAS 119.

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
    noise: LogNormal = LogNormal(median=0.4, sd=0.5)
    tails: Gamma = Gamma(mean=5.0, sd=2.0)
    volatility: HalfNormal = HalfNormal(0.2)
    calming: float = 0.95
    loading: HalfNormal = HalfNormal(0.7)
    loading_spread: float = 0.5
    season: HalfNormal = HalfNormal(0.3)
    season_own: LogNormal = LogNormal(median=0.1, sd=0.5)
    season_spread: float = 0.5
    persistence: Beta = Beta(mean=0.97, weight=200.0)
    memory: float = 36.0
    window: int = 72
    effect: Normal = Normal(0.0, 1.0)
    effect_spread: HalfNormal = HalfNormal(0.3)
    most: float = 10.0
    interventions: tuple[Intervention, ...] = ()
    covariates: tuple[Covariate, ...] = ()

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``count`` (series, month; persons) down in PyMC.

        The log-intensity of every month is its pilot (the log of the count plus a half) and a standardised deviate
        times the deviation that the count leaves, so that the deviates are about standard normal.
        """
        panel = recent(panel, self.window)
        data = Observed.read(panel)
        axis, size = data.axis, len(data.months)
        coords: dict[str, object] = {
            axis: data.names,
            "month": data.months.to_numpy(),
            "step": data.months[1:].to_numpy(),
        }
        names = effects(self.interventions, self.covariates)
        with pm.Model(coords=coords | {"calendar": np.arange(1, 13), "wave": np.arange(11), "effect": names}) as model:
            tails = self.tails.variable("tails")
            volatility = self._volatility(size - 1)
            usual, noise = self._scales(axis, volatility.mean())
            seasons = self._seasons(data, usual)
            persistence = self.persistence.variable("persistence")

            deviate = pm.Normal("deviate", dims=(axis, "month"))
            placed, jacobian = place(data, deviate, noise, pt)
            log_intensity = _tensor(placed)
            # The prior density is that of the log-intensity, so that of the deviate is taken out again.
            pm.Potential("jacobian", 0.5 * (deviate**2).sum() + jacobian)
            level = log_intensity - seasons[:, data.calendar]
            if names:
                regressors = design(panel, axis, data.months, self.interventions, self.covariates)
                level = level - (self._effects(axis)[:, :, None] * regressors).sum(0)
            average = level @ recent_means(size, self.memory).T
            # Wide: where the level begins is said by the counts.
            pm.Potential("first", -0.5 * (((level[:, 0] - data.centre[:, 0]) / BEGINNING) ** 2).sum())
            moved = level[:, 1:] - level[:, :-1] + (1.0 - persistence) * (level[:, :-1] - average[:, :-1])
            month_scale = usual[:, None] * _tensor(pt.exp(volatility - volatility.mean()))
            if len(data.names) > 1:
                moved = moved - month_scale * self._common(axis, tails)
            add_shocks("steps", moved, tails=tails, scale=month_scale)
            pm.Deterministic("level", level[:, -1], dims=axis)
            pm.Deterministic("average", average[:, -1], dims=axis)
            pm.Deterministic("volatility_last", volatility[-1])
            _add_counts(data, log_intensity, noise**-2.0)
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
            weight=float(recent_weight(len(data.months), self.memory)),
            most=data.record + np.log(self.most),
        )
        counts = paths.run(sample, data.axis, np.asarray(months.month - 1), regressors, rng)
        return xr.DataArray(
            counts,
            dims=("draw", data.axis, "month"),
            coords={data.axis: panel[data.axis].to_numpy(), "month": months},
            name="count",
            attrs={"units": panel["count"].attrs["units"]},
        )

    def _scales(self, axis: str, volatility: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
        """Scale of a series' steps in a usual month of the window, and of its noise.

        The counts say much of the scale in the window's months, and little of how volatile they were as months go. So
        the sampler moves in the former, and the priors are those of the latter: the shift has a Jacobian of one.
        """
        scale_z, noise_z = pm.Normal("scale_typical_z"), pm.Normal("noise_share_z")
        away = (scale_z - volatility / self.scale.sd, noise_z + volatility / self.noise.sd)
        pm.Potential("scale_prior", 0.5 * (scale_z**2 + noise_z**2 - away[0] ** 2 - away[1] ** 2))
        pm.Deterministic("scale_typical", self.scale.median * _tensor(pt.exp(self.scale.sd * away[0])))
        pm.Deterministic("noise_share", self.noise.median * _tensor(pt.exp(self.noise.sd * away[1])))
        spread = self.scale_spread.variable("scale_spread") * pm.Normal("scale_z", dims=axis)
        usual = self.scale.median * _tensor(pt.exp(self.scale.sd * scale_z + spread))
        _named("scale", usual * _tensor(pt.exp(-volatility)), axis)
        noise = self.noise.median * _tensor(pt.exp(self.noise.sd * noise_z)) * usual
        return usual, _named("noise", noise, axis)

    def _seasons(self, data: Observed, scale: TensorVariable) -> TensorVariable:
        """Log of the month of the year over the year's mean, shape (series, 12).

        The waves of a series are parameters about where its own steps and the shared waves put them, each by its
        precision, so that the sampler's coordinates are about standard normal whatever the series has seen.
        """
        pilot, weight = season_pilot(data)
        shared = self.season.variable("season_scale") * pm.Normal("season_shared_z", dims="wave")
        log_own = pt.log(self.season_own.variable("season_own"))
        spreads = log_own + self.season_spread * pm.Normal("season_spread_z", dims=data.axis)
        log_spread = _tensor(spreads)[:, None]
        z = pm.Normal("season_z", dims=(data.axis, "wave"))
        known, believed = weight * scale[:, None] ** -2.0, _tensor(pt.exp(-2.0 * log_spread))
        log_sd = -0.5 * _tensor(pt.log(known + believed))
        away = known / (known + believed) * (pilot - shared) + _tensor(pt.exp(log_sd)) * z
        density = 0.5 * z**2 + log_sd - log_spread - 0.5 * away**2 * believed
        pm.Potential("season_prior", density.sum())
        return _named("season", (shared + away) @ waves(), (data.axis, "calendar"))

    def _volatility(self, steps: int) -> TensorVariable:
        """Log of the scale of each step over its typical value, an autoregression by its moving average."""
        lag = np.subtract.outer(np.arange(steps), np.arange(steps))
        weights = np.tril(self.calming ** np.abs(lag))
        news = pm.Normal("volatility_news", dims="step")
        return _named("volatility", self.volatility.variable("volatility_scale") * (weights @ news), "step")

    def _common(self, axis: str, tails: TensorVariable) -> TensorVariable:
        """Share of each step that all series have in common, in units of the series' scale."""
        factor = pm.StudentT("factor", nu=tails, mu=0.0, sigma=1.0, dims="step")
        loading_z = pm.Normal("loading_z", dims=axis)
        size = _tensor(pt.exp(self.loading_spread * loading_z))
        loading = _named("loading", self.loading.variable("loading_typical") * size, axis)
        return _tensor(loading[:, None] * factor)

    def _effects(self, axis: str) -> TensorVariable:
        mean = self.effect.variable("effect_mean", dims="effect")
        spread = self.effect_spread.variable("effect_spread", dims="effect")
        own = pm.Normal("effect_z", dims=("effect", axis))
        return _named("effects", mean[:, None] + spread[:, None] * own, ("effect", axis))


def recent_means(size: int, memory: float) -> Array:
    """Weights of the mean over the past up to each month, half as large `memory` months ago; shape (month, month)."""
    age = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.tril(0.5 ** (np.abs(age) / memory))
    return weights / weights.sum(axis=1, keepdims=True)


def recent_weight(size: int, memory: float) -> float:
    """Sum of the weights before they were made shares: in months, how long the past is."""
    return float((0.5 ** (np.arange(size) / memory)).sum())


def _tensor(value: object) -> TensorVariable:
    """The same, for type checkers: PyTensor's hints leave open what its functions return."""
    if not isinstance(value, TensorVariable):
        raise TypeError(f"expected a tensor, found {type(value)}")
    return value


def _named(name: str, value: object, dims: str | tuple[str, ...]) -> TensorVariable:
    """Record a value in the draws under this name, and go on with it."""
    tensor = _tensor(value)
    pm.Deterministic(name, tensor, dims=dims)
    return tensor


def _add_counts(data: Observed, log_intensity: TensorVariable, shape: TensorVariable) -> None:
    """Add the likelihood of single months, and of sums and intervals, to the current model."""
    alone = _log_mass(data.count, log_intensity[data.series, data.month], shape[data.series])
    pm.Potential("months", alone.sum())
    if not len(data.span):
        return
    each = _tensor(pt.exp(log_intensity[data.sum_series[:, None], data.sum_months])) * data.sum_weight
    total = each.sum(axis=1)
    # A sum of independent negative binomials is near the one of the same mean and variance.
    together = shape[data.sum_series] * total**2 / (each**2).sum(axis=1)
    mass = _log_mass(data.nodes, _tensor(pt.log(total))[:, None], together[:, None])
    pm.Potential("sums", _tensor(pm.math.logsumexp(mass + data.log_weight, axis=1)).sum())


def _log_mass(count: Array, log_mean: TensorVariable, shape: TensorVariable) -> TensorVariable:
    """Log mass of the negative binomial."""
    log_sum = _tensor(pt.log(_tensor(pt.exp(log_mean)) + shape))
    return (
        count * (log_mean - log_sum)
        + shape * (_tensor(pt.log(shape)) - log_sum)
        + _tensor(pt.gammaln(count + shape))
        - _tensor(pt.gammaln(shape))
        - gammaln(count + 1.0)
    )
