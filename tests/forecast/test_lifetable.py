"""Life tables against closed forms, their own identities and the UN's life expectancies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from poblar.data import DataError, Region
from poblar.forecast.ages import single_year_rates
from poblar.forecast.lifetable import life_expectancy, life_table, survival_ratios

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
