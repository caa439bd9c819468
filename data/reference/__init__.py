"""The bundled figures of six countries: Canada, United States, Mexico, Guatemala, Honduras, El Salvador."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import pandas as pd
import xarray as xr

from .._checks import shown
from .._table import read_table
from ..axes import UNITS
from ..errors import DataError
from ..panel import Panel

__all__ = ["COUNTRIES", "Region", "agency", "region", "sources"]

COUNTRIES: Final = ("CAN", "USA", "MEX", "GTM", "HND", "SLV")
"""The six countries of the bundled tables."""

_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Region:
    """What a projection needs to know of some countries: one Panel a topic, all of the same countries.

    Parameters
    ----------
    tfr : Panel
        ``tfr`` (country, year), children per woman.
    e0 : Panel
        ``e0`` (country, year, sex), years.
    net_migration : Panel
        ``net_migration`` (country, year), persons per year, and ``net_migration_rate``, per person-year: the
        counts divided by the population at the year's end less the counts.
    births, deaths : Panel
        ``births`` and ``deaths`` (country, year), persons per year.
    population : Panel
        ``population`` (country, year, sex, age), persons at 1 July of 1950, 1960 … 2020 by five-year age.
    total : Panel
        ``population`` (country, year), persons at 1 January.
    mx : Panel
        ``mx`` (country, year, sex, age), death rates of 1950, 1960 … 2020 by abridged age (0, 1, 5 … 100).
    mx_recent : Panel
        ``mx`` (country, sex, age), death rates from mid-2020 to mid-2025.
    fertility_pattern : Panel
        ``fertility_share`` (country, year, age 10, 15 … 50), sums to 1 over age.
    sex_ratio : Panel
        ``sex_ratio_at_birth`` (country, year 1950, 1955 … 2020), males per female in the five years that
        begin.
    migrant_ages : Panel
        ``migrant_share`` (country, sex, age): net migrants as a share of their total, sums to 1 over sex and
        age; negative where an age moves against the total.
    asylum : Panel or None
        Ledgers of the countries that have one: ``applications``, ``recognized``, ``rejected``, ``closed``
        (persons per year), ``pending`` (persons at 31 December of the year), ``staff`` (officers), all
        (country, year); the coordinate ``definition`` (country) says what is counted.

    Raises
    ------
    DataError
        If the panels are not of the same countries.

    Examples
    --------
    >>> region(["MEX", "GTM"]).countries
    ('MEX', 'GTM')
    """

    tfr: Panel
    e0: Panel
    net_migration: Panel
    births: Panel
    deaths: Panel
    population: Panel
    total: Panel
    mx: Panel
    mx_recent: Panel
    fertility_pattern: Panel
    sex_ratio: Panel
    migrant_ages: Panel
    asylum: Panel | None = None

    def __post_init__(self) -> None:
        for name, panel in self._panels().items():
            found = tuple(panel.dataset.indexes["country"])
            if name != "asylum" and found != self.countries:
                raise DataError(
                    expected=f"the countries of tfr ({shown(self.countries)}) in every panel",
                    found=f"{shown(found)} in {name}",
                    remedy=f"give every panel the same countries in the same order: {name}.sel(country=[…])",
                )

    @property
    def countries(self) -> tuple[str, ...]:
        """Countries of the region, in order."""
        return tuple(str(country) for country in self.tfr.dataset.indexes["country"])

    def sel(self, *, country: str | Sequence[str]) -> Region:
        """The region of these countries alone.

        Parameters
        ----------
        country : str or sequence of str
            ISO 3166-1 alpha-3.

        Returns
        -------
        Region

        Raises
        ------
        DataError
            If a country is not in the region.

        Examples
        --------
        >>> region().sel(country="GTM").asylum is None
        True
        """
        wanted = [country] if isinstance(country, str) else list(country)
        panels = self._panels()
        asylum = panels.pop("asylum", None)
        parts = {name: panel.sel(country=wanted) for name, panel in panels.items()}
        if asylum is not None:
            ledgers = [code for code in wanted if code in asylum.dataset.indexes["country"]]
            asylum = asylum.sel(country=ledgers) if ledgers else None
        return Region(**parts, asylum=asylum)

    def __repr__(self) -> str:
        years = self.tfr.dataset.indexes["year"]
        return f"Region({', '.join(self.countries)}; {years[0]} to {years[-1]}; {', '.join(self._panels())})"

    def _panels(self) -> dict[str, Panel]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: panel for name, panel in found.items() if panel is not None}


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
    vital = _read("vital", ["births", "deaths", "net_migration"], ["country", "year"], about)
    total = _read("total", ["population"], ["country", "year"], about)
    everything = Region(
        tfr=_read("tfr", ["tfr"], ["country", "year"], about),
        e0=_read("e0", ["e0"], ["country", "year", "sex"], about),
        net_migration=_with_rate(vital, total),
        births=Panel(vital.dataset[["births"]]),
        deaths=Panel(vital.dataset[["deaths"]]),
        population=_read("population", ["population"], ["country", "year", "sex", "age"], about),
        total=total,
        mx=_read("mx", ["mx"], ["country", "year", "sex", "age"], about),
        mx_recent=_read("mx_recent", ["mx"], ["country", "sex", "age"], about),
        fertility_pattern=_shares("fertility_pattern", "fertility_share", ["country", "year", "age"], ["age"], about),
        sex_ratio=_read("sex_ratio", ["sex_ratio_at_birth"], ["country", "year"], about),
        migrant_ages=_shares("migrant_ages", "net_migrants", ["country", "sex", "age"], ["sex", "age"], about),
        asylum=_asylum(about),
    )
    return everything if wanted == list(COUNTRIES) else everything.sel(country=wanted)


def agency() -> pd.DataFrame:
    """Published figures of agencies on asylum, one row a figure, to check answers against.

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


def _with_rate(vital: Panel, total: Panel) -> Panel:
    """Net migration with its rate: counts / (population at the year's end - counts), as bayesMig has it."""
    counts = vital["net_migration"]
    # 31 December of a year is 1 January of the next.
    end = total["population"].assign_coords(year=total["population"]["year"] - 1).sel(year=counts["year"])
    counts, end = xr.align(counts, end, join="exact")
    rate = (counts / (end - counts)).assign_attrs(units=UNITS["net_migration_rate"])
    return Panel(vital.dataset[["net_migration"]].assign(net_migration_rate=rate))


def _shares(table: str, column: str, dims: list[str], over: list[str], about: dict[str, Any]) -> Panel:
    """Figures of a table divided by their sum over some axes, so that rounding cannot lose or make anyone."""
    panel = _read(table, [column], dims, about)
    name = "fertility_share" if column == "fertility_share" else "migrant_share"
    share = panel[column] / panel[column].sum(over) + 0.0  # no -0.0 where nobody moves
    share = share.assign_attrs(units=UNITS[name])
    return Panel(panel.dataset.drop_vars(column).assign({name: share}))


def _asylum(about: dict[str, Any]) -> Panel:
    names = ["applications", "recognized", "rejected", "closed", "pending", "staff"]
    panel = _read("asylum", names, ["country", "year"], about)
    definition = about["asylum"]["definition"]
    texts = [definition[country] for country in panel.dataset.indexes["country"]]
    return Panel(panel.dataset.assign_coords(definition=("country", texts)))
