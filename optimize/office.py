"""An office: officers who are hired, trained, leave and are released, and the queue that they work off."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast.queue import simulate_queue
from .errors import GoalError
from .program import Model
from .words import months_in

__all__ = ["Staffing"]

Array = NDArray[np.float64]
QUARTER = 3  # months between decisions


@dataclass(frozen=True, kw_only=True)
class Staffing:
    """Officers hired and released at the start of each quarter.

    Parameters
    ----------
    cost : float
        Cost of one officer in post for a year, in `currency`.
    recruitment_lag : str
        From the decision to the first day in post, "4 months".
    training : str
        From the first day in post to the first decision, "6 months"; paid, and without output.
    at_most : float, optional
        Most officers in post at any time.
    hires_at_most : float, optional
        Most officers hired in a quarter.
    attrition : float
        Share of the officers who leave of themselves in a year.
    currency : str
        Unit of `cost`.

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
    recruitment_lag: str = "4 months"
    training: str = "6 months"
    at_most: float | None = None
    hires_at_most: float | None = None
    attrition: float = 0.08
    currency: str = "USD"

    def __post_init__(self) -> None:
        months_in(self.recruitment_lag)
        months_in(self.training)
        if not self.cost > 0:
            raise GoalError(f"expected a cost above zero a year and officer, found {self.cost}.")
        if not 0.0 <= self.attrition < 1.0:
            raise GoalError(
                f"expected attrition between 0 and 1 a year (0.08 is eight percent), found {self.attrition}."
            )
        for name, cap in (("at_most", self.at_most), ("hires_at_most", self.hires_at_most)):
            if cap is not None and not cap >= 1:
                raise GoalError(f"expected {name} of at least one officer, found {cap}; leave it out for no cap.")


@dataclass(frozen=True, eq=False)
class Office:
    """The linear side of a plan: officers at work and their cost for each hire and release, and the draws."""

    staffing: Staffing
    queue: xr.Dataset  # from the start on, with the backlog of each draw
    in_post: float
    before: float
    position: int  # months from the ledger's end to the start
    labels: NDArray[np.datetime64]

    @property
    def months(self) -> int:
        """Months from the start to the horizon."""
        return len(self.labels)

    @property
    def quarters(self) -> int:
        """Quarters in which officers are hired and released."""
        return -(-self.months // QUARTER)

    def _per_lever(self, wait: int) -> Array:
        """Officers (month, lever) `wait` months after the decision to hire or release one, who may have left since."""
        now = np.arange(self.months)[:, None]
        decided = QUARTER * np.arange(self.quarters)[None, :]
        lag = months_in(self.staffing.recruitment_lag)
        stays = (1.0 - self.staffing.attrition) ** (1 / 12)
        hired = np.where(now >= decided + lag + wait, stays ** (now - decided - lag), 0.0)
        released = np.where(now >= decided, -(stays ** (now - decided)), 0.0)
        return np.concatenate([hired, released], axis=1)

    @property
    def at_work(self) -> tuple[Array, Array]:
        """Officers who decide cases: those there at the start (month,), and per lever (month, lever)."""
        return self.there, self._per_lever(months_in(self.staffing.training))

    @property
    def posted(self) -> tuple[Array, Array]:
        """Officers in post, trainees included: those there at the start, and per lever."""
        return self.there, self._per_lever(0)

    @property
    def there(self) -> Array:
        """Officers in post at the start who are still there."""
        return self.in_post * (1.0 - self.staffing.attrition) ** (np.arange(self.months) / 12)

    def model(self) -> Model:
        """Least cost; nobody released who is not there; caps on officers in post and on hires."""
        staffing, (fixed, per_lever) = self.staffing, self.posted
        working, working_per_lever = self.at_work
        plan = cp.Variable(2 * self.quarters)
        limits = [plan >= 0.0, working + working_per_lever @ plan >= 0.0]
        if staffing.at_most is not None:
            room = staffing.at_most - fixed
            # Rounding up adds less than one; nobody has to go.
            limits.append(per_lever @ plan <= np.maximum(room - 1.0, np.minimum(room, 0.0)))
        if staffing.hires_at_most is not None:
            limits.append(plan[: self.quarters] <= np.floor(staffing.hires_at_most))
        return Model(plan, staffing.cost / 12 * per_lever.sum(0) @ plan, limits)

    def whole(self, plan: Array) -> Array:
        """Whole officers: hires so far rounded up, releases so far rounded down, quarter by quarter."""
        hires, releases = np.cumsum(plan.reshape(2, -1), axis=1)
        up, down = np.ceil(np.round(hires, 6)), np.floor(np.round(releases, 6))
        return np.concatenate([np.diff(up, prepend=0.0), np.diff(down, prepend=0.0)])

    def decided(self, plan: Array) -> xr.Dataset:
        """The plan by quarter: hires, releases, officers in post and at work at its end, and cost."""
        fixed, per_lever = self.posted
        in_post, at_work = np.maximum(fixed + per_lever @ plan, 0.0), self.officers(plan)
        first = QUARTER * np.arange(self.quarters)
        last = np.minimum(first + QUARTER, self.months) - 1
        paid = np.add.reduceat(in_post, first) * self.staffing.cost / 12
        officers, hires = {"units": "officers"}, plan.reshape(2, -1)
        return xr.Dataset(
            {
                "hires": ("month", hires[0], officers),
                "releases": ("month", hires[1], officers),
                "in_post": ("month", in_post[last], officers),
                "at_work": ("month", at_work[last], officers),
                "cost": ("month", paid, {"units": f"{self.staffing.currency} per quarter"}),
            },
            coords={"month": self.labels[first].astype("datetime64[s]")},
        )

    def binding(self, plan: Array) -> list[str]:
        """Caps that the plan stands at."""
        staffing, (fixed, per_lever) = self.staffing, self.posted
        in_post, hires = fixed + per_lever @ plan, plan[: self.quarters]
        found = []
        if staffing.at_most is not None and (full := in_post >= staffing.at_most - 2.0).any():
            found.append(f"at most {staffing.at_most:,.0f} officers in post, from {self.labels[full][0]}")
        if staffing.hires_at_most is not None and (full := hires >= np.floor(staffing.hires_at_most)).any():
            found.append(f"at most {staffing.hires_at_most:,.0f} hires a quarter, in {int(full.sum())} quarters")
        return found

    def officers(self, plan: Array) -> Array:
        """Officers who decide cases in each month under a plan (month,)."""
        fixed, per_lever = self.at_work
        return np.maximum(fixed + per_lever @ plan, 0.0)  # rounding may leave a trace below zero

    def run(self, draws: NDArray[np.intp], plan: Array) -> xr.Dataset:
        """The queue of these draws under a plan."""
        officers = xr.DataArray(self.officers(plan), dims="month", coords={"month": self.queue["month"]})
        return simulate_queue(self.queue.isel(draw=draws), officers)
