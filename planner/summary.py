"""The demo in figures: what `summary.json` holds and the report is made from."""

from __future__ import annotations

import re
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import pandas as pd

from ..data import reference
from ..forecast.fit import RECORDED
from ..optimize import Plan
from .fits import Fits
from .study import Study

__all__ = ["fit_records", "plan_record", "source_records", "versions"]

FITTED = {
    "mortality": "Life expectancy at birth",
    "fertility": "Total fertility rate",
    "migration": "Net migration rate",
    "backlog": "Asylum ledger",
}
PEOPLE_TABLES = (
    "tfr", "e0", "vital", "total", "population", "mx", "mx_recent", "fertility_pattern", "sex_ratio", "migrant_ages",
)  # fmt: skip
LEDGER_TABLES = ("asylum",)
CODE = re.compile(r"^(No plan for )?[A-Z]{3}: ")
PACKAGES = (*RECORDED, "xarray", "pandas", "scipy", "cvxpy", "highspy", "numba")


def plan_record(plan: Plan, place: str | None = None) -> dict[str, Any]:
    """A plan as plain values: asked, reached, binding, prices, decision.

    Parameters
    ----------
    plan : Plan
        From a solve; one that does not exist is recorded with what comes nearest.
    place : str, optional
        What the answer calls the place, instead of its code.

    Returns
    -------
    dict
        Keys ``requested``, ``in_sample``, ``held_out``, ``held_out_interval`` (of the goal with the least room),
        ``draws``, ``binding``, ``plan``, and ``exists``, ``answer``, ``goals``, ``prices``, ``assumptions``,
        ``record``.

    Examples
    --------
    >>> import xarray as xr
    >>> from poblar.optimize import GoalReport
    >>> goal = GoalReport(goal="growth", requested=0.9, in_sample=0.92, held_out=0.91, held_out_interval=(0.89, 0.93))
    >>> plan = Plan(exists=True, answer="MEX: so many.", goals=[goal], objective=1.0, objective_units="persons",
    ...             decided=xr.Dataset({"admissions": ("year", [5.0])}, coords={"year": [2030]}))
    >>> record = plan_record(plan)
    >>> record["held_out"], record["plan"]
    (0.91, [{'year': 2030, 'admissions': 5.0}])
    """
    tightest = min(plan.goals, key=lambda report: report.held_out - report.requested)
    return {
        "exists": plan.exists,
        "answer": plan.answer if place is None else CODE.sub(lambda code: f"{code[1] or ''}{place}: ", plan.answer),
        "requested": tightest.requested,
        "in_sample": tightest.in_sample,
        "held_out": tightest.held_out,
        "held_out_interval": list(tightest.held_out_interval),
        "draws": dict(plan.draws),
        "binding": [
            *(f"{report.goal}, decided by {report.binding}" for report in plan.goals if report.binding),
            *plan.binding,
        ],
        "plan": plan_frame(plan).to_dict("records"),
        "objective": plan.objective,
        "objective_units": plan.objective_units,
        "goals": [asdict(report) for report in plan.goals],
        "prices": plan.prices["in_words"].tolist() if len(plan.prices) else [],
        "assumptions": list(plan.assumptions),
        "record": {name: value for name, value in plan.record.items() if name != "seconds"},  # which no two runs share
    }


def plan_frame(plan: Plan) -> pd.DataFrame:
    """The plan, or what comes nearest to one, as a tidy table; months as "2027-01"."""
    frame = plan.table
    if "month" in frame:
        frame["month"] = frame["month"].dt.strftime("%Y-%m")
    return frame


def fit_records(fits: Fits) -> list[dict[str, Any]]:
    """What the convergence gate saw of each fit.

    Parameters
    ----------
    fits : Fits
        From `poblar.planner.fits.fit_models`.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> fit_records(Fits(posteriors={}))
    []
    """
    records = []
    for name, posterior in fits.posteriors.items():
        shape = posterior.parameters.sizes
        records.append(
            {
                "name": name,
                "what": FITTED[name],
                "model": type(posterior.model).__name__,
                "countries": posterior.panel["country"].to_numpy().tolist(),
                "draws": int(shape["draw"] * shape["chain"]),
                "chains": int(shape["chain"]),
                **asdict(posterior.diagnostics),
                "converged": posterior.diagnostics.converged,
            }
        )
    return records


def source_records(study: Study) -> list[dict[str, str]]:
    """Publications behind a study's figures, with licence, revision and the tables drawn from each.

    Parameters
    ----------
    study : Study
        What is asked.

    Returns
    -------
    list of dict
        Keys publisher, title, revision, licence, retrieved, tables.

    Examples
    --------
    >>> source_records(Study())[0]["licence"]
    'CC BY 3.0 IGO'
    """
    keys = ("publisher", "title", "revision", "licence", "retrieved")
    own = [str(path) for path in (study.data.rates, study.data.population, study.data.ledger) if path is not None]
    found = []
    if own:
        words = (study.data.origin, "figures of the planner's own", "as given", "the planner's own", "as given")
        found.append({**dict(zip(keys, words, strict=True)), "tables": ", ".join(own)})
    tables: dict[tuple[str, ...], list[str]] = {}
    used = (*(PEOPLE_TABLES if study.has_people else ()), *(LEDGER_TABLES if study.staffing and not own else ()))
    for table, entry in ((table, entry) for table, entry in reference.sources().items() if table in used):
        tables.setdefault(tuple(str(entry.get(key, "")) for key in keys), []).append(table)
    if study.has_people or not own:
        found += [
            {**dict(zip(keys, values, strict=True)), "tables": ", ".join(names)} for values, names in tables.items()
        ]
    return found


def tried(plan: Plan) -> str:
    """What a solve took, in words.

    Parameters
    ----------
    plan : Plan
        From a solve.

    Returns
    -------
    str
    """
    sets = ", ".join(f"{count:,} to {name}" for name, count in plan.draws.items())
    return f"{plan.record['linear_programs']} linear programs; draws: {sets}"


def versions() -> dict[str, str]:
    """Versions of the packages that decide the numbers.

    Returns
    -------
    dict of str

    Examples
    --------
    >>> "pymc" in versions()
    True
    """
    return {name: version(name) for name in PACKAGES}
