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
from ._sources import OWN, SOURCES
from ._table import numbers, read_table
from .errors import DataError
from .recognition import read_decisions
from .reference import COUNTRIES
from .unhcr import read_ledgers
from .world import read_tables

__all__ = ["tabulate"]

_STAFF: Final = {("MEX", 2019): 48, ("MEX", 2020): 140}
_RECOGNITION: Final = ("MEX", "USA", "CAN")
_ORIGINS: Final = 12
_PERSONS: Final = {"births", "deaths", "net_migration", "population", "net_migrants"}


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
    DataError: nowhere/population_total_31dec.csv.gz: expected a file, found none; …
    """
    wpp, asylum, out = Path(wpp), Path(asylum), Path(out)
    tables = _published(wpp)
    tables |= {"asylum": _asylum(asylum), "decisions": _decisions(asylum), "agency": _agency(asylum)}
    described = set(SOURCES) - set(OWN)
    if set(tables) != described:
        raise DataError(
            expected=f"tables {sorted(described)}",
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


def _published(folder: Path) -> dict[str, pd.DataFrame]:
    """The UN's tables of the six countries; persons as whole numbers."""
    tables = {name: panel.to_frame() for name, panel in read_tables(folder, COUNTRIES).items()}
    return {name: table.astype(dict.fromkeys(_PERSONS & set(table), int)) for name, table in tables.items()}


def _asylum(folder: Path) -> pd.DataFrame:
    frame = read_ledgers(folder)
    staff = [_STAFF.get((country, year)) for country, year in zip(frame["country"], frame["year"], strict=True)]
    flows = ["applications", "recognized", "rejected", "closed", "pending"]
    return frame.astype(dict.fromkeys(flows, "Int64")).assign(staff=pd.array(staff, dtype="Int64"))


def _decisions(folder: Path) -> pd.DataFrame:
    """Decisions of Mexico, the United States and Canada, of the origins with the most."""
    parts = [
        read_decisions(folder, country, largest=_ORIGINS).to_frame().dropna().assign(country=country)
        for country in _RECOGNITION
    ]
    table = pd.concat(parts)
    return table[table["decided"] > 0].astype({"decided": int, "recognized": int})


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
