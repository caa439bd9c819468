"""Caseloads: the ledger closes in every draw, no more is decided than there is, and what made the figures is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError, Panel
from poblar.data.cases import case_ledger, case_panel
from poblar.forecast import Caseload, DrawsError, Posterior, Sampling
from scipy.special import expit, logit

ABOUT = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}
WEIGHTS, CONSTANT, NOISE = np.array([0.35, 0.15, 0.05, 0.4]), -0.25, 0.3


def ledger(offices: int, periods: int, months: int, *, rng: np.random.Generator, young: bool = False) -> Panel:
    """Offices that receive and decide as the model says, without adjustments; the season is a tenth up and down."""
    count = 8 * 12 // months
    received, share = np.full((offices, 1), 5000.0), np.zeros((offices, 1))
    pending, decided = np.full((offices, 1), 4000.0), np.full((offices, 1), 4500.0)
    for period in range(1, periods):
        wave = 0.1 * (-1.0) ** period if months < 12 else 0.0
        level = np.log(received[:, -1]) + 0.15 * rng.standard_t(3, offices) + 2 * wave
        level += (1 - 0.8 ** (months / 12)) * (np.log(received[:, -count:]).mean(1) - np.log(received[:, -1]))
        came = np.exp(level)
        work = pending[:, -1] + came
        terms = [share[:, -1], share[:, -count:].mean(1), logit(np.minimum(decided[:, -1] / work, 0.99))]
        terms.append(logit(came / work))
        now = WEIGHTS @ np.stack(terms) + CONSTANT + NOISE * rng.standard_t(3, offices)
        done = np.round(expit(now) * work)
        came = np.round(came)
        received, share = np.c_[received, came], np.c_[share, now]
        decided, pending = np.c_[decided, done], np.c_[pending, np.maximum(np.round(work) - done, 1.0)]
    index = pd.date_range("2000-01-01", periods=periods, freq=f"{months}MS")
    frames = []
    for office in range(offices):
        frame = pd.DataFrame({"office": f"office {office}", "period": index, "received": received[office]})
        frame["rejected"], frame["pending"] = decided[office], pending[office]
        if young:
            stay = expit(logit(0.6) + rng.normal(0.0, 0.1, periods))
            came = frame["received"].rolling(6 // months).sum()
            frame["pending_under_6_months"] = np.minimum(stay * came, pending[0])
        frames.append(frame)
    table = case_ledger(
        pd.concat(frames), months=months, unit="persons", adjusted="rounded", missing="the first half year"
    )
    return case_panel(table, ABOUT)


@pytest.fixture(scope="module")
def many() -> Posterior[xr.Dataset]:
    panel = ledger(12, 40, 12, rng=np.random.default_rng(3))
    return Caseload().fit(panel, seed=1, sampling=Sampling(draws=600, tune=800))


@pytest.fixture(scope="module")
def quarterly() -> Posterior[xr.Dataset]:
    panel = ledger(1, 48, 3, rng=np.random.default_rng(5), young=True)
    return Caseload().fit(panel, seed=1)


def test_what_made_the_figures_is_found(many: Posterior[xr.Dataset]) -> None:
    found = many.parameters
    dims = list(found["constant"].dims)
    weights = found["weights"]
    low, high = weights.quantile([0.005, 0.995], dims).transpose("quantile", "weight").to_numpy()
    assert ((low < WEIGHTS) & (high > WEIGHTS)).all()
    low, high = found["constant"].quantile([0.005, 0.995]).to_numpy()
    assert low < CONSTANT < high
    scale = np.exp(found["log_scale_share_decided"]).mean(dims).to_numpy()
    assert np.abs(np.log(scale / NOISE)).mean() < 0.2


def test_the_ledger_closes_and_no_more_is_decided_than_there_is(many: Posterior[xr.Dataset]) -> None:
    future = many.forecast(until=2049, draws=500, seed=2).transpose("draw", "office", "month")
    last = many.panel["pending"].isel(month=-1).to_numpy()
    before = np.concatenate([np.broadcast_to(last[:, None], (500, 12, 1)), future["pending"].to_numpy()[..., :-1]], -1)
    work = before + future["received"].to_numpy()
    assert (future["decided"].to_numpy() <= work).all()
    off = np.log((future["pending"].to_numpy() + 3) / (work - future["decided"].to_numpy() + 3))
    # Figures are rounded, so that the adjustment is of that order and not none.
    assert np.median(np.abs(off)) < 0.002


def test_an_office_decides_no_more_than_so_many_times_its_record(many: Posterior[xr.Dataset]) -> None:
    """Arrivals twenty thousand times the record, of which the office can decide ten times its own."""
    flooded = many.panel.dataset.copy(deep=True)
    flooded["received"].loc[{"office": "office 0", "month": flooded["month"][-1]}] *= 20_000.0
    flooded["pending"].loc[{"office": "office 0", "month": flooded["month"][-1]}] += 1e8
    draws = many.parameters.isel(chain=0)
    future = many.model.simulate(draws, Panel(flooded), 2041, np.random.default_rng(1)).sel(office="office 0")
    record = float(flooded["decided"].sel(office="office 0").max())
    assert float(future["decided"].max()) == pytest.approx(10.0 * (record + 3.0), rel=1e-6)
    assert float((future["decided"] > 9.9 * record).mean()) > 0.5
    free = replace(many.model, most_decided=1e9)
    same = many.model.simulate(draws, many.panel, 2041, np.random.default_rng(1))
    other = free.simulate(draws, many.panel, 2041, np.random.default_rng(1))
    assert float((same["decided"] != other["decided"]).mean()) < 0.001


def test_a_forecast_starts_after_the_ledger_in_its_own_periods(quarterly: Posterior[xr.Dataset]) -> None:
    future = quarterly.forecast(until="2013-06", draws=50, seed=1)
    assert [str(month)[:7] for month in future["month"].to_numpy()] == [
        f"20{year}-{month}" for year in (12, 13) for month in ("03", "06", "09", "12")
    ][:6]
    assert future["pending"].attrs["units"] == "persons"
    assert 0 <= future["share_over_6_months"].min() <= future["share_over_6_months"].max() <= 1
    again = quarterly.forecast(until="2013-06", draws=50, seed=1)
    xr.testing.assert_equal(future, again)


def test_seasons_are_found_and_go_on(quarterly: Posterior[xr.Dataset]) -> None:
    season = quarterly.parameters["season"].mean(quarterly.parameters["constant"].dims).to_numpy().ravel()
    np.testing.assert_allclose(season, [-0.1, 0.1, -0.1, 0.1] if season[1] > 0 else [0.1, -0.1, 0.1, -0.1], atol=0.06)
    future = quarterly.forecast(until="2015-12", draws=2000, seed=1)["received"].median("draw").squeeze()
    swing = np.log(future.to_numpy())
    up = (swing[1::2] - swing[::2]).mean()
    assert abs(up) == pytest.approx(0.2, abs=0.1)


def test_the_share_over_six_months_is_that_of_who_stays(quarterly: Posterior[xr.Dataset]) -> None:
    """Six tenths of the last six months' arrivals wait, in the data and hence a quarter ahead."""
    future = quarterly.forecast(until="2012-03", draws=2000, seed=3).squeeze()
    last = quarterly.panel["received"].dropna("month").isel(month=-1).item()
    young = (1 - future["share_over_6_months"]) * future["pending"]
    assert float((young / (future["received"] + last)).median()) == pytest.approx(0.6, abs=0.02)


def test_a_quarter_pulls_as_four_do_a_year() -> None:
    model = Caseload()
    year, quarter = model._weights(1.0), model._weights(0.25)
    assert quarter[0] ** 4 == pytest.approx(year[0])
    np.testing.assert_allclose(quarter[1:] / year[1:], (1 - quarter[0]) / (1 - year[0]))


def test_surges_fade_at_their_rates_and_what_has_faded_seldom_comes_back() -> None:
    model = Caseload(reversion=(0.2, 0.7), revival=0.1, growth=0.03)
    lasting, fading = np.array([0.2, 0.7])
    assert model._expected_change(-1.0, lasting, 1.0) == pytest.approx(0.03 - 0.2)
    assert model._expected_change(-1.0, fading, 1.0) == pytest.approx(0.03 - 0.7)
    assert model._expected_change(1.0, fading, 1.0) == pytest.approx(0.03 + 0.1)
    gap = 1.0
    for _ in range(4):
        gap -= model._expected_change(gap, fading, 0.25)
    assert gap == pytest.approx(0.9 - 0.03 / 4 * sum(0.9 ** (quarter / 4) for quarter in range(4)))


def test_an_office_whose_surges_fade_is_known_by_its_ledger(many: Posterior[xr.Dataset]) -> None:
    """Every fifth year five times as many claims, for that year alone; and a level that goes where it will."""
    rng = np.random.default_rng(9)
    panel = many.panel.dataset.isel(office=slice(0, 3)).copy(deep=True)
    years = np.flatnonzero(np.isfinite(panel["received"].sel(office="office 0")))
    noise = 0.15 * rng.standard_t(3, (2, len(years)))
    surges = 5000.0 * np.exp(noise[0] + np.log(5.0) * (np.arange(len(years)) % 5 == 0))
    for office, received in (("office 0", surges), ("office 1", 5000.0 * np.exp(np.cumsum(2.0 * noise[1])))):
        values = np.round(received)
        for name, figures in (("received", values), ("decided", values), ("pending", 0.0 * values + 4000.0)):
            panel[name].loc[{"office": office, "month": panel["month"][years]}] = figures
    posterior = Caseload().fit(Panel(panel), seed=1, sampling=Sampling(draws=600, tune=800), accept_unconverged=True)
    density = posterior.parameters["log_density_reversion"].mean(("chain", "draw"))
    odds = density.sel(reversion=0.7) - density.sel(reversion=0.2)
    assert odds.sel(office="office 0") > 2.0
    assert odds.sel(office="office 1") < 0.0


def test_what_is_no_forecast_is_refused(quarterly: Posterior[xr.Dataset]) -> None:
    for until in ("2011-12", "soon", 2011):
        with pytest.raises(DrawsError, match="expected until= a year, or a month from 2012-03 on"):
            quarterly.forecast(until=until, draws=10, seed=1)


def test_a_ledger_that_ends_early_is_refused() -> None:
    panel = ledger(2, 10, 12, rng=np.random.default_rng(1))
    data = panel.dataset.copy(deep=True)
    data["decided"][1, -1] = np.nan
    with pytest.raises(DataError, match="decided in the last, 2009-12, found none for office 1"):
        Caseload().build(Panel(data))
    mixed = panel.dataset.copy(deep=True)
    mixed["span"][0] = 3.0
    with pytest.raises(DataError, match="expected periods of one length"):
        Caseload().build(Panel(mixed))


def test_an_office_that_moves_slowly_is_known_by_its_ledger(many: Posterior[xr.Dataset]) -> None:
    """Claims go up and down tenfold, and decisions four tenths of the way; those of the other offices follow them."""
    rng = np.random.default_rng(7)
    panel = many.panel.dataset.isel(office=slice(0, 5)).copy(deep=True)
    years = np.flatnonzero(np.isfinite(panel["received"].sel(office="office 1")))
    received = np.round(5000.0 * np.exp(1.2 * np.sin(np.arange(len(years)) / 2.0)))
    log_decided = [np.log(5000.0)]
    for came in received[1:]:
        last, mean = log_decided[-1], pd.Series(log_decided).ewm(halflife=4.0).mean().iloc[-1]
        log_decided.append(last + 0.4 * (np.log(came) - last) + 0.3 * (mean - last) + 0.05 * rng.standard_normal())
    decided = np.round(np.exp(log_decided))
    pending = np.round(40_000 + np.cumsum(received - decided))
    for name, values in (("received", received), ("decided", decided), ("pending", pending)):
        panel[name].loc[{"office": "office 1", "month": panel["month"][years]}] = values
    posterior = Caseload().fit(Panel(panel), seed=1, sampling=Sampling(draws=600, tune=800), accept_unconverged=True)
    odds = posterior.parameters["log_odds_slow"].mean(("chain", "draw"))
    assert odds.sel(office="office 1") > 0.0
    assert odds.drop_sel(office="office 1").max() < 0.0


def test_an_office_whose_stock_does_not_follow_its_flows_keeps_it(many: Posterior[xr.Dataset]) -> None:
    """Half again as many decisions as claims, and a stock that stays where it is."""
    rng = np.random.default_rng(8)
    panel = many.panel.dataset.isel(office=slice(0, 4)).copy(deep=True)
    stocks = panel["pending"].sel(office="office 1")
    panel["pending"].loc[{"office": "office 1"}] = np.round(3000.0 * np.exp(0.05 * rng.standard_normal(len(stocks))))
    panel["pending"] = panel["pending"].where(np.isfinite(many.panel["pending"].isel(office=slice(0, 4))))
    panel["decided"].loc[{"office": "office 1"}] = np.round(1.5 * panel["received"].sel(office="office 1"))
    panel["pending"].attrs = many.panel["pending"].attrs
    sampling = Sampling(draws=600, tune=800)
    posterior = Caseload().fit(Panel(panel), seed=1, sampling=sampling, accept_unconverged=True)
    kept = posterior.parameters["log_density_closing"].mean(("chain", "draw")).idxmax("closing")
    assert float(kept.sel(office="office 1")) == 0.0
    assert float(kept.sel(office="office 0")) == 1.0
    future = posterior.forecast(until=2045, draws=500, seed=1)["pending"].sel(office="office 1")
    middle = future.median("draw")
    assert ((middle > 2000.0) & (middle < 4500.0)).all()
