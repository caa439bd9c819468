"""What a simulation of rolling plans finds, policy by policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from .admissions import Column
from .chance import Certificate
from .held import PopulationGoal
from .outlook import Worlds
from .quota import QuotaPlan
from .response import UNIT
from .words import percent

__all__ = ["POLICIES", "RollingResult"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]

POLICIES = ("open loop", "rolling", "affine rule", "perfect information")
"""Carried out as planned; revised; answering by a rule that was planned; planned on the world itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RollingResult:
    """What four policies reach and admit in the same worlds.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each policy and goal: `requested`; the share of worlds that `kept` the goal (where it is by years,
        in its worst year) with its exact 95 % interval; `persons` admitted in all, mean over the worlds and the
        interval that holds 80 % of them; `saved`, persons fewer than by the open loop, with the 95 % interval of that
        mean.
    by_world : pandas.DataFrame
        A row for each policy and world: `draw`, whether every goal was `kept` in all its years, `persons` admitted,
        and their `cost`.
    admissions : xarray.DataArray
        Persons admitted (policy, world, column), with coordinates `category`, `year` and `ages` of the columns.
    announced : xarray.DataArray
        The rolling plan as it stood after each revision (world, revision, column), persons; `fixed_until` is the last
        year whose numbers were fixed by then.
    record : mapping
        Numbers of draws and revisions; the `risk` that revisions took, as a share of the goal's;
        `open_as_sure`, the persons that a plan never revised admits if it is made to keep the goals in as many of
        these worlds as the rolling one (NaN where no plan tried does); the share of revisions at which no plan kept
        what was asked, and of worlds in which the affine rule met a limit; seconds and seed.

    Examples
    --------
    >>> import pandas as pd, xarray as xr
    >>> row = {"policy": "rolling", "goal": "growth", "requested": 0.9, "kept": 0.925, "lower95": 0.796,
    ...        "upper95": 0.984, "persons": 1e6, "persons_lower80": 8e5, "persons_upper80": 1.2e6, "saved": 2e5,
    ...        "saved_lower95": 1e5, "saved_upper95": 3e5}
    >>> found = RollingResult(table=pd.DataFrame([row]), by_world=pd.DataFrame(), admissions=xr.DataArray(),
    ...                       announced=xr.DataArray(), record={"country": "MEX", "worlds": 40})
    >>> print(str(found).splitlines()[0])
    MEX, 40 worlds that no plan has seen:
    """

    table: pd.DataFrame
    by_world: pd.DataFrame
    admissions: xr.DataArray
    announced: xr.DataArray
    record: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{self.record['country']}, {self.record['worlds']} worlds that no plan has seen:"]
        for row in self.table.to_dict("records"):
            more = f", {row['saved']:+,.0f} fewer than the open loop" if row["policy"] != POLICIES[0] else ""
            parts.append(
                f"{row['policy']}: {row['goal']} kept in {percent(row['kept'], 1)} of them (95 % interval "
                f"{percent(row['lower95'], 1)} to {percent(row['upper95'], 1)}; {percent(row['requested'])} asked), "
                f"{row['persons']:,.0f} admitted in all on average (80 % of worlds {row['persons_lower80']:,.0f} to "
                f"{row['persons_upper80']:,.0f}){more}"
            )
        sure = float(self.record.get("open_as_sure", float("nan")))  # type: ignore[arg-type]
        if np.isfinite(sure):
            parts.append(f"A plan never revised that is made as sure as the rolling one admits {sure:,.0f}.")
        return "\n".join(parts)


def row_of(policy: str, goal: PopulationGoal, count: Certificate, persons: Array, openly: Array) -> dict[str, object]:
    """A row of the table: how often a policy kept a goal, whom it admitted, and what it saved."""
    low, high = count.interval
    saved = openly - persons
    error = 1.96 * saved.std(ddof=1) / np.sqrt(len(saved)) if len(saved) > 1 else np.nan
    return {
        "policy": policy,
        "goal": goal.describe(),
        "requested": goal.probability,
        "kept": count.probability,
        "lower95": low,
        "upper95": high,
        "persons": persons.mean(),
        "persons_lower80": np.quantile(persons, 0.1),
        "persons_upper80": np.quantile(persons, 0.9),
        "saved": saved.mean(),
        "saved_lower95": saved.mean() - error,
        "saved_upper95": saved.mean() + error,
    }


def kept_in(goal: PopulationGoal, kept: NDArray[np.bool_]) -> int:
    """Worlds that keep a goal (world, row), in all years or in the worst of them."""
    return int(kept.all(1).sum() if goal.together else kept.sum(0).min())


def result_of(
    problem: QuotaPlan,
    columns: Sequence[Column],
    worlds: Worlds,
    draws: Positions,
    fixed_until: Mapping[int, int],
    carried: Mapping[str, Array],
    announced: Array,
    record: Mapping[str, object],
) -> RollingResult:
    """Count and add up what each policy admits (world, column), and was announced (world, revision, column)."""
    cost = {lever.name: lever.cost for lever in problem.levers}
    costs = np.array([cost[column.lever] for column in columns])
    rows, by_world = [], []
    openly = UNIT * carried[POLICIES[0]].sum(1)
    for policy, plans in carried.items():
        persons, kept = UNIT * plans.sum(1), worlds.kept(plans)
        for goal, own in zip(problem.goals, kept, strict=True):
            rows.append(row_of(policy, goal, Certificate(kept_in(goal, own), len(plans)), persons, openly))
        columns_of = {
            "policy": policy,
            "world": range(len(plans)),
            "draw": draws,
            "kept": np.all([own.all(1) for own in kept], axis=0),
            "persons": persons,
            "cost": UNIT * plans @ costs,
        }
        by_world.append(pd.DataFrame(columns_of))
    labels = {
        "category": ("column", [column.lever for column in columns]),
        "year": ("column", [column.year for column in columns]),
        "ages": ("column", [column.ages for column in columns]),
    }
    return RollingResult(
        table=pd.DataFrame(rows),
        by_world=pd.concat(by_world, ignore_index=True),
        admissions=xr.DataArray(
            UNIT * np.stack(list(carried.values())),
            dims=["policy", "world", "column"],
            coords={"policy": list(carried), "draw": ("world", draws)} | labels,
            attrs={"units": "persons per year"},
        ),
        announced=xr.DataArray(
            UNIT * np.clip(announced, 0.0, None),
            dims=["world", "revision", "column"],
            coords={"revision": list(fixed_until), "fixed_until": ("revision", list(fixed_until.values()))} | labels,
            attrs={"units": "persons per year"},
        ),
        record=record,
    )
