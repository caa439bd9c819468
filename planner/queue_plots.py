"""Pictures of a staffing plan: officers by quarter, who waits, and for how long."""

from __future__ import annotations

import pandas as pd
from matplotlib.dates import YearLocator

from ._style import GREEN, GREY, INK, ORANGE, PURPLE, Picture, canvas, fan, heading, legend, source_line, ticks
from .asked import Staff
from .frames import SCENARIOS
from .language import ENGLISH, Language
from .origins import ledger_source, place_of
from .plan_plots import COLOUR, LABELS
from .study import Study

LEDGER_FROM = 2013
MOST = 120  # months; a longer wait is shown as this


def by_quarter(plan: pd.DataFrame) -> pd.DataFrame:
    """A staffing plan with one row a quarter: officers of every grade together.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns month, hires, releases, in_post, at_work, cost, and grade where there are several.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> table = pd.DataFrame({"grade": ["a", "b"], "month": ["2027-01"] * 2, "hires": [1.0, 2.0], "cost": [9.0, 9.0]})
    >>> by_quarter(table).to_dict("records")
    [{'month': '2027-01', 'hires': 3.0, 'cost': 9.0}]
    """
    summed = {"hires", "releases", "in_post"}  # by grade; the other columns are of all grades together
    how = {name: "sum" if name in summed else "first" for name in plan if name not in ("grade", "month")}
    return plan.groupby("month", sort=False).agg(how).reset_index()


def officers_picture(plan: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> Picture:
    """Officers in post and at work at the end of each quarter.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns month, hires, releases, in_post, at_work, cost.
    study : Study
        What was asked.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    asked = _staff(study)
    plan = by_quarter(plan)
    figure, axes = canvas(height=3.8)
    axis = axes.flat[0]
    at = pd.to_datetime(plan["month"])
    label = language.say("In post, trainees included")
    axis.bar(at, plan["in_post"], width=75, align="edge", color=GREEN, alpha=0.45, label=label)
    axis.bar(at, plan["at_work"], width=75, align="edge", color=GREEN, label=language.say("Deciding cases"))
    if "surge" in plan and plan["surge"].any():
        label = language.say("Of them on loan")
        axis.bar(at, plan["surge"], width=75, align="edge", color=PURPLE, hatch="//", edgecolor="white", label=label)
    now = language.number(asked.in_post)
    label = language.say("In post at the start: {n}", n=now)
    axis.axhline(asked.in_post, color=ORANGE, linewidth=1.6, linestyle="--", label=label)
    axis.set_ylabel(language.say("officers at the end of the quarter"), color=INK)
    ticks(axis, language)
    axis.set_ylim(0, 1.32 * max(plan["in_post"].max(), asked.in_post, 1.0))  # room for the legend
    legend(axis, loc="upper right")
    source = language.say(
        "Plan: poblar, from {n} officers in post in {month} (assumed).", n=now, month=language.month(asked.start)
    )
    source_line(figure, source)
    title = language.say("{place}: officers by quarter under the plan", place=place_of(study, language))
    most = plan.iloc[int(plan["in_post"].to_numpy().argmax())]
    words = language.say(
        "Officers in post are {n} at the start, at most {most}, in the quarter from {month}, and {end} at the end.",
        n=now,
        most=language.number(most["in_post"]),
        month=language.month(most["month"]),
        end=language.number(plan["in_post"].iloc[-1]),
    )
    return Picture(
        name="officers", title=title, alt=f"{title}. {words}", source=source, figure=figure, language=language
    )


def queue_picture(bands: pd.DataFrame, ledger: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> Picture:
    """People waiting, without and with the plan, after what the ledger shows.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.queue_bands`.
    ledger : pandas.DataFrame
        Columns year and pending (at 31 December).
    study : Study
        What was asked.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    asked = _staff(study)
    figure, axes = canvas(1, 2, height=4.2, share_y=True)
    seen = ledger[ledger["year"] >= LEDGER_FROM]
    words = []
    for axis, scenario in zip(axes.flat, SCENARIOS, strict=True):
        own = bands[(bands["indicator"] == "pending") & (bands["scenario"] == scenario)]
        at = pd.to_datetime(seen["year"].astype(str) + "-12-31")
        label = language.say("Ledger, 31 December")
        axis.plot(at, seen["pending"] / 1e3, color=INK, marker="o", markersize=3.5, linewidth=1.4, label=label)
        fan(axis, own, "month", colour=COLOUR[scenario], scale=1e-3, label=language.say("Forecast, median"))
        axis.axvline(pd.Timestamp(asked.start), color=GREY, linewidth=1.0, linestyle=":")
        heading(axis, staff_words(scenario, asked, language))
        legend(axis, loc="upper left")
        words.append(
            language.say(
                "{scenario}, {n} people wait at the end of the forecast (80 % interval {low} to {high}).",
                scenario=language.say(LABELS[scenario]),
                **_ranged(own.iloc[-1], language),
            )
        )
    # The widest band would flatten everything else; what is cut off is in the table.
    shown = bands[bands["indicator"] == "pending"]["upper80"].max()
    axes.flat[0].set_ylim(0, 1.3 * max(shown, seen["pending"].max()) / 1e3)
    axes.flat[0].set_ylabel(language.say("thousand people waiting"), color=INK)
    ticks(axes.flat[0], language)
    source = ledger_source(study, language)
    source_line(figure, source)
    title = language.say("{place}: people who wait for a decision", place=place_of(study, language))
    return Picture(
        name="queue", title=title, alt=f"{title}. {' '.join(words)}", source=source, figure=figure, language=language
    )


def wait_picture(bands: pd.DataFrame, kept: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> Picture:
    """Wait of who applies in a month, and the probability that it is no longer than promised.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.queue_bands`.
    kept : pandas.DataFrame
        From `poblar.planner.frames.promise`.
    study : Study
        What was asked.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    asked = _staff(study)
    promised = asked.promised
    assert promised is not None
    figure, axes = canvas(1, 2, height=4.2)
    waits, chances = axes.flat
    since, start = pd.Timestamp(promised.since), pd.Timestamp(asked.start)
    words = []
    for scenario in SCENARIOS:
        own = bands[(bands["indicator"] == "wait") & (bands["scenario"] == scenario) & (bands["month"] >= start)]
        fan(waits, own, "month", colour=COLOUR[scenario], label=language.say(LABELS[scenario]))
        part = kept[(kept["scenario"] == scenario) & (kept["month"] >= start)]
        label = language.say(LABELS[scenario])
        chances.plot(part["month"], 100 * part["probability"], color=COLOUR[scenario], linewidth=2, label=label)
        words.append(
            language.say(
                "{scenario}, who applies in {month} waits {n} months (80 % interval {low} to {high}).",
                scenario=language.say(LABELS[scenario]),
                month=language.month(promised.since),
                **_ranged(own[own["month"] == since].iloc[0], language),
            )
        )
    waits.set_yscale("symlog", linthresh=6, linscale=1.0)
    waits.set_ylim(0, MOST + 5)
    at = [0, 3, 6, 12, 24, 60, MOST]
    waits.set_yticks(at, [*map(str, at[:-1]), f"{MOST}+"])
    waits.minorticks_off()
    waits.set_ylabel(language.say("months"), color=INK)
    heading(waits, language.say("Wait, by month of application"))
    last = kept["month"].max()
    label = language.say("Asked for")
    chances.plot([since, last], [100 * promised.probability] * 2, color=INK, linestyle="--", linewidth=2, label=label)
    chances.set_ylim(-2, 102)
    chances.set_ylabel(language.say("probability, %"), color=INK)
    heading(chances, language.say("Decided within {length}", length=language.sentence(promised.at_most)))
    legend(chances, loc="center right")
    for axis in (waits, chances):
        axis.axvline(since, color=GREY, linewidth=1.0, linestyle=":")
        axis.xaxis.set_major_locator(YearLocator(2))
    source = ledger_source(study, language)
    source_line(figure, source)
    title = language.say("{place}: how long a new applicant waits", place=place_of(study, language))
    return Picture(
        name="wait", title=title, alt=f"{title}. {' '.join(words)}", source=source, figure=figure, language=language
    )


def staff_words(scenario: str, asked: Staff, language: Language) -> str:
    """Which scenario of a queue is shown."""
    if scenario == "with":
        return language.say("With the staffing plan")
    return language.say("With {n} officers, as now", n=language.number(asked.in_post))


def _ranged(row: pd.Series, language: Language) -> dict[str, str]:
    columns = {"n": "median", "low": "lower80", "high": "upper80"}
    return {name: language.number(float(row[column])) for name, column in columns.items()}


def _staff(study: Study) -> Staff:
    """The staffing plan that was asked for, or no picture of it would be drawn."""
    assert study.staffing is not None
    return study.staffing
