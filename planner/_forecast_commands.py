"""`poblar fit`, `forecast`, `project` and `backlog`: bands of what is to come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ._console import Output
from ._options import (
    Cache,
    Country,
    Csv,
    Draws,
    Fresh,
    Json,
    Plan,
    Quiet,
    Seed,
    Until,
    study_of,
    work_of,
)

app = typer.Typer(help="Forecast a rate, or any counts in a file, with bands.", no_args_is_help=True)

TITLES = {
    "fertility": "Total fertility rate",
    "mortality": "Life expectancy at birth",
    "migration": "Net migration rate",
}
QUEUE = {
    "arrivals": "Applications",
    "pending": "People waiting",
    "wait": "Wait of a new applicant (120: or longer)",
}


@app.command()
def fertility(
    country: Country = None, until: Until = None, plan: Plan = None, draws: Draws = None, seed: Seed = None,
    csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast the total fertility rate, children per woman.

    Example: `poblar forecast fertility --country GTM --until 2050`
    """
    _rate("fertility", country, until, plan, draws, seed, csv, as_json, quiet, fresh, cache)


@app.command()
def mortality(
    country: Country = None, until: Until = None, plan: Plan = None, draws: Draws = None, seed: Seed = None,
    csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast life expectancy at birth of women and men, years.

    Example: `poblar forecast mortality --country SLV --csv e0.csv`
    """
    _rate("mortality", country, until, plan, draws, seed, csv, as_json, quiet, fresh, cache)


@app.command()
def migration(
    country: Country = None, until: Until = None, plan: Plan = None, draws: Draws = None, seed: Seed = None,
    csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast the net migration rate, a share of the population.

    Example: `poblar forecast migration --country USA`
    """
    _rate("migration", country, until, plan, draws, seed, csv, as_json, quiet, fresh, cache)


@app.command()
def counts(
    file: Annotated[Path, typer.Argument(help="CSV file: series, month (or year), count.")],
    until: Annotated[str, typer.Option(help="Last month, such as 2027-12.")],
    ends: Annotated[int, typer.Option(min=1, max=12, help="Month in which a year of the file ends.")] = 12,
    missing: Annotated[str | None, typer.Option(help="Why counts are missing; without a reason they are refused.")] = (
        None
    ),
    closures: Annotated[
        float | None,
        typer.Option(min=0.0, help="How often a year all doors close: by default once in 30; 0 within a country."),
    ] = None,
    draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False,
    accept_unconverged: Annotated[
        bool, typer.Option("--accept-unconverged", help="Go on with a fit that fails its checks, and say so.")
    ] = False,
) -> None:  # fmt: skip
    """Forecast monthly or yearly counts of your own: applications, visas, apprehensions, people displaced.

    Each series is fitted by itself, in about twenty seconds. Beside the forecast stands what it must beat: the last
    count goes on, with the errors that rule has made.

    Example: `poblar forecast counts visas.csv --until 2027-12`
    """
    import pandas as pd

    from ..data.counts import read_counts
    from ..forecast import Closures, Flows, Sampling, bands
    from ..forecast.persistence import persistence

    output = Output("forecast counts", as_json=as_json, quiet=quiet)
    study = study_of(country="MEX", plan=None, draws=draws, seed=seed)
    panel = read_counts(file, ends=ends, missing=missing)
    model = Flows() if closures is None else Flows(closures=Closures(rate=closures))
    stages = output.stages()
    with stages:
        parts, converged = [], True
        for number, series in enumerate(panel["category"].to_numpy()):
            with stages.stage(f"fit {number}", "Fit and forecast", str(series)) as say:
                posterior = model.fit(
                    panel.sel(category=series), seed=study.seed, sampling=Sampling(draws=2000),
                    accept_unconverged=accept_unconverged, progress=lambda state: say(str(state)),
                )  # fmt: skip
                # Another seed for each: with one, all series would meet the same shocks.
                draws_of = posterior.forecast(until=until, draws=study.draws, seed=study.seed + number)
                parts.append(bands(draws_of))
                converged = converged and posterior.diagnostics.converged
    table = pd.concat(parts, ignore_index=True)
    table["month"] = table["month"].dt.strftime("%Y-%m")
    output.note(seed=study.seed, draws=study.draws, converged=converged)
    for series, part in table.groupby("category", sort=False):
        _show(output, part, str(series), "month")
    if int(panel["span"].max()) == 1:
        rule = bands(persistence(panel, until=until, draws=study.draws, seed=study.seed))
        last = rule[rule["month"] == rule["month"].max()].assign(month=until)
        output.table(
            last[["category", "month", "median", "lower80", "upper80"]],
            title="What it must beat: the last count goes on", key="persistence",
        )  # fmt: skip
    if not converged:
        output.say(
            "NOT CONVERGED: the fit failed its checks and was accepted all the same; do not decide by it.", strong=True
        )
    output.save(table, csv)
    output.close()


@app.command()
def recognition(
    country: Annotated[str, typer.Option(help="Country of asylum: MEX, USA or CAN.")] = "MEX",
    until: Annotated[int, typer.Option(help="Last year.")] = 2025,
    file: Annotated[
        Path | None, typer.Option("--data", help="CSV file of your own: origin (or office), year, decided, recognized.")
    ] = None,
    draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Forecast the share of asylum claims that is recognized, by origin, court or judge.

    Example: `poblar forecast recognition --country USA`
    """
    from ..data import reference
    from ..data._table import read_table
    from ..data.kinds import LARGEST
    from ..data.recognition import decision_panel
    from ..forecast import Recognition, bands

    output = Output("forecast recognition", as_json=as_json, quiet=quiet)
    study = study_of(country="MEX", plan=None, draws=draws, seed=seed)
    if file is None:
        panel, group = reference.decisions(country), "origin"
    else:
        table = read_table(file, largest=LARGEST)
        group = "office" if "office" in table else "origin"
        about: dict[str, str] = dict.fromkeys(("source", "licence", "revision", "retrieved"), "as given")
        panel = decision_panel(table, group=group, provenance=about, file=file)
    stages = output.stages()
    with stages, stages.stage("fit", "Fit and forecast", f"{panel.sizes[group]} of {group}"):
        forecast = Recognition().fit(panel, seed=study.seed).forecast(until=until, draws=study.draws, seed=study.seed)
    table = bands(forecast["rate"])
    last = table[table["year"] == until].sort_values("median", ascending=False)
    output.note(seed=study.seed, draws=study.draws)
    output.bands(table, last, title=f"Share recognized in {until}", label=group, key=group)
    output.save(table, csv)
    output.close()


@app.command()
def returns(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV file: period (2005-10), returned and perhaps minors. Without it, Mexico's."),
    ] = None,
    until: Annotated[int, typer.Option(help="Year in which the last period ends.")] = 2040,
    spread: Annotated[
        float, typer.Option(help="Prior spread of the change from period to period: 0.5 is a factor of 1.6.")
    ] = 0.5,
    draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Forecast who returns in periods of some years, as censuses count them, and the minors who come along.

    Beside the forecast stands what would have been said of the last period before it was counted, and the ages of
    those who come by model schedules.

    Example: `poblar forecast returns --until 2040`
    """
    from ..data import reference
    from ..data.returns import read_returns
    from . import returns as asked

    output = Output("forecast returns", as_json=as_json, quiet=quiet)
    study = study_of(country="MEX", plan=None, draws=draws, seed=seed)
    panel = reference.returns() if file is None else read_returns(file)
    with output.stages() as stages, stages.stage("forecast", "Forecast"):
        found = asked.ahead(panel, until=until, spread=spread, draws=study.draws, seed=study.seed)
    output.note(seed=study.seed, draws=study.draws, source=panel.dataset.attrs["source"], held_out=found.held_out)
    for who, table in found.bands.groupby("who", sort=False):
        output.bands(table, table, title=asked.WHO[str(who)], label="period", key="period")
    output.table(found.ages, title=f"Ages on arrival, {found.ages.attrs['period']}", key="ages")
    for sentence in found.held_out:
        output.say(sentence)
    output.save(found.bands, csv)
    output.close()


def fit(
    country: Country = None, plan: Plan = None, seed: Seed = None, as_json: Json = False, quiet: Quiet = False,
    fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Fit the models and show whether their chains agree; the fits are kept for every other command.

    Example: `poblar fit --country MEX`
    """
    import pandas as pd

    from ..data import reference
    from . import summary

    output = Output("fit", as_json=as_json, quiet=quiet)
    study = study_of(country=country, plan=plan, seed=seed)
    ledgers = reference.region().asylum
    known = ledgers is not None and study.country in ledgers["country"]
    queue = study.data.ledger is not None or (study.data.source == "bundled" and known)
    models = (*(("fertility", "mortality", "migration") if study.has_people else ()), *(("backlog",) if queue else ()))
    work = work_of(study, output, models, plan, fresh, cache)
    with work.stages:
        fits = work.fits
    rows = [
        {
            "model": fit["what"],
            "R-hat": round(fit["rhat"], 3),
            "ESS bulk": round(fit["ess_bulk"]),
            "ESS tail": round(fit["ess_tail"]),
            "divergent %": round(100 * fit["divergent"], 2),
            "draws": fit["draws"],
            "verdict": "converged" if fit["converged"] else "NOT CONVERGED",
            "fitted": f"now, {fits.seconds[fit['name']]:.0f} s" if fit["name"] in fits.seconds else "earlier",
        }
        for fit in summary.fit_records(fits)
    ]
    output.note(country=study.country, seed=study.seed)
    output.table(pd.DataFrame(rows), title=f"{study.place}: fits", key="fits")
    output.close()


def project(
    country: Country = None, until: Until = None, plan: Plan = None, draws: Draws = None, seed: Seed = None,
    csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Project the population: growth, dependency, support and the forecasts behind them.

    Example: `poblar project --country MEX --until 2070 --csv mexico.csv`
    """
    from . import frames
    from .findings import people_findings
    from .measures import MEASURES

    output = Output("project", as_json=as_json, quiet=quiet)
    study = study_of(country=country, plan=plan, until=until, draws=draws, seed=seed)
    work = work_of(study, output, None, plan, fresh, cache)
    with work.stages:
        people, rates = work.people, {name: work.rates[name] for name in ("tfr", "e0")}
    table = frames.indicator_bands(people, rates)
    found = people_findings(people, study.until, study.place)
    output.note(country=study.country, seed=study.seed, draws=study.draws, findings=found)
    for name in ("population", "natural_growth", "social_growth", "growth_rate", "dependency_ratio", "support_ratio"):
        _show(output, table[table["indicator"] == name], f"{study.place}: {MEASURES[name].name}", "year")
    for sentence in found:
        output.say(sentence)
    output.save(table, csv)
    output.close()


def backlog(
    country: Country = None,
    until: Annotated[str, typer.Option(help="Last month, such as 2032-12.")] = "2032-12",
    officers: Annotated[float, typer.Option(min=0, help="Officers who decide cases, from the ledger's end on.")] = 140,
    plan: Plan = None, draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False,
    quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast asylum applications, the people who wait, and how long a new applicant waits.

    Example: `poblar backlog --country MEX --until 2032-12 --officers 300`
    """
    import xarray as xr

    from . import frames, plans

    output = Output("backlog", as_json=as_json, quiet=quiet)
    # The plan is not solved: its section says where the forecast ends.
    staff = {"start": f"{until[:4]}-01" if until > f"{until[:4]}-01" else "2000-01", "until": until}
    study = study_of(country=country, plan=plan, draws=draws, seed=seed, staffing=staff)
    work = work_of(study, output, ("backlog",), plan, fresh, cache)
    with work.stages:
        queue = work.queue
    months = queue["month"]
    posted = xr.DataArray([officers] * months.size, dims="month", coords={"month": months.to_numpy()})
    table = frames.queue_bands(queue, {"without": plans.queue_with_officers(queue, posted)})
    table = table.assign(month=table["month"].dt.strftime("%Y-%m")).drop(columns="scenario")
    output.note(country=study.country, seed=study.seed, draws=study.draws, officers=officers)
    for name, title in QUEUE.items():
        _show(output, table[table["indicator"] == name], f"{study.place}: {title}", "month")
    output.save(table, csv)
    output.close()


def _rate(
    model: str, country: str | None, until: int | None, plan: Path | None, draws: int | None, seed: int | None,
    csv: Path | None, as_json: bool, quiet: bool, fresh: bool, cache: Path | None,
) -> None:  # fmt: skip
    from ..forecast import bands

    output = Output(f"forecast {model}", as_json=as_json, quiet=quiet)
    study = study_of(country=country, plan=plan, until=until, draws=draws, seed=seed)
    work = work_of(study, output, (model,), plan, fresh, cache)
    with work.stages:
        draws_of = work.rate(model).sel(country=[study.country])
    table = bands(draws_of)
    output.note(country=study.country, seed=study.seed, draws=study.draws)
    title = f"{study.place}: {TITLES[model]}"
    if "sex" in table:
        for sex, part in table.groupby("sex", sort=False):
            _show(output, part, f"{title}, {sex}", "year")
    else:
        _show(output, table, title, "year")
    output.save(table.assign(indicator=model), csv)
    output.close()


def _show(output: Output, table: Any, title: str, key: str) -> None:
    """Every fifth year, or every sixth month, and the last."""
    if key == "year":
        shown = table[(table["year"] % 5 == 0) | (table["year"] == table["year"].max())]
    else:
        shown = table[table["month"].str.endswith(("-01", "-07")) | (table["month"] == table["month"].max())]
    output.bands(table, shown, title=title, label=key, key=key)
