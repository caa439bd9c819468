"""Files that others open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from poblar.planner.errors import PlannerError
from poblar.planner.files import read_json, write_csv, write_json


@pytest.mark.parametrize("cell", ["=SUM(A1)", "+1", "-1", "@now", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_is_neutralised(cell: str, tmp_path: Path) -> None:
    path = write_csv(pd.DataFrame({"name": [cell, "Mexico"], "=head": ["a", "b"]}), tmp_path / "table.csv")
    table = pd.read_csv(path)
    assert table["name"].tolist() == [f"'{cell}", "Mexico"]
    assert list(table) == ["name", "'=head"]


def test_numbers_and_dates_stay_what_they_are(tmp_path: Path) -> None:
    months = pd.to_datetime(["2027-01-01", "2027-02-01"])
    path = write_csv(pd.DataFrame({"month": months, "change": [-0.5, 12345678.0]}), tmp_path / "table.csv")
    assert path.read_text() == "month,change\n2027-01-01,-0.5\n2027-02-01,12345678\n"


def test_json_is_read_by_anyone(tmp_path: Path) -> None:
    content = {"when": np.datetime64("2027-01-01"), "shares": np.float64(0.5), "years": range(2), "gap": float("nan")}
    assert read_json(write_json(content, tmp_path / "a" / "summary.json")) == {
        "when": "2027-01-01",
        "shares": 0.5,
        "years": [0, 1],
        "gap": None,
    }


def test_a_broken_summary_is_a_stated_error(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(PlannerError, match=r"found what cannot be read .* run `poblar run` again"):
        read_json(tmp_path / "summary.json")
