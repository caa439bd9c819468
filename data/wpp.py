"""Readers of the United Nations' World Population Prospects: the wpp2024 text layout and the bulk CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from ._checks import shown
from ._table import numbers, read_table, whole_numbers
from .countries import from_m49
from .errors import DataError
from .panel import Panel

__all__ = ["TABLES", "Layout", "read_bulk_population", "read_wide"]

PROVENANCE: Final = {
    "source": "United Nations, World Population Prospects",
    "licence": "CC BY 3.0 IGO",
    "revision": "2024",
    "retrieved": "not stated",
}

_COUNTRY: Final = "4"  # location_type of countries and areas in UNlocations.txt
_YEAR: Final = re.compile(r"(\d{4})(?:-(\d{4}))?")
_AGE: Final = re.compile(r"(\d+)(?:-\d+|\+)?")
_IGNORED: Final = ("country", "last.observed")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What one table of the wpp2024 text layout holds.

    Parameters
    ----------
    units : str
        Unit of the figures once read.
    factor : float
        What a figure of the file is multiplied by to be in that unit.
    by_age, by_sex : bool
        Whether the file has an ``age`` column, and a twin for the other sex.
    shift : int
        Years added to the file's year: a stock at 31 December stands at 1 January of the next year.
    age_range : str or None
        The ages, where they are only a part of life.

    Examples
    --------
    >>> TABLES["births"].factor, TABLES["births"].units
    (1000.0, 'persons per year')
    """

    units: str
    factor: float = 1.0
    by_age: bool = False
    by_sex: bool = False
    shift: int = 0
    age_range: str | None = None


TABLES: Final = {
    "tfr": Layout(units="children per woman"),
    "e0": Layout(units="years", by_sex=True),
    "net_migration": Layout(units="persons per year", factor=1000.0),
    "births": Layout(units="persons per year", factor=1000.0),
    "deaths": Layout(units="persons per year", factor=1000.0),
    "population_change": Layout(units="persons per year", factor=1000.0),
    "population": Layout(units="persons", factor=1000.0, shift=1),
    "growth_rate": Layout(units="per year", factor=0.01),
    "mx": Layout(units="per person-year", by_age=True, by_sex=True),
    "fertility_share": Layout(units="share", factor=0.01, by_age=True, age_range="10 to 54"),
    "sex_ratio_at_birth": Layout(units="males per female"),
    "net_migrants": Layout(units="persons per period", factor=1000.0, by_age=True, by_sex=True),
}
"""What each table holds, by the name to give `read_wide`.

=====================  ==========================================  ==================================
name                   files of the layout                         in the file
=====================  ==========================================  ==================================
tfr                    tfr, tfrprojMed, tfrproj80l …               children per woman
e0                     e0F and e0M, e0Fproj and e0Mproj …          years
net_migration          migration, migrationprojMed …               thousands a year
births, deaths         births, deaths                              thousands a year
population_change      PopChange, PopChangeprojMed                 thousands a year
population             popprojMed, popproj80l …                    thousands at 31 December
growth_rate            growthrate                                  percent a year
mx                     mxF5 and mxM5                               deaths per person-year
fertility_share        percentASFR5                                percent of all births by age
sex_ratio_at_birth     sexRatio5                                   males per female
net_migrants           migrationF5 and migrationM5                 thousands in the five-year period
=====================  ==========================================  ==================================
"""


def read_wide(
    path: str | Path,
    name: str,
    *,
    countries: Sequence[str] | None = None,
    locations: str | Path | None = None,
    retrieved: str = "not stated",
) -> Panel:
    """Panel of one table of the wpp2024 text layout: a row a location, a column a year or period.

    Countries only, by ISO 3166-1 alpha-3 code (Kosovo as XKX); regions are left out. A five-year period
    stands at its first year (``year_step`` 5). Thousands become persons and percent shares, by `TABLES`.

    Parameters
    ----------
    path : str or Path
        File; for a table by sex either of the two (``e0F.txt``), its twin (``e0M.txt``) lies beside it.
    name : str
        What the file holds: a key of `TABLES`.
    countries : sequence of str, optional
        Countries to keep, in this order; by default all, in the order of the file.
    locations : str or Path, optional
        UNlocations.txt, which tells countries (``location_type`` 4) from regions; by default the one beside
        `path` and, where there is none, every location whose number is a country's in ISO 3166-1.
    retrieved : str
        Date of download, for the provenance.

    Returns
    -------
    Panel
        Axes (country, year), with sex and age where the table has them.

    Raises
    ------
    DataError
        On a missing column, a row that is cut short or repeated, text or nothing where a number belongs, an
        implausible value; it names file, row and column.

    References
    ----------
    United Nations (2024), World Population Prospects 2024; layout of the R package wpp2024.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> text = "country_code\\tcountry\\t2020\\t2021\\n484\\tMexico\\t1850\\t1800\\n"
    >>> _ = (folder / "births.txt").write_text(text)
    >>> read_wide(folder / "births.txt", "births")["births"].values.tolist()
    [[1850000.0, 1800000.0]]
    """
    path = Path(path)
    if name not in TABLES:
        raise DataError(expected=f"a table among {', '.join(TABLES)}", found=repr(name), remedy="choose one of them")
    layout = TABLES[name]
    numbers_kept = _locations(path, locations)
    files = _twins(path) if layout.by_sex else {None: path}
    tables = {sex: _read_one(file, name, layout, numbers_kept, countries) for sex, file in files.items()}
    steps = {step for _, step in tables.values()}
    frame = pd.concat([table.assign(sex=sex) for sex, (table, _) in tables.items()], ignore_index=True)
    if countries is not None:
        place = {country: i for i, country in enumerate(countries)}
        frame = frame.sort_values("country", key=lambda column: column.map(place), kind="stable")
    dims = ["country", "year", *(["sex"] if layout.by_sex else []), *(["age"] if layout.by_age else [])]
    return Panel.from_frame(
        frame,
        dims=dims,
        units={name: layout.units},
        provenance=PROVENANCE | {"retrieved": retrieved},
        year_step=max(steps),
        age_range=layout.age_range,
        file=path,
    )


def read_bulk_population(path: str | Path, *, year_step: int = 1, retrieved: str = "not stated") -> Panel:
    """Population by sex and age at 1 July from the UN's bulk CSV (PopulationByAge…), in persons.

    Parameters
    ----------
    path : str or Path
        CSV, or CSV compressed with gzip (``.csv.gz``), with the columns ``LocID, ISO3_code, Time,
        AgeGrpStart, PopMale, PopFemale`` (thousands); further columns and rows without ``ISO3_code``
        (regions) are left out.
    year_step : int
        Years between two years of the file.
    retrieved : str
        Date of download, for the provenance.

    Returns
    -------
    Panel
        ``population`` (country, year, sex, age), persons at 1 July.

    Raises
    ------
    DataError
        On a missing column, a row that is cut short or repeated, a negative population, text or nothing where
        a number belongs; it names file, row and column.

    References
    ----------
    United Nations (2024), World Population Prospects 2024, CSV format.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "population.csv"
    >>> header = "LocID,ISO3_code,Time,AgeGrpStart,PopMale,PopFemale"
    >>> _ = path.write_text(header + "\\n484,MEX,2020,0,5.5,5.25\\n484,MEX,2020,5,5.75,5.5\\n")
    >>> read_bulk_population(path)["population"].sel(sex="male").values.tolist()
    [[[5500.0, 5750.0]]]
    """
    path = Path(path)
    sexes = {"female": "PopFemale", "male": "PopMale"}
    text = read_table(path, columns=["LocID", "ISO3_code", "Time", "AgeGrpStart", *sexes.values()])
    text = text[text["ISO3_code"] != ""]
    if text.empty:
        raise DataError(
            expected="rows with an ISO3_code", found="none", remedy="export countries, not regions", file=path
        )
    keys = pd.DataFrame(
        {
            "country": text["ISO3_code"],
            "year": whole_numbers(text["Time"], path),
            "age": whole_numbers(text["AgeGrpStart"], path),
        }
    )
    _refuse_repeats(keys, path, "ISO3_code")
    parts = []
    for sex, column in sexes.items():
        thousands = numbers(text[column], path)
        if (thousands < 0).any():
            row = thousands.index[thousands < 0][0]
            raise DataError(
                expected="a population of 0 or more",
                found=f"{thousands[row]:g}",
                remedy="correct the figure, or fetch the file again",
                file=path,
                row=row,
                column=column,
            )
        parts.append(keys.assign(sex=sex, population=1000.0 * thousands))
    return Panel.from_frame(
        pd.concat(parts, ignore_index=True),
        dims=["country", "year", "sex", "age"],
        units={"population": "persons"},
        provenance=PROVENANCE | {"retrieved": retrieved, "reference_date": "1 July"},
        year_step=year_step,
        file=path,
    )


def _read_one(
    path: Path, name: str, layout: Layout, locations: frozenset[int] | None, countries: Sequence[str] | None
) -> tuple[pd.DataFrame, int]:
    """Tidy table (country, age, year, value) of one file, and the step of its years."""
    text = read_table(path, sep="\t")
    for column in ("country_code", *(["age"] if layout.by_age else [])):
        if column not in text.columns:
            raise DataError(
                expected=f"the column {column!r}",
                found=f"columns {shown(text.columns)}",
                remedy=f"check that the file holds {name}, or fetch it again",
                file=path,
                row=1,
            )
    years, step = _years(path, list(text.columns.difference(["country_code", "age", *_IGNORED], sort=False)))
    codes = whole_numbers(text["country_code"], path)
    keep = codes.isin(locations) if locations is not None else codes.map(from_m49).notna()
    iso3 = codes[keep].map(_iso3)
    if countries is not None:
        iso3 = iso3[iso3.isin(countries)]
    found = set(iso3)
    absent = [country for country in countries or [] if country not in found]
    if iso3.empty or absent:
        raise DataError(
            expected=f"rows of {shown(absent) if absent else 'countries'}",
            found="none",
            remedy="check country_code, UNlocations.txt and the countries asked for",
            file=path,
            column="country_code",
        )
    text = text.loc[iso3.index]
    keys = pd.DataFrame({"country": iso3})
    if layout.by_age:
        keys["age"] = _ages(text["age"], path)
    _refuse_repeats(keys, path, "country_code")
    values = pd.DataFrame({year: numbers(text[label], path) * layout.factor for label, year in years.items()})
    if layout.factor == 1000.0:
        values = values.round()  # whole persons: the file states thousands to three decimals
    _refuse_negative(values, name, years, path)
    table = pd.concat([keys, values], axis="columns").melt(id_vars=list(keys.columns), var_name="year", value_name=name)
    return table.assign(year=table["year"].astype(int) + layout.shift), step


def _years(path: Path, labels: list[str]) -> tuple[dict[str, int], int]:
    """First year of each column, and the step; a column that is no year or a year left out is refused."""
    years: dict[str, int] = {}
    steps: set[int] = set()
    for label in labels:
        match = _YEAR.fullmatch(label)
        if match is None:
            raise DataError(
                expected="a column named by a year (1950) or a period (1950-1955)",
                found=repr(label),
                remedy="remove the column, or fetch the file again",
                file=path,
                row=1,
                column=label,
            )
        years[label] = int(match[1])
        steps.add(int(match[2]) - int(match[1]) if match[2] else 1)
    if len(steps) != 1:
        raise DataError(
            expected="year columns of one kind",
            found="single years and periods" if steps else "no year column",
            remedy="fetch the file again",
            file=path,
            row=1,
        )
    step = steps.pop()
    absent = sorted(set(range(min(years.values()), max(years.values()) + 1, step)) - set(years.values()))
    if absent:
        raise DataError(
            expected=f"the column {absent[0] if step == 1 else f'{absent[0]}-{absent[0] + step}'}",
            found="a gap",
            remedy="fetch the file again",
            file=path,
            row=1,
        )
    return years, step


def _locations(path: Path, locations: str | Path | None) -> frozenset[int] | None:
    """M49 numbers of the countries in UNlocations.txt; None where there is no such file."""
    beside = path.parent / "UNlocations.txt"
    if locations is None and not beside.exists():
        return None
    file = Path(locations) if locations is not None else beside
    table = read_table(file, sep="\t", columns=["country_code", "location_type"])
    return frozenset(whole_numbers(table["country_code"][table["location_type"] == _COUNTRY], file))


def _twins(path: Path) -> dict[str, Path]:
    """The file of each sex: the F or M before ``5``, ``proj`` or the end of the name tells them apart."""
    match = re.fullmatch(r"(.*)([FM])(5|proj\w*)?", path.stem)
    if match is None:
        raise DataError(
            expected="a file of one sex, e.g. e0F.txt or mxM5.txt",
            found=repr(path.name),
            remedy="keep the file names of the layout",
            file=path,
        )
    head, _, tail = match.groups(default="")
    return {
        sex: path.with_name(f"{head}{letter}{tail}{path.suffix}") for sex, letter in (("female", "F"), ("male", "M"))
    }


def _iso3(code: int) -> str:
    iso3 = from_m49(code)
    if iso3 is None:
        raise DataError(
            expected="M49 numbers of countries",
            found=str(code),
            remedy="check location_type in UNlocations.txt",
        )
    return iso3


def _ages(column: pd.Series, path: Path) -> pd.Series:
    """Lower bounds of age groups written ``0``, ``5-9`` or ``100+``."""
    wrong = ~column.str.fullmatch(_AGE.pattern)
    if wrong.any():
        raise DataError(
            expected="an age such as 0, 5-9 or 100+",
            found=repr(column[wrong].iloc[0]),
            remedy="correct the age group",
            file=path,
            row=column.index[wrong][0],
            column="age",
        )
    return column.str.extract(r"^(\d+)", expand=False).astype(int)


def _refuse_repeats(keys: pd.DataFrame, path: Path, column: str) -> None:
    repeated = keys.duplicated()
    if repeated.any():
        again = ", ".join(f"{name} {value}" for name, value in keys[repeated].iloc[0].items())
        raise DataError(
            expected="each row once",
            found=f"{again} again",
            remedy="remove the repeated row, or fetch the file again",
            file=path,
            row=keys.index[repeated][0],
            column=column,
        )


def _refuse_negative(values: pd.DataFrame, name: str, years: dict[str, int], path: Path) -> None:
    if name not in ("births", "deaths", "population", "mx", "fertility_share"):
        return
    for label, year in years.items():
        wrong = values[year] < 0
        if wrong.any():
            raise DataError(
                expected=f"{name} of 0 or more",
                found=f"{values[year][wrong].iloc[0]:g}",
                remedy="correct the figure, or fetch the file again",
                file=path,
                row=values.index[wrong][0],
                column=label,
            )
