"""Write the bundled tables of ``data/reference`` from downloaded sources: ``python -m poblar.data.tabulate``.

The result depends on the sources alone: the same files give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ._agency import COLUMNS, COMAR_SERIES, EOIR_NOTES, FIGURES
from ._sources import SOURCES
from ._table import numbers, read_table, whole_numbers
from .axes import SEXES
from .countries import from_m49
from .errors import DataError
from .reference import COUNTRIES
from .unhcr import read_ledgers
from .wpp import read_wide

__all__ = ["tabulate"]

_STAFF: Final = {("MEX", 2019): 48, ("MEX", 2020): 140}
_LAST_ESTIMATE: Final = 2023  # later years of WPP 2024 are projections
_DIGITS: Final = 8  # more than any source states, fewer than the noise of a division


def tabulate(wpp: str | Path, asylum: str | Path, out: str | Path) -> list[Path]:
    """Write the reference tables and ``sources.json``.

    Parameters
    ----------
    wpp : str or Path
        Folder of the wpp2024 text layout, with ``population_total_31dec``,
        ``population_age5_sex_midyear_decadal`` and ``mx_abridged_decadal`` (.csv.gz) beside it.
    asylum : str or Path
        Folder of UNHCR's tables, COMAR's annual applications and EOIR's two vintages.
    out : str or Path
        Folder to write to.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    DataError
        On a source that cannot be read.

    Examples
    --------
    >>> tabulate("nowhere", "nowhere", "nowhere")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere/tfr.txt: expected a file, found none; check the path …
    """
    wpp, asylum, out = Path(wpp), Path(asylum), Path(out)
    tables = _annual(wpp) | _ages(wpp) | {"asylum": _asylum(asylum), "agency": _agency(asylum)}
    if set(tables) != set(SOURCES):
        raise DataError(
            expected=f"tables {sorted(SOURCES)}",
            found=str(sorted(tables)),
            remedy="describe each in _sources.py",
        )
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in sorted(tables):
        columns = list(SOURCES[name]["columns"])
        written.append(out / f"{name}.csv")
        tables[name][columns].to_csv(written[-1], index=False, lineterminator="\n")
    written.append(out / "sources.json")
    written[-1].write_text(json.dumps(SOURCES, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return written


def _annual(folder: Path) -> dict[str, pd.DataFrame]:
    """Tables by country and year: estimates only."""
    flows = [_wide(folder, stem, name) for stem, name in _FLOWS.items()]
    vital = flows[0]
    for flow in flows[1:]:
        vital = vital.merge(flow, on=["country", "year"], how="left", validate="1:1")
    sex_ratio = _wide(folder, "sexRatio5", "sex_ratio_at_birth")
    return {
        "tfr": _wide(folder, "tfr", "tfr"),
        "e0": _wide(folder, "e0F", "e0"),
        "vital": vital,
        "total": _total(folder / "population_total_31dec.csv.gz"),
        "sex_ratio": sex_ratio[sex_ratio["year"] <= 2020],
    }


_FLOWS: Final = {"births": "births", "deaths": "deaths", "migration": "net_migration"}


def _ages(folder: Path) -> dict[str, pd.DataFrame]:
    """Tables by age."""
    mx = read_wide(folder / "mxF5.txt", "mx", countries=COUNTRIES).to_frame()
    recent = mx[mx["year"] == 2020].drop(columns="year")
    migrants = read_wide(folder / "migrationF5.txt", "net_migrants", countries=COUNTRIES).to_frame()
    migrants = migrants[migrants["year"] == 2025].drop(columns="year")
    return {
        "population": _decades(folder / "population_age5_sex_midyear_decadal.csv.gz", "population"),
        "mx": _decades(folder / "mx_abridged_decadal.csv.gz", "mx"),
        "mx_recent": recent,
        "fertility_pattern": _wide(folder, "percentASFR5", "fertility_share"),
        "migrant_ages": migrants.astype({"net_migrants": int}),
    }


def _wide(folder: Path, stem: str, name: str) -> pd.DataFrame:
    panel = read_wide(folder / f"{stem}.txt", name, countries=COUNTRIES)
    frame = panel.to_frame()
    frame = frame[frame["year"] <= _LAST_ESTIMATE]
    if panel[name].attrs["units"].startswith("persons"):
        return frame.astype({name: int})
    return frame.assign(**{name: frame[name].round(_DIGITS)})


def _decades(path: Path, name: str) -> pd.DataFrame:
    """One of the tables by country, decade, sex and age, in the order of the axes."""
    text = read_table(path, columns=["iso3", "year", "sex", "age", name])
    text = text[text["iso3"].isin(COUNTRIES)]
    frame = pd.DataFrame(
        {
            "country": pd.Categorical(text["iso3"], COUNTRIES, ordered=True),
            "year": whole_numbers(text["year"], path),
            "sex": pd.Categorical(text["sex"], SEXES, ordered=True),
            "age": whole_numbers(text["age"], path),
            name: numbers(text[name], path),
        }
    )
    frame = frame.sort_values(["country", "year", "sex", "age"])
    return frame.astype({"population": int}) if name == "population" else frame


def _total(path: Path) -> pd.DataFrame:
    """Total population at 1 January: 31 December of a year is 1 January of the next."""
    text = read_table(path, columns=["country_code", "year", "population"])
    codes = whole_numbers(text["country_code"], path)
    iso3 = codes.map({code: from_m49(code) for code in codes.unique()})
    text, iso3 = text[iso3.isin(COUNTRIES)], iso3[iso3.isin(COUNTRIES)]
    frame = pd.DataFrame(
        {
            "country": pd.Categorical(iso3, COUNTRIES, ordered=True),
            "year": whole_numbers(text["year"], path) + 1,
            "population": numbers(text["population"], path).round().astype(int),
        },
        index=text.index,
    )
    return frame.sort_values(["country", "year"])


def _asylum(folder: Path) -> pd.DataFrame:
    frame = read_ledgers(folder)
    staff = [_STAFF.get((country, year)) for country, year in zip(frame["country"], frame["year"], strict=True)]
    flows = ["applications", "recognized", "rejected", "closed", "pending"]
    return frame.astype(dict.fromkeys(flows, "Int64")).assign(staff=pd.array(staff, dtype="Int64"))


def _agency(folder: Path) -> pd.DataFrame:
    """The study's figures and the agencies' annual series, one row a figure."""
    rows: list[tuple[Any, ...]] = [(*row[:4], float(row[4]), *row[5:]) for row in FIGURES]
    path = folder / "comar_applications_annual.csv"
    comar = read_table(path, columns=["year", "comar_applications"])
    for year, value in zip(comar["year"], numbers(comar["comar_applications"], path), strict=True):
        rows.append(("COMAR", "MEX", "applications", year, value, "persons", COMAR_SERIES, "calendar year"))
    path = folder / "eoir_annual_two_vintages.csv"
    measures = {"pending_end": "pending", "initial_receipts": "receipts", "total_completions": "completions"}
    eoir = read_table(path, columns=["vintage", "fiscal_year", *measures])
    for column, measure in measures.items():
        for vintage, year, value in zip(eoir["vintage"], eoir["fiscal_year"], numbers(eoir[column], path), strict=True):
            source = f"EOIR adjudication statistics, generated {vintage}"
            note = EOIR_NOTES[vintage] + ("; at the end of the fiscal year" if measure == "pending" else "")
            rows.append(("EOIR", "USA", measure, f"FY{year}", value, "cases", source, note))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(value=[f"{value:.12g}" for value in frame["value"].to_numpy(dtype=float)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tabulate` from the command line."""
    parser = argparse.ArgumentParser(prog="python -m poblar.data.tabulate", description=tabulate.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--wpp", type=Path, required=True, help="folder of the wpp2024 tables")
    parser.add_argument("--asylum", type=Path, required=True, help="folder of the asylum tables")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "reference", help="folder to write to")
    options = parser.parse_args(arguments)
    tabulate(options.wpp, options.asylum, options.out)


if __name__ == "__main__":
    main()
