"""Plans on draws: quotas and staff that reach a goal with a stated probability."""

from __future__ import annotations

from ..forecast.schedules import PROFILES
from .admissions import Admissions
from .errors import GoalError, NoPlanError, SolverError
from .goals import Births, GrowthRate, PopulationSize, WaitTime, WorkingAge
from .held import PopulationGoal
from .limits import Budget, Closest, Share
from .office import Staffing
from .plan import GoalReport, Plan
from .quota import OpenQuotaPlan, QuotaPlan
from .ratios import DependencyRatio, ForeignBorn, MedianAge, SupportRatio
from .regional import OpenRegionalPlan, RegionalPlan
from .rolling import RollingPlan
from .rolling_result import RollingResult
from .staffing import StaffingPlan
from .transfers import Transfer

__all__ = [
    "PROFILES",
    "Admissions",
    "Births",
    "Budget",
    "Closest",
    "DependencyRatio",
    "ForeignBorn",
    "GoalError",
    "GoalReport",
    "GrowthRate",
    "MedianAge",
    "NoPlanError",
    "OpenQuotaPlan",
    "OpenRegionalPlan",
    "Plan",
    "PopulationGoal",
    "PopulationSize",
    "QuotaPlan",
    "RegionalPlan",
    "RollingPlan",
    "RollingResult",
    "Share",
    "SolverError",
    "Staffing",
    "StaffingPlan",
    "SupportRatio",
    "Transfer",
    "WaitTime",
    "WorkingAge",
]
