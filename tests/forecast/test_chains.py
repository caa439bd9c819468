"""Chains: the draws of each are its own, a halt loses only what was not finished, and the way there is told."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import DrawsError, Migration, Sampling
from poblar.forecast import chains as module
from poblar.forecast.chains import Progress, run_chains

COUNTRIES = ["MEX", "SLV", "GTM"]


def toy(spread: float = 1.0) -> pm.Model:
    """Three levels around a common one, with a variable that follows and one without a name for its axis."""
    with pm.Model(coords={"country": COUNTRIES}) as model:
        common = pm.Normal("common", 0.0, 1.0)
        scale = pm.HalfNormal("scale", spread)
        level = pm.Normal("level", common, scale, dims="country")
        pm.Deterministic("doubled", 2.0 * level, dims="country")
        pm.Deterministic("pair", level[:2])
        pm.Normal("seen", level, 0.3, observed=np.array([0.0, 1.0, 2.0]))
    return model


TOY = toy()
COMPILE = module.nutpie.compile_pymc_model


@pytest.fixture(autouse=True, scope="module")
def compiled_once() -> Iterator[None]:
    """The toy is compiled at its first run and not at each of thirty."""
    known: dict[pm.Model, Any] = {}

    def compile_once(model: pm.Model) -> Any:
        if model not in known:
            known[model] = COMPILE(model)
        return known[model]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.nutpie, "compile_pymc_model", compile_once)
        yield


def run(
    *, seed: int = 1, chains: int = 3, cores: int = 2, draws: int = 40, model: pm.Model = TOY, **options
) -> tuple[xr.Dataset, xr.DataArray]:
    return run_chains(model, seed=seed, draws=draws, tune=60, chains=chains, cores=cores, target_accept=0.8, **options)


@pytest.fixture(scope="module")
def whole() -> tuple[xr.Dataset, xr.DataArray]:
    """Three chains that nothing interrupted, and that were not stored."""
    return run()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The seeds of the chains that are begun, in that order."""
    seeds: list[str] = []
    begin = module._start

    def noted(compiled, seed, *others):
        seeds.append(seed)
        return begin(compiled, seed, *others)

    monkeypatch.setattr(module, "_start", noted)
    return seeds


def same(one: tuple[xr.Dataset, xr.DataArray], other: tuple[xr.Dataset, xr.DataArray]) -> bool:
    """Equal to the last bit, with the same axes and labels."""
    return all(a.equals(b) for a, b in zip(one, other, strict=True))


def test_every_variable_has_its_axes_and_labels(whole: tuple[xr.Dataset, xr.DataArray]) -> None:
    parameters, diverging = whole
    assert {name: values.dims[2:] for name, values in parameters.items()} == {
        "common": (),
        "scale": (),
        "level": ("country",),
        "doubled": ("country",),
        "pair": ("pair_dim_0",),
    }
    assert parameters["country"].to_numpy().tolist() == COUNTRIES
    assert dict(diverging.sizes) == {"chain": 3, "draw": 40}
    np.testing.assert_array_equal(parameters["doubled"], 2.0 * parameters["level"])


def test_a_chain_does_not_depend_on_the_others(whole: tuple[xr.Dataset, xr.DataArray]) -> None:
    """One after another, all at once, and fewer: always the same draws."""
    assert same(run(cores=1), whole)
    assert same(run(cores=3), whole)
    alone = run(chains=1)
    assert same(alone, tuple(part.isel(chain=[0]) for part in whole))


def test_no_two_chains_and_no_two_seeds_are_alike(whole: tuple[xr.Dataset, xr.DataArray]) -> None:
    first = np.concatenate([whole[0]["common"].to_numpy(), run(seed=2)[0]["common"].to_numpy()])
    assert len(np.unique(first.round(12))) > 200
    assert np.abs(np.corrcoef(first) - np.eye(6)).max() < 0.8


def test_the_posterior_is_the_right_one() -> None:
    """A normal mean of known spread: its posterior in closed form, to five standard errors."""
    with pm.Model() as model:
        mean = pm.Normal("mean", 0.0, 2.0)
        pm.Normal("seen", mean, 1.0, observed=np.array([1.0, 2.0, 4.5]))
    draws = run_chains(model, seed=3, draws=1000, tune=300, chains=2, cores=1, target_accept=0.8)[0]["mean"]
    precision = 1 / 4 + 3
    assert float(draws.mean()) == pytest.approx(7.5 / precision, abs=5 / np.sqrt(500 * precision))
    assert float(draws.std()) == pytest.approx(precision**-0.5, rel=0.15)


def test_stored_chains_are_those_of_memory(
    whole: tuple[xr.Dataset, xr.DataArray], tmp_path: Path, started: list[str]
) -> None:
    assert same(run(store=tmp_path / "chains"), whole)
    assert sorted(path.name for path in (tmp_path / "chains").iterdir()) == [
        "chain-0.nc", "chain-1.nc", "chain-2.nc", "record.json",
    ]  # fmt: skip
    assert len(started) == 3
    assert same(run(store=tmp_path / "chains", cores=1), whole)  # read, and nothing run
    assert len(started) == 3


def test_a_missing_and_a_broken_chain_are_run_again(
    whole: tuple[xr.Dataset, xr.DataArray], tmp_path: Path, started: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    run(store=tmp_path)
    seeds = list(started)
    (tmp_path / "chain-1.nc").unlink()
    last = tmp_path / "chain-2.nc"
    last.write_bytes(last.read_bytes()[:-100])
    before = (tmp_path / "chain-0.nc").stat()
    assert same(run(store=tmp_path), whole)
    assert sorted(started[3:]) == sorted(seeds[1:])
    after = (tmp_path / "chain-0.nc").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "chain-2.nc cannot be read, and its chain is run again" in caplog.text


class Halt(Exception):
    """Raised on purpose."""


def test_an_interrupted_run_goes_on_to_the_same_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped from the report of progress when one chain is finished and the second is at work."""
    monkeypatch.setattr(module, "EVERY", 0.0)
    monkeypatch.setattr(module, "PAUSE", 0.001)
    long = {"draws": 500, "cores": 1}
    whole = run(**long)
    times = []

    def stop(progress: Progress) -> None:
        if progress.done >= 560:
            times.append(progress.done)
            if len(times) == 2:  # the first time no other chain is begun
                raise Halt

    with pytest.raises(Halt) as halted:
        run(**long, store=tmp_path, progress=stop)
    assert halted.value.__notes__ == [
        f"The finished chains are kept in {tmp_path}; fit again with the same arguments and store= to run only the "
        "others."
    ]
    assert (tmp_path / "chain-0.nc").exists()
    assert not (tmp_path / "chain-1.nc").exists()
    kept = (tmp_path / "chain-0.nc").stat().st_mtime_ns
    seen: list[Progress] = []
    assert same(run(**long, store=tmp_path, progress=seen.append), whole)
    assert (tmp_path / "chain-0.nc").stat().st_mtime_ns == kept
    assert seen[0].done == 560  # the chain that was read


@pytest.fixture
def keyboard() -> Iterator[None]:
    """An interruption raises, also where tests run beside one another and leave it to the process above."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_an_interruption_from_the_keyboard_stops_the_chains(tmp_path: Path) -> None:
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))

    def arm(progress: Progress) -> None:
        if not progress.done:
            timer.start()

    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt) as halted:
        run(draws=500_000, store=tmp_path, progress=arm)
    assert time.perf_counter() - started < 30.0
    assert "fit again with the same arguments and store=" in halted.value.__notes__[0]
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.2  # nothing goes on drawing


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 2}, r"expected the chains of \{'seed': 2\}, found those of \{'seed': 1\}"),
        ({"draws": 41}, r"expected the chains of \{'draws': 41\}, found those of \{'draws': 40\}"),
        ({"record": {"panel": "b"}}, r"expected the chains of \{'panel': 'b'\}, found those of \{'panel': 'a'\}"),
        ({"model": toy(spread=2.0)}, r"expected the chains of \{'density': '.*'\}, found those of \{'density': '.*'\}"),
    ],
    ids=["seed", "draws", "record", "prior"],
)
def test_the_folder_of_another_fit_is_refused(changed: dict, message: str, foreign: Path) -> None:
    before = sorted(foreign.iterdir())
    with pytest.raises(DrawsError, match=message + r"; choose another store=, or remove this one\."):
        run(store=foreign, **({"record": {"panel": "a"}} | changed))
    assert sorted(foreign.iterdir()) == before


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chains of the toy with seed 1."""
    folder = tmp_path_factory.mktemp("foreign")
    run(store=folder, record={"panel": "a"})
    return folder


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DrawsError, match="expected an empty folder or the chains of an earlier run, found neither"):
        run(store=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"chains": 0}, {"cores": 0}])
def test_nothing_to_run_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(DrawsError, match="expected at least one draw, chain and core, found"):
        run(**wrong)


def test_progress_goes_up_to_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    monkeypatch.setattr(module, "PAUSE", 0.001)
    seen: list[Progress] = []
    threads = set()

    def note(progress: Progress) -> None:
        seen.append(progress)
        threads.add(threading.current_thread())

    _, diverging = run(draws=4000, progress=note)
    assert seen[0] == Progress(done=0, total=3 * 4060, divergences=0, seconds=seen[0].seconds, seconds_left=None)
    assert len(seen) > 3
    for one, next_one in pairwise(seen):
        assert one.done <= next_one.done
        assert one.divergences <= next_one.divergences
        assert one.seconds <= next_one.seconds
    assert (seen[-1].done, seen[-1].seconds_left) == (3 * 4060, 0.0)
    assert [report.done for report in seen].count(3 * 4060) == 1
    assert seen[-1].divergences == int(diverging.sum())
    assert threads == {threading.main_thread()}


@pytest.mark.parametrize(
    ("left", "text"),
    [(None, ""), (0.4, ", 0 s left"), (99.0, ", 99 s left"), (100.0, ", 2 min left"), (7200.0, ", 2.0 h left")],
)
def test_progress_in_a_line(left: float | None, text: str) -> None:
    progress = Progress(done=12, total=8000, divergences=1, seconds=1.0, seconds_left=left)
    assert str(progress) == f"12 of 8,000 draws, 1 divergent{text}"


def test_a_fit_resumes_from_its_store(region: Region, tmp_path: Path) -> None:
    """Of a model of the project: one chain is taken away, and the posterior is the same."""
    panel = region.net_migration.sel(country=["MEX", "SLV"])
    short = {"seed": 3, "sampling": Sampling(draws=20, tune=20, chains=2), "accept_unconverged": True}
    seen: list[Progress] = []
    first = Migration().fit(panel, **short, store=tmp_path, progress=seen.append)
    (tmp_path / "chain-1.nc").unlink()
    again = Migration().fit(panel, **short, store=tmp_path)
    xr.testing.assert_equal(again.parameters, first.parameters)
    assert again.diagnostics == first.diagnostics
    assert seen[-1].done == seen[-1].total == 80
    assert json.loads((tmp_path / "record.json").read_text())["panel"] == panel.hash
    with pytest.raises(DrawsError, match=r"expected the chains of \{'spec': .*, found those of \{'spec': "):
        Migration(limits=(-0.1, 0.1)).fit(panel, **short, store=tmp_path)
