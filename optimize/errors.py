"""Errors of the optimize room."""

from __future__ import annotations

from ..data.errors import PoblarError

__all__ = ["GoalError", "NoPlanError", "SolverError"]


class GoalError(PoblarError, ValueError):
    """A goal or lever that cannot be meant: outside the horizon, contradictory, or in other units."""


class NoPlanError(PoblarError, LookupError):
    """The decision was asked of a plan that does not exist; the text says which goal must give way and by how much."""


class SolverError(PoblarError, RuntimeError):
    """The solver ended in another state than optimal or infeasible; a plan is never made of that."""
