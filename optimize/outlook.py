"""What is seen of a world by a year, and what that says of the years to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..forecast.projection import Projection
from .chance import LinearMargins
from .held import PopulationGoal, PopulationMargins
from .response import EVERYONE, UNIT, Response

Array = NDArray[np.float64]
Positions = NDArray[np.intp]

MEMORY = 10  # years that a mean rate looks back
SHORT = 1e-7  # share of the people; who falls short by no more keeps the goal
RIDGE = 1e-3  # of the variance of what is known


@dataclass(frozen=True, eq=False)
class Rows:
    """A goal's margins as rows: what its years weigh of each functional, and the slopes of some draws."""

    goal: PopulationGoal
    terms: Mapping[str, tuple[Positions, Array]]  # of each functional: its stocks, and weights (row, stock)
    offset: float
    scale: Array  # (draw, row)
    slope: Array  # (draw, row, column), not yet a share of the people

    @classmethod
    def of(cls, goal: PopulationGoal, response: Response, draws: Positions) -> Rows:
        """The rows of all years of a goal."""
        margins = PopulationMargins(goal, response, draws)
        slope = np.zeros((*margins.scale.shape, len(response.columns)))
        for name, (at, weights) in margins.terms.items():
            for position, stock in enumerate(at):
                place, width = response.place[name][stock]
                moved = UNIT * response.flat[draws, place : place + width]
                for row in np.flatnonzero(weights[:, position]):
                    slope[:, row, :width] += weights[row, position] * moved
        return cls(goal, margins.terms, margins.offset, margins.scale, slope)

    def constant(self, people: Mapping[str, Array]) -> Array:
        """What the rows are without admissions (draw, row), not yet a share, given each functional (draw, stock)."""
        total = np.full(self.scale.shape[1], self.offset)
        for name, (at, weights) in self.terms.items():
            total = total + people[name][:, at] @ weights.T
        return total

    def margins(self, people: Mapping[str, Array]) -> LinearMargins:
        """All rows of all draws."""
        return LinearMargins(self.constant(people) / self.scale, self.slope / self.scale[..., None])

    def ahead(self, now: int) -> Positions:
        """Rows that what is decided from a year on can still move."""
        last = max(lag for lags in self.goal.numerator().values() for lag in lags)
        return np.flatnonzero(np.asarray(self.goal.years) + last > now)


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the state of a world on a 1 January says of what comes after it, learnt from the planning draws."""

    now: int
    centre: Array
    spread: Array
    states: Array  # of the planning draws (draw, feature), standardised
    answers: Mapping[str, Array]  # what explains each functional's changes (1 + feature, stock)
    changes: Mapping[str, Array]  # of each planning draw (draw, stock), as a share of everyone

    @classmethod
    def of(
        cls, now: int, states: Array, people: Mapping[str, Array], years: Mapping[str, NDArray[np.int64]]
    ) -> Outlook:
        """Learn from states (draw, feature) and people (draw, stock)."""
        centre, spread = states.mean(0), states.std(0)
        spread = np.where(spread > 1e-12 * np.maximum(np.abs(centre), 1e-6), spread, np.inf)
        states = (states - centre) / spread
        known = np.column_stack([np.ones(len(states)), states])
        everyone = people[EVERYONE][:, np.searchsorted(years[EVERYONE], now), None]
        changes = {
            name: (own - own[:, np.searchsorted(years[name], now), None]) / everyone for name, own in people.items()
        }
        answers = {name: explain(known, own) for name, own in changes.items()}
        return cls(now, centre, spread, states, answers, changes)

    def place(self, states: Array) -> Array:
        """States standardised, no figure further off than in any planning draw."""
        return np.clip((states - self.centre) / self.spread, self.states.min(0), self.states.max(0))

    def nearest(self, state: Array, count: int, besides: int) -> Positions:
        """The planning draws nearest to a standardised state, besides one (-1 for none)."""
        apart = ((self.states - state) ** 2).sum(1)
        if besides >= 0:
            apart[besides] = np.inf
        return np.sort(np.argsort(apart, kind="stable")[:count])

    def carry(self, name: str, state: Array, near: Positions, present: float, everyone: float) -> Array:
        """A functional of each neighbour (draw, stock), taken on from the world's own present."""
        moved = (state - self.states[near]) @ self.answers[name][1:]
        return present + everyone * (self.changes[name][near] + moved)


@dataclass(frozen=True, eq=False)
class Worlds:
    """Worlds in which plans are carried out."""

    people: Mapping[str, Array]  # without admissions (world, stock)
    states: Mapping[int, Array]  # standardised, at each revision (world, feature)
    margins: Sequence[LinearMargins]  # of each goal
    planned: Positions  # of each world, its own position among the planning draws; -1 if it is none of them

    def kept(self, plans: Array) -> list[NDArray[np.bool_]]:
        """Whether each goal is kept in each world and year (world, row)."""
        return [own.constant + np.einsum("wrc,wc->wr", own.slope, plans) >= -SHORT for own in self.margins]


def states_of(
    people: Projection, draws: Positions, now: int, counts: Mapping[str, Array], years: Mapping[str, NDArray[np.int64]]
) -> Array:
    """What is known of some draws on 1 January of a year (draw, feature)."""
    total = people.total.squeeze("country").transpose("draw", "year")
    past = people.flows.squeeze("country").transpose("draw", "year", ...).sel(year=slice(None, now - 1))
    start = total.sel(year=past["year"])
    natural = ((past["births"] - past["deaths"]) / start).to_numpy()[draws]
    migration = (past["net_migration"] / start).to_numpy()[draws]
    # A single year of migration says little of those to come, and births and deaths apart little more than together.
    found = [natural[:, -1], migration[:, -1], migration[:, -MEMORY:].mean(1)]
    everyone = total.sel(year=now).to_numpy()[draws]
    for name, own in counts.items():
        if name != EVERYONE:
            found.append(own[:, np.searchsorted(years[name], now)] / everyone)
    return np.column_stack(found)


def explain(known: Array, wanted: Array) -> Array:
    """Least squares with a little weight on small answers, where what is known hardly differs between draws."""
    size = known.T @ known
    little = RIDGE * len(known) * np.diag(np.r_[0.0, np.ones(len(size) - 1)])
    return np.linalg.lstsq(size + little, known.T @ wanted, rcond=None)[0]
