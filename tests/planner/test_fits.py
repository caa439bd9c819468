"""Fits and their cache: those that the small demo left."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from poblar.data import Panel, reference
from poblar.forecast import Migration, Sampling
from poblar.planner.errors import PlannerError
from poblar.planner.fits import WHAT, Fits, _job, fit_models, posterior_folder

HASTY = Sampling(draws=60, tune=60)


@pytest.fixture
def no_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a fit would begin, an error that names the models."""

    def refit(jobs: Sequence, _tell: object) -> tuple[dict[str, float], float]:
        if jobs:
            raise RuntimeError(f"fits {' '.join(job.name for job in jobs)}")
        return {}, 0.0

    monkeypatch.setattr("poblar.planner.fits._fit_all", refit)


def again(cache: Path, *, seed: int = 1, sampling: Sampling = HASTY, accept: bool = True, fresh: bool = False) -> Fits:
    return fit_models(
        reference.region(), seed=seed, sampling=sampling, accept_unconverged=accept, fresh=fresh, cache=cache
    )


@pytest.mark.usefixtures("no_fits")
def test_the_second_time_comes_from_the_cache(cache: Path) -> None:
    told: list[tuple[str, str]] = []
    fits = fit_models(
        reference.region(), seed=1, sampling=HASTY, accept_unconverged=True, cache=cache,
        progress=lambda name, state: told.append((name, state)),
    )  # fmt: skip
    assert fits.cached == WHAT
    assert told == [(name, "cached") for name in WHAT]


@pytest.mark.usefixtures("no_fits")
def test_how_many_cores_ran_does_not_decide_the_fit(cache: Path) -> None:
    assert again(cache, sampling=replace(HASTY, cores=7)).cached == WHAT


@pytest.mark.usefixtures("no_fits")
@pytest.mark.parametrize(
    "changed",
    [{"seed": 2}, {"sampling": Sampling(draws=61, tune=60)}, {"fresh": True}],
    ids=["seed", "sampling", "fresh"],
)
def test_another_question_is_fitted_anew(cache: Path, changed: dict) -> None:
    with pytest.raises(RuntimeError, match="fits mortality fertility migration backlog"):
        again(cache, **changed)


@pytest.mark.usefixtures("no_fits")
def test_an_unconverged_fit_in_the_cache_is_not_passed_off_as_good(cache: Path) -> None:
    """The gate is asked again: without leave the model is fitted anew."""
    with pytest.raises(RuntimeError, match="fits mortality"):
        again(cache, accept=False)


@pytest.mark.usefixtures("no_fits")
def test_a_broken_file_is_not_used(cache: Path) -> None:
    (path,) = posterior_folder(cache).glob("migration-*.nc")
    kept = path.read_bytes()
    path.write_bytes(kept[:100])
    with pytest.raises(RuntimeError, match="fits migration"):
        again(cache)
    path.write_bytes(kept)


def test_an_error_of_a_fit_comes_back_as_a_stated_one(tmp_path: Path) -> None:
    region = reference.region()
    assert region.asylum is not None
    early = Panel(region.asylum.dataset.sel(year=slice(2000, 2001)))
    with pytest.raises(
        PlannerError, match="The model of backlog could not be fitted: expected applications above zero"
    ):
        fit_models(replace(region, asylum=early), ["backlog"], ledger="USA", seed=1, cache=tmp_path)
    assert list(posterior_folder(tmp_path).iterdir()) == []


def test_an_interruption_stops_the_processes_that_fit(tmp_path: Path) -> None:
    """A fit of minutes, stopped at its first report."""

    def stop(_name: str, state: str) -> None:
        if state != "fitting":
            raise KeyboardInterrupt(state)

    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt, match=r"^fitting, 0 of 2,000,200 draws, 0 divergent$"):
        fit_models(
            reference.region(["MEX", "SLV"]),
            ["migration"],
            seed=1,
            sampling=Sampling(draws=1_000_000, tune=100, chains=2),
            cache=tmp_path,
            progress=stop,
        )
    assert time.perf_counter() - started < 60.0
    (folder,) = posterior_folder(tmp_path).iterdir()
    assert [path.name for path in folder.iterdir()] == ["record.json"]


def test_the_chains_of_an_interrupted_fit_are_used_and_removed(tmp_path: Path) -> None:
    region, sampling = reference.region(["MEX", "SLV"]), Sampling(draws=50, tune=50)
    job = _job("migration", region.net_migration, 1, sampling, True, False, posterior_folder(tmp_path))
    store = job.path.with_suffix(".chains")
    whole = Migration().fit(region.net_migration, seed=1, sampling=sampling, accept_unconverged=True, store=store)
    (store / "chain-1.nc").unlink()
    told: list[str] = []
    fits = fit_models(
        region,
        ["migration"],
        seed=1,
        sampling=sampling,
        accept_unconverged=True,
        cache=tmp_path,
        progress=lambda _name, state: told.append(state),
    )
    assert told[1].startswith("fitting, 300 of 400 draws, ")
    assert told[-1] == "fitted"
    assert list(posterior_folder(tmp_path).iterdir()) == [job.path]
    xr.testing.assert_equal(fits["migration"].parameters, whole.parameters)


def test_a_country_without_a_ledger_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    with pytest.raises(
        PlannerError, match="expected a country with an asylum ledger, found SLV; choose one of CAN, USA"
    ):
        fit_models(reference.region(), ledger="SLV", seed=1, cache=tmp_path)


def test_memory_is_that_of_this_process_and_not_of_the_one_that_started_it() -> None:
    """A parent that has held 1.5 GB starts a child, which says what it holds itself."""
    child = "from poblar.planner.fits import memory_mb; print(memory_mb())"
    parent = (
        "import subprocess, sys, numpy; held = numpy.ones(200_000_000); "
        f"print(subprocess.run([sys.executable, '-c', {child!r}], capture_output=True, text=True, check=True).stdout)"
    )
    said = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True).stdout
    assert 50.0 < float(said) < 1200.0
