"""Forecasts held against what came: ``python -m benchmarks.skill fertility --origin 2005``.

Fitted to the figures up to the origin, every country, and scored to 2023 at most 18 years ahead; persistence, the drift
of the last ten years and, for 2005, the stored forecasts of bayesTFR 7.4-4, bayesLife 5.3-1 and bayesMig 1.0-0 are
scored beside it, on the same countries and years. Life expectancy is scored without 2020 and 2021, and with them
beside.
``flows``, ``bilateral`` and ``backlog`` are pages of their own: `benchmarks.flows` and so on.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from poblar.data.countries import from_m49
from poblar.forecast import Sampling
from poblar.forecast.scores import continuous_ranked_probability, covered, width

from . import backlog, bilateral, flows
from .figures import figure, peak_memory_mb
from .worlds import FORMS, LAST, SERIES, add_folders, world

FURTHEST = 18
HORIZONS = (1, 5, 10, 15, 18)
PANDEMIC = (2020, 2021)
SAMPLING = Sampling(draws=2500, target_accept=0.8)
TREND = 10  # years over which the drift is measured
ANCHORS = {
    "tfr": "tfr_bt2005.csv.gz",
    "e0 female": "e0F_bt2005.csv.gz",
    "e0 male": "e0M_bt2005.csv.gz",
    "net_migration_rate": "mig_bt2005.csv.gz",
}
OTHERS = {"flows": flows.main, "bilateral": bilateral.main, "backlog": backlog.main}


@dataclass(frozen=True, kw_only=True)
class Bars:
    """What is asked of a series, over all horizons and at each."""

    coverage80: str = "0.77 to 0.85"
    crps: str = "<= 0.95"
    crps_at_horizon: str = "<= 1.02"
    better_than: tuple[str, ...] = ("persistence", "drift")
    better_at_horizon: tuple[str, ...] = ()


BARS = {
    "fertility": Bars(),
    "mortality": Bars(),
    "migration": Bars(
        coverage80="0.77 to 0.86",
        crps="<= 0.90",
        crps_at_horizon="< 0.97",
        better_than=("persistence",),
        better_at_horizon=("persistence",),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.skill")
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        return OTHERS[sys.argv[1]](sys.argv[2:])
    parser.add_argument("what", choices=sorted({*FORMS, *OTHERS}))
    parser.add_argument("--origin", type=int, default=2005)
    parser.add_argument("--form", choices=["default", "double-logistic"], default="default")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    add_folders(parser)
    given = parser.parse_args()
    started, cpu = time.perf_counter(), time.process_time()
    model, name = FORMS[given.what][given.form], SERIES[given.what]
    past = world(given.data, name, given.origin)
    posterior = model.fit(past, seed=given.seed, sampling=SAMPLING, accept_unconverged=True)
    until = min(LAST, given.origin + FURTHEST)
    draws = posterior.forecast(until=until, draws=given.draws, seed=given.seed)
    sys.stderr.write(f"{posterior.diagnostics}\n")
    truth = world(given.data, name, LAST)[name]
    about = {
        "origin": given.origin,
        "form": given.form,
        "countries": past.dataset.sizes["country"],
        "draws": given.draws,
        "seed": given.seed,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    met = True
    for sex in draws["sex"].to_numpy() if "sex" in draws.dims else [None]:
        label, pick = (name, {}) if sex is None else (f"{name} {sex}", {"sex": sex})
        forecast, came = draws.sel(pick), truth.sel(pick).sel(year=draws["year"], country=draws["country"])
        before = past[name].sel(pick)
        others = {"persistence": persistence(before, came), "drift": drift(before, came)}
        peer = anchor(given.anchors / ANCHORS[label], came) if given.origin == 2005 else None
        met &= report(given.what, label, forecast, came, others, peer, about)
    return 0 if met else 1


def report(
    what: str,
    label: str,
    draws: xr.DataArray,
    came: xr.DataArray,
    others: dict[str, xr.DataArray],
    peer: xr.DataArray | None,
    about: dict[str, object],
) -> bool:
    """Print the figures of one series and whether all bars are met."""
    if peer is not None:
        peer = peer.dropna("country", how="all")
        draws, came = draws.sel(country=peer["country"]), came.sel(country=peer["country"])
        others = {name: other.sel(country=peer["country"]) for name, other in others.items()}
    origin = int(came["year"][0]) - 1
    asked = BARS[what]
    quiet = np.array([what != "mortality" or year not in PANDEMIC for year in came["year"].to_numpy()])
    crps = continuous_ranked_probability(draws, came)
    error = np.abs(draws.median("draw") - came)
    held = {level: covered(draws, came, level) for level in (80, 95)}
    wide = {level: width(draws, level) for level in (80, 95)}
    benchmark, more = f"skill/{what}", about | {"series": label, "countries": came.sizes["country"]}
    ok = []

    def say(metric: str, value: xr.DataArray | float, bar: str = "") -> None:
        ok.append(figure(benchmark, metric, float(value), bar, **more))

    def against(name: str, other: xr.DataArray, at: dict[str, np.ndarray | int], suffix: str, bar: str) -> None:
        missed = np.abs(other - came).isel(at).mean()  # of a single path it is the CRPS too
        say(f"mae_over_{name}{suffix}", error.isel(at).mean() / missed, bar)
        say(f"crps_over_{name}{suffix}", crps.isel(at).mean() / missed, bar)

    def means(years: np.ndarray, suffix: str, bars: bool) -> None:
        at = {"year": years}
        say(f"crps{suffix}", crps.isel(at).mean())
        say(f"mae{suffix}", error.isel(at).mean())
        for level, bar in ((80, asked.coverage80), (95, "0.93 to 0.97")):
            say(f"coverage{level}{suffix}", held[level].isel(at).mean(), bar if bars else "")
            say(f"width{level}{suffix}", wide[level].isel(at).mean())
        for name, other in others.items():
            against(name, other, at, suffix, "< 1" if bars and name in asked.better_than else "")
        if peer is not None:
            say(f"crps_over_anchor{suffix}", crps.isel(at).mean() / peer.isel(at).mean(), asked.crps if bars else "")

    means(quiet, "", bars=True)
    if not quiet.all():
        means(np.ones_like(quiet), "_with_the_pandemic", bars=False)
    for horizon in HORIZONS:
        if horizon > came.sizes["year"]:
            continue
        at, bars = {"year": horizon - 1}, quiet[horizon - 1]
        suffix = f"_h{horizon}" + ("" if bars else "_pandemic")
        say(f"crps{suffix}", crps.isel(at).mean())
        say(f"mae{suffix}", error.isel(at).mean())
        for level, bar in ((80, "0.72 to 0.90"), (95, "0.89 to 0.99")):
            say(f"coverage{level}{suffix}", held[level].isel(at).mean(), bar if bars else "")
            say(f"width{level}{suffix}", wide[level].isel(at).mean())
        for name, other in others.items():
            against(name, other, at, suffix, "< 1" if name in asked.better_at_horizon else "")
        if peer is not None:
            say(
                f"crps_over_anchor{suffix}",
                crps.isel(at).mean() / peer.isel(at).mean(),
                asked.crps_at_horizon if bars else "",
            )
    sys.stderr.write(f"{label} from {origin}: {sum(ok)} of {len(ok)} figures as asked\n")
    return all(ok)


def persistence(before: xr.DataArray, came: xr.DataArray) -> xr.DataArray:
    """The last figure, for ever."""
    return before.isel(year=-1, drop=True) + xr.zeros_like(came)


def drift(before: xr.DataArray, came: xr.DataArray) -> xr.DataArray:
    """The last figure, and the mean yearly change of the ten years before it."""
    last = before.isel(year=-1, drop=True)
    change = (last - before.isel(year=-1 - TREND, drop=True)) / TREND
    return last + change * (came["year"] - int(before["year"][-1]))


def anchor(path: Path, came: xr.DataArray) -> xr.DataArray | None:
    """Continuous ranked probability scores of the stored forecasts, missing for countries that they leave out."""
    if not path.is_file():
        sys.stderr.write(f"{path.name} is not there: no comparison\n")
        return None
    table = pd.read_csv(path)
    table["country"] = table["country_code"].map(from_m49)
    scores = table.set_index(["country", "year"])["crps"].to_xarray()
    return scores.reindex(country=came["country"], year=came["year"]).transpose(*came.dims)


if __name__ == "__main__":
    sys.exit(main())
