"""Forecasts of monthly flows held against what came: ``python -m benchmarks.skill flows``.

Families of series (border encounters, visas, admissions and claims) are fitted jointly at rolling origins, every nine
months so that each season comes up, from the first origin with two years behind it (the Border Patrol's from 2013).
At an origin a series is scored if its mean over the months so far exceeds 200; a month without a row is a rounded zero.
Persistence, seasonal persistence and drift are forecasts with their own past errors at each horizon, each error and its
opposite alike, so that the median is the rule's own. Seasonal persistence with its errors as they were, which carries
the trend of the past on, is printed beside; on the origins before 2013 it was the weaker of the two.
Few dates make a ratio of scores uncertain: beside the largest stands what it would be if futures were the model's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from poblar.data.flows import flow_panel, read_border, read_claims, read_nationwide, read_residents, read_visas
from poblar.forecast import Sampling
from poblar.forecast._flows_baselines import baseline
from poblar.forecast.flows import Flows
from poblar.forecast.scores import continuous_ranked_probability, covered

from .figures import figure, peak_memory_mb
from .worlds import BESIDE

Array = NDArray[np.float64]

HORIZONS = (1, 3, 6, 12, 24)
EVERY = 9  # months between origins
LEAST = 200.0  # mean persons a month over the training months
TRAINING = 24  # months before the first origin
SAMPLING = Sampling(draws=300, tune=1000, chains=2, target_accept=0.8)
BASELINES = {
    "seasonal persistence": ("seasonal", True),
    "seasonal persistence as it was": ("seasonal", False),
    "persistence": ("persistence", True),
    "drift": ("drift", True),
}
RIVAL = "seasonal persistence"  # whose scores the bars are about
WORLDS = 50  # in which a draw of the model is what came
SOURCE = {
    "source": "US Border Patrol, CBP, Department of State; IRCC",
    "licence": "as published",
    "revision": "to 2022-12",
    "retrieved": "2026-11-24",
}
FAMILIES: dict[str, tuple[Callable[[Path], list[pd.DataFrame]], str]] = {
    "border": (lambda data: [read_border(data / "flows/usbp_encounters_monthly.csv")], "2013-01"),
    "nationwide": (lambda data: [read_nationwide(data / "flows/cbp_nationwide_encounters_monthly.csv.gz")], ""),
    "visas by nationality": (lambda data: [read_visas(data / "flows/us_nonimmigrant_visas_monthly.csv.gz")], ""),
    "visas by class": (
        lambda data: [read_visas(data / "flows/us_nonimmigrant_visas_monthly.csv.gz", by="visa_class")],
        "",
    ),
    "canada": (
        lambda data: [
            read_residents(data / "flows/canada_permanent_residents_monthly.csv"),
            read_claims(data / "asylum/canada_claimants_monthly.csv"),
        ],
        "",
    ),
}
"""Tables of each family, and its first origin where two years of training are not what decides it."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.skill flows")
    parser.add_argument("--data", type=Path, default=BESIDE / "data")
    parser.add_argument("--families", nargs="+", choices=sorted(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--every", type=int, default=EVERY, help="months between origins")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cells", type=Path, help="file that the scores of every series, origin and horizon go to")
    parser.add_argument("--report", type=Path, nargs="+", help="report scores that --cells wrote, and fit nothing")
    given = parser.parse_args(argv)
    started, cpu = time.perf_counter(), time.process_time()
    cells, own = pd.DataFrame(), None
    if given.report is not None:
        cells = pd.concat([pd.read_csv(path) for path in given.report], ignore_index=True)
    else:
        for name in given.families:
            for part, worlds in scores(name, given):
                cells = pd.concat([cells, part], ignore_index=True)
                own = worlds if own is None else own.add(worlds, fill_value=0.0)
                if given.cells is not None:
                    cells.to_csv(given.cells, index=False)
    about = {
        "origins_every": given.every,
        "draws": given.draws,
        "seed": given.seed,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    return 0 if report(cells, own, about) else 1


def scores(name: str, given: argparse.Namespace) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Scores of one family, origin by origin, and what they would be in the model's own worlds."""
    read, first = FAMILIES[name]
    table = pd.concat(read(given.data), ignore_index=True)
    middle = np.ceil((table["low"] + table["high"]) / 2.0).where(table["low"] > 0, 0.0)
    counts = table.assign(value=table["count"].fillna(middle)).set_index(["month", "series"])["value"].to_xarray()
    counts = counts.to_pandas()
    counts = counts.reindex(pd.date_range(counts.index[0], counts.index[-1], freq="MS"))
    start = pd.Timestamp(first) if first else counts.index[TRAINING - 1]
    for origin in pd.date_range(start, counts.index[-2], freq=f"{given.every}MS"):
        past = counts.loc[:origin]
        chosen = list(past.columns[past.mean() > LEAST])
        part = table[table["series"].isin(chosen) & (table["month"] <= origin)]
        part.attrs["missing"] = "the source has no table for this month"
        began = time.perf_counter()
        posterior = Flows().fit(flow_panel(part, SOURCE), seed=given.seed, sampling=SAMPLING, accept_unconverged=True)
        ahead = [h for h in HORIZONS if origin + pd.DateOffset(months=h) <= counts.index[-1]]
        until = origin + pd.DateOffset(months=ahead[-1])
        future = posterior.forecast(until=f"{until:%Y-%m}", draws=given.draws, seed=given.seed)
        sys.stderr.write(
            f"{name} {origin:%Y-%m}: {len(chosen)} series, {time.perf_counter() - began:.0f} s, "
            f"{posterior.diagnostics}\n"
        )
        ours = future.sel(category=chosen).to_numpy()[..., np.asarray(ahead) - 1]
        rng = np.random.default_rng(given.seed)
        rivals = {
            label: baseline(kind, past[chosen].to_numpy().T, ahead, given.draws, rng, centred=centred)
            for label, (kind, centred) in BASELINES.items()
        }
        came = np.stack([counts.loc[origin + pd.DateOffset(months=h), chosen].to_numpy() for h in ahead], axis=1)
        cells = cells_of(name, origin, chosen, ahead, came, {"model": ours} | rivals)
        yield cells, own_worlds(name, chosen, came, {"model": ours, RIVAL: rivals[RIVAL]}, rng)


def cells_of(
    family: str, origin: pd.Timestamp, names: list[str], ahead: list[int], came: Array, forecasts: dict[str, Array]
) -> pd.DataFrame:
    """A row for each series and horizon with what came: scores of all forecasts, and where the model's draws lay."""
    rows = pd.MultiIndex.from_product([names, ahead], names=["series", "horizon"]).to_frame(index=False)
    rows.insert(0, "family", family)
    rows.insert(1, "origin", f"{origin:%Y-%m}")
    rows["came"] = came.ravel()
    truth = xr.DataArray(came, dims=("series", "horizon"))
    draws = {label: xr.DataArray(values, dims=("draw", *truth.dims)) for label, values in forecasts.items()}
    for label, forecast in draws.items():
        rows[label] = continuous_ranked_probability(forecast, truth).to_numpy().ravel()
    ours = forecasts["model"]
    rows["pit"] = ((ours < came).mean(0) + 0.5 * (ours == came).mean(0)).ravel()
    for level in (80, 95):
        rows[f"in{level}"] = covered(draws["model"], truth, level).to_numpy().ravel()
    return rows[rows["came"].notna()]


def own_worlds(
    family: str, names: list[str], came: Array, forecasts: dict[str, Array], rng: np.random.Generator
) -> pd.DataFrame:
    """Scores summed over horizons (series; forecast and world), in worlds in which a draw of the model is what came."""
    sums = {}
    for world, draw in enumerate(rng.integers(len(forecasts["model"]), size=WORLDS)):
        truth = xr.DataArray(np.where(np.isnan(came), np.nan, forecasts["model"][draw]), dims=("series", "horizon"))
        for label, values in forecasts.items():
            draws = xr.DataArray(values, dims=("draw", *truth.dims))
            sums[label, world] = continuous_ranked_probability(draws, truth).sum("horizon").to_numpy()
    return pd.DataFrame(sums, index=pd.MultiIndex.from_product([[family], names], names=["family", "series"]))


def report(cells: pd.DataFrame, own: pd.DataFrame | None, about: dict[str, object]) -> bool:
    """Print the figures and whether all bars are met."""
    names = [*BASELINES, "model"]
    by_series = cells.groupby(["family", "series"])[names].mean()
    ratio = by_series["model"] / by_series[RIVAL]
    worst = ratio.idxmax()
    rule = f"mean over the training months above {LEAST:g} a month; absent months are rounded zeros"
    more = about | {"cells": len(cells), "series": len(ratio), "origins": int(cells["origin"].nunique())}
    sys.stderr.write(f"series ({rule}):\n")
    for family, part in cells.groupby("family", sort=False):
        sys.stderr.write(f"  {family}: {', '.join(sorted(part['series'].unique()))}\n")
    ok = []

    def say(metric: str, value: float, bar: str = "", **extra: object) -> None:
        ok.append(figure("skill/flows", metric, float(value), bar, **(more | extra)))

    say("crps_over_seasonal_persistence", ratio.mean(), "< 0.9", rule=rule)
    say("crps_over_seasonal_persistence_largest", ratio.max(), "<= 1.05", family=worst[0], name=worst[1])
    if own is not None:
        if_true = own["model"] / own[RIVAL]
        most, above = if_true.max(), (if_true > 1.05).sum()
        say("crps_over_seasonal_persistence_if_true", if_true.mean().mean(), worlds=WORLDS)
        say("crps_over_seasonal_persistence_largest_if_true", most.median(), least=round(float(most.min()), 3))
        say("series_over_1.05_if_true", above.median(), none_in=f"{(above == 0).sum()} of {WORLDS} worlds")
    say("series_over_1.05", (ratio > 1.05).sum(), names=[f"{a}: {b}" for a, b in ratio[ratio > 1.05].index])
    for name in [name for name in BASELINES if name != RIVAL]:
        against = by_series["model"] / by_series[name]
        say(f"crps_over_{name.replace(' ', '_')}", against.mean(), beaten=bool(against.mean() < 1))
        say(f"crps_over_{name.replace(' ', '_')}_largest", against.max(), name=": ".join(against.idxmax()))
    for level, bar in ((80, "0.75 to 0.87"), (95, "0.92 to 0.98")):
        say(f"coverage{level}", cells[f"in{level}"].mean(), bar)
    for family, part in cells.groupby("family", sort=False):
        mine = ratio.loc[family]
        many = {"family": family, "cells": len(part), "series": len(mine), "origins": int(part["origin"].nunique())}
        say("family_crps_over_seasonal_persistence", mine.mean(), **many)
        say("family_crps_over_seasonal_persistence_largest", mine.max(), name=mine.idxmax(), **many)
        for level in (80, 95):
            say(f"family_coverage{level}", part[f"in{level}"].mean(), **many)
    for horizon, part in cells.groupby("horizon"):
        means = part.groupby(["family", "series"])[names].mean()
        for name in BASELINES:
            value = (means["model"] / means[name]).mean()
            say(f"crps_over_{name.replace(' ', '_')}_h{horizon}", value, beaten=bool(value < 1), cells=len(part))
        for level in (80, 95):
            say(f"coverage{level}_h{horizon}", part[f"in{level}"].mean(), cells=len(part))
        share = np.histogram(part["pit"], bins=10, range=(0.0, 1.0))[0] / len(part)
        say(f"pit_largest_h{horizon}", share.max(), shares=[round(float(value), 4) for value in share])
    sys.stderr.write(f"{sum(ok)} of {len(ok)} figures as asked\n")
    return all(ok)


if __name__ == "__main__":
    sys.exit(main())
