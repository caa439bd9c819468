"""Fertility: the total fertility rate of each country, pooled over countries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr

from ..data import Panel
from .fit import Posterior, Sampling, last_year, sample
from .levels import LevelChange, add_level_change, simulate_level_change
from .priors import Beta, Gamma, HalfNormal, Normal

__all__ = ["Fertility"]

CHANGE = LevelChange(
    knots=(0.8, 1.3, 1.8, 2.3, 3.0, 4.0, 5.0, 6.0, 7.0, 8.8),
    # Yearly change by level in the 231 countries of WPP 2024 outside this region, 1950-2023; at 0.8, where few have
    # been, half way back to the recoveries of Raftery, Alkema & Gerland (2014).
    change=Normal(
        mean=(0.010, -0.002, -0.020, -0.031, -0.052, -0.088, -0.098, -0.039, -0.016, -0.002),
        sd=(0.010, 0.010, 0.010, 0.015, 0.020, 0.030, 0.040, 0.030, 0.020, 0.010),
    ),
    spread=HalfNormal(1.0),
    scale_knots=(1.0, 2.5, 4.5, 8.0),
    log_scale=Normal(mean=(-3.5, -3.2, -2.8, -3.2), sd=(0.5, 0.5, 0.5, 0.5)),
    momentum=Beta(mean=0.7, weight=10.0),
    fading=Beta(mean=0.05, weight=40.0),
    tails=Gamma(mean=6.0, sd=3.0),
)


@dataclass(frozen=True, kw_only=True)
class Fertility:
    r"""Total fertility rate by a yearly change that depends on its level.

    .. math:: f_{c,t+1} - f_{c,t} = h(f_{c,t}) \beta_c + \Delta d_{c,t}, \quad
        \Delta d_{c,t} = \rho \Delta d_{c,t-1} - \kappa d_{c,t} + \sigma(f_{c,t}) \varepsilon_{c,t},

    with linear splines :math:`h`, country coefficients :math:`\beta_c` pooled about the region's, and Student t
    errors. The spline in the level stands in for the double logistic of Alkema et al. (2011, eq. 2): the decline
    is fastest at four to five children and dies out below two, where Raftery, Alkema & Gerland (2014) let fertility
    recover.

    Parameters
    ----------
    change : LevelChange
        Knots and priors.
    bounds : (float, float)
        Limits of a simulated path, children per woman: 0.5 is below the lowest national rate on record
        (0.66, Macao 2023), 9 above the highest.

    References
    ----------
    Alkema L. et al. (2011), Probabilistic projections of the total fertility rate for all countries, Demography 48.
    Raftery A.E., Alkema L., Gerland P. (2014), Bayesian population projections for the United Nations,
    Statistical Science 29.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Fertility().build(reference.region().tfr)
    >>> sorted(variable.name for variable in model.free_RVs)[:3]
    ['change_mean', 'change_offset', 'change_spread']
    """

    change: LevelChange = CHANGE
    bounds: tuple[float, float] = (0.5, 9.0)

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``tfr`` (country, year; children per woman) down in PyMC."""
        tfr = panel["tfr"].transpose("country", "year")
        with pm.Model(coords={"country": tfr["country"].to_numpy()}) as model:
            add_level_change(self.change, tfr.to_numpy(), tfr["year"].to_numpy())
        return model

    def fit(
        self,
        panel: Panel,
        *,
        seed: int,
        sampling: Sampling = Sampling(),
        accept_unconverged: bool = False,
    ) -> Posterior[xr.DataArray]:
        """Sample the posterior given ``tfr`` (country, year); see `poblar.forecast.fit.sample`."""
        return sample(self, panel, seed=seed, sampling=sampling, accept_unconverged=accept_unconverged)

    def simulate(
        self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator
    ) -> xr.DataArray:
        """Simulate TFR to the end of year `until`, axes (draw, country, year), children per woman."""
        tfr = panel["tfr"].transpose("country", "year")
        years = tfr["year"].to_numpy()
        last = last_year(until, years)
        paths = simulate_level_change(self.change, sample, tfr.to_numpy(), years, last, self.bounds, rng)
        return xr.DataArray(
            paths,
            dims=("draw", "country", "year"),
            coords={"country": tfr["country"].to_numpy(), "year": np.arange(years[-1] + 1, last + 1)},
            name="tfr",
            attrs={"units": "children per woman"},
        )
