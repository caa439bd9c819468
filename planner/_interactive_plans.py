"""Interactive pictures of plans: admissions, officers, who waits and how long, frontiers."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ._plotly import add_fan, add_line, blank, escaped, finished, rgba, when_of, x_of
from ._style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SERIES
from .asked import Quota
from .frames import SCENARIOS
from .language import ENGLISH, Language
from .measures import MEASURES
from .origins import UNITED_NATIONS, ledger_source, place_of, plan_source
from .plan_plots import AFTER, COLOUR, LABELS, followed, limits_of
from .queue_plots import LEDGER_FROM, MOST, by_quarter, staff_words
from .study import Study

__all__ = ["frontier_figure", "officers_figure", "queue_figure", "quota_figure", "wait_figure"]


def quota_figure(plan: pd.DataFrame, growth: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> go.Figure:
    """Admissions by year and category, each within its limits, and growth or support without and with them.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns category, year, admissions.
    growth : pandas.DataFrame
        From `poblar.planner.frames.growth_bands`.
    study : Study
        What was asked.
    language : Language
        Of the figure's words.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> plan = pd.DataFrame({"category": "workers", "year": [2027], "admissions": 9000.0})
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> growth = pd.DataFrame({"indicator": "growth_rate", "scenario": ["without", "with"], "year": 2027, "median": 0})
    >>> quota_figure(plan, growth.assign(**ends), Study()).data[0].y
    (9.0,)
    """
    asked = study.quota
    assert asked is not None
    categories = list(dict.fromkeys(plan["category"]))
    limited = [name for name in categories if limits_of(asked, name) is not None]
    measure = MEASURES[followed(asked)]
    headings = [language.say("Admissions under the plan"), language.say(measure.name)]
    if limited:
        headings.insert(1, language.say("Each category within its limits"))
    figure = blank(headings)
    for position, category in enumerate(categories):
        own = plan[plan["category"] == category].groupby("year")["admissions"].sum()
        colour = SERIES[position % len(SERIES)] if len(categories) > 1 else GREEN
        name = language.name(category)
        text = [f"{name}, {year}: {language.number(value)}" for year, value in own.items()]
        figure.add_bar(
            x=own.index.tolist(),
            y=(own / 1e3).tolist(),
            name=escaped(name),
            marker_color=colour,
            text=[escaped(one) for one in text],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            row=1,
            col=1,
        )
        if category in limited:
            _within(figure, own, category, asked, colour, text, language)
    figure.update_layout(barmode="stack")
    thousand = language.say("thousand persons a year")
    for row in range(1, len(headings)):
        figure.update_yaxes(title_text=thousand, rangemode="tozero", row=row, col=1)
    _growth(figure, growth, asked, len(headings), language)
    title = language.say("{place}: admissions, and what they change", place=place_of(study, language))
    return finished(figure, title, plan_source(study, language), rows=len(headings))


def _within(
    figure: go.Figure,
    own: pd.Series,
    category: str,
    asked: Quota,
    colour: str,
    text: list[str],
    language: Language,
) -> None:
    limits = limits_of(asked, category)
    assert limits is not None
    low, high = limits
    years = own.index.tolist()
    if high < float("inf"):
        figure.add_scatter(
            x=[*years, *years[::-1]],
            y=[high / 1e3] * len(years) + [low / 1e3] * len(years),
            fill="toself",
            fillcolor=rgba(colour, 0.12),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            row=2,
            col=1,
        )
    for bound in (low, high):
        if 0 < bound < float("inf"):
            label = language.say("limit: {n}", n=language.number(bound))
            add_line(
                figure,
                [years[0], years[-1]],
                [bound / 1e3] * 2,
                name=label,
                colour=colour,
                text=[f"{language.name(category)}, {label}"] * 2,
                row=2,
                dash="dot",
                legend=False,
            )
    name = language.name(category)
    add_line(figure, years, (own / 1e3).tolist(), name=name, colour=colour, text=text, row=2, legend=False)


def _growth(figure: go.Figure, growth: pd.DataFrame, asked: Quota, row: int, language: Language) -> None:
    indicator, target = followed(asked), asked.goals[0]
    measure = MEASURES[indicator]
    own = growth[(growth["indicator"] == indicator) & growth["year"].between(asked.years[0], asked.last + AFTER)]
    for scenario in SCENARIOS:
        add_fan(
            figure,
            own[own["scenario"] == scenario],
            "year",
            colour=COLOUR[scenario],
            scale=measure.scale,
            name=language.say(LABELS[scenario]),
            units=language.say(measure.units),
            digits=2,
            language=language,
            row=row,
        )
    if target.goal in ("growth", "support_ratio"):
        bound, label = measure.scale * target.bound, language.say("Asked for")
        said = [f"{label}: {language.number(bound, 2)} {language.say(measure.units)}"] * 2
        add_line(figure, target.years, [bound] * 2, name=label, colour=INK, text=said, row=row, dash="dash")
    _mark(figure, asked.years[1] + 0.5, row)
    figure.update_yaxes(title_text=escaped(language.say(measure.units)), row=row, col=1)


def queue_figure(bands: pd.DataFrame, ledger: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> go.Figure:
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
        Of the figure's words.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = pd.DataFrame({"indicator": "pending", "scenario": ["without", "with"], "median": [900, 100], **ends})
    >>> ledger = pd.DataFrame({"year": [2022], "pending": [500.0]})
    >>> queue_figure(bands.assign(month=pd.Timestamp("2031-01-01")), ledger, Study()).data[0].y
    (0.5,)
    """
    asked = study.staffing
    assert asked is not None
    figure = blank([staff_words(scenario, asked, language) for scenario in SCENARIOS])
    seen = ledger[ledger["year"] >= LEDGER_FROM]
    shown = bands[bands["indicator"] == "pending"]
    top = 1.3e-3 * max(shown["upper80"].max(), seen["pending"].max())
    label = language.say("Ledger, 31 December")
    said = [
        f"{label}, {year}: {language.number(pending)}"
        for year, pending in zip(seen["year"], seen["pending"], strict=True)
    ]
    for row, scenario in enumerate(SCENARIOS, start=1):
        dates = [f"{year}-12-31" for year in seen["year"]]
        pending = (seen["pending"] / 1e3).tolist()
        add_line(figure, dates, pending, name=label, colour=INK, text=said, row=row, markers=True, legend=row == 1)
        add_fan(
            figure,
            shown[shown["scenario"] == scenario],
            "month",
            colour=COLOUR[scenario],
            scale=1e-3,
            name=language.say(LABELS[scenario]),
            units=language.say("thousand people waiting"),
            digits=1,
            language=language,
            row=row,
        )
        _mark(figure, f"{asked.start}-01", row)
        # The widest band would flatten everything else; the pointer tells what is cut off.
        figure.update_yaxes(range=[0, top], title_text=language.say("thousand people waiting"), row=row, col=1)
    title = language.say("{place}: people who wait for a decision", place=place_of(study, language))
    return finished(figure, title, ledger_source(study, language), rows=2)


def wait_figure(bands: pd.DataFrame, promise: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> go.Figure:
    """Wait of who applies in a month, and the probability that it is no longer than promised.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.queue_bands`.
    promise : pandas.DataFrame
        From `poblar.planner.frames.promise`.
    study : Study
        What was asked.
    language : Language
        Of the figure's words.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = pd.DataFrame({"indicator": "wait", "scenario": ["without", "with"], "median": [60.0, 3.0], **ends})
    >>> promise = pd.DataFrame({"scenario": ["without", "with"], "probability": [0.1, 0.92]})
    >>> at = {"month": pd.Timestamp("2031-01-01")}
    >>> wait_figure(bands.assign(**at), promise.assign(**at), Study()).data[-1].name
    'Asked for'
    """
    asked = study.staffing
    assert asked is not None
    assert asked.promised is not None
    promised, start = asked.promised, pd.Timestamp(asked.start)
    length = language.sentence(promised.at_most)
    headings = [language.say("Wait, by month of application"), language.say("Decided within {length}", length=length)]
    figure = blank(headings)
    for scenario in SCENARIOS:
        name = language.say(LABELS[scenario])
        add_fan(
            figure,
            bands[(bands["indicator"] == "wait") & (bands["scenario"] == scenario) & (bands["month"] >= start)],
            "month",
            colour=COLOUR[scenario],
            scale=1.0,
            name=name,
            units=language.say("months"),
            digits=0,
            language=language,
        )
        part = promise[(promise["scenario"] == scenario) & (promise["month"] >= start)]
        said = [
            f"{name}, {when}: {language.percent(value, 1)}"
            for when, value in zip(when_of(part, "month", language), part["probability"], strict=True)
        ]
        at, chances = x_of(part, "month"), (100 * part["probability"]).tolist()
        add_line(figure, at, chances, name=name, colour=COLOUR[scenario], text=said, row=2, legend=False)
    label, chance = language.say("Asked for"), 100 * promised.probability
    ends = [f"{promised.since}-01", f"{promise['month'].max():%Y-%m-%d}"]
    said = [f"{label}: {language.percent(promised.probability)}"] * 2
    add_line(figure, ends, [chance] * 2, name=label, colour=INK, text=said, row=2, dash="dash")
    for row in (1, 2):
        _mark(figure, f"{promised.since}-01", row)
    at = [0, 6, 12, 24, 60, MOST]
    words = [*map(str, at[:-1]), f"{MOST}+"]
    months = language.say("months")
    figure.update_yaxes(title_text=months, range=[0, MOST + 5], tickvals=at, ticktext=words, row=1, col=1)
    figure.update_yaxes(title_text=language.say("probability, %"), range=[-2, 102], row=2, col=1)
    title = language.say("{place}: how long a new applicant waits", place=place_of(study, language))
    return finished(figure, title, ledger_source(study, language), rows=2)


def officers_figure(plan: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> go.Figure:
    """Officers in post and at work at the end of each quarter.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns month, hires, releases, in_post, at_work, cost.
    study : Study
        What was asked.
    language : Language
        Of the figure's words.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> plan = pd.DataFrame({"month": ["2027-01"], "in_post": [150.0], "at_work": [140.0]})
    >>> officers_figure(plan, Study()).data[0].text
    ('In post, trainees included, January 2027: 150',)
    """
    asked = study.staffing
    assert asked is not None
    plan = by_quarter(plan)
    figure, at = blank(), [f"{month}-15" for month in plan["month"].str[:7]]
    shown = {"in_post": ("In post, trainees included", rgba(GREEN, 0.45)), "at_work": ("Deciding cases", GREEN)}
    if "surge" in plan and plan["surge"].any():
        shown["surge"] = ("Of them on loan", PURPLE)
    for name, (words, colour) in shown.items():
        label = language.say(words)
        figure.add_bar(
            x=at,
            y=plan[name].tolist(),
            name=label,
            marker_color=colour,
            text=[
                f"{label}, {language.month(month)}: {language.number(value)}"
                for month, value in zip(plan["month"], plan[name], strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    label = language.say("In post at the start: {n}", n=language.number(asked.in_post))
    add_line(figure, [at[0], at[-1]], [asked.in_post] * 2, name=label, colour=ORANGE, text=[label] * 2, dash="dash")
    figure.update_layout(barmode="overlay", bargap=0.1)
    figure.update_yaxes(title_text=language.say("officers at the end of the quarter"), rangemode="tozero")
    source = language.say(
        "Plan: poblar, from {n} officers in post in {month} (assumed).",
        n=language.number(asked.in_post),
        month=language.month(asked.start),
    )
    title = language.say("{place}: officers by quarter under the plan", place=place_of(study, language))
    return finished(figure, title, source)


def frontier_figure(
    frame: pd.DataFrame, place: str, *, source: str | None = None, language: Language = ENGLISH
) -> go.Figure:
    """What a plan costs as more is asked of it, and how sure each point is on draws held out.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `poblar.optimize.frontier.frontier`.
    place : str
        What the country is called.
    source : str, optional
        Line under the title; by default the United Nations'.
    language : Language
        Of the figure's words.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> frame = pd.DataFrame({"value": [0.9], "exists": True, "objective": 2e6, "held_out": 0.91})
    >>> frame = frame.assign(lower95=0.89, upper95=0.93)
    >>> frame.attrs = {"goal": "growth", "over": "probability", "units": "persons admitted"}
    >>> frontier_figure(frame, "Mexico").data[0].y
    (2.0,)
    """
    figure = blank([language.say("What it takes"), language.say("How often it is reached")])
    there = frame[frame["exists"]]
    units = language.name(frame.attrs["units"])
    asked = language.say("{what} asked for", what=language.name(frame.attrs["over"]))
    said = [
        f"{asked}: {value:g}; {language.number(size)} {units}"
        for value, size in zip(there["value"], there["objective"], strict=True)
    ]
    sizes = (there["objective"] / 1e6).tolist()
    add_line(figure, there["value"], sizes, name=units, colour=BLUE, text=said, markers=True, legend=False)
    held = 100 * there["held_out"]
    figure.add_scatter(
        x=there["value"].tolist(),
        y=held.tolist(),
        error_y={
            "type": "data",
            "symmetric": False,
            "array": (100 * there["upper95"] - held).tolist(),
            "arrayminus": (held - 100 * there["lower95"]).tolist(),
        },
        mode="lines+markers",
        line={"color": GREEN, "width": 2},
        name=language.say("Held out, with 95 %"),
        text=[
            f"{value:g}: {language.percent(share / 100, 1)}" for value, share in zip(there["value"], held, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        row=2,
        col=1,
    )
    if frame.attrs["over"] == "probability":
        label, values = language.say("Asked for"), there["value"]
        add_line(
            figure,
            values,
            (100 * values).tolist(),
            name=label,
            colour=INK,
            text=[f"{label}: {language.percent(value, 1)}" for value in values],
            row=2,
            dash="dash",
        )
    figure.update_xaxes(title_text=escaped(asked))
    figure.update_yaxes(title_text=escaped(language.say("million {units}", units=units)), row=1, col=1)
    figure.update_yaxes(title_text=language.say("% of the draws"), row=2, col=1)
    goal = language.sentence(frame.attrs["goal"])
    title = language.say("{place}: {goal}, as more is asked", place=place, goal=goal)
    default = language.say(
        "Figures: {origin}. Plan and bands (50, 80, 95 % of the draws): poblar.", origin=language.say(UNITED_NATIONS)
    )
    return finished(figure, title, source or default, rows=2)


def _mark(figure: go.Figure, at: str | float, row: int) -> None:
    """A dotted line down a panel, where something begins or ends."""
    line = {"color": GREY, "width": 1, "dash": "dot"}
    number = "" if row == 1 else str(row)
    panel = {"xref": f"x{number}", "yref": f"y{number} domain"}
    figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, line=line, **panel)
