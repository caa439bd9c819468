"""Figures of one's own: a country, region or agency in place of the published tables, from CSV files.

Rates and a population make a `Region`; a ledger makes the panel of an asylum queue. What a planner rarely has, age
patterns of births, deaths and migrants, is borrowed from a bundled country and says so in its provenance.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from . import reference
from ._checks import shown
from ._table import numbers, read_table, whole_numbers
from .axes import SEXES, UNITS
from .countries import is_country
from .errors import DataError
from .kinds import KINDS, LARGEST
from .panel import Panel
from .region import Region, from_tables

__all__ = ["own_ledger", "own_region"]

FEWEST_YEARS: Final = 10
"""Years of rates that say something of where a place is going."""

OFF: Final = 0.02
"""Share of the population by which a year's births, deaths and migrants may miss its change."""

CRUDE: Final = {"births": (0.002, 0.08), "deaths": (0.001, 0.25)}
"""Births and deaths a year for each person there, at least and at most: outside are thousands, or another place."""

AGES: Final = np.arange(0, 101, 5)


def own_region(
    country: str,
    *,
    rates: str | Path,
    population: str | Path,
    ledger: str | Path | None = None,
    like: str = "MEX",
    origin: str = "own figures",
) -> Region:
    """A region of one place from files of one's own.

    Age patterns of births, deaths and net migrants and the sex ratio at birth are those of `like`.

    Parameters
    ----------
    country : str
        ISO 3166-1 alpha-3, or XAA to XXZ for a place that has no code.
    rates, population : str or Path
        Files of the kinds of that name in `KINDS`: rates of ten years or more without a gap, and the population at
        1 January after the last.
    ledger : str or Path, optional
        File of an asylum ledger.
    like : str
        Bundled country whose age patterns stand in.
    origin : str
        Who published the figures, for the provenance.

    Returns
    -------
    Region

    Raises
    ------
    DataError
        If a file cannot be read or figures contradict each other: a population that is not what births, deaths and
        migrants make of the year before, ages with gaps, too few years.

    Examples
    --------
    >>> import tempfile
    >>> from poblar.data.kinds import template
    >>> folder = Path(tempfile.mkdtemp())
    >>> for kind in ("rates", "population"):
    ...     _ = (folder / f"{kind}.csv").write_text(template(kind))
    >>> region = own_region("XJA", rates=folder / "rates.csv", population=folder / "population.csv")
    >>> region.countries, int(region.population["year"][-1])
    (('XJA',), 2024)
    """
    if not is_country(country):
        raise DataError(
            expected="an ISO 3166-1 alpha-3 code, or one of XAA to XXZ for a place that has none",
            found=repr(country),
            remedy="choose one, such as XJA",
        )
    about = _about(origin)
    table = read_rates(rates)
    years, last = table.index.to_numpy(), int(table.index[-1])
    pattern = reference.region([like])
    people = read_population(population, last + 1, pattern, like)
    total = pd.concat([table["population"], pd.Series({last + 1: float(people["population"].sum())})])
    _check_balance(table, total, Path(rates), Path(population))

    def panel(names: list[str], frame: pd.DataFrame, dims: list[str], **more: str) -> Panel:
        units = {name: UNITS[name] for name in names}
        return Panel.from_frame(frame.assign(country=country), dims=dims, units=units, provenance=about | more)

    by_year = table.rename_axis("year").reset_index()
    e0 = pd.concat([by_year[["year", f"e0_{sex}"]].set_axis(["year", "e0"], axis=1).assign(sex=sex) for sex in SEXES])
    base = people.assign(year=last + 1)
    totals = total.rename_axis("year").rename("population").reset_index()
    tables = {
        "tfr": panel(["tfr"], by_year, ["country", "year"]),
        "e0": panel(["e0"], e0, ["country", "year", "sex"]),
        "vital": panel(["births", "deaths", "net_migration"], by_year, ["country", "year"]),
        "total": panel(["population"], totals, ["country", "year"], reference_date="1 January"),
        "population": panel(["population"], base, ["country", "year", "sex", "age"], reference_date="1 January"),
    }
    for name in ("mx", "mx_recent", "sex_ratio", "fertility_pattern"):
        tables[name] = _borrowed(getattr(pattern, name), country, like)
    shares = pattern.migrant_ages.dataset.rename(migrant_share="net_migrants")
    shares["net_migrants"].attrs["units"] = "persons"
    tables["migrant_ages"] = _borrowed(Panel(shares), country, like)
    if years[0] > last - FEWEST_YEARS + 1:
        raise DataError(
            expected=f"rates of {FEWEST_YEARS} years or more",
            found=f"{len(years)} ({years[0]} to {last})",
            remedy="add earlier years: without them the forecast would be the world's, not the place's",
            file=rates,
        )
    return from_tables(tables, None if ledger is None else own_ledger(country, ledger, origin=origin))


def own_ledger(country: str, path: str | Path, *, origin: str = "own figures") -> Panel:
    """The asylum ledger of an agency from a file of its own.

    Parameters
    ----------
    country : str
        Code of the place.
    path : str or Path
        File of the kind "ledger" in `KINDS`.
    origin : str
        Who published the figures, for the provenance.

    Returns
    -------
    Panel
        ``applications``, ``recognized``, ``rejected``, ``closed``, ``pending`` and ``staff`` (country, year).

    Raises
    ------
    DataError
        If the file cannot be read, years have gaps, or figures are negative.

    Examples
    --------
    >>> import tempfile
    >>> from poblar.data.kinds import template
    >>> path = Path(tempfile.mkdtemp()) / "ledger.csv"
    >>> _ = path.write_text(template("ledger"))
    >>> own_ledger("MEX", path)["pending"].sizes["year"]
    23
    """
    text = read_table(path, columns=KINDS["ledger"].columns, largest=LARGEST)
    everything = read_table(path, largest=LARGEST)
    names = [*KINDS["ledger"].columns[1:], "staff"]
    frame = pd.DataFrame({"year": _years(text["year"], path), "country": country}, index=text.index)
    for name in names:
        frame[name] = numbers(everything[name], path, allow_missing=True) if name in everything else np.nan
    panel = Panel.from_frame(
        frame,
        dims=["country", "year"],
        units={name: UNITS[name] for name in names},
        provenance=_about(origin),
        missing={name: "not known to the agency" for name in names if frame[name].isna().any()},
        file=path,
    )
    return Panel(panel.dataset.assign_coords(definition=("country", [f"persons; {origin}"])))


def read_rates(path: str | Path) -> pd.DataFrame:
    """Rates by year, checked one by one."""
    text = read_table(path, columns=KINDS["rates"].columns, largest=LARGEST)
    table = pd.DataFrame({name: numbers(text[name], path) for name in KINDS["rates"].columns[1:]})
    table.index = pd.Index(_years(text["year"], path), name="year")
    gaps = np.flatnonzero(np.diff(table.index) != 1)
    if gaps.size:
        before, after = table.index.to_numpy()[gaps[0] : gaps[0] + 2]
        raise DataError(
            expected="every year once, in order",
            found=f"{before} followed by {after}",
            remedy="add the years between, or sort the rows",
            file=path,
            row=str(text.index[gaps[0] + 1]),
            column="year",
        )
    return table


def read_population(path: str | Path, year: int, pattern: Region, like: str) -> pd.DataFrame:
    """Persons by sex and five-year age to 100, the open group spread as in `like`; or by single age as given."""
    text = read_table(path, columns=KINDS["population"].columns, largest=LARGEST)
    stated = read_table(path, largest=LARGEST)
    if "year" in stated and set(whole_numbers(stated["year"], path)) != {year}:
        raise DataError(
            expected=f"the population at 1 January {year}, after the last year of the rates",
            found=f"the year {shown(stated['year'].unique())}",
            remedy="give that year's population, or rates up to the year before it",
            file=path,
            column="year",
        )
    strange = ~text["sex"].isin(SEXES)
    if strange.any():
        raise DataError(
            expected=" or ".join(SEXES),
            found=repr(str(text["sex"][strange].iloc[0])),
            remedy="write the sexes so; leave out rows of both together",
            file=path,
            row=int(text.index[strange][0]),
            column="sex",
        )
    frame = pd.DataFrame(
        {"sex": text["sex"], "age": whole_numbers(text["age"], path), "population": numbers(text["population"], path)}
    )
    wrong = frame["population"] < 0
    if wrong.any():
        raise DataError(
            expected="zero or more persons", found=f"{frame['population'][wrong].iloc[0]:g}", remedy="correct it",
            file=path, row=int(frame.index[wrong][0]), column="population",
        )  # fmt: skip
    cells = frame.pivot_table(index="age", columns="sex", values="population", aggfunc="count")
    if (cells != 1).any(axis=None) or set(cells.columns) != set(SEXES):
        raise DataError(
            expected="each sex and age once",
            found="one twice, or one that is missing",
            remedy="leave out totals and double rows, and give both sexes every age",
            file=path,
        )
    wide = frame.pivot_table(index="age", columns="sex", values="population")[list(SEXES)]
    ages, oldest = wide.index.to_numpy(), int(wide.index[-1])
    if np.array_equal(ages, np.arange(101)):
        return _long(wide)
    starts = np.unique(np.r_[ages // 5 * 5])
    if ages[0] != 0 or not set(starts) <= set(ages) or not np.array_equal(starts, np.arange(0, oldest + 1, 5)):
        raise DataError(
            expected="ages 0, 1, … or 0, 5, … from 0 to an open group at 65 or later that 5 divides",
            found=shown(ages),
            remedy="fill the gaps, and add up what is older than the last five-year age",
            file=path,
            column="age",
        )
    if not 65 <= oldest <= 100 or oldest % 5:
        raise DataError(
            expected="an open group that begins at 65, 70 … 100", found=f"{oldest}",
            remedy="add up, or add groups, so that the last one begins there", file=path, column="age",
        )  # fmt: skip
    five = wide.groupby(wide.index // 5 * 5).sum().reindex(AGES, fill_value=0.0)
    if oldest < AGES[-1]:
        open_ages = [int(age) for age in AGES if age >= oldest]
        old = pattern.population["population"].sel(country=like).isel(year=-1).sel(age=open_ages)
        share = (old / old.sum("age")).transpose("age", "sex").sel(sex=list(SEXES)).to_numpy()
        five.loc[open_ages] = share * five.loc[oldest].to_numpy()
    return _long(five)


def _years(column: pd.Series, path: str | Path) -> np.ndarray:
    years = whole_numbers(column, path)
    strange = (years < 1900) | (years > 2100)
    if strange.any():
        raise DataError(
            expected="a calendar year",
            found=repr(str(column[strange].iloc[0])),
            remedy="write it with four digits",
            file=path,
            row=int(column.index[strange][0]),
            column=str(column.name),
        )
    return years.to_numpy()


def _check_balance(table: pd.DataFrame, total: pd.Series, rates: Path, population: Path) -> None:
    """P(t+1) = P(t) + births - deaths + net migration, or the figures are not of one place and unit."""
    years = table.index.to_numpy()
    for name, (least, most) in CRUDE.items():
        crude = table[name] / table["population"]
        odd = ((crude < least) | (crude > most)).to_numpy()
        if odd.any():
            at = int(np.flatnonzero(odd)[0])
            raise DataError(
                expected=f"{least * 1e3:g} to {most * 1e3:g} {name} a year for each 1,000 persons",
                found=f"{1e3 * crude.iloc[at]:.3g}: {table[name].iloc[at]:,.0f} of {table['population'].iloc[at]:,.0f}",
                remedy="bring all figures to persons, of the same place and year",
                file=rates,
                row=at + 2,
                column=name,
            )
    made = table["population"] + table["births"] - table["deaths"] + table["net_migration"]
    there = total.reindex(table.index + 1).to_numpy()
    off = np.abs(there - made.to_numpy()) / made.to_numpy()
    if (off > OFF).any():
        at = int(np.flatnonzero(off > OFF)[0])
        year, last = int(years[at]), at == len(table) - 1
        raise DataError(
            expected=f"about {made.iloc[at]:,.0f} persons at 1 January {year + 1}, what births, deaths and net "
            f"migration make of {table['population'].iloc[at]:,.0f} a year before",
            found=f"{there[at]:,.0f}" + (f" in {population}" if last else ""),
            remedy="bring all figures to persons, of the same place and date",
            file=rates,
            row=at + 2,
        )


def _borrowed(panel: Panel, country: str, like: str) -> Panel:
    """A bundled country's panel under another code, and a word of where it comes from."""
    dataset = panel.dataset.assign_coords(country=[country])
    return Panel(dataset.assign_attrs(borrowed=f"of {like}, in place of figures of one's own"))


def _about(origin: str) -> dict[str, str]:
    # No date of today: the same files are the same figures tomorrow, and their fits stay in the cache.
    return {"source": origin, "licence": "the planner's own", "revision": "as given", "retrieved": "as given"}


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """Columns sex, age, population of a table with a column for each sex."""
    return wide.rename_axis(index="age").reset_index().melt("age", var_name="sex", value_name="population")
