"""One country's part in a region's plan: the same numbers, counted up where people come and down where they leave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .chance import Margins
from .held import PopulationGoal
from .response import Response
from .solve import ChanceGoal

__all__ = ["Country", "CountryMargins"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class CountryMargins:
    """Margins of one country's goal as functions of the whole region's plan.

    Parameters
    ----------
    margins : Margins
        Of the country's own columns.
    own : array, shape (own column,)
        Positions of these among the region's columns.
    sign : array, shape (own column,)
        One for those who come, minus one for those who leave.
    columns : int
        Number of the region's columns.

    Examples
    --------
    >>> from poblar.optimize.chance import LinearMargins
    >>> loses = LinearMargins(np.array([[5.0]]), np.array([[[1.0]]]))
    >>> margins = CountryMargins(loses, own=np.array([1]), sign=np.array([-1.0]), columns=2)
    >>> margins.worst(np.array([9.0, 2.0]))[0], margins.mean(np.ones(1), np.array([0]), np.array([0]))
    (array([3.]), (5.0, array([ 0., -1.])))
    """

    margins: Margins
    own: Positions
    sign: Array
    columns: int

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw, and its row."""
        return self.margins.worst(self.sign * plan[self.own])

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws, as constant and slope by the region's columns."""
        constant, slope = self.margins.mean(weights, draws, rows)
        whole = np.zeros(self.columns)
        whole[self.own] = self.sign * slope
        return constant, whole

    def take(self, draws: Positions) -> CountryMargins:
        """The margins of some of the draws."""
        return replace(self, margins=self.margins.take(draws))


@dataclass(frozen=True)
class Country:
    """One country's response, and where its columns stand among the region's.

    Parameters
    ----------
    response : Response
        To the levers that move its people.
    own : array, shape (own column,)
        Positions of its columns among the region's.
    sign : array, shape (own column,)
        One for those who come, minus one for those who leave.

    Examples
    --------
    >>> from poblar.optimize.admissions import Column
    >>> from poblar.optimize.response import by_hand
    >>> answer = by_hand([2030], {"everyone": [[9.0]]}, {"everyone": [[[1.0]]]}, columns=[Column("workers", 2029)])
    >>> Country(answer, own=np.array([1]), sign=np.array([-1.0])).of(np.array([7.0, 3.0]))
    array([-3.])
    """

    response: Response
    own: Positions
    sign: Array

    def of(self, plan: Array) -> Array:
        """Its part of the region's plan: those who come are counted up, those who leave down."""
        return self.sign * plan[self.own]

    def whole(self, chance: ChanceGoal, name: str, columns: int) -> ChanceGoal:
        """A chance constraint on its own columns as one on the region's."""
        solve, calibrate, certify = (
            CountryMargins(one, self.own, self.sign, columns)
            for one in (chance.solve, chance.calibrate, chance.certify)
        )
        return replace(chance, name=name, solve=solve, calibrate=calibrate, certify=certify)


def outcome_of(
    goal: PopulationGoal, known: Country, people: Array, draws: Positions
) -> list[dict[str, str | int | float]]:
    """A row for each year of a goal: its indicator without and with people admitted (own column,), and who gains."""
    pair = [goal.indicator(known.response, x, draws) for x in (0.0 * people, people)]
    gains = (pair[1] > pair[0] if goal.better_is_more else pair[1] < pair[0]).mean(0)
    ends = [np.quantile(values, [0.5, 0.1, 0.9], axis=0) for values in pair]
    return [
        {"goal": goal.describe(), "year": int(year)}
        | {
            f"{which}{part}": float(values[number, place])
            for which, values in zip(("without", "with_plan"), ends, strict=True)
            for number, part in enumerate(("", "_lower80", "_upper80"))
        }
        | {"gains": float(gains[place])}
        for place, year in enumerate(goal.years)
    ]
