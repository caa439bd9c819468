"""Bayesian models, draws and projection."""

from __future__ import annotations

from .backlog import Backlog
from .draws import bands
from .errors import ConvergenceError, DrawsError
from .fertility import Fertility
from .fit import Diagnostics, Posterior, Sampling
from .migration import Migration
from .mortality import Mortality
from .population import Projection, project
from .queue import simulate_queue

__all__ = [
    "Backlog",
    "ConvergenceError",
    "Diagnostics",
    "DrawsError",
    "Fertility",
    "Migration",
    "Mortality",
    "Posterior",
    "Projection",
    "Sampling",
    "bands",
    "project",
    "simulate_queue",
]
