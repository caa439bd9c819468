"""What a model believes before it sees its figures: parameters and futures drawn from the prior."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data import Panel
from .errors import DrawsError
from .fertility import Fertility
from .levels import LOGS, LevelChange, wander_knots
from .mortality import Mortality
from .pooled import World
from .world import world_of

__all__ = ["prior_parameters", "prior_predictive"]


def prior_predictive(
    model: Fertility | Mortality, panel: Panel, *, until: int, draws: int = 1000, seed: int
) -> xr.DataArray:
    """Simulate futures that start from the last figures and know nothing else of them.

    The parameters are drawn from the prior, ``"world"`` or ``"vague"``, instead of a posterior; a demographer should
    find every path possible, and no group of paths odd.

    Parameters
    ----------
    model : Fertility or Mortality
        The spec, with its prior.
    panel : Panel
        Figures that the paths start from, as for ``model.fit``.
    until : int
        Last year.
    draws : int
        Number of paths.
    seed : int
        The same seed gives the same paths.

    Returns
    -------
    xarray.DataArray
        As ``Posterior.forecast`` gives it.

    Raises
    ------
    DrawsError
        If `draws` is not positive or `until` is not after the last observation.

    Examples
    --------
    >>> from poblar.data import reference
    >>> mexico = reference.region(("MEX",)).tfr.sel(year=slice(None, 1970))
    >>> paths = prior_predictive(Fertility(prior="vague"), mexico, until=2100, draws=500, seed=1)
    >>> bool(paths.max() < 10.0)
    True
    """
    if draws < 1:
        raise DrawsError(f"expected at least one draw, found draws={draws}; ask for 1,000 or more.")
    rng = np.random.default_rng(seed)
    countries, last = panel["country"].to_numpy().tolist(), _last_fitted(model, panel)
    drawn = []
    for name, spec in model.series.items():
        world = world_of(name, spec, model.prior, countries) or World(*spec.world_prior())
        drawn.append(prior_parameters(spec, name, countries, last, world=world, draws=draws, rng=rng))
    sample = drawn[0].assign({name: values for other in drawn[1:] for name, values in other.items()})
    return model.simulate(sample, panel, until, rng)


def prior_parameters(
    spec: LevelChange,
    name: str,
    countries: list[str],
    last: int,
    *,
    world: World,
    draws: int,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Draw the parameters of `poblar.forecast.pooled.add_level_change` from their prior.

    Parameters
    ----------
    spec : LevelChange
        The form.
    name : str
        Name of the series, which the variables and dims start with.
    countries : list of str
        Countries, all of them exchangeable.
    last : int
        Year of the last observation, at which the wander has its last knot.
    world : World
        Belief about the shared parameters.
    draws : int
        How many.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    xarray.Dataset
        The variables that `poblar.forecast.level_paths.simulate_level_change` takes, and those of the world, along
        ``draw``.

    Examples
    --------
    >>> spec = Fertility().change
    >>> world = World(*spec.world_prior())
    >>> prior_parameters(
    ...     spec, "tfr", ["MEX"], 2023, world=world, draws=10, rng=np.random.default_rng(1))["tfr_path"].shape
    (10, 1, 4)
    """
    shape, knots = (draws, len(countries)), wander_knots(spec, last)
    shared = rng.multivariate_normal(world.mean, world.covariance, draws)
    n_terms, n_scales = len(spec.terms), len(spec.scale_knots)
    change, log_scale, logs = np.split(shared, [n_terms, n_terms + n_scales], axis=1)
    spread, wander = np.exp(logs).T
    own = rng.multivariate_normal(np.zeros(n_terms), spec.country_covariance(), shape)
    path = np.empty((*shape, len(knots)))
    path[..., 0] = rng.standard_t(spec.wander_tails, shape)
    for knot in range(1, len(knots)):
        news = np.sqrt(1.0 - spec.persistence**2) * rng.standard_t(spec.wander_tails, shape)
        path[..., knot] = spec.persistence * path[..., knot - 1] + news
    values: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]] = {
        "world_change": ((f"{name}_term",), change),
        "log_scale": ((f"{name}_scale_knot",), log_scale),
        LOGS[0]: ((), spread),
        LOGS[1]: ((), wander),
        "change": (("country", f"{name}_term"), change[:, None] + own),
        "path": (("country", f"{name}_wander_knot"), wander[:, None, None] * path),
        "country_log_scale": (("country",), spread[:, None] * rng.standard_normal(shape)),
    }
    return xr.Dataset(
        {f"{name}_{key}": (("draw", *dims), value) for key, (dims, value) in values.items()},
        coords={"country": countries},
    )


def _last_fitted(model: Fertility | Mortality, panel: Panel) -> int:
    masked = model.masked if isinstance(model, Mortality) else ()
    return max(int(year) for year in panel["year"].to_numpy() if year not in masked)
