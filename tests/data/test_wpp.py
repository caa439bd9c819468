"""The readers of the UN's tables: what a good file becomes, and what a bad one says."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from poblar.data import DataError, reference
from poblar.data.wpp import TABLES, read_bulk_population, read_wide

LOCATIONS = "name\tcountry_code\tlocation_type\nWorld\t900\t0\nMexico\t484\t4\nKosovo\t412\t4\n"
BIRTHS = [
    "country_code\tcountry\t2020\t2021\tlast.observed",
    "900\tWorld\t1\t1\t2021",
    "484\tMexico\t1850.123\t1800\t2021",
    "412\tKosovo\t20\t21\t2021",
]
BULK = [
    "LocID,ISO3_code,Time,AgeGrpStart,PopMale,PopFemale,PopTotal",
    "900,,2020,0,300,290,590",
    "484,MEX,2020,0,5.5,5.25,10.75",
    "484,MEX,2020,5,5.75,5.5,11.25",
]


def wide(folder: Path, lines: list[str], name: str = "births.txt", *, locations: bool = True) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if locations:
        (folder / "UNlocations.txt").write_text(LOCATIONS, encoding="utf-8")
    return path


def bulk(folder: Path, lines: list[str]) -> Path:
    path = folder / "population.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def changed(lines: list[str], number: int, line: str) -> list[str]:
    """The lines with line `number`, as an editor counts, replaced."""
    return [*lines[: number - 1], line, *lines[number:]]


def test_countries_become_iso3_and_thousands_persons(tmp_path: Path) -> None:
    panel = read_wide(wide(tmp_path, BIRTHS), "births")
    assert panel["country"].values.tolist() == ["MEX", "XKX"]
    assert panel["births"].sel(country="MEX").values.tolist() == [1_850_123.0, 1_800_000.0]
    assert panel["births"].attrs["units"] == "persons per year"


def test_without_locations_beside_it_regions_are_known_by_their_numbers(tmp_path: Path) -> None:
    path = wide(tmp_path, BIRTHS, locations=False)
    assert read_wide(path, "births")["country"].values.tolist() == ["MEX", "XKX"]


def test_countries_can_be_chosen_in_order(tmp_path: Path) -> None:
    path = wide(tmp_path, BIRTHS)
    panel = read_wide(path, "births", countries=["XKX", "MEX"])
    assert panel["births"].values.tolist() == [[20_000.0, 21_000.0], [1_850_123.0, 1_800_000.0]]
    with pytest.raises(DataError, match="expected rows of GTM, found none"):
        read_wide(path, "births", countries=["MEX", "GTM"])


def test_a_stock_at_the_years_end_is_that_of_the_next_1_january(tmp_path: Path) -> None:
    panel = read_wide(wide(tmp_path, BIRTHS, "popprojMed.txt"), "population")
    assert panel["year"].values.tolist() == [2021, 2022]


def test_periods_stand_at_their_first_year_and_sexes_are_read_together(tmp_path: Path) -> None:
    for letter, rate in (("F", 0.01), ("M", 0.02)):
        rows = [f"484\tMexico\t{age}\t{rate}\t{rate / 2}" for age in ("5-9", "0", "100+")]
        header = "country_code\tcountry\tage\t1950-1955\t1955-1960"
        path = wide(tmp_path, [header, *rows], f"mx{letter}5.txt")
    panel = read_wide(path, "mx")
    assert panel.dataset.attrs["year_step"] == 5
    assert panel["age"].values.tolist() == [0, 5, 100]
    assert panel["mx"].sel(sex="male", year=1955, age=0).item() == 0.01
    (tmp_path / "mxF5.txt").unlink()
    with pytest.raises(DataError, match=r"mxF5\.txt: expected a file, found none"):
        read_wide(path, "mx")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], "births.txt: expected a header and rows, found an empty file"),
        (BIRTHS[:1], "births.txt: expected rows below the header, found none"),
        (
            changed(BIRTHS, 1, BIRTHS[0].replace("country_code", "code")),
            "row 1: expected the column 'country_code'",
        ),
        (
            changed(BIRTHS, 1, BIRTHS[0].replace("2021\t", "2022\t")),
            "row 1: expected the column 2021, found a gap",
        ),
        (
            changed(BIRTHS, 1, BIRTHS[0].replace("2021\t", "notes\t")),
            "row 1, column 'notes': expected a column named",
        ),
        (
            changed(BIRTHS, 1, BIRTHS[0].replace("2021\t", "2020\t")),
            "row 1: expected each column once, found '2020' tw",
        ),
        (
            changed(BIRTHS, 3, "484\tMexico\t1850\tn/a\t2021"),
            "row 3, column '2021': expected a number, found 'n/a'",
        ),
        (
            changed(BIRTHS, 3, "484\tMexico\t1850\t\t2021"),
            "row 3, column '2021': expected a number, found an empty",
        ),
        (
            changed(BIRTHS, 3, "484\tMexico\t1850\tNaN\t2021"),
            "row 3, column '2021': expected a number, found 'NaN'",
        ),
        (
            changed(BIRTHS, 3, "484\tMexico\t-5\t1800\t2021"),
            "row 3, column '2020': expected births of 0 or more, found",
        ),
        (changed(BIRTHS, 4, "412\tKosovo\t20"), "row 4, column '2021': expected 5 columns, found 3"),
        (
            [*BIRTHS, BIRTHS[2]],
            "row 5, column 'country_code': expected each row once, found country MEX again",
        ),
        (
            changed(BIRTHS, 3, "4x4\tMexico\t1\t1\t2021"),
            "row 3, column 'country_code': expected a number, found '4x4'",
        ),
    ],
)
def test_a_bad_file_is_refused_by_file_row_and_column(tmp_path: Path, lines: list[str], text: str) -> None:
    path = wide(tmp_path, lines)
    if not lines:
        path.write_text("")
    with pytest.raises(DataError, match=re.escape(text)) as caught:
        read_wide(path, "births")
    assert str(path) in str(caught.value)


def test_an_unknown_table_names_those_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"expected a table among {', '.join(TABLES)}, found 'gdp'")):
        read_wide(wide(tmp_path, BIRTHS), "gdp")


def test_bulk_population_is_in_persons_at_mid_year(tmp_path: Path) -> None:
    panel = read_bulk_population(bulk(tmp_path, BULK))
    assert panel["population"].sel(sex="female").values.tolist() == [[[5250.0, 5500.0]]]
    assert panel.dataset.attrs["reference_date"] == "1 July"


def test_bulk_population_may_be_compressed(tmp_path: Path) -> None:
    path = bulk(tmp_path, BULK)
    packed = tmp_path / "population.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_bulk_population(packed).hash == read_bulk_population(path).hash
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(DataError, match="expected a whole gzip file"):
        read_bulk_population(packed)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (changed(BULK, 1, BULK[0].replace("PopMale", "Males")), "row 1: expected the column 'PopMale'"),
        (
            changed(BULK, 4, "484,MEX,2020,5,-5.75,5.5,0"),
            "row 4, column 'PopMale': expected a population of 0 or more",
        ),
        (
            changed(BULK, 4, "484,MEX,2020,5,5.75,many,0"),
            "row 4, column 'PopFemale': expected a number, found 'many'",
        ),
        (changed(BULK, 4, "484,MEX,2020,5,5.75"), "row 4, column 'PopFemale': expected 7 columns, found 5"),
        ([*BULK, BULK[2]], "row 5, column 'ISO3_code': expected each row once"),
        (BULK[:2], "expected rows with an ISO3_code, found none"),
        (
            [*BULK, "320,GTM,2020,0,1,1,2"],
            "expected a row for every combination of country, year, sex, age (8 rows)",
        ),
        (
            changed(BULK, 4, "484,MEX,2020,x,5,5,10"),
            "row 4, column 'AgeGrpStart': expected a number, found 'x'",
        ),
    ],
)
def test_a_bad_bulk_file_is_refused(tmp_path: Path, lines: list[str], text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        read_bulk_population(bulk(tmp_path, lines))


def test_the_published_tables_are_read_whole(wpp_folder: Path) -> None:
    tfr = read_wide(wpp_folder / "tfr.txt", "tfr", retrieved="2026-11-24")
    assert tfr.sizes == {"country": 236, "year": 74}
    bundled = reference.region().tfr
    np.testing.assert_array_equal(tfr.sel(country=list(reference.COUNTRIES))["tfr"], bundled["tfr"])
    e0 = read_wide(wpp_folder / "e0Fproj80l.txt", "e0", countries=["MEX"])
    assert e0.sizes == {"country": 1, "year": 77, "sex": 2}


def test_births_less_deaths_plus_migration_is_the_published_change(wpp_folder: Path) -> None:
    parts = {
        name: read_wide(wpp_folder / f"{stem}.txt", name)[name]
        for name, stem in (
            ("births", "births"),
            ("deaths", "deaths"),
            ("net_migration", "migration"),
            ("population_change", "PopChange"),
        )
    }
    countries = parts["births"]["country"]
    change = parts["births"] - parts["deaths"] + parts["net_migration"].sel(country=countries)
    gap = abs(change - parts["population_change"].sel(country=countries))
    assert float(gap.sel(country=list(reference.COUNTRIES)).max()) <= 20
    assert float(gap.quantile(0.99)) <= 50  # the source itself is off by more in a few years, e.g. Ukraine's
