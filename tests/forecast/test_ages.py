"""Graduation keeps what it is given; survival tables give back the life expectancy they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from poblar.data import DataError, Region
from poblar.data.axes import SEXES
from poblar.forecast._cohort import survival_at
from poblar.forecast.ages import single_year_rates, split_groups
from poblar.forecast.lee_carter import fit_lee_carter
from poblar.forecast.lifetable import SurvivalTable, life_table

FIVE = np.arange(0, 101, 5)
COUNTS = st.integers(0, 10**7).map(float)


@pytest.fixture(scope="module")
def tables(region: Region) -> dict[str, SurvivalTable]:
    recent = region.mx_recent["mx"]
    return {
        country: fit_lee_carter(region.mx["mx"], country, recent=recent.sel(country=country)).table()
        for country in ("MEX", "SLV")
    }


@given(arrays(float, 21, elements=COUNTS))
def test_every_group_keeps_its_total_and_nobody_is_negative(groups: np.ndarray) -> None:
    counts = xr.DataArray(groups, dims="age", coords={"age": FIVE})
    single = split_groups(counts)
    assert single.sizes["age"] == 101
    assert float(single.min()) >= -1e-9 * max(groups.max(), 1.0)
    back = np.add.reduceat(single.to_numpy(), FIVE)
    np.testing.assert_allclose(back, groups, rtol=1e-9, atol=1e-9 * max(groups.max(), 1.0))
    assert float(single.sel(age=100)) == groups[-1]


@given(arrays(float, 9, elements=st.integers(0, 1000).map(float)))
def test_groups_that_do_not_cover_all_ages_leave_the_others_empty(groups: np.ndarray) -> None:
    ages = np.arange(10, 51, 5)
    single = split_groups(xr.DataArray(groups, dims="age", coords={"age": ages}))
    assert float(np.abs(single.sel(age=slice(0, 9))).sum()) == 0.0
    assert float(np.abs(single.sel(age=slice(55, 100))).sum()) == 0.0
    back = single.sel(age=slice(10, 54)).to_numpy().reshape(9, 5).sum(1)
    np.testing.assert_allclose(back, groups, atol=1e-9)


def test_other_axes_and_units_stay() -> None:
    counts = xr.DataArray(
        np.ones((21, 2)),
        dims=("age", "sex"),
        coords={"age": FIVE, "sex": ["female", "male"]},
        attrs={"units": "persons"},
    )
    single = split_groups(counts)
    assert single.dims == ("sex", "age")
    assert single.attrs == {"units": "persons"}
    np.testing.assert_allclose(single.sel(age=slice(0, 94)), 0.2, rtol=1e-12)  # a flat pyramid stays flat


def test_infants_and_the_open_group_keep_their_rates(region: Region) -> None:
    abridged = region.mx_recent["mx"]
    single = single_year_rates(abridged)
    for age in (0, 100):
        np.testing.assert_allclose(single.sel(age=age), abridged.sel(age=age), rtol=1e-12)
    assert bool((single > 0).all())
    # Between the middles of two groups no rate leaves the range of the two.
    for low, high in ((40, 45), (60, 65), (80, 85)):
        between = single.sel(age=slice(low + 3, high + 1))
        ends = xr.concat([abridged.sel(age=low), abridged.sel(age=high)], "end")
        assert bool((between >= ends.min("end") * (1 - 1e-9)).all())
        assert bool((between <= ends.max("end") * (1 + 1e-9)).all())


def test_every_group_keeps_its_rate(region: Region) -> None:
    """Deaths over person-years in each group's single years are the group's rate, to 15 %."""
    abridged = region.mx_recent["mx"]
    ages = abridged["age"].to_numpy()
    for country in region.countries:
        for sex in SEXES:
            given = abridged.sel(country=country, sex=sex)
            table = life_table(single_year_rates(given).to_numpy(), sex)
            deaths, lived = (np.add.reduceat(table[name].to_numpy(), ages) for name in ("dx", "Lx"))
            np.testing.assert_allclose(deaths / lived, given, rtol=0.15, err_msg=f"{country} {sex}")


def test_rates_by_other_ages_are_refused() -> None:
    five = xr.DataArray(np.full(21, 0.01), dims="age", coords={"age": FIVE})
    with pytest.raises(DataError, match=r"expected abridged ages 0, 1, 5, … 100, found ages \[0, 5, 10.*give infants"):
        single_year_rates(five)
    cut = xr.DataArray(np.full(20, 0.01), dims="age", coords={"age": [0, 1, *range(5, 95, 5)]})
    with pytest.raises(DataError, match="up to an open group at 100"):
        single_year_rates(cut)


def person_years(ratios: np.ndarray) -> float:
    """Years lived by one birth under survival ratios, with a geometric tail in the open group."""
    Lx = np.cumprod(ratios[:100])
    return float(Lx.sum() + Lx[-1] * ratios[100] / (1.0 - ratios[101]))


@given(e0=st.floats(30.0, 100.0), country=st.sampled_from(["MEX", "SLV"]))
def test_interpolated_survival_gives_back_its_life_expectancy(
    e0: float, country: str, tables: dict[str, SurvivalTable]
) -> None:
    table = tables[country]
    survival = np.empty((2, 102))
    survival_at(np.array([e0, e0]), table.e0[0], table.e0[1] - table.e0[0], table.survival, survival)
    for ratios in survival:
        assert person_years(ratios) == pytest.approx(e0, abs=0.01)


def test_the_life_table_of_a_drawn_life_expectancy_has_it(tables: dict[str, SurvivalTable]) -> None:
    """Both sexes, from 30 to 100 years and in a year of war, to 0.01 year."""
    survival = np.empty((2, 102))
    for table in tables.values():
        for e0 in np.r_[15.0, np.arange(30.0, 100.0, 0.11)]:
            survival_at(np.array([e0, e0]), table.e0[0], table.e0[1] - table.e0[0], table.survival, survival)
            assert [person_years(ratios) for ratios in survival] == pytest.approx([e0, e0], abs=0.01)


def test_survival_rises_with_life_expectancy_at_every_age(tables: dict[str, SurvivalTable]) -> None:
    for table in tables.values():
        inside = (table.e0 >= 30.0) & (table.e0 <= 100.0)
        assert (np.diff(table.survival[:, inside], axis=1) > 0).all()


def test_survival_is_a_share(tables: dict[str, SurvivalTable]) -> None:
    for table in tables.values():
        assert table.survival.min() >= 0.0
        assert table.survival[..., :100].max() <= 1.0
        assert table.survival[..., 101].max() < 1.0


def test_life_expectancies_beyond_the_table_stand_at_its_end(tables: dict[str, SurvivalTable]) -> None:
    table, survival = tables["MEX"], np.empty((2, 102))
    survival_at(np.array([1.0, 200.0]), table.e0[0], 0.25, table.survival, survival)
    np.testing.assert_allclose(survival[0], table.survival[0, 0])
    np.testing.assert_allclose(survival[1], table.survival[1, -1])
