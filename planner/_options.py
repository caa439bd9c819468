"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Country = Annotated[str, typer.Option(help="Country, ISO 3166-1 alpha-3: CAN, USA, MEX, GTM, HND or SLV.")]
Draws = Annotated[int, typer.Option(min=1, help="Simulated futures.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="File for every year or month.", dir_okay=False)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Fit the models anew whatever the cache holds.")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps fitted models.")]
Probability = Annotated[float, typer.Option(help="Probability asked for, above 0 and below 1.")]


def saved(path: Path) -> None:
    """Say where a file is."""
    Console().print(f"All of it is in {path}", markup=False, highlight=False, soft_wrap=True)
