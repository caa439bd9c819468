"""What the demo leaves: summary, tables, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from poblar.planner.files import read_json

PLAN_KEYS = {"requested", "in_sample", "held_out", "held_out_interval", "draws", "binding", "plan"}


@pytest.fixture(scope="session")
def summary(demo: Path) -> dict:
    return read_json(demo / "summary.json")


def test_summary_has_the_keys_of_the_design(summary: dict) -> None:
    assert {"quota", "staffing", "seconds", "peak_memory_mb", "seed", "versions"} <= summary.keys()
    for key in ("quota", "staffing"):
        assert summary[key].keys() >= PLAN_KEYS
        low, high = summary[key]["held_out_interval"]
        assert 0 <= low <= summary[key]["held_out"] <= high <= 1
        assert sum(summary[key]["draws"].values()) == 600
    assert summary["seed"] == 1
    assert {"poblar", "pymc", "highspy"} <= summary["versions"].keys()
    assert {"read", "fit", "forecast", "project", "quota", "queue", "staffing", "pictures", "report", "total"} <= set(
        summary["seconds"]
    )
    assert 100 < summary["peak_memory_mb"] < 4096


def test_fits_say_whether_they_came_from_the_cache(summary: dict) -> None:
    assert {fit["name"] for fit in summary["fits"]} == {"mortality", "fertility", "migration", "backlog"}
    assert {fit["from_cache"] for fit in summary["fits"]} == {False}
    assert min(fit["seconds"] for fit in summary["fits"]) > 0


def test_bands_are_tidy_and_nested(demo: Path) -> None:
    bands = pd.read_csv(demo / "bands.csv")
    assert list(bands)[:6] == ["indicator", "country", "sex", "year", "units", "median"]
    assert not bands.duplicated(["indicator", "sex", "year"]).any()
    assert set(bands["indicator"]) == {
        "tfr", "e0", "net_migration", "population", "natural_growth", "social_growth", "growth_rate",
        "dependency_ratio", "support_ratio",
    }  # fmt: skip
    order = ["lower95", "lower80", "lower50", "median", "upper50", "upper80", "upper95"]
    assert (np.diff(bands[order].to_numpy(), axis=1) >= -1e-9).all()
    flows = bands[bands["indicator"] == "net_migration"]["year"]
    assert (flows.min(), flows.max()) == (2024, 2050)


def test_growth_without_the_plan_is_that_of_the_bands(demo: Path) -> None:
    """The response that carries the plan and the projection agree where nobody is admitted."""
    bands = pd.read_csv(demo / "bands.csv").query("indicator == 'growth_rate'").set_index("year")["median"]
    without = pd.read_csv(demo / "growth_with_plan.csv").query("indicator == 'growth_rate' and scenario == 'without'")
    both = without.set_index("year")["median"].loc[bands.index]
    np.testing.assert_allclose(both, bands, atol=1e-6)


def test_the_plan_lifts_growth(demo: Path) -> None:
    growth = pd.read_csv(demo / "growth_with_plan.csv").query("indicator == 'growth_rate' and 2035 <= year <= 2050")
    wide = growth.pivot_table(index="year", columns="scenario", values="lower80")
    assert (wide["with"] > wide["without"]).all()


def test_plans_are_tables_and_respect_the_smoothness_asked_for(demo: Path) -> None:
    quota = pd.read_csv(demo / "quota_plan.csv")
    assert quota["year"].tolist() == list(range(2027, 2051))
    change = quota["admissions"].to_numpy()
    assert (np.abs(np.diff(change)) <= 0.1 * change[:-1] + 1).all()
    staffing = pd.read_csv(demo / "staffing_plan.csv")
    assert staffing["month"].iloc[0] == "2027-01"
    assert staffing["month"].is_unique
    assert (staffing[["hires", "releases"]] % 1 == 0).all(axis=None)
    assert (staffing["at_work"] <= staffing["in_post"] + 1e-6).all()


def test_every_picture_named_is_there(demo: Path, summary: dict) -> None:
    assert {figure["file"] for figure in summary["figures"]} == {
        path.relative_to(demo).as_posix() for path in demo.glob("figures/*.png")
    }
