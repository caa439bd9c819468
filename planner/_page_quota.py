"""A quota solved again and again: one response for all years of a lever, numbers that hold for some years at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..optimize import Admissions, GrowthRate, OpenQuotaPlan, Plan, PopulationGoal, QuotaPlan, SupportRatio
from ..optimize.limits import model_of
from ..optimize.response import UNIT, Response
from ..optimize.solve import ChanceGoal, Cuts
from . import frames

__all__ = ["growth_with", "narrowed", "shown_goals", "solved"]

UNITS = {"growth_rate": "per year", "support_ratio": "persons aged 15-64 per person aged 65+"}


def narrowed(wide: Response, lever: Admissions) -> Response:
    """The response to some of a lever's years, which share the memory of that to all of them."""
    first = next(place for place, column in enumerate(wide.columns) if column.year == lever.years[0])
    columns = list(wide.columns[first : first + len(lever.years)])

    def place(old: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.stack([old[:, 0] + first, np.clip(old[:, 1] - first, 0, len(columns))], axis=1)

    return replace(wide, columns=columns, place={name: place(old) for name, old in wide.place.items()})


def solved(problem: QuotaPlan, response: Response, every: int, seed: int) -> Plan:
    """The plan, from the response at hand."""
    opened = _Held(problem, seed, every) if every > 1 else OpenQuotaPlan(problem, seed)
    opened.response = response
    return opened.solve()


@dataclass
class _Held(OpenQuotaPlan):
    """A quota plan whose numbers hold for so many years at a time, from the lever's first year on."""

    every: int = 1

    def _cuts(self, goals: Sequence[PopulationGoal], chances: Sequence[ChanceGoal]) -> tuple[Cuts, float | None]:  # noqa: ARG002
        assert self.response is not None
        problem, columns = self.problem, self.response.columns
        model = model_of(problem.levers, columns, problem.limits, problem.objective, UNIT)
        first = {lever.name: int(lever.years[0]) for lever in problem.levers}
        at = {column: place for place, column in enumerate(columns)}
        same = [
            model.plan[place] == model.plan[at[replace(column, year=column.year - 1)]]
            for column, place in at.items()
            if (column.year - first[column.lever]) % self.every
        ]
        return Cuts(replace(model, limits=[*model.limits, *same]), chances), None


def shown_goals(years: Sequence[int]) -> dict[str, PopulationGoal]:
    """Goals whose indicators pictures show."""
    kinds = {"growth_rate": GrowthRate, "support_ratio": SupportRatio}
    return {name: kind(at_least=0.0, years=years) for name, kind in kinds.items()}


def growth_with(response: Response, plan: Plan, years: range) -> pd.DataFrame:
    """Bands of growth and support without and with a plan."""
    admitted = response.vector(plan.decided)
    found = {}
    for name, goal in shown_goals(years).items():
        values = np.stack([goal.indicator(response, persons) for persons in (0.0 * admitted, admitted)])
        coords = {"scenario": list(frames.SCENARIOS), "year": list(years)}
        attrs = {"units": UNITS[name]}
        found[name] = xr.DataArray(values, dims=("scenario", "draw", "year"), coords=coords, attrs=attrs)
    return frames.growth_bands(xr.Dataset(found))
