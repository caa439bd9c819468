"""What each bundled table is: written to ``reference/sources.json`` by `tabulate`."""

from __future__ import annotations

from typing import Any, Final

from .axes import UNITS
from .unhcr import LEDGERS

RETRIEVED: Final = "2026-11-24"

OWN: Final = ("subregions", "borders")
"""Tables of facts that the project keeps itself: described here, not written by `tabulate`."""

_KEYS: Final = {
    "country": "ISO 3166-1 alpha-3",
    "year": "calendar year",
    "sex": "female, male",
    "age": "lower bound of the age group in years, the last one open",
}
_WPP: Final = {
    "publisher": "United Nations, Department of Economic and Social Affairs, Population Division",
    "title": "World Population Prospects 2024",
    "revision": "2024 (R package wpp2024, github PPgp/wpp2024 at 2da7768a)",
    "licence": "CC BY 3.0 IGO",
    "retrieved": RETRIEVED,
}
_UNHCR: Final = {
    "publisher": "United Nations High Commissioner for Refugees",
    "title": "Refugee Data Finder",
    "revision": "R package refugees, github PopulationStatistics/refugees at 0c16a6d0",
    "licence": "CC BY 4.0",
    "retrieved": RETRIEVED,
}
_AGENCIES: Final = {
    "publisher": "COMAR, EOIR, Congressional Research Service, El Colegio de México",
    "title": "Agency figures on asylum, returns and consulates",
    "revision": "as named in the columns source and note",
    "licence": "figures quoted with their source; EOIR and CRS: US public domain",
    "retrieved": RETRIEVED,
}

_BORDER_PATROL: Final = {
    "publisher": "US Department of Homeland Security, Office of Homeland Security Statistics",
    "title": "US Border Patrol encounters by citizenship",
    "revision": "monthly tables to December 2022",
    "licence": "US public domain",
    "retrieved": RETRIEVED,
}
_STATE: Final = {
    "publisher": "US Department of State, Bureau of Consular Affairs",
    "title": "Nonimmigrant visas issued by class and nationality",
    "revision": "tables of fiscal years 1997 to 2022 and of months from March 2017 to December 2022",
    "licence": "US public domain",
    "retrieved": RETRIEVED,
}

_BORDERS: Final = {
    "publisher": "poblar",
    "title": "Land borders of countries and areas",
    "revision": "1",
    "licence": "MIT",
    "retrieved": "2026-11-25",
}
_CODE: Final = "ISO 3166-1 alpha-3, XKX for Kosovo"

_NOT_COUNTED: Final = "UNHCR gives no decisions"
_CASES: Final = "USA 2000-01: UNHCR counts cases, not persons"
_NO_STAFF: Final = "staff in post is published for COMAR in 2019 and March 2020 only"


def _table(about: dict[str, str], keys: str, values: dict[str, str], note: str, **more: Any) -> dict[str, Any]:
    columns = {key: _KEYS[key] for key in keys.split()} | values
    return about | {"columns": columns, "note": note} | more


def _named(*names: str) -> dict[str, str]:
    return {name: UNITS[name] for name in names}


SOURCES: Final[dict[str, dict[str, Any]]] = {
    "tfr": _table(_WPP, "country year", _named("tfr"), "Total fertility rate, estimates 1950-2023."),
    "e0": _table(_WPP, "country year sex", _named("e0"), "Life expectancy at birth, estimates 1950-2023."),
    "vital": _table(
        _WPP,
        "country year",
        _named("births", "deaths", "net_migration"),
        "Births, deaths and net migration of the calendar year, estimates 1950-2023.",
    ),
    "total": _table(
        _WPP,
        "country year",
        _named("population"),
        "Total population at 1 January: that of 31 December of the year before, rebuilt from the "
        "projected totals and the changes by year.",
        reference_date="1 January",
    ),
    "population": _table(
        _WPP,
        "country year sex age",
        _named("population"),
        "Population at 1 July by sex and five-year age group, 1950, 1960 … 2020.",
        reference_date="1 July",
        year_step=10,
    ),
    "mx": _table(
        _WPP,
        "country year sex age",
        _named("mx"),
        "Death rates of the calendar year by sex and abridged age (0, 1, 5 … 100), 1950, 1960 … 2020.",
        year_step=10,
    ),
    "mx_recent": _table(
        _WPP,
        "country sex age",
        _named("mx"),
        "Death rates by sex and abridged age, mid-2020 to mid-2025: the pandemic is in them; scale the "
        "pattern to the e0 of a single year before use.",
        period="mid-2020 to mid-2025",
    ),
    "fertility_pattern": _table(
        _WPP,
        "country year age",
        _named("fertility_share"),
        "Share of fertility by five-year age of the mother, 1950-2023; made to sum to 1 on reading.",
        age_range="10 to 54",
    ),
    "sex_ratio": _table(
        _WPP,
        "country year",
        _named("sex_ratio_at_birth"),
        "Sex ratio at birth by five-year period (mid-year to mid-year), at its first year; 2020 is 2020-25.",
        year_step=5,
    ),
    "migrant_ages": _table(
        _WPP,
        "country sex age",
        {"net_migrants": "persons per period"},
        "Net migrants by sex and age that the UN projects for mid-2025 to mid-2030; divided by their total "
        "on reading. Every cell has the sign of the total, but for a few ages of the United States, whose "
        "share is negative (more leave than come).",
        period="mid-2025 to mid-2030",
    ),
    "asylum": _table(
        _UNHCR,
        "country year",
        _named("applications", "recognized", "rejected", "closed", "pending", "staff"),
        "Asylum ledger in persons at one level of decision; recognized is refugee status and other "
        "protection; pending at 31 December of the year. The ledgers do not close exactly: they are "
        "administrative counts. In 2013 UNHCR gives Mexico's recognitions alone. Staff: COMAR's officers, "
        "study of El Colegio de México (2021); 2020 as of March.",
        definition={country: ledger.definition for country, ledger in LEDGERS.items()},
        missing={
            "applications": _CASES,
            **dict.fromkeys(("recognized", "rejected", "closed"), f"MEX 2014: {_NOT_COUNTED}; {_CASES}"),
            "pending": LEDGERS["USA"].pending_missing,
            "staff": _NO_STAFF,
        },
    ),
    "decisions": _table(
        _UNHCR,
        "",
        {
            "country": "country of asylum, ISO 3166-1 alpha-3",
            "origin": "ISO 3166-1 alpha-3, as UNHCR names it",
            "year": "calendar year",
            "decided": "persons per year",
            "recognized": "persons per year",
        },
        "Decisions on asylum by origin, persons at one level of decision a year, the 12 origins with the most: decided "
        "are recognized and rejected, without those closed; recognized is refugee status and other protection. MEX: "
        "first instance at COMAR; CAN: first instance; USA: affirmative applications at USCIS (UNHCR level EO), not "
        "the courts, from 2002. A year of an origin without a row had no decisions.",
        missing="MEX 2011 and 2013: UNHCR gives recognitions alone; MEX 2014: UNHCR gives no decisions",
    ),
    "encounters": _table(
        _BORDER_PATROL,
        "",
        {
            "series": "citizenship, ISO 3166-1 alpha-3",
            "month": "calendar month",
            "count": "persons per month",
        },
        "People met by the US Border Patrol between ports of entry, by month and citizenship, October 1999 to December "
        "2022: apprehensions, and from March 2020 also expulsions under Title 42. Ports of entry and arrests inside "
        "the country are not in it, and who tries again is counted again. The source rounds to tens.",
    ),
    "visas": _table(
        _STATE,
        "",
        {
            "country": "nationality, ISO 3166-1 alpha-3",
            "class": "H2A, H2B, visitors (B and border crossing cards) or other: together all nonimmigrant visas",
            "month": "the month, or the last of the twelve",
            "span": "months counted: 1, or 12 for a fiscal year to September",
            "issued": "visas",
        },
        "US nonimmigrant visas issued to nationals of five countries. A visa is not a person, an entry or a job: it "
        "may be for several entries, and most Canadians need none. H2B holds returning workers (H-2R, fiscal years "
        "2005-07). A class without a row in a published table had none. The months of a fiscal year do not add up to "
        "the year's table to the unit. May 2019 has no monthly table.",
        missing="May 2019 has no monthly table",
    ),
    "agency": _table(
        _AGENCIES,
        "",
        {
            "agency": "who acts",
            "country": _KEYS["country"],
            "measure": "what is counted",
            "period": "calendar year, month (2023-07), span (2021-01/2021-05, 2005/2010) or US fiscal year (FY2019)",
            "value": "number, in the column unit",
            "unit": "unit of value",
            "source": "who published the figure",
            "note": "definition or remark",
        },
        "Figures to check answers against. The two vintages of EOIR define 'pending' differently.",
    ),
    "subregions": _table(
        _WPP,
        "",
        {
            "iso3": _CODE,
            "subregion": "name of the UN subregion, one of 22",
            "area": "name of the UN area, one of 6",
        },
        "All 237 countries and areas. Northern America is an area and its own only subregion.",
    ),
    "borders": _table(
        _BORDERS,
        "",
        {"iso3": f"{_CODE}, the first of the two by the alphabet", "neighbour": _CODE},
        "Each border between two of the countries and areas of WPP 2024 once, written down for this project from "
        "general geographical knowledge; borders through rivers and lakes count, the sea, bridges and causeways do "
        "not. Of disputed lines the one in effect is taken. Spain touches Morocco at Ceuta and Melilla; foreign bases "
        "(Cyprus, Cuba) and uninhabited Hans Island (Canada, Greenland) are left out.",
    ),
}
