"""Scenarios side by side: the same draws under each, and the distribution of what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import xarray as xr

from ..data.reference import Region
from .errors import DrawsError
from .indicators import Indicator
from .migrants import Corridors, Migrants
from .population import NONE, project, size_in_bytes
from .scenarios import Scenario

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Projections of the same draws under several scenarios.

    Parameters
    ----------
    stocks : xarray.Dataset
        Every indicator at 1 January (scenario, draw, country, year), as in `Projection.stocks`.
    flows : xarray.Dataset
        Totals of calendar years (scenario, draw, country, year), as in `Projection.flows`, with ``growth_rate``,
        ``natural_growth`` and ``social_growth``, per year.
    scenarios : tuple of Scenario
        What was compared; the first is the baseline.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import bands
    >>> from poblar.forecast.comparison import compare
    >>> from poblar.forecast.scenarios import Multiply, Scenario
    >>> region, years = reference.region(("MEX",)), range(2024, 2031)
    >>> def path(value, units, **more):
    ...     coords = {"country": ["MEX"], "year": years, **more}
    ...     return xr.DataArray(value, coords=coords, dims=list(coords), attrs={"units": units})
    >>> found = compare(
    ...     region,
    ...     [Scenario(name="as it is"), Scenario(name="half", levers=[Multiply(by=0.5, on="migration")])],
    ...     fertility=path(1.8, "children per woman"),
    ...     mortality=path(76.0, "years", sex=["female", "male"]),
    ...     migration=path(-0.001, "per person-year"),
    ... )
    >>> more = found.difference("total_population").sel(year=2031)
    >>> bands(more, levels=[80])[["scenario", "country", "median"]].round(-4).to_numpy().tolist()
    [['half', 'MEX', 500000.0]]
    """

    stocks: xr.Dataset
    flows: xr.Dataset
    scenarios: tuple[Scenario, ...]

    def values(self, name: str) -> xr.DataArray:
        """An indicator or flow by its name (scenario, draw, country, year)."""
        for part in (self.stocks, self.flows):
            if name in part:
                return part[name]
        known = [*self.stocks.data_vars, *self.flows.data_vars]
        raise DrawsError(f"expected one of {', '.join(map(str, known))}, found {name!r}.")

    def difference(self, name: str, *, against: str | None = None) -> xr.DataArray:
        """What an indicator or flow has more than under the baseline, draw by draw, or under another scenario."""
        values = self.values(name)
        names = [scenario.name for scenario in self.scenarios]
        base = names[0] if against is None else against
        if base not in names:
            raise DrawsError(f"expected a scenario among {', '.join(names)}, found {base!r}.")
        others = [other for other in names if other != base]
        more = values.sel(scenario=others) - values.sel(scenario=base, drop=True)
        return more.rename(name).assign_attrs(values.attrs)


def compare(
    region: Region,
    scenarios: Sequence[Scenario],
    *,
    fertility: xr.DataArray,
    mortality: xr.DataArray,
    migration: xr.DataArray | Migrants | Sequence[Migrants],
    corridors: Corridors | None = None,
    zero_sum: bool = False,
    foreign_born: xr.DataArray | None = None,
    indicators: Mapping[str, Indicator] = NONE,
    memory: str = "2GB",
) -> Comparison:
    """Project a region under each scenario, on the same draws.

    ``D(s) = X(s) - X(baseline)`` in every draw, so that what a scenario changes has a distribution of its own, which
    is far narrower than that of either future.

    Parameters
    ----------
    region : Region
        As in `project`.
    scenarios : sequence of Scenario
        Two or more of different names; the first is what others are compared with.
    fertility, mortality, migration, corridors, zero_sum, foreign_born, indicators : optional
        The forecasts before any lever, and the rest, as in `project`.
    memory : str
        What the results of all scenarios may take together; for more, stream each with ``project(scenario=, store=)``.

    Returns
    -------
    Comparison
        Indicators and totals of flows, not by age.

    Raises
    ------
    DrawsError
        If there are fewer than two scenarios or two of one name, if a lever does not fit the forecasts, or as
        `project`.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast.scenarios import Scenario
    >>> nothing = xr.DataArray(0.0)
    >>> compare(reference.region(), [Scenario(name="as it is")], fertility=nothing, mortality=nothing,
    ...         migration=nothing)
    Traceback (most recent call last):
    ...
    poblar.forecast.errors.DrawsError: expected two or more scenarios of different names, found as it is.
    """
    names = [scenario.name for scenario in scenarios]
    if len(set(names)) < max(2, len(names)):
        raise DrawsError(f"expected two or more scenarios of different names, found {', '.join(names) or 'none'}.")
    each = f"{size_in_bytes(memory) / 2e6 / len(names):.0f} MB"  # half, since joining them takes as much again
    stocks, flows = [], []
    for scenario in scenarios:
        people = project(
            region,
            fertility=fertility,
            mortality=mortality,
            migration=migration,
            corridors=corridors,
            zero_sum=zero_sum,
            foreign_born=foreign_born,
            scenario=scenario,
            indicators=indicators,
            ages=(),
            memory=each,
        )
        rates = {rate.name: rate for rate in (people.growth_rate, people.natural_growth, people.social_growth)}
        stocks.append(people.stocks)
        flows.append(people.flows.assign(rates))
    both = [
        xr.concat(parts, "scenario", join="exact", data_vars="all", coords="minimal", compat="override").assign_coords(
            scenario=names
        )
        for parts in (stocks, flows)
    ]
    return Comparison(stocks=both[0], flows=both[1], scenarios=tuple(scenarios))
