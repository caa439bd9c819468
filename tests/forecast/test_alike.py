"""Correlated errors between countries."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import poblar.data
import pytest
import xarray as xr
from poblar.data import DataError
from poblar.forecast.alike import Alike

ALIKE = Alike(neighbours=0.3, subregion=0.14, world=0.05)


@pytest.fixture(scope="module")
def everyone() -> list[str]:
    table = Path(poblar.data.__file__).parent / "reference" / "subregions.csv"
    with table.open(encoding="utf-8") as lines:
        return [row["iso3"] for row in csv.DictReader(lines)]


def test_of_the_whole_world_it_is_a_correlation_matrix(everyone: list[str]) -> None:
    found = ALIKE.matrix(everyone)
    np.testing.assert_allclose(np.diagonal(found), 1.0)
    np.testing.assert_allclose(found, found.T)
    assert np.linalg.eigvalsh(found)[0] > 0.0
    assert found.min() > 0.0


def test_neighbours_are_most_alike_whatever_the_order() -> None:
    codes = ["MEX", "CHN", "GTM", "NIC"]
    found = ALIKE.matrix(codes)
    assert found[0, 2] == 0.3
    assert found[2, 3] == 0.14
    assert found[0, 1] == 0.05
    np.testing.assert_array_equal(ALIKE.matrix(codes[::-1]), found[::-1, ::-1])


def test_an_unknown_country_is_refused() -> None:
    with pytest.raises(DataError, match="ISO 3166"):
        ALIKE.matrix(["MEX", "XYZ"])


def test_forecasts_of_neighbours_are_correlated(tfr: xr.DataArray) -> None:
    """Mexico and Guatemala touch; Canada and El Salvador have nothing in common but the world."""
    draws = tfr.sel(year=2050)
    near = np.corrcoef(draws.sel(country="MEX"), draws.sel(country="GTM"))[0, 1]
    far = np.corrcoef(draws.sel(country="CAN"), draws.sel(country="SLV"))[0, 1]
    assert 0.08 < near < 0.4
    assert -0.05 < far < 0.15
    assert near > far
