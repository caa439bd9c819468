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
from ._flow_tables import TOTAL
from ._sources import OWN, SOURCES
from ._table import numbers, read_table, whole_numbers
from .errors import DataError
from .flows import read_border
from .recognition import read_decisions
from .reference import COUNTRIES
from .unhcr import read_ledgers
from .world import read_tables

__all__ = ["tabulate"]

_STAFF: Final = {("MEX", 2019): 48, ("MEX", 2020): 140}
_RECOGNITION: Final = ("MEX", "USA", "CAN")
_ORIGINS: Final = 12
_CITIZENS: Final = {"Mexico": "MEX", "Guatemala": "GTM", "Honduras": "HND", "El Salvador": "SLV"}
_NATIONALS: Final = {"Canada": "CAN"} | _CITIZENS
_RETURNING: Final = "H2R"  # workers who came back on an H-2B visa, in the years in which they had a class of their own
_PERSONS: Final = {"births", "deaths", "net_migration", "population", "net_migrants"}


def tabulate(wpp: str | Path, asylum: str | Path, flows: str | Path, out: str | Path) -> list[Path]:
    """Write the reference tables and ``sources.json``.

    Parameters
    ----------
    wpp : str or Path
        Folder of the wpp2024 text layout, with ``population_total_31dec``,
        ``population_age5_sex_midyear_decadal`` and ``mx_abridged_decadal`` (.csv.gz) beside it.
    asylum : str or Path
        Folder of UNHCR's tables, COMAR's annual applications and EOIR's two vintages.
    flows : str or Path
        Folder of the Border Patrol's encounters and the Department of State's visas by year and by month.
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
    >>> tabulate("nowhere", "nowhere", "nowhere", "nowhere")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere/population_total_31dec.csv.gz: expected a file, found none; …
    """
    wpp, asylum, flows, out = Path(wpp), Path(asylum), Path(flows), Path(out)
    tables = _published(wpp)
    tables |= {"asylum": _asylum(asylum), "decisions": _decisions(asylum), "agency": _agency(asylum)}
    tables |= {"encounters": _encounters(flows), "visas": _visas(flows)}
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


def _encounters(folder: Path) -> pd.DataFrame:
    """Encounters of four citizenships, all large enough for their rounding not to matter, as `read_counts` has them."""
    table = read_border(folder / "usbp_encounters_monthly.csv")
    parts = [table[table["series"] == name].assign(series=code) for name, code in _CITIZENS.items()]
    whole = pd.concat(parts).astype({"count": int})
    return whole.assign(month=whole["month"].dt.strftime("%Y-%m"))


def _visas(folder: Path) -> pd.DataFrame:
    """Visas of five nationalities in four classes, the years first; none where a published table has no row."""
    parts = []
    for name, span in (("us_nonimmigrant_visas_annual.csv.gz", 12), ("us_nonimmigrant_visas_monthly.csv.gz", 1)):
        path = folder / name
        text = read_table(path)
        text = text[text["nationality"].isin(list(_NATIONALS)) & ~text["visa_class"].str.contains(TOTAL, regex=True)]
        years = span == 12
        month = whole_numbers(text["fiscal_year"], path).astype(str) + "-09" if years else text["date"].str.slice(0, 7)
        label = text["visa_class"].str.replace("-", "", regex=False).replace(_RETURNING, "H2B")
        kept = label.isin(["H2A", "H2B"])
        label = label.where(kept, label.str.startswith("B").map({True: "visitors", False: "other"}))
        frame = pd.DataFrame({"country": text["nationality"].map(_NATIONALS), "class": label, "month": month})
        sums = numbers(text["issued"], path).groupby([frame[key] for key in frame]).sum()
        cells = [_NATIONALS.values(), ["H2A", "H2B", "visitors", "other"], sorted(month.unique())]
        index = pd.MultiIndex.from_product(cells, names=list(frame))
        parts.append(sums.reindex(index, fill_value=0.0).astype(int).rename("issued").reset_index().assign(span=span))
    return pd.concat(parts)


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
    parser.add_argument("--flows", type=Path, required=True, help="folder of the tables of encounters and visas")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "reference", help="folder to write to")
    options = parser.parse_args(arguments)
    tabulate(options.wpp, options.asylum, options.flows, options.out)


if __name__ == "__main__":
    main()
