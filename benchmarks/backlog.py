"""Forecasts of asylum ledgers held against what came: ``python -m benchmarks.skill backlog``.

At rolling origins the 40 largest of UNHCR's yearly ledgers are fitted jointly, and the UK's quarterly ledger by itself,
and scored where figures came. Persistence, drift and ARIMA (statsmodels; the order of each series by AIC) forecast the
log of the same series, each with the errors that it has made so far at the same horizon, each error and its opposite
alike. With ``--systems others`` the ledgers that are not among the 40 are scored: on those the model's constants were
chosen.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from poblar.data import Panel
from poblar.data.case_tables import RULE, read_uk_ledger, read_unhcr_ledgers
from poblar.data.cases import OUTCOMES, case_panel
from poblar.forecast import Caseload, Sampling
from poblar.forecast.scores import continuous_ranked_probability, covered
from statsmodels.tsa.arima.model import ARIMA
from threadpoolctl import threadpool_limits

from .figures import figure, peak_memory_mb
from .worlds import BESIDE

Array = NDArray[np.float64]

LARGEST = 40
COMPLETE = 15  # years with received, decided and pending
SKIPPED = {"USA": "its stock has no level, and mixes persons at the asylum office with cases of the courts"}
QUANTITIES = ("received", "decided", "pending")
RIVALS = ("persistence", "drift", "arima")
SHARE = "share_over_6_months"
ORDERS = ((1, 0, 0), (0, 1, 1), (1, 1, 0))
ENOUGH = 6  # with fewer past errors at a horizon, those of a shorter one are widened
MOST = 5.0  # no draw exceeds this many times the most on record, as in the model
SAMPLING = Sampling(draws=500, tune=700, chains=2, target_accept=0.85)
SOURCE = {"source": "UNHCR; UK Home Office", "licence": "CC BY 4.0; OGL 3.0", "revision": "to 2022"} | {
    "retrieved": "2026-11-24"
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.skill backlog")
    parser.add_argument("--data", type=Path, default=BESIDE / "data" / "asylum")
    parser.add_argument("--systems", nargs="+", choices=["largest", "others", "uk"], default=["largest", "uk"])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cells", type=Path, help="file that the scores of every system, origin and horizon go to")
    given = parser.parse_args(argv)
    started, cpu = time.perf_counter(), time.process_time()
    parts = [part for system in given.systems for part in scores(system, given)]
    cells = pd.concat(parts, ignore_index=True)
    if given.cells is not None:
        cells.to_csv(given.cells, index=False)
    about = {
        "draws": given.draws,
        "seed": given.seed,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    return 0 if report(cells, about) else 1


def largest(ledgers: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The 40 offices with the largest mean stock that have enough complete years, and the others that have."""
    whole = ledgers[["received", "pending", *OUTCOMES]].notna().all(axis=1)
    years = whole.groupby(ledgers["office"]).sum()
    size = ledgers.groupby("office")["pending"].mean()[years >= COMPLETE].drop(list(SKIPPED), errors="ignore")
    names = list(size.sort_values(ascending=False).index)
    return names[:LARGEST], names[LARGEST : LARGEST + 60]


def complete_at(ledger: pd.DataFrame, names: list[str], origin: pd.Timestamp, enough: int) -> list[str]:
    """Those whose figures are whole in the last two periods, and in enough periods so far."""
    whole = ledger[["received", "pending", *OUTCOMES]].notna().all(axis=1)
    span = pd.DateOffset(months=int(ledger["months"].iloc[0]))
    last = ledger["period"].isin([origin, origin - span])
    count = whole[ledger["period"] <= origin].groupby(ledger["office"]).sum()
    lately = whole[last].groupby(ledger["office"]).sum()
    return [name for name in names if lately.get(name, 0) == 2 and count[name] >= enough]


def scores(system: str, given: argparse.Namespace) -> Iterator[pd.DataFrame]:
    """Scores of some systems, origin by origin."""
    if system == "uk":
        ledger, horizons, enough = read_uk_ledger(given.data), (1, 2, 4, 8), 12
        chosen = ["UK"]
        origins = pd.date_range("2013-01-01", "2022-07-01", freq="QS")
    else:
        ledger, horizons, enough = read_unhcr_ledgers(given.data), (1, 2, 3), 8
        chosen = largest(ledger)[system == "others"]
        origins = pd.date_range("2010-01-01", "2021-01-01", freq="YS")
        sys.stderr.write(f"{RULE}. Without {SKIPPED}. {len(chosen)} ledgers: {', '.join(chosen)}\n")
    ledger = ledger[ledger["office"].isin(chosen)].assign(decided=ledger[list(OUTCOMES)].sum(axis=1, skipna=False))
    span = pd.DateOffset(months=int(ledger["months"].iloc[0]))
    for origin in origins:
        names = complete_at(ledger, chosen, origin, enough)
        part = ledger[(ledger["period"] <= origin) & ledger["office"].isin(names)]
        part.attrs = ledger.attrs
        began = time.perf_counter()
        posterior = Caseload().fit(panel_of(part), seed=given.seed, sampling=SAMPLING, accept_unconverged=True)
        future = posterior.forecast(
            until=f"{origin + (max(horizons) + 1) * span - pd.DateOffset(months=1):%Y-%m}",
            draws=given.draws,
            seed=given.seed,
        )
        sys.stderr.write(
            f"{system} {origin:%Y-%m}: {len(names)} ledgers, {time.perf_counter() - began:.0f} s, "
            f"{posterior.diagnostics}\n"
        )
        rng = np.random.default_rng(given.seed)
        for name in names:
            series = ledger[ledger["office"] == name].set_index("period")
            for quantity in QUANTITIES:
                draws = future[quantity].sel(office=name).to_numpy()
                yield cells_of(system, name, quantity, origin, span, series[quantity], horizons, draws, rng)
            if SHARE in future:
                share = 1.0 - series["pending_under_6_months"] / series["pending"]
                draws = future[SHARE].sel(office=name).to_numpy()
                yield cells_of(system, name, SHARE, origin, span, share, horizons, draws, None)


def panel_of(part: pd.DataFrame) -> Panel:
    return case_panel(part.drop(columns="decided"), SOURCE)


def cells_of(
    system: str,
    name: str,
    quantity: str,
    origin: pd.Timestamp,
    span: pd.DateOffset,
    series: pd.Series,
    horizons: tuple[int, ...],
    draws: Array,
    rng: np.random.Generator | None,
) -> pd.DataFrame:
    """A row for each horizon with what came: scores of the model and its rivals."""
    rows = []
    past = series[:origin].to_numpy()
    rules = {} if rng is None else {rule: FORECASTS[rule](np.log(past + 0.5)) for rule in RIVALS}
    for horizon in horizons:
        came = float(series.get(origin + horizon * span, np.nan))
        if not np.isfinite(came):
            continue
        ours = draws[:, horizon - 1]
        row = {
            "model": crps(ours, came),
            "error": abs(np.median(ours) - came),
            "error_persistence": abs(past[-1] - came),
        } | {f"in{level}": inside(ours, came, level) for level in (80, 95)}
        if rng is not None:
            row |= {
                rule: crps(with_errors(past, ahead, horizon, len(ours), rng), came) for rule, ahead in rules.items()
            }
        rows.append({"system": system, "name": name, "quantity": quantity, "origin": origin, "horizon": horizon} | row)
    return pd.DataFrame(rows)


def crps(draws: Array, came: float) -> float:
    return float(continuous_ranked_probability(xr.DataArray(draws, dims="draw"), xr.DataArray(came)))


def inside(draws: Array, came: float, level: int) -> bool:
    return bool(covered(xr.DataArray(draws, dims="draw"), xr.DataArray(came), level))


Ahead = Callable[[int, int], float]


def persistence(logs: Array) -> Ahead:
    """Forecast of a number of periods after the first `until`: the last figure."""
    return lambda until, _: logs[until - 1]


def drift(logs: Array) -> Ahead:
    """The last figure and the mean change so far."""
    known = np.flatnonzero(np.isfinite(logs))
    slope = (logs[known[-1]] - logs[known[0]]) / max(known[-1] - known[0], 1)
    return lambda until, horizon: logs[until - 1] + slope * horizon


def arima(logs: Array) -> Ahead:
    """The ARIMA of the least AIC, fitted to all figures so far."""
    first = int(np.flatnonzero(np.isfinite(logs))[0])
    with warnings.catch_warnings(), threadpool_limits(1):  # its small matrices wait for threads otherwise
        warnings.simplefilter("ignore")
        fits = [ARIMA(logs[first:], order=order, trend="c" if order[1] == 0 else "n").fit() for order in ORDERS]
        best = min(fits, key=lambda fit: fit.aic)
        paths = {
            until: best.predict(start=until - first, end=until - first + 7, dynamic=0)
            for until in range(first + 3, len(logs) + 1)
        }
    return lambda until, horizon: paths[until][horizon - 1] if until in paths else np.nan


FORECASTS: dict[str, Callable[[Array], Ahead]] = {"persistence": persistence, "drift": drift, "arima": arima}


def with_errors(past: Array, ahead: Ahead, horizon: int, draws: int, rng: np.random.Generator) -> Array:
    """Draws of a rule's forecast with the errors it has made at this horizon, or widened ones of a shorter."""
    logs = np.log(past + 0.5)

    def errors(step: int) -> Array:
        made = np.array([logs[until + step - 1] - ahead(until, step) for until in range(1, len(logs) - step + 1)])
        return made[np.isfinite(made)]

    step = horizon
    while step > 1 and len(errors(step)) < ENOUGH:
        step -= 1
    made = errors(step) * np.sqrt(horizon / step)
    logs_ahead = ahead(len(logs), horizon) + rng.choice(np.r_[made, -made], draws)
    highest = np.log(MOST) + np.nanmax(logs)
    return np.maximum(np.exp(np.minimum(logs_ahead, highest)) - 0.5, 0.0)


def report(cells: pd.DataFrame, about: dict[str, object]) -> bool:
    """Print the figures and whether all bars are met."""
    ok = []

    def say(metric: str, value: float, bar: str = "", **extra: object) -> None:
        ok.append(figure("skill/backlog", metric, float(value), bar, **(about | extra)))

    flows = cells[cells["quantity"] != SHARE]
    sums = flows.groupby(["name", "quantity"])[["model", *RIVALS]].mean()
    ratios = sums[list(RIVALS)].rdiv(sums["model"], axis=0)
    best = ratios.mean().idxmax()  # the rival that leaves the model least ahead
    many = {"systems": flows["name"].nunique(), "cells": len(flows)}
    for rival in RIVALS:
        say(f"crps_over_{rival}", ratios[rival].mean(), "<= 0.85" if rival == best else "", best=rival == best, **many)
        say(f"crps_over_{rival}_geometric", np.exp(np.log(ratios[rival]).mean()))
    for quantity, part in flows.groupby("quantity"):
        say(f"{quantity}_crps_over_{best}", ratios[best].xs(quantity, level="quantity").mean())
        for level in (80, 95):
            say(f"{quantity}_coverage{level}", part[f"in{level}"].mean())
    for level, bar in ((80, "0.75 to 0.87"), (95, "0.92 to 0.98")):
        say(f"coverage{level}", flows[f"in{level}"].mean(), bar, **many)
    for (system, horizon), part in flows.groupby(["system", "horizon"]):
        of = part.groupby(["name", "quantity"])[["model", best]].mean()
        of = of.drop(index=of.index[of[best] == 0])
        say(
            f"crps_over_{best}_h{horizon}",
            (of["model"] / of[best]).mean(),
            system=system,
            coverage80=round(part["in80"].mean(), 3),
            coverage95=round(part["in95"].mean(), 3),
        )
    for name, part in ratios[best].groupby(level="name"):
        by = {f"{quantity}_ratio": round(float(value), 3) for quantity, value in part.droplevel("name").items()}
        own = flows[flows["name"] == name]
        say("system", part.mean(), name=name, coverage80=round(float(own["in80"].mean()), 3), **by)
    share = cells[cells["quantity"] == SHARE]
    for horizon, part in share.groupby("horizon"):
        ours, theirs = part["error"].median(), part["error_persistence"].median()
        say(
            f"uk_share_over_6_months_median_error_over_persistence_h{horizon}",
            ours / theirs,
            "<= 0.8" if horizon in (1, 4) else "",
            points=round(100 * ours, 2),
            persistence_points=round(100 * theirs, 2),
            origins=len(part),
            coverage80=round(float(part["in80"].mean()), 3),
        )
    sys.stderr.write(f"{sum(ok)} of {len(ok)} figures as asked\n")
    return all(ok)


if __name__ == "__main__":
    sys.exit(main())
