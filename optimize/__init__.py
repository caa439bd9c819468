"""Plans on draws: quotas and staff that reach a goal with a stated probability."""

from __future__ import annotations

from ..forecast.schedules import PROFILES
from .admissions import Admissions
from .errors import GoalError, NoPlanError, SolverError
from .goals import DependencyRatio, GrowthRate, PopulationSize, SupportRatio, WaitTime
from .office import Staffing
from .plan import GoalReport, Plan
from .quota import QuotaPlan
from .staffing import StaffingPlan

__all__ = [
    "PROFILES",
    "Admissions",
    "DependencyRatio",
    "GoalError",
    "GoalReport",
    "GrowthRate",
    "NoPlanError",
    "Plan",
    "PopulationSize",
    "QuotaPlan",
    "SolverError",
    "Staffing",
    "StaffingPlan",
    "SupportRatio",
    "WaitTime",
]
