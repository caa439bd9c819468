"""Placement from a file: room is as uncertain as it is said to be, and slips are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from poblar.data import PoblarError
from poblar.planner.placement import placement_plan

TEXT = "locality,employment,jobs,housing\nSaltillo,0.7,1500,1700\nPuebla,0.5,700,900\n"


def asked(tmp_path: Path, text: str = TEXT, **changed: float):
    path = tmp_path / "places.csv"
    path.write_text(text)
    options = {"people": 3000, "spread": 0.2, "acceptance": 0.8, "probability": 0.9, "draws": 4000, "seed": 1}
    return placement_plan(path, **(options | changed))


def test_room_has_the_median_and_the_spread_asked_for(tmp_path: Path) -> None:
    room = np.log(asked(tmp_path).room["jobs"])
    np.testing.assert_allclose(np.exp(room.median("draw")), [1500, 700], rtol=0.02)
    np.testing.assert_allclose(room.std("draw"), 0.2, rtol=0.05)
    both = np.corrcoef(room.sel(locality="Saltillo"), room.sel(locality="Puebla"))[0, 1]
    assert both == pytest.approx(0.5, abs=0.05)  # half the variance is common


def test_no_more_come_than_there_is_room_for_as_surely_as_asked(tmp_path: Path) -> None:
    problem = asked(tmp_path)
    plan = problem.solve(seed=1)
    come = 0.8 * plan.decision["offered"].sum("group")
    held = ((come <= problem.room["jobs"]) & (come <= problem.room["housing"])).all("locality").mean()
    assert float(held) > 0.88


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace("0.7", "70"), "column 'employment': expected a share from 0 to 1, found 70"),
        (TEXT.replace("1500", "-5"), "column 'jobs': expected persons, zero or more, found -5"),
        (TEXT.replace("1500", "=A1"), "expected a number, found '=A1'"),
        (TEXT.replace("Puebla", "Saltillo"), "expected each locality once"),
        ("locality,employment\nSaltillo,0.7\n", "a column or more of room"),
        ("place,employment,jobs\nSaltillo,0.7,5\n", "expected the column 'locality'"),
    ],
)
def test_a_slip_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PoblarError, match=said):
        asked(tmp_path, text)


@pytest.mark.parametrize("changed", [{"people": 0}, {"acceptance": 1.2}, {"spread": -1}])
def test_an_option_out_of_range_is_named(tmp_path: Path, changed: dict) -> None:
    with pytest.raises(PoblarError, match="expected people above zero"):
        asked(tmp_path, **changed)
