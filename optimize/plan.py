"""What every solve returns: the decision, its certificate, its prices, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from .admissions import EVERY_AGE
from .errors import NoPlanError
from .words import percent

__all__ = ["GoalReport", "Plan"]


@dataclass(frozen=True, kw_only=True)
class GoalReport:
    """One goal of a plan: what was asked and what is reached.

    Parameters
    ----------
    goal : str
        The goal in words.
    requested : float
        Probability asked for.
    in_sample, held_out : float
        Shares of draws that reach it, among those optimised over and those the plan never saw.
    held_out_interval : (float, float)
        Exact 95 % interval of the held-out probability (Clopper & Pearson 1934).
    binding : str
        Where the goal is tightest.
    relaxed : str
        The goal that can be reached with the requested probability where this one cannot; empty if it can.
    highest : float
        The highest probability found of reaching it under the plan's limits, where it cannot be reached as asked.

    Examples
    --------
    >>> GoalReport(goal="growth", requested=0.9, in_sample=0.91, held_out=0.9, held_out_interval=(0.88, 0.92)).goal
    'growth'
    """

    goal: str
    requested: float
    in_sample: float
    held_out: float
    held_out_interval: tuple[float, float]
    binding: str = ""
    relaxed: str = ""
    highest: float = 0.0


def kept(reports: Sequence[GoalReport]) -> str:
    """What a plan reaches, in words: its goals, and the certificate of the one with least to spare."""
    held = min(reports, key=lambda report: report.held_out - report.requested)
    low, high = held.held_out_interval
    return (
        f"{' and '.join(report.goal for report in reports)} with {percent(held.requested)} probability; "
        f"held out: {percent(held.held_out, 1)} (95 % interval {percent(low, 1)} to {percent(high, 1)})"
    )


def missed(reports: Sequence[GoalReport]) -> str:
    """Which goals no plan reaches, how surely they can be reached, and what can be reached as surely as asked."""
    failing = [report for report in reports if report.held_out < report.requested] or reports
    return "; ".join(
        f"{report.goal} cannot be reached with {percent(report.requested)} probability under these limits: the highest "
        f"probability found is {percent(max(report.held_out, report.highest), 1)}; "
        f"with {percent(report.requested)} it can be {report.relaxed}"
        for report in failing
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan with its certificate; or, where none exists, what would have to give way.

    Parameters
    ----------
    exists : bool
        Whether there is a plan that reaches every goal.
    answer : str
        The answer in a sentence.
    goals : list of GoalReport
        Goal by goal; where no plan exists, of the plan that comes nearest.
    decided : xarray.Dataset
        The plan by lever and period, with units; where no plan exists, the one that comes nearest.
    objective : float
        What it costs, in `objective_units`.
    objective_units : str
    binding : list of str
        Limits of the levers that bind.
    prices : pandas.DataFrame
        What a small tightening of each goal costs, in the goal's and the objective's units.
    draws : mapping of str to int
        Sizes of the disjoint sets: solve, calibrate, certify.
    record : mapping
        Solver, linear programs solved, gap, seconds, seed, and how wide a tail was used.
    assumptions : list of str
        What is assumed beyond the figures.

    Examples
    --------
    >>> import xarray as xr
    >>> nothing = Plan(exists=False, answer="No plan: growth of at least 5.00 % a year cannot be reached.", goals=[],
    ...                decided=xr.Dataset(), objective=0.0, objective_units="persons admitted")
    >>> nothing.decision
    Traceback (most recent call last):
    ...
    poblar.optimize.errors.NoPlanError: No plan: growth of at least 5.00 % a year cannot be reached.
    """

    exists: bool
    answer: str
    goals: list[GoalReport]
    decided: xr.Dataset
    objective: float
    objective_units: str
    binding: list[str] = field(default_factory=list)
    prices: pd.DataFrame = field(default_factory=pd.DataFrame)
    draws: Mapping[str, int] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)

    @property
    def decision(self) -> xr.Dataset:
        """The plan by lever and period; raises `NoPlanError` where there is none."""
        if not self.exists:
            raise NoPlanError(self.answer)
        return self.decided

    def to_frame(self) -> pd.DataFrame:
        """The plan as a tidy table, a row for each lever and period; raises `NoPlanError` where there is none."""
        return _tidy(self.decision)

    @property
    def table(self) -> pd.DataFrame:
        """What was decided as a tidy table; where no plan exists, the one that comes nearest."""
        return _tidy(self.decided)

    def certificate(self) -> pd.DataFrame:
        """Goal by goal: requested, reached in sample and held out with its 95 % interval."""
        rows = [
            {
                "goal": report.goal,
                "requested": report.requested,
                "in_sample": report.in_sample,
                "held_out": report.held_out,
                "held_out_lower95": report.held_out_interval[0],
                "held_out_upper95": report.held_out_interval[1],
                "binding": report.binding,
                "can_be_reached": report.relaxed,
            }
            for report in self.goals
        ]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        parts = [self.answer]
        if self.exists:
            parts.append(self.to_frame().to_string(index=False, float_format=lambda value: f"{value:,.0f}"))
        parts.append(
            self.certificate().drop(columns="can_be_reached").to_string(index=False, float_format="{:.3f}".format)
        )
        if self.binding:
            parts.append("Limits that bind: " + "; ".join(self.binding) + ".")
        if len(self.prices):
            parts.append("Prices: " + "; ".join(self.prices["in_words"]) + ".")
        if self.assumptions:
            parts.append("Assumed: " + "; ".join(self.assumptions) + ".")
        return "\n\n".join(parts)


def _tidy(decided: xr.Dataset) -> pd.DataFrame:
    """A row for each lever and period."""
    if "hires" in decided:  # by quarter; officers month by month, and who is sent where, have axes of their own
        axes = set(decided["hires"].dims)
        return decided[[name for name in decided if set(decided[name].dims) <= axes]].to_dataframe().reset_index()
    if "admissions_by_age" not in decided:
        return decided.to_dataframe().reset_index()
    # Where ages were decided too, a row for each of them, and the other categories beside them.
    free = decided["admissions_by_age"].to_series().rename("admissions").reset_index()
    whole = decided["admissions"].to_series().reset_index()
    others = whole[~whole["category"].isin(free["category"])].assign(ages=EVERY_AGE)
    return pd.concat([free, others], ignore_index=True)[["category", "year", "ages", "admissions"]]
