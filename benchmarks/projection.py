"""Speed and memory of the projection engine: ``python -m benchmarks.projection``.

Countries beyond the six bundled ones are copies of them under other names, with draws of their own.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pycountry
import xarray as xr
from poblar.data import Panel, Region, reference
from poblar.forecast import project

from .figures import figure, peak_memory_mb

NAME = "projection"
BAYESPOP_SECONDS = 16.0  # a country and 1,000 trajectories to 2100 by single years: bayesPop 12.0-1 on two such cores
CELLS = 2 * 101 * 8  # bytes of a population by sex and age


def world(countries: int) -> Region:
    """The six countries again and again, under the codes of other countries."""
    base, codes = reference.region(), [country.alpha_3 for country in pycountry.countries][:countries]
    panels = {field.name: getattr(base, field.name) for field in fields(base) if field.name != "asylum"}
    copies = np.arange(countries) % len(base.countries)
    return Region(
        **{
            name: Panel(panel.dataset.isel(country=copies).assign_coords(country=codes))
            for name, panel in panels.items()
        }
    )


def paths(region: Region, draws: int, last: int, seed: int) -> dict[str, xr.DataArray]:
    """Random walks of TFR, e0 by sex and the rate of net migration from 2024 to `last`."""
    rng = np.random.default_rng(seed)
    labels = {"draw": np.arange(draws), "country": list(region.countries), "year": np.arange(2024, last + 1)}

    def walk(level: float, step: float, units: str, **more: list[str]) -> xr.DataArray:
        coords = labels | more
        values = rng.normal(0.0, step, [len(values) for values in coords.values()])
        np.cumsum(values, axis=2, out=values)
        values += level
        return xr.DataArray(values, coords=coords, dims=list(coords), attrs={"units": units})

    return {
        "fertility": walk(2.0, 0.02, "children per woman"),
        "mortality": walk(78.0, 0.1, "years", sex=["female", "male"]),
        "migration": walk(0.0, 0.0002, "per person-year"),
    }


def seconds(task: object, *, repeats: int = 3) -> float:
    """Fastest of some runs."""
    assert callable(task)
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        task()
        taken.append(time.perf_counter() - started)
    return min(taken)


def copy_bandwidth() -> float:
    """Bytes per second that this machine copies, read and written, by numpy (STREAM's copy)."""
    source = np.ones(50_000_000)
    target = np.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: np.copyto(target, source), repeats=5)


def six() -> list[bool]:
    """The region of six: after compilation, and the first call of a new process."""
    region = reference.region()
    given = paths(region, 1000, 2070, seed=1)
    project(region, **given)
    taken = seconds(lambda: project(region, **given))
    # Without the import of Python's own and the project's dependencies, which the call does not cause.
    script = (
        "import time; from poblar.data import reference; from poblar.forecast import project; "
        "region = reference.region(); t = time.perf_counter(); project(region); print(time.perf_counter() - t)"
    )
    first = float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    size = {"countries": 6, "draws": 1000, "years": 50, "peak_memory_mb": round(peak_memory_mb())}
    return [
        figure(NAME, "six_countries_seconds", taken, "< 1", **size),
        figure(NAME, "first_call_in_a_new_process_seconds", first, "< 5", countries=6, draws=1),
    ]


def whole_world(countries: int, draws: int) -> list[bool]:
    """The world, indicators only, streamed to a store; in a process of its own, for its memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.projection", "--only-world", str(countries), str(draws), folder]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    steps = countries * draws * found["years"]
    size = {key: found[key] for key in ("countries", "draws", "years")}
    moved = 2.0 * CELLS * steps / found["seconds"]
    fraction = moved / copy_bandwidth()
    per_thousand = found["seconds"] / countries / draws * 1000.0
    growth = found["seconds_by_draws"]
    return [
        figure(NAME, "world_seconds", found["seconds"], "< 60", seed=1, **size),
        figure(NAME, "world_peak_memory_gb", found["peak_memory_mb"] / 1024.0, "< 2", **size),
        figure(NAME, "world_microseconds_per_country_draw_year", 1e6 * found["seconds"] / steps, **size),
        figure(NAME, "fraction_of_copy_bandwidth", fraction, counted="population by age read and written once a year"),
        figure(NAME, "seconds_per_draw_at_most_over_at_least", found["linearity"], "<= 1.5", seconds_by_draws=growth),
        figure(
            NAME,
            "of_bayespop_seconds",
            per_thousand / BAYESPOP_SECONDS,
            "<= 1",
            seconds=per_thousand,
            bayespop_seconds=BAYESPOP_SECONDS,
            what="a country, 1,000 trajectories to 2099",
        ),
    ]


def only_world(countries: int, draws: int, folder: str) -> None:
    """What `whole_world` runs apart: time by number of draws, and memory."""
    region = world(countries)
    project(region.sel(country=[region.countries[0]]))  # compiled, or read from the cache
    some = world(20)
    by_draws = {}
    for number in (draws // 4, draws // 2, draws):
        given = paths(some, number, 2096, seed=2)
        by_draws[number] = seconds(lambda given=given: project(some, **given, ages=()), repeats=2)
    # The first 20 ms a country are for its tables, whatever the number of draws.
    slopes = [
        (by_draws[draws] - by_draws[draws // 2]) / (draws - draws // 2),
        (by_draws[draws // 2] - by_draws[draws // 4]) / (draws // 2 - draws // 4),
    ]
    given = paths(region, draws, 2096, seed=1)
    started = time.perf_counter()
    people = project(region, **given, store=Path(folder) / "world.zarr", memory="1GB")
    taken = time.perf_counter() - started
    found = {
        "countries": countries,
        "draws": draws,
        "years": people.flows.sizes["year"],
        "seconds": taken,
        "peak_memory_mb": peak_memory_mb(),
        "seconds_by_draws": {str(key): round(value, 2) for key, value in by_draws.items()},
        "linearity": max(slopes) / min(slopes) if min(slopes) > 0.0 else float("inf"),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def main() -> None:
    """Run every benchmark of the engine."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projection", description=__doc__)
    parser.add_argument("--countries", type=int, default=200)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only-world", nargs=3, metavar=("COUNTRIES", "DRAWS", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_world:
        countries, draws, folder = options.only_world
        only_world(int(countries), int(draws), folder)
        return
    met = [*six(), *whole_world(options.countries, options.draws)]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
