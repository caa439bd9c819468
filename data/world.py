"""The world's `Region`, of every country, from the tables of World Population Prospects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from ._checks import shown
from ._table import numbers, read_table, whole_numbers
from .axes import UNITS
from .countries import from_m49
from .errors import DataError
from .net_migration import with_rate
from .panel import Panel
from .region import Region, from_tables
from .wpp import PROVENANCE, read_wide

__all__ = ["read_net_migration", "read_world"]

MIGRANT_YEARS: Final = (2025, 2030)
"""Mid-years between which the bundled tables take the migrants' ages."""

_LAST_ESTIMATE: Final = 2023  # later years of WPP 2024 are projections
_RECENT: Final = 2020  # first year of the period of the latest death rates, and of the latest sex ratio at birth
_PERIODS: Final = range(2020, 2100, 5)  # first years of the periods of the migrants' ages
_DIGITS: Final = 8  # more than any source states, fewer than the noise of a division

_TOTAL: Final = "population_total_31dec.csv.gz"
_POPULATION: Final = "population_age5_sex_midyear_decadal.csv.gz"
_DEATH_RATES: Final = "mx_abridged_decadal.csv.gz"
_BESIDE: Final = {
    _TOTAL: "country_code, year, population: persons at 31 December, by M49 number (popprojMed.txt of 2024, less "
    "PopChangeprojMed.txt of 2024 and PopChange.txt year by year)",
    _POPULATION: "iso3, year, sex, age, population: persons at 1 July of 1950, 1960 … 2020, of the UN's file "
    "WPP2024_PopulationByAge5GroupSex_Medium",
    _DEATH_RATES: "iso3, year, sex, age, mx: death rates of 1950, 1960 … 2020, of the UN's file "
    "WPP2024_Life_Table_Abridged_Medium_1950-2023",
}
"""Columns of the tables that the text layout does not have, and where they come from."""


def read_world(
    folder: str | Path,
    *,
    countries: Sequence[str] | None = None,
    migrant_years: tuple[int, int] = MIGRANT_YEARS,
    retrieved: str = "not stated",
) -> Region:
    """The region of all countries, or of those asked for, from the tables of World Population Prospects 2024.

    Without `countries` it is of every country in the table of population by age, the one with the fewest: 187 of the
    236 countries and areas of the text layout, without Somalia, Kosovo, dependent territories and the smallest. No
    country is left out beyond that: one that another table lacks, or that `countries` names in vain, is refused.

    Parameters
    ----------
    folder : str or Path
        Folder of the wpp2024 text layout (``poblar data fetch wpp2024``), with three tables beside it that the layout
        does not have: ``population_total_31dec.csv.gz`` (country_code, year, population),
        ``population_age5_sex_midyear_decadal.csv.gz`` (iso3, year, sex, age, population) and
        ``mx_abridged_decadal.csv.gz`` (iso3, year, sex, age, mx), made from the UN's bulk files.
    countries : sequence of str, optional
        ISO 3166-1 alpha-3, in the order wanted; by default all, by code.
    migrant_years : (int, int)
        First and last mid-year of the five-year periods, from 2020 to 2100, whose net migrants are added up to give
        the migrants' ages. They are the UN's projection from 2025 on, and over more periods less of one crisis.
    retrieved : str
        Date of download, for the provenance.

    Returns
    -------
    Region
        Estimates up to 2023, without ledgers of asylum. The migrants' ages are bounded where the total is near zero
        (`poblar.data.region.migrant_share`).

    Raises
    ------
    DataError
        If a table is absent or cannot be read, or if it lacks a country asked for.

    See Also
    --------
    poblar.data.reference.region : The six bundled countries, without any file.
    poblar.data.wpp.read_wide : One table of the layout, the UN's projections too.

    References
    ----------
    United Nations (2024), World Population Prospects 2024.

    Examples
    --------
    >>> import tempfile
    >>> read_world(tempfile.mkdtemp())  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: …/population_total_31dec.csv.gz: expected a file, found none; …

    >>> from poblar.data import fetch
    >>> read_world(fetch.folder("wpp2024"), countries=["BRA", "KEN"])  # doctest: +SKIP
    Region(BRA, KEN; 1950 to 2023; tfr, e0, net_migration, births, deaths, population, …)
    """
    return from_tables(read_tables(folder, countries, migrant_years=migrant_years, retrieved=retrieved))


def read_tables(
    folder: str | Path,
    countries: Sequence[str] | None = None,
    *,
    migrant_years: tuple[int, int] = MIGRANT_YEARS,
    retrieved: str = "not stated",
) -> dict[str, Panel]:
    """The ten tables that `from_tables` makes a `Region` of."""
    folder = Path(folder)
    first, last = migrant_years
    if first not in _PERIODS or last - 5 not in _PERIODS or first >= last:
        raise DataError(
            expected="migrant_years from one to another of 2020, 2025 … 2100",
            found=f"{first} to {last}",
            remedy=f"give the first and the last mid-year of the periods, e.g. {MIGRANT_YEARS}",
        )
    for name, columns in _BESIDE.items():
        if not (folder / name).is_file():
            raise DataError(
                expected="a file",
                found="none",
                remedy="`poblar data fetch wpp2024` gives the text layout alone; put this table beside it, with the "
                f"columns {columns}",
                file=folder / name,
            )
    about = PROVENANCE | {"retrieved": retrieved}
    population = _decades(folder / _POPULATION, "population", countries, about | {"reference_date": "1 July"})
    found = population.dataset.indexes["country"].tolist()

    def wide(stem: str, name: str, last: int = _LAST_ESTIMATE) -> Panel:
        panel = read_wide(folder / f"{stem}.txt", name, countries=found, retrieved=retrieved)
        dataset = panel.sel(year=slice(None, last)).dataset
        return Panel(dataset.assign({name: dataset[name].round(_DIGITS)}))

    births, deaths, migration = wide("births", "births"), wide("deaths", "deaths"), wide("migration", "net_migration")
    return {
        "tfr": wide("tfr", "tfr"),
        "e0": wide("e0F", "e0"),
        "vital": _merged(births, deaths, migration),
        "total": _total(folder / _TOTAL, found, about | {"reference_date": "1 January"}),
        "population": population,
        "mx": _decades(folder / _DEATH_RATES, "mx", found, about),
        "mx_recent": _undated(wide("mxF5", "mx"), _RECENT, _RECENT + 5),
        "fertility_pattern": wide("percentASFR5", "fertility_share"),
        "sex_ratio": wide("sexRatio5", "sex_ratio_at_birth", last=_RECENT),
        "migrant_ages": _undated(wide("migrationF5", "net_migrants", last=last - 5), first, last),
    }


def read_net_migration(folder: str | Path, *, retrieved: str = "not stated") -> Panel:
    """Net migration and its rate of all 236 countries and areas, 1950 to 2023.

    Parameters
    ----------
    folder : str or Path
        Folder of the wpp2024 text layout with ``population_total_31dec.csv.gz`` beside it, as in `read_world`.
    retrieved : str
        Date of download, for the provenance.

    Returns
    -------
    Panel
        ``net_migration`` (country, year), persons per year, and ``net_migration_rate``, per person-year.

    Raises
    ------
    DataError
        If a table is absent or cannot be read.

    Examples
    --------
    >>> from poblar.data import fetch
    >>> read_net_migration(fetch.folder("wpp2024"))["net_migration_rate"].shape  # doctest: +SKIP
    (236, 74)
    """
    folder = Path(folder)
    counts = read_wide(folder / "migration.txt", "net_migration", retrieved=retrieved).sel(
        year=slice(None, _LAST_ESTIMATE)
    )
    about = PROVENANCE | {"retrieved": retrieved, "reference_date": "1 January"}
    return with_rate(counts, _total(folder / _TOTAL, counts.dataset.indexes["country"].tolist(), about))


def _merged(first: Panel, *others: Panel) -> Panel:
    """Variables of panels that have the same countries and years."""
    years = first.dataset.indexes["year"]
    for other in others:
        if not other.dataset.indexes["year"].equals(years):
            raise DataError(
                expected=f"{other.names[0]} of {years[0]} to {years[-1]}, the years of {first.names[0]}",
                found=shown(other.dataset.indexes["year"]),
                remedy="fetch the files again: all must be of one revision",
            )
    return Panel(first.dataset.assign({name: other[name] for other in others for name in other.names}))


def _undated(panel: Panel, first: int, last: int) -> Panel:
    """Rates of one five-year period, or counts added up over several, without the axis of years."""
    dataset = panel.sel(year=list(range(first, last, 5))).dataset.sum("year", keep_attrs=True)
    del dataset.attrs["year_step"]
    return Panel(dataset.assign_attrs(period=f"mid-{first} to mid-{last}"))


def _decades(path: Path, name: str, countries: Sequence[str] | None, about: dict[str, str]) -> Panel:
    """One of the tables by country, decade, sex and age."""
    text = read_table(path, columns=["iso3", "year", "sex", "age", name])
    frame = text.rename(columns={"iso3": "country"})
    frame = _chosen(frame, countries, path, "iso3")
    return Panel.from_frame(
        frame,
        dims=["country", "year", "sex", "age"],
        units={name: UNITS[name]},
        provenance=about,
        year_step=10,
        file=path,
    )


def _total(path: Path, countries: Sequence[str], about: dict[str, str]) -> Panel:
    """Total population at 1 January: 31 December of a year is 1 January of the next."""
    text = read_table(path, columns=["country_code", "year", "population"])
    codes = whole_numbers(text["country_code"], path)
    iso3 = codes.map({code: from_m49(code) for code in codes.unique()})
    frame = pd.DataFrame(
        {
            "country": iso3,
            "year": whole_numbers(text["year"], path) + 1,
            "population": numbers(text["population"], path).round(),
        },
        index=text.index,
    )
    frame = _chosen(frame, countries, path, "country_code")
    units = {"population": UNITS["population"]}
    return Panel.from_frame(frame, dims=["country", "year"], units=units, provenance=about, file=path)


def _chosen(frame: pd.DataFrame, countries: Sequence[str] | None, path: Path, column: str) -> pd.DataFrame:
    """Rows of the countries asked for, in their order; by default all rows."""
    wanted = sorted(frame["country"].unique()) if countries is None else list(countries)
    absent = sorted(set(wanted) - set(frame["country"]))
    if absent:
        raise DataError(
            expected=f"rows of {shown(absent)}",
            found="none",
            remedy="leave these countries out, or add their rows",
            file=path,
            column=column,
        )
    kept, place = frame[frame["country"].isin(wanted)], {country: i for i, country in enumerate(wanted)}
    return kept.sort_values("country", key=lambda column: column.map(place), kind="stable")
