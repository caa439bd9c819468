"""`poblar init`, `run`, `compare`, `report`, `backtest`, `serve`, `schema` and `demo`: a study as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ._console import Output
from ._options import Cache, Csv, Draws, Fresh, Json, Quiet, Seed, study_of, work_of

File = Annotated[Path, typer.Argument(help="Plan file, YAML or TOML.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder to write; by default out/ and the name of the plan file.")
]
LANGUAGES = ("en", "es")


def init(
    place: Annotated[str, typer.Argument(help="A bundled country, by name or code, or what your own place is called.")],
    data: Annotated[list[Path] | None, typer.Option(help="CSV file of your own figures; once for each file.")] = None,
    like: Annotated[str, typer.Option(help="Bundled country whose age patterns stand in for yours.")] = "MEX",
    out: Annotated[Path | None, typer.Option("--out", help="Plan file; by default the name of the place.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a plan file that is there.")] = False,
) -> None:
    """Write a commented plan file to begin with.

    Example: `poblar init mexico`
    """
    from .init import write_plan

    path = write_plan(place, out, files=tuple(data or ()), like=like, force=force)
    console = Console()
    for line in (f"{path}: read it, change it, then", f"  poblar run {path}"):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def run(
    plan: File, out: Out = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None
) -> None:
    """Carry out a plan file: forecasts, plans, pictures, tables and a report.

    What is unchanged since an earlier run into the same folder stays; what was interrupted goes on.

    Example: `poblar run mexico.yaml`
    """
    from .plan_file import read_plan

    _carry_out(read_plan(plan), out or Path("out") / plan.stem, plan.parent, as_json, quiet, fresh, cache)


def compare(
    plan: File,
    indicator: Annotated[
        str, typer.Option(help="population, growth_rate, dependency_ratio, support_ratio or net_migration.")
    ] = "population",
    years: Annotated[str, typer.Option(help="Years shown, with commas.")] = "2030,2050,2070",
    csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Show a plan file's scenarios side by side, and what each changes, on the same draws.

    Example: `poblar compare mexico.yaml --indicator support_ratio --years 2030,2050`
    """
    from .errors import PlannerError
    from .frames import COMPARED
    from .measures import MEASURES
    from .parts import PARTS
    from .plan_file import read_plan

    study = read_plan(plan)
    if not study.scenarios:
        raise PlannerError(f"expected scenarios in {plan}, found none; add some, as `poblar init` writes them.")
    if indicator not in COMPARED.values():
        raise PlannerError(f"expected an indicator among {', '.join(COMPARED.values())}, found {indicator!r}.")
    chosen = _years(years)
    output = Output("compare", as_json=as_json, quiet=quiet)
    work = work_of(study, output, None, plan, fresh, cache)
    part = next(part for part in PARTS if part.name == "scenarios")
    with work.stages:
        tables = part.make(work).tables
    output.note(country=study.country, seed=study.seed, indicator=indicator)
    for name, title in (
        ("scenarios", MEASURES[indicator].name),
        ("scenario_differences", "What each scenario changes"),
    ):
        table = tables[name]
        own = table[(table["indicator"] == indicator) & table["year"].isin(chosen)]
        for scenario, part_of in own.groupby("scenario", sort=False):
            output.bands(part_of, part_of, title=f"{study.place}, {scenario}: {title}", label="year", key="year")
    output.save(tables["scenarios"], csv)
    output.close()


def report(
    folder: Annotated[Path, typer.Option("--from", help="Folder that `poblar run` or `poblar demo` wrote.")] = Path(
        "out/mexico"
    ),
    lang: Annotated[str | None, typer.Option(help="Language: en or es.  [default: as the plan file says]")] = None,
) -> None:
    """Draw the pictures and write the report again from the tables in a folder, perhaps in another language.

    Example: `poblar report --from out/mexico --lang es`
    """
    from .report import again

    if lang is not None and lang not in LANGUAGES:
        raise typer.BadParameter(f"expected {' or '.join(LANGUAGES)}, found {lang!r}", param_hint="--lang")
    for path in again(folder, lang):
        Console().print(str(path), markup=False, highlight=False, soft_wrap=True)


def backtest(
    what: Annotated[str, typer.Argument(help="fertility, mortality or migration.")],
    origin: Annotated[int, typer.Option(help="Last year that the forecast knows.")] = 2005,
    draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Forecast the years since an earlier year without knowing them, and score the forecast against what came.

    The six bundled countries are forecast together, from their own figures alone.

    Example: `poblar backtest fertility --origin 2005`
    """
    from ..data import reference
    from .backtest import backtest as tested

    output = Output("backtest", as_json=as_json, quiet=quiet)
    study = study_of(country="MEX", plan=None, draws=draws, seed=seed)
    stages = output.stages()
    with stages, stages.stage("backtest", "Fit and forecast", f"from {origin}"):
        found = tested(reference.region(), what, origin=origin, draws=study.draws, seed=study.seed)
    output.note(origin=origin, seed=study.seed, knew=found.note)
    output.table(found.scores, title=f"{what}, from {origin}: errors, CRPS, and shares within the bands", key="scores")
    output.say(f"The forecast knew {found.note}.")
    by_horizon = found.coverage.pivot_table(index="horizon", columns="level", values="covered")
    last = by_horizon.iloc[[0, len(by_horizon) // 2, -1]].rename(columns="within {} %".format).reset_index()
    output.table(last, title="Shares within the bands, by years ahead", key="coverage")
    output.save(found.coverage, csv)
    output.close()


def serve(
    plan: Annotated[Path | None, typer.Argument(help="Plan file to begin with; Mexico's without one.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's only if you say so.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 5006,
    show: Annotated[bool, typer.Option("--show", help="Open the page in the browser.")] = False,
    fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Open the page: choose, drag a goal or a number of officers, and see the plan and its bands answer.

    Example: `poblar serve mexico.yaml`
    """
    from .page import serve as served
    from .plan_file import read_plan
    from .study import Study

    study = Study() if plan is None else read_plan(plan)
    folder = Path(".") if plan is None else plan.parent
    served(
        study, folder=folder, host=host, port=port, show=show, cache=cache, fresh=fresh, console=Console(stderr=True)
    )


def schema() -> None:
    """Print the JSON Schema of plan files, for editors that complete and check them.

    Example: `poblar schema > plan.schema.json`
    """
    from .plan_file import schema as made

    typer.echo(json.dumps(made(), indent=2, ensure_ascii=False))


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report, pictures and tables.")] = Path("out/mexico"),
    draws: Annotated[
        int, typer.Option(min=100, max=20_000, help="Simulated futures; 6,000 give plans worth certifying.")
    ] = 6000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 1,
    as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast Mexico to 2070, plan its admissions and its asylum officers, and write a report.

    The plan file is left in the folder too: change it, and run it with `poblar run`.

    Example: `poblar demo --out out/mexico --seed 1`
    """
    from .init import write_plan
    from .plan_file import read_plan

    study = read_plan(write_plan("mexico", out / "plan.yaml", force=True))
    study = study.model_copy(update={"draws": draws, "seed": seed})
    _carry_out(study, out, out, as_json, quiet, fresh, cache)


def _carry_out(
    study: Any, out: Path, folder: Path, as_json: bool, quiet: bool, fresh: bool, cache: Path | None
) -> None:
    from .run import run_study

    output = Output("run", as_json=as_json, quiet=quiet)
    progress = Console(stderr=as_json, quiet=quiet)
    record = run_study(study, out, console=progress, folder=folder, fresh=fresh, cache=cache)
    output.note(folder=str(out), **{name: value for name, value in record.items() if name != "figures"})
    for key in ("quota", "staffing"):
        if key in record:
            output.say("")
            output.say(record[key]["answer"], strong=True)
    output.say("")
    total, peak = record["seconds"]["total"], record["peak_memory_mb"] / 1000
    output.say(f"{out / 'report.html'} ({total:.0f} s, at most {peak:.1f} GB of memory)")
    output.close()


def _years(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"expected years with commas between, found {text!r}", param_hint="--years") from None
