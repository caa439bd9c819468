"""Region: what a projection needs to know of some countries, and how it is put together from published tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import xarray as xr

from ._checks import shown
from .axes import UNITS
from .errors import DataError
from .net_migration import with_rate
from .panel import Panel

__all__ = ["Region", "from_tables", "migrant_share"]

LARGEST_GROSS: Final = 3.0
"""What the shares of migrants may sum to when their signs are left out."""


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
        age; negative where an age moves against the total (see `migrant_share`).
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
    >>> from poblar.data import reference
    >>> reference.region(["MEX", "GTM"]).countries
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
        >>> from poblar.data import reference
        >>> reference.region().sel(country="GTM").asylum is None
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
        return f"Region({shown(self.countries)}; {years[0]} to {years[-1]}; {', '.join(self._panels())})"

    def _panels(self) -> dict[str, Panel]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: panel for name, panel in found.items() if panel is not None}


def from_tables(tables: Mapping[str, Panel], asylum: Panel | None = None) -> Region:
    """A region from its ten published tables.

    Parameters
    ----------
    tables : mapping of str to Panel
        ``tfr``, ``e0``, ``total``, ``population``, ``mx``, ``mx_recent`` and ``sex_ratio`` as in `Region`; ``vital``
        with ``births``, ``deaths`` and ``net_migration`` (country, year); ``fertility_pattern``, whose shares are
        made to sum to 1; ``migrant_ages`` with ``net_migrants`` (country, sex, age), persons, which become shares.
    asylum : Panel, optional
        Ledgers of the countries that have one.

    Returns
    -------
    Region

    Raises
    ------
    DataError
        If the tables are not of the same countries, or totals do not cover the years of net migration.

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region()
    >>> vital = [panel.dataset for panel in (region.births, region.deaths, region.net_migration)]
    >>> tables = {name: getattr(region, name) for name in (
    ...     "tfr", "e0", "total", "population", "mx", "mx_recent", "sex_ratio", "fertility_pattern")}
    >>> migrants = Panel(region.migrant_ages.dataset.rename(migrant_share="net_migrants"))
    >>> again = from_tables(tables | {"vital": Panel(xr.merge(vital)), "migrant_ages": migrants})
    >>> again.countries == region.countries
    True
    """
    vital, pattern, migrants = tables["vital"], tables["fertility_pattern"], tables["migrant_ages"]
    fertility = pattern["fertility_share"] / pattern["fertility_share"].sum("age")
    fertility = fertility.assign_attrs(units=UNITS["fertility_share"])
    shares = migrants.dataset.drop_vars("net_migrants").assign(migrant_share=migrant_share(migrants["net_migrants"]))
    alike = ("tfr", "e0", "population", "total", "mx", "mx_recent", "sex_ratio")
    return Region(
        **{name: tables[name] for name in alike},
        net_migration=with_rate(vital, tables["total"]),
        births=Panel(vital.dataset[["births"]]),
        deaths=Panel(vital.dataset[["deaths"]]),
        fertility_pattern=Panel(pattern.dataset.assign(fertility_share=fertility)),
        migrant_ages=Panel(shares),
        asylum=asylum,
    )


def migrant_share(net_migrants: xr.DataArray, largest: float = LARGEST_GROSS) -> xr.DataArray:
    """Net migrants by sex and age as a share of their total, bounded where the total is near zero.

    With counts n(x), total N and gross G = sum of abs(n(x)), the share is ``n(x) / N`` as long as G / abs(N) is at most
    `largest`. Where workers come and pensioners go in like numbers the total says little of the ages, and shares of
    it would multiply any other total without limit; there the share is ``t n(x) / N + (1 - t) abs(n(x)) / G`` with the
    largest t for which the shares without their signs sum to at most `largest`. Where nobody migrates at all every
    sex and age has the same share.

    Parameters
    ----------
    net_migrants : xarray.DataArray
        Persons (…, sex, age), of either sign.
    largest : float
        What the absolute shares may sum to, above 1.

    Returns
    -------
    xarray.DataArray
        Sums to 1 over sex and age.

    Examples
    --------
    >>> ages = {"sex": ["female", "male"], "age": [0, 20, 60]}
    >>> workers = xr.DataArray([[2.0, 6.0, -7.0], [2.0, 6.0, -8.0]], coords=ages)  # 1 more comes than goes
    >>> [round(float(total), 9) for total in (migrant_share(workers).sum(), abs(migrant_share(workers)).sum())]
    [1.0, 3.0]
    """
    over = ["sex", "age"]
    total, size = net_migrants.sum(over), abs(net_migrants)
    gross = size.sum(over)
    mixed = gross > largest * abs(total)
    proportional = net_migrants / total.where(~mixed, 1.0)
    # Where one sign prevails by little, the shares without signs sum to t G / |N| + (1 - t) |N| / G, which is to be
    # `largest`; solved for t / |N|, so that a total of zero divides nothing.
    trust = (largest * gross - abs(total)) / (gross**2 - total**2).where(mixed, 1.0)
    one_way = size / gross.where(gross > 0, 1.0)
    blended = trust * xr.where(total < 0, -1.0, 1.0) * net_migrants + (1.0 - trust * abs(total)) * one_way
    share = xr.where(mixed, blended, proportional)
    nobody = 1.0 / (net_migrants.sizes["sex"] * net_migrants.sizes["age"])
    share = share.where(gross > 0, nobody) + 0.0  # no -0.0 where nobody moves
    return share.transpose(*net_migrants.dims).assign_attrs(units=UNITS["migrant_share"])
