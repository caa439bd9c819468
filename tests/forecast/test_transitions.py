"""What becomes of cases between stages: shares and times are found again in a ledger, and the UK's are plausible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError
from poblar.data.case_tables import read_uk_ledger
from poblar.data.cases import case_ledger
from poblar.forecast.passage import Route, Stage, gamma_lag, passage_times, simulate_passage
from poblar.forecast.transitions import stage_transitions


def by_month(values: np.ndarray, first: str = "2027-01") -> xr.DataArray:
    months = np.datetime64(first, "M") + np.arange(len(values))
    return xr.DataArray(values, coords={"month": months.astype("datetime64[s]")})


def ledger_of(run: xr.Dataset) -> pd.DataFrame:
    """A quarterly ledger of a passage, in whole cases."""
    flows = {"arrivals": "received", "recognized": "recognized", "withdrawn": "withdrawn"}
    table = run[list(flows)].rename(flows).assign(rejected=run["onward"] + run["left"])
    table = table.resample(month="QS").sum()
    last = run["pending"].shift(month=-1).resample(month="QS").last()
    frame = table.assign(pending=last).isel(draw=0, month=slice(-1)).round().to_dataframe().reset_index()
    frame = frame.rename(columns={"month": "period"}).assign(office="A").drop(columns="draw", errors="ignore")
    return case_ledger(frame, months=3, unit="cases", adjusted="figures are rounded")


def test_shares_and_months_are_recovered() -> None:
    """From a quarterly ledger: shares to a hundredth, withdrawal and the mean months of a settled passage."""
    lag = gamma_lag(2.0)
    stages = {
        "first": Stage(
            capacity=by_month(900.0 + 300.0 * np.sin(np.arange(75) / 9.0)),
            backlog=9000.0,
            withdrawal=0.01,
            recognized=0.35,
            rejected=[Route(to="appeal", share=0.6, lag=lag)],
        ),
        "appeal": Stage(capacity=300.0, backlog=2000.0, withdrawal=0.02, recognized=0.3),
    }
    run = simulate_passage(by_month(np.full(75, 1000.0)), stages)
    ledger = ledger_of(run)
    found = stage_transitions(ledger, list(stages), lag=lag, seed=1)
    settled = found.isel(month=slice(1, None))  # who was on the way at the start is not in the run
    middle = settled.median("draw")
    np.testing.assert_allclose(middle["recognized"].sel(stage="first"), 0.35, atol=0.002)
    np.testing.assert_allclose(middle["onward"].sel(stage="first"), 0.6, atol=0.01)
    assert bool(settled["onward"].sel(stage="appeal").count() == 0)
    np.testing.assert_allclose(settled["withdrawal"], [[0.01] * 5, [0.02] * 5], rtol=0.1)  # of mean stocks, not opening
    yearly = [passage_times(run.isel(month=slice(12 * year, 12 * year + 12)))["in_stage"][0] for year in range(1, 6)]
    np.testing.assert_allclose(settled["in_stage"].transpose("month", "stage"), yearly, rtol=0.05)
    assert str(settled["month"].to_numpy()[0])[:7] == "2028-12"
    assert stage_transitions(ledger, list(stages), lag=lag, seed=1).identical(found)
    by_quarter = stage_transitions(ledger, list(stages), every=3, lag=lag, seed=1).isel(month=slice(4, None))
    np.testing.assert_allclose(by_quarter["onward"].sel(stage="first").median("draw"), 0.6, atol=0.02)
    without = stage_transitions(ledger, list(stages), every=3, seed=1).isel(month=slice(4, None))
    assert float(without["onward"].sel(stage="first").median("draw").std()) > 0.03  # the lag taken for a share


def yearly_ledger(shares: np.ndarray, rng: np.random.Generator, number: int = 4000) -> pd.DataFrame:
    """Decisions of stages (stage, year) that receive nothing from each other."""
    recognized = rng.binomial(number, shares).ravel()
    stages, years = shares.shape
    frame = pd.DataFrame({"stage": np.repeat([f"court {at}" for at in range(stages)], years), "office": "A"})
    frame["period"] = np.tile(pd.date_range("2010-01-01", periods=years, freq="YS"), stages)
    frame = frame.assign(received=0, pending=500, recognized=recognized, rejected=number - recognized)
    return case_ledger(frame, months=12, unit="cases", adjusted="arrivals are not counted")


def test_intervals_hold_what_they_say() -> None:
    """Shares that vary between years: those of known years are within their own 80 %, those to come within theirs."""
    rng = np.random.default_rng(3)
    shares = rng.beta(24.0, 36.0, (400, 11))
    ledger = yearly_ledger(shares[:, :-1], rng)
    courts = ledger["stage"].unique().tolist()
    known = stage_transitions(ledger, courts, draws=500, seed=1)["recognized"]
    low, high = known.quantile([0.1, 0.9], "draw").sel(stage=courts).to_numpy()
    truth = shares[[int(name.split()[1]) for name in courts]]
    assert ((low < truth[:, :-1]) & (truth[:, :-1] < high)).mean() == pytest.approx(0.8, abs=0.02)
    to_come = stage_transitions(ledger, courts, draws=500, to_come=True, seed=1)["recognized"]
    assert to_come.dims == ("draw", "stage")
    low, high = to_come.quantile([0.1, 0.9], "draw").to_numpy()
    assert ((low < truth[:, -1]) & (truth[:, -1] < high)).mean() == pytest.approx(0.8, abs=0.05)
    sure = yearly_ledger(np.full((1, 10), 0.4), rng)  # years that differ by chance alone
    narrow = stage_transitions(sure, ["court 0"], to_come=True, seed=1)["recognized"]
    assert float(narrow.std()) < 0.02


def test_a_ledger_that_says_nothing_of_stages_is_refused() -> None:
    ledger = yearly_ledger(np.full((1, 4), 0.4), np.random.default_rng(1)).assign(stage="first")
    two = pd.concat([ledger, ledger.assign(stage="appeal", received=4000)], ignore_index=True)
    for wrong, stages, options, message in (
        (two.assign(office=["A", "B"] * 4), ["first"], {}, "a ledger of one office"),
        (two, ["first", "court"], {}, r"every count of every period .* found some missing at \['court'\]"),
        (two.iloc[:-1], ["first", "appeal"], {}, r"some missing at \['appeal'\]"),
        (two, ["first", "appeal"], {}, "at most 2,... received after 'first', the rejected who lodge, found 4,000"),
        (ledger, ["first"], {"every": 30}, "periods in a row, of 30 months when put together, found 4 of 12"),
        (ledger.drop(index=1), ["first"], {}, "periods in a row"),
        (ledger, ["first"], {"every": 48, "to_come": True}, "two periods or more"),
    ):
        with pytest.raises(DataError, match=message):
            stage_transitions(wrong, stages, seed=1, **options)


STAGES = ("initial decision", "appeal")
HEARD = {"Allowed": "recognized", "Dismissed": "rejected", "Withdrawn": "withdrawn"}


@pytest.fixture(scope="module")
def uk(asylum_folder: Path) -> pd.DataFrame:
    """The United Kingdom's main applicants by quarter 2010-2022, first decisions and appeals, and stocks of 30 June."""

    def quarters(file: str) -> pd.DataFrame:
        table = pd.read_csv(asylum_folder / file).rename(columns=str.lower)
        table["period"] = pd.to_datetime(table["date"]) + pd.offsets.MonthBegin(-3)
        return table[table["date"] >= "2010"]

    first = read_uk_ledger(asylum_folder, applicants="Main applicant").set_index("period").loc["2010":]
    first = first[["received", "recognized", "rejected", "withdrawn"]]
    heard = quarters("uk_appeals_determined.csv.gz")
    heard["outcome"] = heard["outcome"].map(HEARD)
    appeal = heard.pivot_table("appeals determined", "period", "outcome", "sum")
    appeal["received"] = quarters("uk_appeals_lodged.csv").groupby("period")["appeals lodged"].sum()
    stocks = quarters("uk_work_in_progress_by_stage_and_age.csv").set_index("period")
    first = first.assign(stage=STAGES[0], pending=stocks["awaiting initial asylum decision"])
    appeal = appeal.assign(stage=STAGES[1], pending=stocks["asylum appeal outstanding"])
    frame = pd.concat([first, appeal]).reset_index().assign(office="UK")
    return case_ledger(frame, months=3, unit="cases", missing="stocks of 30 June", adjusted="they are revised")


def test_uk_refusals_and_appeals(uk: pd.DataFrame) -> None:
    """Seven of ten refusals or more are appealed but in 2020, and of appeals 29 % are allowed in 2010, half in 2022."""
    found = stage_transitions(uk, STAGES, lag=gamma_lag(1.0), seed=1)
    assert found["month"].dt.year.to_numpy().tolist() == list(range(2010, 2023))
    appealed = found["onward"].sel(stage=STAGES[0]).median("draw")
    assert float(appealed.sel(month="2020").squeeze()) == pytest.approx(0.62, abs=0.02)
    others = appealed.where(appealed["month"].dt.year != 2020, drop=True)
    assert bool(((others > 0.7) & (others < 0.95)).all())
    allowed = found["recognized"].sel(stage=STAGES[1]).median("draw")
    np.testing.assert_allclose(allowed[[0, 5, -1]], [0.286, 0.372, 0.515], atol=0.01)
    # A year to come is wherever the known ones were; the draws of a known year have next to no width beside it.
    to_come = stage_transitions(uk, STAGES, lag=gamma_lag(1.0), to_come=True, seed=1)
    low, high = to_come["onward"].sel(stage=STAGES[0]).quantile([0.025, 0.975], "draw").to_numpy()
    assert ((appealed >= low) & (appealed <= high)).mean() >= 12 / 13
    assert float(found["onward"].sel(stage=STAGES[0]).std("draw").max()) < 0.1 * (high - low)
    with pytest.raises(
        DataError, match=r"at most 4,064 received after 'initial decision', .* found 4,081 .* from 2021-01"
    ):
        stage_transitions(uk, STAGES, seed=1)  # without the lag, who was refused in 2020 and lodged in 2021 is too many


def test_uk_queues_are_as_long_as_they_were(uk: pd.DataFrame) -> None:
    """Eleven years from June 2011, with the decisions that were made, and one share and lag for all appeals.

    Of appeals more leave the published stock than are counted, up to 1,700 a year: the queue that is left is too long.
    """
    flows = uk.set_index(["stage", "period"]).loc[(slice(None), slice("2011-07", "2022-06")), :]

    def monthly(column: str, stage: str) -> xr.DataArray:
        return by_month(np.repeat(flows.loc[stage, column].to_numpy() / 3, 3), "2011-07")

    answered = {stage: monthly("recognized", stage) + monthly("rejected", stage) for stage in STAGES}
    went = stage_transitions(uk, STAGES, lag=gamma_lag(1.0), to_come=True, seed=1)["onward"].sel(
        stage=STAGES[0], drop=True
    )
    ways = [Route(to=STAGES[1], share=went, lag=gamma_lag(1.0))]
    stages = {
        STAGES[0]: Stage(
            capacity=answered[STAGES[0]],
            backlog=4851.0,
            withdrawal=0.01,
            recognized=monthly("recognized", STAGES[0]) / answered[STAGES[0]],
            rejected=ways,
        ),
        STAGES[1]: Stage(capacity=answered[STAGES[1]], backlog=5553.0, withdrawal=0.006),
    }
    run = simulate_passage(monthly("received", STAGES[0]), stages)
    pending = run["pending"].sel(month=[f"{year}-07-01" for year in range(2012, 2022)]).median("draw")
    counted = uk[uk["period"].dt.month == 4].set_index(["stage", "period"])["pending"]
    for stage, most in zip(STAGES, (1.25, 2.1), strict=True):
        ratio = pending.sel(stage=stage).to_numpy() / counted[stage].loc["2012":"2021"].to_numpy()
        assert ((ratio > 1 / most) & (ratio < most)).all()
