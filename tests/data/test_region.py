"""A region is put together from tables that belong together; ages of migrants stay bounded."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from poblar.data import DataError, Panel, Region, reference
from poblar.data.region import from_tables, migrant_share

AGES = {"sex": ["female", "male"], "age": list(range(0, 101, 5))}
COUNTS = arrays(float, (2, 21), elements=st.integers(-(10**6), 10**6).map(float))


def counts(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, coords=AGES, dims=("sex", "age"))


@given(values=COUNTS, largest=st.floats(1.01, 50.0))
def test_shares_sum_to_one_and_their_sizes_to_no_more_than_the_limit(values: np.ndarray, largest: float) -> None:
    share = migrant_share(counts(values), largest)
    assert float(share.sum()) == pytest.approx(1.0, abs=1e-6)
    assert float(np.abs(share).sum()) <= largest * (1 + 1e-6)


@given(values=COUNTS)
def test_shares_are_proportions_while_one_sign_prevails(values: np.ndarray) -> None:
    migrants = counts(np.abs(values) + 1.0)
    for sign in (1.0, -1.0):
        np.testing.assert_allclose(migrant_share(sign * migrants), migrants / migrants.sum(), rtol=1e-12)


@given(values=COUNTS, scale=st.floats(1e-3, 1e3))
def test_shares_do_not_depend_on_the_scale(values: np.ndarray, scale: float) -> None:
    np.testing.assert_allclose(migrant_share(counts(values * scale)), migrant_share(counts(values)), atol=1e-6)


@given(largest=st.floats(1.1, 20.0), come=st.floats(1.0, 1e6))
def test_shares_change_without_a_jump_at_the_limit(largest: float, come: float) -> None:
    """Where G = largest |N|: come + go = largest (come - go)."""
    go = come * (largest - 1.0) / (largest + 1.0)
    pair = {"sex": ["female", "male"], "age": [0]}
    before, after = (
        migrant_share(xr.DataArray([[come], [-go * factor]], coords=pair, dims=("sex", "age")), largest)
        for factor in (1.0 - 1e-9, 1.0 + 1e-9)
    )
    np.testing.assert_allclose(before, after, rtol=1e-6)


def test_workers_still_come_and_pensioners_go_where_the_total_is_zero() -> None:
    values = np.zeros((2, 21))
    values[:, 5], values[:, 13] = 1000.0, -1000.0
    share = migrant_share(counts(values)).sum("sex")
    assert float(share.sel(age=25)) == pytest.approx(2.0)  # half of 3, the limit, and half of all
    assert float(share.sel(age=65)) == pytest.approx(-1.0)


def test_where_nobody_migrates_every_age_has_the_same_share() -> None:
    share = migrant_share(counts(np.zeros((2, 21))))
    np.testing.assert_allclose(share, 1 / 42)


def test_totals_must_reach_the_end_of_the_last_year_of_migration() -> None:
    region = reference.region(["MEX"])
    vital = Panel(
        region.births.dataset.assign(
            deaths=region.deaths["deaths"], net_migration=region.net_migration["net_migration"]
        )
    )
    tables = _tables(region) | {"vital": vital, "total": region.total.sel(year=slice(1950, 2023))}
    with pytest.raises(DataError, match=r"^expected a population of 1 January 2024 in the table total, found none; "):
        from_tables(tables)
    again = from_tables(tables | {"total": region.total})
    assert again.net_migration.hash == region.net_migration.hash
    np.testing.assert_allclose(again.migrant_ages["migrant_share"], region.migrant_ages["migrant_share"], rtol=1e-12)


def test_many_countries_are_not_all_printed() -> None:
    region = reference.region()
    assert repr(region).startswith("Region(CAN, USA, MEX, GTM, HND, SLV; 1950 to 2023; tfr, ")


def _tables(region: Region) -> dict[str, Panel]:
    same = ("tfr", "e0", "total", "population", "mx", "mx_recent", "sex_ratio", "fertility_pattern")
    migrants = Panel(region.migrant_ages.dataset.rename(migrant_share="net_migrants"))
    return {name: getattr(region, name) for name in same} | {"migrant_ages": migrants}
