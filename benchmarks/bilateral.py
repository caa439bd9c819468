"""Flows between countries held against those that came: ``python -m benchmarks.bilateral --origin 2015``.

Fitted to the periods before the origin and scored on the one that starts there, on every corridor that the file of
flows names in any period between two countries that are there; one that it does not name in the period has no flow.
Persistence is the flow of the period before, by the same method. The estimates by the other five methods are scored
beside, against the same forecast, each with its own persistence: ``--method`` forecasts one of them instead.
Bands of whole numbers hold more than their level; how much the draws themselves claim, and what is held when the ends
of bands count in part, is printed beside.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import xarray as xr
from poblar.data import Panel
from poblar.data.corridors import METHODS, by_method, known_before, read_corridors
from poblar.forecast import Sampling
from poblar.forecast.bilateral import Bilateral, margins
from poblar.forecast.scores import continuous_ranked_probability, covered, width

from .figures import figure, peak_memory_mb
from .worlds import BESIDE

SIZES = {
    "0": (0, 1),
    "1-99": (1, 100),
    "100-999": (100, 1_000),
    "1000-9999": (1_000, 10_000),
    "10000+": (10_000, np.inf),
}
BARS = {80: "0.77 to 0.83", 95: "0.92 to 0.98"}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.bilateral")
    parser.add_argument("--origin", type=int, default=2015, help="first year of the period that is scored")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--kept", type=int, default=500, help="draws kept, and as many of tuning, of each chain")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", type=Path, help="folder of the chains, to take up a fit that was interrupted")
    parser.add_argument("--flows", type=Path, default=BESIDE / "data" / "flows")
    parser.add_argument("--data", type=Path, default=BESIDE / "data" / "wpp2024")
    given = parser.parse_args(argv)
    panel = read_corridors(
        given.flows / "bilateral_flows_5y_abel_cohen.csv.gz",
        given.flows / "undesa_migrant_stock_2020.csv.gz",
        given.data / "population_total_31dec.csv.gz",
    )
    started, cpu = time.perf_counter(), time.process_time()
    posterior = Bilateral(method=given.method).fit(
        known_before(panel, given.origin),
        seed=given.seed,
        sampling=Sampling(draws=given.kept, tune=given.kept, chains=given.chains),
        accept_unconverged=True,
        store=given.store,
    )
    sys.stderr.write(f"{posterior.diagnostics}\n")
    fitted = time.perf_counter() - started
    draws = posterior.forecast(until=given.origin, draws=given.draws, seed=given.seed).isel(year=0, drop=True)
    about = {
        "origin": given.origin,
        "forecast": given.method,
        "draws": given.draws,
        "seed": given.seed,
        "chains": given.chains,
        "rhat": round(posterior.diagnostics.rhat, 3),
        "fit_seconds": round(fitted, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_memory_mb": round(peak_memory_mb()),
    }
    met = True
    for method in (given.method, *(other for other in METHODS if other != given.method)):
        met &= report(panel, method, draws, given.origin, about, bars=method == given.method)
    totals(panel, draws, given.method, given.origin, about)
    return 0 if met else 1


def report(
    panel: Panel, method: str, draws: xr.DataArray, origin: int, about: dict[str, object], *, bars: bool
) -> bool:
    """Print the figures against the estimates by one method, and whether all bars are met."""
    here = {"origin": draws["origin"], "destination": draws["destination"]}
    estimates = by_method(panel).sel(here)
    named = (estimates > 0).any("method")
    came, before = (panel[method].sel(here).sel(year=year, drop=True) for year in (origin, origin - 5))
    there = np.isfinite(came) & np.isfinite(before)
    groups = {"": named.any("year")}
    if bars:
        groups["_known_before"] = named.sel(year=slice(None, origin - 5)).any("year")
        groups["_named_in_the_period"] = named.sel(year=origin, drop=True)
    groups |= {f"_{size}": groups[""] & (came >= low) & (came < high) for size, (low, high) in SIZES.items()}
    ok = []
    for suffix, group in groups.items():
        chosen = (group & there).transpose("origin", "destination").to_numpy()
        truth, last = (xr.DataArray(part.to_numpy()[chosen], dims="corridor") for part in (came, before))
        forecast = xr.DataArray(draws.transpose("draw", ...).to_numpy()[:, chosen], dims=("draw", "corridor"))
        ok.append(_figures(suffix, forecast, truth, last, about | {"truth": method}, bars=bars and not suffix))
    return all(ok)


def _figures(
    suffix: str,
    draws: xr.DataArray,
    came: xr.DataArray,
    before: xr.DataArray,
    about: dict[str, object],
    *,
    bars: bool,
) -> bool:
    """Print the figures of one group of corridors."""
    more = about | {"corridors": came.sizes["corridor"]}
    ok = []

    def say(metric: str, value: xr.DataArray | float, bar: str = "") -> None:
        ok.append(figure("skill/bilateral", f"{metric}{suffix}", float(value), bar if bars else "", **more))

    error, persisted = np.abs(draws.median("draw") - came).mean(), np.abs(before - came).mean()
    crps = continuous_ranked_probability(draws.astype(float), came).mean()
    say("mae", error)
    say("mae_over_persistence", error / persisted, "<= 1")
    say("crps_over_persistence", crps / persisted)
    for level, bar in BARS.items():
        say(f"coverage{level}", covered(draws, came, level).mean(), bar)
        say(f"coverage{level}_in_part", inside_in_part(draws, came, level).mean())
        low, high = (draws.quantile(end, "draw") for end in (0.5 - level / 200, 0.5 + level / 200))
        say(f"coverage{level}_claimed", ((low <= draws) & (draws <= high)).mean())
        say(f"width{level}", width(draws, level).mean())
    return all(ok)


def inside_in_part(draws: xr.DataArray, came: xr.DataArray, level: int) -> xr.DataArray:
    r"""How much of the probability that a forecast gave to the number that came lies inside its band.

    .. math:: \frac{|[F(y - 1),\, F(y)] \cap [\alpha,\, 1 - \alpha]|}{F(y) - F(y - 1)}, \qquad
        \alpha = \tfrac12 - \tfrac{\mathrm{level}}{200}

    A band of whole numbers holds more than its level by the numbers at its ends, most of all at none; with these
    counted in part a calibrated forecast holds its level (Czado, Gneiting & Held 2009).
    """
    below, equal = (draws < came).mean("draw"), (draws == came).mean("draw")
    low, high = 0.5 - level / 200, 0.5 + level / 200
    held = (np.minimum(below + equal, high) - np.maximum(below, low)).clip(min=0.0)
    return xr.where(equal > 0, held / equal.where(equal > 0, 1.0), (below >= low) & (below <= high))


def totals(panel: Panel, draws: xr.DataArray, method: str, origin: int, about: dict[str, object]) -> None:
    """Print the figures of each country's inflow, outflow and net migration, which have no bars."""
    here = {"origin": draws["origin"], "destination": draws["destination"]}
    came, before = (
        margins(panel[method].sel(here).sel(year=year, drop=True).fillna(0.0)) for year in (origin, origin - 5)
    )
    found = margins(draws)
    for name in found:
        more = about | {"truth": method, "countries": came.sizes["country"]}
        error = np.abs(found[name].median("draw") - came[name]).mean()
        persisted = np.abs(before[name] - came[name]).mean()
        crps = continuous_ranked_probability(found[name], came[name]).mean()
        figure("skill/bilateral", f"{name}_mae_over_persistence", float(error / persisted), **more)
        figure("skill/bilateral", f"{name}_crps_over_persistence", float(crps / persisted), **more)
        for level in BARS:
            held = covered(found[name], came[name], level).mean()
            figure("skill/bilateral", f"{name}_coverage{level}", float(held), **more)


if __name__ == "__main__":
    sys.exit(main())
