"""The figures of the page on Q1 to Q3: the UN's from the bundled tables, poblar's from the models."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import Projection, project
from poblar.forecast.indicators import age_total, dependency_ratio, dividend, observed_growth, support_ratio

PAGE = Path(__file__).resolve().parents[2] / "docs" / "questions" / "q1-growth-and-ages.md"


def rows() -> list[tuple[str, str, str, str]]:
    """Figure, country, the UN's and poblar's cells of the table."""
    pattern = r"^\| ([^|]+) \| ([A-Z]{3}) \| [^|]*\| ([^|]*)\| ([^|]*)\|$"
    found = re.findall(pattern, PAGE.read_text("utf-8"), re.MULTILINE)
    return [(figure, country, un.strip(), ours.strip()) for figure, country, un, ours in found]


def numbers(cell: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\d.])-?\d+\.?\d*", cell)]


def test_the_uns_figures_are_those_of_the_bundled_tables(region: Region) -> None:
    growth, people = observed_growth(region), region.population["population"]
    of: dict[str, Callable[[str], xr.DataArray | int]] = {
        "natural growth 1980, %": lambda name: 100 * growth["natural_growth"].sel(country=name, year=1980),
        "natural growth 2020, %": lambda name: 100 * growth["natural_growth"].sel(country=name, year=2020),
        "net migration 2020, thousands": lambda name: (
            region.net_migration["net_migration"].sel(country=name, year=2020) / 1e3
        ),
        "children of 0-4 in 2020, thousands": lambda name: age_total(people, 0, 4).sel(country=name, year=2020) / 1e3,
        "peak of the dividend": lambda name: dependency_ratio(people).sel(country=name).idxmin("year"),
        "65 and over per 100 in 2020": lambda name: 100 / support_ratio(people).sel(country=name, year=2020),
    }
    stated = [(figure, country, un) for figure, country, un, _ in rows() if un]
    assert len(stated) == 24
    for figure, country, un in stated:
        digits = len(un.partition(".")[2])
        assert f"{float(of[figure](country)):.{digits}f}" == un, (figure, country)


@pytest.mark.slow
def test_poblars_figures_are_those_of_the_models(
    region: Region, tfr: xr.DataArray, e0: xr.DataArray, net: xr.DataArray
) -> None:
    """Median and the interval of 80 %, made again; within what 2,000 draws of it leave open."""
    people = project(region, fertility=tfr, mortality=e0, migration=net, memory="6GB")
    stated = [(figure, country, ours) for figure, country, _, ours in rows() if ours]
    assert len(stated) == 32
    for figure, country, ours in stated:
        draws = _draws(figure, people.sel(country=country)).to_numpy().ravel()
        median, low, high = np.quantile(draws, [0.5, 0.1, 0.9])
        step = 2.0 if "year" in figure or "peak" in figure else 10.0 ** -len(ours.split()[0].partition(".")[2])
        near = 0.06 * (high - low) + step
        np.testing.assert_allclose(numbers(ours.replace(" to ", " ")), [median, low, high], atol=near, err_msg=figure)


def _draws(figure: str, people: Projection) -> xr.DataArray:
    """Draws of one of poblar's figures, named with its year at the end."""
    year = int((re.findall(r"\d{4}", figure) or ["0"])[0])
    match figure.split(" 2")[0].removesuffix(" in"):
        case "natural growth":
            return 100 * people.natural_growth.sel(year=year)
        case "total growth":
            return 100 * people.growth_rate.sel(year=year)
        case "net migration":
            return people.flows["net_migration"].sel(year=year) / 1e3
        case "first year of natural decline":
            falls = people.natural_growth < 0
            return xr.where(falls.any("year"), falls.idxmax("year"), 2071)
        case "children of 0-4":
            return age_total(people.population, 0, 4).sel(year=year) / 1e3
        case "peak of the dividend":
            return dividend(people.dependency_ratio)["peak"]
        case "dependency ratio":
            return people.dependency_ratio.sel(year=year)
        case "65 and over per 100":
            return 100 / people.support_ratio.sel(year=year)
    raise AssertionError(f"the page has a figure that this test does not know: {figure}")
