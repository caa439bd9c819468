"""`poblar plan`: admissions and officers that reach a goal with a stated probability."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ._options import Cache, Country, Csv, Draws, Fresh, Probability, Seed, saved
from .study import Study

app = typer.Typer(help="Plan admissions or officers that reach a goal with a stated probability.", no_args_is_help=True)

ASKED = Study()


@app.command()
def quota(
    country: Country = ASKED.country,
    growth: Annotated[float, typer.Option(help="Growth to keep, a fraction per year: 0.01 is 1 %.")] = ASKED.growth,
    first: Annotated[int, typer.Option("--from", help="First year in which growth is kept.")] = ASKED.hold[0],
    last: Annotated[int, typer.Option("--to", help="Last year in which growth is kept.")] = ASKED.hold[1],
    admit_from: Annotated[int, typer.Option(help="First year of admissions.")] = ASKED.admit[0],
    admit_to: Annotated[int, typer.Option(help="Last year of admissions.")] = ASKED.admit[1],
    probability: Probability = ASKED.growth_probability,
    at_most: Annotated[float | None, typer.Option(help="Most persons admitted in a year.")] = None,
    change_at_most: Annotated[
        float | None, typer.Option(help="Largest change from year to year, a share (0.1 is ten percent).")
    ] = ASKED.change_at_most,
    profile: Annotated[str, typer.Option(help="Ages and sexes of those admitted: worker or family.")] = ASKED.profile,
    draws: Draws = 4000, seed: Seed = 1, csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Plan the fewest admissions that keep total growth at or above a rate in all years together.

    Example: `poblar plan quota --growth 0.0 --from 2035 --to 2050 --at-most 1500000`
    """
    from . import plans, work

    study = Study(
        country=country, growth=growth, hold=_span(first, last, "--from", "--to"),
        admit=_span(admit_from, admit_to, "--admit-from", "--admit-to"), growth_probability=probability,
        admissions_at_most=at_most, change_at_most=change_at_most, profile=profile,
    )  # fmt: skip
    made = work.population(country, max(last, admit_to), draws, seed, fresh, cache)
    _solve(plans.quota_plan(made.people, study), seed, csv)


@app.command()
def staffing(
    country: Annotated[str, typer.Option(help="Country with an asylum ledger: MEX, USA or CAN.")] = ASKED.country,
    start: Annotated[str, typer.Option(help="First month of the plan, such as 2027-01.")] = ASKED.start,
    in_post: Annotated[int, typer.Option(min=0, help="Officers in post since the ledger's end.")] = ASKED.in_post,
    wait: Annotated[str, typer.Option(help='Longest wait of a new applicant, such as "6 months".')] = ASKED.wait,
    since: Annotated[str, typer.Option(help="First month of application for which it holds.")] = ASKED.since,
    until: Annotated[str, typer.Option(help="Last month of the forecast.")] = ASKED.horizon,
    probability: Probability = ASKED.wait_probability,
    cost: Annotated[float, typer.Option(help="Cost of an officer in post for a year.")] = ASKED.cost,
    currency: Annotated[str, typer.Option(help="Unit of the cost.")] = ASKED.currency,
    recruitment_lag: Annotated[
        str, typer.Option(help="From the decision to the first day in post.")
    ] = ASKED.recruitment_lag,
    training: Annotated[str, typer.Option(help="From the first day in post to the first case.")] = ASKED.training,
    at_most: Annotated[float | None, typer.Option(help="Most officers in post.")] = None,
    hires_at_most: Annotated[
        float | None, typer.Option(help="Most officers hired in a quarter.")
    ] = ASKED.hires_at_most,
    draws: Draws = 4000, seed: Seed = 1, csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Plan the cheapest officers, quarter by quarter, that keep the wait of a new applicant under a limit.

    Example: `poblar plan staffing --in-post 140 --wait "6 months" --since 2031-01 --hires-at-most 600`
    """
    from . import plans, work

    study = Study(
        country=country, start=start, in_post=in_post, wait=wait, since=since, horizon=until,
        wait_probability=probability, cost=cost, currency=currency, recruitment_lag=recruitment_lag,
        training=training, officers_at_most=at_most, hires_at_most=hires_at_most,
    )  # fmt: skip
    queue = work.queue(country, until, draws, seed, fresh, cache)
    _solve(plans.staffing_plan(queue, study), seed, csv)


def _solve(asked, seed: int, csv) -> None:
    """Show the plan; one that does not exist is a stated error."""
    from ._console import show_plan
    from .files import write_csv

    console = Console()
    with console.status("Solving"):
        plan = asked.solve(seed=seed)
    frame = plan.to_frame()
    show_plan(console, plan)
    if csv is not None:
        saved(write_csv(frame, csv))


def _span(first: int, last: int, one: str, other: str) -> tuple[int, int]:
    if last < first:
        raise typer.BadParameter(f"expected {other} of {first} or later, found {last}", param_hint=f"{one}/{other}")
    return first, last
