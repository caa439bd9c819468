"""The world's region is the UN's tables: every country of them, none left out in silence."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from poblar.data import DataError, Region, read_world, reference
from poblar.data.wpp import read_wide

THREE = ("population_total_31dec", "population_age5_sex_midyear_decadal", "mx_abridged_decadal")


@pytest.fixture(scope="module")
def world(wpp_folder: Path) -> Region:
    return read_world(wpp_folder, retrieved="2026-11-24")


@pytest.fixture
def copy(wpp_folder: Path, tmp_path: Path) -> Path:
    """A folder with the same files, for a test to change some of them."""
    for path in wpp_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def rewrite(path: Path, change: re.Pattern[str], to: str = "") -> None:
    """Replace a file that is a link by its text, changed."""
    text = path.read_text(encoding="utf-8")
    path.unlink()
    path.write_text(change.sub(to, text), encoding="utf-8")


def test_the_six_bundled_countries_are_the_same_figures(world: Region) -> None:
    bundled = reference.region()
    part = world.sel(country=list(bundled.countries))
    names = [field.name for field in fields(bundled) if field.name != "asylum"]
    different = [name for name in names if getattr(part, name).hash != getattr(bundled, name).hash]
    assert different == []
    assert part.asylum is None


def test_every_country_of_the_tables_by_age_is_there(world: Region) -> None:
    assert len(world.countries) == 187
    assert list(world.countries) == sorted(world.countries)
    assert not {"SOM", "XKX", "GUM"} & set(world.countries)
    assert world.total.dataset.attrs["retrieved"] == world.tfr.dataset.attrs["retrieved"] == "2026-11-24"


def test_the_accounts_of_every_country_close(world: Region) -> None:
    """P(t + 1) = P(t) + births - deaths + net migration, as far as the source's own figures do."""
    population = world.total["population"]
    start, end = population.sel(year=slice(1950, 2023)), population.sel(year=slice(1951, 2024))
    change = world.births["births"] - world.deaths["deaths"] + world.net_migration["net_migration"]
    gap = np.abs(end.assign_coords(year=start["year"]) - start - change).to_series()
    assert set(gap.index[gap > 250]) == {("HKG", 1967), ("UKR", 1989)}  # the source itself is off, by 578 and 4,862
    assert gap.quantile(0.99) <= 20


def test_ages_of_migrants_sum_to_one_and_explode_nowhere(world: Region) -> None:
    share = world.migrant_ages["migrant_share"]
    np.testing.assert_allclose(share.sum(["sex", "age"]), 1.0, rtol=1e-9)
    gross = np.abs(share).sum(["sex", "age"])
    assert float(gross.max()) == pytest.approx(3.0)
    assert float(gross.sel(country="SDN")) == pytest.approx(3.0)  # 244 come or go for each one of the total


def test_countries_come_in_the_order_asked_for(wpp_folder: Path, world: Region) -> None:
    some = read_world(wpp_folder, countries=["KEN", "BRA"])
    assert some.countries == ("KEN", "BRA")
    for name in ("tfr", "total", "population", "mx", "migrant_ages"):
        assert getattr(some, name).hash == getattr(world.sel(country=["KEN", "BRA"]), name).hash, name


def test_ages_of_migrants_may_be_those_of_more_years(wpp_folder: Path) -> None:
    some = read_world(wpp_folder, countries=["DEU"], migrant_years=(2020, 2050))
    counts = read_wide(wpp_folder / "migrationF5.txt", "net_migrants", countries=["DEU"])["net_migrants"]
    total = counts.sel(year=slice(2020, 2045)).sum("year")
    share = some.migrant_ages["migrant_share"]
    np.testing.assert_allclose(share, total / total.sum(), rtol=1e-9)
    assert some.migrant_ages.dataset.attrs["period"] == "mid-2020 to mid-2050"


@pytest.mark.parametrize("years", [(2020, 2021), (2030, 2030), (2015, 2030), (2050, 2105)])
def test_years_of_migrants_are_those_of_whole_periods(years: tuple[int, int], wpp_folder: Path) -> None:
    message = (
        f"expected migrant_years from one to another of 2020, 2025 … 2100, found {years[0]} to {years[1]}; "
        "give the first and the last mid-year of the periods, e.g. (2025, 2030)."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_world(wpp_folder, migrant_years=years)


@pytest.mark.parametrize("name", THREE)
def test_a_table_that_is_not_there_says_where_it_comes_from(name: str, copy: Path) -> None:
    (copy / f"{name}.csv.gz").unlink()
    with pytest.raises(DataError, match=rf"{name}\.csv\.gz: expected a file, found none; `poblar data fetch wpp2024` "):
        read_world(copy)


def test_a_country_without_ages_is_refused_by_name(wpp_folder: Path) -> None:
    with pytest.raises(DataError, match=r"decadal\.csv\.gz, column 'iso3': expected rows of SOM, XKX, found none; "):
        read_world(wpp_folder, countries=["MEX", "XKX", "SOM"])


def test_a_country_that_one_table_lacks_is_not_left_out(copy: Path) -> None:
    rewrite(copy / "tfr.txt", re.compile(r"^404\t.*\n", re.MULTILINE))
    with pytest.raises(DataError, match=r"tfr\.txt, column 'country_code': expected rows of KEN, found none"):
        read_world(copy)


def test_flows_of_other_years_are_refused(copy: Path) -> None:
    rewrite(copy / "deaths.txt", re.compile(r"(\t[^\t\n]*)$", re.MULTILINE))
    with pytest.raises(DataError, match=r"expected deaths of 1950 to 2023, the years of births, found .*one revision"):
        read_world(copy, countries=["MEX"])
