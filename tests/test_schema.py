"""docs/schema.md and the code name the same axes, outputs and units."""

import warnings
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from poblar.data import Panel, reference
from poblar.data.axes import AXES, UNITS
from poblar.data.cases import asylum_ledger, case_panel
from poblar.forecast import (
    Backlog,
    Caseload,
    Fertility,
    Flows,
    Migration,
    Mortality,
    Recognition,
    bands,
    project,
    simulate_queue,
)
from poblar.forecast.fit import Model
from poblar.optimize import (
    Admissions,
    GrowthRate,
    PlacementPlan,
    Plan,
    QuotaPlan,
    Staffing,
    StaffingPlan,
    WaitTime,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "schema.md"

Rows = set[tuple[str, ...]]


def _table(heading: str) -> list[list[str]]:
    """Rows of the table under `heading`, each a list of cells."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def _rows(group: str, found: xr.Dataset | xr.DataArray) -> Rows:
    """A row for each variable: what it is of, its name, its axes and its unit."""
    arrays = {str(found.name): found} if isinstance(found, xr.DataArray) else dict(found.data_vars)
    return {
        (group, str(name), ", ".join(map(str, array.dims)), str(array.attrs.get("units", "")))
        for name, array in arrays.items()
    }


def _forecast(model: Model, panel: Panel, until: int | str) -> xr.Dataset | xr.DataArray:
    """What a forecast looks like, of a few parameters drawn from the prior instead of a fit."""
    with model.build(panel) as built:
        names = [variable.name for variable in built.free_RVs + built.deterministics]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The effect of Potentials", category=UserWarning)
            drawn = pm.sample_prior_predictive(
                3, var_names=names, random_seed=1, compile_kwargs={"mode": "FAST_COMPILE"}
            )
    sample = drawn["prior"].to_dataset().isel(chain=0, drop=True)
    return model.simulate(sample, panel, until, np.random.default_rng(1))


def _own(heading: str) -> Rows:
    return {tuple(row) for row in _table(heading)}


def test_schema_page_lists_the_axes_in_order() -> None:
    assert tuple(row[0] for row in _table("Axes")) == AXES


def test_schema_page_lists_every_quantity_with_its_unit() -> None:
    assert {row[0]: row[1] for row in _table("Quantities and their units")} == UNITS


def test_forecasts_are_as_listed() -> None:
    region = reference.region(("MEX", "USA"))
    asylum = region.asylum.sel(country="MEX")
    found: Rows = set()
    for model, panel, until in (
        (Fertility(), region.tfr, 2024),
        (Mortality(), region.e0, 2024),
        (Migration(), region.net_migration, 2024),
        (Flows(), reference.encounters(), "2023-03"),
        (Backlog(), asylum, "2023-03"),
        (Caseload(), case_panel(asylum_ledger(asylum), asylum.dataset.attrs), 2023),
        (Recognition(), reference.decisions("MEX"), 2023),
    ):
        found |= _rows(type(model).__name__, _forecast(model, panel, until))
    assert found == _own("Forecasts")


def test_projections_are_as_listed() -> None:
    people = project(reference.region(("MEX",)))
    rates = xr.Dataset({name: getattr(people, name) for name in ("growth_rate", "natural_growth", "social_growth")})
    found = _rows("stocks", people.stocks) | _rows("flows", people.flows) | _rows("rates", rates)
    assert found == _own("Projections")
    assert bands(people.growth_rate).columns.tolist() == [
        "country", "year", "units", "median", "lower50", "upper50", "lower80", "upper80", "lower95", "upper95",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def queue() -> xr.Dataset:
    axes, flat = ("draw", "office", "month"), np.ones((200, 1, 36))
    arrivals = 100 * flat * np.random.default_rng(1).uniform(0.9, 1.1, (200, 1, 1))
    flows = {"arrivals": arrivals, "productivity": 10 * flat, "withdrawal": 0 * flat}
    months = np.arange("2027-01", "2030-01", dtype="datetime64[M]").astype("datetime64[s]")
    return xr.Dataset(
        {name: (axes, flow) for name, flow in flows.items()} | {"backlog": ("office", [100.0])},
        coords={"office": ["A"], "month": months},
    )


def test_queues_are_as_listed(queue: xr.Dataset) -> None:
    run = simulate_queue(queue.rename(office="country"), 10, keep=["arrivals", "pending", "ages"], longest=6)
    assert {row[1:] for row in _rows("", run)} == {tuple(row[:3]) for row in _table("Queues")}


def _path(level: float, step: float, units: str, **more: list[str]) -> xr.DataArray:
    coords = {"draw": np.arange(200), "country": ["MEX"], "year": np.arange(2024, 2031), **more}
    steps = np.random.default_rng(1).normal(0.0, step, [len(labels) for labels in coords.values()])
    return xr.DataArray(level + steps.cumsum(axis=2), coords=coords, dims=list(coords), attrs={"units": units})


def test_plans_are_as_listed(queue: xr.Dataset) -> None:
    people = project(
        reference.region(("MEX",)),
        fertility=_path(1.7, 0.03, "children per woman"),
        mortality=_path(77.0, 0.1, "years", sex=["female", "male"]),
        migration=_path(-0.001, 0.0003, "per person-year"),
    )
    rooms = 100 * np.random.default_rng(1).uniform(0.9, 1.1, (300, 2))
    places = {"group": ["adults"], "locality": ["A", "B"]}
    plans: list[Plan] = [
        QuotaPlan(
            people,
            levers=[Admissions("workers", profile="worker", years=range(2027, 2031))],
            goals=[GrowthRate(at_least=0.005, years=[2030], probability=0.8)],
        ).solve(seed=1),
        StaffingPlan(
            queue,
            start="2027-01",
            in_post=10,
            levers=[Staffing(cost=1.0)],
            goals=[WaitTime(at_most="3 months", since="2028-06", probability=0.8)],
        ).solve(seed=1),
        PlacementPlan(
            people={"adults": 150},
            employment=xr.DataArray([[0.5, 0.6]], dims=tuple(places), coords=places),
            room=xr.Dataset({"homes": (("draw", "locality"), rooms)}, coords={"locality": ["A", "B"]}),
        ).solve(seed=1),
    ]
    names = ("QuotaPlan", "StaffingPlan", "PlacementPlan")
    found = set().union(*(_rows(name, plan.decision) for name, plan in zip(names, plans, strict=True)))
    assert found == _own("Plans")
    for plan in plans:
        for column in plan.certificate().columns:
            assert f"`{column}`" in PAGE.read_text(encoding="utf-8")
