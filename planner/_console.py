"""Tables and plans on the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from ..optimize import Plan
from .summary import plan_frame

LEVELS = (50, 80, 95)


def digits_for(values: pd.DataFrame) -> int:
    """Decimals that suit the size of a table's numbers."""
    size = np.abs(values.to_numpy(float)).max()
    return 0 if size >= 100 else 1 if size >= 20 else 2 if size >= 1 else 3


def show_bands(console: Console, bands: pd.DataFrame, *, title: str, label: str, key: str) -> None:
    """Median and 50, 80 and 95 % of the rows, one row a year or month."""
    units = str(bands["units"].iloc[0])
    percent = units == "per year" or units == "per person-year"
    scale, digits = (100.0, 2) if percent else (1.0, digits_for(bands[["median"]]))
    largest = float(bands["median"].to_numpy(float).max())
    if largest >= 1e5:
        scale, digits, units = (1e-6, 1, f"million {units}") if largest >= 1e7 else (1e-3, 0, f"thousand {units}")

    def write(value: float) -> str:
        return f"{scale * value:,.{digits}f}"

    table = Table(title=f"{title}, {'% a year' if percent else units}", title_justify="left")
    table.add_column(label, no_wrap=True)
    for name in ("median", *(f"{level} %" for level in LEVELS)):
        table.add_column(name, justify="right", no_wrap=True)
    for _, row in bands.iterrows():
        cells = [f"{write(row[f'lower{level}'])} to {write(row[f'upper{level}'])}" for level in LEVELS]
        table.add_row(str(row[key]), write(row["median"]), *cells)
    console.print(table)


def show_plan(console: Console, plan: Plan) -> None:
    """The answer in a sentence, then the plan, what it reaches, what binds, what more costs, what is assumed."""
    console.print(plan.answer, style="bold", markup=False, highlight=False, soft_wrap=True)
    frame = plan_frame(plan)
    table = Table()
    for name in frame:
        table.add_column(
            str(name).replace("_", " "), justify="left" if name in ("category", "month", "year") else "right"
        )
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{cell:,.0f}" if isinstance(cell, float) else str(cell) for cell in row))
    console.print(table)
    lines = [
        f"Asked {_share(goal.requested)}, in sample {_share(goal.in_sample)}, held out {_share(goal.held_out)} (95 % "
        f"interval {_share(goal.held_out_interval[0])} to {_share(goal.held_out_interval[1])}): {goal.goal}; "
        f"decided by {goal.binding}."
        for goal in plan.goals
    ]
    lines += [f"Binds: {line}." for line in plan.binding]
    lines += [f"Price: {line}." for line in (plan.prices["in_words"] if len(plan.prices) else [])]
    lines += [f"Assumed: {line}." for line in plan.assumptions]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
