"""Speed and worth of placements: ``python -m benchmarks.placement``.

Everything is made up, by generators that take a seed.

Pilot: 5,500 people in six groups are offered 60 localities. The share of a group's adults who would work in a locality
is 0.15 to 0.65, the locality's own level and a part of the two together. Room is of three kinds, for 140 % of the
people in all at the median: localities are lognormal in size (0.8), and their rooms in each draw lognormal about it
(0.25), half of that variance shared by all localities of the draw. Who accepts varies by locality and draw, about
80 %.

Families: of one to seven persons, about three, of whom up to three are adults and the rest children who need places at
school. Each adult works in a locality with a probability whose logit adds the family's (1.0), the locality's (0.5)
and their match (1.0). Homes and schools of 60 localities hold 105 % of what the families take, homes lognormal in size
(0.6). Past families come from the same generator, 3,000 of them, with the same localities.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import xarray as xr
from poblar.optimize.families import online_placement, place_families
from poblar.optimize.placement import PlacementPlan
from scipy.special import expit

from .figures import figure

NAME = "placement"
LOCALITIES = [f"locality {number:02d}" for number in range(1, 61)]
GROUPS = {"families": 2200, "couples": 900, "men": 1100, "women": 700, "elderly": 200, "minors": 400}
KINDS = ("jobs", "housing", "services")
PAST = 3000
EVERY = 125  # arrivals, after which potentials are computed again


def pilot(draws: int, seed: int) -> PlacementPlan:
    """5,500 people, 60 localities."""
    rng = np.random.default_rng(seed)
    count, places = len(GROUPS), len(LOCALITIES)
    share = 0.15 + 0.5 * expit(rng.normal(0.0, 1.0, places) + rng.normal(0.0, 0.7, (count, places)))
    middle = rng.lognormal(0.0, 0.8, places)
    middle *= 1.4 * sum(GROUPS.values()) / middle.sum()
    size = 0.25 / np.sqrt(2.0)
    room = {}
    for kind in KINDS:
        spread = size * rng.standard_normal((draws, 1)) + size * rng.standard_normal((draws, places))
        room[kind] = (("draw", "locality"), middle * np.exp(spread))
    accept = rng.beta(0.8 * 60.0, 0.2 * 60.0, (draws, places))
    return PlacementPlan(
        people=GROUPS,
        employment=xr.DataArray(share, coords={"group": list(GROUPS), "locality": LOCALITIES}),
        room=xr.Dataset(room, coords={"locality": LOCALITIES}),
        acceptance=xr.DataArray(accept, dims=("draw", "locality"), coords={"locality": LOCALITIES}),
    )


def families(count: int, rng: np.random.Generator, level: np.ndarray) -> tuple[xr.Dataset, xr.DataArray]:
    """Families with what they take, and how many of each are expected to work in each locality."""
    adults = rng.integers(1, 4, count)
    children = rng.binomial(4, 0.25, count)
    logit = -0.5 + rng.normal(0.0, 1.0, (count, 1)) + level + rng.normal(0.0, 1.0, (count, len(LOCALITIES)))
    labels = {"family": np.arange(count)}
    taken = xr.Dataset({"homes": ("family", adults + children), "schools": ("family", children)}, coords=labels)
    return taken, xr.DataArray(adults[:, None] * expit(logit), coords=labels | {"locality": LOCALITIES})


def period(count: int, seed: int) -> tuple[xr.Dataset, xr.DataArray, xr.Dataset, xr.Dataset]:
    """Families who come, their employment, the room for them, and past families."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0.0, 0.5, len(LOCALITIES))
    taken, employment = families(count, rng, level)
    known, worked = families(PAST, rng, level)
    size = rng.lognormal(0.0, 0.6, len(LOCALITIES))
    room = {
        kind: ("locality", np.ceil(1.05 * float(taken[kind].sum()) * size / size.sum())) for kind in taken.data_vars
    }
    return taken, employment, xr.Dataset(room, coords={"locality": LOCALITIES}), known.assign(employment=worked)


def plans() -> list[bool]:
    """A pilot, with 1,000 draws to solve with of 2,500."""
    problem = pilot(2500, seed=1)
    pilot(500, seed=2).solve(seed=1)  # everything is loaded
    started = time.perf_counter()
    plan = problem.solve(seed=1)
    seconds = time.perf_counter() - started
    (report,) = plan.goals
    size = {"people": sum(GROUPS.values()), "groups": len(GROUPS), "localities": 60, "kinds": 3, "solving_draws": 1000}
    reached = {"employed": round(plan.objective, 1), "held_out": report.held_out, "interval": report.held_out_interval}
    return [figure(NAME, "plan_seconds", seconds, "< 2", exists=plan.exists, seed=1, **size, **reached)]


def at_once() -> list[bool]:
    """1,000 families at once."""
    taken, employment, room, _ = period(1000, seed=1)
    found = place_families(taken, employment, room, gap=0.005, seconds=60.0)
    size = {"families": 1000, "localities": 60, "kinds": 2, "seed": 1, "employed": round(found.attrs["employed"], 1)}
    return [
        figure(NAME, "families_seconds", found.attrs["seconds"], "< 30", gap=found.attrs["gap"], **size),
        figure(NAME, "families_gap_percent", 100.0 * found.attrs["gap"], "<= 0.5", **size),
    ]


def one_by_one(count: int, seeds: int) -> list[bool]:
    """Employment as a share of the bound that no placement exceeds which knows all families."""
    shares: dict[str, list[float]] = {"potentials": [], "greedy": []}
    unplaced: dict[str, int] = {"potentials": 0, "greedy": 0}
    started = time.perf_counter()
    for seed in range(1, seeds + 1):
        taken, employment, room, past = period(count, seed)
        bound = place_families(taken, employment, room, gap=0.03).attrs["bound"]
        for rule, found in shares.items():
            placed = online_placement(taken, employment, room, rule=rule, past=past, every=EVERY, seed=seed)
            found.append(placed.attrs["employed"] / bound)
            unplaced[rule] += int((placed["place"] == "none").sum())
    size = {
        "families": count,
        "localities": 60,
        "seeds": seeds,
        "past": PAST,
        "every": EVERY,
        "of": "the bound with all known",
    }
    size["seconds"] = round(time.perf_counter() - started, 1)
    found = []
    for rule, share in shares.items():
        more = size | {"unplaced": unplaced[rule]}
        bar = ">= 0.97" if rule == "potentials" else ""
        found.append(figure(NAME, f"online_{rule}_mean", float(np.mean(share)), bar, **more))
        found.append(figure(NAME, f"online_{rule}_least", min(share), bar, **more))
    return found


def main() -> None:
    """Run every benchmark of placements."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placement", description=__doc__)
    parser.add_argument("--families", type=int, default=1000, help="that come one by one")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    met = [*plans(), *at_once(), *one_by_one(options.families, options.seeds)]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
