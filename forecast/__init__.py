"""Bayesian models, draws and projection."""

from __future__ import annotations

from .adjust import replacement_fertility, shift_median
from .backlog import Backlog
from .bilateral import Bilateral, margins, match_net, of_corridors
from .caseload import Caseload
from .closures import Closures
from .comparison import Comparison, compare
from .conditioning import Given, condition
from .draws import bands
from .errors import ConvergenceError, DrawsError
from .fertility import Fertility
from .fertility_ages import fit_fertility_ages
from .fit import Diagnostics, Posterior, Progress, Sampling
from .flows import Flows
from .imperfect_past import UncertainFertility
from .interventions import Covariate, Intervention
from .lee_carter import fit_lee_carter
from .localities import subnational
from .migrant_ages import fit_migrant_ages, fit_schedule, sample_migrant_ages
from .migrants import Corridors, Migrants
from .migration import Migration
from .mortality import Mortality
from .net_ages import NetAges, fit_net_ages
from .nowcast import nowcast
from .office_cases import OfficeCases
from .orders import Priority, Removal, WaitResponse
from .passage import Route, Stage, gamma_lag, passage_times, simulate_passage
from .population import project
from .prior_predictive import prior_predictive
from .processing import JUDGES, Processing, StaffPath, capacity, in_cases
from .projection import Projection
from .published_fertility import PublishedFertility
from .published_mortality import PublishedMortality
from .queue import simulate_queue
from .recognition import Recognition, lottery
from .returns import forecast_returns
from .rogers_castro import MigrantAges, ModelSchedule
from .scenarios import Scenario
from .schedules import CATEGORIES, PROFILES
from .sources import Source, observed
from .transitions import stage_transitions
from .waits import (
    all_classes,
    mean_wait,
    share_decided_within,
    share_pending_longer,
    wait_distribution,
    wait_quantile,
)
from .zero_sum import zero_sum

__all__ = [
    "CATEGORIES",
    "JUDGES",
    "PROFILES",
    "Backlog",
    "Bilateral",
    "Caseload",
    "Closures",
    "Comparison",
    "ConvergenceError",
    "Corridors",
    "Covariate",
    "Diagnostics",
    "DrawsError",
    "Fertility",
    "Flows",
    "Given",
    "Intervention",
    "MigrantAges",
    "Migrants",
    "Migration",
    "ModelSchedule",
    "Mortality",
    "NetAges",
    "OfficeCases",
    "Posterior",
    "Priority",
    "Processing",
    "Progress",
    "Projection",
    "PublishedFertility",
    "PublishedMortality",
    "Recognition",
    "Removal",
    "Route",
    "Sampling",
    "Scenario",
    "Source",
    "StaffPath",
    "Stage",
    "UncertainFertility",
    "WaitResponse",
    "all_classes",
    "bands",
    "capacity",
    "compare",
    "condition",
    "fit_fertility_ages",
    "fit_lee_carter",
    "fit_migrant_ages",
    "fit_net_ages",
    "fit_schedule",
    "forecast_returns",
    "gamma_lag",
    "in_cases",
    "lottery",
    "margins",
    "match_net",
    "mean_wait",
    "nowcast",
    "observed",
    "of_corridors",
    "passage_times",
    "prior_predictive",
    "project",
    "replacement_fertility",
    "sample_migrant_ages",
    "share_decided_within",
    "share_pending_longer",
    "shift_median",
    "simulate_passage",
    "simulate_queue",
    "stage_transitions",
    "subnational",
    "wait_distribution",
    "wait_quantile",
    "zero_sum",
]
