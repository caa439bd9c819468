"""The bundled posteriors of all countries, local fits with them as prior, and figures that are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import DataError, Panel, Region
from poblar.data.wpp import read_wide
from poblar.forecast import Fertility, Mortality, Posterior, Sampling
from poblar.forecast.world import FOLDER, read_world_posterior, summarise, world_of

SERIES = Fertility().series | Mortality().series


@pytest.mark.parametrize("name", sorted(SERIES))
def test_the_bundled_posteriors_are_small_proper_and_those_of_the_specs(name: str) -> None:
    stored = read_world_posterior(name)
    assert tuple(stored["parameter"].to_numpy()) == SERIES[name].world_parameters
    prior_mean, prior = SERIES[name].world_prior()
    covariance = stored["covariance"].to_numpy()
    assert np.linalg.eigvalsh(covariance)[0] > 0.0
    # Data narrow what is believed; where no country has been, hardly, and sampling adds some noise.
    assert (np.sqrt(np.diagonal(covariance)) < 1.1 * np.sqrt(np.diagonal(prior))).all()
    assert (np.abs(stored["mean"].to_numpy() - prior_mean) < 5.0 * np.sqrt(np.diagonal(prior))).all()
    assert stored.attrs["countries"] > 200
    assert stored.attrs["last_year"] == 2023
    assert (FOLDER / f"{name}.nc").stat().st_size < 5e6


def test_gains_slow_down_and_fertility_falls_fastest_in_the_middle() -> None:
    gains = read_world_posterior("e0")["mean"].to_numpy()[: len(Mortality().gain.knots)]
    assert gains[4] > gains[5] > gains[6] > 0.0
    change = read_world_posterior("tfr")["mean"].to_numpy()[: len(Fertility().change.knots)]
    assert change[5:8].max() < -0.04
    assert change[2:4].min() > -0.06
    assert abs(change[-1]) < 0.06


def test_other_priors_knots_and_too_many_countries_are_refused() -> None:
    spec = Fertility().change
    with pytest.raises(DataError, match="'world' or prior='vague'"):
        world_of("tfr", spec, "none", ["MEX"])  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="has seen already"):
        world_of("tfr", spec, "world", [f"C{at}" for at in range(61)])
    with pytest.raises(DataError, match="the knots that the bundled posterior"):
        world_of("tfr", replace(spec, knots=(0.9, *spec.knots[1:])), "world", ["MEX"])


def test_swapped_sexes_are_refused(region: Region) -> None:
    swapped = region.e0.dataset.copy(deep=True)
    swapped["e0"].loc[{"country": "GTM"}] = swapped["e0"].sel(country="GTM", sex=["male", "female"]).to_numpy()
    with pytest.raises(DataError, match=r"GTM.*sexes are swapped"):
        Mortality().build(Panel(swapped))


def test_a_tfr_of_25_and_years_out_of_order_are_no_panel(region: Region) -> None:
    wrong = region.tfr.dataset.copy(deep=True)
    wrong["tfr"][0, 5] = 25.0
    with pytest.raises(DataError, match="25"):
        Panel(wrong)
    with pytest.raises(DataError, match="year"):
        Panel(region.tfr.dataset.isel(year=[1, 0, 2]))


def test_three_observations_are_fitted_with_the_worlds_prior_and_it_is_said(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    """Bands about Mexico's last figure, wider than those of a country with a past."""
    few = region.tfr.sel(country=["MEX"]).sel(year=slice(2021, 2023))
    fitted = Fertility().fit(few, seed=1, sampling=Sampling(draws=500, tune=500), accept_unconverged=True)
    assert "tfr: 3 observations (2021, 2022, 2023); what they leave open is the prior of the world" in caplog.text
    caplog.clear()
    Fertility().build(region.tfr)
    assert not caplog.text
    draws = fitted.forecast(until=2035, draws=1000, seed=1).sel(country="MEX", year=2035)
    last = float(few["tfr"][0, -1])
    low, high = np.quantile(draws, [0.1, 0.9])
    assert low < last < high + 0.3
    assert 0.15 < high - low < 1.5


@pytest.fixture(scope="module")
def everyone(wpp_folder: Path) -> Posterior[xr.DataArray]:
    panel = read_wide(wpp_folder / "tfr.txt", "tfr").sel(year=slice(None, 2023))
    return Fertility(prior="vague").fit(panel, seed=1, sampling=Sampling(draws=2000, target_accept=0.8))


@pytest.mark.slow
def test_a_local_fit_gives_the_bands_of_the_worlds_fit(
    everyone: Posterior[xr.DataArray], tfr: xr.DataArray, region: Region
) -> None:
    """Medians and ends of the 80 % bands to 0.06 child by 2040: a twentieth of the bands' width, or sampling error."""
    draws = everyone.forecast(until=2070, draws=6000, seed=2).sel(country=list(region.countries))
    for year, near in ((2025, 0.03), (2030, 0.05), (2040, 0.06), (2070, 0.08)):
        for quantile in (0.1, 0.5, 0.9):
            ours, worlds = (found.sel(year=year).quantile(quantile, "draw") for found in (tfr, draws))
            assert float(np.abs(ours - worlds).max()) < near, (year, quantile)


@pytest.mark.slow
def test_what_is_bundled_is_what_the_worlds_fit_says(everyone: Posterior[xr.DataArray]) -> None:
    stored, again = read_world_posterior("tfr"), summarise(everyone, "tfr", Fertility().change)
    sd = np.sqrt(np.diagonal(stored["covariance"]))
    assert (np.abs(again["mean"] - stored["mean"]) < 0.2 * sd).all()
    assert stored.attrs["panel_hash"] == again.attrs["panel_hash"]
