"""The standard regional question: six countries at once, admissions from elsewhere and moves between them."""

from __future__ import annotations

import re

import pandas as pd

from ..forecast import project
from ..optimize import Admissions, Plan, RegionalPlan, SupportRatio, Transfer
from .errors import PlannerError
from .work import NAMES, PEOPLE, Work

__all__ = ["limits"]

YEARS = range(2027, 2051)
CHANGE = 0.2  # no year differs from the last by more than this share
SENDING, RECEIVING = ("MEX", "GTM", "HND", "SLV"), ("CAN", "USA")


def limits(text: str) -> dict[str, float]:
    """Most persons a year by country, from text such as "MEX=300000,USA=500000".

    Parameters
    ----------
    text : str
        Empty for no limits.

    Returns
    -------
    dict of str to float

    Raises
    ------
    PlannerError
        If it is written otherwise, or names another country.

    Examples
    --------
    >>> limits("MEX=300000, USA=500000")
    {'MEX': 300000.0, 'USA': 500000.0}
    """
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([A-Z]{3})\s*=\s*(\d+(?:\.\d+)?)", part)
        if match is None or match[1] not in (*SENDING, *RECEIVING):
            raise PlannerError(
                f"expected countries and persons such as MEX=300000,USA=500000, found {part!r}; write it so, with "
                f"countries among {', '.join((*RECEIVING, *SENDING))}."
            )
        found[match[1]] = float(match[2])
    return found


def solve(work: Work, more: float, year: int, probability: float, most: dict[str, float]) -> tuple[Plan, pd.DataFrame]:
    """Plan a support ratio for all six countries: what is sure anyhow, and so much more.

    Parameters
    ----------
    work : Work
        Of the bundled countries.
    more : float
        People of 15-64 for each of 65 and over to gain.
    year : int
        By when; it holds in this year and five and ten years before.
    probability : float
        How surely, for each country.
    most : dict of str to float
        Most admitted a year from the rest of the world, by country.

    Returns
    -------
    Plan, pandas.DataFrame
        The plan, and who gains and who loses.

    Raises
    ------
    PoblarError
        If the plan cannot be asked for.
    """
    study, region, fits = work.study, work.region, work.fits
    assert region is not None
    rates = {model: fits[model].forecast(until=study.until, draws=study.draws, seed=study.seed) for model in PEOPLE}
    assert set(rates) == set(NAMES)
    with work.stages.stage("project", "Project six countries", f"{study.draws:,} draws"):
        people = project(region, **rates)
    now = people.support_ratio.sel(year=year).quantile(1.0 - probability, "draw")
    years = [each for each in (year - 10, year - 5, year) if each > YEARS[0]]
    goals = {
        country: [SupportRatio(at_least=float(now.sel(country=country)) + more, years=years, probability=probability)]
        for country in region.countries
    }
    levers = {
        country: [
            Admissions("workers", profile="worker", years=YEARS, change_at_most=CHANGE, at_most=most.get(country))
        ]
        for country in region.countries
    }
    moves = [
        Transfer(name="workers", origin=one, destination=other, profile="worker", years=YEARS, change_at_most=CHANGE)
        for one in SENDING
        for other in RECEIVING
    ]
    with work.stages.stage("plan", "Solve", "six countries"):
        opened = RegionalPlan(people, levers, moves, goals).open(seed=study.seed)
        plan = opened.solve()
    return plan, opened.outcomes(plan).round(3)
