"""What plans of several files are tried on: three countries between which people can move, and asylum offices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region, reference
from poblar.forecast import Projection, project, simulate_queue
from poblar.optimize import Plan, PopulationGoal, StaffingPlan, SupportRatio
from poblar.optimize.chance import deal

Walks = Callable[[Region, int, int], dict[str, xr.DataArray]]
Surely = Callable[..., list[PopulationGoal]]
Offices = Callable[..., xr.Dataset]
Held = Callable[[StaffingPlan, Plan], xr.Dataset]


@pytest.fixture(scope="session")
def walks() -> Walks:
    """Random walks of TFR, e0 by sex and the rate of net migration to 2041: of a region, so many, by a seed."""

    def made(region: Region, draws: int, seed: int) -> dict[str, xr.DataArray]:
        rng = np.random.default_rng(seed)
        labels = {"draw": np.arange(draws), "country": list(region.countries), "year": np.arange(2024, 2042)}

        def walk(level: float, step: float, units: str, **more: list[str]) -> xr.DataArray:
            coords = labels | more
            steps = rng.normal(0.0, step, [len(values) for values in coords.values()])
            return xr.DataArray(level + steps.cumsum(axis=2), coords=coords, dims=list(coords), attrs={"units": units})

        return {
            "fertility": walk(1.8, 0.02, "children per woman"),
            "mortality": walk(77.0, 0.1, "years", sex=["female", "male"]),
            "migration": walk(0.0, 0.0002, "per person-year"),
        }

    return made


@pytest.fixture(scope="session")
def three() -> Region:
    """Mexico, the United States and Guatemala."""
    return reference.region(("MEX", "USA", "GTM"))


@pytest.fixture(scope="session")
def peoples(three: Region, walks: Walks) -> Projection:
    """Their populations to 2042."""
    return project(three, **walks(three, 800, 1))


@pytest.fixture(scope="session")
def surely(peoples: Projection) -> Surely:
    """A country's support ratio in 2042 that is this much more than what is reached with 90 % probability anyhow."""

    def goals(country: str, more: float = 0.0) -> list[PopulationGoal]:
        now = float(peoples.support_ratio.sel(country=country, year=2042).quantile(0.1))
        return [SupportRatio(at_least=now + more, years=[2042], probability=0.9)]

    return goals


@pytest.fixture(scope="session")
def offices() -> Offices:
    """Queues from 2027-01 on whose officers decide ten cases a month; levels of arrivals are uncertain."""

    def made(arrivals: dict[str, float], *, backlog: float = 0.0, noise: float = 0.3, seed: int = 1) -> xr.Dataset:
        axes, shape = ("draw", "office", "month"), (600, len(arrivals), 48)
        rng = np.random.default_rng(seed)
        level = np.exp(noise * rng.standard_normal((600, len(arrivals), 1)) - 0.5 * noise**2)
        month = rng.gamma(50.0, 1 / 50.0, shape) if noise else np.ones(shape)
        mean = np.array(list(arrivals.values()))
        return xr.Dataset(
            {
                "arrivals": (axes, mean[:, None] * level * month),
                "productivity": (axes, np.full(shape, 10.0)),
                "withdrawal": (axes, np.full(shape, 0.01 if noise else 0.0)),
                "backlog": ("office", backlog * mean),
            },
            coords={
                "office": list(arrivals),
                "month": (np.datetime64("2027-01", "M") + np.arange(48)).astype("datetime64[s]"),
            },
        )

    return made


@pytest.fixture(scope="session")
def held() -> Held:
    """The queues run with a plan's officers on the draws held out."""

    def run(problem: StaffingPlan, plan: Plan) -> xr.Dataset:
        queue = problem.queue.rename(office="country").isel(draw=deal(600, seed=1)["certify"])
        officers = problem.officers(plan)
        return simulate_queue(queue, officers.rename(office="country") if "office" in officers.dims else officers)

    return run
