"""Fits of the four models, two side by side, kept in a cache so that the next command takes seconds.

A fit that is interrupted leaves its finished chains beside the cache, and the next command runs only the others.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import multiprocessing
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

from pooch import os_cache

from .. import forecast
from ..data import Panel, PoblarError, Region
from ..data.fetch import CACHE_VARIABLE
from ..forecast import Backlog, Fertility, Migration, Mortality, Posterior, Sampling
from ..forecast.fit import RECORDED
from ..forecast.world import FOLDER
from .errors import PlannerError

__all__ = ["WHAT", "Fits", "fit_models", "memory_mb", "posterior_folder"]

log = logging.getLogger(__name__)


MODELS: Final = {"mortality": Mortality(), "fertility": Fertility(), "migration": Migration(), "backlog": Backlog()}
"""The models of a standard study by name, the one that takes longest first."""

WHAT: Final = tuple(MODELS)
"""Their names."""

SIDE_BY_SIDE = 2
SAMPLING = Sampling()
LISTEN = 0.5  # seconds between two looks at what the processes say

Progress = Callable[[str, str], None]
"""Called with the name of a model and what became of it: "cached", "fitting" (and how far it is) or "fitted"."""


@dataclass(frozen=True, kw_only=True)
class Fits:
    """Posteriors, and how they came to be.

    Parameters
    ----------
    posteriors : dict of str to Posterior
        By the names in `WHAT`.
    cached : tuple of str
        Those that were read from the cache and not fitted anew.
    seconds : dict of str to float
        Wall time of each fit made now.
    workers_mb : float
        Peak memory of the processes that fitted, summed.

    Examples
    --------
    >>> Fits(posteriors={}).cached
    ()
    """

    posteriors: dict[str, Posterior[Any]]
    cached: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    workers_mb: float = 0.0

    def __getitem__(self, name: str) -> Posterior[Any]:
        return self.posteriors[name]


@dataclass(frozen=True, kw_only=True)
class _Job:
    name: str
    model: Fertility | Mortality | Migration | Backlog
    panel: Panel
    seed: int
    sampling: Sampling
    accept_unconverged: bool
    fresh: bool
    path: Path


def fit_models(
    region: Region,
    names: Sequence[str] = WHAT,
    *,
    ledger: str = "MEX",
    seed: int,
    sampling: Sampling = SAMPLING,
    accept_unconverged: bool = False,
    fresh: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Fits:
    """Fit models to a region's figures, two processes side by side, or read them from the cache.

    A posterior in the cache is used when spec, figures, seed, sampling, package versions, the code of the forecast room
    and the bundled posteriors are those of the fit asked for. So are the finished chains of such a fit that was
    interrupted, and only the others are run.

    Parameters
    ----------
    region : Region
        Published figures; all its countries are fitted together.
    names : sequence of str
        Among `WHAT`.
    ledger : str
        Country whose asylum ledger the backlog is fitted to.
    seed : int
        Seed of every fit.
    sampling : Sampling
        Numbers of draws and chains.
    accept_unconverged : bool
        Go on with a posterior that fails the convergence gate.
    fresh : bool
        Fit anew whatever the cache holds.
    cache : str or Path, optional
        Folder of the cache; by default the environment variable ``POBLAR_CACHE``, else the user's cache folder.
    progress : callable, optional
        Called as ``progress(name, state)``, while a model is fitted about once a second. An exception that it raises
        stops the fits.

    Returns
    -------
    Fits

    Raises
    ------
    PlannerError
        If a model could not be fitted, or the country has no ledger.

    Examples
    --------
    >>> from poblar.data import reference
    >>> fit_models(reference.region(["GTM"]), ["backlog"], ledger="GTM", seed=1)
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected a country with an asylum ledger, found GTM; ...
    """
    return fit_panels(
        panels_of(region, names, ledger),
        seed=seed,
        sampling=sampling,
        accept_unconverged=accept_unconverged,
        fresh=fresh,
        cache=cache,
        progress=progress,
    )


def fit_panels(
    panels: Mapping[str, Panel],
    *,
    seed: int,
    sampling: Sampling = SAMPLING,
    accept_unconverged: bool = False,
    fresh: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Fits:
    """As `fit_models`, of panels that are at hand, by the names in `WHAT`."""
    tell = progress or (lambda _name, _state: None)
    folder = posterior_folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        _job(name, panels[name], seed, sampling, accept_unconverged, fresh, folder) for name in WHAT if name in panels
    ]
    found = {} if fresh else {job.name: kept for job in jobs if (kept := _kept(job)) is not None}
    for name in found:
        tell(name, "cached")
    seconds, workers_mb = _fit_all([job for job in jobs if job.name not in found], tell)
    posteriors = {
        job.name: found[job.name] if job.name in found else Posterior.load(job.path, job.model) for job in jobs
    }
    return Fits(posteriors=posteriors, cached=tuple(found), seconds=seconds, workers_mb=workers_mb)


def posterior_folder(cache: str | Path | None = None) -> Path:
    """Folder in which fitted posteriors are kept.

    Parameters
    ----------
    cache : str or Path, optional
        As in `fit_models`.

    Returns
    -------
    Path

    Examples
    --------
    >>> posterior_folder("tables").as_posix()
    'tables/posteriors'
    """
    return Path(cache or os.environ.get(CACHE_VARIABLE) or os_cache("poblar")).expanduser() / "posteriors"


def memory_mb() -> float:
    """Peak resident memory of this process so far, in megabytes.

    Returns
    -------
    float

    Examples
    --------
    >>> memory_mb() > 10
    True
    """
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose getrusage starts a child at what its parent held
        return (
            next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 2**10
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, kilobytes elsewhere


def panels_of(region: Region, names: Sequence[str], ledger: str) -> dict[str, Panel]:
    """What each model is fitted to, by name."""
    panels = {"fertility": region.tfr, "mortality": region.e0, "migration": region.net_migration}
    if "backlog" in names:
        known = region.asylum["country"].to_numpy().tolist() if region.asylum is not None else []
        if region.asylum is None or ledger not in known:
            raise PlannerError(
                f"expected a country with an asylum ledger, found {ledger}; choose one of "
                f"{', '.join(known) or 'MEX, USA, CAN'}."
            )
        panels["backlog"] = region.asylum.sel(country=ledger)
    return {name: panel for name, panel in panels.items() if name in names}


def _job(name: str, panel: Panel, seed: int, sampling: Sampling, accept: bool, fresh: bool, folder: Path) -> _Job:
    model = MODELS[name]
    key = _key(repr(model), panel.hash, seed, sampling)
    return _Job(
        name=name,
        model=model,
        panel=panel,
        seed=seed,
        sampling=sampling,
        accept_unconverged=accept,
        fresh=fresh,
        path=folder / f"{name}-{key}.nc",
    )


def _key(spec: str, figures: str, seed: int, sampling: Sampling) -> str:
    """Short digest of everything that decides the draws; how many cores ran at once does not."""
    code = hashlib.sha256()
    for path in (*sorted(Path(forecast.__file__).parent.glob("*.py")), *sorted(FOLDER.glob("*.nc"))):
        code.update(path.read_bytes())
    versions = {name: version(name) for name in RECORDED}
    parts = [spec, figures, seed, repr(replace(sampling, cores=1)), versions, code.hexdigest()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _kept(job: _Job) -> Posterior[Any] | None:
    """The posterior in the cache, if there is one that may be used."""
    if not job.path.exists():
        return None
    try:
        posterior = Posterior.load(job.path, job.model)
    except (PoblarError, OSError, KeyError, ValueError) as error:
        log.warning("%s cannot be read and is fitted anew: %s", job.path, error)
        return None
    return posterior if posterior.diagnostics.converged or job.accept_unconverged else None


def _fit_all(jobs: list[_Job], tell: Progress) -> tuple[dict[str, float], float]:
    """Seconds of each fit, and the workers' peak memory summed."""
    if not jobs:
        return {}, 0.0
    workers = min(SIDE_BY_SIDE, len(jobs))
    seconds: dict[str, float] = {}
    memory: dict[int, float] = {}
    # Spawned, since a fork of a process with threads (numba, BLAS) may hang.
    context = multiprocessing.get_context("spawn")
    said, halt = context.SimpleQueue(), context.Event()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_connect, initargs=(said, halt)) as pool:
        cores = SIDE_BY_SIDE // workers
        try:
            futures = {}
            for job in jobs:
                tell(job.name, "fitting")
                futures[pool.submit(_fit, replace(job, sampling=replace(job.sampling, cores=cores)))] = job.name
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=LISTEN, return_when=FIRST_COMPLETED)
                while not said.empty():
                    tell(*said.get())
                for future in done:
                    name = futures[future]
                    seconds[name], process, peak = future.result()
                    memory[process] = max(peak, memory.get(process, 0.0))
                    tell(name, "fitted")
        except BaseException:
            halt.set()
            pool.shutdown(cancel_futures=True)
            raise
    return seconds, sum(memory.values())


class _Wire:
    """What joins a process that fits to the one that started it."""

    said: SimpleQueue[tuple[str, str]]
    halt: Event


def _connect(said: SimpleQueue[tuple[str, str]], halt: Event) -> None:
    """Both are inherited when a process starts, and cannot be sent to it with a job."""
    _Wire.said, _Wire.halt = said, halt


def _fit(job: _Job) -> tuple[float, int, float]:
    """Fit one model and put it in the cache whole; runs in a process of its own."""
    started = time.perf_counter()

    def tell(progress: object) -> None:
        if _Wire.halt.is_set():
            raise KeyboardInterrupt
        _Wire.said.put((job.name, f"fitting, {progress}"))

    with _chains_of(job) as store:
        try:
            posterior = job.model.fit(
                job.panel,
                seed=job.seed,
                sampling=job.sampling,
                accept_unconverged=job.accept_unconverged,
                store=store,
                progress=tell,
            )
        except PoblarError as error:  # not all of them travel between processes
            raise PlannerError(f"The model of {job.name} could not be fitted: {error}") from None
        part = job.path.with_name(f"{job.path.stem}.{os.getpid()}.part")
        posterior.save(part)
        part.replace(job.path)
    return time.perf_counter() - started, os.getpid(), memory_mb()


@contextmanager
def _chains_of(job: _Job) -> Iterator[Path | None]:
    """Folder of a fit's chains, gone when the fit is in the cache; None where another process is at the same fit."""
    folder = job.path.with_suffix(".chains")
    folder.mkdir(exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        yield None
        return
    try:
        if job.fresh:
            for left in folder.iterdir():
                left.unlink()
        yield folder
        shutil.rmtree(folder)
    finally:
        os.close(handle)
        with suppress(OSError):  # of a folder with chains, which stays, or one that is gone
            folder.rmdir()
