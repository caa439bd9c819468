"""The picture of a frontier shows the points that it was given, and says them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from poblar.planner.plan_plots import frontier_picture


def test_a_frontier_is_drawn_where_plans_exist_and_says_its_points() -> None:
    frame = pd.DataFrame(
        {
            "value": [0.5, 0.8, 0.9],
            "exists": [True, True, False],
            "objective": [4e6, 9e6, np.nan],
            "held_out": [0.51, 0.81, 0.7],
            "lower95": [0.49, 0.79, 0.68],
            "upper95": [0.53, 0.83, 0.72],
        }
    )
    frame.attrs = {"goal": "growth of at least 0.00 % a year in 2035-2050", "over": "probability", "units": "persons"}
    picture = frontier_picture(frame, "MEX")
    cost, sure = picture.figure.axes
    np.testing.assert_allclose(cost.lines[0].get_xydata(), [[0.5, 4.0], [0.8, 9.0]])
    np.testing.assert_allclose(sure.lines[0].get_xydata(), [[0.5, 51.0], [0.8, 81.0]])
    assert picture.title == "Mexico: growth of at least 0.00\xa0% a year in 2035-2050, as more is asked"
    assert "At 0.8: 9.0 million persons, held out 81.0\xa0%." in picture.alt
    assert "0.9" not in picture.alt
