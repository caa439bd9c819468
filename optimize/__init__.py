"""Plans on draws: quotas and staff that reach a goal with a stated probability."""

from __future__ import annotations

from ..forecast.schedules import PROFILES
from .admissions import Admissions
from .errors import GoalError, NoPlanError, SolverError
from .families import online_placement, place_families
from .goals import Births, GrowthRate, PopulationSize, WorkingAge
from .held import PopulationGoal
from .limits import Budget, Closest, Share
from .office import Overtime, Staffing, Surge
from .placement import PlacementPlan
from .plan import GoalReport, Plan
from .quota import OpenQuotaPlan, QuotaPlan
from .ratios import DependencyRatio, ForeignBorn, MedianAge, SupportRatio
from .regional import OpenRegionalPlan, RegionalPlan
from .restaffing import RollingStaffing
from .rolling import RollingPlan
from .rolling_result import RollingResult
from .sharing import Sharing, instead_of_sharing, share_staff
from .sites import FiscalBudget, Intake, Opening, Redirect
from .staffing import StaffingPlan
from .transfers import Transfer
from .waiting import BacklogSize, WaitingNow, WaitTime

__all__ = [
    "PROFILES",
    "Admissions",
    "BacklogSize",
    "Births",
    "Budget",
    "Closest",
    "DependencyRatio",
    "FiscalBudget",
    "ForeignBorn",
    "GoalError",
    "GoalReport",
    "GrowthRate",
    "Intake",
    "MedianAge",
    "NoPlanError",
    "OpenQuotaPlan",
    "OpenRegionalPlan",
    "Opening",
    "Overtime",
    "PlacementPlan",
    "Plan",
    "PopulationGoal",
    "PopulationSize",
    "QuotaPlan",
    "Redirect",
    "RegionalPlan",
    "RollingPlan",
    "RollingResult",
    "RollingStaffing",
    "Share",
    "Sharing",
    "SolverError",
    "Staffing",
    "StaffingPlan",
    "SupportRatio",
    "Surge",
    "Transfer",
    "WaitTime",
    "WaitingNow",
    "WorkingAge",
    "instead_of_sharing",
    "online_placement",
    "place_families",
    "share_staff",
]
