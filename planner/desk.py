"""The desk behind the page: one study's figures and draws at hand, so that a plan is answered while a control moves."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Console

from ..forecast import Scenario
from ..forecast.scenarios import Multiply
from ..optimize import Plan
from ..optimize.response import Functional
from . import frames, plans
from ._page_place import FORECAST, Place, PopulationView
from ._page_quota import solved
from ._page_told import Tell, Told
from .asked import Quota, Staff
from .errors import PlannerError
from .names import country_name
from .study import Study
from .work import PEOPLE, Work

__all__ = ["Desk"]

DRAWS: Final = 1000
"""Most draws that the page plans on; a run of the plan file takes those that it asks for."""

NOBODY: Final = Scenario(name="nobody migrates", levers=[Multiply(on="migration", by=0.0)])
"""A scenario that every page has."""

AFTER: Final = 10  # years shown after the last that a plan looks at
PLACES: Final = 4  # whose draws are kept in memory
ANSWERS: Final = 256  # kept by what was asked


@dataclass(frozen=True, kw_only=True, eq=False)
class QuotaView:
    """A plan of admissions, and growth and support without and with it (`poblar.planner.frames.growth_bands`)."""

    plan: Plan
    growth: pd.DataFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class StaffView:
    """A plan of officers, the queue's bands by quarter without and with it, and how surely the promise is kept."""

    plan: Plan
    bands: pd.DataFrame
    promise: pd.DataFrame | None
    ledger: pd.DataFrame


class Desk:
    """A study opened for questions; nothing is read, fitted or simulated before it is needed, and then it is kept.

    May be asked from several threads: what is prepared is prepared once, and answers are kept by what was asked.

    Parameters
    ----------
    study : Study
        What is asked at first; the controls of the page change its quota and staffing.
    console : rich.console.Console
        Where the stages of what is prepared are shown.
    folder, fresh, cache
        As in `poblar.planner.work.Work`.
    draws : int
        Most draws to plan on.

    Examples
    --------
    >>> desk = Desk(Study(draws=6000), console=Console(quiet=True))
    >>> desk.study.draws, desk.places["GTM"]
    (1000, 'Guatemala')
    """

    def __init__(
        self,
        study: Study,
        *,
        console: Console,
        folder: str | Path = ".",
        fresh: bool = False,
        cache: str | Path | None = None,
        draws: int = DRAWS,
    ) -> None:
        self.asked = study
        self.study = study.model_copy(update={"draws": min(study.draws, draws)})
        self.stages = Told(console)
        self.work = Work(self.study, self.stages, folder=folder, fresh=fresh, cache=cache)
        self._preparing = threading.RLock()
        self._places: OrderedDict[str, Place] = OrderedDict()
        self.kept = Kept(ANSWERS)

    @cached_property
    def places(self) -> dict[str, str]:
        """Names of the places whose population can be asked for, by code; none where there is a ledger alone."""
        if not self.study.has_people:
            return {}
        with self.stages.alone(self._preparing):
            region = self.work.region
        assert region is not None
        names = {code: country_name(code) for code in region.countries}
        return names | {self.study.country: self.study.place}

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios, the forecast first."""
        return (FORECAST, *self.futures)

    def prepare(self, tell: Tell | None = None) -> None:
        """Do now what the first answers would wait for."""
        with self.stages.telling(tell):
            if self.study.has_people:
                place = self.place(self.study.country)
                if self.study.quota is not None:
                    place.response([lever.lever() for lever in self.study.quota.levers])
            if self.study.staffing is not None:
                self._queue()

    def place(self, code: str) -> Place:
        """The draws of a place; raises `PlannerError` if it is not one of `places`."""
        if code not in self.places:
            known = ", ".join(self.places) or "none"
            raise PlannerError(f"expected a place of this study ({known}), found {code}; choose one of them.")
        if (found := self._places.get(code)) is not None:
            return found
        with self.stages.alone(self._preparing):
            if code not in self._places:
                region, rates = self.work.region, self._rates
                assert region is not None
                own = {name: draws.sel(country=[code]) for name, draws in rates.items()}
                place = Place(
                    self.places[code],
                    region.sel(country=code),
                    own,
                    futures=self.futures,
                    functionals=self.functionals,
                    stages=self.stages,
                    seed=self.study.seed,
                )
                place.under(FORECAST)
                self._places[code] = place
                while len(self._places) > PLACES:
                    self._places.popitem(last=False)
            return self._places[code]

    def population(self, code: str, scenario: str, other: str, year: int, tell: Tell | None = None) -> PopulationView:
        """A population under a scenario, and what it has more than under another.

        Parameters
        ----------
        code : str
            One of `places`.
        scenario, other : str
            Two of `scenarios`, or one twice.
        year : int
            Year of the pyramid that is forecast.
        tell : callable, optional
            Told what is being prepared.

        Returns
        -------
        PopulationView
        """
        with self.stages.telling(tell):
            return self.place(code).view(scenario, other, year)

    def admissions(self, code: str, quota: Quota, tell: Tell | None = None) -> QuotaView:
        """The admissions asked for.

        Parameters
        ----------
        code : str
            One of `places`.
        quota : Quota
            What is asked.
        tell : callable, optional
            Told what is being prepared.

        Returns
        -------
        QuotaView

        Raises
        ------
        PoblarError
            If the question makes no sense, or cannot be answered on so few draws.
        """
        if quota.last > self.study.until:
            raise PlannerError(
                f"expected a plan that looks no further than {self.study.until}, the forecast's last year, found "
                f"{quota.last}; choose earlier years."
            )

        with self.stages.telling(tell):
            place = self.place(code)
            problem = plans.quota_plan(place.people, quota)
            problem.check()
            response = place.response(problem.levers)
            plan = solved(problem, response, self.study.seed)
            self.stages.step()
            years = range(quota.years[0] - 1, min(quota.last + AFTER, self.study.until) + 1)
            return QuotaView(plan=plan, growth=frames.growth_bands(plans.growth_with(response, plan, years)))

    def officers(self, staff: Staff, tell: Tell | None = None) -> StaffView:
        """The officers asked for.

        Parameters
        ----------
        staff : Staff
            What is asked.
        tell : callable, optional
            Told what is being prepared.

        Returns
        -------
        StaffView

        Raises
        ------
        PoblarError
            If the question makes no sense, or cannot be answered on so few draws.
        """

        with self.stages.telling(tell):
            queue = self._queue()
            problem = plans.staffing_plan(queue, staff)
            plan = problem.solve(seed=self.study.seed)
            self.stages.step()
            without, before = self._unplanned(staff.in_post)
            planned = _quarterly(plans.queue_with_officers(queue, problem.officers(plan)))
            self.stages.step()
            after = frames.queue_bands(_quarterly(queue), {"with": planned})
            runs = {"without": without, "with": planned}
            return StaffView(
                plan=plan,
                bands=pd.concat([before, after[after["scenario"] == "with"]], ignore_index=True),
                promise=None if staff.promised is None else frames.promise(runs, staff.promised),
                ledger=frames.ledger(self.work.panels["backlog"], self.study.country),
            )

    @cached_property
    def futures(self) -> dict[str, Scenario]:
        """Scenarios by name, but the forecast."""
        own = {future.name: future.made() for future in self.study.scenarios if future.name != FORECAST}
        return {NOBODY.name: NOBODY} | own

    @cached_property
    def functionals(self) -> dict[str, Functional]:
        """Populations that growth, support and the study's own goals look at."""
        asked = () if self.study.quota is None else self.study.quota.goals
        found: dict[str, Functional] = {}
        for goal in (*plans.shown_goals([self.study.until]).values(), *(goal.made() for goal in asked)):
            found |= goal.functionals()
        return found

    @cached_property
    def _rates(self) -> dict[str, xr.DataArray]:
        """Draws of every country's rates."""
        _ = self.work.fits  # its own stage comes first
        with self.stages.stage("forecast", "Forecast", f"{self.study.draws:,} draws to {self.study.until}"):
            return {name: self.work.rate(model) for name, model in zip(("tfr", "e0", "net"), PEOPLE, strict=True)}

    def _unplanned(self, officers: float) -> tuple[xr.Dataset, pd.DataFrame]:
        """The queue with as many officers as now, and its bands."""
        queue = self._queue()

        def run() -> tuple[xr.Dataset, pd.DataFrame]:
            posted = xr.full_like(queue["month"], officers, dtype=float)
            found = _quarterly(plans.queue_with_officers(queue, posted))
            return found, frames.queue_bands(_quarterly(queue), {"without": found})

        return self.kept.get(("unplanned", officers), run)

    def _queue(self) -> xr.Dataset:
        with self.stages.alone(self._preparing):
            return self.work.queue


def _quarterly(months: xr.Dataset) -> xr.Dataset:
    """The first month of each quarter: a picture of all of them looks the same, and takes three times as long."""
    return months.isel(month=np.flatnonzero(months["month"].dt.month % 3 == 1))


class Kept:
    """The latest answers by what was asked; the same question asked at once by two is answered once."""

    def __init__(self, most: int) -> None:
        self.most, self._lock = most, threading.Lock()
        self._found: OrderedDict[Hashable, Any] = OrderedDict()

    def get[T](self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        made = make()
        with self._lock:
            self._found[key] = made
            while len(self._found) > self.most:
                self._found.popitem(last=False)
        return made
