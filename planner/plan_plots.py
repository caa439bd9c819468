"""Pictures of the two plans: admissions and growth, officers, waiting people and waiting times."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.dates import YearLocator

from ._style import BLUE, GREEN, GREY, INK, ORANGE, Picture, canvas, fan, heading, legend, source_line, ticks
from .frames import SCENARIOS
from .names import country_name
from .study import Study

AFTER = 8  # years shown after the last admissions
COLOUR = {"without": ORANGE, "with": BLUE}
BANDS = "Plan and bands (50, 80, 95 % of the draws): poblar."
QUOTA_SOURCE = f"Figures: United Nations, World Population Prospects 2024. {BANDS}"
QUEUE_SOURCE = f"Ledger: UNHCR, Refugee Data Finder; officers: COMAR. {BANDS}"


def quota_picture(plan: pd.DataFrame, growth: pd.DataFrame, study: Study) -> Picture:
    """Admissions by year, and growth without and with them.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns category, year, admissions.
    growth : pandas.DataFrame
        From `poblar.planner.frames.growth_bands`.
    study : Study
        What was asked.

    Returns
    -------
    Picture
    """
    figure, axes = canvas(1, 2, height=4.2)
    bars, after = axes.flat
    bars.bar(plan["year"], plan["admissions"] / 1e3, color=GREEN, width=0.8)
    bars.set_ylabel("thousand persons a year", color=INK)
    heading(bars, "Admissions under the plan")
    ticks(bars, lambda value: f"{value:,.0f}")
    own = growth[(growth["indicator"] == "growth_rate") & (growth["year"] >= study.admit[0])]
    own = own[own["year"] <= study.admit[1] + AFTER]
    for scenario in SCENARIOS:
        fan(
            after,
            own[own["scenario"] == scenario],
            "year",
            colour=COLOUR[scenario],
            scale=100.0,
            label=f"{scenario} the plan".capitalize(),
        )
    after.plot(list(study.hold), [100 * study.growth] * 2, color=INK, linewidth=2, linestyle="--", label="Asked for")
    after.axvline(study.admit[1] + 0.5, color=GREY, linewidth=1.0, linestyle=":")
    after.set_ylabel("% a year", color=INK)
    heading(after, "Total growth")
    ticks(after, lambda value: f"{value:.1f}")
    legend(after, loc="lower left")
    source_line(figure, QUOTA_SOURCE)
    title = f"{country_name(study.country)}: admissions, and growth without and with them"
    admitted = plan["admissions"]
    alt = (
        f"{title}. Admissions go from {admitted.iloc[0]:,.0f} in {plan['year'].iloc[0]} to {admitted.iloc[-1]:,.0f} in "
        f"{plan['year'].iloc[-1]}. {_growth_words(own, study.hold[1])}"
    )
    return Picture(name="quota", title=title, alt=alt, source=QUOTA_SOURCE, figure=figure)


def officers_picture(plan: pd.DataFrame, study: Study) -> Picture:
    """Officers in post and at work at the end of each quarter.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns month, hires, releases, in_post, at_work, cost.
    study : Study
        What was asked.

    Returns
    -------
    Picture
    """
    figure, axes = canvas(height=3.8)
    axis = axes.flat[0]
    at = pd.to_datetime(plan["month"])
    axis.bar(at, plan["in_post"], width=75, align="edge", color=GREEN, alpha=0.45, label="In post, trainees included")
    axis.bar(at, plan["at_work"], width=75, align="edge", color=GREEN, label="Deciding cases")
    axis.axhline(
        study.in_post, color=ORANGE, linewidth=1.6, linestyle="--", label=f"In post at the start: {study.in_post:,}"
    )
    axis.set_ylabel("officers at the end of the quarter", color=INK)
    ticks(axis, lambda value: f"{value:,.0f}")
    legend(axis, loc="upper right")
    source = f"Plan: poblar, from {study.in_post:,} officers in post at {study.start} (assumed)."
    source_line(figure, source)
    title = f"{country_name(study.country)}: officers by quarter under the plan"
    most = plan.iloc[int(plan["in_post"].to_numpy().argmax())]
    alt = (
        f"{title}. Officers in post rise from {study.in_post:,} to {most['in_post']:,.0f} in the quarter from "
        f"{pd.Timestamp(most['month']):%Y-%m} and stand at {plan['in_post'].iloc[-1]:,.0f} at the end."
    )
    return Picture(name="officers", title=title, alt=alt, source=source, figure=figure)


def queue_picture(bands: pd.DataFrame, ledger: pd.DataFrame, study: Study) -> Picture:
    """People waiting, without and with the plan, after what the ledger shows.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.queue_bands`.
    ledger : pandas.DataFrame
        Columns year and pending (at 31 December).
    study : Study
        What was asked.

    Returns
    -------
    Picture
    """
    figure, axes = canvas(1, 2, height=4.2, share_y=True)
    seen = ledger[ledger["year"] >= 2013]
    words = []
    for axis, scenario in zip(axes.flat, SCENARIOS, strict=True):
        own = bands[(bands["indicator"] == "pending") & (bands["scenario"] == scenario)]
        axis.plot(
            pd.to_datetime(seen["year"].astype(str) + "-12-31"),
            seen["pending"] / 1e3,
            color=INK,
            marker="o",
            markersize=3.5,
            linewidth=1.4,
            label="Ledger, 31 December",
        )
        fan(axis, own, "month", colour=COLOUR[scenario], scale=1e-3)
        axis.axvline(pd.Timestamp(study.start), color=GREY, linewidth=1.0, linestyle=":")
        heading(axis, _staff_words(scenario, study))
        legend(axis, loc="upper left")
        last = own.iloc[-1]
        words.append(f"{scenario.capitalize()} the plan {_range(last, 'people')} wait at the end of the forecast.")
    # The widest band would flatten everything else; what is cut off is in the table.
    top = bands[bands["indicator"] == "pending"]["upper80"].max() / 1e3
    axes.flat[0].set_ylim(0, 1.3 * top)
    axes.flat[0].set_ylabel("thousand people waiting", color=INK)
    ticks(axes.flat[0], lambda value: f"{value:,.0f}")
    source_line(figure, QUEUE_SOURCE)
    title = f"{country_name(study.country)}: people who wait for a decision"
    return Picture(name="queue", title=title, alt=f"{title}. " + " ".join(words), source=QUEUE_SOURCE, figure=figure)


def wait_picture(bands: pd.DataFrame, kept: pd.DataFrame, study: Study) -> Picture:
    """Wait of who applies in a month, and the probability that it is no longer than promised.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.queue_bands`.
    kept : pandas.DataFrame
        From `poblar.planner.frames.promise`.
    study : Study
        What was asked.

    Returns
    -------
    Picture
    """
    figure, axes = canvas(1, 2, height=4.2)
    waits, chances = axes.flat
    since = pd.Timestamp(study.since)
    words = []
    for scenario in SCENARIOS:
        own = bands[(bands["indicator"] == "wait") & (bands["scenario"] == scenario)]
        own = own[own["month"] >= pd.Timestamp(study.start)]
        fan(waits, own, "month", colour=COLOUR[scenario])
        part = kept[(kept["scenario"] == scenario) & (kept["month"] >= pd.Timestamp(study.start))]
        label = f"{scenario} the plan".capitalize()
        chances.plot(part["month"], 100 * part["probability"], color=COLOUR[scenario], linewidth=2, label=label)
        at = own[own["month"] == since].iloc[0]
        words.append(f"{scenario.capitalize()} the plan, who applies in {study.since} waits {_range(at, 'months')}.")
    waits.set_yscale("symlog", linthresh=6, linscale=1.0)
    waits.set_ylim(0, 125)
    waits.set_yticks([0, 3, 6, 12, 24, 60, 120])
    ticks(waits, lambda value: "120+" if value == 120 else f"{value:.0f}")
    waits.minorticks_off()
    waits.set_ylabel("months", color=INK)
    heading(waits, "Wait, by month of application")
    months = pd.to_datetime(np.array([study.since, str(kept["month"].max())[:7]]))
    chances.plot(months, [100 * study.wait_probability] * 2, color=INK, linestyle="--", linewidth=2, label="Asked for")
    chances.set_ylim(-2, 102)
    chances.set_ylabel("probability, %", color=INK)
    heading(chances, f"Decided within {study.wait}")
    legend(chances, loc="center right")
    for axis in (waits, chances):
        axis.axvline(since, color=GREY, linewidth=1.0, linestyle=":")
        axis.xaxis.set_major_locator(YearLocator(2))
    source_line(figure, QUEUE_SOURCE)
    title = f"{country_name(study.country)}: how long a new applicant waits"
    return Picture(name="wait", title=title, alt=f"{title}. " + " ".join(words), source=QUEUE_SOURCE, figure=figure)


def _staff_words(scenario: str, study: Study) -> str:
    return f"With {study.in_post:,} officers, as now" if scenario == "without" else "With the staffing plan"


def _range(row: pd.Series, units: str) -> str:
    low, middle, high = (f"{row[name]:,.0f}" for name in ("lower80", "median", "upper80"))
    return f"{middle} {units} (80 % interval {low} to {high})"


def _growth_words(own: pd.DataFrame, year: int) -> str:
    at = own[own["year"] == year].set_index("scenario")[["lower80", "median", "upper80"]]
    words = []
    for scenario in SCENARIOS:
        low, middle, high = (100 * at.loc[[scenario]].to_numpy(float)[0]).tolist()
        words.append(
            f"{scenario.capitalize()} the plan growth in {year} is {middle:.2f} % "
            f"(80 % interval {low:.2f} to {high:.2f})."
        )
    return " ".join(words)


def frontier_picture(frame: pd.DataFrame, country: str) -> Picture:
    """What a plan costs as more is asked of it, and how sure each point is on draws held out.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `poblar.optimize.frontier.frontier`.
    country : str
        ISO 3166-1 alpha-3.

    Returns
    -------
    Picture
    """
    figure, axes = canvas(1, 2, height=4.0)
    cost, sure = axes.flat
    there = frame[frame["exists"]]
    sizes = there["objective"] / 1e6
    cost.plot(there["value"], sizes, color=BLUE, linewidth=2, marker="o")
    cost.set_ylabel(f"million {frame.attrs['units']}", color=INK)
    heading(cost, "What it takes")
    ticks(cost, lambda value: f"{value:g}")
    middle = 100 * there["held_out"]
    ends = np.abs(100 * there[["lower95", "upper95"]].to_numpy() - middle.to_numpy()[:, None]).T
    sure.errorbar(
        there["value"], middle, yerr=ends, color=GREEN, marker="o", linewidth=1.5, label="Held out, with 95 %"
    )
    if frame.attrs["over"] == "probability":
        sure.plot(there["value"], 100 * there["value"], color=INK, linewidth=1.5, linestyle="--", label="Asked for")
    sure.set_ylabel("% of the draws", color=INK)
    heading(sure, "How often it is reached")
    ticks(sure, lambda value: f"{value:.0f}")
    legend(sure, loc="best")
    for axis in axes.flat:
        axis.set_xlabel(f"{frame.attrs['over']} asked for", color=INK)
    source_line(figure, QUOTA_SOURCE)
    title = f"{country_name(country)}: {frame.attrs['goal']}, as more is asked"
    alt = f"{title}. " + " ".join(
        f"At {value:g}: {size:,.1f} million {frame.attrs['units']}, held out {held:.1f} %."
        for value, size, held in zip(there["value"], sizes, middle, strict=True)
    )
    return Picture(name="frontier", title=title, alt=alt, source=QUOTA_SOURCE, figure=figure)
