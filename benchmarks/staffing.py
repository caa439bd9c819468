"""Speed, exactness, kept promises and cost of staffing plans: ``python -m benchmarks.staffing [PART …]``.

All systems are made up. An office has 100 to 500 cases a month, a level that is uncertain by 30 % and wanders by 5 % a
month, officers who decide ten a month, uncertain by 10 %, one withdrawal in a hundred who wait, two months of cases in
the backlog, and as many officers in post as decide what arrives on average. Appeals are 35 % of decisions, two months
later. Random systems differ in these figures, in the promise and in its probability (`system`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from poblar.forecast import simulate_queue
from poblar.forecast.passage import Route, gamma_lag
from poblar.forecast.queue import run_queue
from poblar.optimize import Staffing, StaffingPlan, WaitTime
from poblar.optimize.chance import LinearMargins, certify
from poblar.optimize.exact import solve_exact
from poblar.optimize.fifo import FifoMargins, fifo_margins
from poblar.optimize.solve import Cuts
from scipy.stats import binom

from .figures import figure, peak_memory_mb

NAME = "staffing"
START = np.datetime64("2027-01", "M")
FRESH = 6000  # draws that promises are counted on


def offices(
    draws: int,
    months: int,
    sizes: Sequence[float],
    seed: int,
    *,
    level: float = 0.3,
    wander: float = 0.05,
    output: float = 0.1,
    withdrawal: float = 0.01,
    backlog: float = 2.0,
) -> xr.Dataset:
    """Queues (draw, office, month) of offices with these cases a month."""
    rng = np.random.default_rng(seed)
    axes, shape = ("draw", "office", "month"), (draws, len(sizes), months)
    mean = np.array(sizes)[:, None]
    steps = level * rng.standard_normal((*shape[:2], 1)) + np.cumsum(wander * rng.standard_normal(shape), axis=2)
    each = 10.0 * np.exp(output * rng.standard_normal((*shape[:2], 1)))
    return xr.Dataset(
        {
            "arrivals": (axes, mean * np.exp(steps)),
            "productivity": (axes, np.broadcast_to(each, shape)),
            "withdrawal": (axes, np.full(shape, withdrawal)),
            "backlog": ("office", backlog * mean[:, 0]),
        },
        coords={
            "office": [f"office {number}" for number in range(len(sizes))],
            "month": (START + np.arange(months)).astype("datetime64[s]"),
        },
    )


def fifo(checks: int) -> list[bool]:
    """Rows against the queue, in random systems: whether each draw keeps the promise, withdrawals left out."""
    rng, draws = np.random.default_rng(1), 500
    wrong = shortcut = done = 0
    while done < checks:
        months, wait = int(rng.integers(6, 40)), int(rng.integers(0, 5))
        last = months - wait - 1
        first, shape = int(rng.integers(0, last)), (draws, months)
        arrivals = rng.gamma(0.5, 20.0, shape) * (rng.random(shape) < 0.8)
        each = rng.uniform(0.5, 1.5, shape)
        backlog = rng.gamma(1.0, 30.0, draws) * (rng.random(draws) < 0.8)
        officers = rng.uniform(0.0, 25.0, months) * (rng.random(months) < 0.8)
        margins = fifo_margins(
            backlog=backlog,
            arrivals=arrivals,
            withdrawal=np.zeros(shape),
            productivity=each,
            officers=officers,
            officers_per_lever=np.zeros((months, 1)),
            first=first,
            last=last,
            months=wait,
        )
        run = run_queue(backlog, arrivals, each * officers, np.zeros(shape))
        kept = (run.wait[:, first : last + 1] <= wait).all(axis=1)
        at = np.arange(first, last + 1)
        from_start = (margins.fixed[:, at + wait + 1] - margins.work[:, at + 1]).min(axis=1) >= -1e-9
        wrong += int(((margins.worst(np.zeros(1))[0] >= -1e-9) != kept).sum())
        shortcut += int((from_start != kept).sum())
        done += draws
    return [
        figure(NAME, "fifo_mismatches", wrong, "<= 0", checks=done, seed=1),
        figure(NAME, "shortcut_mismatches", shortcut, ">= 1", checks=done, of="rows from the first month on alone"),
    ]


def speed() -> list[bool]:
    """Seven offices of two stages, and fifty of one."""
    rng = np.random.default_rng(1)
    promise, lever = WaitTime(at_most="3 months", since="2028-06"), Staffing(cost=24_000)

    def problem(draws: int, months: int, count: int, *, appeals: bool) -> StaffingPlan:
        sizes = rng.uniform(100.0, 500.0, count)
        queue = offices(draws, months, sizes, seed=1)
        in_post: Any = dict(zip(queue["office"].to_numpy().tolist(), sizes / 10.0, strict=True))
        more: dict[str, Any] = {}
        if appeals:
            second = queue.assign(arrivals=0.0 * queue["arrivals"], backlog=0.5 * queue["backlog"])
            queue = xr.concat([queue, second], xr.IndexVariable("stage", ["first", "appeal"]))
            stages = {"stage": ["first", "appeal"], "office": queue["office"].to_numpy()}
            in_post = xr.DataArray(np.stack([sizes, 0.3 * sizes]) / 10.0, coords=stages)
            more = {"onward": {"first": [Route(to="appeal", share=0.35, lag=gamma_lag(2.0))]}}
        return StaffingPlan(queue, start="2027-01", in_post=in_post, levers=[lever], goals=[promise], **more)

    problem(300, 30, 2, appeals=True).solve(seed=1)  # everything is loaded
    met = []
    for name, months, count, bar in (("seven_offices", 60, 7, "< 5"), ("fifty_offices", 120, 50, "< 60")):
        asked = problem(1000, months, count, appeals=count == 7)
        started = time.perf_counter()
        plan = asked.solve(seed=1)
        seconds = time.perf_counter() - started
        held = [report.held_out for report in plan.goals]
        met.append(
            figure(
                NAME,
                f"{name}_seconds",
                seconds,
                bar,
                exists=plan.exists,
                offices=count,
                stages=1 + (count == 7),
                months=months,
                draws=1000,
                promises=len(held),
                held_out_mean=round(float(np.mean(held)), 3),
                seed=1,
            )
        )
    return [*met, figure(NAME, "peak_memory_mb", peak_memory_mb(), "< 4000")]


def system(seed: int) -> tuple[StaffingPlan, xr.Dataset]:
    """A random system of one to three offices, and fresh draws of it."""
    rng = np.random.default_rng(seed)
    months = int(rng.integers(36, 61))
    sizes = rng.uniform(100.0, 500.0, int(rng.integers(1, 4)))
    figures = {
        "level": rng.uniform(0.1, 0.4),
        "wander": rng.uniform(0.02, 0.08),
        "output": rng.uniform(0.0, 0.15),
        "withdrawal": rng.uniform(0.0, 0.03),
        "backlog": rng.uniform(0.0, 6.0),
    }
    queue, fresh = (
        offices(draws, months, sizes, part, **figures) for draws, part in ((4000, seed), (FRESH, seed + 500))
    )
    goal = WaitTime(
        at_most=f"{rng.integers(1, 7)} months",
        since=str(START + np.timedelta64(int(rng.integers(14, 22)), "M")),
        probability=float(rng.choice([0.8, 0.9, 0.95])),
    )
    in_post = dict(zip(queue["office"].to_numpy().tolist(), np.round(sizes / 10.0), strict=True))
    lever = Staffing(cost=24_000.0)
    return StaffingPlan(queue, start="2027-01", in_post=in_post, levers=[lever], goals=[goal]), fresh


def least_cost(problem: StaffingPlan, seed: int, *, programs: int = 60) -> float:
    """A cost that no plan which keeps the promise stays below, with 99 % confidence for each office.

    A plan that holds with probability p holds in all of N draws with probability p^N at least, and then costs no less
    than the cheapest plan for these N draws. So of M sets of draws at least a share p^N, on average, is no dearer than
    the cheapest plan of all, and so is the L-th cheapest of them, but for the chance that fewer than L are
    (Luedtke & Ahmed 2008). Officers need not be whole here.
    """
    total, rng = 0.0, np.random.default_rng(seed)
    for office in problem.queue["office"].to_numpy().tolist():
        assert isinstance(problem.in_post, dict)
        alone = replace(problem, queue=problem.queue.sel(office=[office]), in_post=problem.in_post[office])
        search = alone.open(seed=seed).search
        (chance,) = search.chances()
        p = chance.probability
        together = max(round(1.0 / (1.0 - p)), 1)
        rank = int(binom.ppf(0.01, programs, p**together))
        costs = []
        for _ in range(programs):
            some = chance.solve.take(rng.choice(len(search.sets["solve"]), together, replace=False))
            whole = replace(chance, probability=1.0 - 1.0 / together, solve=some, calibrate=some, certify=some)
            found = Cuts(search.model(), [whole]).cheapest(1.0)
            costs.append(np.inf if found is None else found.objective)
        total += float(np.sort(costs)[rank - 1]) + float(search.staff.committed.sum())
    return total


def promises(systems: int) -> list[bool]:
    """Promises on fresh draws, and costs beside the least."""
    spare: list[float] = []
    gaps: list[float] = []
    rounded: list[float] = []
    missing = 0
    for seed in range(1, systems + 1):
        problem, fresh = system(seed)
        plan = problem.solve(seed=seed)
        if not plan.exists:
            missing += 1
            continue
        officers = problem.officers(plan)
        officers = officers.rename(office="country") if "office" in officers.dims else officers
        (goal,) = problem.goals
        run = simulate_queue(fresh.rename(office="country"), officers)["wait"]
        wait = run.sel(month=slice(goal.since, None)).isel(month=slice(None, -int(goal.target)))
        kept: NDArray[np.float64] = (wait <= goal.target).all("month").mean("draw").to_numpy()
        spare += [float(share) - goal.probability for share in kept]
        gaps.append(plan.objective / least_cost(problem, seed) - 1.0)
        parts = problem.open(seed=seed).search.find().parts
        in_parts = sum(solution.objective + part.staff.committed.sum() for part, solution in parts)
        rounded.append(plan.objective / float(in_parts) - 1.0)
        sys.stderr.write(f"{seed}: {goal.describe()} {goal.probability}: {np.round(kept, 3)}, cost {gaps[-1]:+.3f}\n")
    size = {"systems": systems, "without_plan": missing, "promises": len(spare), "fresh_draws": FRESH}
    return [
        figure(NAME, "promise_least_points", 100.0 * min(spare), ">= -2", **size),
        figure(NAME, "promise_mean_points", 100.0 * float(np.mean(spare)), "<= 3", **size),
        figure(NAME, "cost_above_least_percent", 100.0 * float(np.mean(gaps)), "<= 3", most=max(gaps), **size),
        figure(NAME, "of_it_whole_officers_percent", 100.0 * float(np.mean(rounded)), most=max(rounded), **size),
    ]


def exact(systems: int, draws: int = 60) -> list[bool]:
    """Cuts on the tail, eased until as many draws are kept, beside the cheapest plan of all that keeps so many."""
    found: list[float] = []
    for seed in range(1, systems + 1):
        problem, _ = system(seed)
        office = problem.queue["office"].to_numpy().tolist()[0]
        assert isinstance(problem.in_post, dict)
        alone = replace(problem, queue=problem.queue.sel(office=[office]), in_post=problem.in_post[office])
        search = alone.open(seed=seed).search
        (chance,) = search.chances()
        assert isinstance(chance.solve, FifoMargins)
        some = chance.solve.take(np.arange(draws))
        table = written_out(some)
        best = solve_exact(search.model(), [replace(chance, solve=table, calibrate=table, certify=table)], seconds=300)
        cuts = Cuts(search.model(), [replace(chance, solve=some, calibrate=some, certify=some)])
        costs = [np.inf]
        for widening in np.geomspace(0.3, 0.98 / (1.0 - chance.probability), 40):
            eased = cuts.cheapest(float(widening))
            if eased is not None and certify(some, eased.plan, 1e-6).probability >= chance.probability:
                costs.append(eased.objective)
        if best is None:
            continue
        committed = float(search.staff.committed.sum())
        found.append((min(costs) + committed) / (best.objective + committed) - 1.0)
        sys.stderr.write(f"{seed}: {chance.probability}, tail {found[-1]:+.3f}\n")
    size = {"systems": len(found), "draws": draws, "most": max(found)}
    return [figure(NAME, "tail_above_exact_percent", 100.0 * float(np.mean(found)), **size)]


def written_out(margins: FifoMargins) -> LinearMargins:
    """All rows of all draws."""
    rows, draws = margins.rows, np.arange(len(margins.work))
    pairs = [since * len(rows.by) + row for row in range(len(rows.by)) for since in range(rows.upto[row] + 1)]
    constant, slope = np.empty((len(draws), len(pairs))), np.empty((len(draws), len(pairs), margins.levers))
    for draw in draws:
        for at, pair in enumerate(pairs):
            constant[draw, at], slope[draw, at] = margins.mean(np.ones(1), draws[[draw]], np.array([pair]))
    return LinearMargins(constant, slope)


def main() -> None:
    """Run the benchmarks of staffing plans."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.staffing", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["fifo", "speed", "promises", "exact"])
    parser.add_argument("--checks", type=int, default=100_000)
    parser.add_argument("--systems", type=int, default=30)
    parser.add_argument("--small", type=int, default=4, help="systems that are also solved exactly")
    options = parser.parse_args()
    met: list[bool] = []
    met += fifo(options.checks) if "fifo" in options.parts else []
    met += speed() if "speed" in options.parts else []
    met += promises(options.systems) if "promises" in options.parts else []
    met += exact(options.small) if "exact" in options.parts else []
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
