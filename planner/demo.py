"""The demo: forecasts and two plans for one country, from published figures to a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from rich.console import Console

from ..data import Region, reference
from ..forecast import Projection, Sampling, project
from ..optimize import Plan
from . import findings, frames, plan_plots, plans, plots, report, summary
from ._stages import Say, Stages
from ._style import Picture
from .errors import PlannerError
from .files import write_csv, write_json
from .fits import WHAT, Fits, fit_models, memory_mb
from .names import country_name
from .study import Study

__all__ = ["run_demo"]

PAST, FUTURE = [2000, 2020], [2050, 2070]  # years of the pyramids
SHOWN_DRAWS = 2000  # draws of the pictures of growth under the plan


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """Everything the pictures and CSV files show."""

    bands: pd.DataFrame
    history: pd.DataFrame
    pyramid_past: pd.DataFrame
    pyramids: pd.DataFrame
    growth: pd.DataFrame
    queue: pd.DataFrame
    promise: pd.DataFrame
    quota: pd.DataFrame
    staffing: pd.DataFrame
    ledger: pd.DataFrame


def run_demo(
    study: Study,
    out: str | Path,
    *,
    draws: int,
    seed: int,
    console: Console,
    fresh: bool = False,
    cache: str | Path | None = None,
) -> dict[str, Any]:
    """Carry a study out and leave its report, summary, pictures and tables in a folder.

    Parameters
    ----------
    study : Study
        What is asked.
    out : str or Path
        Folder to write; made if need be.
    draws : int
        Draws of every forecast; the plans use 40 % to solve, 30 % to calibrate and 30 % to certify.
    seed : int
        Seed of everything random.
    console : rich.console.Console
        Where stages and answers are shown.
    fresh : bool
        Fit anew whatever the cache holds.
    cache : str or Path, optional
        Folder of the cache of fits.

    Returns
    -------
    dict
        What summary.json holds.

    Raises
    ------
    PoblarError
        If a figure, fit, forecast or plan cannot be made, or the folder cannot be written.

    Examples
    --------
    >>> run_demo(Study(country="GTM"), "out/guatemala", draws=6000, seed=1, console=Console(quiet=True))
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected a country with an asylum ledger, found GTM; ...
    """
    folder = Path(out)
    _make(folder)
    with Stages(console) as stages:
        with stages.stage("read", "Read the published figures") as say:
            region = reference.region()
            say(f"{len(region.countries)} countries, 1950 to {int(region.tfr['year'][-1])}")
        with stages.stage("fit", "Fit the four models") as say:
            fits = _fit(region, study, seed, fresh, cache, say)
            floor = memory_mb() + fits.workers_mb
        with stages.stage("forecast", "Forecast", f"{draws:,} draws to {study.until}"):
            rates = {
                name: fits[model].forecast(until=study.until, draws=draws, seed=seed)
                for name, model in (("tfr", "fertility"), ("e0", "mortality"), ("net", "migration"))
            }
        with stages.stage("project", "Project the population", f"{draws:,} draws, single years of age"):
            people = project(
                region.sel(country=study.country),
                fertility=rates["tfr"],
                mortality=rates["e0"],
                migration=rates.pop("net"),
            )
        with stages.stage("quota", "Plan the admissions") as say:
            quota = plans.quota_plan(people, study).solve(seed=seed)
            say(_tried(quota))
        with stages.stage("queue", "Forecast the asylum queue", f"{draws:,} draws to {study.horizon}"):
            queue = fits["backlog"].forecast(until=study.horizon, draws=draws, seed=seed)
        with stages.stage("staffing", "Plan the officers") as say:
            staffing = plans.staffing_plan(queue, study).solve(seed=seed)
            say(_tried(staffing))
        with stages.stage("tables", "Make the tables", "median, 50, 80 and 95 %"):
            runs = _runs(queue, staffing, study)
            tables = _tables(region, people, rates, quota, queue, staffing, runs, study)
            found = {
                "people": findings.people_findings(people, study.until),
                "queue": findings.queue_findings(runs, study),
            }
        with stages.stage("pictures", "Draw the pictures") as say:
            pictures = _pictures(tables, study)
            _save(pictures, tables, folder)
            say(f"{len(pictures)} pictures")
        with stages.stage("report", "Write the report"):
            record = {
                "title": country_name(study.country),
                "last_observed": {"people": int(region.tfr["year"][-1]), "ledger": int(tables.ledger["year"].max())},
                "quota": summary.plan_record(quota),
                "staffing": summary.plan_record(staffing),
                "findings": found,
                "figures": [
                    {
                        "file": f"figures/{p.name}.png",
                        "name": p.name,
                        "title": p.title,
                        "alt": p.alt,
                        "source": p.source,
                    }
                    for p in pictures
                ],
                "fits": summary.fit_records(fits),
                "sources": summary.source_records(),
                "study": summary.study_record(study),
                "seconds": dict(stages.seconds),
                "peak_memory_mb": round(max(memory_mb(), floor)),
                "draws": draws,
                "seed": seed,
                "versions": summary.versions(),
            }
            write_json(record, folder / "summary.json")
            report.write_report(folder)
    # Once more, since the report takes time too.
    record["seconds"] |= stages.seconds | {"total": sum(stages.seconds.values())}
    write_json(record, folder / "summary.json")
    return record


def _make(folder: Path) -> None:
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlannerError(
            f"expected a folder that can be written at {folder}, found {error.strerror or error}; "
            "name another with --out."
        ) from error


def _fit(region: Region, study: Study, seed: int, fresh: bool, cache: str | Path | None, say: Say) -> Fits:
    states: dict[str, str] = {}

    def tell(name: str, state: str) -> None:
        states[name] = state
        say(", ".join(f"{name} {state}" for name, state in states.items()))

    fits = fit_models(
        region,
        ledger=study.country,
        seed=seed,
        sampling=Sampling(draws=study.sampling_draws, tune=study.sampling_tune),
        accept_unconverged=study.accept_unconverged,
        fresh=fresh,
        cache=cache,
        progress=tell,
    )
    if not fits.cached:
        say("all four fitted now")
    elif len(fits.cached) == len(WHAT):
        say("all four read from the cache of an earlier fit")
    else:
        say(f"{', '.join(fits.cached)} read from the cache, the others fitted now")
    return fits


def _runs(queue: xr.Dataset, staffing: Plan, study: Study) -> dict[str, xr.Dataset]:
    planned = plans.staffing_plan(queue, study).officers(staffing)
    return {
        "without": plans.queue_with_officers(queue, xr.full_like(planned, float(study.in_post))),
        "with": plans.queue_with_officers(queue, planned),
    }


def _tables(
    region: Region,
    people: Projection,
    rates: dict[str, xr.DataArray],
    quota: Plan,
    queue: xr.Dataset,
    staffing: Plan,
    runs: dict[str, xr.Dataset],
    study: Study,
) -> _Tables:
    some = people.isel(draw=slice(SHOWN_DRAWS))
    ledger = _ledger(region, study.country)
    return _Tables(
        bands=frames.indicator_bands(people, rates),
        history=frames.history(region, study.country),
        pyramid_past=frames.pyramid_history(region, study.country, PAST),
        pyramids=frames.pyramid_bands(people, [year for year in FUTURE if year <= study.until + 1]),
        growth=frames.growth_bands(plans.growth_with_plan(some, quota, study)),
        queue=frames.queue_bands(queue, runs),
        promise=frames.promise(runs, study),
        quota=summary.plan_frame(quota),
        staffing=summary.plan_frame(staffing),
        ledger=ledger,
    )


def _ledger(region: Region, country: str) -> pd.DataFrame:
    """The asylum ledger of a country as a tidy table."""
    if region.asylum is None:
        raise PlannerError(f"expected an asylum ledger for {country}, found none; choose a country that has one.")
    ledger = region.asylum.sel(country=country).dataset
    names = ["applications", "recognized", "rejected", "closed", "pending", "staff"]
    frame = ledger[names].squeeze("country", drop=True).to_dataframe().reset_index()
    return frame[["year", *names]].dropna(subset="pending")


def _pictures(tables: _Tables, study: Study) -> list[Picture]:
    return [
        *plots.fan_pictures(tables.bands, tables.history),
        plots.pyramid_picture(tables.pyramid_past, tables.pyramids, study.country),
        plan_plots.quota_picture(tables.quota, tables.growth, study),
        plan_plots.queue_picture(tables.queue, tables.ledger, study),
        plan_plots.wait_picture(tables.queue, tables.promise, study),
        plan_plots.officers_picture(tables.staffing, study),
    ]


def _save(pictures: list[Picture], tables: _Tables, folder: Path) -> None:
    for picture in pictures:
        # Without the writer's version and date, the same figures give the same file.
        picture.figure.savefig(folder / "figures" / f"{picture.name}.png", metadata={"Software": None})
    write_csv(tables.bands, folder / "bands.csv")
    write_csv(tables.history, folder / "history.csv")
    write_csv(tables.pyramids, folder / "pyramids.csv")
    write_csv(tables.growth, folder / "growth_with_plan.csv")
    write_csv(tables.queue, folder / "backlog_bands.csv")
    write_csv(tables.quota, folder / "quota_plan.csv")
    write_csv(tables.staffing, folder / "staffing_plan.csv")


def _figure_record(picture: Picture) -> dict[str, str]:
    words = {name: getattr(picture, name) for name in ("name", "title", "alt", "source")}
    return {"file": f"figures/{picture.name}.png", **words}


def _tried(plan: Plan) -> str:
    sets = ", ".join(f"{count:,} to {name}" for name, count in plan.draws.items())
    return f"{plan.record['linear_programs']} linear programs; draws: {sets}"
