"""Staffing plans: the officers that keep waiting-time promises with a stated probability, at least cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast.orders import ORDERS, WaitResponse, check_order
from ..forecast.passage import Route
from ._staffing_search import Search
from ._workforce import Workforce
from ._workload import Workload, open_workload
from .errors import GoalError
from .office import Overtime, Staffing, Surge
from .open_staffing import OpenStaffingPlan
from .plan import Plan
from .sites import FiscalBudget, Intake, Opening, Redirect
from .waiting import WaitingGoal
from .words import month, months_in

__all__ = ["StaffingPlan"]

Array = NDArray[np.float64]
OBJECTIVES = ("cheapest", "fastest", "smoothest", "least waiting")


@dataclass(frozen=True)
class StaffingPlan:
    """The officers, office by office and quarter by quarter, that keep promises on waits.

    Cases are worked first in, first out; the rows of `poblar.optimize.fifo` make a promise linear in the officers,
    withdrawals included, and the certificate comes from running the queues on draws that the plan has never seen. A
    later stage is fed by what the plan makes the earlier ones decide: the plan is made for what arrives under the last
    one, until that changes no more. In another order of work, and where arrivals answer to the wait, a promise has no
    linear form: then the rows are asked for shorter and shorter waits until the queue itself, run on draws for
    calibration, keeps the promise. Plans are in whole officers.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws of ``arrivals``, ``productivity`` and ``withdrawal`` along (draw, office or country, month), and of the
        ``backlog``, from ``Backlog().fit(…).forecast(…)`` or of one's own; along ``stage`` too where there are several.
    start : str
        First month of the plan, "2027-01".
    in_post : float, mapping or xarray.DataArray
        Trained officers in post at the start: a number, a mapping by office (or by grade, or by stage, where only these
        are several), or an array along any of grade, office and stage.
    levers : sequence of Staffing, Overtime, Surge, Redirect, Opening and Intake
        What can be done; one `Staffing` at least.
    goals : sequence of WaitTime, WaitingNow and BacklogSize
        What must be kept.
    objective : {"cheapest", "fastest", "smoothest", "least waiting"}
        Least cost to the horizon; the goals kept from the earliest month on; fewest changes in post; fewest
        person-months of waiting on average, within a budget or caps.
    officers_before : float, mapping or xarray.DataArray, optional
        Officers at work from the ledger's end to the start; `in_post` if nothing else is known.
    onward : mapping of str to sequence of Route, optional
        Shares of the cases decided at a stage that go on to a later one.
    hired : mapping of str to float, optional
        Officers of the first grade who are hired already, by first month in post, which may be before the start; for
        one office and stage.
    share_staff : bool
        Whether the officers of an office work on all its stages, month by month as the plan divides them.
    budget : FiscalBudget, optional
        What may be spent in a fiscal year, those in post at the start included.
    service : str
        Months that a case takes whoever works on it; they are part of every wait.
    order : str
        One of `poblar.forecast.orders.ORDERS`.
    response : WaitResponse, optional
        How applications answer to the wait.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from poblar.optimize import WaitTime
    >>> rng = np.random.default_rng(1)
    >>> axes, shape = ("draw", "country", "month"), (500, 1, 48)
    >>> queue = xr.Dataset(
    ...     {"arrivals": (axes, rng.gamma(20.0, 5.0, shape)), "productivity": (axes, np.full(shape, 10.0)),
    ...      "withdrawal": (axes, np.full(shape, 0.01)), "backlog": ("country", [500.0])},
    ...     coords={"country": ["MEX"],
    ...             "month": np.arange("2027-01", "2031-01", dtype="datetime64[M]").astype("datetime64[s]")})
    >>> plan = StaffingPlan(queue, start="2027-01", in_post=5,
    ...     levers=[Staffing(cost=24_000, recruitment_lag="3 months", training="3 months")],
    ...     goals=[WaitTime(at_most="3 months", since="2028-06")]).solve(seed=1)
    >>> plan.exists, bool(plan.goals[0].held_out > 0.85)
    (True, True)
    """

    queue: xr.Dataset
    start: str
    in_post: float | Mapping[str, float] | xr.DataArray
    levers: Sequence[Staffing | Overtime | Surge | Redirect | Opening | Intake]
    goals: Sequence[WaitingGoal]
    objective: str = "cheapest"
    officers_before: float | Mapping[str, float] | xr.DataArray | None = None
    onward: Mapping[str, Sequence[Route]] = field(default_factory=dict)
    hired: Mapping[str, float] = field(default_factory=dict)
    share_staff: bool = False
    budget: FiscalBudget | None = None
    service: str = "0 months"
    order: str = ORDERS[0]
    response: WaitResponse | None = None

    def solve(self, *, seed: int) -> Plan:
        """Solve for the plan.

        Parameters
        ----------
        seed : int
            Decides which draws are optimised over, calibrated on and held out.

        Returns
        -------
        Plan
            With ``exists=False`` and what can be reached where no plan keeps the promise.

        Raises
        ------
        GoalError
            If dates lie outside the horizon, offices or stages are not the queue's, an office has no work or no staff,
            a budget does not pay for those in post, a promise is shorter than the service, there is no `Staffing` or
            no goal, or too few draws.
        SolverError
            If the solver ends neither optimal nor infeasible.
        """
        return self.open(seed=seed).solve()

    def open(self, *, seed: int) -> OpenStaffingPlan:
        """The problem with its draws dealt, its program and its chance constraints, for those who look into it.

        Parameters
        ----------
        seed : int
            As in `solve`.

        Returns
        -------
        OpenStaffingPlan
        """
        work, staff = self._open()
        service = months_in(self.service)
        return OpenStaffingPlan(Search(work, staff, self.goals, service, self.objective, seed))

    def officers(self, plan: Plan) -> xr.DataArray:
        """Officers who decide cases under a plan of this problem, in every month of the queue.

        Parameters
        ----------
        plan : Plan
            What `solve` returned, whether or not it reaches every goal.

        Returns
        -------
        xarray.DataArray
            Officers by ``month`` (and office and stage, where there are several), from the first month of the queue;
            before the start, those assumed.
        """
        work, _ = self._open()
        after = plan.decided["officers"].rename(calendar="month")
        dims = [dim for dim in ("office", "stage") if dim in after.dims]
        early = xr.zeros_like(after.isel(month=0, drop=True)) + _labelled(work.before, work).squeeze(drop=True)
        early = early.expand_dims(month=self.queue["month"][: work.position])
        return xr.concat([early.transpose(*dims, "month"), after], "month").assign_attrs(units="officers")

    def _open(self) -> tuple[Workload, Workforce]:
        """What comes, and who works, once all that is asked is seen to make sense."""
        if self.objective not in OBJECTIVES:
            raise GoalError(f"expected objective {' or '.join(map(repr, OBJECTIVES))}, found {self.objective!r}.")
        grades = [lever for lever in self.levers if isinstance(lever, Staffing)]
        if not grades or not self.goals:
            raise GoalError(
                f"expected one Staffing lever and at least one WaitTime goal, found {len(grades)} and "
                f"{len(self.goals)}."
            )
        if len({lever.name for lever in grades}) < len(grades) or len({lever.currency for lever in grades}) > 1:
            raise GoalError(
                "expected grades with a name each and one currency, found others; give each Staffing a name=."
            )
        check_order(self.order)
        if self.hired and (self.queue["arrivals"].size > self.queue.sizes["draw"] * self.queue.sizes["month"]):
            raise GoalError("expected hired= for one office and stage, found several; plan them apart.")
        if self.hired and (isinstance(grades[0].attrition, xr.DataArray) or min(self.hired.values()) < 0):
            raise GoalError("expected hired= of zero or more officers, whose attrition is a number, found other.")
        for lever in grades:
            uncertain = isinstance(lever.attrition, xr.DataArray)
            if uncertain and self.share_staff:
                raise GoalError(
                    f"{lever.name}: expected attrition that is a number where stages share their staff, found draws; "
                    "take their mean, or plan the stages apart."
                )
            if uncertain and np.size(lever.attrition) != self.queue.sizes["draw"]:
                raise GoalError(
                    f"{lever.name}: expected attrition in each of the queue's {self.queue.sizes['draw']} draws, found "
                    f"{np.size(lever.attrition)}; draw as many."
                )
        stages = [str(name) for name in self.queue["stage"].to_numpy()] if "stage" in self.queue.dims else [""]
        axis = "office" if "office" in self.queue.dims else "country"
        offices = [str(name) for name in self.queue[axis].to_numpy()]
        queues = [(office, stage) for stage in stages for office in offices]
        pools = [(office, "") for office in offices] if self.share_staff else queues
        in_post = self._array(self.in_post, pools)
        early = in_post if self.officers_before is None else self._array(self.officers_before, pools)
        output = np.array([lever.output for lever in grades])
        before = output @ early
        if self.share_staff and len(stages) > 1:
            before = np.tile(before / len(stages), len(stages))
        how: dict[str, Any] = {"order": self.order} | ({} if self.response is None else {"response": self.response})
        work = open_workload(self.queue, self.start, before, self.onward, how)
        first = next(iter(work.stages.values()))
        staff = Workforce(
            labels=work.labels,
            queues=queues,
            pools=pools,
            levers=self.levers,
            in_post=in_post,
            budget=self.budget,
            expected=first["arrivals"].mean("draw").transpose("country", "month").to_numpy(),
            waiting=first["backlog"].mean("draw").transpose("country").to_numpy(),
            offices=offices,
            hired=[(int((month(first) - work.labels[0]).astype(int)), float(n)) for first, n in self.hired.items()],
        )
        self._check(work, staff)
        return work, staff

    def _array(self, value: float | Mapping[str, float] | xr.DataArray, pools: Sequence[tuple[str, str]]) -> Array:
        """Officers (grade, pool) of what was given."""
        axes = {
            "grade": [lever.name for lever in self.levers if isinstance(lever, Staffing)],
            "office": list(dict.fromkeys(office for office, _ in pools)),
            "stage": list(dict.fromkeys(stage for _, stage in pools)),
        }
        several = [axis for axis, names in axes.items() if len(names) > 1]
        if isinstance(value, Mapping):
            fits = [axis for axis in axes if set(map(str, value)) == set(axes[axis])]
            if not fits:
                raise GoalError(
                    f"expected in_post= by office {axes['office']}, found {list(value)}; an office without staff has 0."
                )
            value = xr.DataArray(list(value.values()), coords={fits[0]: list(map(str, value))})
        if not isinstance(value, xr.DataArray):
            value = xr.DataArray(float(value))
        if any(axis not in value.dims for axis in several) or not set(value.dims) <= set(axes):
            raise GoalError(
                f"expected in_post= along {several or 'no axis'}, found {list(value.dims)}; say how many are in post "
                "in each of them."
            )
        like = xr.DataArray(np.zeros([len(names) for names in axes.values()]), coords=axes)
        try:
            xr.align(value, like, join="exact", exclude=set(axes) - set(value.dims))
            array = (value + like).transpose(*axes).sel(axes)
        except (ValueError, KeyError) as error:
            raise GoalError(
                f"expected in_post= for {axes}, found { ({d: value[d].values.tolist() for d in value.dims}) }."
            ) from error
        found = np.array([array.sel(office=office, stage=stage).to_numpy() for office, stage in pools]).T
        if not (found >= 0).all():
            raise GoalError(f"expected in_post of zero or more officers, found {np.min(found):g}.")
        return found

    def _check(self, work: Workload, staff: Workforce) -> None:
        """Refuse names that are not there, and offices without work or without staff."""
        offices, stages = work.offices, [name for name in work.stages if name]
        for lever in self.levers:
            named = {
                "office": [lever.origin, lever.destination] if isinstance(lever, Redirect) else [],
                "stage": [],
            }
            if isinstance(lever, Opening | Intake):
                named["office"] = [lever.office]
            if isinstance(lever, Opening):
                staff.at(lever.date)
            elif not isinstance(lever, Redirect | Intake):
                named = {"office": list(lever.offices or ()), "stage": list(lever.stages or ())}
            _check_names(named, offices, stages)
        for goal in self.goals:
            _check_names(
                {"office": [goal.office] if goal.office else [], "stage": [goal.stage] if goal.stage else []},
                offices,
                stages,
            )
        first = next(iter(work.stages.values()))
        cases = (first["arrivals"].sum("month") + first["backlog"]).mean("draw")
        sent_to = {lever.destination for lever in staff.redirects} | {lever.office for lever in staff.intakes}
        for office in offices:
            if float(cases.sel(country=office)) <= 0.0 and office not in sent_to:
                raise GoalError(
                    f"{office}: expected cases that apply or wait, or a Redirect to it, found an office without work; "
                    "leave it out."
                )
        for queue, (office, stage) in enumerate(staff.queues):
            pool = staff.pool_of(queue)
            if not staff.in_post[:, pool].any() and not any(block.pool == pool for block in staff.staff):
                where = ", ".join(name for name in (office, stage) if name)
                raise GoalError(
                    f"{where}: expected officers in post or a lever that brings some, found work without an office; "
                    "widen offices= or stages= of a Staffing."
                )


def _labelled(values: Array, work: Workload) -> xr.DataArray:
    """Values (queue,) along office and stage."""
    shape = len(work.stages), len(work.offices)
    return xr.DataArray(values.reshape(shape), coords={"stage": list(work.stages), "office": work.offices})


def _check_names(named: Mapping[str, Sequence[str]], offices: Sequence[str], stages: Sequence[str]) -> None:
    for what, known in (("office", offices), ("stage", stages)):
        for name in named[what]:
            if name not in known:
                raise GoalError(f"expected an {what} of {list(known)}, found {name!r}; name it as the queue does.")
