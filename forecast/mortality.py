"""Mortality: life expectancy at birth of women, and of men by the gap between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from ..data import Panel
from .fit import Model, last_year
from .levels import LevelChange, add_level_change, simulate_level_change
from .priors import Beta, Gamma, HalfNormal, Normal
from .shocks import add_shocks

__all__ = ["Mortality"]

# World knowledge, from the 231 countries of WPP 2024 outside this region, 1950-2019: mean yearly gains by level, and
# the spreads, scale, momentum and tails that forecast women's e0 best from 1995 and 2013 in 169 of them (coverage of
# the 80 and 95 % bands 0.81-0.85 and 0.96-0.98 from 2013; 0.70-0.73 and 0.86-0.89 from 1995, with AIDS ahead).
GAIN = LevelChange(
    knots=(40.0, 50.0, 60.0, 70.0, 78.0, 86.0, 94.0),
    change=Normal(
        mean=(0.40, 0.55, 0.53, 0.35, 0.205, 0.16, 0.156),
        sd=(0.05, 0.05, 0.04, 0.03, 0.018, 0.018, 0.018),
    ),
    spread=HalfNormal(1.0),
    scale_knots=(45.0, 65.0, 85.0),
    log_scale=Normal(mean=(-1.6, -1.8, -2.2), sd=(0.4, 0.4, 0.4)),
    momentum=Beta(mean=0.35, weight=300.0),
    tails=Gamma(mean=2.2, sd=0.3),
)


@dataclass(frozen=True, kw_only=True)
class Mortality(Model[xr.DataArray]):
    r"""Life expectancy at birth by sex: women's yearly gains by level, men by the gap.

    .. math::
        e^f_{c,t+1} - e^f_{c,t} &= h(e^f_{c,t}) \beta_c + \rho\,\eta_{c,t-1} + \sigma(e^f_{c,t})\,\varepsilon_{c,t} \\
        G_{c,t+1} &= \alpha_c + \phi (G_{c,t} - \alpha_c) + \gamma (e^f_{c,t} - 75)_+ + s\,\varepsilon_{c,t}, \qquad
        e^m_{c,t} = e^f_{c,t} - G_{c,t}

    The gains replace the double logistic of Raftery et al. (2013, eq. 1) by linear splines in the level; the gap
    follows Raftery, Lalic & Gerland (2014, eq. 2): it wanders about a country's level and narrows once women live
    past 75. Both have Student t errors. `masked` years are left out, so that a shock does not bend the trend: the
    step from the last year before to the first year after counts as one step of several years.

    Parameters
    ----------
    gain : LevelChange
        Knots and priors of women's gains, years per year.
    gap_level : Normal
        Country levels of the gap, years: mean and spread between countries.
    gap_persistence : Beta
        :math:`\phi`.
    gap_narrowing : Normal
        :math:`\gamma`, years per year of women's life expectancy above 75.
    gap_scale : HalfNormal
        s, years.
    gap_tails : Gamma
        Degrees of freedom of the gap's errors.
    masked : tuple of int
        Years left out of the fit.
    bounds, gap_bounds : (float, float)
        Limits of simulated paths, years; the gap's are those of Raftery, Lalic & Gerland (2014).

    References
    ----------
    Raftery A.E., Chunn J.L., Gerland P., Sevcikova H. (2013), Bayesian probabilistic projections of life expectancy
    for all countries, Demography 50.
    Raftery A.E., Lalic N., Gerland P. (2014), Joint probabilistic projection of female and male life expectancy,
    Demographic Research 30.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Mortality().build(reference.region().e0)
    >>> "gap_level" in [variable.name for variable in model.free_RVs]
    True
    """

    gain: LevelChange = GAIN
    gap_level: Normal = Normal(5.4, 0.7)
    gap_persistence: Beta = Beta(mean=0.98, weight=2000.0)
    gap_narrowing: Normal = Normal(-0.005, 0.002)
    gap_scale: HalfNormal = HalfNormal(0.2)
    gap_tails: Gamma = Gamma(mean=2.2, sd=0.3)
    masked: tuple[int, ...] = (2020, 2021, 2022)
    bounds: tuple[float, float] = (20.0, 105.0)
    gap_bounds: tuple[float, float] = (0.0, 18.0)

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``e0`` (country, year, sex; years) down in PyMC."""
        women, gap, years = self._split(panel)
        before, after = self._neighbours(years)
        with pm.Model(coords={"country": panel["country"].to_numpy(), **self.gain.coords}) as model:
            add_level_change(self.gain, women, years)
            level = self.gap_level.variable("gap_level", dims="country")
            persistence = self.gap_persistence.variable("gap_persistence")
            narrowing = self.gap_narrowing.variable("gap_narrowing")
            scale = self.gap_scale.variable("gap_scale")
            tails = self.gap_tails.variable("gap_tails")
            expected = (
                level[:, None]
                + persistence * (gap[:, before] - level[:, None])
                + narrowing * np.maximum(women[:, before] - 75.0, 0.0)
            )
            shock = pt.as_tensor(gap[:, after]) - expected
            add_shocks("gaps", shock, tails=tails, scale=scale)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate life expectancy to the end of year `until`, axes (draw, country, year, sex), years."""
        women, gap, years = self._split(panel)
        last = last_year(until, years)
        future = simulate_level_change(self.gain, sample, women, years, last, self.bounds, rng)
        level = sample["gap_level"].transpose("draw", "country").to_numpy()
        persistence, narrowing, scale, tails = (
            sample[name].to_numpy()[:, None] for name in ("gap_persistence", "gap_narrowing", "gap_scale", "gap_tails")
        )
        gaps = np.empty_like(future)
        now, e0 = np.broadcast_to(gap[:, -1], level.shape), np.broadcast_to(women[:, -1], level.shape)
        for year in range(future.shape[-1]):
            expected = level + persistence * (now - level) + narrowing * np.maximum(e0 - 75.0, 0.0)
            shock = scale * rng.standard_t(np.broadcast_to(tails, level.shape))
            now, e0 = np.clip(expected + shock, *self.gap_bounds), future[:, :, year]
            gaps[:, :, year] = now
        return xr.DataArray(
            np.stack([future, future - gaps], axis=-1),
            dims=("draw", "country", "year", "sex"),
            coords={
                "country": panel["country"].to_numpy(),
                "year": np.arange(years[-1] + 1, last + 1),
                "sex": ["female", "male"],
            },
            name="e0",
            attrs={"units": "years"},
        )

    def _split(self, panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Women's e0 and the gap (country, time), and the years that are not masked."""
        e0 = panel["e0"].transpose("country", "year", "sex")
        e0 = e0.sel(year=~e0["year"].isin(self.masked))
        women = e0.sel(sex="female").to_numpy()
        return women, women - e0.sel(sex="male").to_numpy(), e0["year"].to_numpy()

    @staticmethod
    def _neighbours(years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the pairs of consecutive years."""
        before = np.flatnonzero(np.diff(years) == 1)
        return before, before + 1
