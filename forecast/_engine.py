"""The engine: blocks of draws of a country or a system, by threads here or by the workers of a cluster.

Only what is asked for leaves a block. A draw's numbers do not depend on the block, the thread or the worker it was
projected by.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ._cohort import Account, Movers, Rates, project_draws
from ._inputs import float_array, kernel_links, kernel_movers, kernel_rates
from ._system import project_system
from .errors import DrawsError
from .indicators import INDICATORS, Indicator, bounds_of

Block = dict[str, NDArray[Any]]

TOLERANCE = 1e-6  # persons, largest residual of the accounting identity in any cell
LARGEST = 512  # draws of a block
SMALLEST = 16
FLOWS = ("births", "deaths", "net_migration", "emigration_limited", "immigration", "emigration")
BY_AGE = ("population", "births_by_age", "deaths_by_age", "migrants_by_age")


@dataclass(frozen=True)
class Output:
    """One array of the result: its axes after draw and the first, its kind of number and its unit."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    units: str
    stock: bool
    first: str = "country"


@dataclass(frozen=True)
class Task:
    """A block to project: which draws of which countries, and all that it takes."""

    countries: slice
    draws: slice
    inputs: tuple[xr.Dataset, ...]
    links: xr.Dataset | None
    outputs: Mapping[str, Output]
    indicators: Mapping[str, Indicator]


class Target(Protocol):
    """Where blocks go."""

    def done(self, countries: slice, draws: slice) -> bool:
        """Whether this block is there already."""
        ...

    def write(self, countries: slice, draws: slice, block: Block) -> None:
        """Keep a block."""
        ...


def outputs_of(
    inputs: xr.Dataset, indicators: Mapping[str, Indicator], ages: tuple[str, ...], system: int
) -> dict[str, Output]:
    """What a projection will hold, found by trying the indicators on the first year's population."""
    periods, groups, width = inputs.sizes["year"], inputs.sizes["age"], inputs.attrs["width"]
    per = "persons per year" if width == 1 else f"persons per {width} years"
    trial = empty_account(1, inputs, {}, bool(indicators))
    trial.below[:], trial.population[:] = np.arange(groups + 1), 1.0
    measured = measure(trial, inputs, slice(0, 1), indicators)
    found = {
        name: Output(("year",), (periods + 1,), "float64", values.attrs["units"], True)
        for name, values in measured.items()
    }
    directed = "start_foreign" in inputs or inputs.attrs["directed"]
    for name in FLOWS[: 6 if directed else 4]:
        found[name] = Output(("year",), (periods,), "float64", per, False)
    if "start_foreign" in inputs:
        found["foreign_born"] = Output(("year",), (periods + 1,), "float64", "persons", True)
    by_age = {
        "population": Output(("year", "sex", "age"), (periods + 1, 2, groups), "float32", "persons", True),
        "births_by_age": Output(("year", "age"), (periods, groups), "float32", per, False),
        "deaths_by_age": Output(("year", "sex", "age"), (periods, 2, groups), "float32", per, False),
        "migrants_by_age": Output(("year", "sex", "age"), (periods, 2, groups), "float32", per, False),
    }
    if system > 1:
        found["moved"] = Output(("destination", "year"), (system, periods), "float64", per, False, first="origin")
    return found | {name: by_age[name] for name in ages}


def measure(
    account: Account, inputs: xr.Dataset, draws: slice, indicators: Mapping[str, Indicator]
) -> dict[str, xr.DataArray]:
    """Indicators by draw and 1 January: the usual ones from people below each age, others from the population."""
    year, width = inputs["year"].to_numpy(), inputs.attrs["width"]
    labels = {"draw": inputs["draw"].to_numpy()[draws], "year": np.r_[year, year[-1] + width]}
    ages = inputs["age"].to_numpy()
    below = xr.DataArray(account.below, dims=("draw", "year", "bound"), coords=labels | {"bound": bounds_of(ages)})
    found = {name: indicator(below) for name, indicator in INDICATORS.items()}
    if not indicators:
        return found
    labels |= {"sex": inputs["sex"].to_numpy(), "age": ages}
    population = xr.DataArray(account.population, dims=list(labels), coords=labels, attrs={"units": "persons"})
    for name, indicator in indicators.items():
        values = indicator(population)
        if not isinstance(values, xr.DataArray) or set(values.dims) != {"draw", "year"}:
            axes = values.dims if isinstance(values, xr.DataArray) else type(values).__name__
            raise DrawsError(
                f"indicator {name}: expected an array over draw and year, found {axes}; sum over sex and age."
            )
        if values.sizes != below.isel(bound=0).sizes:
            raise DrawsError(
                f"indicator {name}: expected a number for every draw and 1 January, found sizes {dict(values.sizes)}; "
                "take changes between years from the result."
            )
        found[name] = values.transpose("draw", "year").assign_attrs(units=values.attrs.get("units", ""))
    return found


def run_block(task: Task) -> Block:
    """Project a block; arrays by draw and country, and then the axes of each output."""
    size = task.draws.stop - task.draws.start
    by_age = bool(task.indicators)
    accounts = [empty_account(size, inputs, task.outputs, by_age) for inputs in task.inputs]
    starts = [float_array(inputs["start"], "sex", "age") for inputs in task.inputs]
    foreign = [
        float_array(inputs["start_foreign"], "sex", "age") if "start_foreign" in inputs else np.zeros_like(start)
        for inputs, start in zip(task.inputs, starts, strict=True)
    ]
    rates = [kernel_rates(inputs, task.draws) for inputs in task.inputs]
    movers = [kernel_movers(inputs, task.draws) for inputs in task.inputs]
    block: Block = {}
    if task.links is None:
        for own in zip(rates, movers, starts, foreign, accounts, strict=True):
            check(project_draws(*own))
    else:
        together = Account(*(np.stack(part) for part in zip(*accounts, strict=True)))
        links = kernel_links(task.links, task.draws)
        moved = np.empty((size, len(starts), len(starts), together.births.shape[2]))
        check(
            project_system(
                Rates(*map(_stacked, zip(*rates, strict=True))),
                Movers(*map(_stacked, zip(*movers, strict=True))),
                links,
                np.stack(starts),
                np.stack(foreign),
                together,
                moved,
            )
        )
        accounts = [Account(*(part[country] for part in together)) for country in range(len(starts))]
        block["moved"] = moved
    shared = [_kept(task, inputs, account) for inputs, account in zip(task.inputs, accounts, strict=True)]
    return block | {name: np.stack([values[name] for values in shared], axis=1) for name in shared[0]}


def _stacked(values: Sequence[Any]) -> Any:
    """Arrays of all countries in one, and a number that all share as it is."""
    return np.stack(values) if isinstance(values[0], np.ndarray) else values[0]


def check(residual: float) -> None:
    """Refuse a projection whose books do not close."""
    if not residual <= TOLERANCE:
        raise DrawsError(
            f"expected the accounting identity to hold to {TOLERANCE} persons, found a residual of {residual:g}; "
            "check the inputs for implausible rates."
        )


def _kept(task: Task, inputs: xr.Dataset, account: Account) -> Block:
    """What one country's books and indicators leave, as it is stored."""
    values: dict[str, Any] = dict(measure(account, inputs, task.draws, task.indicators))
    values |= {
        "births": account.births,
        "deaths": account.deaths,
        "net_migration": account.arrivals - account.departures,
        "immigration": account.arrivals,
        "emigration": account.departures,
        "emigration_limited": account.limited,
        "population": account.population,
        "births_by_age": account.births_by_age,
        "deaths_by_age": account.deaths_by_age,
        "migrants_by_age": account.migrants_by_age,
        "foreign_born": account.foreign.sum((2, 3)),
    }
    return {name: np.asarray(values[name], dtype=out.dtype) for name, out in task.outputs.items() if name in values}


def empty_account(draws: int, inputs: xr.Dataset, outputs: Mapping[str, Output], by_age: bool) -> Account:
    """Books for a run of draws, those that nobody asked for without any; the population also where `by_age`."""
    periods, groups = inputs.sizes["year"], inputs.sizes["age"]

    def rows(wanted: bool) -> int:
        return draws if wanted else 0

    births, deaths, arrivals, departures, limited = (np.empty((draws, periods)) for _ in range(5))
    return Account(
        below=np.empty((draws, periods + 1, groups + 1)),
        population=np.empty((rows(by_age or "population" in outputs), periods + 1, 2, groups)),
        foreign=np.empty((rows("start_foreign" in inputs), periods + 1, 2, groups)),
        births=births,
        deaths=deaths,
        arrivals=arrivals,
        departures=departures,
        limited=limited,
        births_by_age=np.empty((rows("births_by_age" in outputs), periods, groups)),
        deaths_by_age=np.empty((rows("deaths_by_age" in outputs), periods, 2, groups)),
        migrants_by_age=np.empty((rows("migrants_by_age" in outputs), periods, 2, groups)),
    )


def bytes_per_draw(outputs: Mapping[str, Output]) -> int:
    """What the outputs of one country take."""
    return sum(np.dtype(out.dtype).itemsize * int(np.prod(out.shape)) for out in outputs.values())


def block_size(
    draws: int, outputs: Mapping[str, Output], inputs: xr.Dataset, countries: int, by_age: bool, spare: float
) -> int:
    """Draws of a block, so that all blocks under way stay within `spare` bytes."""
    cells = 2 * inputs.sizes["age"] * (inputs.sizes["year"] + 1)
    books = 0.5 + (by_age or "population" in outputs) + ("start_foreign" in inputs)
    books += sum(name in outputs for name in BY_AGE[1:])
    per_draw = countries * (bytes_per_draw(outputs) + 8 * cells * books)
    room = int(spare / (workers() + 1) / per_draw)
    if room < min(SMALLEST, draws):
        raise DrawsError(
            f"expected room for blocks of {SMALLEST} draws, found {spare / 1e9:.2f} GB beside the results; raise "
            "memory=, or keep less by age with ages=()."
        )
    return min(LARGEST, room // SMALLEST * SMALLEST or room, draws)


def workers() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_here(tasks: Iterator[Task], target: Target) -> None:
    """Project blocks by threads, a few ahead of those being written."""

    def one(task: Task) -> None:
        target.write(task.countries, task.draws, run_block(task))

    with ThreadPoolExecutor(workers()) as pool:
        running: set[Future[None]] = set()
        for task in tasks:
            running.add(pool.submit(one, task))
            if len(running) > workers():
                running = _settled(running)
        while running:
            running = _settled(running)


def _settled(running: set[Future[None]]) -> set[Future[None]]:
    """Those still running after at least one has ended; an error of any comes out here."""
    ended, left = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        future.result()
    return left


def run_on(client: Any, tasks: Iterator[Task], target: Target) -> None:
    """Project blocks on the workers of a `dask.distributed.Client`; blocks of a worker that dies go to another."""
    from dask.distributed import as_completed

    ahead = 2 * max(len(client.scheduler_info()["workers"]), 1)
    asked: dict[str, Task] = {}

    def submit() -> Any:
        task = next(tasks, None)
        if task is None:
            return None
        small = replace(
            task,
            draws=slice(0, task.draws.stop - task.draws.start),
            inputs=tuple(inputs.isel(draw=task.draws) for inputs in task.inputs),
            links=None if task.links is None else task.links.isel(draw=task.draws),
        )
        future = client.submit(run_block, small, pure=False)
        asked[future.key] = task
        return future

    queue = as_completed([future for future in (submit() for _ in range(ahead)) if future is not None])
    for future in queue:
        task = asked.pop(future.key)
        target.write(task.countries, task.draws, future.result())
        following = submit()
        if following is not None:
            queue.add(following)
