"""The chains of a PyMC model: run side by side, each stored when it is finished, taken up again after a halt."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import xarray as xr

from .errors import DrawsError

__all__ = ["Progress", "run_chains"]

log = logging.getLogger(__name__)

RECORD: Final = "record.json"
PAUSE: Final = 0.1  # seconds between two looks at a chain
EVERY: Final = 1.0  # seconds between two reports


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far all chains together are.

    Parameters
    ----------
    done, total : int
        Draws made and draws in all, those of the tuning included; a chain read from a store counts as made.
    divergences : int
        Divergent draws after the tuning.
    seconds : float
        Since the first chain began.
    seconds_left : float or None
        At the rate so far; None before the first draw.

    Examples
    --------
    >>> print(Progress(done=2480, total=8000, divergences=1, seconds=5.4, seconds_left=12.0))
    2,480 of 8,000 draws, 1 divergent, 12 s left
    """

    done: int
    total: int
    divergences: int
    seconds: float
    seconds_left: float | None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {_duration(self.seconds_left)} left"
        return f"{self.done:,} of {self.total:,} draws, {self.divergences:,} divergent{left}"


def run_chains(
    model: pm.Model,
    *,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    target_accept: float,
    store: str | Path | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[xr.Dataset, xr.DataArray]:
    """Draw from the posterior by NUTS, each chain from a seed of its own.

    The draws of chain k follow from `seed` and k alone, whichever other chains run beside it or before it. With `store`
    each chain is written to a file ``chain-k.nc`` when it is finished, and a run that was interrupted reads those files
    and starts the other chains again: nutpie has no state from which to go on in the middle of a chain. One run at a
    time may use a folder.

    Parameters
    ----------
    model : pymc.Model
        With continuous variables only.
    seed : int
        Not negative.
    draws, tune : int
        Draws kept and spent on adaptation, per chain.
    chains, cores : int
        Chains in all, and those that run at the same time.
    target_accept : float
        Acceptance rate that the step size aims at.
    store : str or Path, optional
        Folder of the chains; made if need be.
    record : mapping, optional
        What decides the draws besides the arguments of this function, as JSON can hold it. The density and the
        variables of the model at one point belong to the record too, so that a change of its code is noticed.
    progress : callable, optional
        Called with a `Progress` at the start, about once a second, and at the end, in the thread of the caller. An
        exception that it raises stops the chains and passes on, as an interruption does.

    Returns
    -------
    parameters : xarray.Dataset
        Axes ``chain``, ``draw`` and those of each variable, deterministic ones included.
    diverging : xarray.DataArray
        Whether a draw diverged (chain, draw).

    Raises
    ------
    DrawsError
        If a number is below one, or the store is another fit's or no store.

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     x = pm.Normal("x")
    >>> parameters, diverging = run_chains(
    ...     model, seed=1, draws=50, tune=100, chains=2, cores=1, target_accept=0.8)
    >>> dict(parameters["x"].sizes), int(diverging.sum())
    ({'chain': 2, 'draw': 50}, 0)
    """
    numbers = {"draws": draws, "chains": chains, "cores": cores}
    if min(numbers.values()) < 1:
        raise DrawsError(f"expected at least one draw, chain and core, found {numbers}; ask for more.")
    compiled = nutpie.compile_pymc_model(model)
    options = {"draws": draws, "tune": max(tune, 1), "target_accept": target_accept}  # without tuning nutpie panics
    folder = None if store is None else Path(store)
    if folder is not None:
        own = {"seed": int(seed), "chains": chains} | options
        _claim(folder, dict(record or {}) | own | _at_a_point(compiled))
    kept = _Draws(compiled, chains, draws)
    watch = _Watch(progress, chains, options["tune"] + draws)
    seeds = [int(child.generate_state(1, np.uint64)[0]) for child in np.random.SeedSequence(seed).spawn(chains)]
    waiting = []
    for chain in range(chains):
        if folder is not None and kept.read(chain, folder):
            watch.finished(chain, kept.divergences(chain))
        else:
            waiting.append(chain)
    running: dict[int, Any] = {}
    try:
        watch.begin()
        while waiting or running:
            while waiting and len(running) < cores:
                chain = waiting.pop(0)
                running[chain] = _start(compiled, seeds[chain], options, partial(watch.seen, chain))
            for chain, sampler in list(running.items()):
                try:
                    kept.take(chain, sampler.wait(timeout=PAUSE))
                except TimeoutError:
                    continue
                del running[chain]
                if folder is not None:
                    kept.write(chain, folder)
                watch.finished(chain, kept.divergences(chain))
            watch.tell()
        watch.report()
    except BaseException as error:
        for sampler in running.values():
            with suppress(Exception):  # a chain that has failed has nothing left to stop
                sampler.cancel()
        if folder is not None:
            error.add_note(
                f"The finished chains are kept in {folder}; fit again with the same arguments and store= to run only "
                "the others."
            )
        raise
    return kept.labelled()


def _start(compiled: Any, seed: int, options: Mapping[str, Any], seen: Callable[[int, int], None]) -> Any:
    """Let one chain run in the background.

    Its draws stay in memory till it is finished. nutpie could stream them to Zarr, in chunks of 16 draws for each of
    some 50 arrays: a fit of a few countries took three times the processor time, for draws from which no chain can go
    on.
    """
    return nutpie.sample(
        compiled,
        **options,
        chains=1,
        cores=1,
        seed=seed,
        save_warmup=False,
        blocking=False,
        progress_bar=False,
        progress_callback=lambda states: seen(states[0].finished_draws, states[0].divergences),
        progress_rate=500,
    )


def _claim(folder: Path, record: Mapping[str, Any]) -> None:
    """Begin a store, or see that one which is there was begun by the same fit."""
    asked = json.loads(json.dumps(record))
    path = folder / RECORD
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asked, indent=1), encoding="utf-8")
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DrawsError(
            f"{folder}: expected an empty folder or the chains of an earlier run, found neither; choose another "
            "store=, or remove this one."
        ) from None
    other = [name for name in asked | found if asked.get(name) != found.get(name)]
    if other:
        expected, there = ({name: entries.get(name) for name in other} for entries in (asked, found))
        raise DrawsError(
            f"{folder}: expected the chains of {expected}, found those of {there}; choose another store=, or remove "
            "this one."
        )


def _at_a_point(compiled: Any) -> dict[str, str]:
    """Density and variables at one point, to fewer digits than two machines differ in."""
    point = np.random.default_rng(0).normal(scale=0.1, size=compiled.n_dim)
    density, _ = compiled.logp_func(point)
    (variables,) = compiled.expand_func(point)
    with np.errstate(all="ignore"):
        return {"density": f"{float(density):.8g}", "variables": f"{float(np.sum(variables)):.8g}"}


class _Draws:
    """The draws of all chains, filled in as each is finished."""

    def __init__(self, compiled: Any, chains: int, draws: int) -> None:
        hidden = set(compiled.reparameterized_names or ())
        self._dims: dict[Hashable, Sequence[Hashable]] = dict(compiled.dims)
        self._coords = dict(compiled.coords)
        self._values = {
            name: np.empty((chains, draws, *shape)) for name, shape in compiled.shapes.items() if name not in hidden
        }
        self._diverging = np.zeros((chains, draws), dtype=bool)

    def divergences(self, chain: int) -> int:
        return int(self._diverging[chain].sum())

    def take(self, chain: int, tree: Any) -> None:
        """Fill in a chain from groups ``posterior`` and ``sample_stats`` that hold it alone."""
        for name, values in self._values.items():
            values[chain] = np.asarray(tree[f"posterior/{name}"])[0]
        self._diverging[chain] = np.asarray(tree["sample_stats/diverging"])[0]

    def read(self, chain: int, folder: Path) -> bool:
        """Fill in a chain from its file, if that is there and whole."""
        path = folder / f"chain-{chain}.nc"
        if not path.exists():
            return False
        try:
            with xr.open_datatree(path, engine="h5netcdf") as tree:
                self.take(chain, tree)
        except (OSError, KeyError, ValueError) as error:
            log.warning("%s cannot be read, and its chain is run again: %s", path, error)
            return False
        return True

    def write(self, chain: int, folder: Path) -> None:
        """Write a chain to its file, which is there only when it is whole."""
        parameters, diverging = (part.assign_coords(chain=[chain]) for part in self.labelled(slice(chain, chain + 1)))
        tree = xr.DataTree.from_dict({"/posterior": parameters, "/sample_stats": diverging.to_dataset()})
        path = folder / f"chain-{chain}.nc"
        part = path.with_suffix(".part")
        tree.to_netcdf(part, engine="h5netcdf")
        part.replace(path)

    def labelled(self, chosen: slice = slice(None)) -> tuple[xr.Dataset, xr.DataArray]:
        """Parameters, and where they diverged."""
        values = {name: array[chosen] for name, array in self._values.items()}
        parameters = az.dict_to_dataset(values, coords=self._coords, dims=self._dims)
        diverging = az.dict_to_dataset({"diverging": self._diverging[chosen]})["diverging"]
        return parameters, diverging


class _Watch:
    """What has been reported of each chain, and when the caller was last told."""

    def __init__(self, progress: Callable[[Progress], None] | None, chains: int, length: int) -> None:
        self._progress, self._length = progress, length
        self._done, self._divergences = [0] * chains, [0] * chains
        self._started = self._told = time.perf_counter()
        self._before = 0

    def begin(self) -> None:
        """The clock starts; what is done by now says nothing of the rate."""
        self._started = time.perf_counter()
        self._before = sum(self._done)
        self.report()

    def seen(self, chain: int, done: int, divergences: int) -> None:
        """Called by nutpie, in threads of its own, so that the last call need not be the latest."""
        self._done[chain] = max(self._done[chain], done)
        self._divergences[chain] = max(self._divergences[chain], divergences)

    def finished(self, chain: int, divergences: int) -> None:
        self.seen(chain, self._length, divergences)

    def tell(self) -> None:
        """Tell the caller, if the last time is long enough ago and the end is to come."""
        if time.perf_counter() - self._told >= EVERY and sum(self._done) < self._length * len(self._done):
            self.report()

    def report(self) -> None:
        """Tell the caller."""
        self._told = time.perf_counter()
        if self._progress is None:
            return
        done, total, seconds = sum(self._done), self._length * len(self._done), self._told - self._started
        made = done - self._before
        self._progress(
            Progress(
                done=done,
                total=total,
                divergences=sum(self._divergences),
                seconds=seconds,
                seconds_left=0.0 if done == total else seconds * (total - done) / made if made else None,
            )
        )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
