"""Life tables against closed forms, their own identities and the UN's life expectancies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from poblar.data import DataError, Region, read_world
from poblar.forecast.ages import single_year_rates
from poblar.forecast.lifetable import ABRIDGED, abridged_life_table, life_expectancy, life_table, survival_ratios

SEXES = ("female", "male")


def gompertz(level: float, slope: float = 0.09) -> np.ndarray:
    """Rates that rise exponentially with age, with infants above children."""
    ages = np.arange(101)
    return np.minimum(level * np.exp(slope * ages), 2.0) + 0.02 * (ages == 0)


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("hazard", [0.005, 0.02, 0.05])
def test_a_constant_hazard_leaves_its_inverse_to_live_at_every_age(hazard: float, sex: str) -> None:
    """e(x) = 1 / m; the table takes deaths at mid-year, exact to the third order of the rate."""
    table = life_table(np.full(101, hazard), sex)
    np.testing.assert_allclose(table["ex"].iloc[1:], 1.0 / hazard, rtol=hazard**2 / 6)
    assert table["ex"].iloc[-1] == pytest.approx(1.0 / hazard, rel=1e-12)
    np.testing.assert_allclose(table["lx"].iloc[1:] / table["lx"].iloc[1], np.exp(-hazard * np.arange(100)), rtol=1e-2)


@given(st.floats(1e-6, 1e-3), st.floats(0.05, 0.12), st.sampled_from(SEXES))
def test_the_columns_of_a_table_agree(level: float, slope: float, sex: str) -> None:
    table = life_table(gompertz(level, slope), sex)
    lx, dx, Lx, Tx = (table[name].to_numpy() for name in ("lx", "dx", "Lx", "Tx"))
    assert lx[0] == 1.0
    np.testing.assert_allclose(lx[1:], lx[:-1] - dx[:-1], atol=1e-14)  # who does not die goes on
    assert dx.sum() == pytest.approx(1.0, rel=1e-12)  # everybody dies once
    np.testing.assert_allclose(dx, table["mx"] * Lx, rtol=1e-9, atol=1e-15)  # m = d / L
    np.testing.assert_allclose(Tx[:-1] - Tx[1:], Lx[:-1], atol=1e-10)
    np.testing.assert_allclose(table["ex"] * lx, Tx, rtol=1e-12)
    assert (np.diff(lx) <= 0).all()
    assert (Lx[:-1] <= lx[:-1] + 1e-15).all()
    assert (Lx[:-1] >= lx[1:] - 1e-15).all()


def test_infants_die_early_in_the_year_more_so_where_few_die() -> None:
    """Andreev & Kingkade (2015): a0 of women is 0.149 at m0 = 0, 0.0467 + 3.88 m0 above 0.01724, 0.314 above 0.069."""
    rates = np.full(101, 0.02)
    for infants, expected in ((1e-6, 0.14903), (0.03, 0.04667 + 3.88089 * 0.03), (0.10, 0.31411)):
        rates[0] = infants
        assert life_table(rates, "female").loc[0, "ax"] == pytest.approx(expected, abs=1e-5)
    rates[0] = 0.05
    assert life_table(rates, "male").loc[0, "ax"] == pytest.approx(0.02832 + 3.26021 * 0.05, abs=1e-5)


def test_life_expectancy_is_the_tables_at_birth() -> None:
    schedules = np.stack([gompertz(level) for level in (1e-5, 5e-5, 2e-4)])
    for sex in SEXES:
        tables = [life_table(schedule, sex).loc[0, "ex"] for schedule in schedules]
        np.testing.assert_allclose(life_expectancy(schedules, sex), tables, rtol=1e-12)


def test_the_published_life_expectancies_of_2020(region: Region) -> None:
    """The UN's death rates of 2020, made single-year, give back the UN's e0 of 2020 to 0.02 years."""
    rates = region.mx["mx"].sel(year=2020)
    errors = {}
    for country in region.countries:
        for sex in SEXES:
            single = single_year_rates(rates.sel(country=country, sex=sex)).to_numpy()
            published = float(region.e0["e0"].sel(country=country, year=2020, sex=sex))
            errors[country, sex] = float(life_expectancy(single, sex)) - published
    assert max(map(abs, errors.values())) < 0.02, errors


def test_survival_ratios_are_those_of_the_person_years_lived() -> None:
    rates = gompertz(5e-5)
    table, ratios = life_table(rates, "female"), survival_ratios(rates, "female")
    Lx = table["Lx"].to_numpy()
    assert ratios[0] == pytest.approx(Lx[0])
    np.testing.assert_allclose(ratios[1:100], Lx[1:100] / Lx[:99], rtol=1e-12)
    assert ratios[101] == pytest.approx(np.exp(-rates[100]))


@given(st.floats(1e-6, 1e-3), st.sampled_from(SEXES))
def test_the_stationary_population_stays_as_it_is(level: float, sex: str) -> None:
    """L(x) with one birth a year: surviving it by the ratios gives it back, the open group included."""
    rates = gompertz(level)
    Lx, ratios = life_table(rates, sex)["Lx"].to_numpy(), survival_ratios(rates, sex)
    later = np.r_[ratios[0], Lx[:99] * ratios[1:100], Lx[99] * ratios[100] + Lx[100] * ratios[101]]
    np.testing.assert_allclose(later, Lx, rtol=1e-9)


@pytest.mark.parametrize("work", [life_table, life_expectancy, survival_ratios])
def test_refused_rates(work) -> None:
    rates = np.full(101, 0.02)
    with pytest.raises(DataError, match=r"expected death rates at ages 0, 1, … 100.*found shape \(100,\); graduate"):
        work(rates[:100], "female")
    with pytest.raises(DataError, match=r"expected finite death rates, zero or more.*a minimum of -0.1"):
        work(np.where(np.arange(101) == 50, -0.1, rates), "female")
    with pytest.raises(DataError, match=r"and 1 missing; fill or correct the schedule"):
        work(np.where(np.arange(101) == 50, np.nan, rates), "female")
    with pytest.raises(DataError, match=r"above zero at 100\+"):
        work(np.where(np.arange(101) == 100, 0.0, rates), "female")
    with pytest.raises(DataError, match=r"expected sex 'female' or 'male', found 'women'; name the schedule's sex"):
        work(rates, "women")


def test_a_table_is_of_one_schedule() -> None:
    with pytest.raises(DataError, match=r"one schedule of death rates, shape \(101,\), found shape \(2, 101\)"):
        life_table(np.full((2, 101), 0.02), "female")


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("hazard", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("last", [85, 100])
def test_an_abridged_table_of_a_constant_hazard(hazard: float, sex: str, last: int) -> None:
    """e(x) = 1 / m from 15 on, where a follows from the rates, and l falls by exp(-n m)."""
    ages = [0, 1, *range(5, last + 1, 5)]
    table = abridged_life_table(np.full(len(ages), hazard), sex, ages)
    np.testing.assert_allclose(table.loc[15:, "ex"], 1.0 / hazard, rtol=1e-3 * hazard)
    np.testing.assert_allclose(
        table.loc[15:, "lx"] / table.loc[15, "lx"], np.exp(-hazard * (table.index[4:] - 15)), rtol=1e-3
    )
    assert table.loc[0, "ex"] == pytest.approx(1.0 / hazard, rel=0.003)
    assert table.index[-1] == last


@given(st.floats(1e-6, 1e-3), st.floats(0.05, 0.12), st.sampled_from(SEXES))
def test_the_columns_of_an_abridged_table_agree(level: float, slope: float, sex: str) -> None:
    mx = np.minimum(level * np.exp(slope * (ABRIDGED + 2.5)), 2.0) + 0.02 * (ABRIDGED == 0)
    table = abridged_life_table(mx, sex)
    lx, dx, Lx, Tx, ax = (table[name].to_numpy() for name in ("lx", "dx", "Lx", "Tx", "ax"))
    width = np.diff(ABRIDGED)
    np.testing.assert_allclose(lx[1:], lx[:-1] - dx[:-1], atol=1e-14)
    assert dx.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(dx, mx * Lx, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(Tx[:-1] - Tx[1:], Lx[:-1], atol=1e-9)
    np.testing.assert_allclose(table["ex"] * lx, Tx, rtol=1e-12)
    assert ((ax[:-1] > 0) & (ax[:-1] < width)).all()


def test_where_an_abridged_table_has_the_dead_live() -> None:
    """Coale & Demeny, model West, at ages 1-4; Greville's a of a Gompertz schedule, whose k is its slope."""
    mx = np.minimum(1e-4 * np.exp(0.09 * (ABRIDGED + 2.5)), 2.0)
    for infants, women, men in ((0.02, 1.522 - 1.518 * 0.02, 1.651 - 2.816 * 0.02), (0.12, 1.361, 1.352)):
        mx[0] = infants
        assert abridged_life_table(mx, "female").loc[1, "ax"] == pytest.approx(women)
        assert abridged_life_table(mx, "male").loc[1, "ax"] == pytest.approx(men)
    table = abridged_life_table(mx, "female")
    assert table.loc[[5, 10], "ax"].to_list() == [2.5, 2.5]
    assert table.loc[60, "ax"] == pytest.approx(2.5 - 25 / 12 * (table.loc[60, "mx"] - 0.09))
    mx[8] = 0.0  # nobody dies at 35-39
    beside = abridged_life_table(mx, "female")
    assert beside.loc[[30, 40], "ax"].to_list() == [2.5, 2.5]
    assert beside.loc[35, "dx"] == 0.0


def test_abridged_and_single_year_tables_of_one_schedule_agree(region: Region) -> None:
    """e0 to 0.05 years, and the years lived in each group to 0.3 % up to 74."""
    rates = region.mx["mx"].sel(year=2010)
    for country in region.countries:
        for sex in SEXES:
            own = rates.sel(country=country, sex=sex)
            short = abridged_life_table(own.to_numpy(), sex)
            long = life_table(single_year_rates(own).to_numpy(), sex)
            assert short.loc[0, "ex"] == pytest.approx(long.loc[0, "ex"], abs=0.05)
            lived = np.add.reduceat(long["Lx"].to_numpy(), ABRIDGED)
            np.testing.assert_allclose(short["Lx"].iloc[:-6], lived[:-6], rtol=3e-3)


def test_the_uns_life_expectancies_of_eight_decades(wpp_folder: Path) -> None:
    """187 countries, 1950 to 2020: half the tables are within 0.003 years of the UN's e0, 95 % within 0.05."""
    world = read_world(wpp_folder)
    rates = world.mx["mx"].transpose("country", "year", "sex", "age")
    published = world.e0["e0"].sel(year=rates["year"]).transpose("country", "year", "sex").to_numpy()
    found = [
        [[abridged_life_table(mx, sex).loc[0, "ex"] for mx, sex in zip(year, SEXES, strict=True)] for year in country]
        for country in rates.to_numpy()
    ]
    errors = np.abs(np.array(found) - published)
    assert errors.shape == (187, 8, 2)
    assert np.median(errors) < 0.003
    assert np.mean(errors < 0.05) > 0.95
    assert np.mean(errors < 0.1) > 0.99
    assert errors.max() < 0.3  # Oman 1950
    assert errors[:, -2:].max() < 0.06  # 2010 and 2020


def test_refused_abridged_rates() -> None:
    rates = np.full(22, 0.02)
    with pytest.raises(DataError, match=r"expected abridged ages 0, 1, 5, 10 … .*found ages \[0, 5, 10"):
        abridged_life_table(rates, "female", np.arange(0, 110, 5))
    with pytest.raises(DataError, match=r"at the 19 ages given, shape \(19,\), found shape \(22,\)"):
        abridged_life_table(rates, "female", [0, 1, *range(5, 86, 5)])
    with pytest.raises(DataError, match=r"above zero at 100\+.*and 1 missing"):
        abridged_life_table(np.where(ABRIDGED == 50, np.nan, rates), "female")
    with pytest.raises(DataError, match=r"above zero at 85\+"):
        abridged_life_table(np.r_[rates[:18], 0.0], "male", [0, 1, *range(5, 86, 5)])
    with pytest.raises(DataError, match="expected sex 'female' or 'male', found 'women'"):
        abridged_life_table(rates, "women")
