"""The figures of growth that the study of 2021 states, against the bundled tables; page Q1 computes the rest."""

from __future__ import annotations

import pytest
from poblar.data import Region
from poblar.forecast.indicators import dependency_ratio, observed_growth


@pytest.mark.parametrize(
    ("year", "country", "least", "most"),
    [
        (1980, "GTM", 2.7, 3.5), (1980, "HND", 3.0, 3.7), (1980, "MEX", 2.2, 3.0), (1980, "SLV", 2.0, 2.9),
        (1980, "CAN", 0.6, 0.9), (1980, "USA", 0.6, 0.9), (2020, "GTM", 1.4, 2.2), (2020, "HND", 1.5, 2.2),
        (2020, "MEX", 0.6, 1.2), (2020, "SLV", 0.6, 1.2), (2020, "CAN", 0.0, 0.5), (2020, "USA", 0.0, 0.5),
    ],
)  # fmt: skip
def test_natural_growth_is_of_the_size_that_the_study_states(
    region: Region, year: int, country: str, least: float, most: float
) -> None:
    """Over 3 % and about 2.4 % in 1980, about 2 %, 1 % and under 0.5 % in 2020, as revised since."""
    growth = 100 * float(observed_growth(region)["natural_growth"].sel(country=country, year=year))
    assert least < growth < most


@pytest.mark.parametrize("country", ["CAN", "USA"])
def test_the_dividend_of_the_north_ended_about_2010(region: Region, country: str) -> None:
    ratio = dependency_ratio(region.population["population"]).sel(country=country)
    assert int(ratio.idxmin("year")) == 2010
