"""The report: one page that opens offline, made from what the demo left in its folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from .errors import PlannerError
from .files import read_json
from .names import INDICATORS, country_name
from .plots import AXES

__all__ = ["write_report"]

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_YEARS = (2030, 2040, 2050, 2060, 2070)
DIGITS = {"tfr": 2, "e0": 1, "net_migration": 0, "population": 1, "dependency_ratio": 2, "support_ratio": 1}


def write_report(folder: str | Path) -> Path:
    """Render ``report.html`` from ``summary.json``, the pictures and ``bands.csv`` of a folder.

    Parameters
    ----------
    folder : str or Path
        What `poblar demo` wrote.

    Returns
    -------
    Path
        The report: no script, and nothing that a browser would fetch.

    Raises
    ------
    PlannerError
        If a file is not there or cannot be read or written.

    Examples
    --------
    >>> write_report("nowhere")
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected nowhere/summary.json, found no such file; run `poblar demo` first, ...
    """
    folder = Path(folder)
    summary = read_json(folder / "summary.json")
    try:
        page = render(
            summary,
            pictures={figure["name"]: _embedded(folder / figure["file"]) for figure in summary["figures"]},
            bands=pd.read_csv(folder / "bands.csv"),
        )
        path = folder / "report.html"
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PlannerError(
            f"expected to make the report from the files in {folder}, found {error}; run `poblar demo` again."
        ) from error
    except (KeyError, UndefinedError) as error:
        raise PlannerError(
            f"expected a summary of this version in {folder}, found another ({error}); run `poblar demo` again."
        ) from error
    return path


def render(summary: dict[str, Any], *, pictures: dict[str, str], bands: pd.DataFrame) -> str:
    """The page as text: `pictures` are data addresses by name, `bands` the table of indicators."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "whole": _whole, "probability": _probability}
    study = summary["study"]
    country = country_name(study["country"])
    return environment.get_template("report.html").render(
        s=summary,
        study=study,
        country=country,
        answers={
            key: summary[key]["answer"].replace(f"{study['country']}: ", f"{country}: ")
            for key in ("quota", "staffing")
        },
        countries=[country_name(code) for code in summary["fits"][0]["countries"]] if summary["fits"] else [],
        pictures=pictures,
        figures={figure["name"]: figure for figure in summary["figures"]},
        years=[year for year in SHOWN_YEARS if year in set(bands["year"])],
        rows=_rows(bands),
        quota=_thirds(summary["quota"]["plan"]),
        certificates=[
            {"plan": title, **goal}
            for title, key in (("Admissions", "quota"), ("Officers", "staffing"))
            for goal in summary[key]["goals"]
        ],
        unconverged=[fit["what"] for fit in summary["fits"] if not fit["converged"]],
        cached=[fit["what"] for fit in summary["fits"] if fit["from_cache"]],
    )


def _rows(bands: pd.DataFrame) -> list[dict[str, Any]]:
    """Indicators by shown year: median and the 80 % interval in words."""
    rows = []
    for (indicator, sex), part in bands.groupby(["indicator", "sex"], sort=False):
        form, digits = AXES[str(indicator)], DIGITS.get(str(indicator), 2)
        shown = part[part["year"].isin(SHOWN_YEARS)].sort_values("year")
        cells = []
        for row in shown[["lower80", "median", "upper80"]].to_numpy(float):
            low, middle, high = (_number(form.scale * value, digits) for value in row.tolist())
            cells.append({"median": middle, "interval": f"{low} to {high}"})
        who = "" if sex == "both" else {"female": ", women", "male": ", men"}[str(sex)]
        rows.append({"name": INDICATORS[str(indicator)] + who, "units": form.units, "cells": cells})
    return rows


def _thirds(plan: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The years of a plan in rows of three, so that a long table stays short."""
    size = -(-len(plan) // 3)
    return [
        [plan[row + column * size] for column in range(3) if row + column * size < len(plan)] for row in range(size)
    ]


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _probability(value: float) -> str:
    return f"{100 * value:.0f} %"


def _whole(value: float) -> str:
    return _number(value, 0)
