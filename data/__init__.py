"""Published statistics, validated and labelled; imports nothing else of poblar."""

from __future__ import annotations

from . import fetch, reference, unhcr, wpp
from .errors import DataError, PoblarError
from .panel import Panel
from .reference import Region

__all__ = ["DataError", "Panel", "PoblarError", "Region", "fetch", "reference", "unhcr", "wpp"]
