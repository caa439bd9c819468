"""Errors of the planner room."""

from __future__ import annotations

from ..data.errors import PoblarError

__all__ = ["PlannerError"]


class PlannerError(PoblarError, RuntimeError):
    """A command that cannot be carried out: a file that is not there, or a model that could not be fitted."""
