"""Bayesian models, draws and projection."""

from __future__ import annotations

from .adjust import replacement_fertility, shift_median
from .backlog import Backlog
from .comparison import Comparison, compare
from .conditioning import Given, condition
from .draws import bands
from .errors import ConvergenceError, DrawsError
from .fertility import Fertility
from .fertility_ages import fit_fertility_ages
from .fit import Diagnostics, Posterior, Progress, Sampling
from .imperfect_past import UncertainFertility
from .lee_carter import fit_lee_carter
from .localities import subnational
from .migrants import Corridors, Migrants
from .migration import Migration
from .mortality import Mortality
from .population import project
from .prior_predictive import prior_predictive
from .projection import Projection
from .published_fertility import PublishedFertility
from .published_mortality import PublishedMortality
from .queue import simulate_queue
from .scenarios import Scenario
from .schedules import PROFILES
from .sources import Source, observed

__all__ = [
    "PROFILES",
    "Backlog",
    "Comparison",
    "ConvergenceError",
    "Corridors",
    "Diagnostics",
    "DrawsError",
    "Fertility",
    "Given",
    "Migrants",
    "Migration",
    "Mortality",
    "Posterior",
    "Progress",
    "Projection",
    "PublishedFertility",
    "PublishedMortality",
    "Sampling",
    "Scenario",
    "Source",
    "UncertainFertility",
    "bands",
    "compare",
    "condition",
    "fit_fertility_ages",
    "fit_lee_carter",
    "observed",
    "prior_predictive",
    "project",
    "replacement_fertility",
    "shift_median",
    "simulate_queue",
    "subnational",
]
