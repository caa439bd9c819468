"""Net migration: the rate of each country, exchangeable between countries, in years that come calm and wild."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.scan.basic import scan
from pytensor.tensor.shape import specify_shape

from ..data import DataError, Panel
from .fit import Model, last_year
from .priors import Beta, LogNormal, Normal

__all__ = ["Migration"]

type Array = NDArray[np.float64]
type Values = Any  # an array or a tensor: the same line of arithmetic serves both


@dataclass(frozen=True, kw_only=True)
class Migration(Model[xr.DataArray]):
    r"""Net migration rate as an autoregression whose heavy-tailed errors have calm and wild years.

    .. math::
        x_{c,t} &= m_{c,t} / k_t, \qquad d_{c,t} = x_{c,t} - \lambda_c \bar x_{c,t} \\
        x_{c,t+1} &= \lambda_c \bar x_{c,t} + \phi_c [d_{c,t}]_{\pm f} + \phi_f (d_{c,t} - [d_{c,t}]_{\pm f})
            + s_{c,t} \varepsilon_{c,t+1}, \quad \varepsilon \sim t_\nu \\
        s_{c,t}^2 &= e^{2 (\ell_c + v_{c,t})} + q^2, \quad
        v_{c,t+1} = \rho v_{c,t} + \kappa \left(\frac{(\nu + 1) \varepsilon_{c,t+1}^2}
            {\nu + \varepsilon_{c,t+1}^2} - 1\right), \quad \ell_c \sim N(\bar \ell, \omega^2)

    The hierarchical AR(1) of Azose & Raftery (2015, eq. 1-4), changed. Errors are Student t, and their scale follows
    their size by the score of the density (Beta-t-EGARCH, Harvey 2013): a war or a boom makes the next years wilder.
    A country returns to a share of its mean over the last `memory` years, sooner from further than `far`. In a `closed`
    year all rates are the share :math:`k_t` of what they would have been (1 in other years), and what came before and
    after is not bent by it. The rate is the count divided by the population at the year's end less the count.

    What the yearly figures say of :math:`\phi, \nu, \kappa, \rho, \lambda` is not used: they are interpolated between
    censuses, so that a year ahead almost nothing changes (with wide priors the likelihood asks for :math:`\phi > 0.998`
    and :math:`\nu = 1.2`, and forecasts from 1990, 2000 and 2008 are 12 % worse). These are constants, chosen by the
    scores of forecasts from 1980, 1985, 1990, 2000, 2008 and 2010; estimated are the scale of each country and what
    closed years kept.

    Parameters
    ----------
    log_scale : Normal
        :math:`\bar \ell`, the log of a typical yearly error (per person-year); the fit of the world gives the default.
    scale_spread : LogNormal
        :math:`\omega`.
    kept : Beta
        :math:`k_t` of each closed year; the fit of the world gives the default.
    closed : tuple of int
        Years in which borders were shut; those that the figures do not cover are left out.
    window : int
        Years that are fitted; older figures are thinner.
    memory : int
        Years whose mean :math:`\bar x` is remembered (those there are, where a series is shorter).
    share, share_spread : float
        :math:`\lambda` is normal between countries in simulation, and its mean in the fit.
    persistence, persistence_spread : float
        :math:`\phi`; in simulation its logit is normal between countries with this standard deviation.
    far, far_persistence : float
        :math:`f`, per person-year, and :math:`\phi_f`.
    pull : float
        Share of the pull to the level, :math:`1 - \phi` and :math:`1 - \phi_f`, that is felt from one estimate to the
        next and in the first simulated year: interpolated estimates hardly turn within a year.
    momentum, momentum_limit : float
        Share of the last change, cut off at the limit (per person-year), that goes on in the first simulated year: an
        interpolated line goes on, a jump does not.
    tails : float
        :math:`\nu`.
    response, volatility_persistence : float
        :math:`\kappa, \rho`.
    quietest : float
        :math:`q`: nothing is known better than this, per person-year.
    widening, widening_spread : float
        Mean and standard deviation, between countries and draws, of what is added to the log scale in simulation:
        interpolated figures are quieter than migration, some by more than others.
    limits : (float, float)
        No simulated rate is outside, per person-year. One in a hundred of the world's country-years since 1950 is, in
        wars, oil booms and very small countries. People who leave must have been there; those who come need not.

    Raises
    ------
    DataError
        In `build`, if there are fewer than three years of figures.

    References
    ----------
    Azose J.J., Raftery A.E. (2015), Bayesian probabilistic projection of international migration, Demography 52.
    Harvey A.C. (2013), Dynamic Models for Volatility and Heavy Tails, Cambridge University Press, chapter 4.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Migration().build(reference.region().net_migration)
    >>> [variable.name for variable in model.free_RVs]
    ['log_scale_mean', 'scale_spread', 'log_scale', 'kept']
    """

    log_scale: Normal = Normal(-6.95, 0.08)
    scale_spread: LogNormal = LogNormal(0.95, 0.065)
    kept: Beta = Beta(mean=0.945, weight=120.0)
    closed: tuple[int, ...] = (2020, 2021)
    window: int = 40
    memory: int = 40
    share: float = 0.4
    share_spread: float = 0.3
    persistence: float = 0.92
    persistence_spread: float = 0.5
    far: float = 0.02
    far_persistence: float = 0.6
    pull: float = 0.1
    momentum: float = 0.5
    momentum_limit: float = 0.001
    tails: float = 2.5
    response: float = 0.5
    volatility_persistence: float = 0.87
    quietest: float = 1e-4
    widening: float = 0.3
    widening_spread: float = 0.7
    limits: tuple[float, float] = (-0.06, 0.1)

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``net_migration_rate`` (country, year; per person-year) down in PyMC."""
        rate = panel["net_migration_rate"].transpose("country", "year")
        values, years = rate.to_numpy(), rate["year"].to_numpy()
        if len(years) < 3:
            raise DataError(
                expected="net migration rates of three years or more",
                found=f"{len(years)}",
                remedy="add earlier years of the estimates",
            )
        closed = [year for year in self.closed if year in years]
        coords = {"country": rate["country"].to_numpy()} | ({"closed_year": closed} if closed else {})
        with pm.Model(coords=coords) as model:
            typical = self.log_scale.variable("log_scale_mean")
            spread = self.scale_spread.variable("scale_spread")
            # Centred: forty years of a country say more about its scale than the other countries do.
            log_scale = pm.Normal("log_scale", typical, spread, dims="country")
            usual: Values = values
            if closed:
                at = [int(year - years[0]) for year in closed]
                kept: Values = pt.ones(len(years))[at].set(self.kept.variable("kept", dims="closed_year"))
                usual = values / kept
                fitted = kept[self._first(years) + 1 :]  # the density is that of the rates, not of the usual ones
                pm.Potential("kept_jacobian", -len(values) * np.log(fitted).sum())
            errors = self._errors(usual, years)
            # The number of countries is stated: for one country alone the loop would else take it for a scalar's.
            typed = specify_shape(log_scale, (len(values),))
            calm: Values = pt.zeros(len(values))
            volatility: Values = scan(
                lambda error, before, log_scale: self._next_volatility(error / self._scale(log_scale, before), before),
                sequences=[pt.as_tensor(errors).T[:-1]],
                outputs_info=[calm],
                non_sequences=[typed],
                return_updates=False,
            )
            volatility = pt.concatenate([calm[None], volatility])
            scale = self._scale(log_scale[:, None], volatility.T)
            shocks = pm.StudentT.dist(nu=self.tails, mu=0, sigma=scale)
            pm.Potential("rates", pt.as_tensor(pm.logp(shocks, errors)))
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate the rate to the end of year `until`, axes (draw, country, year), per person-year."""
        rate = panel["net_migration_rate"].transpose("country", "year")
        years = rate["year"].to_numpy()
        last = last_year(until, years)
        log_scale = sample["log_scale"].transpose("draw", "country").to_numpy()
        usual = np.broadcast_to(rate.to_numpy(), (len(log_scale), *rate.shape)).copy()
        if "kept" in sample:
            closed = [int(year - years[0]) for year in sample["closed_year"].to_numpy()]
            usual[..., closed] /= sample["kept"].transpose("draw", "closed_year").to_numpy()[:, None]
        errors = self._errors(usual, years)
        volatility = np.zeros_like(log_scale)
        for error in np.moveaxis(errors, -1, 0):
            volatility = self._next_volatility(error / self._scale(log_scale, volatility), volatility)
        share = self.share + self.share_spread * rng.standard_normal(log_scale.shape)
        odds = np.log(self.persistence / (1.0 - self.persistence))
        odds = odds + self.persistence_spread * rng.standard_normal(log_scale.shape)
        persistence = 1.0 / (1.0 + np.exp(-odds))
        log_scale = log_scale + self.widening + self.widening_spread * rng.standard_normal(log_scale.shape)
        remembered = usual[..., -self.memory :]
        length, total, now = remembered.shape[-1], remembered.sum(-1), usual[..., -1]
        carried = self.momentum * np.clip(now - usual[..., -2], -self.momentum_limit, self.momentum_limit)
        paths = np.empty((*log_scale.shape, last - int(years[-1])))
        for at in range(paths.shape[-1]):
            error = rng.standard_t(self.tails, log_scale.shape)
            level = share * total / length
            away = self._returning(now - level, persistence, 1.0 if at else self.pull)
            expected = level + away + (0.0 if at else carried)
            now = np.clip(expected + self._scale(log_scale, volatility) * error, *self.limits)
            volatility = self._next_volatility(error, volatility)
            total = total + now - (remembered[..., at] if at < length else paths[..., at - length])
            paths[..., at] = now
        return xr.DataArray(
            paths,
            dims=("draw", "country", "year"),
            coords={"country": rate["country"].to_numpy(), "year": np.arange(years[-1] + 1, last + 1)},
            name="net_migration_rate",
            attrs={"units": "per person-year"},
        )

    def _first(self, years: NDArray[np.int64]) -> int:
        """Place of the year before the first that is fitted."""
        return max(len(years) - 1 - self.window, 0)

    def _errors(self, usual: Values, years: NDArray[np.int64]) -> Values:
        """What the fitted years differ by from what the years before them led to expect, last axis year."""
        before = np.arange(self._first(years), len(years) - 1)
        first = np.maximum(before + 1 - self.memory, 0)  # of the years remembered
        total = usual.cumsum(-1)
        remembered = total[..., before] - total[..., first] + usual[..., first]
        level = self.share * remembered / (before + 1 - first)
        return usual[..., before + 1] - level - self._returning(usual[..., before] - level, self.persistence, self.pull)

    def _returning(self, distance: Values, persistence: float | Array, pull: float) -> Values:
        """What is left of a distance from the level a year later."""
        near = distance.clip(-self.far, self.far)
        gone = (1.0 - persistence) * near + (1.0 - self.far_persistence) * (distance - near)
        return distance - pull * gone

    def _scale(self, log_scale: Values, volatility: Values) -> Values:
        return (np.exp(2.0 * (log_scale + volatility)) + self.quietest**2) ** 0.5

    def _next_volatility(self, error: Values, volatility: Values) -> Values:
        """Volatility after an error in units of its scale: it follows the score of the t density, which is bounded."""
        score = (self.tails + 1.0) * error**2 / (self.tails + error**2) - 1.0
        return self.volatility_persistence * volatility + self.response * score
