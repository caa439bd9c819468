"""Sampling: the convergence gate, the same seed, files, and what a forecast refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import (
    ConvergenceError,
    Diagnostics,
    DrawsError,
    Fertility,
    Migration,
    Posterior,
    Sampling,
)
from poblar.forecast.fit import diagnose

FINE = {"rhat": 1.004, "ess_bulk": 900.0, "ess_tail": 700.0, "divergent": 0.0, "worst": "tails"}
SHORT = Sampling(draws=20, tune=20, chains=2)


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({}, True),
        ({"rhat": 1.01}, True),
        ({"rhat": 1.011}, False),
        ({"ess_bulk": 399.0}, False),
        ({"ess_tail": 399.0}, False),
        ({"divergent": 0.001}, True),
        ({"divergent": 0.002}, False),
        ({"rhat": float("nan")}, False),
    ],
)
def test_the_gate(change: dict[str, float], passes: bool) -> None:
    assert Diagnostics(**(FINE | change)).converged is passes


def test_diagnostics_see_the_worst_parameter() -> None:
    rng = np.random.default_rng(1)
    good = rng.normal(size=(4, 500))
    stuck = good + np.array([0.0, 0.0, 0.0, 5.0])[:, None]  # one chain elsewhere
    parameters = xr.Dataset(
        {"good": (("chain", "draw"), good), "stuck": (("chain", "draw", "country"), np.stack([good, stuck], -1))}
    )
    found = diagnose(parameters, xr.DataArray(np.arange(100) < 3))
    assert found.worst == "stuck"
    assert found.rhat > 1.5
    assert found.ess_bulk < 20
    assert found.divergent == pytest.approx(0.03)
    assert not found.converged


@pytest.fixture(scope="module")
def short(region: Region) -> Posterior[xr.DataArray]:
    """A hopelessly short run that was accepted all the same."""
    panel = region.net_migration.sel(country=["MEX", "SLV"])
    return Migration().fit(panel, seed=3, sampling=SHORT, accept_unconverged=True)


def test_a_short_run_is_refused_with_a_way_out(region: Region) -> None:
    panel = region.net_migration.sel(country=["MEX", "SLV"])
    with pytest.raises(
        ConvergenceError,
        match=r"Migration: expected R-hat <= 1\.01, ESS >= 400 and at most 0\.1% divergent draws, found R-hat .*; "
        r"sample longer \(sampling=Sampling\(draws=4000, tune=2000\)\), or say accept_unconverged=True",
    ):
        Migration().fit(panel, seed=3, sampling=SHORT)


def test_an_accepted_short_run_says_so_in_its_forecasts(short: Posterior[xr.DataArray]) -> None:
    assert not short.diagnostics.converged
    assert short.forecast(until=2030, draws=10, seed=1).attrs["converged"] == 0


def test_the_same_seed_gives_the_same_draws(region: Region, short: Posterior[xr.DataArray]) -> None:
    panel = region.net_migration.sel(country=["MEX", "SLV"])
    again = Migration().fit(panel, seed=3, sampling=SHORT, accept_unconverged=True)
    xr.testing.assert_equal(again.parameters, short.parameters)
    other = Migration().fit(panel, seed=4, sampling=SHORT, accept_unconverged=True)
    assert not np.allclose(other.parameters["log_scale"], short.parameters["log_scale"])


@pytest.mark.slow
def test_a_first_run_gives_the_draws_of_all_later_ones(tmp_path: Path) -> None:
    """Two processes and one new cache of compiled functions, empty for the first and full for the second."""
    script = (
        "from poblar.data import reference\n"
        "from poblar.forecast import Mortality, Sampling\n"
        "panel = reference.region().e0.sel(country=['MEX', 'SLV'])\n"
        "short = Sampling(draws=50, tune=50, chains=1)\n"
        "fit = Mortality().fit(panel, seed=1, sampling=short, accept_unconverged=True)\n"
        "print(*(float(value.sum()).hex() for value in fit.parameters.values()))\n"
    )
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path}", "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    one, another = (
        subprocess.run([sys.executable, "-c", script], env=os.environ | flags, capture_output=True, text=True)
        for _ in range(2)
    )
    assert one.returncode == 0, one.stderr
    assert len(one.stdout.split()) > 5
    assert one.stdout == another.stdout


@pytest.mark.parametrize("name", ["fertility", "mortality", "migration", "ledger"])
def test_the_default_sampling_passes_the_gate(name: str, request: pytest.FixtureRequest) -> None:
    posterior = request.getfixturevalue(name)
    assert posterior.diagnostics.rhat <= 1.01
    assert min(posterior.diagnostics.ess_bulk, posterior.diagnostics.ess_tail) >= 400
    assert posterior.diagnostics.divergent <= 0.001
    assert posterior.parameters.sizes["chain"] == 4
    assert set(posterior.versions) >= {"poblar", "pymc", "nutpie"}


def test_forecasts_say_where_they_come_from(migration: Posterior[xr.DataArray], region: Region) -> None:
    future = migration.forecast(until=2030, draws=7, seed=5)
    assert future.attrs == {
        "units": "per person-year",
        "model": "Migration",
        "seed": 5,
        "converged": 1,
        "panel_hash": region.net_migration.hash,
    }
    assert future["draw"].to_numpy().tolist() == list(range(7))


def test_the_same_seed_forecasts_the_same_future(migration: Posterior[xr.DataArray]) -> None:
    one, same, other = (migration.forecast(until=2040, draws=50, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not np.allclose(one, other)


def test_more_draws_than_the_posterior_has_use_each_about_as_often(short: Posterior[xr.DataArray]) -> None:
    """Forty parameter draws, a hundred futures: no draw of the parameters thrice before all are used twice."""
    calm = replace(short, model=ScaleOnly())
    used = calm.forecast(until=2024, draws=100, seed=1)
    _, times = np.unique(used.to_numpy(), return_counts=True)
    assert len(times) == 40
    assert set(times) == {2, 3}


class ScaleOnly:
    """A model whose future is its parameter."""

    def build(self, panel):
        raise NotImplementedError

    def simulate(self, sample, panel, until, rng):  # noqa: ARG002
        return sample["log_scale"].isel(country=0, drop=True)


def test_a_saved_posterior_forecasts_the_same(migration: Posterior[xr.DataArray], tmp_path: Path) -> None:
    again = Posterior.load(migration.save(tmp_path / "migration.nc"), Migration())
    xr.testing.assert_identical(
        again.forecast(until=2050, draws=100, seed=9), migration.forecast(until=2050, draws=100, seed=9)
    )
    assert again.diagnostics == migration.diagnostics
    assert again.panel.hash == migration.panel.hash
    assert (again.seed, again.versions) == (migration.seed, migration.versions)


def test_a_posterior_of_another_spec_is_refused(migration: Posterior[xr.DataArray], tmp_path: Path) -> None:
    file = migration.save(tmp_path / "migration.nc")
    message = r"migration\.nc: expected the posterior of .*, found that of Migration\(.*; load it with the spec it was"
    for other in (Migration(limits=(-0.1, 0.1)), Fertility()):
        with pytest.raises(DrawsError, match=message):
            Posterior.load(file, other)


def test_another_netcdf_file_is_refused(tmp_path: Path) -> None:
    xr.Dataset({"x": ("y", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DrawsError, match=r"other\.nc: expected a posterior written by Posterior\.save, found another"):
        Posterior.load(tmp_path / "other.nc", Migration())


@pytest.mark.parametrize("until", [2023, 1999, "2070", 2070.0, True])
def test_years_that_are_not_ahead_are_refused(migration: Posterior[xr.DataArray], until) -> None:
    with pytest.raises(DrawsError, match=r"expected until= a year after .* 2023.*until=2024 or later"):
        migration.forecast(until=until, draws=5, seed=1)


@pytest.mark.parametrize("draws", [0, -3])
def test_no_draws_are_refused(migration: Posterior[xr.DataArray], draws: int) -> None:
    with pytest.raises(DrawsError, match=f"expected at least one draw, found draws={draws}; ask for 1,000 or more"):
        migration.forecast(until=2030, draws=draws, seed=1)
