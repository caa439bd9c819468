"""What commands print: tables and plans for people, or JSON for machines; progress goes to the standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ._stages import Stages
from .files import plain, write_csv

LEVELS = (50, 80, 95)


class Output:
    """Where a command's results go.

    With `as_json` the standard output is one JSON object, printed by `close`; without it, tables and sentences as they
    come. `quiet` silences the progress.
    """

    def __init__(self, command: str, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self._quiet = quiet
        self._console = Console(quiet=as_json)
        self._said: dict[str, Any] = {"command": command}

    def stages(self) -> Stages:
        """Progress, on the standard error."""
        return Stages(Console(stderr=True, quiet=self._quiet))

    def note(self, **values: Any) -> None:
        """Entries of the JSON object."""
        self._said |= values

    def say(self, text: str, *, strong: bool = False) -> None:
        """A line for people."""
        self._console.print(text, style="bold" if strong else None, markup=False, highlight=False, soft_wrap=True)

    def table(self, frame: pd.DataFrame, *, title: str = "", key: str = "rows") -> None:
        """A table as it is; numbers with the digits that they have."""
        self.note(**{key: frame.to_dict("records")})
        table = Table(title=escape(title) or None, title_justify="left")
        for name in frame:
            table.add_column(escape(str(name).replace("_", " ")), justify="right" if _numeric(frame[name]) else "left")
        for row in frame.itertuples(index=False):
            table.add_row(*(escape(_cell(value)) for value in row))
        self._console.print(table)

    def bands(self, frame: pd.DataFrame, shown: pd.DataFrame, *, title: str, label: str, key: str) -> None:
        """Median and 50, 80 and 95 % of the rows shown; all rows in JSON."""
        self._said.setdefault("bands", []).extend(frame.to_dict("records"))
        if not self.as_json:
            self._console.print(_bands_table(shown, title, label, key))

    def plan(self, plan: Any, place: str) -> None:
        """The answer in a sentence, then the plan, what it reaches, what binds, what more costs, what is assumed."""
        from . import summary

        record = summary.plan_record(plan, place)
        self.note(**record)
        self.say(record["answer"], strong=True)
        self._table_of(summary.plan_frame(plan))
        lines = [
            f"Asked {_share(goal.requested)}, in sample {_share(goal.in_sample)}, held out {_share(goal.held_out)} "
            f"(95 % interval {_share(goal.held_out_interval[0])} to {_share(goal.held_out_interval[1])}): {goal.goal}; "
            f"decided by {goal.binding}."
            for goal in plan.goals
        ]
        lines += [f"Binds: {line}." for line in plan.binding]
        lines += [f"Price: {line}." for line in record["prices"]]
        lines += [f"Assumed: {line}." for line in plan.assumptions]
        for line in lines:
            self.say(line)

    def save(self, frame: pd.DataFrame, csv: Path | None) -> None:
        """Write every row to the file asked for."""
        if csv is not None:
            self.note(csv=str(write_csv(frame, csv)))
            self.say(f"All of it is in {csv}")

    def close(self) -> None:
        """Print the JSON object, if it was asked for."""
        if self.as_json:
            text = json.dumps(plain(self._said), ensure_ascii=False, allow_nan=False)
            Console(soft_wrap=True).print(text, markup=False, highlight=False, soft_wrap=True)

    def _table_of(self, frame: pd.DataFrame) -> None:
        table = Table()
        for name in frame:
            left = name in ("category", "month", "year", "lever", "office", "grade")
            table.add_column(escape(str(name).replace("_", " ")), justify="left" if left else "right")
        for row in frame.itertuples(index=False):
            table.add_row(*(f"{cell:,.0f}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
        self._console.print(table)


def _bands_table(shown: pd.DataFrame, title: str, label: str, key: str) -> Table:
    units = str(shown["units"].iloc[0])
    percent = units in ("per year", "per person-year")
    scale, digits = (100.0, 2) if percent else (1.0, _digits_for(shown[["median"]]))
    largest = float(shown["median"].to_numpy(float).max())
    if largest >= 1e5:
        scale, digits, units = (1e-6, 1, f"million {units}") if largest >= 1e7 else (1e-3, 0, f"thousand {units}")

    def write(value: float) -> str:
        return f"{scale * value:,.{digits}f}"

    table = Table(title=escape(f"{title}, {'% a year' if percent else units}"), title_justify="left")
    table.add_column(label, no_wrap=True)
    for name in ("median", *(f"{level} %" for level in LEVELS)):
        table.add_column(name, justify="right", no_wrap=True)
    for _, row in shown.iterrows():
        cells = [f"{write(row[f'lower{level}'])} to {write(row[f'upper{level}'])}" for level in LEVELS]
        table.add_row(escape(str(row[key])), write(row["median"]), *cells)
    return table


def _digits_for(values: pd.DataFrame) -> int:
    """Decimals that suit the size of a table's numbers."""
    size = np.abs(values.to_numpy(float)).max()
    return 0 if size >= 100 else 1 if size >= 20 else 2 if size >= 1 else 3


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return str(value)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
