"""The seven futures that the study of Mexico's migration policy asks about, for the six countries' net migration.

Their figures are assumptions of this project, not estimates: round numbers of the size of what was counted, written out
beside each scenario so that they can be doubted and changed. Whoever no longer settles in one of the six countries
settles in, or stays in, another of them: over the six together nobody is gained or lost. People are added to and taken
from the forecast of net migration in persons per year; the scenarios need forecasts of all six countries to 2050.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from .levers import Multiply, Shift
from .scenarios import Scenario

__all__ = [
    "DEVELOPMENT",
    "INACTION",
    "PARTIAL_OPENING",
    "REDISTRIBUTION",
    "REGULARISATION",
    "STUDY",
    "TIGHTER_ASYLUM",
    "WORSE_SHOCK",
    "settle",
]

YEARS: Final = range(2027, 2051)
NORTHERN: Final[Mapping[str, float]] = MappingProxyType({"GTM": 0.45, "HND": 0.35, "SLV": 0.20})
"""Shares of the three countries in those who move: monthly apprehensions in the United States, means of 2015-19, were
10,899, 8,733 and 5,529."""


def settle(
    persons: float,
    *,
    origin: str | Mapping[str, float],
    destination: str | Mapping[str, float],
    years: Sequence[int] = YEARS,
    ages: tuple[int, int] | str = "family",
) -> tuple[Shift, ...]:
    """Levers by which some people a year settle in one place instead of another; what one gains the other loses.

    Parameters
    ----------
    persons : float
        Persons per year.
    origin, destination : str or mapping of str to float
        A country, or countries and their shares of the persons.
    years : sequence of int
        Calendar years.
    ages : tuple of int or str
        Who they are, as in `Shift`.

    Returns
    -------
    tuple of Shift

    Examples
    --------
    >>> [(lever.country, lever.by) for lever in settle(1_000, origin={"GTM": 0.5, "HND": 0.5}, destination="USA")]
    [('GTM', -500.0), ('HND', -500.0), ('USA', 1000.0)]
    """
    sides = ((origin, -1.0), (destination, 1.0))
    return tuple(
        Shift(
            by=sign * share * persons, units="persons per year", on="migration", country=country, years=years, ages=ages
        )
        for side, sign in sides
        for country, share in ({side: 1.0} if isinstance(side, str) else side).items()
    )


INACTION: Final = Scenario(
    name="inaction",
    assumptions=("Policy stays as it was: the forecast itself, which goes on from the record to 2023.",),
)
"""Nothing is done."""

TIGHTER_ASYLUM: Final = Scenario(
    name="tighter US asylum",
    levers=(
        *settle(30_000, origin="USA", destination="MEX"),
        *settle(30_000, origin="USA", destination=NORTHERN),
    ),
    assumptions=(
        "From 2027 to 2050 60,000 fewer people a year settle in the United States: as many as its policies kept "
        "waiting in Mexico in 2021 (metering lists 18,683, Migrant Protection Protocols about 40,000).",
        "Half of them settle in Mexico; half stay in Guatemala (45 %), Honduras (35 %) and El Salvador (20 %), as the "
        "three countries' nationals were apprehended in 2015-19.",
        "They are families.",
    ),
)
"""The United States admits fewer who seek protection; some stay in Mexico, some at home."""

PARTIAL_OPENING: Final = Scenario(
    name="partial opening",
    levers=(
        *settle(30_000, origin="MEX", destination="USA", years=range(2029, 2033)),
        *settle(30_000, origin=NORTHERN, destination="USA", years=range(2029, 2033)),
    ),
    assumptions=(
        "By executive action the United States lets in 60,000 more people a year, as many as waited in Mexico in 2021.",
        "Half of them would have settled in Mexico; half would have stayed in Guatemala, Honduras and El Salvador "
        "(45, 35 and 20 %).",
        "It lasts one term of a president, 2029 to 2032, since the next one can take it back.",
        "They are families.",
    ),
)
"""The United States opens by executive action, for as long as a president's term."""

REGULARISATION: Final = Scenario(
    name="regularisation",
    levers=(
        *settle(30_000, origin="MEX", destination="USA", ages="worker"),
        *settle(18_000, origin="MEX", destination="USA", ages=(0, 17)),
        *settle(30_000, origin=NORTHERN, destination="USA", ages="worker"),
        *settle(
            20_000,
            origin={"MEX": 0.5, "GTM": 0.225, "HND": 0.175, "SLV": 0.1},
            destination="USA",
            years=range(2032, 2051),
        ),
    ),
    assumptions=(
        "People without papers in the United States receive them in 2027 and half as many return to Mexico: 30,000 "
        "fewer a year, of working age (294,000 returned in 2015-20).",
        "With them stay half of the children born in the United States who came to Mexico: 18,000 a year "
        "(181,000 in 2015-20).",
        "As many fewer return to Guatemala, Honduras and El Salvador together (45, 35 and 20 %), whose nationals were "
        "apprehended about as often as Mexicans in 2015-19 (25,161 and 21,011 a month).",
        "From 2032, five years later, 20,000 relatives a year follow, half of them from Mexico.",
    ),
)
"""People without papers in the United States are given a legal status."""

REDISTRIBUTION: Final = Scenario(
    name="redistribution",
    levers=settle(60_000, origin="MEX", destination={"USA": 2 / 3, "CAN": 1 / 3}),
    assumptions=(
        "From 2027 to 2050 the United States resettle 40,000 and Canada 20,000 people a year who seek protection in "
        "Mexico: together about a quarter of those who did in 2021 (228,984).",
        "They would have settled in Mexico otherwise.",
        "They are families. Moving people between places inside Mexico does not change these totals.",
    ),
)
"""The countries share those who seek protection in Mexico."""

_LOSS: Final[Mapping[str, float]] = MappingProxyType({"MEX": 0.73, "SLV": 0.17, "GTM": 0.065, "HND": 0.035})
_WORKERS: Final[Mapping[str, float]] = MappingProxyType({"MEX": 0.5, "GTM": 0.225, "HND": 0.175, "SLV": 0.1})

DEVELOPMENT: Final = Scenario(
    name="development and labour mobility",
    levers=(
        *settle(35_000, origin="USA", destination=_LOSS, years=range(2030, 2040), ages="worker"),
        *settle(70_000, origin="USA", destination=_LOSS, years=range(2040, 2051), ages="worker"),
        *settle(10_000, origin=_WORKERS, destination={"USA": 0.8, "CAN": 0.2}, years=range(2027, 2032), ages="worker"),
    ),
    assumptions=(
        "Work at home keeps a quarter of the net emigration of 2023 in 2030-39, and half of it in 2040-50. That year "
        "Mexico lost 101,000 people, El Salvador 23,000, Guatemala 9,000 and Honduras 5,000 (United Nations 2024), so "
        "35,000 and then 70,000 a year stay.",
        "They are of working age and would have settled in the United States.",
        "50,000 more work abroad for a time: 10,000 a year go in 2027-31, half of them from Mexico, four fifths to the "
        "United States, one fifth to Canada; from then on as many return as go. In 2020 50,000 visas fewer "
        "were issued than in 2019.",
    ),
)
"""There is work at home, and a legal way to work abroad for a time."""

_SHOCK: Final = range(2030, 2032)

WORSE_SHOCK: Final = Scenario(
    name="worse shock",
    levers=(
        Shift(by=-3.0, units="years", on="mortality", country=("MEX", "GTM", "HND", "SLV"), years=_SHOCK),
        Shift(by=-1.5, units="years", on="mortality", country=("CAN", "USA"), years=_SHOCK),
        Multiply(by=0.95, on="fertility", years=(2031,)),
        *settle(50_000, origin=NORTHERN, destination={"MEX": 0.4, "USA": 0.6}, years=_SHOCK),
    ),
    assumptions=(
        "A pandemic in 2030 and 2031 takes 3 years of life expectancy in Mexico, Guatemala, Honduras and El Salvador "
        "and 1.5 in Canada and the United States: what they lost on average from 2019 to 2021 (Mexico 4.7, Guatemala "
        "3.6, Honduras 2.6, El Salvador 1.7, the United States 2.5, Canada 0.3; United Nations 2024).",
        "Fertility is 5 % lower in 2031, the year after it begins.",
        "A hurricane of those years makes 50,000 more people a year leave Guatemala (45 %), Honduras (35 %) and El "
        "Salvador (20 %); 40 % settle in Mexico, 60 % in the United States. In the first five months of 2021, "
        "after two hurricanes, 375,191 of them were apprehended, as against 106,762 in the whole of 2020.",
    ),
)
"""A pandemic and a hurricane at once."""

STUDY: Final = (
    INACTION,
    TIGHTER_ASYLUM,
    PARTIAL_OPENING,
    REGULARISATION,
    REDISTRIBUTION,
    DEVELOPMENT,
    WORSE_SHOCK,
)
"""All seven, the baseline first, as `poblar.forecast.compare` takes them."""
