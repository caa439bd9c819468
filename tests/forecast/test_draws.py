"""Draws: bands are the UN's, sets are disjoint, files give back what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from poblar.forecast import DrawsError, bands
from poblar.forecast.draws import load_draws, probability, quantiles, save_draws, split_draws, thin
from scipy.stats import norm


@pytest.fixture
def normal() -> xr.DataArray:
    """Standard normal quantiles at 20,001 evenly spaced probabilities, and ten times as much."""
    at = norm.ppf((np.arange(20_001) + 0.5) / 20_001)
    return xr.DataArray(
        np.stack([at, 10 * at], axis=1),
        dims=("draw", "year"),
        coords={"year": [2030, 2031]},
        name="tfr",
        attrs={"units": "children per woman"},
    )


def test_bands_are_those_of_the_normal(normal: xr.DataArray) -> None:
    table = bands(normal)
    assert list(table.columns) == [
        *("year", "units", "median", "lower50", "upper50", "lower80", "upper80", "lower95", "upper95")
    ]
    first, second = table.iloc[0], table.iloc[1]
    assert first["upper50"] == pytest.approx(0.6745, abs=1e-3)
    assert first["upper80"] == pytest.approx(1.2816, abs=1e-3)
    assert first["upper95"] == pytest.approx(1.9600, abs=1e-3)
    assert first["lower95"] == pytest.approx(-1.9600, abs=1e-3)
    assert second["upper95"] == pytest.approx(19.600, abs=1e-2)
    assert table["units"].tolist() == ["children per woman"] * 2


def test_bands_of_one_number_are_one_row(normal: xr.DataArray) -> None:
    table = bands(normal.isel(year=0, drop=True))
    assert len(table) == 1
    assert table["median"].iloc[0] == pytest.approx(0.0, abs=1e-12)


def test_quantiles_keep_labels_and_units(normal: xr.DataArray) -> None:
    summary = quantiles(normal, levels=[90])
    assert summary["band"].to_numpy().tolist() == ["median", "lower90", "upper90"]
    assert summary.attrs == normal.attrs
    assert summary["year"].to_numpy().tolist() == [2030, 2031]


def test_summaries_are_refused_as_draws(normal: xr.DataArray) -> None:
    with pytest.raises(DrawsError, match=r"expected an axis 'draw', found \('year',\); pass the draws, not a summary"):
        bands(normal.mean("draw"))
    with pytest.raises(DrawsError, match=r"expected levels between 0 and 100 percent, found \[0.95\]|found \[100\]"):
        quantiles(normal, levels=[100])
    normal[3, 0] = np.nan
    with pytest.raises(DrawsError, match="expected finite draws, found NaN or infinity; mend the draws"):
        quantiles(normal)


@given(st.integers(1, 500), st.data())
def test_thinning_keeps_draws_in_order_and_evenly_spread(count: int, data: st.DataObject) -> None:
    to = data.draw(st.integers(1, count))
    kept = thin(xr.DataArray(np.arange(count), dims="draw"), to=to).to_numpy()
    assert len(kept) == len(set(kept)) == to
    assert kept[0] == 0
    assert set(np.diff(kept)) <= {count // to, count // to + 1}


def test_thinning_to_more_than_there_are_is_refused() -> None:
    with pytest.raises(DrawsError, match=r"expected between 1 and 10 draws, found to=11; forecast with more draws"):
        thin(xr.DataArray(np.arange(10), dims="draw"), to=11)
    with pytest.raises(DrawsError, match="found to=0"):
        thin(xr.DataArray(np.arange(10), dims="draw"), to=0)


@given(st.integers(20, 10_000), st.lists(st.floats(0.1, 1.0), min_size=1, max_size=4))
def test_sets_are_disjoint_and_leave_no_draw_out(count: int, shares: list[float]) -> None:
    named = {str(position): share for position, share in enumerate(shares)}
    sets = split_draws(count, named)
    dealt = np.concatenate([np.arange(count)[part] for part in sets.values()])
    np.testing.assert_array_equal(dealt, np.arange(count))
    for name, share in named.items():
        assert len(range(*sets[name].indices(count))) == pytest.approx(count * share / sum(shares), abs=1.0)


def test_too_few_draws_for_the_sets_are_refused() -> None:
    with pytest.raises(DrawsError, match="expected enough draws for 3 sets, found 2; forecast with more draws"):
        split_draws(2, {"solve": 0.4, "calibrate": 0.3, "certify": 0.3})


def test_probability_is_the_share_of_draws(normal: xr.DataArray) -> None:
    found = probability(normal > 1.2816)
    np.testing.assert_allclose(found, [0.1, norm.sf(0.12816)], atol=1e-3)
    assert found.attrs["units"] == "probability"


def test_saved_draws_come_back(normal: xr.DataArray, tmp_path: Path) -> None:
    xr.testing.assert_identical(load_draws(save_draws(normal, tmp_path / "tfr.nc")), normal)


def test_draws_without_a_name_are_not_saved(normal: xr.DataArray, tmp_path: Path) -> None:
    with pytest.raises(DrawsError, match=r"expected draws with a name, found none; give one with draws\.rename"):
        save_draws(normal.rename(None), tmp_path / "tfr.nc")
    assert not (tmp_path / "tfr.nc").exists()
