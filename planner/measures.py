"""How each indicator is written: its name, the unit of its axis, and how many digits of it are worth reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .language import Language

__all__ = ["MEASURES", "SEXES", "Measure"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """An indicator in words and on an axis.

    Parameters
    ----------
    name : str
        In the words of the field.
    units : str
        Unit that tables and axes show.
    scale : float
        What a value of the tables is multiplied by to be in that unit.
    digits, ticks : int
        Decimals in a table, and least on an axis.

    Examples
    --------
    >>> from poblar.planner.language import ENGLISH
    >>> MEASURES["growth_rate"].said(-0.0012, ENGLISH)
    '−0.12'
    """

    name: str
    units: str
    scale: float = 1.0
    digits: int = 2
    ticks: int = 1

    def said(self, value: float, language: Language) -> str:
        """A value of the tables in the unit shown."""
        return language.number(self.scale * value, self.digits)


PERCENT = "% a year"
MEASURES: Final = {
    "tfr": Measure(name="Total fertility rate", units="children per woman"),
    "e0": Measure(name="Life expectancy at birth", units="years", digits=1, ticks=0),
    "net_migration": Measure(name="Net migration", units="thousand persons a year", scale=1e-3, digits=0, ticks=0),
    "population": Measure(name="Population at 1 January", units="million persons", scale=1e-6, digits=1, ticks=0),
    "natural_growth": Measure(name="Natural growth", units=PERCENT, scale=100.0),
    "social_growth": Measure(name="Social growth (net migration)", units=PERCENT, scale=100.0),
    "growth_rate": Measure(name="Total growth", units=PERCENT, scale=100.0),
    "dependency_ratio": Measure(name="Dependency ratio", units="dependants per person aged 15-64"),
    "support_ratio": Measure(
        name="Potential support ratio", units="persons aged 15-64 per person aged 65+", digits=1, ticks=0
    ),
}
"""Indicators of a population, in the order that reports show them."""

SEXES: Final = {"female": "women", "male": "men"}
"""Sexes in the words of the field."""
