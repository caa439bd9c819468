"""The engine: the same numbers from memory, a store that was interrupted, and the workers of a cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import DrawsError, Projection, _engine, population, project
from poblar.forecast.indicators import age_total, dependency_ratio, support_ratio

YEARS = np.arange(2024, 2031)
COUNTRIES = ["MEX", "SLV", "GTM"]
DRAWS = 40
EVERYTHING = ("population", "births_by_age", "deaths_by_age", "migrants_by_age")


@pytest.fixture(scope="module")
def three(region: Region) -> Region:
    return region.sel(country=COUNTRIES)


def walk(level: float, step: float, units: str, seed: int, **more: list[str]) -> xr.DataArray:
    coords = {"draw": np.arange(DRAWS), "country": COUNTRIES, "year": YEARS, **more}
    rng = np.random.default_rng(seed)
    values = level + np.cumsum(rng.normal(0.0, step, [len(labels) for labels in coords.values()]), axis=2)
    return xr.DataArray(values, coords=coords, dims=list(coords), attrs={"units": units})


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    return {
        "fertility": walk(1.9, 0.05, "children per woman", 1),
        "mortality": walk(76.0, 0.3, "years", 2, sex=["female", "male"]),
        "migration": walk(0.0, 0.001, "per person-year", 3),
    }


@pytest.fixture(scope="module")
def whole(three: Region, given: dict[str, Any]) -> Projection:
    """In memory, in one process."""
    return project(three, **given, ages=EVERYTHING)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "LARGEST", 16)


def same(one: Projection, another: Projection) -> None:
    """Every figure, to the last bit."""
    for name in ("stocks", "flows"):
        left, right = getattr(one, name), getattr(another, name)
        assert set(left.data_vars) == set(right.data_vars)
        for key in left.data_vars:
            assert left[key].dims == right[key].dims
            np.testing.assert_array_equal(left[key], right[key], err_msg=key)
            assert left[key].attrs == right[key].attrs


# Blocks, threads and stores.


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_other_sizes_give_the_same_bits(three: Region, given: dict[str, Any], whole: Projection) -> None:
    same(project(three, **given, ages=EVERYTHING), whole)


@pytest.mark.usefixtures("small_blocks")
def test_a_store_holds_what_memory_would(
    three: Region, given: dict[str, Any], whole: Projection, tmp_path: Path
) -> None:
    streamed = project(three, **given, ages=EVERYTHING, store=tmp_path / "all.zarr")
    same(streamed, whole)
    np.testing.assert_array_equal(streamed.growth_rate, whole.growth_rate)
    assert streamed.inputs == {}
    only = project(three, **given, store=tmp_path / "some.zarr")
    np.testing.assert_array_equal(only.stocks["median_age"], whole.stocks["median_age"])
    with pytest.raises(DrawsError, match=r"found a projection that kept indicators alone; project with ages="):
        _ = only.population


@pytest.mark.usefixtures("small_blocks")
def test_an_interrupted_store_goes_on_where_it_stopped(
    three: Region, given: dict[str, Any], whole: Projection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine blocks; the fifth fails; the second run projects only what is missing."""
    run_block, projected = _engine.run_block, []

    def failing(task: _engine.Task) -> _engine.Block:
        projected.append((task.countries.start, task.draws.start))
        if len(projected) == 5:
            raise KeyboardInterrupt
        return run_block(task)

    monkeypatch.setattr(_engine, "run_block", failing)
    monkeypatch.setattr(_engine, "workers", lambda: 1)
    store = tmp_path / "people.zarr"
    with pytest.raises(KeyboardInterrupt):
        project(three, **given, ages=EVERYTHING, store=store)
    first = list(projected)
    with pytest.raises(DrawsError, match=r"found \d of 9 blocks missing; call project again"):
        Projection.load(store)
    projected.extend([(-1, -1)] * 10)  # no further failure
    same(project(three, **given, ages=EVERYTHING, store=store), whole)
    second = projected[len(first) + 10 :]
    assert len(second) == 9 - (len(first) - 1)
    assert set(second).isdisjoint(first[:4])
    same(Projection.load(store), whole)
    projected.clear()
    project(three, **given, ages=EVERYTHING, store=store)  # nothing is left to do
    assert projected == []


def test_a_store_of_another_projection_is_not_taken_up(three: Region, given: dict[str, Any], tmp_path: Path) -> None:
    store = tmp_path / "people.zarr"
    project(three, **given, store=store)
    others = {
        "another path": given | {"fertility": given["fertility"] + 0.01},
        "another convention": given | {"migrants_join": "end"},
        "another indicator": given | {"indicators": {"young": partial(age_total, high=14)}},
    }
    others["another path"]["fertility"].attrs = given["fertility"].attrs
    for other in others.values():
        with pytest.raises(DrawsError, match="expected the projection that this store was begun with, found other"):
            project(three, **other, store=store)


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((DrawsError, FileNotFoundError)):
        Projection.load(tmp_path / "empty")


def test_memory_is_a_budget_not_a_hint(three: Region, given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DrawsError, match=r"expected at most 300 kB of results, found .*stream them with store="):
        project(three, **given, memory="300 kB")
    with pytest.raises(DrawsError, match=r"expected room for blocks of 16 draws.*raise memory="):
        project(three, **given, memory="300 kB", store=tmp_path / "a.zarr", ages=EVERYTHING)
    assert project(three, **given, memory="60 MB", store=tmp_path / "b.zarr").total.sizes["draw"] == DRAWS


# Clusters.


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.mark.usefixtures("small_blocks")
def test_two_workers_give_the_same_bits(
    three: Region, given: dict[str, Any], whole: Projection, cluster: Any, tmp_path: Path
) -> None:
    same(project(three, **given, ages=EVERYTHING, cluster=cluster), whole)
    same(project(three, **given, ages=EVERYTHING, cluster=cluster, store=tmp_path / "people.zarr"), whole)


@pytest.mark.usefixtures("small_blocks")
def test_a_worker_that_dies_half_way_changes_nothing(
    three: Region, given: dict[str, Any], whole: Projection, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker is killed after the third of nine blocks; its blocks go to the other, and to its successor."""
    write, written, killed = population.Memory.write, [], []

    def killing(self: Any, countries: slice, draws: slice, block: _engine.Block) -> None:
        write(self, countries, draws, block)
        written.append(countries.start)
        if len(written) == 3:
            workers = list(cluster.run(os.getpid).values())
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)
            time.sleep(0.5)

    monkeypatch.setattr(population.Memory, "write", killing)
    same(project(three, **given, ages=EVERYTHING, cluster=cluster), whole)
    assert len(written) == 9
    assert killed


# Indicators of one's own.


def test_any_function_of_the_ages_is_an_indicator(three: Region, given: dict[str, Any], whole: Projection) -> None:
    own = {
        "women_15_49": lambda people: people.sel(sex="female", age=slice(15, 49)).sum("age"),
        "support_20_70": partial(support_ratio, young=20, old=70),
    }
    measured = project(three, **given, indicators=own, ages=()).stocks
    expected = whole.population.sel(sex="female", age=slice(15, 49)).sum("age")
    np.testing.assert_allclose(measured["women_15_49"], expected.transpose("draw", "country", "year"), rtol=1e-6)
    np.testing.assert_allclose(measured["support_20_70"], support_ratio(whole.population, young=20, old=70), rtol=1e-6)
    assert measured["support_20_70"].attrs["units"] == "persons aged 20-69 per person aged 70+"


def test_the_usual_indicators_are_those_of_the_ages(whole: Projection) -> None:
    people = whole.population
    np.testing.assert_allclose(whole.dependency_ratio, dependency_ratio(people), rtol=1e-6)
    np.testing.assert_allclose(whole.total, age_total(people), rtol=1e-6)


@pytest.mark.parametrize(
    ("indicator", "message"),
    [
        (lambda people: people.sum("age"), r"indicator x: expected an array over draw and year, found \('draw', 'y"),
        (lambda people: float(people.max()), "indicator x: expected an array over draw and year, found float"),
        (lambda people: people.sum(["sex", "age"]).isel(year=slice(1)), "indicator x: expected a number for every"),
    ],
)
def test_an_indicator_without_draw_and_year_is_refused(
    three: Region, given: dict[str, Any], indicator: Any, message: str
) -> None:
    with pytest.raises(DrawsError, match=message):
        project(three, **given, indicators={"x": indicator})


def test_an_indicator_cannot_take_the_name_of_another(three: Region, given: dict[str, Any]) -> None:
    with pytest.raises(DrawsError, match="expected indicators of new names, found median_age"):
        project(three, **given, indicators={"median_age": age_total})
