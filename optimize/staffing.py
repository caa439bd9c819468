"""Staffing plans: the officers that keep a waiting-time promise with a stated probability, at least cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..forecast.queue import simulate_queue
from .calibrate import calibrated
from .chance import Certificate, certify, deal
from .errors import GoalError
from .fifo import FifoMargins, fifo_margins
from .goals import WaitTime
from .office import QUARTER, Office, Staffing
from .plan import GoalReport, Plan, kept, missed
from .solve import ChanceGoal, Cuts, Solution
from .words import month, most_often, percent

__all__ = ["StaffingPlan"]

Array = NDArray[np.float64]
ENOUGH = 1e-4  # share of the work by which the mean of a tail may miss


@dataclass(frozen=True)
class StaffingPlan:
    """The cheapest officers, quarter by quarter, that keep a waiting-time promise.

    Cases are worked first in, first out; the rows of `poblar.optimize.fifo` make the promise linear in the officers,
    withdrawals included, and the certificate comes from running the queue on draws that the plan has never seen.
    Plans are in whole officers.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws of one country from ``Backlog().fit(…).forecast(…)``.
    start : str
        First month of the plan, "2027-01".
    in_post : float
        Trained officers in post at the start.
    levers : sequence of Staffing
        One kind of officer.
    goals : sequence of WaitTime
        What must be kept.
    objective : {"cheapest"}
        Least cost from the start to the horizon.
    officers_before : float, optional
        Officers at work from the ledger's end to the start; `in_post` if nothing else is known.

    Examples
    --------
    >>> import numpy as np, xarray as xr
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
    in_post: float
    levers: Sequence[Staffing]
    goals: Sequence[WaitTime]
    objective: str = "cheapest"
    officers_before: float | None = None

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
            If dates lie outside the horizon, there is not one lever and at least one goal, or too few draws.
        SolverError
            If the solver ends neither optimal nor infeasible.
        """
        office = _open(self)
        sets = deal(self.queue.sizes["draw"], seed)
        chances = [_chance(goal, office, sets) for goal in self.goals]
        flat = [chance for group in chances for chance in group]
        cuts = Cuts(office.model(), flat)
        solution = calibrated(cuts, rounded=office.whole)
        exists = solution is not None
        if solution is None:
            solution = cuts.nearest()
        plan = office.whole(solution.plan)
        reports = [
            _report(goal, group, office, sets, plan, exists) for goal, group in zip(self.goals, chances, strict=True)
        ]
        decided = office.decided(plan)
        cost = float(decided["cost"].sum())
        return Plan(
            exists=exists,
            answer=self._answer(reports, decided, exists),
            goals=reports,
            decided=decided,
            objective=cost,
            objective_units=office.staffing.currency,
            binding=office.binding(plan),
            prices=self._prices(office, sets, solution) if exists else pd.DataFrame(),
            draws={name: len(draws) for name, draws in sets.items()},
            record=solution.record(seed),
            assumptions=self._assumptions(office),
        )

    def officers(self, plan: Plan) -> xr.DataArray:
        """Officers who decide cases under a plan of this problem, in every month of the queue.

        Parameters
        ----------
        plan : Plan
            What `solve` returned, whether or not it reaches every goal.

        Returns
        -------
        xarray.DataArray
            Officers by ``month``, from the first month of the queue; before the start, those assumed.
        """
        office = _open(self)
        levers = np.concatenate([plan.decided["hires"].to_numpy(), plan.decided["releases"].to_numpy()])
        before = np.full(office.position, office.before)
        return xr.DataArray(
            np.concatenate([before, office.officers(levers)]),
            dims="month",
            coords={"month": self.queue["month"]},
            attrs={"units": "officers"},
        )

    def _prices(self, office: Office, sets: dict[str, NDArray[np.intp]], solution: Solution) -> pd.DataFrame:
        """What a wait one month shorter costs, by solving again."""
        rows = []
        years = office.months / 12
        for moved in self.goals:
            chances = [
                chance for goal in self.goals for chance in _chance(goal, office, sets, goal.months - (goal is moved))
            ]
            again = Cuts(office.model(), chances).cheapest(solution.widening, solution.allowed)
            price = np.nan if again is None else (again.objective - solution.objective) / years
            words = (
                f"no plan keeps a wait of {moved.months - 1} months"
                if again is None
                else f"{price:+,.0f} {office.staffing.currency} a year for a wait of {moved.months - 1} months"
            )
            rows.append({"goal": moved.describe(), "step": 1, "cost_a_year": price, "in_words": words})
        return pd.DataFrame(rows)

    def _answer(self, reports: list[GoalReport], decided: xr.Dataset, exists: bool) -> str:
        country = str(self.queue["country"].item())
        if not exists:
            return f"No plan for {country}: {missed(reports)}."
        in_post = decided["in_post"]
        peak = in_post["month"].to_numpy()[in_post.to_numpy().argmax()].astype("datetime64[M]")
        return (
            f"{country}: raising officers from {self.in_post:,.0f} to {float(in_post.max()):,.0f} in post by {peak}, "
            f"at {float(decided['cost'].sum()):,.0f} {self.levers[0].currency} to the horizon, reaches {kept(reports)}."
        )

    def _assumptions(self, office: Office) -> list[str]:
        first = self.queue["month"].to_numpy()[0].astype("datetime64[M]")
        before = [
            f"from {first} to {self.start} {office.before:,.0f} officers were at work, and arrivals and withdrawals "
            "were as forecast (the ledger ends before)"
        ] * (office.position > 0)
        staffing = office.staffing
        return [
            *before,
            f"officers start {staffing.recruitment_lag} after the decision and decide cases after {staffing.training} "
            f"of training; {percent(staffing.attrition)} leave in a year",
            "cases are decided first in, first out; a wait counts whole months from the month of application",
        ]


def _span(goal: WaitTime, office: Office, months: int) -> tuple[int, int]:
    """Positions of the first and last month of application in which the goal can be judged."""
    first = int((month(goal.since) - office.labels[0]).astype(int))
    last = office.months - 1 - months
    if not 0 <= first <= last:
        raise GoalError(
            f"expected since= between {office.labels[0]}, the plan's start, and {office.labels[max(last, 0)]}, the "
            f"horizon less the wait, found {goal.since}; forecast further, or start the plan earlier."
        )
    return first, last


def _chance(
    goal: WaitTime, office: Office, sets: dict[str, NDArray[np.intp]], months: int | None = None
) -> list[ChanceGoal]:
    """Margins of a goal on each set of draws; one chance constraint for all months together, or one for each."""
    wait = goal.months if months is None else months
    first, last = _span(goal, office, wait)
    fixed, per_lever = office.at_work
    axes = ("draw", "country", "month")
    margins: dict[str, FifoMargins] = {}
    for name, draws in sets.items():
        part = office.queue.isel(draw=draws)
        arrivals, withdrawal, productivity = (
            part[key].transpose(*axes).to_numpy()[:, 0] for key in ("arrivals", "withdrawal", "productivity")
        )
        margins[name] = fifo_margins(
            backlog=part["backlog"].transpose("draw", "country").to_numpy()[:, 0],
            arrivals=arrivals,
            withdrawal=withdrawal,
            productivity=productivity,
            officers=fixed,
            officers_per_lever=per_lever,
            first=first,
            last=last,
            months=wait,
        )
    spans = [(first, last)] if goal.together else [(one, one) for one in range(first, last + 1)]
    return [
        ChanceGoal(
            goal.describe(),
            goal.probability,
            *(margins[name].months_between(*span) for name in ("solve", "calibrate", "certify")),
            enough=ENOUGH,
        )
        for span in spans
    ]


def _report(
    goal: WaitTime,
    chances: list[ChanceGoal],
    office: Office,
    sets: dict[str, NDArray[np.intp]],
    plan: Array,
    exists: bool,
) -> GoalReport:
    """What a plan reaches of one goal; held out, by running the queue."""
    first, last = _span(goal, office, goal.months)
    wait = office.run(sets["certify"], plan)["wait"].transpose("draw", "country", "month").to_numpy()[:, 0]
    kept = wait[:, first : last + 1] <= goal.months
    counts = [kept.all(1)] if goal.together else list(kept.T)
    held = min((Certificate(int(count.sum()), len(count)) for count in counts), key=lambda one: one.probability)
    inside = min((certify(chance.solve, plan) for chance in chances), key=lambda one: one.probability)
    relaxed = ""
    if not exists and held.probability < goal.probability:
        longest = np.quantile(wait[:, first : last + 1].max(1), goal.probability, method="higher")
        relaxed = goal.describe(float(longest)) if np.isfinite(longest) else "no wait that ends before the horizon"
    return GoalReport(
        goal=goal.describe(),
        requested=goal.probability,
        in_sample=inside.probability,
        held_out=held.probability,
        held_out_interval=held.interval,
        binding=_tightest(wait[:, first : last + 1], office.labels[first:], goal),
        relaxed=relaxed,
    )


def _tightest(wait: Array, labels: NDArray[np.datetime64], goal: WaitTime) -> str:
    """Years of application in which the waits that break the promise are longest, or come nearest to it."""
    worst = wait.max(1)
    broken = wait[worst > goal.months]
    chosen = broken if len(broken) else wait[worst >= worst.max()]
    return most_often(labels[np.argmax(chosen, axis=1)].astype("datetime64[Y]"))


def _open(plan: StaffingPlan) -> Office:
    if len(plan.levers) != 1 or not plan.goals:
        raise GoalError(
            f"expected one Staffing lever and at least one WaitTime goal, found {len(plan.levers)} and "
            f"{len(plan.goals)}."
        )
    if plan.objective != "cheapest":
        raise GoalError(f"expected objective 'cheapest', found {plan.objective!r}.")
    if plan.queue.sizes["country"] != 1:
        raise GoalError("expected the queue of one country; take one with queue.sel(country=['MEX']).")
    if not plan.in_post >= 0:
        raise GoalError(f"expected in_post of zero or more officers, found {plan.in_post}.")
    labels = plan.queue["month"].to_numpy().astype("datetime64[M]")
    position = int((month(plan.start) - labels[0]).astype(int))
    if not 0 <= position < len(labels) - QUARTER:
        raise GoalError(
            f"expected a start between {labels[0]} and {labels[-1]}, the months forecast, found {plan.start}; "
            "forecast further."
        )
    before = plan.in_post if plan.officers_before is None else plan.officers_before
    waiting = simulate_queue(plan.queue, before)["pending"].isel(month=position)
    queue = plan.queue.isel(month=slice(position, None)).assign(backlog=waiting.drop_vars("month"))
    return Office(
        staffing=plan.levers[0],
        queue=queue,
        in_post=float(plan.in_post),
        before=float(before),
        position=position,
        labels=labels[position:],
    )
