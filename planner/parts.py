"""The parts of a study: each makes some tables and a record, and is made anew only when what it depends on changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
import xarray as xr

from ..forecast import Scenario, compare
from . import findings, frames, plans, summary
from .errors import PlannerError
from .study import Study
from .work import Work

__all__ = ["PARTS", "Made", "Part"]

EVERY = 5  # years between two pyramids ahead
SHOWN_DRAWS = 2000  # draws of the pictures of growth under the plan
FORECAST = "forecast"  # the scenario in which nothing is changed
SOURCES: Final = (".py", ".csv", ".json", ".nc", ".html", ".po", ".yaml")  # files of poblar that decide what is made
PATHS = 60  # draws shown one by one


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a part makes.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By the name of their file.
    record : dict
        Its entries in ``summary.json``.

    Examples
    --------
    >>> Made(tables={}, record={"title": "Mexico"}).record["title"]
    'Mexico'
    """

    tables: dict[str, pd.DataFrame]
    record: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a study.

    Parameters
    ----------
    name : str
        What it is called in the manifest.
    sections : tuple of str
        Parts of the plan file that it depends on, besides data, models, seed and draws.
    wanted : callable
        Whether a study asks for it.
    make : callable
        Makes it.

    Examples
    --------
    >>> [part.name for part in PARTS if part.wanted(Study(staffing=None))]
    ['people', 'quota']
    """

    name: str
    sections: tuple[str, ...]
    wanted: Callable[[Study], bool]
    make: Callable[[Work], Made]

    def key(self, study: Study, figures: str) -> str:
        """Digest of everything that decides what the part makes: of the study, its figures, versions and code."""
        asked = study.model_dump(mode="json")
        common = ("version", "country", "data", "draws", "seed", "models")
        parts = [
            self.name,
            {name: asked[name] for name in (*common, *self.sections)},
            figures,
            summary.versions(),
            code(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _people(work: Work) -> Made:
    study, region, people = work.study, work.own, work.people
    with work.stages.stage("tables", "Make the tables", "median, 50, 80 and 95 %"):
        rates = {name: work.rates[name] for name in ("tfr", "e0")}
        decades = region.population["year"].to_numpy().tolist()
        first = int(rates["tfr"]["year"][0])
        ahead = [year for year in range(first, study.until + 1) if year % EVERY == 0] or [study.until + 1]
        return Made(
            tables={
                "bands": frames.indicator_bands(people, rates),
                "history": frames.history(region, study.country),
                "pyramids": frames.pyramid_bands(people, ahead),
                "pyramids_past": frames.pyramid_history(region, study.country, decades),
                "paths": frames.paths(people, rates, PATHS),
            },
            record={
                "findings": {"people": findings.people_findings(people, study.until, study.place)},
                "last_observed": {"people": int(region.tfr["year"][-1])},
            },
        )


def _quota(work: Work) -> Made:
    asked, people = work.study.quota, work.people
    assert asked is not None
    with work.stages.stage("quota", "Plan the admissions") as say:
        plan = plans.quota_plan(people, asked).solve(seed=work.study.seed)
        say(summary.tried(plan))
    growth = plans.growth_with_plan(people.isel(draw=slice(SHOWN_DRAWS)), plan, asked)
    return Made(
        tables={"quota_plan": summary.plan_frame(plan), "growth_with_plan": frames.growth_bands(growth)},
        record={"quota": summary.plan_record(plan, work.study.place)},
    )


def _scenarios(work: Work) -> Made:
    study, rates = work.study, work.rates
    with work.stages.stage("scenarios", "Compare the scenarios", f"{len(study.scenarios)} on the same draws"):
        tfr, e0, net = (rates[name].isel(draw=slice(SHOWN_DRAWS)) for name in ("tfr", "e0", "net"))
        futures = [Scenario(name=FORECAST), *(future.made() for future in study.scenarios)]
        found = compare(work.own, futures, fertility=tfr, mortality=e0, migration=net)
        return Made(
            tables={
                "scenarios": frames.scenario_bands(found),
                "scenario_differences": frames.scenario_differences(found),
            },
            record={"scenarios": [future.model_dump(mode="json") for future in study.scenarios]},
        )


def _staffing(work: Work) -> Made:
    study, queue, asked = work.study, work.queue, work.study.staffing
    assert asked is not None
    problem = plans.staffing_plan(queue, asked)
    with work.stages.stage("staffing", "Plan the officers") as say:
        plan = problem.solve(seed=study.seed)
        say(summary.tried(plan))
    planned = problem.officers(plan)
    runs = {
        "without": plans.queue_with_officers(queue, xr.full_like(planned, float(asked.in_post))),
        "with": plans.queue_with_officers(queue, planned),
    }
    ledger = frames.ledger(work.panels["backlog"], study.country)
    tables = {
        "backlog_bands": frames.queue_bands(queue, runs),
        "staffing_plan": summary.plan_frame(plan),
        "ledger": ledger,
    }
    if asked.promised is not None:
        tables["promise"] = frames.promise(runs, asked.promised)
    return Made(
        tables=tables,
        record={
            "staffing": summary.plan_record(plan, study.place),
            "findings": {"queue": findings.queue_findings(runs, asked)},
            "last_observed": {"ledger": int(ledger["year"].max())},
        },
    )


PARTS: Final = (
    Part(name="people", sections=("until",), wanted=lambda study: study.has_people, make=_people),
    Part(name="quota", sections=("until", "quota"), wanted=lambda study: study.quota is not None, make=_quota),
    Part(
        name="scenarios",
        sections=("until", "scenarios"),
        wanted=lambda study: bool(study.scenarios),
        make=_scenarios,
    ),
    Part(name="staffing", sections=("staffing",), wanted=lambda study: study.staffing is not None, make=_staffing),
)
"""In the order of the report."""


def figures_of(study: Study, folder: Path) -> str:
    """Digest of the files of one's own that a study reads; the bundled figures are part of the code."""
    data = study.data
    names = [name for name in (data.rates, data.population, data.ledger) if name is not None]
    paths = [folder / name for name in names]
    if data.source == "wpp2024":
        from ..data import fetch

        root = data.folder or fetch.folder("wpp2024")
        paths = sorted(path for path in Path(root).iterdir() if path.is_file()) if Path(root).is_dir() else []
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as stream:
                digest.update(path.name.encode() + hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise PlannerError(
                f"expected the file {path} that the plan file names, found {error.strerror or error}; "
                "put it beside the plan file, or mend its name."
            ) from None
    return digest.hexdigest()


@cache
def code() -> str:
    """Digest of poblar's own code and bundled tables."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for room in ("data", "forecast", "optimize", "planner"):
        for path in sorted((root / room).rglob("*")):
            if path.suffix in SOURCES:
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
