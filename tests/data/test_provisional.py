"""Counts that will be revised: what earlier vintages said of it, and the intervals that follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from poblar.data import DataError, Panel
from poblar.data._flow_tables import flow_panel, flow_table
from poblar.data.provisional import provisional, revisions

ABOUT = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}
MONTHS = pd.date_range("2023-01-01", periods=30, freq="MS")
REGISTERED = np.array([0.7, 0.9, 0.97])  # of the final count, so many months after
NEW = len(REGISTERED)


def counts(final: np.ndarray, until: int, rng: np.random.Generator | None = None) -> Panel:
    """The table as it stood `until` months after it began: the last months in part."""
    known = final[:, :until].copy()
    if rng is not None:
        for age, share in enumerate(REGISTERED):
            known[:, until - 1 - age] = rng.binomial(known[:, until - 1 - age].astype(int), share)
    frames = [
        pd.DataFrame({"series": f"series {number}", "month": MONTHS[:until], "count": row})
        for number, row in enumerate(known)
    ]
    return flow_panel(flow_table(pd.concat(frames)), ABOUT)


@pytest.fixture(scope="module")
def final() -> np.ndarray:
    return np.random.default_rng(1).poisson(1000.0, (3, 30)).astype(float)


@pytest.fixture(scope="module")
def vintages(final: np.ndarray) -> list[Panel]:
    rng = np.random.default_rng(2)
    return [counts(final, until, rng) for until in range(10, 31)]


def test_what_was_registered_late_is_found(vintages: list[Panel]) -> None:
    found = revisions(vintages, months=NEW, share=0.5)
    assert found.index.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.mean(axis=1), 1.0 / REGISTERED, rtol=0.02)
    wide = revisions(vintages, months=NEW, share=0.98)
    assert (wide["low"] < found["low"]).all()
    assert (wide["high"] > found["high"]).all()


def test_the_final_counts_lie_in_the_intervals(final: np.ndarray, vintages: list[Panel]) -> None:
    """Learned from the vintages of the first two years, on the last months of half a year later."""
    newest = vintages[-1]
    read = provisional(newest, revisions(vintages[:-6], months=NEW, share=0.99))
    low, high, count = (read[name].to_numpy() for name in ("low", "high", "count"))
    assert ((low <= final) & (final <= high)).all()
    assert np.isnan(count[:, -NEW:]).all()
    np.testing.assert_array_equal(count[:, :-NEW], newest["count"].to_numpy()[:, :-NEW])
    assert (high[:, -1] - low[:, -1] < 0.2 * final[:, -1]).all()


@settings(max_examples=25)
@given(st.integers(0, 3), st.floats(0.2, 1.0), st.floats(1.0, 3.0))
def test_only_the_months_of_these_ages_change(ages: int, low: float, high: float) -> None:
    panel = counts(np.arange(24.0).reshape(2, 12), 12)
    read = provisional(panel, pd.DataFrame({"low": [low] * ages, "high": [high] * ages}))
    kept = slice(None, 12 - ages)
    for name in ("count", "low", "high", "span"):
        np.testing.assert_array_equal(read[name].to_numpy()[:, kept], panel[name].to_numpy()[:, kept])
    published = panel["count"].to_numpy()
    assert (read["low"].to_numpy() <= published).all()
    assert (read["high"].to_numpy() >= published).all()
    assert (read["low"].to_numpy() >= 0.0).all()


def test_sums_and_intervals_stay_as_they_are() -> None:
    frame = pd.DataFrame({"series": "a", "month": MONTHS[[11, 12, 13]], "span": [12, 1, 1], "count": [900, 80, np.nan]})
    frame["low"], frame["high"] = [900, 80, 10], [900, 80, 90]
    panel = flow_panel(flow_table(frame), ABOUT)
    read = provisional(panel, pd.DataFrame({"low": [1.0] * 12, "high": [2.0] * 12})).dataset.isel(category=0)
    assert read["high"].to_numpy()[11:].tolist() == [900.0, 161.0, 90.0]
    assert read["low"].to_numpy()[11:].tolist() == [900.0, 80.0, 10.0]


def test_what_says_nothing_of_revisions_is_refused(vintages: list[Panel]) -> None:
    with pytest.raises(DataError, match=r"two vintages or more.*1 vintages"):
        revisions(vintages[:1])
    with pytest.raises(DataError, match="a revision of each age to 5 months, found none of 0; give more vintages"):
        revisions(vintages[-2:], months=6)
    with pytest.raises(DataError, match="row age 1: expected finite factors of zero or more, low at most high"):
        provisional(vintages[0], pd.DataFrame({"low": [1.0, 1.2], "high": [1.1, 1.1]}))
