"""Cases by office: what was put in comes out, and demand moves without changing how much comes in all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError, Panel
from poblar.forecast import DrawsError
from poblar.forecast.office_cases import OfficeCases

ABOUT = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}
OFFICES, YEAR = 24, 60_000.0


@pytest.fixture(scope="module")
def year() -> Panel:
    """A year's cases of twelve offices of each of two kinds; the largest has four times those of the smallest."""
    size = np.tile(np.geomspace(1.0, 4.0, OFFICES // 2), 2)
    frame = pd.DataFrame({"office": [f"{number:02d}" for number in range(OFFICES)], "cases": YEAR * size / size.sum()})
    panel = Panel.from_frame(frame, dims=["office"], units={"cases": "cases per year"}, provenance=ABOUT)
    return Panel(panel.dataset.assign_coords(kind=("office", ["border"] * 12 + ["capital"] * 12)))


def seen(cases: xr.DataArray) -> Panel:
    """One draw as a table of months."""
    counts = cases.drop_vars("draw").assign_attrs(units="cases per month").to_dataset(name="cases")
    return Panel(counts.assign_attrs(ABOUT))


@pytest.mark.parametrize(("apart", "own", "keep"), [(0.15, 0.25, 0.9), (0.4, 0.1, 0.6), (0.0, 0.4, 0.95)])
def test_what_was_put_in_is_learned(year: Panel, apart: float, own: float, keep: float) -> None:
    """Medians over samples of four years; two kinds say little of their drift in one sample."""
    made = OfficeCases(apart=apart, own=own, kept=(keep, keep)).forecast(
        year, months=48, start="2022-01", draws=60, seed=1
    )
    found = [OfficeCases.learn(seen(made.isel(draw=draw))) for draw in range(60)]
    assert np.median([one.own for one in found]) == pytest.approx(own, rel=0.2)
    assert np.median([one.kept[0] for one in found]) == pytest.approx(keep, abs=0.08)
    assert np.sqrt(np.mean([one.apart**2 for one in found])) == pytest.approx(apart, rel=0.3, abs=0.1)


def test_nothing_but_chance_is_nothing(year: Panel) -> None:
    made = OfficeCases(apart=0.0, own=0.0).forecast(year, months=36, start="2022-01", draws=20, seed=2)
    found = [OfficeCases.learn(seen(made.isel(draw=draw))) for draw in range(20)]
    assert np.median([one.own for one in found]) < 0.04
    assert np.median([one.apart for one in found]) < 0.04


def test_the_total_is_as_expected_however_demand_moves(year: Panel) -> None:
    totals = OfficeCases(apart=0.5, own=0.5).forecast(year, start="2027-01", draws=400, seed=1).sum("office")
    assert float(totals.mean()) == pytest.approx(YEAR / 12, rel=0.002)
    assert float(totals.std()) == pytest.approx(np.sqrt(YEAR / 12), rel=0.05)  # chance alone


def test_years_differ_as_the_totals_of_the_past_do(year: Panel) -> None:
    yearly = OfficeCases().forecast(year, start="2027-01", totals=(100.0, 50.0), draws=2000, seed=1).sum("office")
    level = yearly.coarsen(month=12).sum() / YEAR
    assert float(level.mean()) == pytest.approx(1.0, rel=0.01)
    inner = np.log(level / level.median())
    assert float(np.abs(inner).max()) < np.log(2.0) + 0.05
    # Half-normal with 0.5, updated with one change of log 2: its median is near 0.5.
    assert 0.3 < float(inner.std()) < 0.5
    assert (
        abs(float(xr.corr(level[:, 0], level[:, 1], "draw"))) < 0.15
    )  # a year says nothing about the next but its spread


def test_kinds_drift_apart_with_the_root_of_time(year: Panel) -> None:
    cases = OfficeCases(apart=0.3, own=0.0).forecast(year, months=48, start="2027-01", draws=3000, seed=3)
    kinds = cases.groupby("kind").sum()
    logs = np.log(kinds.sel(kind="border") / kinds.sel(kind="capital"))
    for months in (12, 48):
        assert float(logs.isel(month=months - 1).std()) == pytest.approx(0.3 * np.sqrt(2 * months / 12), rel=0.06)


def test_draws_are_labelled_and_the_seed_decides(year: Panel) -> None:
    one, same, other = (OfficeCases().forecast(year, start="2027-01", draws=5, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not one.equals(other)
    assert one["month"].to_numpy()[[0, -1]].astype("datetime64[M]").astype(str).tolist() == ["2027-01", "2029-12"]
    assert OfficeCases().forecast(seen(one.isel(draw=0)), draws=5, seed=1)["month"].to_numpy()[0] == np.datetime64(
        "2030-01"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "2027-01", "months": 18}, "months= whole years"),
        ({"start": "2027-01", "totals": (5.0,)}, "totals= of two years or more"),
        ({"start": "2027-01", "totals": (5.0, 0.0)}, "above zero"),
        ({"start": "soon"}, "start= a month such as '2027-01', found 'soon'"),
        ({"start": "2027-01", "draws": 100_000}, "fewer draws or years"),
        ({"start": "2027-01", "draws": 0}, "expected from one to"),
        ({}, "start= a month such as '2027-01', found None"),
    ],
)
def test_what_cannot_be_asked(year: Panel, options: dict, message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        OfficeCases().forecast(year, seed=1, **options)


def test_what_cannot_be_learned(year: Panel) -> None:
    months = OfficeCases().forecast(year, months=24, start="2022-01", draws=1, seed=1).isel(draw=0)
    with pytest.raises(DataError, match="24 months or more"):
        OfficeCases.learn(year)
    with pytest.raises(DataError, match="found 12 months"):
        OfficeCases.learn(seen(months.isel(month=slice(12))))
    alone = months.assign_coords(kind=("office", months["office"].to_numpy()))
    with pytest.raises(DataError, match="a kind with two offices or more"):
        OfficeCases.learn(seen(alone))


@pytest.mark.parametrize("options", [{"apart": -0.1}, {"own": 5.0}, {"kept": (0.9, 0.8)}, {"kept": (0.5, 1.0)}])
def test_strange_parameters_are_refused(options: dict) -> None:
    with pytest.raises(DrawsError, match="expected spreads from 0"):
        OfficeCases(**options)
