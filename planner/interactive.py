"""Interactive pictures, from the tables that the printed ones are made from."""

from ._interactive_people import difference_figure, fan_figure, paths_figure, pyramid_figure, scenario_figure
from ._interactive_plans import frontier_figure, officers_figure, queue_figure, quota_figure, wait_figure

__all__ = [
    "difference_figure",
    "fan_figure",
    "frontier_figure",
    "officers_figure",
    "paths_figure",
    "pyramid_figure",
    "queue_figure",
    "quota_figure",
    "scenario_figure",
    "wait_figure",
]
