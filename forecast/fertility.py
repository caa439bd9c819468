"""Fertility: the total fertility rate of each country, pooled over the countries of the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr

from ..data import Panel
from .alike import Alike
from .fit import Model, last_year
from .level_paths import simulate_level_change
from .levels import LevelChange, Rebound
from .pooled import add_level_change, level_coords
from .priors import LogNormal, Normal
from .world import Prior, world_of

__all__ = ["Fertility"]

CHANGE = LevelChange(
    knots=(0.8, 1.3, 1.8, 2.3, 3.0, 4.0, 5.0, 6.0, 7.0, 8.8),
    change=Normal(mean=(0.02, 0.01, -0.01, -0.03, -0.05, -0.08, -0.10, -0.05, -0.02, 0.0), sd=(0.03,) * 10),
    unlike=(0.010, 0.010, 0.010, 0.0125, 0.015, 0.020, 0.025, 0.025, 0.020, 0.015),
    alike=0.75,
    scale_knots=(1.0, 2.5, 4.5, 8.0),
    log_scale=Normal(mean=(-4.0, -3.4, -3.5, -4.4), sd=(0.5,) * 4),
    scale_spread=LogNormal(0.5, 0.3),
    momentum=0.4,
    tails=3.0,
    wander=LogNormal(1.5, 0.5),
    wander_tails=3.3,
    persistence=0.3,
    wander_step=5,
    window=15,
    rebound=Rebound(full=0.4, change=Normal((0.0,) * 5, (0.03,) * 5), unlike=0.010),
)


@dataclass(frozen=True, kw_only=True)
class Fertility(Model[xr.DataArray]):
    r"""Total fertility rate by a yearly change that depends on its level (`poblar.forecast.levels`).

    .. math:: f_{c,t+1} - f_{c,t} = h(f_{c,t}) \beta_c + \sigma_0(f_{c,t})\,w_c(t) + e_{c,t}, \quad
        e_{c,t} = \rho e_{c,t-1} + s_c\,\sigma(f_{c,t}) \varepsilon_{c,t},

    with linear splines :math:`h`, country coefficients :math:`\beta_c` pooled about the world's, a wander
    :math:`w_c` that lasts for years, and Student t errors. The spline in the level stands in for the double logistic
    of Alkema et al. (2011, eq. 2): the decline is fastest at four to five children and dies out below two, where
    Raftery, Alkema & Gerland (2014) let fertility recover. `poblar.forecast.PublishedFertility` is their own form.

    Parameters
    ----------
    prior : {"world", "vague"}
        What is believed of the parameters that all countries share: the bundled posterior of all countries, or the
        spec's own wide priors, which want a world of countries to learn from.
    change : LevelChange
        Knots and priors.
    together : Alike
        Correlation of countries' errors, as found in the residuals of the world's fit to 2005.
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
    >>> model = Fertility(prior="vague").build(reference.region().tfr)
    >>> sorted(variable.name for variable in model.free_RVs)
    ['tfr_country_z', 'tfr_scale_z', 'tfr_world_z']
    """

    prior: Prior = "world"
    change: LevelChange = CHANGE
    together: Alike = Alike(neighbours=0.20, subregion=0.07, world=0.04)
    bounds: tuple[float, float] = (0.5, 9.0)

    @property
    def series(self) -> dict[str, LevelChange]:
        """The forms of the series that are fitted, by name."""
        return {"tfr": self.change}

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``tfr`` (country, year; children per woman) down in PyMC."""
        tfr = panel["tfr"].transpose("country", "year")
        years = tfr["year"].to_numpy()
        countries = tfr["country"].to_numpy().tolist()
        coords = level_coords(self.change, "tfr", int(years[-1]))
        with pm.Model(coords={"country": countries, **coords}) as model:
            world = world_of("tfr", self.change, self.prior, countries)
            add_level_change(self.change, "tfr", tfr.to_numpy(), years, world)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate TFR to the end of year `until`, axes (draw, country, year), children per woman."""
        tfr = panel["tfr"].transpose("country", "year")
        years = tfr["year"].to_numpy()
        last = last_year(until, years)
        countries = tfr["country"].to_numpy().tolist()
        paths = simulate_level_change(
            self.change,
            "tfr",
            sample,
            tfr.to_numpy(),
            years,
            last,
            self.bounds,
            rng,
            alike=self.together.matrix(countries),
        )
        return xr.DataArray(
            paths,
            dims=("draw", "country", "year"),
            coords={"country": countries, "year": np.arange(years[-1] + 1, last + 1)},
            name="tfr",
            attrs={"units": "children per woman"},
        )
