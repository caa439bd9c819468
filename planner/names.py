"""Names that a reader knows in place of codes."""

from __future__ import annotations

from typing import Final

import pycountry

from ..data.countries import KOSOVO

__all__ = ["INDICATORS", "country_name"]

INDICATORS: Final = {
    "tfr": "Total fertility rate",
    "e0": "Life expectancy at birth",
    "net_migration": "Net migration",
    "population": "Population at 1 January",
    "natural_growth": "Natural growth",
    "social_growth": "Social growth (net migration)",
    "growth_rate": "Total growth",
    "dependency_ratio": "Dependency ratio",
    "support_ratio": "Potential support ratio",
}
"""Indicators of a population in the words of the field."""


def country_name(code: str) -> str:
    """Common name of a country, or the code where it has none.

    Parameters
    ----------
    code : str
        ISO 3166-1 alpha-3.

    Returns
    -------
    str

    Examples
    --------
    >>> country_name("MEX"), country_name("XKX")
    ('Mexico', 'Kosovo')
    """
    found = pycountry.countries.get(alpha_3=code)
    if found is None:
        return "Kosovo" if code == KOSOVO else code
    return getattr(found, "common_name", found.name)
