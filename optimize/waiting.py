"""Goals on waits: a promise to those who apply, to those who wait now, and on how many wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast.queue import simulate_queue
from ..forecast.waits import wait_quantile
from .errors import GoalError
from .fifo import Rows
from .held import check_probability
from .words import month, months_in, percent

__all__ = ["BacklogSize", "WaitTime", "WaitingGoal", "WaitingNow"]

Array = NDArray[np.float64]
Months = NDArray[np.datetime64]
NOBODY = 1e-6  # cases; fewer are none
BEYOND = 24  # months after those promised that waits are looked for in, where a share is promised


class Setting(NamedTuple):
    """Where rows are made: months to the horizon, growth factors (draw, month), backlog (draw,), months of service."""

    labels: Months
    growth: Array
    backlog: Array
    service: int


class Trial(NamedTuple):
    """A queue of one office, its officers, months of service, and how it is worked."""

    queue: xr.Dataset
    officers: xr.DataArray
    service: int
    how: Mapping[str, Any]

    @property
    def labels(self) -> Months:
        """Months from the start to the horizon."""
        return self.queue["month"].to_numpy().astype("datetime64[M]")

    def run(self, **keep: Any) -> xr.Dataset:
        """The queue worked off."""
        return simulate_queue(self.queue, self.officers, **keep, **self.how)


class WaitingGoal(Protocol):
    """What a staffing plan has to keep in a queue: as rows, and by running the queue."""

    @property
    def probability(self) -> float:
        """Asked for."""
        ...

    @property
    def together(self) -> bool:
        """Whether it holds for all months at once, or for each by itself."""
        ...

    @property
    def everywhere(self) -> bool:
        """Whether it holds for all queues at once, or for each by itself."""
        ...

    @property
    def office(self) -> str | None:
        """The office it is for; all without one."""
        ...

    @property
    def stage(self) -> str | None:
        """The stage it is for; all without one."""
        ...

    @property
    def since(self) -> str:
        """The month from which it holds."""
        ...

    def rows(self, setting: Setting) -> Rows:
        """What must be covered by when."""
        ...

    def reached(self, trial: Trial) -> Array:
        """What is reached (draw, period) by running the queue, in the goal's units; no more than the target is good."""
        ...

    @property
    def target(self) -> float:
        """What may be reached at most."""
        ...

    def tighter(self, start: np.datetime64) -> WaitingGoal | None:
        """The goal asked a step more of, None where a plan from `start` on can be asked no more."""
        ...

    def describe(self, value: float | None = None) -> str:
        """The goal in words."""
        ...


@dataclass(frozen=True, kw_only=True)
class WaitTime:
    """Whoever applies in a month is decided within a number of months, from a date on, first in first out.

    Parameters
    ----------
    at_most : str
        "6 months": the decision falls at the latest in the sixth month after the month of application.
    since : str
        First month of application for which it holds, "2028-01"; it holds up to the horizon less the wait.
    share : float
        Of the cases of each month that stay for their decision, the share that is decided within it; one for all.
    probability : float
        Above 0 and below 1.
    together : bool
        Whether the probability holds for all months at once, or for each month by itself.
    office, stage : str, optional
        Where it holds; in all without it.
    everywhere : bool
        Whether the probability holds for all these queues at once, or for each by itself.

    Raises
    ------
    GoalError
        If the duration, the month, the share or the probability is none.

    Examples
    --------
    >>> print(WaitTime(at_most="6 months", since="2028-01").describe())
    a decision within 6 months for everyone who applies from 2028-01 on
    >>> print(WaitTime(at_most="3 months", since="2028-01", share=0.8, office="Tapachula").describe())
    Tapachula: a decision within 3 months for 80 % of those who apply in each month from 2028-01 on
    """

    at_most: str
    since: str
    share: float = 1.0
    probability: float = 0.9
    together: bool = True
    office: str | None = None
    stage: str | None = None
    everywhere: bool = False

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        months_in(self.at_most)
        month(self.since)
        if not 0.0 < self.share <= 1.0:
            raise GoalError(f"expected share= above 0 to 1, found {self.share}; 0.8 is 80 % of the cases.")

    @property
    def months(self) -> int:
        """The wait allowed, months."""
        return months_in(self.at_most)

    @property
    def target(self) -> float:
        """The wait allowed, months."""
        return float(self.months)

    def rows(self, setting: Setting) -> Rows:
        """The cases of each month, and all before them, within the wait less what a case takes by itself."""
        wait = self._left(setting.service)
        at = _from_to(self.since, setting.labels, wait)
        return Rows(at, at + wait + 1, self.share)

    def reached(self, trial: Trial) -> Array:
        """Waits of those who apply in each month, months."""
        at = _from_to(self.since, trial.labels, self._left(trial.service))
        if self.share == 1.0:
            wait = trial.run()["wait"]
        else:
            longest = min(self.months + BEYOND, len(trial.labels) - 1)
            wait = wait_quantile(trial.run(keep=["arrivals"], longest=longest), self.share).fillna(0.0)
        return wait.transpose("draw", "country", "month").to_numpy()[:, 0, at] + trial.service

    def tighter(self, start: np.datetime64) -> WaitTime | None:  # noqa: ARG002
        """A month less."""
        if self.months == 0:
            return None
        return replace(self, at_most=f"{self.months - 1} months")

    def describe(self, value: float | None = None) -> str:
        """The goal in words."""
        wait = self.at_most if value is None else f"{value:.0f} months"
        who = (
            f"everyone who applies from {self.since} on"
            if self.share == 1.0
            else f"{percent(self.share)} of those who apply in each month from {self.since} on"
        )
        return f"{_where(self)}a decision within {wait} for {who}"

    def _left(self, service: int) -> int:
        if self.months < service:
            raise GoalError(
                f"expected a promise of at least the {service} months that a case takes whoever works on it, found "
                f"{self.at_most}; promise more, or shorten service=."
            )
        return self.months - service


@dataclass(frozen=True, kw_only=True)
class WaitingNow:
    """Those who wait at the plan's start are decided by the end of a month.

    Parameters
    ----------
    by : str
        The month, "2028-06".
    share : float
        Of those who stay for their decision, the share that is decided by then, oldest first; one for all.
    probability, office, stage, everywhere : optional
        As in `WaitTime`.

    Raises
    ------
    GoalError
        If the month, the share or the probability is none.

    Examples
    --------
    >>> print(WaitingNow(by="2028-06").describe())
    a decision by the end of 2028-06 for everyone who waits at the start
    """

    by: str
    share: float = 1.0
    probability: float = 0.9
    office: str | None = None
    stage: str | None = None
    everywhere: bool = False

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        month(self.by)
        if not 0.0 < self.share <= 1.0:
            raise GoalError(f"expected share= above 0 to 1, found {self.share}; 0.8 is 80 % of the cases.")

    @property
    def together(self) -> bool:
        """There is one date."""
        return True

    @property
    def since(self) -> str:
        """The month by the end of which it holds."""
        return self.by

    @property
    def target(self) -> float:
        """Months after the end of the month."""
        return 0.0

    def rows(self, setting: Setting) -> Rows:
        """The backlog, from the first month on."""
        at = _from_to(self.by, setting.labels, 0, "by")[:1] - setting.service
        if at[0] < 0:
            raise GoalError(
                f"expected by= at least the {setting.service} months that a case takes after {setting.labels[0]}, "
                f"found {self.by}."
            )
        later = (1.0 - self.share) * setting.backlog[:, None]
        return Rows(np.zeros(1, np.int64), at + 1, share=0.0, allowance=later, whole=True)

    def reached(self, trial: Trial) -> Array:
        """Months after the end of the month that the share is decided."""
        by = int(_from_to(self.by, trial.labels, 0, "by")[0]) - trial.service
        longest = min(by + BEYOND, len(trial.labels) - 1)
        first = slice(None, longest + 1)
        short = trial._replace(queue=trial.queue.isel(month=first), officers=trial.officers.isel(month=first))
        run = short.run(keep=["pending"], longest=longest)[["pending", "pending_decided", "pending_waiting"]]
        months = wait_quantile(run.isel(month=[0]), self.share, of="pending").fillna(0.0)
        return months.transpose("draw", "country", "month").to_numpy()[:, 0] - by

    def tighter(self, start: np.datetime64) -> WaitingNow | None:
        """A month earlier."""
        if month(self.by) <= start:
            return None
        return replace(self, by=str(month(self.by) - np.timedelta64(1, "M")))

    def describe(self, value: float | None = None) -> str:
        """The goal in words."""
        who = "everyone who waits" if self.share == 1.0 else f"{percent(self.share)} of those who wait"
        by = self.by if value is None else str(month(self.by) + np.timedelta64(int(value), "M"))
        return f"{_where(self)}a decision by the end of {by} for {who} at the start"


@dataclass(frozen=True, kw_only=True)
class BacklogSize:
    """No more than a number wait at the end of a month, from a date on.

    Parameters
    ----------
    at_most : float
        Cases waiting, persons.
    since : str
        First month at whose end it holds, "2029-12".
    until : str, optional
        Last month; the horizon without it.
    probability, together, office, stage, everywhere : optional
        As in `WaitTime`.

    Raises
    ------
    GoalError
        If the number is negative, or a month or the probability is none.

    Examples
    --------
    >>> print(BacklogSize(at_most=10_000, since="2029-12").describe())
    at most 10,000 waiting from the end of 2029-12 on
    """

    at_most: float
    since: str
    until: str | None = None
    probability: float = 0.9
    together: bool = True
    office: str | None = None
    stage: str | None = None
    everywhere: bool = False

    def __post_init__(self) -> None:
        check_probability(self, self.probability)
        if not self.at_most >= 0.0:
            raise GoalError(f"expected at_most= zero or more cases, found {self.at_most}.")
        if self.until is not None and month(self.until) < month(self.since):
            raise GoalError(f"expected until= {self.since} or later, found {self.until}.")

    @property
    def target(self) -> float:
        """Cases waiting, persons."""
        return self.at_most + NOBODY

    def rows(self, setting: Setting) -> Rows:
        """All cases up to a month's end but so many, by that end."""
        at = self._months(setting.labels)
        return Rows(at + 1, at + 1, share=0.0, allowance=self.at_most * setting.growth[:, at])

    def reached(self, trial: Trial) -> Array:
        """Cases waiting at the end of each month."""
        run = trial.run()
        left = run["pending"] + run["arrivals"] - run["decided"] - run["withdrawn"] - run["removed"]
        at = self._months(trial.labels)
        return left.transpose("draw", "country", "month").to_numpy()[:, 0, at]

    def tighter(self, start: np.datetime64) -> BacklogSize | None:  # noqa: ARG002
        """A hundredth fewer."""
        return replace(self, at_most=0.99 * self.at_most) if self.at_most > 0 else None

    def describe(self, value: float | None = None) -> str:
        """The goal in words."""
        size = self.at_most if value is None else value
        until = f" to that of {self.until}" if self.until is not None else " on"
        return f"{_where(self)}at most {size:,.0f} waiting from the end of {self.since}{until}"

    def _months(self, labels: Months) -> NDArray[np.int64]:
        at = _from_to(self.since, labels, 0)
        return at if self.until is None else at[labels[at] <= month(self.until)]


def _where(goal: WaitTime | WaitingNow | BacklogSize) -> str:
    names = [name for name in (goal.office, goal.stage) if name is not None]
    return f"{', '.join(names)}: " if names else ""


def _from_to(since: str, labels: Months, months: int, what: str = "since") -> NDArray[np.int64]:
    """Positions of the months in which a goal can be judged."""
    first, last = int((month(since) - labels[0]).astype(int)), len(labels) - 1 - months
    if not 0 <= first <= last:
        raise GoalError(
            f"expected {what}= between {labels[0]}, the plan's start, and {labels[max(last, 0)]}, the "
            f"horizon less the wait, found {since}; forecast further, or start the plan earlier."
        )
    return np.arange(first, last + 1)
