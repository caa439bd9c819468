"""One revision of a plan: some numbers are settled, and the rest is planned for the goals that lie ahead."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import SolverError
from .program import Model
from .rule import CLOSE
from .solve import ChanceGoal, Cuts, Solution

log = logging.getLogger(__name__)
Array = NDArray[np.float64]


class Reviser:
    """The program of one revision, compiled once and used in every world: goals and settled numbers change."""

    def __init__(self, base: Model, settled: NDArray[np.bool_]) -> None:
        self.base, self.columns = base, np.flatnonzero(settled)
        self.cuts: Cuts | None = None

    def solve(self, chances: Sequence[ChanceGoal], plan: Array, tail: float) -> tuple[Solution | None, bool]:
        """The plan with the settled numbers that keeps the goals, or comes nearest; whether it does.

        None where the solver ends without saying either, which is rare: then the last plan, which is within the limits,
        goes on.
        """
        if self.cuts is None:
            self.cuts = Cuts(self.base, chances)
        cuts, room = self.cuts, 0.1 * CLOSE  # for the rounding of the plan before, of which the limits know nothing
        cuts.again(chances)  # no world starts from what another ended with
        low, high = np.full(len(plan), -np.inf), np.full(len(plan), np.inf)
        low[self.columns] = np.maximum(plan[self.columns] - room, 0.0)
        high[self.columns] = plan[self.columns] + room
        cuts.program.between(low, high)
        try:
            return best_of(cuts, tail)
        except SolverError as error:
            log.info("a revision found no plan, and the last one goes on: %s", error)
            self.cuts = None
            return None, False


def best_of(cuts: Cuts, tail: float) -> tuple[Solution, bool]:
    """The best plan that keeps the goals, or comes nearest; whether it keeps them."""
    solution = cuts.cheapest(tail)
    return (cuts.nearest(tail), False) if solution is None else (solution, True)
