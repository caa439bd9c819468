"""Simulated futures of series whose yearly change depends on their level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .crises import Crises
from .levels import LevelChange, along, steps_of

__all__ = ["simulate_level_change"]

Array = NDArray[np.float64]
Normals = Callable[[tuple[int, ...]], Array]


def simulate_level_change(
    spec: LevelChange,
    name: str,
    sample: xr.Dataset,
    levels: Array,
    years: NDArray[np.int64],
    until: int,
    bounds: tuple[float, float],
    rng: np.random.Generator,
    *,
    alike: Array | None = None,
    normals: Normals | None = None,
    crises: Crises | None = None,
) -> Array:
    """Simulate the future of the levels, one path for each draw of the parameters.

    Parameters
    ----------
    spec : LevelChange
        The spec that was fitted.
    name : str
        Name of the series, which its variables start with.
    sample : xarray.Dataset
        Parameters along ``draw`` (and ``country``, and the dims of the series).
    levels, years : array
        What was fitted, as for `poblar.forecast.pooled.add_level_change`; levels (draw, country, time) if each draw has
        a past of its own.
    until : int
        Last year simulated.
    bounds : (float, float)
        Limits that no path crosses, in the units of the level.
    rng : numpy.random.Generator
        Source of the errors.
    alike : array, shape (country, country), optional
        Correlation of the countries' errors and wanders; by default none.
    normals : callable, optional
        Called with a shape, gives the standard normals that errors and wanders are made of, so that two series can
        share some; by default those of `rng`.
    crises : Crises, optional
        Which falls come back, and when; by default none does. What is missing is taken from a path that goes on as if
        nothing had been lost, and `bounds` are those of that path.

    Returns
    -------
    array, shape (draw, country, year), from the year after ``years[-1]``

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from poblar.forecast import Fertility
    >>> spec, rng = Fertility().change, np.random.default_rng(1)
    >>> sample = xr.Dataset({
    ...     "tfr_change": (("draw", "country", "tfr_term"), np.zeros((500, 1, len(spec.terms)))),
    ...     "tfr_path": (("draw", "country", "tfr_wander_knot"), np.zeros((500, 1, 4))),
    ...     "tfr_log_scale": (("draw", "tfr_scale_knot"), np.full((500, len(spec.scale_knots)), -4.0)),
    ...     "tfr_country_log_scale": (("draw", "country"), np.zeros((500, 1))),
    ...     "tfr_wander": ("draw", np.full(500, 0.5))})
    >>> past, years = np.full((1, 3), 2.0), np.array([2021, 2022, 2023])
    >>> paths = simulate_level_change(spec, "tfr", sample, past, years, 2030, (0.5, 9.0), rng)
    >>> paths.shape, round(float(np.median(paths[..., -1])), 1)
    ((500, 1, 7), 2.0)
    """
    change = _values(sample, f"{name}_change", "country", f"{name}_term")
    paths_so_far = _values(sample, f"{name}_path", "country", f"{name}_wander_knot")
    log_scale = _values(sample, f"{name}_log_scale", f"{name}_scale_knot")[:, None, :]
    country_log_scale = _values(sample, f"{name}_country_log_scale", "country")
    wander_scale, units = _values(sample, f"{name}_wander")[:, None], np.asarray(spec.log_scale.mean)
    wander_tails, wander_limit = spec.wander_tails, np.inf
    if spec.ahead is not None:
        log_scale, units = np.asarray(spec.ahead.log_scale), np.asarray(spec.ahead.wander_log_scale)
        wander_scale, country_log_scale = np.ones_like(wander_scale), spec.ahead.kept * country_log_scale
        wander_tails, wander_limit = spec.ahead.wander_tails, spec.ahead.wander_limit
    country_scale = np.exp(country_log_scale)
    draw = normals or rng.standard_normal
    root = None if alike is None else np.linalg.cholesky(alike)
    level = np.broadcast_to(levels[..., -1], change.shape[:2])
    lowest = np.broadcast_to(levels.min(axis=-1), level.shape)
    error = np.zeros_like(level)  # after a gap nothing is known of the last year's error
    last = steps_of(spec, levels.reshape(-1, len(years)), years).momentum_from
    if last is not None and spec.momentum:
        last = last.reshape(*levels.shape[:-1], -1)
        coefficients = np.concatenate([change, paths_so_far], axis=-1)
        error = last[..., 0] - (last[..., 1:] * coefficients).sum(-1)
    innovation = wander_scale * np.sqrt(1.0 - spec.persistence**2)
    past_from = past_to = paths_so_far[:, :, -1]
    wander_from = wander_to = np.zeros_like(past_to)
    missing = np.zeros_like(level)
    paths = np.empty((*level.shape, until - int(years[-1])))
    for year in range(paths.shape[-1]):
        phase = year % spec.wander_step
        if phase == 0:
            past_from, past_to = past_to, spec.persistence * past_to
            news = innovation * _shocks(wander_tails, draw(level.shape), root, rng)
            wander_from, wander_to = wander_to, spec.persistence * wander_to + news
        part = phase / spec.wander_step
        past, wander = ((1.0 - part) * a + part * b for a, b in ((past_from, past_to), (wander_from, wander_to)))
        expected = spec.expected(level, lowest, change) + spec.reference_scale(level) * past
        expected += np.exp(along(level, spec.scale_knots, units)) * np.clip(wander, -wander_limit, wander_limit)
        scale = country_scale * np.exp(along(level, spec.scale_knots, log_scale))
        shock = scale * _shocks(spec.tails, draw(level.shape), root, rng)
        if crises is not None:
            shock, missing = crises.struck(shock, missing, rng)
        moved = np.clip(level + expected + spec.momentum * error + shock, *bounds)
        error = moved - level - expected  # what the bounds let through
        level = moved
        lowest = np.minimum(lowest, level)
        paths[:, :, year] = level - missing
    return paths


def _values(sample: xr.Dataset, name: str, *dims: str) -> Array:
    return sample[name].transpose("draw", *dims).to_numpy()


def _shocks(tails: float, normal: Array, root: Array | None, rng: np.random.Generator) -> Array:
    """Student t errors (draw, country) made of normals, which may be correlated between countries."""
    return (normal if root is None else normal @ root.T) / np.sqrt(rng.chisquare(tails, normal.shape) / tails)
