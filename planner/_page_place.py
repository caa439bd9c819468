"""One place of the page: its population by scenario, and how it answers to admissions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd
import xarray as xr

from ..data import Region
from ..forecast import Projection, Scenario, bands, project
from ..optimize import Admissions
from ..optimize.response import Functional, Response, respond
from . import frames
from ._page_quota import narrowed
from ._page_told import Told
from .errors import PlannerError

__all__ = ["FORECAST", "Place", "PopulationView"]

FORECAST: Final = "forecast"
"""The scenario in which nothing is changed."""

PATHS: Final = 30  # draws shown one by one
ATTRIBUTES: Final = {"total_population": "total"}
RESPONSES: Final = 4  # kept


@dataclass(frozen=True, kw_only=True, eq=False)
class PopulationView:
    """A place's population under a scenario, and what differs from another.

    Parameters
    ----------
    bands, history, paths : pandas.DataFrame
        From `poblar.planner.frames`.
    pyramid : pandas.DataFrame
        By sex and age in one year.
    scenarios, differences : pandas.DataFrame or None
        Bands of the forecast and of the scenarios chosen, and of what each has more than the forecast draw by draw,
        where two are compared.
    """

    bands: pd.DataFrame
    history: pd.DataFrame
    paths: pd.DataFrame
    pyramid: pd.DataFrame
    scenarios: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None


class Place:
    """The draws of one place: its population by scenario, and how it answers to admissions.

    Parameters
    ----------
    name : str
        What it is called.
    region : Region
        Its figures.
    rates : dict of str to xarray.DataArray
        Draws of its ``tfr``, ``e0`` and ``net``.
    futures : mapping of str to Scenario
        Scenarios by name, but the forecast.
    functionals : mapping of str to Functional
        Populations that are asked about.
    stages : Told
        Where progress is shown.
    seed : int
        As in `poblar.optimize.response.respond`.
    """

    def __init__(
        self,
        name: str,
        region: Region,
        rates: dict[str, xr.DataArray],
        *,
        futures: Mapping[str, Scenario],
        functionals: Mapping[str, Functional],
        stages: Told,
        seed: int,
    ) -> None:
        self.name, self.region, self.rates, self.seed = name, region, rates, seed
        self.futures, self.functionals, self.stages = futures, functionals, stages
        self._preparing = threading.RLock()
        self._under: dict[str, Projection] = {}
        self._responses: OrderedDict[Hashable, Response] = OrderedDict()

    @property
    def people(self) -> Projection:
        """The forecast."""
        return self.under(FORECAST)

    @property
    def years(self) -> range:
        """Years forecast."""
        years = self.rates["tfr"]["year"].to_numpy()
        return range(int(years[0]), int(years[-1]) + 1)

    def under(self, scenario: str) -> Projection:
        """The population under a scenario; the forecast's and the latest two are kept."""
        if scenario != FORECAST and scenario not in self.futures:
            raise PlannerError(
                f"expected a scenario among {', '.join([FORECAST, *self.futures])}, found {scenario}; choose one."
            )
        with self.stages.alone(self._preparing):
            if scenario not in self._under:
                with self.stages.stage("project", f"Project the population of {self.name}", scenario):
                    made = project(
                        self.region,
                        fertility=self.rates["tfr"],
                        mortality=self.rates["e0"],
                        migration=self.rates["net"],
                        scenario=self.futures.get(scenario),
                    )
                latest = [name for name in self._under if name != FORECAST][-1:]
                self._under = {name: self._under[name] for name in (FORECAST, *latest) if name in self._under}
                self._under[scenario] = made
            return self._under[scenario]

    def view(self, scenario: str, other: str, year: int) -> PopulationView:
        """The population under a scenario, beside another."""
        people, code = self.under(scenario), self.region.countries[0]
        table = self._table(scenario, people)
        others = [name for name in dict.fromkeys((scenario, other)) if name != FORECAST] if scenario != other else []
        return PopulationView(
            bands=table,
            history=frames.history(self.region, code),
            paths=frames.paths(people, self.rates, PATHS),
            pyramid=frames.pyramid_bands(people, [min(year, self.years[-1] + 1)]),
            scenarios=self._beside(others) if others else None,
            differences=self._more(others) if others else None,
        )

    def response(self, levers: Sequence[Admissions]) -> Response:
        """How populations answer to the levers.

        A lever alone is answered for every year at once, and narrowed to the years it has: dragging them costs nothing.
        """
        ahead = range(self.years[0], self.years[-1] + 1)
        alone = levers[0] if len(levers) == 1 and not levers[0].is_free else None
        if alone is not None and not {alone.years[0], alone.years[-1]} <= set(ahead):
            alone = None  # respond says what is wrong with it
        wide = list(levers)
        if alone is not None:
            wide = [replace(alone, years=ahead, at_least=0.0, at_most=None, change_at_most=None, every=1)]
        key = repr(wide)
        with self.stages.alone(self._preparing):
            if key not in self._responses:
                with self.stages.stage("respond", f"See how {self.name} answers to admissions"):
                    self._responses[key] = respond(self.people, wide, self.functionals, seed=self.seed)
                while len(self._responses) > RESPONSES:
                    self._responses.popitem(last=False)
            found = self._responses[key]
        return found if alone is None else narrowed(found, alone)

    def _table(self, scenario: str, people: Projection) -> pd.DataFrame:
        """Bands of every indicator; of rates that a scenario changes only those of the forecast are known."""
        rates = {name: self.rates[name] for name in ("tfr", "e0")}
        table = frames.indicator_bands(people, rates)
        return table if scenario == FORECAST else table[~table["indicator"].isin(rates)]

    def _beside(self, names: Sequence[str]) -> pd.DataFrame:
        """Bands of scenarios, the forecast first."""
        return pd.concat([_compared(self._indicators(name), name) for name in (FORECAST, *names)], ignore_index=True)

    def _more(self, names: Sequence[str]) -> pd.DataFrame:
        """Bands of what each scenario has more than the forecast in the same draws."""
        before, tables = self._indicators(FORECAST), []
        for name in names:
            after = self._indicators(name)
            more = {what: (after[what] - before[what]).assign_attrs(before[what].attrs) for what in after}
            tables.append(_compared(more, name))
        return pd.concat(tables, ignore_index=True)

    def _indicators(self, scenario: str) -> dict[str, xr.DataArray]:
        people = self.under(scenario)
        return {name: _indicator(people, name) for name in frames.COMPARED}


def _indicator(people: Projection, name: str) -> xr.DataArray:
    """An indicator that scenarios are compared by (draw, year)."""
    found = people.flows[name] if name in people.flows else getattr(people, ATTRIBUTES.get(name, name))
    return found.squeeze("country", drop=True)


def _compared(arrays: dict[str, xr.DataArray], scenario: str) -> pd.DataFrame:
    """As `poblar.planner.frames.scenario_bands`, of one scenario."""
    tables = [
        bands(array.transpose("draw", "year")).assign(indicator=frames.COMPARED[name], scenario=scenario)
        for name, array in arrays.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[["indicator", "scenario", *(name for name in table if name not in ("indicator", "scenario"))]]
