"""Net migration as a rate: of whom the migrants are counted in thousands."""

from __future__ import annotations

import xarray as xr

from .axes import UNITS
from .errors import DataError
from .panel import Panel

__all__ = ["with_rate"]


def with_rate(vital: Panel, total: Panel) -> Panel:
    r"""Net migration with its rate, of the population that the year would have ended with without migrants.

    .. math:: m_t = M_t / (P_{t+1} - M_t)

    with the population :math:`P_{t+1}` of the next 1 January, as bayesMig has it; the same denominator turns a rate
    that is forecast back into persons (`poblar.forecast.project`).

    Parameters
    ----------
    vital : Panel
        ``net_migration`` (country, year), persons per year.
    total : Panel
        ``population`` (country, year), persons at 1 January, with the year after the last of `vital`.

    Returns
    -------
    Panel
        ``net_migration`` and ``net_migration_rate``, per person-year.

    Raises
    ------
    DataError
        If the population of a year's end is absent.

    Examples
    --------
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-25"}
    >>> def panel(name, values, years, units):
    ...     series = xr.DataArray([values], coords={"country": ["MEX"], "year": years}, dims=("country", "year"))
    ...     return Panel(xr.Dataset({name: series.assign_attrs(units=units)}, attrs=about))
    >>> moved = panel("net_migration", [-1_000.0], [2020], "persons per year")
    >>> with_rate(moved, panel("population", [50_000.0, 49_000.0], [2020, 2021], "persons"))[
    ...     "net_migration_rate"].values.tolist()
    [[-0.02]]
    """
    counts = vital["net_migration"]
    # 31 December of a year is 1 January of the next.
    end = total["population"].assign_coords(year=total["population"]["year"] - 1)
    absent = sorted(set(counts.indexes["year"]) - set(end.indexes["year"]))
    if absent:
        raise DataError(
            expected=f"a population of 1 January {absent[0] + 1} in the table total",
            found="none",
            remedy=f"add it, or give net migration up to {absent[0] - 1}",
        )
    counts, end = xr.align(counts, end.sel(year=counts["year"]), join="exact")
    rate = (counts / (end - counts)).assign_attrs(units=UNITS["net_migration_rate"])
    return Panel(vital.dataset[["net_migration"]].assign(net_migration_rate=rate))
