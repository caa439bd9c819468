"""Mortality: life expectancy at birth of women, and of men by the gap between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError, Panel
from .alike import Alike
from .crises import Crises
from .fit import Model, last_year
from .level_paths import simulate_level_change
from .levels import LevelChange, LongRun
from .pooled import add_level_change, level_coords
from .priors import LogNormal, Normal
from .world import Prior, world_of

__all__ = ["Mortality"]

GAIN = LevelChange(
    knots=(30.0, 40.0, 50.0, 60.0, 70.0, 78.0, 86.0, 94.0),
    change=Normal(
        mean=(0.40, 0.45, 0.50, 0.45, 0.30, 0.20, 0.15, 0.15), sd=(0.20, 0.15, 0.10, 0.10, 0.10, 0.05, 0.05, 0.03)
    ),
    unlike=(0.10, 0.10, 0.10, 0.10, 0.075, 0.05, 0.04, 0.04),
    alike=0.6,
    scale_knots=(45.0, 65.0, 85.0),
    log_scale=Normal(mean=(-1.2, -2.1, -2.4), sd=(0.5, 0.5, 0.5)),
    scale_spread=LogNormal(0.6, 0.3),
    momentum=0.0,
    tails=2.0,
    wander=LogNormal(1.5, 0.5),
    wander_tails=4.0,
    persistence=0.2,
    wander_step=5,
    window=20,
    ahead=LongRun(
        log_scale=(-1.1, -2.35, -2.8),
        wander_log_scale=(-0.9, -1.65, -3.0),
        wander_tails=2.0,
        wander_limit=8.0,
        kept=0.4,
    ),
)
GAP = LevelChange(
    knots=(0.0, 2.0, 4.0, 6.0, 9.0, 13.0),
    change=Normal(mean=(0.10, 0.05, 0.02, 0.0, -0.06, -0.12), sd=(0.10,) * 6),
    unlike=(0.03,) * 6,
    alike=0.6,
    scale_knots=(1.0, 5.0, 10.0),
    log_scale=Normal(mean=(-2.2, -2.3, -1.3), sd=(0.5, 0.5, 0.5)),
    scale_spread=LogNormal(0.6, 0.3),
    momentum=0.0,
    tails=2.0,
    wander=LogNormal(0.9, 0.5),
    wander_tails=4.0,
    persistence=0.1,
    wander_step=5,
    window=20,
    ahead=LongRun(
        log_scale=(-3.3, -2.75, -1.2),
        wander_log_scale=(-3.1, -3.0, -1.7),
        wander_tails=3.0,
        wander_limit=8.0,
        kept=0.4,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Mortality(Model[xr.DataArray]):
    r"""Life expectancy at birth by sex: women's yearly gains by level, men by the gap.

    .. math::
        e^f_{c,t+1} - e^f_{c,t} &= h(e^f_{c,t}) \beta_c + \sigma_0 w_c(t) + s_c\,\sigma(e^f_{c,t})\,\varepsilon_{c,t} \\
        G_{c,t+1} - G_{c,t} &= h'(G_{c,t}) \alpha_c + \sigma'_0 v_c(t) + s'_c\,\sigma'(G_{c,t})\,\eta_{c,t}, \qquad
        e^m_{c,t} = e^f_{c,t} - G_{c,t}

    Both follow the form of `poblar.forecast.levels`. The gains replace the double logistic of Raftery et al. (2013,
    eq. 1) by linear splines in the level. The gap follows the idea of Raftery, Lalic & Gerland (2014): wide gaps
    narrow, narrow ones widen. Both have Student t errors for wars and disasters, and wanders for epidemics that last.
    What women's errors take in a crisis, from both sexes, comes back. The scales of both to come, the forms' `ahead`,
    were chosen by the interval scores and the coverage by level of forecasts from 1980, 1985, 1988, 1990, 2000, 2002,
    2008 and 2011.
    `masked` years are left out, so that a shock does not bend the trend, and so is the step from the last year before
    them to the first year after, which says how much of the shock remains. `poblar.forecast.PublishedMortality` is the
    papers' form.

    Parameters
    ----------
    prior : {"world", "vague"}
        What is believed of the parameters that all countries share: the bundled posterior of all countries, or the
        specs' own wide priors, which want a world of countries to learn from.
    gain : LevelChange
        Knots and priors of women's gains, years per year.
    gap : LevelChange
        Those of the gap between women and men.
    masked : tuple of int
        Years left out of the fit.
    together, gap_together : Alike
        Correlation of countries' errors, as found in the residuals of the world's fit to 2005.
    crises : Crises
        Which falls come back, and when.
    linked : float
        Correlation of the errors of women's life expectancy and of the gap: men share less of a year's gain or loss
        than the sum of the two would say. The residuals have 0.2; men's forecasts from other origins were better at 0.5
        and more.
    bounds, gap_bounds : (float, float)
        Limits of simulated paths, years; the gap's are those of Raftery, Lalic & Gerland (2014), and hold before what
        is missing in a crisis.

    References
    ----------
    Raftery A.E., Chunn J.L., Gerland P., Sevcikova H. (2013), Bayesian probabilistic projections of life expectancy
    for all countries, Demography 50.
    Raftery A.E., Lalic N., Gerland P. (2014), Joint probabilistic projection of female and male life expectancy,
    Demographic Research 30.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Mortality(prior="vague").build(reference.region().e0)
    >>> len(model.free_RVs)
    6
    """

    prior: Prior = "world"
    gain: LevelChange = GAIN
    gap: LevelChange = GAP
    masked: tuple[int, ...] = (2020, 2021, 2022)
    together: Alike = Alike(neighbours=0.28, subregion=0.14, world=0.09)
    gap_together: Alike = Alike(neighbours=0.31, subregion=0.14, world=0.05)
    crises: Crises = Crises()
    linked: float = 0.6
    bounds: tuple[float, float] = (15.0, 105.0)
    gap_bounds: tuple[float, float] = (0.0, 18.0)

    @property
    def series(self) -> dict[str, LevelChange]:
        """The forms of the series that are fitted, by name."""
        return {"e0": self.gain, "gap": self.gap}

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``e0`` (country, year, sex; years) down in PyMC.

        Raises
        ------
        DataError
            If a country's men live longer than its women in the last year, as when the sexes are swapped.
        """
        e0, years = self._unmasked(panel)
        women, gap = e0[..., 0], e0[..., 0] - e0[..., 1]
        swapped = gap[:, -1] < -0.5  # in Bangladesh it was so until 1989
        if swapped.any():
            raise DataError(
                expected=f"women who live longer than men in {years[-1]}",
                found=f"the other way round in {', '.join(panel['country'].to_numpy()[swapped])}",
                remedy="check whether the sexes are swapped",
            )
        last = int(years[-1])
        countries = panel["country"].to_numpy().tolist()
        coords = level_coords(self.gain, "e0", last) | level_coords(self.gap, "gap", last)
        with pm.Model(coords={"country": countries, **coords}) as model:
            for name, levels in (("e0", women), ("gap", gap)):
                spec = self.series[name]
                world = world_of(name, spec, self.prior, countries)
                add_level_change(spec, name, levels, years, world, self.masked)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate life expectancy to the end of year `until`, axes (draw, country, year, sex), years."""
        e0, years = self._unmasked(panel)
        calm, loss = self.crises.before(e0)
        women, gap = calm[..., 0], calm[..., 0] - calm[..., 1]
        last, countries = last_year(until, years), panel["country"].to_numpy().tolist()
        # Women's errors, and the part of the gap's that is theirs, come of the same stream.
        shared = int(rng.integers(2**63))
        women_normals, same = (np.random.default_rng(shared).standard_normal for _ in range(2))

        def gap_normals(shape: tuple[int, ...]) -> NDArray[np.float64]:
            own = np.sqrt(1.0 - self.linked**2) * rng.standard_normal(shape)
            return self.linked * same(shape) + own

        future, gaps = (
            simulate_level_change(
                self.series[name],
                name,
                sample,
                levels,
                years,
                last,
                bounds,
                rng,
                alike=together.matrix(countries),
                normals=normals,
                crises=crises,
            )
            for name, levels, bounds, together, normals, crises in (
                ("e0", women, self.bounds, self.together, women_normals, self.crises),
                ("gap", gap, self.gap_bounds, self.gap_together, gap_normals, None),
            )
        )
        calm = np.stack([future, future - gaps], axis=-1)
        missing = self.crises.missing(loss, sample.sizes["draw"], calm.shape[2], rng)
        return xr.DataArray(
            np.maximum(calm - missing, self.bounds[0]),
            dims=("draw", "country", "year", "sex"),
            coords={"country": countries, "year": np.arange(years[-1] + 1, last + 1), "sex": ["female", "male"]},
            name="e0",
            attrs={"units": "years"},
        )

    def _unmasked(self, panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Life expectancy (country, year, sex) of women and men, and the years, of those that are not masked."""
        e0 = panel["e0"].sel(sex=["female", "male"]).transpose("country", "year", "sex")
        e0 = e0.sel(year=~e0["year"].isin(self.masked))
        return e0.to_numpy(), e0["year"].to_numpy()
