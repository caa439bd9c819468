"""Fertility: the total fertility rate of each country, pooled over countries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr

from ..data import Panel
from .fit import Model, last_year
from .levels import LevelChange, add_level_change, simulate_level_change
from .priors import Beta, Gamma, HalfNormal, Normal

__all__ = ["Fertility"]

# World knowledge, from the 231 countries of WPP 2024 outside this region: their mean yearly change by level 1950-2023,
# and the spreads, scale, momentum and tails that forecast them best from 1995 and 2013 (169 countries of more than
# 500,000 people: coverage of the 80 and 95 % bands 0.80-0.87 and 0.91-0.96 at horizons 5 to 18).
CHANGE = LevelChange(
    knots=(0.8, 1.3, 1.8, 2.3, 3.0, 4.0, 5.0, 6.0, 7.0, 8.8),
    change=Normal(
        mean=(0.022, 0.021, -0.023, -0.036, -0.050, -0.086, -0.105, -0.034, -0.003, 0.003),
        sd=(0.0035, 0.0035, 0.0025, 0.004, 0.005, 0.0075, 0.010, 0.0075, 0.005, 0.0025),
    ),
    spread=HalfNormal(1.0),
    scale_knots=(1.0, 2.5, 4.5, 8.0),
    log_scale=Normal(mean=(-3.9, -3.5, -3.3, -4.1), sd=(0.4, 0.4, 0.4, 0.4)),
    # Smooth estimates of six countries ask for more momentum than forecasts bear out; hence the weight.
    momentum=Beta(mean=0.68, weight=4000.0),
    tails=Gamma(mean=2.7, sd=0.4),
)


@dataclass(frozen=True, kw_only=True)
class Fertility(Model[xr.DataArray]):
    r"""Total fertility rate by a yearly change that depends on its level.

    .. math:: f_{c,t+1} - f_{c,t} = h(f_{c,t}) \beta_c + e_{c,t}, \quad
        e_{c,t} = \rho e_{c,t-1} + \sigma(f_{c,t}) \varepsilon_{c,t},

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
        with pm.Model(coords={"country": tfr["country"].to_numpy(), **self.change.coords}) as model:
            add_level_change(self.change, tfr.to_numpy(), tfr["year"].to_numpy())
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
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
