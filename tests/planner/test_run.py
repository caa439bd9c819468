"""What a study leaves: summary, tables, pictures; and what a second run does, and does not do."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from poblar.planner.files import read_json, write_json
from poblar.planner.run import run_study
from poblar.planner.study import Study
from rich.console import Console

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


def test_fits_say_whether_they_were_made_now(summary: dict) -> None:
    assert {fit["name"] for fit in summary["fits"]} == {"mortality", "fertility", "migration", "backlog"}
    assert summary["fitted"]["from_cache"] == []
    assert min(summary["fitted"]["seconds"].values()) > 0


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
    assert {figure["file"] for figure in summary["figures"]} <= {
        path.relative_to(demo).as_posix() for path in demo.glob("figures/*")
    }


def test_the_manifest_names_every_file_with_its_hash(demo: Path) -> None:
    manifest = read_json(demo / "manifest.json")
    there = {path.relative_to(demo).as_posix() for path in demo.rglob("*") if path.is_file()}
    notes = {"manifest.json", "summary.json"} | {name for name in there if name.startswith("parts/")}
    assert manifest["files"].keys() == there - notes
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((demo / name).read_bytes()).hexdigest() == digest
    assert {"poblar", "python", "pymc"} <= manifest["versions"].keys()


def test_no_migration_is_no_migration(demo: Path) -> None:
    table = pd.read_csv(demo / "scenarios.csv").query("scenario == 'nobody migrates' and indicator == 'net_migration'")
    assert (table.query("year >= 2024")[["lower95", "upper95"]] == 0).all(axis=None)


@pytest.fixture
def study(summary: dict) -> Study:
    return Study.model_validate(summary["study"])


@pytest.fixture
def again(demo: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be run again."""
    return Path(shutil.copytree(demo, tmp_path / "again"))


def rerun(study: Study, out: Path, cache: Path, *, fresh: bool = False) -> list[str]:
    """Titles of the stages that a run went through; what is kept is not among them."""
    lines = io.StringIO()
    run_study(study, out, console=Console(file=lines, width=200), cache=cache, fresh=fresh)
    return [line.split("s  ", 1)[1].split("  ")[0] for line in lines.getvalue().splitlines() if "Keep" not in line]


def hashes(folder: Path) -> dict[str, str]:
    timed = ("summary.json", "manifest.json")
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in timed]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_nothing_is_done_twice(study: Study, again: Path, cache: Path) -> None:
    before = hashes(again)
    assert rerun(study, again, cache) == []
    assert hashes(again) == before


def test_the_same_study_elsewhere_is_the_same_to_the_byte(
    study: Study, demo: Path, cache: Path, tmp_path: Path
) -> None:
    stages = rerun(study, tmp_path / "elsewhere", cache)
    assert "Plan the admissions" in stages
    assert hashes(tmp_path / "elsewhere") == hashes(demo)


def test_only_what_depends_on_a_change_is_made_anew(study: Study, again: Path, cache: Path) -> None:
    before = hashes(again)
    assert study.staffing is not None
    staffing = study.staffing.model_copy(update={"in_post": 150.0})
    stages = rerun(study.model_copy(update={"staffing": staffing}), again, cache)
    assert "Plan the officers" in stages
    assert not {"Plan the admissions", "Project the population", "Compare the scenarios"} & set(stages)
    after = hashes(again)
    assert {name for name in before if name.endswith(".csv") and after[name] != before[name]} <= {
        "staffing_plan.csv", "backlog_bands.csv", "promise.csv"
    }  # fmt: skip


def test_what_is_no_longer_asked_for_goes(study: Study, again: Path, cache: Path) -> None:
    rerun(study.model_copy(update={"staffing": None, "scenarios": ()}), again, cache)
    left = {path.name for path in again.iterdir()}
    assert not left & {"staffing_plan.csv", "backlog_bands.csv", "scenarios.csv"}
    assert "staffing" not in read_json(again / "summary.json")


@pytest.mark.parametrize("harm", ["changed", "gone", "note"])
def test_a_part_that_was_tampered_with_or_interrupted_is_made_again(
    study: Study, again: Path, cache: Path, harm: str
) -> None:
    before = hashes(again)
    target = again / ("parts/quota.json" if harm == "note" else "quota_plan.csv")
    target.unlink() if harm == "gone" else target.write_text("{}")
    stages = rerun(study, again, cache)
    assert "Plan the admissions" in stages
    assert "Plan the officers" not in stages
    assert hashes(again) == before


def test_a_note_cannot_have_files_elsewhere_removed(study: Study, again: Path, cache: Path) -> None:
    outside = again.parent / "mine.txt"
    outside.write_text("keep")
    note = read_json(again / "parts" / "scenarios.json")
    write_json(note | {"files": {"../mine.txt": "0", "scenarios.csv": "0"}}, again / "parts" / "scenarios.json")
    rerun(study.model_copy(update={"scenarios": ()}), again, cache)
    assert outside.read_text() == "keep"
