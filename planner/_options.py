"""Options that several commands share, and the study that they make.

What takes long to import is imported where it is needed, here and in the commands: help and templates come at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ._console import Output

Country = Annotated[str | None, typer.Option(help="Country: name or code, such as Guatemala or GTM.  [default: MEX]")]
Plan = Annotated[Path | None, typer.Option("--plan", help="Plan file whose place, data, models and seed are used.")]
Until = Annotated[int | None, typer.Option(min=1900, max=2300, help="Last year.  [default: 2070]")]
Draws = Annotated[int | None, typer.Option(min=100, max=20_000, help="Simulated futures.  [default: 2000]")]
Seed = Annotated[int | None, typer.Option(min=0, help="The same seed gives the same numbers.  [default: 1]")]
Csv = Annotated[Path | None, typer.Option("--csv", help="File for every row and column.", dir_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Fit the models anew whatever the cache holds.")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps fitted models.")]
Probability = Annotated[float, typer.Option(help="Probability asked for, above 0 and below 1.")]

DRAWS = 2000


def study_of(
    *, country: str | None, plan: Path | None, draws: int | None = None, seed: int | None = None, **sections: Any
) -> Any:
    """The study that options ask for: a plan file's place and data where one is given, and these sections."""
    from .init import country_code
    from .plan_file import check, read_plan

    base: dict[str, Any] = {"draws": DRAWS, "quota": None, "staffing": None, "scenarios": ()}
    if plan is not None:
        given = read_plan(plan).model_dump()
        base |= {name: given[name] for name in ("country", "data", "seed", "models", "until")}
    if country is not None:
        base["country"] = country_code(country) if plan is None else country
    options = {"draws": draws, "seed": seed} | sections
    content = base | {name: value for name, value in options.items() if value is not None}
    quota: Any = content["quota"]
    if quota is not None and sections.get("until") is None:
        content["until"] = _last(quota)
    return check(content, where="these options")


def work_of(
    study: Any, output: Output, models: tuple[str, ...] | None, plan: Path | None, fresh: bool, cache: Path | None
) -> Any:
    """What the study is made of, with progress on the standard error."""
    from .work import Work

    folder = "." if plan is None else plan.parent
    return Work(study, output.stages(), models=models, folder=folder, fresh=fresh, cache=cache)


def _last(quota: dict[str, Any]) -> int:
    return max(part["years"][1] for part in (*quota["levers"], *quota["goals"]))
