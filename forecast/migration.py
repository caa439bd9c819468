"""Net migration: the rate of each country, exchangeable between countries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr

from ..data import Panel
from .fit import Model, last_year
from .priors import Beta, Gamma, HalfNormal, Normal
from .shocks import add_shocks

__all__ = ["Migration"]


@dataclass(frozen=True, kw_only=True)
class Migration(Model[xr.DataArray]):
    r"""Net migration rate as a heavy-tailed autoregression about each country's own level.

    .. math:: m_{c,t} - \mu_c = \phi_c (m_{c,t-1} - \mu_c) + \sigma_c \varepsilon_{c,t}, \qquad
        \varepsilon \sim t_\nu, \quad \log \sigma_c \sim N(\bar s, \omega^2),

    the hierarchical AR(1) of Azose & Raftery (2015, eq. 1-4) with Student t in place of normal errors. The rate is
    the count divided by the population at the year's end less the count, as in bayesMig.

    Parameters
    ----------
    level : HalfNormal
        Spread of the country levels :math:`\mu_c` about zero, per person-year.
    persistence : Beta
        :math:`\phi_c`, one for each country.
    log_scale : Normal
        :math:`\bar s`, the log of a typical yearly error (per person-year).
    scale_spread : HalfNormal
        :math:`\omega`.
    tails : Gamma
        :math:`\nu`, degrees of freedom; below 3 the errors of net migration are the rule.
    widening : float
        Added to the log scale in simulation: decades of interpolated, quiet estimates make a country's scale too small
        for its future. Chosen, like `wander`, on the other countries of WPP 2024 from 1995 and 2013.
    wander : float
        Standard deviation of the log scale's random walk in simulation, per root-year.
    limit : float
        No simulated rate exceeds it in size, per person-year: 0.05 is a twentieth of the population in a year,
        which outside wars only very small countries have seen.

    References
    ----------
    Azose J.J., Raftery A.E. (2015), Bayesian probabilistic projection of international migration, Demography 52.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Migration().build(reference.region().net_migration)
    >>> len(model.free_RVs)
    7
    """

    level: HalfNormal = HalfNormal(0.003)
    persistence: Beta = Beta(mean=0.84, weight=1000.0)
    log_scale: Normal = Normal(-7.4, 0.3)
    scale_spread: HalfNormal = HalfNormal(0.65)
    tails: Gamma = Gamma(mean=2.0, sd=0.2)
    widening: float = 0.4
    wander: float = 0.15
    limit: float = 0.05

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``net_migration_rate`` (country, year; per person-year) down in PyMC."""
        rate = panel["net_migration_rate"].transpose("country", "year")
        values = rate.to_numpy()
        with pm.Model(coords={"country": rate["country"].to_numpy()}) as model:
            spread = self.level.variable("level_spread")
            # Centred: seventy years of a country say more about its level and scale than the other countries do.
            level = pm.Normal("level", 0.0, spread, dims="country")
            persistence = self.persistence.variable("persistence", dims="country")
            typical = self.log_scale.variable("log_scale_mean")
            scale_spread = self.scale_spread.variable("scale_spread")
            log_scale = pm.Normal("log_scale", typical, scale_spread, dims="country")
            tails = self.tails.variable("tails")
            deviation = values - level[:, None]
            shock = deviation[:, 1:] - persistence[:, None] * deviation[:, :-1]
            add_shocks("rates", shock, tails=tails, scale=log_scale.exp()[:, None])
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate the rate to the end of year `until`, axes (draw, country, year), per person-year."""
        rate = panel["net_migration_rate"].transpose("country", "year")
        years = rate["year"].to_numpy()
        last = last_year(until, years)
        level, persistence, log_scale = (
            sample[name].transpose("draw", "country").to_numpy() for name in ("level", "persistence", "log_scale")
        )
        tails = np.broadcast_to(sample["tails"].to_numpy()[:, None], level.shape)
        log_scale = log_scale + self.widening
        now = np.broadcast_to(rate.to_numpy()[:, -1], level.shape)
        paths = np.empty((*level.shape, last - int(years[-1])))
        for year in range(paths.shape[-1]):
            shock = np.exp(log_scale) * rng.standard_t(tails)
            log_scale = log_scale + self.wander * rng.standard_normal(level.shape)
            now = np.clip(level + persistence * (now - level) + shock, -self.limit, self.limit)
            paths[:, :, year] = now
        return xr.DataArray(
            paths,
            dims=("draw", "country", "year"),
            coords={"country": rate["country"].to_numpy(), "year": np.arange(years[-1] + 1, last + 1)},
            name="net_migration_rate",
            attrs={"units": "per person-year"},
        )
