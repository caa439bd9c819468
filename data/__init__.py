"""Published statistics, validated and labelled; imports nothing else of poblar."""

from __future__ import annotations

from . import capacity, case_tables, cases, corridors, fetch, reference, unhcr, wpp
from .errors import DataError, PoblarError
from .panel import Panel
from .region import Region
from .world import read_world

__all__ = [
    "DataError",
    "Panel",
    "PoblarError",
    "Region",
    "capacity",
    "case_tables",
    "cases",
    "corridors",
    "fetch",
    "read_world",
    "reference",
    "unhcr",
    "wpp",
]
