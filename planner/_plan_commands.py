"""`poblar plan` and `poblar frontier`: admissions and officers that reach a goal with a stated probability."""

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
    Probability,
    Quiet,
    Seed,
    study_of,
    work_of,
)

app = typer.Typer(help="Plan admissions or officers that reach a goal with a stated probability.", no_args_is_help=True)
frontiers = typer.Typer(help="What a plan costs as more is asked of it.", no_args_is_help=True)

PLANNED = 4000

Growth = Annotated[float, typer.Option(help="Growth to keep, a fraction per year: 0.01 is 1 %.")]
First = Annotated[int, typer.Option("--from", help="First year in which the goal holds.")]
Last = Annotated[int, typer.Option("--to", help="Last year in which the goal holds.")]
AdmitFrom = Annotated[int, typer.Option(help="First year of admissions.")]
AdmitTo = Annotated[int, typer.Option(help="Last year of admissions.")]
Most = Annotated[float | None, typer.Option("--at-most", help="Most persons admitted in a year.")]
Change = Annotated[
    float | None, typer.Option("--change-at-most", help="Largest change from year to year, a share (0.1: ten percent).")
]
Profile = Annotated[str, typer.Option(help="Ages and sexes of those admitted: worker, family, student, refugee, free.")]
Support = Annotated[
    float | None, typer.Option(help="People of 15-64 for each of 65 and over to keep, in place of a growth.")
]
Start = Annotated[str, typer.Option(help="First month of the plan, such as 2027-01.")]
InPost = Annotated[float, typer.Option(min=0, help="Officers in post since the ledger's end.")]
Wait = Annotated[str, typer.Option(help='Longest wait of a new applicant, such as "6 months".')]
Since = Annotated[str, typer.Option(help="First month of application for which it holds.")]
Horizon = Annotated[str, typer.Option("--until", help="Last month of the forecast.")]
Cost = Annotated[float, typer.Option(help="Cost of an officer in post for a year.")]
Currency = Annotated[str, typer.Option(help="Unit of the cost.")]
Lag = Annotated[str, typer.Option(help="From the decision to the first day in post.")]
Training = Annotated[str, typer.Option(help="From the first day in post to the first case.")]
MostOfficers = Annotated[float | None, typer.Option("--at-most", help="Most officers in post.")]
MostHires = Annotated[float | None, typer.Option("--hires-at-most", help="Most officers hired in a quarter.")]
Values = Annotated[str, typer.Option(help="Points, with commas between them, such as 0.5,0.8,0.9.")]
Over = Annotated[str, typer.Option(help="What changes: probability or target (of a wait, months).")]


@app.command()
def quota(
    country: Country = None, growth: Growth = 0.0, support: Support = None, first: First = 2035, last: Last = 2050,
    admit_from: AdmitFrom = 2027, admit_to: AdmitTo = 2050, probability: Probability = 0.9, at_most: Most = None,
    change_at_most: Change = 0.1, profile: Profile = "worker", plan: Plan = None, draws: Draws = PLANNED,
    seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False,
    cache: Cache = None,
) -> None:  # fmt: skip
    """Plan the fewest admissions that keep growth, or support for the old, at or above a level in all years together.

    Example: `poblar plan quota --growth 0.0 --from 2035 --to 2050 --at-most 1500000`
    """
    asked = _quota(growth, support, first, last, admit_from, admit_to, probability, at_most, change_at_most, profile)
    output = Output("plan quota", as_json=as_json, quiet=quiet)
    _solved(output, *_people(asked, country, plan, draws, seed, output, fresh, cache), csv)


@app.command()
def staffing(
    country: Country = None, start: Start = "2027-01", in_post: InPost = 140, wait: Wait = "6 months",
    since: Since = "2031-01", until: Horizon = "2034-12", probability: Probability = 0.9, cost: Cost = 24_000.0,
    currency: Currency = "USD", recruitment_lag: Lag = "4 months", training: Training = "6 months",
    at_most: MostOfficers = None, hires_at_most: MostHires = 600.0, plan: Plan = None, draws: Draws = PLANNED,
    seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False,
    cache: Cache = None,
) -> None:  # fmt: skip
    """Plan the cheapest officers, quarter by quarter, that keep the wait of a new applicant under a limit.

    Example: `poblar plan staffing --in-post 140 --wait "6 months" --since 2031-01 --hires-at-most 600`
    """
    asked = _staff(
        start,
        in_post,
        wait,
        since,
        until,
        probability,
        cost,
        currency,
        recruitment_lag,
        training,
        at_most,
        hires_at_most,
    )
    output = Output("plan staffing", as_json=as_json, quiet=quiet)
    _solved(output, *_queue(asked, country, plan, draws, seed, output, fresh, cache), csv)


@app.command()
def regional(
    support: Annotated[
        float, typer.Option(help="Potential support ratio to gain over what is sure with the probability anyhow.")
    ] = 0.0,
    year: Annotated[int, typer.Option(help="Year by which it is to be gained; so in the ten years before it.")] = 2050,
    probability: Probability = 0.8,
    most: Annotated[
        str, typer.Option(help="Most admitted a year from the rest of the world, such as MEX=300000,USA=500000.")
    ] = "",
    draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False,
    fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Plan admissions for all six countries at once: one's immigrants may be another's emigrants.

    Workers may come to each country from the rest of the world, and move from Mexico, Guatemala, Honduras and
    El Salvador to Canada and the United States.

    Example: `poblar plan regional --support 0.05 --most MEX=300000,USA=500000`
    """
    from . import regional as asked

    output = Output("plan regional", as_json=as_json, quiet=quiet)
    study = study_of(country="USA", plan=None, draws=draws, seed=seed, until=2070)
    work = work_of(study, output, None, None, fresh, cache)
    limits = asked.limits(most)
    with work.stages:
        plan, outcomes = asked.solve(work, support, year, probability, limits)
    output.plan(plan, "Six countries")
    output.table(outcomes, title="Who gains and who loses", key="outcomes")
    output.save(plan.table, csv)
    output.close()


@app.command()
def placement(
    places: Annotated[
        Path, typer.Argument(help="CSV file: locality, employment (a share), and columns of room in persons.")
    ],
    people: Annotated[float, typer.Option(help="Adults who can be offered a place.")],
    spread: Annotated[float, typer.Option(help="How uncertain room is: 0.2 is about 20 percent.")] = 0.2,
    acceptance: Annotated[float, typer.Option(help="Share of those offered a place who go.")] = 0.8,
    probability: Probability = 0.9, draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Plan which places people are offered, so that most find work and no place has more people than room.

    Example: `poblar plan placement places.csv --people 5500`
    """
    from .placement import placement_plan

    output = Output("plan placement", as_json=as_json, quiet=quiet)
    study = study_of(country="MEX", plan=None, draws=draws, seed=seed)
    problem = placement_plan(
        places, people=people, spread=spread, acceptance=acceptance, probability=probability, draws=study.draws,
        seed=study.seed,
    )  # fmt: skip
    stages = output.stages()
    with stages, stages.stage("plan", "Solve"):
        plan = problem.solve(seed=study.seed)
    output.note(seed=study.seed)
    output.plan(plan, "Places")
    output.save(plan.table, csv)
    output.close()


@app.command()
def sharing(
    offices: Annotated[
        Path, typer.Argument(help="CSV file: office, cases, and perhaps month (else of a year) and kind.")
    ],
    capacity: Annotated[
        float | None, typer.Option(help="Cases that all staff decide in a month.  [default: 5 % more than came]")
    ] = None,
    totals: Annotated[
        str, typer.Option(help="Cases of past years in all, such as 195161,68063: so far apart may years be.")
    ] = "",
    lost: Annotated[float, typer.Option(help="Part of their time that staff lose who move or decide from afar.")] = 0.0,
    apart: Annotated[
        float | None, typer.Option(help="By how much kinds of offices drift apart in a year, log points.")
    ] = None,
    own: Annotated[float | None, typer.Option(help="How far an office wanders about its kind, log points.")] = None,
    start: Annotated[
        str | None, typer.Option(help="First month.  [default: the one after the file's, or 2027-01]")
    ] = None,
    years: Annotated[int, typer.Option(min=1, max=20, help="Years to look ahead.")] = 3,
    draws: Draws = None, seed: Seed = None, csv: Csv = None, as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Compare ways in which offices share their staff as demand moves between them, and what each is worth in staff.

    From 24 months or more of a file it learns how demand moves; with a year's cases it assumes it, or takes --apart and
    --own.

    Example: `poblar plan sharing offices.csv --totals 195161,68063`
    """
    from .sharing import compare_sharing, moves_of

    output = Output("plan sharing", as_json=as_json, quiet=quiet)
    study = study_of(country="MEX", plan=None, draws=draws, seed=seed)
    past = _numbers(totals, "--totals")
    with output.stages() as stages, stages.stage("sharing", "Compare the ways of sharing"):
        found = compare_sharing(
            offices, capacity=capacity, totals=past, moves=moves_of(apart, own), lost=lost, start=start, years=years,
            draws=study.draws, seed=study.seed,
        )  # fmt: skip
    output.note(seed=study.seed, draws=study.draws, answer=found.sentences, assumptions=found.assumptions)
    for sentence in found.sentences:
        output.say(sentence, strong=True)
    for total, table in found.tables.items():
        words = total if total == "varies" else f"is {total}"
        output.table(table, title=f"Where the total {words}: median (80 % band)", key=f"total {words}")
    for line in found.assumptions:
        output.say(f"Assumed: {line}.")
    output.save(found.bands, csv)
    output.close()


@frontiers.command("quota")
def quota_frontier(
    over: Over = "probability", values: Values = "0.5,0.7,0.8,0.9,0.95", country: Country = None, growth: Growth = 0.0,
    support: Support = None, first: First = 2035, last: Last = 2050, admit_from: AdmitFrom = 2027,
    admit_to: AdmitTo = 2050, probability: Probability = 0.9, at_most: Most = None, change_at_most: Change = 0.1,
    profile: Profile = "worker", plan: Plan = None, draws: Draws = None, seed: Seed = None, csv: Csv = None,
    as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Show how many admissions it takes as the goal, or its probability, is set higher.

    Example: `poblar frontier quota --over probability --values 0.5,0.8,0.9,0.95`
    """
    asked = _quota(growth, support, first, last, admit_from, admit_to, probability, at_most, change_at_most, profile)
    output = Output("frontier quota", as_json=as_json, quiet=quiet)
    problem, study = _people(asked, country, plan, draws, seed, output, fresh, cache)
    _frontier(output, problem, study, over, values, csv)


@frontiers.command("staffing")
def staffing_frontier(
    over: Over = "probability", values: Values = "0.5,0.7,0.8,0.9,0.95", country: Country = None,
    start: Start = "2027-01", in_post: InPost = 140, wait: Wait = "6 months", since: Since = "2031-01",
    until: Horizon = "2034-12", probability: Probability = 0.9, cost: Cost = 24_000.0, currency: Currency = "USD",
    recruitment_lag: Lag = "4 months", training: Training = "6 months", at_most: MostOfficers = None,
    hires_at_most: MostHires = 600.0, plan: Plan = None, draws: Draws = None, seed: Seed = None, csv: Csv = None,
    as_json: Json = False, quiet: Quiet = False, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Show what officers cost as the wait is made shorter, or surer, or sooner (--over since).

    Example: `poblar frontier staffing --over target --values 12,9,6,3`
    """
    asked = _staff(
        start,
        in_post,
        wait,
        since,
        until,
        probability,
        cost,
        currency,
        recruitment_lag,
        training,
        at_most,
        hires_at_most,
    )
    output = Output("frontier staffing", as_json=as_json, quiet=quiet)
    problem, study = _queue(asked, country, plan, draws, seed, output, fresh, cache)
    _frontier(output, problem, study, over, values, csv)


def _quota(
    growth: float, support: float | None, first: int, last: int, admit_from: int, admit_to: int, probability: float,
    at_most: float | None, change_at_most: float | None, profile: str,
) -> dict[str, Any]:  # fmt: skip
    lever = {"years": _span(admit_from, admit_to, "--admit-from", "--admit-to"), "at_most": at_most}
    goal = {"goal": "growth", "at_least": growth} if support is None else {"goal": "support_ratio", "at_least": support}
    years = _span(first, last, "--from", "--to")
    return {
        "levers": [lever | {"change_at_most": change_at_most, "profile": profile}],
        "goals": [goal | {"years": years, "probability": probability}],
    }


def _staff(
    start: str, in_post: float, wait: str, since: str, until: str, probability: float, cost: float, currency: str,
    recruitment_lag: str, training: str, at_most: float | None, hires_at_most: float | None,
) -> dict[str, Any]:  # fmt: skip
    lever = {
        "lever": "officers", "cost": cost, "currency": currency, "recruitment_lag": recruitment_lag,
        "training": training, "at_most": at_most, "hires_at_most": hires_at_most,
    }  # fmt: skip
    goal = {"goal": "wait", "at_most": wait, "since": since, "probability": probability}
    return {"start": start, "until": until, "in_post": in_post, "levers": [lever], "goals": [goal]}


def _people(
    asked: dict[str, Any], country: str | None, plan: Path | None, draws: int | None, seed: int | None, output: Output,
    fresh: bool, cache: Path | None,
) -> tuple[Any, Any]:  # fmt: skip
    from . import plans

    study = study_of(country=country, plan=plan, draws=draws, seed=seed, quota=asked)
    work = work_of(study, output, None, plan, fresh, cache)
    assert study.quota is not None
    with work.stages:
        return plans.quota_plan(work.people, study.quota), study


def _queue(
    asked: dict[str, Any], country: str | None, plan: Path | None, draws: int | None, seed: int | None, output: Output,
    fresh: bool, cache: Path | None,
) -> tuple[Any, Any]:  # fmt: skip
    from . import plans

    study = study_of(country=country, plan=plan, draws=draws, seed=seed, staffing=asked)
    work = work_of(study, output, ("backlog",), plan, fresh, cache)
    assert study.staffing is not None
    with work.stages:
        return plans.staffing_plan(work.queue, study.staffing), study


def _solved(output: Output, problem: Any, study: Any, csv: Path | None) -> None:
    stages = output.stages()
    with stages, stages.stage("plan", "Solve"):
        plan = problem.solve(seed=study.seed)
    output.note(country=study.country, seed=study.seed)
    output.plan(plan, study.place)
    output.save(plan.to_frame() if plan.exists else plan.table, csv)
    output.close()


def _frontier(output: Output, problem: Any, study: Any, over: str, values: str, csv: Path | None) -> None:
    from ..optimize.frontier import frontier

    texts = [text.strip() for text in values.split(",") if text.strip()]
    points: list[Any] = texts if over == "since" else _numbers(values, "--values")
    stages = output.stages()
    with stages, stages.stage("frontier", "Solve", f"{len(points)} plans"):
        frame = frontier(problem, over=over, values=points, seed=study.seed)
    output.note(country=study.country, seed=study.seed, goal=frame.attrs["goal"], units=frame.attrs["units"])
    output.table(
        frame.drop(columns="seconds"), title=f"{study.place}: {frame.attrs['goal']}; objective: {frame.attrs['units']}",
        key="frontier",
    )  # fmt: skip
    output.save(frame, csv)
    output.close()


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise typer.BadParameter(f"expected numbers with commas, found {text!r}", param_hint=option) from None


def _span(first: int, last: int, one: str, other: str) -> tuple[int, int]:
    if last < first:
        raise typer.BadParameter(f"expected {other} of {first} or later, found {last}", param_hint=f"{one}/{other}")
    return first, last
