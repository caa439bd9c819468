"""The study's scenarios conserve people, and their page says what they assume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import compare, project
from poblar.forecast.scenarios import Scenario, Shift
from poblar.forecast.study_scenarios import INACTION, REDISTRIBUTION, STUDY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "questions" / "q16-what-if.md"
SIX = ["CAN", "USA", "MEX", "GTM", "HND", "SLV"]


def path(centre: float, units: str, spread: float = 0.0, **more: list[str]) -> xr.DataArray:
    """Four draws to 2050 that differ by draw, country and year around a figure."""
    coords = {"draw": np.arange(4), "country": SIX, "year": np.arange(2024, 2051), **more}
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, [len(labels) for labels in coords.values()])
    return xr.DataArray(centre + spread * noise, coords=coords, dims=list(coords), attrs={"units": units})


@pytest.fixture(scope="module")
def six() -> dict[str, xr.DataArray]:
    return {
        "fertility": path(1.9, "children per woman", spread=0.2),
        "mortality": path(76.0, "years", spread=2.0, sex=["female", "male"]),
        "migration": path(0.0, "persons per year", spread=2_000.0),
    }


def test_the_study_asks_seven_questions_and_says_what_it_assumes() -> None:
    assert len({scenario.name for scenario in STUDY}) == 7
    assert STUDY[0] is INACTION
    assert not INACTION.levers
    assert all(scenario.levers for scenario in STUDY[1:])
    for scenario in STUDY:
        assert scenario.assumptions
        assert all(sentence.endswith(".") and len(sentence) < 500 for sentence in scenario.assumptions)


@pytest.mark.parametrize("scenario", STUDY, ids=lambda scenario: scenario.name)
def test_who_leaves_one_of_the_six_arrives_in_another(scenario: Scenario) -> None:
    sums: dict[tuple[int, Any], float] = {}
    for lever in scenario.levers:
        if isinstance(lever, Shift) and lever.on == "migration":
            assert lever.units == "persons per year"
            assert lever.years is not None
            for year in lever.years:
                sums[year, lever.ages] = sums.get((year, lever.ages), 0.0) + float(lever.by)
    assert all(abs(total) < 1e-6 for total in sums.values())


def test_the_six_together_neither_gain_nor_lose_migrants(region: Region, six: dict[str, xr.DataArray]) -> None:
    """With the baseline's migrants as counts; emigrants whom a cohort does not hold stay, and are counted."""
    found = compare(region, STUDY, **six)
    gained = found.difference("net_migration").sum("country")
    stayed = found.difference("emigration_limited").sum("country")
    np.testing.assert_allclose(gained, stayed, atol=1e-6)
    assert float(found.values("emigration_limited").max()) < 100.0
    more = found.difference("net_migration").sel(scenario=REDISTRIBUTION.name, year=2030).isel(draw=0)
    np.testing.assert_allclose(more.sel(country=SIX), [20_000.0, 40_000.0, -60_000.0, 0.0, 0.0, 0.0], atol=1e-6)
    alive = found.difference("total_population").sel(scenario="worse shock", year=2032).sum("country")
    assert float(alive.max()) < -500_000.0


def test_a_scenario_changes_a_rate_and_persons_alike(region: Region, six: dict[str, xr.DataArray]) -> None:
    rates = six | {"migration": path(0.0, "per person-year")}
    counts = six | {"migration": path(0.0, "persons per year")}
    one, other = (project(region, **given, scenario=REDISTRIBUTION).total for given in (rates, counts))
    np.testing.assert_allclose(one, other, rtol=1e-12)


# The page.


def test_the_page_says_every_assumption() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for scenario in STUDY:
        for sentence in (scenario.name, *scenario.assumptions):
            assert sentence in text
