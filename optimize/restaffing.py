"""Closed loop: a staffing plan that is made again at intervals, in worlds that no plan has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ._roster import roster
from .chance import Certificate
from .errors import GoalError
from .office import Staffing
from .staffing import StaffingPlan
from .waiting import NOBODY, Trial, WaitingNow, WaitTime
from .words import month, months_in

__all__ = ["RollingStaffing"]

Array = NDArray[np.float64]
QUARTER = 3
RECENT = 6  # months of applications that a revision looks at


@dataclass(frozen=True, kw_only=True, eq=False)
class RollingStaffing:
    """A staffing plan made again at intervals, beside the same plan carried out as it was made.

    In each world the planner sees at a revision who waits, who is in post and on the way, and the applications of the
    last six months; takes the planning draws nearest to them, scales each so that these months are as observed, and
    plans the months ahead. Hires and releases until the next revision are then fixed. Risks add up, so a revision takes
    only a part of the risk that the goal allows. Where a wait is too long already for anything to be done, the revision
    plans for those who apply once somebody hired now can decide. The world answers to the wait where the problem has a
    `response`.

    Parameters
    ----------
    problem : StaffingPlan
        Of one office and stage, with one `Staffing` lever and `WaitTime` goals.
    every : str
        Between revisions, whole quarters: "3 months", "1 year".
    near : int
        Draws that a revision is made on.
    risk : float, optional
        Part of the risk that the goal allows, taken at each revision; equal parts for all of them without it.

    Examples
    --------
    >>> axes, months = ("draw", "office", "month"), np.arange("2027-01", "2029-07", dtype="datetime64[M]")
    >>> level = np.random.default_rng(1).gamma(25.0, 4.0, (400, 1, 1)) * np.ones((400, 1, 30))
    >>> queue = xr.Dataset(
    ...     {"arrivals": (axes, level), "productivity": (axes, 0.0 * level + 10.0), "backlog": ("office", [200.0]),
    ...      "withdrawal": (axes, 0.0 * level)}, coords={"office": ["A"], "month": months.astype("datetime64[s]")})
    >>> problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[Staffing(cost=1.0)],
    ...                        goals=[WaitTime(at_most="3 months", since="2028-01")])
    >>> found = RollingStaffing(problem=problem, every="1 year", near=200).simulate(seed=1, worlds=6)
    >>> found["policy"].tolist()
    ['open loop', 'rolling']
    """

    problem: StaffingPlan
    every: str = "1 year"
    near: int = 300
    risk: float | None = None

    def __post_init__(self) -> None:
        if months_in(self.every) < QUARTER or months_in(self.every) % QUARTER:
            raise GoalError(f"expected every= whole quarters, '3 months' or '1 year', found {self.every!r}.")
        levers, goals = self.problem.levers, self.problem.goals
        if len(levers) != 1 or not isinstance(levers[0], Staffing) or isinstance(levers[0].attrition, xr.DataArray):
            raise GoalError("expected one Staffing lever whose attrition is a number, found others.")
        if not isinstance(self.problem.in_post, float | int):
            raise GoalError(f"expected in_post= a number, found {self.problem.in_post!r}.")
        if not goals or not all(isinstance(goal, WaitTime) for goal in goals):
            raise GoalError("expected goals that are WaitTime, found others.")
        if self.problem.queue["arrivals"].size > self.problem.queue.sizes["draw"] * self.problem.queue.sizes["month"]:
            raise GoalError("expected one office and stage, found several; revise them apart.")

    def simulate(self, *, seed: int, worlds: int = 50, worlds_from: xr.Dataset | None = None) -> pd.DataFrame:
        """Carry both policies out in worlds that no plan has seen.

        Parameters
        ----------
        seed : int
            Decides which draws are worlds.
        worlds : int
            How many; each takes as many solves as there are revisions.
        worlds_from : xarray.Dataset, optional
            Another queue with the same axes, from which the worlds are taken: other arrivals or productivity than
            the plans are made on.

        Returns
        -------
        pandas.DataFrame
            A row for each policy: ``kept``, the share of worlds in which every goal was kept in all its months, with
            its exact 95 % interval; ``cost`` from the start to the horizon, mean over the worlds, and the ends of the
            middle 80 % of them.

        Raises
        ------
        GoalError
            If there are not enough draws beside the worlds.
        """
        problem = self.problem
        order = np.random.default_rng(seed).permutation(problem.queue.sizes["draw"])
        if len(order) - worlds < self.near:
            raise GoalError(
                f"expected at least {worlds + self.near} draws for {worlds} worlds and {self.near} to plan on, found "
                f"{len(order)}; forecast more."
            )
        truth = (problem.queue if worlds_from is None else worlds_from).isel(draw=np.sort(order[:worlds]))
        planning = replace(problem, queue=problem.queue.isel(draw=np.sort(order[worlds:])))
        first = planning.solve(seed=seed)
        rows = []
        fixed = _decided(first.decided)
        outcomes = {"open loop": [self._outcome(truth.isel(draw=[w]), fixed) for w in range(worlds)]}
        outcomes["rolling"] = [self._revised(truth.isel(draw=[w]), planning, fixed, seed) for w in range(worlds)]
        for policy, found in outcomes.items():
            kept, cost = np.array([one[0] for one in found]), np.array([one[1] for one in found])
            held = Certificate(int(kept.sum()), worlds)
            low, high = np.quantile(cost, [0.1, 0.9])
            rows.append(
                {
                    "policy": policy,
                    "kept": held.probability,
                    "lower95": held.interval[0],
                    "upper95": held.interval[1],
                    "cost": cost.mean(),
                    "cost_lower80": low,
                    "cost_upper80": high,
                }
            )
        return pd.DataFrame(rows)

    @property
    def _lever(self) -> Staffing:
        lever = self.problem.levers[0]
        assert isinstance(lever, Staffing)
        return lever

    def _staff(self, decided: Array, months: int) -> tuple[Array, Array]:
        """Officers (month,) at work and in post from the start on, under hires and releases (2, quarter)."""
        lever = self._lever
        assert isinstance(lever.attrition, float | int)
        stays, now = (1.0 - lever.attrition) ** (1 / 12), np.arange(months)
        assert isinstance(self.problem.in_post, float | int)
        at_work = self.problem.in_post * stays**now
        in_post = at_work.copy()
        ramp = np.array([*lever.ramp, 1.0])
        for quarter, (hires, releases) in enumerate(decided.T):
            begins = now - QUARTER * quarter - months_in(lever.recruitment_lag)
            trained = begins - months_in(lever.training)
            there = np.where(begins >= 0, hires * stays ** np.maximum(begins, 0), 0.0)
            in_post += there
            at_work += there * np.where(trained >= 0, ramp[np.clip(trained, 0, len(lever.ramp))], 0.0)
            gone = np.where(now >= QUARTER * quarter, releases * stays ** np.maximum(now - QUARTER * quarter, 0), 0.0)
            in_post, at_work = in_post - gone, at_work - gone
        return np.maximum(at_work, 0.0), np.maximum(in_post, 0.0)

    def _world(self, world: xr.Dataset, decided: Array) -> tuple[xr.Dataset, Trial]:
        """The world's queue from the start on, worked off."""
        problem = self.problem
        world = world.rename(office="country") if "office" in world.dims else world
        labels = world["month"].to_numpy().astype("datetime64[M]")
        position = int((month(problem.start) - labels[0]).astype(int))
        before = problem.in_post if problem.officers_before is None else problem.officers_before
        at_work, _ = self._staff(decided, len(labels) - position)
        officers = xr.DataArray(
            np.concatenate([np.full(position, float(before)), at_work]),  # pyright: ignore[reportArgumentType]
            coords={"month": world["month"]},
        )
        how: Mapping[str, object] = {"order": problem.order, "response": problem.response}
        trial = Trial(world, officers, months_in(problem.service), how)
        longest = max(int(goal.target) for goal in problem.goals)
        return trial.run(keep=["ages"], longest=longest).isel(month=slice(position, None)), trial

    def _outcome(self, world: xr.Dataset, decided: Array) -> tuple[bool, float]:
        """Whether every goal was kept, and the cost."""
        run, trial = self._world(world, decided)
        kept = all(bool((goal.reached(trial) <= goal.target + NOBODY).all()) for goal in self.problem.goals)
        lever, months = self._lever, run.sizes["month"]
        _, in_post = self._staff(decided, months)
        once = lever.hiring_cost * decided[0].sum() + lever.release_cost * decided[1].sum()
        return kept, float(lever.cost / 12 * in_post.sum() + once)

    def _revised(self, world: xr.Dataset, planning: StaffingPlan, first: Array, seed: int) -> tuple[bool, float]:
        """The outcome of the plan that is made again at every revision."""
        decided, every, lever = first.copy(), months_in(self.every), self._lever
        months, lead = QUARTER * decided.shape[1], months_in(lever.recruitment_lag) + months_in(lever.training)
        for revision in range(every, months - QUARTER, every):
            run, _ = self._world(world, decided)
            now = run["month"].to_numpy().astype("datetime64[M]")
            if revision >= len(now) - QUARTER or not self._goals(now, revision):
                break
            kept = decided.copy()
            kept[:, revision // QUARTER :] = 0.0
            queue = self._seen(planning.queue, run, now[revision])
            there, hired = self._there(kept, now, revision)
            staff = {"start": str(now[revision]), "in_post": there, "officers_before": None, "hired": hired}
            goals = [*self._goals(now, revision), *self._promised(run, now, revision)]
            asked = replace(planning, queue=queue, goals=goals, **staff)
            search, later = asked.open(seed=seed).search, self._goals(now, revision + lead)
            found = search.find()
            if not found.exists and later:
                found = replace(search, goals=later).find()
            ahead = _decided(roster(search.staff, found.plan))
            decided = kept
            decided[:, revision // QUARTER :] = ahead[:, : decided.shape[1] - revision // QUARTER]
        return self._outcome(world, decided)

    def _there(self, decided: Array, labels: NDArray[np.datetime64], revision: int) -> tuple[float, dict[str, float]]:
        """Officers of the start who are still there at a revision, and those hired since by first month in post.

        Who is released is taken to be one of the first: of the start, and then of those hired longest ago.
        """
        lever = self._lever
        assert isinstance(lever.attrition, float | int)
        stays, lag = (1.0 - lever.attrition) ** (1 / 12), months_in(lever.recruitment_lag)
        _, in_post = self._staff(decided, revision + 1)
        new = [(QUARTER * quarter + lag, number) for quarter, number in enumerate(decided[0]) if number > 0]
        since = {first: number * stays ** (revision - first) for first, number in new if first <= revision}
        gone, hired = max(sum(since.values()) - float(in_post[-1]), 0.0), {}
        for first, number in new:
            left = since.get(first, 0.0) - gone if first <= revision else number
            gone = max(gone - since.get(first, 0.0), 0.0)
            if left > 0.0:
                day = str(labels[0] + np.timedelta64(first, "M"))
                hired[day] = left / stays ** (revision - first) if first <= revision else left
        return max(float(in_post[-1]) - sum(since.values()), 0.0), hired

    def _goals(self, labels: NDArray[np.datetime64], revision: int) -> list[WaitTime]:
        """What is still to be kept at a revision."""
        found, first = [], labels[0] + np.timedelta64(revision, "M")
        risk = self._risk(len(labels))
        for goal in self.problem.goals:
            assert isinstance(goal, WaitTime)
            since = max(month(goal.since), first)
            if since <= labels[-1] - np.timedelta64(goal.months, "M"):
                found.append(replace(goal, since=str(since), probability=1.0 - risk * (1.0 - goal.probability)))
        return found

    def _promised(self, run: xr.Dataset, labels: NDArray[np.datetime64], revision: int) -> list[WaitingNow]:
        """What those who wait at a revision have been promised, by month of application, oldest first."""
        found, here = [], run.isel(month=revision).squeeze()
        ages, pending = here["pending_by_age"].to_numpy(), float(here["pending"])
        for goal in self.problem.goals:
            assert isinstance(goal, WaitTime)
            for age in range(int(goal.target)):
                applied = labels[revision] - np.timedelta64(1 + age, "M")
                older = (pending - ages[:age].sum()) / max(pending, NOBODY)
                by = applied + np.timedelta64(int(goal.target), "M")
                if month(goal.since) <= applied and by <= labels[-1] and min(ages[age], older) > NOBODY:
                    probability = 1.0 - self._risk(len(labels)) * (1.0 - goal.probability)
                    found.append(WaitingNow(by=str(by), share=min(older, 1.0), probability=probability))
        return found

    def _risk(self, months: int) -> float:
        """Part of the risk allowed that a revision takes."""
        return 1.0 / (1 + (months - 1) // months_in(self.every)) if self.risk is None else self.risk

    def _seen(self, queue: xr.Dataset, run: xr.Dataset, now: np.datetime64) -> xr.Dataset:
        """The planning draws nearest to what was observed, as they go on from it, with those who wait."""
        labels = queue["month"].to_numpy().astype("datetime64[M]")
        position = int((now - labels[0]).astype(int))
        recent = slice(max(position - RECENT, 0), position)
        seen = np.log1p(float(run["arrivals"].sel(month=queue["month"][recent]).mean()))
        level = np.log1p(queue["arrivals"].isel(month=recent).mean("month").to_numpy().ravel())
        nearest = np.sort(np.argsort(np.abs(level - seen), kind="stable")[: self.near])
        part = queue.isel(draw=nearest, month=slice(position, None))
        moved = xr.DataArray(np.exp(seen - level[nearest]), dims="draw")
        waiting = float(run["pending"].sel(month=now.astype("datetime64[s]")).squeeze())
        axis = "office" if "office" in part.dims else "country"
        return part.assign(arrivals=part["arrivals"] * moved, backlog=(axis, [waiting]))


def _decided(plan: xr.Dataset) -> Array:
    """Hires and releases (2, quarter)."""
    return np.stack([plan["hires"].to_numpy(), plan["releases"].to_numpy()])
