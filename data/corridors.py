"""Reader of migration between countries: flows by origin and destination, and the stocks of earlier migrants."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from ._checks import shown
from ._table import numbers, read_table, whole_numbers
from .axes import UNITS
from .countries import KOSOVO, from_m49, is_country, nearest
from .errors import DataError
from .panel import Panel

__all__ = ["FLOW_UNITS", "METHODS", "by_method", "known_before", "read_corridors"]

FLOW_UNITS: Final = "persons per five years"

METHODS: Final = ("da_pb_closed", "da_min_closed", "da_min_open", "mig_rate", "sd_drop_neg", "sd_rev_neg")
"""The six estimates of one flow (Abel & Cohen 2019).

============== ===============================================================================================
da_pb_closed   demographic accounting, moves and stays weighed by pseudo-Bayes; a closed world
da_min_closed  demographic accounting, the fewest moves that explain the stocks; a closed world
da_min_open    the same, the world not closed
mig_rate       one rate of migration applied to the stocks
sd_drop_neg    differences of stocks, falls left out
sd_rev_neg     differences of stocks, falls counted as moves back
============== ===============================================================================================
"""

PERIOD: Final = 5
"""Years in a period of the flows, and between two stocks."""

PROVENANCE: Final = {
    "source": "Abel & Cohen (2019), bilateral migration flows; UN DESA, International Migrant Stock 2020; "
    "UN DESA, World Population Prospects 2024",
    "licence": "flows CC BY 4.0; stocks and population CC BY 3.0 IGO",
    "revision": "flows 1990-2020; stocks 2020; population 2024",
    "retrieved": "not stated",
}

# Codes that the tables have lost, or took from elsewhere: by name where the cell is empty.
_SLIPS: Final = {"CHI": "CHL", "SUD": "SDN"}
_BY_NAME: Final = {
    "Antigua & Barbuda": "ATG",
    "Caribbean Netherlands": "BES",
    "Curacao": "CUW",
    "FS Micronesia": "FSM",
    "Sao Tome & Principe": "STP",
    "St. Helena": "SHN",
    "St. Kitts & Nevis": "KNA",
    "St. Lucia": "LCA",
    "St. Pierre & Miquelon": "SPM",
    "St. Vincent & Grenadines": "VCT",
    "Turks & Caicos Islands": "TCA",
    "U.S. Virgin Islands": "VIR",
    "Vatican City": "VAT",
    "Wallis & Futuna": "WLF",
}
_FORMER: Final = {"SCG": ("SRB", "MNE", KOSOVO)}
"""Countries that are no more, and those whose populations add up to theirs."""


def read_corridors(
    flows: str | Path,
    stocks: str | Path,
    population: str | Path,
    *,
    countries: Sequence[str] | None = None,
    retrieved: str = "not stated",
) -> Panel:
    """Panel of five-year flows between countries by six methods, of migrant stocks and of population.

    A corridor without a row in the table of flows is one for which every method says zero: it becomes zero where both
    countries are in the table in that period, and is missing where one of them is not (Serbia before 2010). The axis of
    years goes on to the start of the period after the last one, of which the stocks and the population are known.

    Parameters
    ----------
    flows : str or Path
        CSV with ``year0`` (first year of the period), ``orig_iso``, ``dest_iso``, ``orig``, ``dest`` (names, which are
        used where a code is empty) and a column for each of `METHODS`, in persons over the five years.
    stocks : str or Path
        CSV with ``year``, ``birth_iso``, ``res_iso``, ``birthplace``, ``residence`` and ``stock``.
    population : str or Path
        CSV with ``country_code`` (M49), ``year`` and ``population`` (persons at 31 December).
    countries : sequence of str, optional
        ISO 3166-1 alpha-3, in the order wanted; by default all that have flows, by code.
    retrieved : str
        Date of download, for the provenance.

    Returns
    -------
    Panel
        A variable for each method (origin, destination, year; persons per five years from 1 July of the year),
        ``stock`` (origin is the country of birth, destination that of residence; persons at 1 July) and
        ``population`` (origin, year; persons at 1 January).

    Raises
    ------
    DataError
        On a negative count, an origin that is its own destination, a corridor twice in a period, an unknown code, a
        period left out, a column that is missing, or a country without population; it names file and row.

    References
    ----------
    Abel G.J., Cohen J.E. (2019), Bilateral international migration flow estimates for 200 countries, Scientific Data 6.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> methods = ",".join(METHODS)
    >>> rows = "1990,MEX,USA,Mexico,United States,5,4,3,2,1,0\\n1995,USA,MEX,United States,Mexico,6,5,4,3,2,1\\n"
    >>> _ = (folder / "f.csv").write_text(f"year0,orig_iso,dest_iso,orig,dest,{methods}\\n{rows}")
    >>> rows = "".join(f"{year},MEX,USA,Mexico,United States,900\\n" for year in (1990, 1995, 2000))
    >>> _ = (folder / "s.csv").write_text(f"year,birth_iso,res_iso,birthplace,residence,stock\\n{rows}")
    >>> rows = "".join(f"{code},{year},80000\\n" for code in (484, 840) for year in (1989, 1994, 1999))
    >>> _ = (folder / "p.csv").write_text(f"country_code,year,population\\n{rows}")
    >>> panel = read_corridors(folder / "f.csv", folder / "s.csv", folder / "p.csv")
    >>> panel["da_pb_closed"].sel(origin="MEX", destination="USA").values.tolist()
    [5.0, 0.0, nan]
    """
    flow, years = _flows(Path(flows))
    found = sorted(set(flow["origin"]) | set(flow["destination"]))
    chosen = found if countries is None else list(countries)
    absent = [country for country in chosen if country not in found]
    if absent:
        raise DataError(
            expected=f"countries among {shown(found)}",
            found=shown(absent),
            remedy="ask for countries that have flows",
            file=flows,
        )
    axis = [*years, years[-1] + PERIOD]
    labels = {"origin": chosen, "destination": chosen, "year": axis}
    there = _presence(flow, chosen, axis)
    missing = ~(there[:, None] & there[None]) | np.eye(len(chosen), dtype=bool)[:, :, None]
    variables = {
        method: (tuple(labels), np.where(missing, np.nan, _dense(flow, method, labels)), _missing())
        for method in METHODS
    }
    stock = _dense(_stocks(Path(stocks), axis), "stock", labels)
    people = _population(Path(population), chosen, axis)
    return Panel(
        xr.Dataset(
            variables
            | {
                "stock": (tuple(labels), stock, {"units": "persons"}),
                "population": (("origin", "year"), people, {"units": UNITS["population"]}),
            },
            coords=labels,
            attrs=PROVENANCE | {"retrieved": retrieved, "year_step": PERIOD},
        )
    )


def by_method(panel: Panel) -> xr.DataArray:
    """The flows of a panel by all its methods, as one array.

    Parameters
    ----------
    panel : Panel
        As `read_corridors` gives it.

    Returns
    -------
    xarray.DataArray
        Axes (method, origin, destination, year), persons per five years. Select ``{"method": "mig_rate"}``: the
        keyword ``method`` of ``sel`` is another thing of xarray's.

    Raises
    ------
    DataError
        If the panel has none of `METHODS`.

    Examples
    --------
    >>> from poblar.data import reference
    >>> by_method(reference.region().tfr)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: expected flows by da_pb_closed, da_min_closed, … found tfr; read them with read_corridors.
    """
    found = [method for method in METHODS if method in panel.names]
    if not found:
        raise DataError(
            expected=f"flows by {shown(METHODS)}", found=shown(panel.names), remedy="read them with read_corridors"
        )
    together = xr.concat([panel[method] for method in found], pd.Index(found, name="method"))
    return together.rename("flow").assign_attrs(units=FLOW_UNITS)


def known_before(panel: Panel, year: int) -> Panel:
    """What was known when the period that starts in `year` began: earlier flows, and stocks and population up to it.

    Parameters
    ----------
    panel : Panel
        As `read_corridors` gives it.
    year : int
        Start of a period on the axis of years, after the first three.

    Returns
    -------
    Panel
        Years to `year`; no flow of the last one.

    Raises
    ------
    DataError
        If the panel does not have that year, or not three periods before it.

    Examples
    --------
    >>> from poblar.data import reference
    >>> known_before(reference.region().tfr, 1900)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: expected a year among 1953, 1954, … found 1900; …
    """
    years = panel.dataset.indexes["year"]
    if year not in years[3:]:
        raise DataError(
            expected=f"a year among {shown(years[3:])}",
            found=repr(year),
            remedy="give the start of a period that has three or more before it",
        )
    dataset = panel.sel(year=slice(None, year)).dataset
    for method in METHODS:
        if method in dataset:
            kept = dataset[method].where(dataset["year"] < year)
            dataset[method] = kept.assign_attrs(_missing())
    return Panel(dataset)


def _missing() -> dict[str, str]:
    """Attributes of flows."""
    reason = "one of the countries is not in the table in that period, the period is to come, or both are the same"
    return {"units": FLOW_UNITS, "missing": "declared", "missing_reason": reason}


def _flows(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """Tidy flows and the years in which a period starts."""
    text = read_table(path, columns=["year0", "orig_iso", "dest_iso", "orig", "dest", *METHODS])
    table = _keys(text, path, year="year0", origin=("orig_iso", "orig"), destination=("dest_iso", "dest"))
    for method in METHODS:
        table[method] = _counts(text[method], path)
    years = sorted({int(year) for year in table["year"]})
    for before, after in pairwise(years):
        if after - before != PERIOD:
            raise DataError(
                expected=f"a period every {PERIOD} years",
                found=f"{before} followed by {after}",
                remedy="add the periods between, or fetch the file again",
                file=path,
                column="year0",
            )
    return table, years


def _stocks(path: Path, years: list[int]) -> pd.DataFrame:
    """Tidy stocks of the years wanted."""
    text = read_table(path, columns=["year", "birth_iso", "res_iso", "birthplace", "residence", "stock"])
    origin, destination = ("birth_iso", "birthplace"), ("res_iso", "residence")
    table = _keys(text, path, year="year", origin=origin, destination=destination)
    table["stock"] = _counts(text["stock"], path)
    absent = sorted(set(years) - set(table["year"]))
    if absent:
        raise DataError(
            expected=f"stocks of {shown(years)}, the start of every period and the end of the last",
            found=f"none of {shown(absent)}",
            remedy="add the years, or fetch the file again",
            file=path,
            column="year",
        )
    return table[table["year"].isin(years)]


def _keys(
    text: pd.DataFrame, path: Path, *, year: str, origin: tuple[str, str], destination: tuple[str, str]
) -> pd.DataFrame:
    """Year, origin and destination of each row: known codes, not the same, no corridor twice."""
    table = pd.DataFrame({"year": whole_numbers(text[year], path)}, index=text.index)
    for name, (code, label) in (("origin", origin), ("destination", destination)):
        table[name] = _codes(text[code], text[label], path)
    same = table["origin"] == table["destination"]
    if same.any():
        row = table.index[same][0]
        raise DataError(
            expected="another destination than the origin",
            found=f"{table['origin'][row]} twice",
            remedy="drop the row: moves within a country are not migration between countries",
            file=path,
            row=row,
            column=destination[0],
        )
    repeated = table.duplicated(["year", "origin", "destination"])
    if repeated.any():
        row = table.index[repeated][0]
        place = f"{table['origin'][row]} to {table['destination'][row]}, {table['year'][row]}"
        raise DataError(
            expected="each corridor once in a period",
            found=f"{place} again",
            remedy="drop or merge the repeated rows",
            file=path,
            row=row,
        )
    return table


def _codes(codes: pd.Series, names: pd.Series, path: Path) -> pd.Series:
    """Codes of countries that are or were, the slips of the tables put right."""
    known = codes.where(codes != "", names.map(_BY_NAME)).replace(_SLIPS)
    good = {code: code in _FORMER or is_country(str(code)) for code in known.dropna().unique()}
    wrong = ~known.map(good).eq(True)
    if wrong.any():
        row = codes.index[wrong][0]
        guess = nearest(str(codes[row] or names[row]))
        raise DataError(
            expected="ISO 3166-1 alpha-3 codes",
            found=f"{str(codes[row])!r} ({names[row]})",
            remedy=f"did you mean {guess!r}?" if guess else "look the code up, e.g. 'MEX' for Mexico",
            file=path,
            row=row,
            column=str(codes.name),
        )
    return known


def _counts(column: pd.Series, path: Path) -> pd.Series:
    """Persons, none of them negative."""
    values = numbers(column, path)
    negative = values < 0
    if negative.any():
        row = values.index[negative][0]
        raise DataError(
            expected="a count of 0 or more",
            found=f"{values[row]:g}",
            remedy="correct the figure: a flow back belongs to the corridor in the other direction",
            file=path,
            row=row,
            column=str(column.name),
        )
    return values


def _presence(flow: pd.DataFrame, countries: list[str], years: list[int]) -> np.ndarray:
    """Whether a country is in the table in a period, shape (country, year)."""
    found = {
        (code, year) for name in ("origin", "destination") for code, year in zip(flow[name], flow["year"], strict=True)
    }
    return np.array([[(country, year) in found for year in years] for country in countries])


def _dense(table: pd.DataFrame, name: str, labels: dict[str, list]) -> np.ndarray:
    """The figures of a tidy table at all labels, zero where it has no row."""
    at = [pd.Index(values).get_indexer(pd.Index(table[axis])) for axis, values in labels.items()]
    kept = np.all([place >= 0 for place in at], axis=0)
    dense = np.zeros([len(values) for values in labels.values()])
    dense[tuple(place[kept] for place in at)] = table[name].to_numpy()[kept]
    return dense


def _population(path: Path, countries: list[str], years: list[int]) -> np.ndarray:
    """Persons at 1 January, shape (country, year): 31 December of a year is 1 January of the next."""
    text = read_table(path, columns=["country_code", "year", "population"])
    codes = whole_numbers(text["country_code"], path)
    iso3 = codes.map({code: from_m49(int(code)) for code in codes.unique()})
    table = pd.DataFrame(
        {
            "country": iso3,
            "year": whole_numbers(text["year"], path) + 1,
            "population": _counts(text["population"], path),
        }
    )
    wide = table[table["year"].isin(years)].pivot_table(index="country", columns="year", values="population")
    for former, parts in _FORMER.items():
        there = [part for part in parts if part in wide.index]
        if there:
            wide.loc[former] = wide.loc[there].sum()
    full = wide.reindex(index=countries, columns=years)
    if full.isna().to_numpy().any():
        row, column = np.argwhere(full.isna().to_numpy())[0]
        raise DataError(
            expected=f"the population of {countries[row]} at 31 December {years[column] - 1}",
            found="none",
            remedy="add the row, or leave the country out with countries=",
            file=path,
            column="population",
        )
    return full.to_numpy(dtype=float)
