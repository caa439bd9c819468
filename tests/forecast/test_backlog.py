"""The ledger's model: what it reads, what it leaves out, and what drives the queue it forecasts."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.data import DataError, Panel, Region
from poblar.forecast import Backlog, DrawsError, Posterior
from poblar.forecast.backlog import _by_month, _Ledger


@pytest.fixture(scope="module")
def figures(region: Region) -> Panel:
    assert region.asylum is not None
    return region.asylum


def test_months_add_up_to_their_year() -> None:
    rng = np.random.default_rng(1)
    log_year = rng.normal(10.0, 1.0, (50, 2, 7))
    months = _by_month(log_year, 0.15, rng)
    assert months.shape == (50, 2, 60)
    np.testing.assert_allclose(months.reshape(50, 2, 5, 12).sum(-1), np.exp(log_year[..., 1:-1]), rtol=1e-12)
    assert (months > 0).all()


def test_declared_gaps_are_left_out(figures: Panel) -> None:
    ledger = _Ledger.read(figures.sel(country="MEX"), since=2012)
    whole = _Ledger.read(figures.sel(country="MEX"), since=2017)
    assert len(ledger.adjustment) < 11  # 2014 has no decisions
    assert np.isfinite(ledger.adjustment).all()
    assert len(whole.log_productivity[1]) == 2  # officers are known for 2019 and 2020 alone
    by_hand = np.log((12_086 + 3_032) / (12 * 48))
    assert whole.log_productivity[1][0] == pytest.approx(by_hand)


def test_mexicos_ledger_closes_but_for_its_adjustment(figures: Panel) -> None:
    """2019 to 2022 close to 0.1 %: pending moves by applications less decisions and closures."""
    adjustment = _Ledger.read(figures.sel(country="MEX"), since=2019).adjustment
    assert np.abs(adjustment).max() < 0.001


def test_a_ledger_without_pending_is_refused_with_the_reason(figures: Panel) -> None:
    with pytest.raises(
        DataError, match=r"pending above zero in 2022, the last year, found nan for USA \(.*mixes USCIS"
    ):
        Backlog().build(figures.sel(country="USA"))


def test_a_forecast_starts_where_the_ledger_ends(queue: xr.Dataset) -> None:
    assert queue["arrivals"].dims == ("draw", "country", "month")
    assert str(queue["month"].to_numpy()[0])[:7] == "2023-01"
    assert str(queue["month"].to_numpy()[-1])[:7] == "2032-12"
    assert queue["backlog"].item() == 210_609
    units = {name: queue[name].attrs["units"] for name in ("arrivals", "productivity", "withdrawal", "backlog")}
    assert units == {
        "arrivals": "persons per month",
        "productivity": "persons per officer-month",
        "withdrawal": "per month",
        "backlog": "persons",
    }
    assert float(queue["withdrawal"].min()) >= 0.0
    assert float(queue["withdrawal"].max()) < 1.0


def test_the_first_year_is_near_the_last_and_later_years_are_less_sure(queue: xr.Dataset) -> None:
    by_year = queue["arrivals"].squeeze("country").groupby("month.year").sum()
    low, high = by_year.sel(year=2023).quantile([0.1, 0.9]).to_numpy()
    assert low < 118_735 < high
    spread = np.log(by_year).std("draw")
    assert float(spread.sel(year=2032)) > 1.5 * float(spread.sel(year=2023))


def test_what_officers_decide_is_between_its_prior_and_comars_years(queue: xr.Dataset) -> None:
    """COMAR's officers decided 26 persons a month in 2019 and 13 in 2020."""
    assert 13 < float(queue["productivity"].median()) < 27


def test_the_same_seed_gives_the_same_futures(ledger: Posterior[xr.Dataset]) -> None:
    one, two = (ledger.forecast(until="2024-06", draws=50, seed=7) for _ in range(2))
    xr.testing.assert_identical(one, two)
    assert one.sizes["month"] == 18


@pytest.mark.parametrize("until", ["2022-12", "2032-13", "2032", 2032, "soon-ish"])
def test_horizons_that_are_no_months_ahead_are_refused(ledger: Posterior[xr.Dataset], until) -> None:
    with pytest.raises(DrawsError, match="expected until= a month from 2023-01 on, written like '2032-12', found"):
        ledger.forecast(until=until, draws=5, seed=1)
