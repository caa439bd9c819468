"""The bundled figures of six countries: Canada, United States, Mexico, Guatemala, Honduras, El Salvador."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from .._flow_tables import flow_panel, flow_table
from .._table import read_table
from ..axes import UNITS
from ..counts import read_counts
from ..errors import DataError
from ..panel import Panel
from ..recognition import decision_panel
from ..region import Region, from_tables
from ..returns import returns_panel

__all__ = ["COUNTRIES", "Region", "agency", "decisions", "encounters", "region", "returns", "sources", "visas"]

COUNTRIES: Final = ("CAN", "USA", "MEX", "GTM", "HND", "SLV")
"""The six countries of the bundled tables."""

_FOLDER: Final = Path(__file__).parent
_TABLES: Final = {
    "tfr": (["tfr"], ["country", "year"]),
    "e0": (["e0"], ["country", "year", "sex"]),
    "vital": (["births", "deaths", "net_migration"], ["country", "year"]),
    "total": (["population"], ["country", "year"]),
    "population": (["population"], ["country", "year", "sex", "age"]),
    "mx": (["mx"], ["country", "year", "sex", "age"]),
    "mx_recent": (["mx"], ["country", "sex", "age"]),
    "fertility_pattern": (["fertility_share"], ["country", "year", "age"]),
    "sex_ratio": (["sex_ratio_at_birth"], ["country", "year"]),
    "migrant_ages": (["net_migrants"], ["country", "sex", "age"]),
}
"""Variables and axes of each table that makes a `Region`."""


def region(countries: Sequence[str] = COUNTRIES) -> Region:
    """The bundled figures of the countries asked for.

    Parameters
    ----------
    countries : sequence of str
        Among CAN, USA, MEX, GTM, HND, SLV, in the order wanted.

    Returns
    -------
    Region
        ``asylum`` is None where no country has a ledger (MEX, USA and CAN have one).

    Raises
    ------
    DataError
        If a country is not bundled.

    References
    ----------
    United Nations (2024), World Population Prospects 2024; UNHCR, Refugee Data Finder. See `sources`.

    Examples
    --------
    >>> mexico = region(["MEX"])
    >>> float(mexico.total["population"].sel(country="MEX", year=2024).round(-5))
    130300000.0
    """
    wanted = [countries] if isinstance(countries, str) else list(countries)
    about = sources()
    everything = from_tables({table: _read(table, *layout, about) for table, layout in _TABLES.items()}, _asylum(about))
    return everything if wanted == list(COUNTRIES) else everything.sel(country=wanted)


def agency() -> pd.DataFrame:
    """Published figures of agencies, one row a figure, to check answers against.

    Returns
    -------
    pandas.DataFrame
        Columns agency, country, measure, period, value (float), unit, source, note. EOIR's two vintages
        define "pending" differently: print the note with the number.

    Examples
    --------
    >>> table = agency()
    >>> table.query("measure == 'staff'")["value"].tolist()
    [48.0, 140.0]
    """
    text = read_table(_FOLDER / "agency.csv").reset_index(drop=True)
    return text.assign(value=text["value"].astype(float))


def decisions(asylum: str) -> Panel:
    """Decisions on asylum by origin and year, in persons: the 12 origins with the most.

    Parameters
    ----------
    asylum : str
        Country of asylum, MEX, USA or CAN.

    Returns
    -------
    Panel
        ``decided`` and ``recognized`` over origin and year, to 2022.

    Raises
    ------
    DataError
        If the country is not bundled.

    References
    ----------
    UNHCR, Refugee Data Finder. See `sources`.

    Examples
    --------
    >>> mexico = decisions("MEX")
    >>> mexico["decided"].sel(origin="HND", year=2022).item()
    12362.0
    """
    entry, path = sources()["decisions"], _FOLDER / "decisions.csv"
    table = read_table(path)
    if asylum not in set(table["country"]):
        raise DataError(
            expected=f"a country of asylum among {', '.join(table['country'].unique())}",
            found=repr(asylum),
            remedy="choose one, or read others with poblar.data.recognition.read_decisions",
        )
    table = table[table["country"] == asylum]
    return decision_panel(table, group="origin", provenance=_about(entry), missing=entry["missing"], file=path)


def encounters() -> Panel:
    """People met by the US Border Patrol between ports of entry, by citizenship and month.

    Returns
    -------
    Panel
        ``count`` (persons) of MEX, GTM, HND and SLV by month, October 1999 to December 2022, as
        `poblar.forecast.Flows` takes it, rounded to tens.

    References
    ----------
    US Department of Homeland Security, Office of Homeland Security Statistics. See `sources`.

    Examples
    --------
    >>> encounters()["count"].sel(category="HND", month="2019-05-01").item()
    42340.0
    """
    return read_counts(_FOLDER / "encounters.csv", provenance=_about(sources()["encounters"]))


def visas(countries: Sequence[str] = ("CAN", "MEX", "GTM", "HND", "SLV"), *, by: str = "month") -> Panel:
    """US nonimmigrant visas issued to nationals of these countries together, by class.

    Parameters
    ----------
    countries : sequence of str
        Nationalities to add up, among CAN, MEX, GTM, HND, SLV.
    by : str
        "month" (March 2017 to December 2022) or "year" (fiscal years 1997 to 2022, each twelve months to September).

    Returns
    -------
    Panel
        ``count`` of visas over category (H2A, H2B, visitors, other: parts of the whole) and month, as
        `poblar.forecast.Flows` takes it.

    Raises
    ------
    DataError
        If a country is not bundled, or `by` is neither.

    References
    ----------
    US Department of State, Bureau of Consular Affairs. See `sources`.

    Examples
    --------
    >>> visas(["MEX"], by="year")["count"].sel(category="H2A", month="2019-09-01").item()
    188758.0
    """
    entry, path = sources()["visas"], _FOLDER / "visas.csv"
    wanted = [countries] if isinstance(countries, str) else list(countries)
    table = read_table(path)
    known = list(table["country"].unique())
    if by not in ("month", "year") or not wanted or not set(wanted) <= set(known):
        raise DataError(
            expected=f"countries among {', '.join(known)}, by= month or year",
            found=f"{', '.join(wanted) or 'none'}, {by!r}",
            remedy="choose others, or read the published tables with poblar.data.flows.read_visas",
        )
    table = table[table["country"].isin(wanted) & (table["span"] == ("12" if by == "year" else "1"))]
    frame = pd.DataFrame(
        {"series": table["class"], "month": table["month"] + "-01", "count": table["issued"].astype(float)}
    )
    sums = frame.groupby(["series", "month"], as_index=False)[["count"]].sum()
    counts = flow_table(sums, span=12 if by == "year" else 1, missing=entry["missing"], file=path)
    panel = flow_panel(counts, _about(entry))
    return Panel(panel.dataset.sel(category=["H2A", "H2B", "visitors", "other"]))


def returns() -> Panel:
    """Who returned to Mexico from the United States, and the minors born there who came with them, by census.

    Returns
    -------
    Panel
        ``returned`` and ``minors`` (persons in five years) over year, a period at its first: 2005-10, 2010-15, 2015-20.

    References
    ----------
    Censuses and intercensal surveys of Mexico, after El Colegio de México (2021). See `agency`.

    Examples
    --------
    >>> returns()["minors"].to_series().to_dict()
    {2005: 316000.0, 2010: 218000.0, 2015: 181000.0}
    """
    table = agency().query("agency == 'Census'").pivot_table(index="period", columns="measure", values="value")
    about = _about(sources()["agency"]) | {"source": "El Colegio de México 2021, after the censuses of Mexico"}
    return returns_panel(table.reset_index(), provenance=about)


def sources() -> dict[str, Any]:
    """Publisher, title, revision, licence, date, columns with units and definition of each bundled table.

    Returns
    -------
    dict
        By table.

    Examples
    --------
    >>> sources()["tfr"]["licence"]
    'CC BY 3.0 IGO'
    """
    return json.loads((_FOLDER / "sources.json").read_text(encoding="utf-8"))


def _about(entry: dict[str, Any]) -> dict[str, str]:
    """Provenance of a bundled table."""
    return {"source": f"{entry['publisher']}, {entry['title']}"} | {
        key: entry[key] for key in ("revision", "licence", "retrieved", "note")
    }


def _read(table: str, names: list[str], dims: list[str], about: dict[str, Any]) -> Panel:
    """One bundled table as a Panel with the provenance that sources.json states."""
    entry = about[table]
    path = _FOLDER / f"{table}.csv"
    kept = ("revision", "licence", "retrieved", "note", "reference_date", "period")
    return Panel.from_frame(
        read_table(path),
        dims=dims,
        units={name: UNITS[name] if name in UNITS else entry["columns"][name] for name in names},
        provenance={"source": f"{entry['publisher']}, {entry['title']}"}
        | {key: entry[key] for key in kept if key in entry},
        missing=entry.get("missing"),
        year_step=entry.get("year_step", 1),
        age_range=entry.get("age_range"),
        file=path,
    )


def _asylum(about: dict[str, Any]) -> Panel:
    names = ["applications", "recognized", "rejected", "closed", "pending", "staff"]
    panel = _read("asylum", names, ["country", "year"], about)
    definition = about["asylum"]["definition"]
    texts = [definition[country] for country in panel.dataset.indexes["country"]]
    return Panel(panel.dataset.assign_coords(definition=("country", texts)))
