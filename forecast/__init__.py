"""Bayesian models, draws and projection."""

from __future__ import annotations

from .backlog import Backlog
from .comparison import Comparison, compare
from .draws import bands
from .errors import ConvergenceError, DrawsError
from .fertility import Fertility
from .fit import Diagnostics, Posterior, Sampling
from .migrants import Corridors, Migrants
from .migration import Migration
from .mortality import Mortality
from .population import project
from .projection import Projection
from .queue import simulate_queue
from .scenarios import Scenario
from .schedules import PROFILES

__all__ = [
    "PROFILES",
    "Backlog",
    "Comparison",
    "ConvergenceError",
    "Corridors",
    "Diagnostics",
    "DrawsError",
    "Fertility",
    "Migrants",
    "Migration",
    "Mortality",
    "Posterior",
    "Projection",
    "Sampling",
    "Scenario",
    "bands",
    "compare",
    "project",
    "simulate_queue",
]
