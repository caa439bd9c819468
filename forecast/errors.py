"""Errors of the forecast room."""

from __future__ import annotations

from ..data.errors import PoblarError

__all__ = ["ConvergenceError", "DrawsError"]


class ConvergenceError(PoblarError, RuntimeError):
    """A posterior that fails the convergence gate; its draws would not mean what they say."""


class DrawsError(PoblarError, ValueError):
    """Draws that do not fit together: an axis, a unit, a year or a number of draws is not as asked for."""
