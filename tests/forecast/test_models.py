"""Fertility, mortality and migration: forecasts with the right labels that a demographer would accept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import Panel, Region
from poblar.data import wpp as tables
from poblar.forecast import Fertility, Mortality, Posterior


def bounds(draws: xr.DataArray, level: int) -> tuple[xr.DataArray, xr.DataArray]:
    low, high = (draws.quantile(0.5 + sign * level / 200, "draw") for sign in (-1, 1))
    return low, high


def test_forecasts_have_the_axes_and_units_of_the_contract(
    tfr: xr.DataArray, e0: xr.DataArray, net: xr.DataArray, region: Region
) -> None:
    for draws, units in ((tfr, "children per woman"), (e0, "years"), (net, "per person-year")):
        assert draws.dims[:3] == ("draw", "country", "year")
        assert draws.attrs["units"] == units
        assert draws.attrs["converged"] == 1
        assert draws["year"].to_numpy().tolist() == list(range(2024, 2071))
        assert draws["country"].to_numpy().tolist() == list(region.countries)
    assert e0["sex"].to_numpy().tolist() == ["female", "male"]


def test_paths_start_where_the_figures_end(
    tfr: xr.DataArray, e0: xr.DataArray, net: xr.DataArray, region: Region
) -> None:
    last = {"year": 2023}
    assert float(np.abs(tfr.sel(year=2024).median("draw") - region.tfr["tfr"].sel(last)).max()) < 0.1
    assert float(np.abs(e0.sel(year=2024).median("draw") - region.e0["e0"].sel(last)).max()) < 0.6
    step = np.abs(net.sel(year=2024).median("draw") - region.net_migration["net_migration_rate"].sel(last))
    assert float(step.max()) < 0.002


def test_limits_hold_in_every_draw(tfr: xr.DataArray, e0: xr.DataArray, net: xr.DataArray) -> None:
    assert float(tfr.min()) >= 0.5
    assert float(tfr.max()) <= 9.0
    assert float(e0.sel(sex="female").max()) <= 105.0
    gap = e0.sel(sex="female") - e0.sel(sex="male")
    assert float(gap.min()) >= 0.0
    assert float(gap.max()) <= 18.0
    assert float(net.min()) >= -0.06
    assert float(net.max()) <= 0.1


def test_uncertainty_grows_with_the_horizon(tfr: xr.DataArray, e0: xr.DataArray) -> None:
    for draws in (tfr, e0.sel(sex="female")):
        spread = draws.std("draw").sel(year=[2025, 2035, 2060])
        assert bool((spread.diff("year") > 0).all())


@pytest.mark.parametrize("year", [2030, 2050])
def test_the_uns_medians_lie_within_our_80_percent(
    tfr: xr.DataArray, e0: xr.DataArray, wpp_folder: Path, year: int
) -> None:
    """The UN's probabilistic projection of 2024: TFR and life expectancy by sex of all six countries."""
    for draws, file, name in ((tfr, "tfrprojMed.txt", "tfr"), (e0, "e0Fproj.txt", "e0")):
        countries = draws["country"].to_numpy().tolist()
        published = tables.read_wide(wpp_folder / file, name, countries=countries)[name].sel(year=year)
        low, high = bounds(draws.sel(year=year), 80)
        inside = (low < published) & (published < high)
        assert inside.size == (6 if name == "tfr" else 12)
        assert bool(inside.all()), f"{name} {year}:\n{inside.to_series()}"


def test_the_pandemic_does_not_bend_the_trend(mortality: Posterior[xr.DataArray], region: Region) -> None:
    """Life expectancy of 2020-22 twenty years lower: model and simulation see the same figures as before."""
    worse = region.e0.dataset.copy(deep=True)
    worse["e0"].loc[{"year": [2020, 2021, 2022]}] -= 20.0
    changed, model = Panel(worse), Mortality()
    for before, after in zip(model._unmasked(region.e0), model._unmasked(changed), strict=True):
        np.testing.assert_array_equal(before, after)
    sample = mortality.parameters.isel(chain=0, draw=slice(50))
    paths = [model.simulate(sample, panel, 2040, np.random.default_rng(1)).to_numpy() for panel in (region.e0, changed)]
    np.testing.assert_array_equal(*paths)


def test_fertility_falls_where_it_is_high_and_settles_where_it_is_low(tfr: xr.DataArray) -> None:
    medians = tfr.median("draw")
    high = medians.sel(country=["GTM", "HND"])
    assert bool((high.sel(year=2050) < high.sel(year=2025) - 0.3).all())
    settled = medians.sel(year=2070)
    assert 1.2 < float(settled.min()) < float(settled.max()) < 2.0


def test_a_panel_without_the_models_figures_is_refused(region: Region) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        Fertility().build(region.e0)
