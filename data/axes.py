"""Names of the axes, and the unit of every quantity: public API, listed in ``docs/schema.md``.

The year of a stock is its 1 January, the year of a flow or rate is the calendar year, so that
``P(t + 1) = P(t) + births(t) - deaths(t) + net migration(t)``.
"""

from __future__ import annotations

from typing import Final

__all__ = ["AXES", "SEXES", "UNITS"]

AXES: Final = (
    "draw",
    "country",
    "year",
    "month",
    "sex",
    "age",
    "category",
    "origin",
    "destination",
    "locality",
    "office",
    "stage",
    "class",
    "after",
)
"""Every dimension a labelled array of poblar may have."""

SEXES: Final = ("female", "male")
"""Coordinate of ``sex``, in this order."""

UNITS: Final = {
    "tfr": "children per woman",
    "e0": "years",
    "net_migration": "persons per year",
    "net_migration_rate": "per person-year",
    "population": "persons",
    "births": "persons per year",
    "deaths": "persons per year",
    "mx": "per person-year",
    "fertility_share": "share",
    "migrant_share": "share",
    "sex_ratio_at_birth": "males per female",
    "applications": "persons per year",
    "recognized": "persons per year",
    "rejected": "persons per year",
    "closed": "persons per year",
    "pending": "persons",
    "staff": "officers",
}
"""Unit of each bundled quantity; a `Panel` that holds one of these names must carry this unit."""
