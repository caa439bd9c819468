"""Transfers that cannot be meant are refused, by the name of who moves from where to where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from poblar.optimize import GoalError, Transfer

WORKERS = Transfer(name="workers", origin="MEX", destination="USA", profile="worker", years=range(2027, 2042))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"destination": "MEX"}, "workers: expected two countries, found a transfer from MEX to itself"),
        ({"at_most": -1.0}, "workers from MEX to USA: expected 0 <= at_least <= at_most, found 0.0 and -1.0"),
        ({"share_at_most": 0.0}, "workers from MEX to USA: expected share_at_most above 0, at most 1"),
        ({"cohort_at_most": 1.5}, "workers from MEX to USA: expected cohort_at_most above 0, at most 1"),
        ({"profile": "free"}, "expected a profile of who moves, found free ages"),
        ({"profile": "pilots"}, "expected a profile among worker, family"),
        ({"years": [2030, 2032]}, "workers from MEX to USA: expected consecutive years"),
        ({"change_at_most": 2.0}, "expected change_at_most between 0 and 1"),
    ],
)
def test_a_transfer_that_means_nothing_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(GoalError, match=message):
        replace(WORKERS, **change)  # type: ignore[arg-type]
