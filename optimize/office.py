"""Levers on an office: officers who are hired, trained, leave and are released, overtime, and temporary staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from .errors import GoalError
from .words import months_in

__all__ = ["Overtime", "Staffing", "Surge"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Staffing:
    """Officers of one grade, hired and released at the start of each quarter.

    Parameters
    ----------
    cost : float
        Cost of one officer in post for a year, in `currency`.
    name : str
        The grade; each of a plan has its own.
    recruitment_lag : str
        From the decision to the first day in post, "4 months".
    training : str
        From the first day in post to the first decision, "6 months"; paid, and without output.
    ramp : sequence of float
        Share of a trained officer's output in each month after that, until it is all: ``(0.25, 0.5, 0.75)``.
    output : float
        What a trained officer decides, of what the productivity of the queue says; 0.5 is half.
    at_most : float or mapping of str to float, optional
        Most officers in post at any time, in each office, or by office: its rooms.
    hires_at_most : float or mapping of str to float, optional
        Most officers hired in a quarter, in each office, or by office.
    attrition : float or xarray.DataArray
        Share of the officers who leave of themselves in a year; along ``draw`` where it is uncertain.
    hiring_cost, release_cost : float
        Paid once for each officer hired (on the first day in post) or released.
    releases : bool
        Whether officers may be released at all.
    offices, stages : sequence of str, optional
        Where; everywhere without it.
    currency : str
        Unit of the costs.

    Raises
    ------
    GoalError
        If a cost, cap or share cannot be meant.

    Examples
    --------
    >>> Staffing(cost=24_000, recruitment_lag="4 months", training="6 months").attrition
    0.08
    """

    cost: float
    name: str = "officers"
    recruitment_lag: str = "4 months"
    training: str = "6 months"
    ramp: Sequence[float] = ()
    output: float = 1.0
    at_most: float | Mapping[str, float] | None = None
    hires_at_most: float | Mapping[str, float] | None = None
    attrition: float | xr.DataArray = 0.08
    hiring_cost: float = 0.0
    release_cost: float = 0.0
    releases: bool = True
    offices: Sequence[str] | None = None
    stages: Sequence[str] | None = None
    currency: str = "USD"

    def __post_init__(self) -> None:
        months_in(self.recruitment_lag)
        months_in(self.training)
        _check_scope(self.name, self.offices, self.stages)
        if not self.cost > 0:
            raise GoalError(f"expected a cost above zero a year and officer, found {self.cost}.")
        leave = np.asarray(self.attrition, dtype=float)
        if not ((leave >= 0.0) & (leave < 1.0)).all():
            raise GoalError(
                f"expected attrition between 0 and 1 a year (0.08 is eight percent), found {leave.flat[0]:g}."
            )
        if isinstance(self.attrition, xr.DataArray) and self.attrition.dims != ("draw",):
            raise GoalError(f"expected attrition along draw, found axes {self.attrition.dims}.")
        if not self.output > 0 or any(not 0.0 <= share <= 1.0 for share in self.ramp):
            raise GoalError(
                f"{self.name}: expected an output above zero and ramp= shares from 0 to 1, found {self.output} and "
                f"{tuple(self.ramp)}."
            )
        if min(self.hiring_cost, self.release_cost) < 0:
            raise GoalError(
                f"{self.name}: expected hiring_cost and release_cost of zero or more, found {self.hiring_cost} and "
                f"{self.release_cost}."
            )
        for what, cap in (("at_most", self.at_most), ("hires_at_most", self.hires_at_most)):
            caps = cap.values() if isinstance(cap, Mapping) else [] if cap is None else [cap]
            for value in caps:
                if not value >= (0 if isinstance(cap, Mapping) else 1):
                    raise GoalError(f"expected {what} of at least one officer, found {value}; leave it out for no cap.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Overtime:
    """Hours beyond those agreed, decided quarter by quarter, and worked at once.

    Parameters
    ----------
    cost : float
        Cost of the hours of one officer for a year, in the currency of the officers.
    at_most : float
        Most of it, as a share of the officers at work.
    offices, stages : sequence of str, optional
        Where; everywhere without it.
    name : str
        What the plan's table calls it.

    Raises
    ------
    GoalError
        If the cost is not above zero, or the share not from 0 to 1.

    Examples
    --------
    >>> Overtime(cost=36_000, at_most=0.1).at_most
    0.1
    """

    cost: float
    at_most: float = 0.1
    offices: Sequence[str] | None = None
    stages: Sequence[str] | None = None
    name: str = "overtime"

    def __post_init__(self) -> None:
        _check_scope(self.name, self.offices, self.stages)
        if not self.cost > 0 or not 0.0 < self.at_most <= 1.0:
            raise GoalError(
                f"overtime: expected a cost above zero and at_most= a share above 0 to 1, found {self.cost} and "
                f"{self.at_most}; 0.1 is a tenth of the hours."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Surge:
    """Temporary staff who come for a number of months and leave.

    Parameters
    ----------
    cost : float
        Cost of one of them for a year, in the currency of the officers.
    length : str
        How long they stay, "6 months".
    lag : str
        From the decision to the first case, "1 month".
    at_most : float, optional
        Most of them at a time, in each office.
    output : float
        What one decides, of what the productivity of the queue says.
    offices, stages : sequence of str, optional
        Where; everywhere without it.
    name : str
        What the plan's table calls them.

    Raises
    ------
    GoalError
        If the cost, output or cap is not above zero, or the length is nothing.

    Examples
    --------
    >>> Surge(cost=40_000, length="6 months", output=0.7).lag
    '1 month'
    """

    cost: float
    length: str = "6 months"
    lag: str = "1 month"
    at_most: float | None = None
    output: float = 1.0
    offices: Sequence[str] | None = None
    stages: Sequence[str] | None = None
    name: str = "surge"

    def __post_init__(self) -> None:
        months_in(self.lag)
        _check_scope(self.name, self.offices, self.stages)
        if not self.cost > 0 or not self.output > 0 or (self.at_most is not None and not self.at_most >= 1):
            raise GoalError(
                f"surge: expected a cost and an output above zero and at_most= of at least one, found {self.cost}, "
                f"{self.output} and {self.at_most}."
            )
        if months_in(self.length) < 1:
            raise GoalError(f"surge: expected a length of a month or more, found {self.length!r}.")


def _check_scope(name: str, offices: Sequence[str] | None, stages: Sequence[str] | None) -> None:
    for what, names in (("offices", offices), ("stages", stages)):
        if isinstance(names, str) or (names is not None and not names):
            raise GoalError(f"{name}: expected {what}= a list of names, found {names!r}; leave it out for all of them.")
