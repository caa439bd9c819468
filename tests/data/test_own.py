"""Figures of one's own: they become the region they state, or are refused by file, row and remedy."""

from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError, reference
from poblar.data.kinds import KINDS, kind_of, template
from poblar.data.own import own_ledger, own_region
from poblar.forecast import project


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {kind: tmp_path / f"{kind}.csv" for kind in KINDS}
    for kind, path in paths.items():
        path.write_text(template(kind), encoding="utf-8")
    return paths


def changed(path: Path, row: int, column: str, value: object) -> None:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[row, column] = str(value)
    table.to_csv(path, index=False)


def test_a_template_is_of_the_kind_that_it_says(files: dict[str, Path]) -> None:
    assert {kind_of(path) for path in files.values()} == set(KINDS)


def test_mexicos_figures_given_as_ones_own_are_mexicos(files: dict[str, Path]) -> None:
    own = own_region("XJA", rates=files["rates"], population=files["population"], ledger=files["ledger"])
    mexico = reference.region(["MEX"])
    since = slice(1990, None)
    for name in ("tfr", "e0"):
        ours, theirs = getattr(own, name)[name].squeeze("country"), getattr(mexico, name)[name].squeeze("country")
        np.testing.assert_allclose(ours, theirs.sel(year=since).transpose(*ours.dims), rtol=1e-9)
    rate = own.net_migration["net_migration_rate"].squeeze("country")
    published = mexico.net_migration["net_migration_rate"].squeeze("country").sel(year=since)
    np.testing.assert_allclose(rate, published, atol=2e-7)  # the template's persons are whole
    assert own.asylum is not None
    assert own.asylum["pending"].sel(country="XJA", year=2022).item() == mexico.asylum["pending"].sel(year=2022).item()


def test_the_population_given_is_where_the_projection_starts(files: dict[str, Path]) -> None:
    own = own_region("XJA", rates=files["rates"], population=files["population"])
    axes = {"country": ["XJA"], "year": [2024]}
    tfr = xr.DataArray([[1.8]], dims=("country", "year"), coords=axes, attrs={"units": "children per woman"})
    e0 = tfr.expand_dims(sex=["female", "male"]).copy(data=[[[78.0]], [[72.0]]]).assign_attrs(units="years")
    net = (0.0 * tfr).assign_attrs(units="per person-year")
    people = project(own, fertility=tfr, mortality=e0, migration=net)
    given = pd.read_csv(files["population"])["population"].sum()
    assert float(people.total.sel(year=2024).squeeze()) == pytest.approx(given)


@pytest.mark.parametrize("oldest", [65, 80, 95])
def test_an_open_group_is_spread_as_in_the_country_alike(files: dict[str, Path], oldest: int) -> None:
    table = pd.read_csv(files["population"])
    table["age"] = table["age"].clip(upper=oldest)
    table.groupby(["sex", "age"], as_index=False)["population"].sum().to_csv(files["population"], index=False)
    own = own_region("XJA", rates=files["rates"], population=files["population"])
    whole = own.population["population"].squeeze("country").squeeze("year")
    expected = pd.read_csv(files["rates"].with_name("population.csv")).groupby("sex")["population"].sum()
    np.testing.assert_allclose(whole.sum("age").sel(sex=expected.index.to_list()), expected)
    # The template has Mexico's own ages, so that Mexico's shares above the open group give them back.
    back = pd.read_csv(io.StringIO(template("population"))).set_index(["sex", "age"])["population"]
    np.testing.assert_allclose(whole.sel(sex="female", age=95), back.loc["female", 95], rtol=1e-3)


def test_single_years_stay_single(files: dict[str, Path]) -> None:
    ages = pd.MultiIndex.from_product([["female", "male"], range(101)], names=["sex", "age"])
    pd.DataFrame({"population": 650_000.0}, index=ages).reset_index().to_csv(files["population"], index=False)
    own = own_region("XJA", rates=files["rates"], population=files["population"])
    assert own.population.sizes["age"] == 101


@pytest.mark.parametrize(
    ("kind", "row", "column", "value", "said"),
    [
        ("rates", 3, "tfr", "n/a", "row 5, column 'tfr': expected a number, found 'n/a'"),
        ("rates", 3, "tfr", "", "row 5, column 'tfr': expected a number, found an empty cell"),
        ("rates", 3, "tfr", "34.2", "tfr"),
        ("rates", 3, "tfr", "=1+1", "expected a number, found '=1[+]1'"),
        ("rates", 3, "year", "1992", "expected every year once, in order, found 1992 followed by 1992"),
        ("rates", 3, "year", "93", "column 'year': expected a calendar year, found '93'"),
        (
            "rates",
            0,
            "births",
            "2436",
            "column 'births': expected 2 to 80 births a year for each 1,000 persons, found 0.0297",
        ),
        ("population", 0, "sex", "both", "column 'sex': expected female or male, found 'both'"),
        ("population", 0, "population", "-5", "expected zero or more persons, found -5"),
        ("rates", 4, "deaths", "2510000", "expected about 88.* persons at 1 January 1995"),
        ("population", 1, "age", "7", "expected each sex and age once"),
        ("population", 1, "age", "0", "expected each sex and age once"),
        (
            "population",
            0,
            "population",
            "530826700",
            "persons at 1 January 2024, what births, deaths and net migration",
        ),
    ],
)
def test_a_slip_is_named_and_nothing_is_made_of_it(
    files: dict[str, Path], kind: str, row: int, column: str, value: str, said: str
) -> None:
    changed(files[kind], row, column, value)
    with pytest.raises(DataError, match=said):
        own_region("XJA", rates=files["rates"], population=files["population"])


def test_ages_with_a_gap_are_refused(files: dict[str, Path]) -> None:
    pd.read_csv(files["population"]).query("age != 40").to_csv(files["population"], index=False)
    with pytest.raises(DataError, match="expected ages 0, 1, … or 0, 5, … from 0 to an open group"):
        own_region("XJA", rates=files["rates"], population=files["population"])


def test_a_short_past_is_refused(files: dict[str, Path]) -> None:
    pd.read_csv(files["rates"]).tail(9).to_csv(files["rates"], index=False)
    with pytest.raises(DataError, match="expected rates of 10 years or more, found 9"):
        own_region("XJA", rates=files["rates"], population=files["population"])


@pytest.mark.parametrize("code", ["JAL", "mex", "X", "XYZ"])
def test_a_code_that_is_somebody_elses_or_none_is_refused(files: dict[str, Path], code: str) -> None:
    with pytest.raises(DataError, match="or one of XAA to XXZ"):
        own_region(code, rates=files["rates"], population=files["population"])


def test_unknown_figures_of_a_ledger_are_declared_missing(files: dict[str, Path]) -> None:
    table = pd.read_csv(files["ledger"]).drop(columns="staff")
    table.loc[3, "rejected"] = np.nan
    table.to_csv(files["ledger"], index=False)
    panel = own_ledger("XAA", files["ledger"])
    assert np.isnan(panel["rejected"].squeeze("country").to_numpy()[3])
    assert np.isnan(panel["staff"]).all()
    assert panel["staff"].attrs["missing"] == "declared"


def test_columns_of_no_kind_name_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("year,tfr,e0_female\n2020,2.0,80\n")
    with pytest.raises(DataError, match=r"nearest is rates, with e0_male.*template rates"):
        kind_of(path)
    path.write_text("year;tfr\n2020;2,0\n")
    with pytest.raises(DataError, match=r"expected columns separated by"):
        kind_of(path)


def test_a_bomb_and_a_huge_file_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "rates.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as stream:
        stream.write(b"year,tfr\n")
        for _ in range(64):
            stream.write(b"2020,2.0\n" * 100_000)  # 58 MB unpacked, some kB packed
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as stream:  # sparse: two gigabytes that take no room
        stream.write(b"year,tfr\n")
        stream.truncate(2**31)
    started = time.perf_counter()
    with pytest.raises(DataError, match="expected at most 20 million characters, found more"):
        kind_of(bomb)
    with pytest.raises(DataError, match="characters in a line, found more"):
        kind_of(huge)
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"\xff\xfe\x00y", b"year\n", b'"year\n1', b"PK\x03\x04 zip"])
def test_what_is_no_table_is_a_stated_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected"):
        kind_of(path)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(content)
    with pytest.raises(DataError, match="expected"):
        kind_of(packed)
