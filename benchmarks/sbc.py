"""Simulation-based calibration of the level-dependent change and of net migration: ``python -m benchmarks.sbc tfr``.

Small worlds are drawn from the prior and fitted; where the sampler draws what the equations say, the rank of every true
parameter among its posterior draws is uniform (Talts et al. 2018). With ``--write FOLDER`` the histograms of the ranks
are kept as a table.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from poblar.data import Panel
from poblar.forecast import Fertility, Migration, Mortality, Sampling
from poblar.forecast.fit import Model
from poblar.forecast.levels import LevelChange, along, wander_knots
from poblar.forecast.pooled import World, add_level_change, level_coords
from poblar.forecast.prior_predictive import prior_parameters
from poblar.forecast.priors import Beta, LogNormal, Normal
from scipy import stats

from .figures import figure, peak_memory_mb

SERIES = Fertility().series | Mortality().series
STARTS = {"tfr": (1.5, 6.0), "e0": (55.0, 85.0), "gap": (2.0, 9.0)}
COUNTRIES = ("BRA", "CHN", "DEU", "EGY", "ETH", "FRA", "IDN", "IND", "KEN", "MEX", "NGA", "VNM")
LAST = 2023
BEFORE = 3  # years before the window, which only set the lowest level so far
RANKS = 50  # nearly independent draws of each fit among which the truth is ranked
BINS = 5
KEYS = ("scale_spread", "wander", "world_change", "log_scale", "change", "path", "country_log_scale")
# Calmer than the world, so that no rate is one that a panel would refuse.
MIGRATION = Migration(log_scale=Normal(-8.3, 0.5), scale_spread=LogNormal(0.6, 0.3), kept=Beta(mean=0.7, weight=6.0))
MIGRATION_KEYS = ("log_scale_mean", "scale_spread", "log_scale", "kept")


@dataclass(frozen=True, kw_only=True)
class OneSeries(Model[xr.DataArray]):
    """One level-dependent series, fitted with its own wide prior."""

    name: str
    spec: LevelChange

    def build(self, panel: Panel) -> pm.Model:
        years, countries = panel["year"].to_numpy(), panel["country"].to_numpy().tolist()
        with pm.Model(coords={"country": countries, **level_coords(self.spec, self.name, LAST)}) as model:
            add_level_change(self.spec, self.name, panel["level"].to_numpy(), years)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        raise NotImplementedError("nothing is forecast here")


def small_world(name: str, spec: LevelChange, rng: np.random.Generator) -> tuple[Panel, xr.Dataset]:
    """Series of a dozen countries made by the equations, and the parameters that made them."""
    world = World(*spec.world_prior())
    truth = prior_parameters(spec, name, list(COUNTRIES), LAST, world=world, draws=1, rng=rng).isel(draw=0)
    years = np.arange(LAST - spec.window - BEFORE, LAST + 1)
    change, path, own, log_scale = (
        truth[f"{name}_{key}"].to_numpy() for key in ("change", "path", "country_log_scale", "log_scale")
    )
    knots = wander_knots(spec, LAST)
    levels = np.empty((len(COUNTRIES), len(years)))
    levels[:, : BEFORE + 1] = rng.uniform(*STARTS[name], len(COUNTRIES))[:, None]
    error = np.zeros(len(COUNTRIES))
    for at in range(BEFORE, len(years) - 1):
        level = levels[:, at]
        expected = spec.expected(level, levels[:, : at + 1].min(1), change)
        expected += spec.reference_scale(level) * [np.interp(years[at], knots, values) for values in path]
        shock = np.exp(along(level, spec.scale_knots, log_scale) + own) * rng.standard_t(spec.tails, len(COUNTRIES))
        error = shock if at == BEFORE else spec.momentum * error + shock  # the window's first step carries none on
        levels[:, at + 1] = level + expected + error
    units = {"units": "children per woman" if name == "tfr" else "years"}
    return simulated("level", levels, years, units), truth.rename({f"{name}_{key}": key for key in KEYS})


def migration_world(rng: np.random.Generator) -> tuple[Panel, xr.Dataset]:
    """Net migration of a dozen countries made by the equations as they are fitted, and what made it."""
    model, size = MIGRATION, len(COUNTRIES)
    years = np.arange(LAST - model.window - 1, LAST + 1)
    typical, spread = (
        rng.normal(model.log_scale.mean, model.log_scale.sd),
        rng.lognormal(np.log(model.scale_spread.median), model.scale_spread.sd),
    )
    log_scale = rng.normal(typical, spread, size)
    shares = (model.kept.mean * model.kept.weight, (1.0 - model.kept.mean) * model.kept.weight)
    kept = rng.beta(*shares, len(model.closed))
    usual, volatility = np.zeros((size, len(years))), np.zeros(size)
    for at in range(1, len(years)):
        level = model.share * usual[:, max(at - model.memory, 0) : at].mean(1)
        error = rng.standard_t(model.tails, size)
        away = model._returning(usual[:, at - 1] - level, model.persistence, model.pull)
        usual[:, at] = level + away + model._scale(log_scale, volatility) * error
        # The volatility of the first fitted year is zero.
        volatility = model._next_volatility(error, volatility) if at > 1 else volatility
    usual[:, [int(year - years[0]) for year in model.closed]] *= kept
    truth = xr.Dataset(
        {
            "log_scale_mean": typical,
            "scale_spread": spread,
            "log_scale": ("country", log_scale),
            "kept": ("closed_year", kept),
        }
    )
    return simulated("net_migration_rate", usual, years, {"units": "per person-year"}), truth


def simulated(name: str, values: np.ndarray, years: np.ndarray, units: dict[str, str]) -> Panel:
    about = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-25"}
    coords = {"country": list(COUNTRIES), "year": years}
    return Panel(xr.Dataset({name: (("country", "year"), values, units)}, coords=coords, attrs=about))


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.sbc")
    parser.add_argument("series", choices=sorted([*SERIES, "migration"]))
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="folder of the table of ranks")
    given = parser.parse_args()
    name, started = given.series, time.perf_counter()
    if name == "migration":
        model, keys, prefix = MIGRATION, MIGRATION_KEYS, ""
    else:
        model, keys, prefix = OneSeries(name=name, spec=SERIES[name]), KEYS, f"{name}_"
    ranks: dict[str, list[np.ndarray]] = {}
    for at in range(given.worlds):
        seed = given.seed + at
        rng = np.random.default_rng(seed)
        panel, truth = migration_world(rng) if name == "migration" else small_world(name, SERIES[name], rng)
        sampling = Sampling(draws=500, tune=500, chains=2)
        posterior = model.fit(panel, seed=seed, sampling=sampling, accept_unconverged=True)
        fitted = posterior.parameters.stack(sample=("chain", "draw"))  # noqa: PD013
        few = fitted.isel(sample=np.linspace(0, fitted.sizes["sample"] - 1, RANKS).astype(int))
        for key in keys:
            draws = few[f"{prefix}{key}"].transpose("sample", ...).to_numpy()
            ranks.setdefault(key, []).append((draws < truth[key].to_numpy()).sum(0).ravel())
        sys.stderr.write(f"\r{name}: {at + 1} of {given.worlds} worlds")
    more = {
        "worlds": given.worlds,
        "seconds": round(time.perf_counter() - started),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    histograms = {key: histogram(np.concatenate(found)) for key, found in ranks.items()}
    if given.write is not None:
        pd.DataFrame(histograms).rename_axis("fifth").to_csv(given.write / f"ranks_{name}.csv")
    met = [report(name, key, found, histograms[key], more) for key, found in ranks.items()]
    return 0 if all(met) else 1


def histogram(ranks: np.ndarray) -> np.ndarray:
    return np.histogram(ranks, bins=BINS, range=(-0.5, RANKS + 0.5))[0]


def report(name: str, key: str, ranks: list[np.ndarray], counts: np.ndarray, more: dict[str, int]) -> bool:
    """Print whether the ranks of a parameter are uniform, by the mean rank and spread of each world.

    The ranks within a world (countries, knots) are not independent: a world's mean and variance of them is one
    observation, and their means over the worlds are held to what uniform ranks have, in standard errors.
    """
    scaled = [(found + 0.5) / (RANKS + 1) - 0.5 for found in ranks]
    centre = np.array([found.mean() for found in scaled])
    spread = np.array([(found**2).mean() for found in scaled]) - 1.0 / 12.0
    scores = {"centre": score(centre), "spread": score(spread)}
    met = []
    for what, value in scores.items():
        p_value = float(2.0 * stats.norm.sf(abs(value)))
        met.append(figure("sbc", f"{name}_{key}_{what}_p_value", p_value, ">= 0.002", ranks=counts.tolist(), **more))
    return all(met)


def score(values: np.ndarray) -> float:
    """How many standard errors the mean is from zero."""
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values))))


if __name__ == "__main__":
    sys.exit(main())
