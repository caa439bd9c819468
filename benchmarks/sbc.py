"""Simulation-based calibration of the level-dependent change: ``python -m benchmarks.sbc``.

Small worlds are drawn from the prior and fitted; where the model samples what its equations say, the rank of every true
parameter among its posterior draws is uniform (Talts et al. 2018). Life expectancy and its gap have the same form.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from poblar.data import Panel
from poblar.forecast import Fertility, Sampling
from poblar.forecast.levels import LevelChange, along, wander_knots
from scipy import stats
from xarray import Dataset

from .figures import figure, peak_memory_mb

COUNTRIES = ("BRA", "CHN", "DEU", "EGY", "ETH", "FRA", "IDN", "IND", "KEN", "MEX", "NGA", "VNM")
YEARS = np.arange(2005, 2024)  # the first three years only set the lowest level so far
RANKS = 50  # nearly independent draws of each fit among which the truth is ranked
SHARED = ("scale_spread", "wander")
ABOUT = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-25"}


def small_world(spec: LevelChange, rng: np.random.Generator) -> tuple[Panel, dict[str, np.ndarray]]:
    """Series of a dozen countries made by the equations, and what made them."""
    mean, covariance = spec.world_prior()
    world = rng.multivariate_normal(mean, covariance)
    n_terms = len(spec.terms)
    log_scale = world[n_terms : n_terms + len(spec.scale_knots)]
    spread, wander = np.exp(world[n_terms + len(spec.scale_knots) :])
    knots = wander_knots(spec, int(YEARS[-1]))
    change = rng.multivariate_normal(world[:n_terms], spec.country_covariance(), len(COUNTRIES))
    own = spread * rng.standard_normal(len(COUNTRIES))
    path = np.empty((len(COUNTRIES), len(knots)))
    path[:, 0] = wander * rng.standard_t(spec.wander_tails, len(COUNTRIES))
    for knot in range(1, len(knots)):
        news = rng.standard_t(spec.wander_tails, len(COUNTRIES))
        path[:, knot] = spec.persistence * path[:, knot - 1] + wander * np.sqrt(1 - spec.persistence**2) * news
    levels = np.empty((len(COUNTRIES), len(YEARS)))
    levels[:, :4] = rng.uniform(1.5, 6.0, len(COUNTRIES))[:, None]
    error = np.zeros(len(COUNTRIES))
    for at in range(3, len(YEARS) - 1):
        level = levels[:, at]
        expected = spec.expected(level, levels[:, : at + 1].min(1), change)
        expected += spec.reference_scale(level) * [np.interp(YEARS[at], knots, values) for values in path]
        shock = np.exp(along(level, spec.scale_knots, log_scale) + own) * rng.standard_t(spec.tails, len(COUNTRIES))
        error = shock if at == 3 else spec.momentum * error + shock  # the window's first step carries none on
        levels[:, at + 1] = level + expected + error
    tfr = (("country", "year"), levels, {"units": "children per woman"})
    truth = {f"tfr_{name}": np.exp(world[n_terms + len(log_scale) + at]) for at, name in enumerate(SHARED)}
    truth |= {"tfr_world_change": world[:n_terms], "tfr_log_scale": log_scale, "tfr_change": change, "tfr_path": path}
    return Panel(Dataset({"tfr": tfr}, coords={"country": list(COUNTRIES), "year": YEARS}, attrs=ABOUT)), truth


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.sbc")
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    model, started = Fertility(prior="vague"), time.perf_counter()
    ranks: dict[str, list[np.ndarray]] = {}
    seed = given.seed
    kept = 0
    while kept < given.worlds:
        seed += 1
        try:
            panel, truth = small_world(model.change, np.random.default_rng(seed))
        except ValueError:  # a world with rates that no panel takes, as a TFR below zero: the prior allows some
            continue
        fitted = model.fit(
            panel, seed=seed, sampling=Sampling(draws=500, tune=500, chains=2), accept_unconverged=True
        ).parameters.stack(sample=("chain", "draw"))
        few = fitted.isel(sample=np.linspace(0, fitted.sizes["sample"] - 1, RANKS).astype(int))
        for name, value in truth.items():
            draws = few[name].transpose("sample", ...).to_numpy()
            ranks.setdefault(name, []).append((draws < value).sum(0).ravel())
        kept += 1
        sys.stderr.write(f"\r{kept} of {given.worlds} worlds")
    more = {"worlds": kept, "seconds": round(time.perf_counter() - started), "peak_memory_mb": round(peak_memory_mb())}
    met = True
    for name, found in ranks.items():
        counts = np.histogram(np.concatenate(found), bins=5, range=(-0.5, RANKS + 0.5))[0]
        # Ranks of one world's countries are not independent: each world counts once.
        independent = counts / counts.sum() * kept * (len(found[0]) if name in ("tfr_log_scale",) else 1)
        expected = np.diff(np.floor(np.linspace(-0.5, RANKS + 0.5, 6) + 0.5)) / (RANKS + 1) * independent.sum()
        p_value = float(stats.chi2.sf(((independent - expected) ** 2 / expected).sum(), 4))
        met &= figure("sbc", f"{name}_p_value", p_value, ">= 0.005", ranks=counts.tolist(), **more)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
