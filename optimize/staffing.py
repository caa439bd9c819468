"""Staffing plans: the officers that keep a waiting-time promise with a stated probability, at least cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..forecast.backlog import simulate_queue
from ..forecast.draws import split_draws
from .chance import Certificate, certify
from .errors import GoalError
from .fifo import FifoMargins, fifo_margins
from .goals import WaitTime, month, months_in
from .plan import GoalReport, Plan
from .solve import ChanceGoal, Limits, Solution, calibrated, least_shortfall, solve_tail

__all__ = ["Staffing", "StaffingPlan"]

Array = NDArray[np.float64]
SETS = {"solve": 0.4, "calibrate": 0.3, "certify": 0.3}
QUARTER = 3  # months between decisions
ENOUGH = 1e-4  # share of the work by which the mean of a tail may miss


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
        office = _Office.open(self)
        sets = office.deal(seed)
        chances = [_chance(goal, office, sets) for goal in self.goals]
        flat = [chance for group in chances for chance in group]
        limits = office.limits()
        solution = calibrated(limits, flat, rounded=office.whole)
        exists = solution is not None
        if solution is None:
            solution = least_shortfall(limits, flat)
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
            prices=self._prices(office, sets, limits, solution) if exists else pd.DataFrame(),
            draws={name: len(draws) for name, draws in sets.items()},
            record={
                "solver": "HiGHS",
                "linear_programs": solution.iterations,
                "tail_shortfall": solution.shortfall,
                "tail_widening": solution.widening,
                "seconds": solution.seconds,
                "seed": seed,
            },
            assumptions=self._assumptions(office),
        )

    def _prices(
        self, office: _Office, sets: dict[str, NDArray[np.intp]], limits: Limits, solution: Solution
    ) -> pd.DataFrame:
        """What a wait one month shorter costs, by solving again."""
        rows = []
        years = office.months / 12
        for moved in self.goals:
            chances = [
                chance for goal in self.goals for chance in _chance(goal, office, sets, goal.months - (goal is moved))
            ]
            again = solve_tail(limits, chances, solution.widening)
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
            failing = [report for report in reports if report.held_out < report.requested] or reports
            return (
                "No plan: "
                + "; ".join(
                    f"{country}: {report.goal} cannot be kept with {report.requested:.0%} probability under these "
                    f"limits; the highest probability found is {report.held_out:.1%}; with {report.requested:.0%} it "
                    f"can be {report.relaxed}"
                    for report in failing
                )
                + "."
            )
        held = min(reports, key=lambda report: report.held_out - report.requested)
        low, high = held.held_out_interval
        in_post = decided["in_post"]
        peak = in_post["month"].to_numpy()[in_post.to_numpy().argmax()].astype("datetime64[M]")
        return (
            f"{country}: raising officers from {self.in_post:,.0f} to {float(in_post.max()):,.0f} in post by {peak}, "
            f"at {float(decided['cost'].sum()):,.0f} {self.levers[0].currency} to the horizon, keeps "
            f"{' and '.join(report.goal for report in reports)} with {held.requested:.0%} probability; "
            f"held out: {held.held_out:.1%} (95 % interval {low:.1%} to {high:.1%})."
        )

    def _assumptions(self, office: _Office) -> list[str]:
        first = self.queue["month"].to_numpy()[0].astype("datetime64[M]")
        before = [
            f"from {first} to {self.start} {office.before:,.0f} officers were at work, and arrivals and withdrawals "
            "were as forecast (the ledger ends before)"
        ] * (office.position > 0)
        staffing = office.staffing
        return [
            *before,
            f"officers start {staffing.recruitment_lag} after the decision and decide cases after {staffing.training} "
            f"of training; {staffing.attrition:.0%} leave in a year",
            "cases are decided first in, first out; a wait counts whole months from the month of application",
        ]


@dataclass(frozen=True, eq=False)
class _Office:
    """The linear side of a plan: officers at work and their cost for each hire and release, and the draws."""

    staffing: Staffing
    queue: xr.Dataset  # from the start on, with the backlog of each draw
    in_post: float
    before: float
    position: int  # months from the ledger's end to the start
    labels: NDArray[np.datetime64]

    @classmethod
    def open(cls, plan: StaffingPlan) -> _Office:
        if len(plan.levers) != 1 or not plan.goals:
            raise GoalError(
                f"expected one Staffing lever and at least one WaitTime goal, found {len(plan.levers)} and "
                f"{len(plan.goals)}."
            )
        if plan.objective != "cheapest":
            raise GoalError(f"expected objective 'cheapest', found {plan.objective!r}.")
        if plan.queue.sizes["country"] != 1:
            raise GoalError("expected the queue of one country; take one with queue.sel(country=['MEX']).")
        if plan.queue.sizes["draw"] < 200:
            raise GoalError(
                f"expected at least 200 draws to optimise, calibrate and certify on, found "
                f"{plan.queue.sizes['draw']}; forecast with draws=2000 or more."
            )
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
        return cls(
            staffing=plan.levers[0],
            queue=queue,
            in_post=float(plan.in_post),
            before=float(before),
            position=position,
            labels=labels[position:],
        )

    @property
    def months(self) -> int:
        return len(self.labels)

    @property
    def quarters(self) -> int:
        return -(-self.months // QUARTER)

    def deal(self, seed: int) -> dict[str, NDArray[np.intp]]:
        """Three disjoint random sets of draws."""
        order = np.random.default_rng(seed).permutation(self.queue.sizes["draw"])
        return {name: order[part] for name, part in split_draws(len(order), SETS).items()}

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

    def limits(self) -> Limits:
        """Least cost; nobody released who is not there; caps on officers in post and on hires."""
        staffing, (fixed, per_lever) = self.staffing, self.posted
        working, working_per_lever = self.at_work
        rows, bounds = [-working_per_lever], [working]
        if staffing.at_most is not None:
            rows.append(per_lever)
            bounds.append(staffing.at_most - 1.0 - fixed)  # rounding up adds less than one
        high = np.full(2 * self.quarters, np.inf)
        if staffing.hires_at_most is not None:
            high[: self.quarters] = staffing.hires_at_most - 1.0
        return Limits(
            cost=staffing.cost / 12 * per_lever.sum(0),
            low=np.zeros(2 * self.quarters),
            high=high,
            matrix=np.concatenate(rows),
            bound=np.concatenate(bounds),
        )

    def whole(self, plan: Array) -> Array:
        """Whole officers: hires so far rounded up, releases so far rounded down, quarter by quarter."""
        hires, releases = np.cumsum(plan.reshape(2, -1), axis=1)
        up, down = np.ceil(np.round(hires, 6)), np.floor(np.round(releases, 6))
        return np.concatenate([np.diff(up, prepend=0.0), np.diff(down, prepend=0.0)])

    def decided(self, plan: Array) -> xr.Dataset:
        """The plan by quarter: hires, releases, officers in post and at work at its end, and cost."""
        fixed, per_lever = self.posted
        working, working_per_lever = self.at_work
        in_post = np.maximum(fixed + per_lever @ plan, 0.0)  # rounding may leave a trace below zero
        at_work = np.maximum(working + working_per_lever @ plan, 0.0)
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
        if staffing.hires_at_most is not None and (full := hires >= staffing.hires_at_most - 2.0).any():
            found.append(f"at most {staffing.hires_at_most:,.0f} hires a quarter, in {int(full.sum())} quarters")
        return found

    def run(self, draws: NDArray[np.intp], plan: Array) -> xr.Dataset:
        """The queue of these draws under a plan."""
        fixed, per_lever = self.at_work
        officers = xr.DataArray(fixed + per_lever @ plan, dims="month", coords={"month": self.queue["month"]})
        return simulate_queue(self.queue.isel(draw=draws), officers.clip(min=0.0))


def _span(goal: WaitTime, office: _Office, months: int) -> tuple[int, int]:
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
    goal: WaitTime, office: _Office, sets: dict[str, NDArray[np.intp]], months: int | None = None
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
            name=goal.describe(),
            probability=goal.probability,
            enough=ENOUGH,
            **{name: margin.months_between(*span) for name, margin in margins.items()},
        )
        for span in spans
    ]


def _report(
    goal: WaitTime,
    chances: list[ChanceGoal],
    office: _Office,
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
    years = labels[np.argmax(chosen, axis=1)].astype("datetime64[Y]")
    year, count = np.unique(years, return_counts=True)
    first = np.argsort(-count)[:3]
    return ", ".join(f"{year[position]} ({count[position] / len(chosen):.0%})" for position in first)
