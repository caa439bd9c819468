r"""The imperfect past: fertility seen through surveys, censuses and registers, each with its bias and its error.

Where no finished yearly series exists, the levels of the past are parameters. What was observed tells of them,

.. math:: x_i = (1 + b_{c,s})\,f_{c,t} + e_i, \qquad b_{c,s} \sim N(m_s, v_s^2), \quad e_i \sim N(0, (r_s x_i)^2),

and so does the model of their yearly changes (`poblar.forecast.Fertility`). Every future starts from its own past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.tensor.linalg import cholesky, solve_triangular

from ..data import DataError, Panel
from .fertility import Fertility
from .fit import Model, last_year
from .level_paths import simulate_level_change
from .levels import LevelChange, hats, wander_knots
from .pooled import add_level_change, level_coords
from .shocks import add_shocks
from .sources import SOURCES, UNIT, Source
from .world import world_of

__all__ = ["UncertainFertility"]

Array = NDArray[np.float64]

DRIFT, DRIFT_YEARS = 0.1, 10.0  # before the window: sd of the yearly change, children per woman, and how long it lasts
LEAST = 0.01  # children per woman: over less than that the expected change is straight
NUDGES = 2  # times that a path is moved by what straight lines leave out
LIGHTER = 3.0  # noise is made with that many times the degrees of freedom: those of the errors sample badly


@dataclass(frozen=True)
class _Sight:
    """What was observed, on the years of the latent path, and what linear smoothing makes of it."""

    figures: Array  # (country, year, source), NaN where there is none
    errors: Array  # as stated, NaN where that of the source holds
    seen: NDArray[np.int64]  # place of the year where each country's path begins
    begin: NDArray[np.int64]  # where its model of changes begins
    window: int  # where the first of them begins
    level: Array  # (country, year) smoothed
    gain: Array  # (country, year, figure) of the smoother where biases are known
    sd: Array  # (country, year) of its level
    walk: Array  # (country, year, year) precision of the changes before the model of changes


@dataclass(frozen=True, kw_only=True)
class UncertainFertility(Model[xr.DataArray]):
    """Total fertility rate where the past is known from sources that err, after Liu & Raftery (2020).

    The levels of all years, from a country's first observation to the last year that anybody observed, are parameters
    that change as `model` says: a gap needs no rule, at the end neither, and a country with one or two observations is
    carried by the world's prior. The model of changes holds for its own window of years; before it, in years that tell
    of another mean path, the level takes a walk with a drift that lasts. The first level is free. What two sources have
    wrong in common is not known to the model: where all of them err alike, say so by wider biases.

    Countries that are seen by surveys alone mix slowly: ``Sampling(draws=2000)`` where the convergence gate stays shut.

    The posterior's parameters hold ``tfr_past`` (country, year), which before a country's first observation repeats
    its first level, ``tfr_bias`` (country, tfr_source) and ``tfr_error`` (tfr_estimated: sources whose error is
    estimated). A bias of which the figures say nothing is as it was believed.

    Parameters
    ----------
    model : Fertility
        How fertility changes.
    sources : mapping of str to Source
        What is believed of each source; kept as pairs.

    References
    ----------
    Liu P., Raftery A.E. (2020), Accounting for uncertainty about past values in probabilistic projections of the total
    fertility rate for most countries, Annals of Applied Statistics 14(2).
    Schoumaker B. (2014), Quality and consistency of DHS fertility estimates, 1990 to 2012, DHS Methodological
    Reports 12.

    Examples
    --------
    >>> import pandas as pd
    >>> from poblar.forecast import observed
    >>> table = pd.DataFrame({"country": "GTM", "year": [1995, 2002, 2015], "source": "survey", "tfr": [5.0, 4.3, 3.1]})
    >>> len(UncertainFertility().build(observed(table)).coords["year"])
    21
    """

    model: Fertility = field(default_factory=Fertility)
    sources: Mapping[str, Source] | tuple[tuple[str, Source], ...] = SOURCES

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(dict(self.sources).items()))

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``tfr`` (country, year, category) of `observed` down in PyMC."""
        spec, known = self.model.change, dict(self.sources)
        categories = panel["category"].to_numpy().tolist()
        if not set(categories) <= set(known):
            raise DataError(
                expected=f"sources among {', '.join(known)}",
                found=", ".join(map(str, set(categories) - set(known))),
                remedy="say what is believed of each source: sources={…: Source(bias=…, error=…)}",
            )
        kinds = [known[name] for name in categories]
        years = _years(panel)
        countries = panel["country"].to_numpy().tolist()
        sight = _sight(spec, panel, years, kinds)
        coords = level_coords(spec, "tfr", int(years[-1])) | {
            "country": countries,
            "year": years,
            "tfr_source": categories,
            "tfr_estimated": [name for name, kind in zip(categories, kinds, strict=True) if kind.spread],
        }
        with pm.Model(coords=coords) as model:
            world = world_of("tfr", spec, self.model.prior, countries)
            # The parameters of the changes, and of their likelihood all but the errors, which are those of the smoothed
            # levels: they make room for those of the latent ones.
            add_level_change(spec, "tfr", sight.level, years, world)
            model.potentials.remove(model["tfr_errors"])
            _add_past(spec, model, sight, kinds, wander_knots(spec, int(years[-1])))
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate TFR to the end of year `until`, each trajectory from its own past (draw, country, year)."""
        years = _years(panel)
        last = last_year(until, years)
        past = sample["tfr_past"].transpose("draw", "country", "year")
        countries = past["country"].to_numpy().tolist()
        paths = simulate_level_change(
            self.model.change,
            "tfr",
            sample,
            past.to_numpy(),
            years,
            last,
            self.model.bounds,
            rng,
            alike=self.model.together.matrix(countries),
        )
        return xr.DataArray(
            paths,
            dims=("draw", "country", "year"),
            coords={"country": countries, "year": np.arange(years[-1] + 1, last + 1)},
            name="tfr",
            attrs={"units": UNIT},
        )


def _years(panel: Panel) -> NDArray[np.int64]:
    """Years of the latent path: those observed, three at least, which the model of changes wants."""
    first, last = int(panel["year"][0]), int(panel["year"][-1])
    return np.arange(min(first, last - 2), last + 1)


def _sight(spec: LevelChange, panel: Panel, years: NDArray[np.int64], kinds: list[Source]) -> _Sight:
    """Lay the observations out, and smooth them: a walk with a lasting drift, seen with the sources' errors."""
    figures, errors = (
        panel[name].transpose("country", "year", "category").reindex(year=years).to_numpy() for name in ("tfr", "error")
    )
    count, last = len(figures), len(years) - 1
    known = np.isfinite(figures)
    first = known.any(-1).argmax(1)
    window = max(last - spec.window, 0)
    begin = np.clip(first, window, last - 2)
    seen = np.minimum(first, begin)

    bias, unsure, typical = np.array([(kind.bias.mean, kind.bias.sd, kind.typical) for kind in kinds]).T
    steps = np.diff(np.eye(last + 1), axis=0)
    lag = np.abs(np.subtract.outer(np.arange(last), np.arange(last)))
    level, sd = np.zeros((count, last + 1)), np.zeros((count, last + 1))
    gain, walk = np.zeros((count, last + 1, known[0].size)), np.zeros((count, last + 1, last + 1))
    for c in range(count):
        start, (at, source) = seen[c], np.nonzero(known[c])
        share, stated = 1.0 + bias[source], errors[c, at, source]
        x = figures[c, at, source] / share
        error = np.where(np.isnan(stated), typical[source] * x, stated / share)
        shared = np.where(source[:, None] == source, np.outer(x * unsure[source], x * unsure[source]), 0.0)
        noise = spec.reference_scale(np.interp(np.arange(last), at, x))
        moves = DRIFT**2 * np.exp(-lag / DRIFT_YEARS) + np.outer(noise, noise) * spec.momentum**lag
        own = steps[start:, start:]
        smooth = own.T @ np.linalg.inv(moves[start:, start:]) @ own
        seen_by = np.eye(last + 1)[at, start:]
        pull = seen_by.T @ np.linalg.inv(np.diag(error**2) + shared)
        level[c, start:] = np.linalg.solve(smooth + pull @ seen_by, pull @ x)
        covariance = np.linalg.inv(smooth + (seen_by.T / error**2) @ seen_by)
        sd[c, start:] = np.sqrt(np.diagonal(covariance))
        gain[c, start:, np.flatnonzero(known[c])] = (covariance @ (seen_by.T / error**2)).T
        for array in (level, sd, gain):
            array[c, :start] = array[c, start]
        before = slice(start, begin[c])
        walk[c] = steps[before].T @ np.linalg.inv(moves[before, before]) @ steps[before]
    return _Sight(figures, errors, seen, begin, window, level, gain, sd, walk)


def _add_sources(kinds: list[Source], sight: _Sight, figures: Array) -> tuple[Any, Any]:
    """Add the biases and errors: the factor of the truth that a source shows, and the standard error of each figure."""
    mean, unsure, typical, spread = np.array([(k.bias.mean, k.bias.sd, k.typical, k.spread) for k in kinds]).T
    bias: Any = mean + unsure * pm.Normal("tfr_bias_z", dims=("country", "tfr_source"))
    pm.Deterministic("tfr_bias", bias, dims=("country", "tfr_source"))
    errors: Any = pt.constant(typical)
    if spread.any():
        chosen = np.eye(len(kinds))[:, spread > 0.0]
        errors = errors * pt.exp((chosen * spread[:, None]) @ pm.Normal("tfr_error_z", dims="tfr_estimated"))
        pm.Deterministic("tfr_error", chosen.T @ errors, dims="tfr_estimated")
    error: Any = pt.where(np.isfinite(sight.errors), np.nan_to_num(sight.errors, nan=1.0), errors * figures)
    return 1.0 + bias[:, None, :], error


def _add_past(spec: LevelChange, model: pm.Model, sight: _Sight, kinds: list[Source], knots: tuple[float, ...]) -> None:
    r"""Add the latent levels, the density of their changes and the observations to the current model.

    The sampler moves in z. With the precision :math:`B^\top B` of a linear smoother, B lower triangular, and its mean
    m, both given biases, errors, coefficients and scales, :math:`B (f - m) = z` plus what depends on earlier years:
    z is about standard normal whatever is observed, and hardly depends on the other parameters. The Jacobian's
    determinant is that of :math:`B^{-1}`, times the derivative of the noise (`_noise`).
    """
    years = np.asarray(model.coords["year"], dtype=float)
    count, last, window = len(sight.level), len(years) - 1, sight.window
    coefficients: Any = pt.concatenate([model["tfr_change"], model["tfr_path"]], axis=1)
    log_scale, own_scale = model["tfr_log_scale"][None], model["tfr_country_log_scale"][:, None]
    wander = pt.matmul(coefficients[:, len(spec.terms) :], hats(years[window:-1], knots).T)

    known = np.isfinite(sight.figures)
    figures = np.where(known, sight.figures, 1.0)
    seen_as, error = _add_sources(kinds, sight, figures)

    place = np.arange(window, last)
    live = place >= sight.begin[:, None]
    carried = spec.momentum * np.concatenate([np.zeros((count, 1)), live[:, :-1]], axis=1)
    unseen = np.arange(last + 1) < sight.seen[:, None]
    first = np.arange(last + 1) == sight.seen[:, None]

    def innovations(path: Any) -> Any:
        """Errors without their momentum, as of `steps_of`."""
        before = path[:, window:-1]
        so_far: Any = pt.where(np.arange(last + 1) <= place[:, None], path[:, None, :], np.inf)
        off: Any = path[:, window + 1 :] - before - _expected(spec, before, so_far.min(-1), coefficients, wander)
        year_before: Any = pt.concatenate([pt.zeros((count, 1)), off[:, :-1]], axis=1)
        return off - carried * year_before

    # The expected change as a line in the level, through two points a standard deviation to either side of what is
    # likely given the biases; the lowest level so far, from which a rebound is counted, moves along.
    smoothed: Any = pt.matmul(sight.gain, (known * figures / seen_as).reshape((count, -1, 1)))
    level = smoothed[:, window:-1, 0]
    risen = (sight.level - np.minimum.accumulate(sight.level, axis=1))[:, window:-1]
    sd = np.maximum(sight.sd[:, window:-1], LEAST)
    ends = level + np.array([1.0, -1.0])[:, None, None] * sd
    high, low = (_expected(spec, ends, ends - risen, coefficients, wander)[at] for at in (0, 1))
    slope = (high - low) / (2.0 * sd)
    carry = np.eye(len(place)) - carried[..., None] * np.eye(len(place), k=-1)
    every = np.eye(last + 1)
    steps: Any = pt.matmul(carry, every[place + 1] - (1.0 + slope)[..., None] * every[place])
    drift: Any = pt.matmul(carry, (0.5 * (high + low) - slope * level)[..., None])
    # What a Student t error says of its centre (Fisher information).
    information = live * (spec.tails + 1.0) / (spec.tails + 3.0)
    typical_scale: Any = pt.exp(_along(level, spec.scale_knots, log_scale) + own_scale)
    weight = (information / typical_scale**2)[..., None]

    # Years from the last to the first, so that a level is made of its own z and those of earlier years only.
    diagonal = unseen + (known * (seen_as / error) ** 2).sum(-1)
    changes = pt.matmul(steps.transpose(0, 2, 1), weight * steps)
    precision = sight.walk + diagonal[..., None] * every + changes
    root: Any = cholesky(precision[:, ::-1, ::-1])
    pivots = (root * every).sum(-1)[:, ::-1]
    pull = (known * seen_as * figures / error**2).sum(-1) + (weight * steps * drift).sum(1)
    z = pm.Normal("tfr_past_z", dims=("country", "year"))
    by_change: Any = weight[..., 0] / pivots[:, window + 1 :] ** 2
    noise, widening = _noise(spec, z, pt.concatenate([pt.zeros((count, window + 1)), by_change], axis=1))
    whitened: Any = solve_triangular(root, pull[:, ::-1], lower=True, b_ndim=1)[:, ::-1] + noise
    nudge: Any = pt.zeros((count, last - window, 1))
    past: Any = None
    for nudged in range(1 + NUDGES):
        # Where errors are small, a path must follow from its beginning, and a line does not: levels move by what it
        # leaves out, as far as the model of changes and not later observations decide them. What moves a level depends
        # on earlier ones only, so that the Jacobian stays.
        if nudged:
            nudge = weight * (pt.matmul(steps, past[..., None]) - drift - innovations(past)[..., None])
        moved: Any = pt.concatenate([pt.zeros((count, window + 1)), nudge[..., 0]], axis=1)
        free = solve_triangular(root.transpose(0, 2, 1), (whitened + moved / pivots)[:, ::-1], lower=False, b_ndim=1)
        past = pt.where(unseen, (first * free[:, ::-1]).sum(1, keepdims=True), free[:, ::-1])
    pm.Deterministic("tfr_past", past, dims=("country", "year"))
    stretch: Any = pt.log(pivots)
    pm.Potential("tfr_past_density", 0.5 * (~unseen * z**2).sum() - stretch.sum() + widening)
    walked: Any = pt.matmul(sight.walk, past[..., None])
    pm.Potential("tfr_past_walk", -0.5 * (past[..., None] * walked).sum())
    pm.Potential("tfr_observed", known * pm.logp(pm.Normal.dist(seen_as * past[..., None], error), figures))
    scale: Any = pt.exp(_along(past[:, window:-1], spec.scale_knots, log_scale) + own_scale)
    add_shocks("tfr_past_errors", live * innovations(past), tails=pt.constant(spec.tails), scale=scale * live + ~live)


def _noise(spec: LevelChange, z: Any, decided: Any) -> tuple[Any, Any]:
    """Make standard normals as heavy-tailed as the share to which changes decide a level; and the log derivative.

    Quantiles of Student t by Wallace (1959): ``t = z / c sqrt((exp u - 1) / u)`` with ``u = z^2 / (c^2 tails)``.
    """
    tails = LIGHTER * spec.tails
    c = (8.0 * tails + 1.0) / (8.0 * tails + 3.0)
    u = z**2 / (c**2 * tails) + 1e-9
    ratio: Any = pt.sqrt(pt.expm1(u) / u)
    like = np.sqrt((spec.tails + 1.0) / (spec.tails + 3.0)) / c
    derivative: Any = pt.log(1.0 + decided * (like * pt.exp(u) / ratio - 1.0))
    return z * (1.0 + decided * (like * ratio - 1.0)), derivative.sum()


def _expected(spec: LevelChange, level: Any, lowest: Any, coefficients: Any, wander: Any) -> Any:
    """`LevelChange.expected` and the wander, of levels (..., country, step) that are parameters."""
    knots, terms = len(spec.knots), len(spec.terms)
    scale: Any = pt.exp(_along(level, spec.scale_knots, np.asarray(spec.log_scale.mean)[None]))
    change = _along(level, spec.knots, coefficients[:, :knots]) + scale * wander
    if spec.rebound is None:
        return change
    risen: Any = pt.clip((level - lowest) / spec.rebound.full, 0.0, 1.0)
    lacking = pt.zeros((coefficients.shape[0], 2 * knots - terms))
    return change + risen * _along(level, spec.knots, pt.concatenate([coefficients[:, knots:terms], lacking], axis=1))


def _along(level: Any, knots: tuple[float, ...], values: Any) -> Any:
    """`levels.along` of levels (..., country, step) that are parameters, values (country, knot)."""
    at = np.asarray(knots)
    share: Any = pt.clip((level[..., None] - at[:-1]) / np.diff(at), 0.0, 1.0)
    return values[:, :1] + (share * (values[:, 1:] - values[:, :-1])[:, None, :]).sum(-1)
