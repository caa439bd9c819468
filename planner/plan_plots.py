"""Pictures of a plan of admissions: who is admitted when, what becomes of growth, what asking for more costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ._style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SERIES,
    Picture,
    canvas,
    fan,
    heading,
    legend,
    plain,
    source_line,
    ticks,
)
from .asked import Quota
from .frames import SCENARIOS
from .language import ENGLISH, Language
from .measures import MEASURES
from .origins import UNITED_NATIONS, place_of, plan_source
from .study import Study

AFTER = 8  # years shown after the last admissions
COLOUR = {"without": ORANGE, "with": BLUE}
LABELS = {"without": "Without the plan", "with": "With the plan"}


def quota_picture(plan: pd.DataFrame, growth: pd.DataFrame, study: Study, *, language: Language = ENGLISH) -> Picture:
    """Admissions by year and category within their limits, and growth or support without and with them.

    Parameters
    ----------
    plan : pandas.DataFrame
        Columns category, year, admissions.
    growth : pandas.DataFrame
        From `poblar.planner.frames.growth_bands`.
    study : Study
        What was asked.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    asked = study.quota
    assert asked is not None
    categories = list(dict.fromkeys(plan["category"]))
    source = plan_source(study, language)
    figure, axes = canvas(1 + (len(categories) > 1), 2, height=4.2 if len(categories) == 1 else 7.0)
    _bars(axes[0, 0], plan, categories, language)
    _growth(axes[0, 1], growth, asked, language)
    if len(categories) > 1:
        _categories(axes[1, 0], plan, categories, asked, language)
        _shares(axes[1, 1], plan, categories, language)
    else:
        _limits(axes[0, 0], categories[0], asked, GREEN)
        if axes[0, 0].get_legend_handles_labels()[0]:
            legend(axes[0, 0], loc="upper left")
    source_line(figure, source)
    title = language.say("{place}: admissions, and what they change", place=place_of(study, language))
    by_year = plan.groupby("year")["admissions"].sum()
    words = language.say(
        "Admissions go from {first} in {start} to {last} in {end}.",
        first=language.number(by_year.iloc[0]),
        start=by_year.index[0],
        last=language.number(by_year.iloc[-1]),
        end=by_year.index[-1],
    )
    return Picture(
        name="quota",
        title=title,
        alt=f"{title}. {words} {_growth_words(growth, asked, language)}",
        source=source,
        figure=figure,
        language=language,
    )


def frontier_picture(frame: pd.DataFrame, country: str, *, language: Language = ENGLISH) -> Picture:
    """What a plan costs as more is asked of it, and how sure each point is on draws held out.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `poblar.optimize.frontier.frontier`.
    country : str
        ISO 3166-1 alpha-3.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    figure, axes = canvas(1, 2, height=4.0)
    cost, sure = axes.flat
    there = frame[frame["exists"]]
    units = language.name(frame.attrs["units"])
    sizes = there["objective"] / 1e6
    cost.plot(there["value"], sizes, color=BLUE, linewidth=2, marker="o")
    cost.set_ylabel(language.say("million {units}", units=plain(units)), color=INK)
    heading(cost, language.say("What it takes"))
    ticks(cost, language)
    middle = 100 * there["held_out"]
    ends = np.abs(100 * there[["lower95", "upper95"]].to_numpy() - middle.to_numpy()[:, None]).T
    label = language.say("Held out, with 95 %")
    sure.errorbar(there["value"], middle, yerr=ends, color=GREEN, marker="o", linewidth=1.5, label=label)
    if frame.attrs["over"] == "probability":
        label = language.say("Asked for")
        sure.plot(there["value"], 100 * there["value"], color=INK, linewidth=1.5, linestyle="--", label=label)
    sure.set_ylabel(language.say("% of the draws"), color=INK)
    heading(sure, language.say("How often it is reached"))
    ticks(sure, language)
    legend(sure, loc="best")
    over = language.name(frame.attrs["over"])
    for axis in axes.flat:
        axis.set_xlabel(language.say("{what} asked for", what=plain(over)), color=INK)
    source = language.say(
        "Figures: {origin}. Plan and bands (50, 80, 95 % of the draws): poblar.", origin=language.say(UNITED_NATIONS)
    )
    source_line(figure, source)
    goal = language.sentence(frame.attrs["goal"])
    title = language.say("{place}: {goal}, as more is asked", place=language.country(country), goal=goal)
    words = [
        language.say(
            "At {value}: {size} million {units}, held out {held}.",
            value=f"{value:g}",
            size=language.number(size, 1),
            units=units,
            held=language.percent(held / 100, 1),
        )
        for value, size, held in zip(there["value"], sizes, middle, strict=True)
    ]
    return Picture(
        name="frontier", title=title, alt=f"{title}. {' '.join(words)}", source=source, figure=figure, language=language
    )


def followed(asked: Quota) -> str:
    """The indicator that a picture of the plan follows: support where that is asked for, growth otherwise.

    Examples
    --------
    >>> followed(Quota())
    'growth_rate'
    """
    return "support_ratio" if asked.goals[0].goal == "support_ratio" else "growth_rate"


def limits_of(asked: Quota, category: str) -> tuple[float, float] | None:
    """Least and most admissions of a category in a year, or None where there is no limit.

    Examples
    --------
    >>> from poblar.planner.asked import Admitted
    >>> limits_of(Quota(levers=(Admitted(at_least=1000.0, at_most=5000.0),)), "workers"), limits_of(Quota(), "workers")
    ((1000.0, 5000.0), None)
    """
    lever = next((one for one in asked.levers if one.category == category), None)
    if lever is None or (lever.at_least == 0.0 and lever.at_most is None):
        return None
    return lever.at_least, float("inf") if lever.at_most is None else lever.at_most


def _bars(axis, plan: pd.DataFrame, categories: list[str], language: Language) -> None:
    by_year = plan.groupby("year")["admissions"].sum()
    under = 0.0 * by_year
    for position, category in enumerate(categories):
        own = _of(plan, category).reindex(by_year.index, fill_value=0.0)
        colour = GREEN if len(categories) == 1 else SERIES[position % len(SERIES)]
        label = plain(language.name(category)) if len(categories) > 1 else None
        axis.bar(own.index, own / 1e3, bottom=under / 1e3, color=colour, width=0.8, label=label)
        under = under + own
    if len(categories) > 1:
        legend(axis, loc="upper left")
    axis.set_ylabel(language.say("thousand persons a year"), color=INK)
    heading(axis, language.say("Admissions under the plan"))
    ticks(axis, language)
    axis.xaxis.get_major_locator().set_params(nbins=5, integer=True)


def _growth(axis, growth: pd.DataFrame, asked: Quota, language: Language) -> None:
    indicator, target = followed(asked), asked.goals[0]
    measure = MEASURES[indicator]
    own = growth[(growth["indicator"] == indicator) & growth["year"].between(asked.years[0], asked.last + AFTER)]
    for scenario in SCENARIOS:
        part = own[own["scenario"] == scenario]
        fan(axis, part, "year", colour=COLOUR[scenario], scale=measure.scale, label=language.say(LABELS[scenario]))
    if target.goal in ("growth", "support_ratio"):
        label, bound = language.say("Asked for"), measure.scale * target.bound
        axis.plot(list(target.years), [bound] * 2, color=INK, linewidth=2, linestyle="--", label=label)
    axis.axvline(asked.years[1] + 0.5, color=GREY, linewidth=1.0, linestyle=":")
    axis.set_ylabel(language.say(measure.units), color=INK)
    heading(axis, language.say(measure.name))
    ticks(axis, language, 1)
    axis.xaxis.get_major_locator().set_params(nbins=5, integer=True)
    legend(axis, loc="lower left")


def _categories(axis, plan: pd.DataFrame, categories: list[str], asked: Quota, language: Language) -> None:
    """Each category as a line between its limits."""
    for position, category in enumerate(categories):
        colour = SERIES[position % len(SERIES)]
        own = _of(plan, category)
        axis.plot(own.index, own / 1e3, color=colour, linewidth=2.2, label=plain(language.name(category)))
        _limits(axis, category, asked, colour)
    axis.set_ylabel(language.say("thousand persons a year"), color=INK)
    heading(axis, language.say("Each category within its limits"))
    ticks(axis, language)
    axis.set_ylim(bottom=0)
    axis.xaxis.get_major_locator().set_params(nbins=5, integer=True)


def _limits(axis, category: str, asked: Quota, colour: str) -> None:
    """The range in which a category may move, where there is one."""
    limits = limits_of(asked, category)
    if limits is None:
        return
    lever = next(one for one in asked.levers if one.category == category)
    years = np.array([lever.years[0] - 0.5, lever.years[1] + 0.5])
    low, high = limits
    for bound in (low, high):
        if 0 < bound < float("inf"):
            axis.plot(years, [bound / 1e3] * 2, color=colour, linewidth=1.3, linestyle=":")
    if high < float("inf"):
        axis.fill_between(years, low / 1e3, high / 1e3, color=colour, alpha=0.08, linewidth=0)


def _shares(axis, plan: pd.DataFrame, categories: list[str], language: Language) -> None:
    whole = [_of(plan, category).sum() / 1e3 for category in categories]
    names = [plain(language.name(category)) for category in categories]
    colours = [SERIES[position % len(SERIES)] for position in range(len(categories))]
    bars = axis.barh(names[::-1], whole[::-1], color=colours[::-1], height=0.6)
    axis.bar_label(bars, [language.number(value) for value in whole[::-1]], padding=3, fontsize=9, color=INK)
    axis.set_xlim(0, 1.22 * max(whole) or 1)
    axis.grid(visible=False)
    axis.xaxis.set_major_formatter(lambda value, _position: language.number(value))
    axis.xaxis.get_major_locator().set_params(nbins=4)
    axis.set_xlabel(language.say("thousand persons"), color=INK)
    heading(axis, language.say("In all years together"))


def _of(plan: pd.DataFrame, category: str) -> pd.Series:
    return plan[plan["category"] == category].groupby("year")["admissions"].sum()


def _growth_words(growth: pd.DataFrame, asked: Quota, language: Language) -> str:
    indicator, year = followed(asked), asked.goals[0].years[1]
    measure = MEASURES[indicator]
    at = growth[(growth["indicator"] == indicator) & (growth["year"] == year)].set_index("scenario")
    ends = at[["lower80", "median", "upper80"]]
    words = []
    for scenario in SCENARIOS:
        low, middle, high = (measure.said(value, language) for value in ends.loc[[scenario]].to_numpy(float)[0])
        words.append(
            language.say(
                "{scenario}, {what} in {year}: {middle} {units} (80 % interval {low} to {high}).",
                scenario=language.say(LABELS[scenario]),
                what=language.say(measure.name),
                year=year,
                middle=middle,
                units=language.say(measure.units),
                low=low,
                high=high,
            )
        )
    return " ".join(words)
