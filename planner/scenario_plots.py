"""Pictures of scenarios on the same draws: side by side, and what each changes."""

from __future__ import annotations

import textwrap

import pandas as pd

from ._style import DASHES, GREY, INK, SERIES, Picture, canvas, fan, heading, legend, plain, source_line, ticks
from .language import ENGLISH, Language
from .measures import MEASURES
from .origins import people_source

SHOWN = ("population", "growth_rate", "dependency_ratio", "support_ratio")


def scenario_picture(
    bands: pd.DataFrame, place: str, *, source: str | None = None, language: Language = ENGLISH
) -> Picture:
    """Medians of every scenario over the 80 % band of the forecast.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.scenario_bands`; the first scenario is the forecast.
    place : str
        What the country is called.
    source : str, optional
        Line under the picture; by default the United Nations'.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    source = source or people_source(language=language)
    names = list(dict.fromkeys(bands["scenario"]))
    figure, axes = canvas(2, 2, height=6.6)
    for axis, indicator in zip(axes.flat, SHOWN, strict=True):
        measure = MEASURES[indicator]
        own = bands[bands["indicator"] == indicator]
        for position, name in enumerate(names):
            part = own[own["scenario"] == name]
            colour, dash = line_of(position)
            at, middle = part["year"].to_numpy(), measure.scale * part["median"].to_numpy()
            if position == 0:
                low, high = (measure.scale * part[side].to_numpy() for side in ("lower80", "upper80"))
                axis.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
            label = plain(language.name(name))
            axis.plot(at, middle, color=colour, linestyle=dash, linewidth=2, label=label)
        if own["lower80"].min() < 0 < own["upper80"].max():
            axis.axhline(0.0, color=GREY, linewidth=0.9)
        heading(axis, language.say(measure.name))
        axis.set_ylabel(language.say(measure.units), color=INK, fontsize=9)
        ticks(axis, language, measure.ticks)
    legend(axes.flat[0], loc="best")
    source_line(figure, source)
    title = language.say("{place}: scenarios on the same draws; the band holds 80 % of the forecast's", place=place)
    words = [_described(bands, name, indicator, language) for indicator in SHOWN[:1] for name in names]
    return Picture(
        name="scenarios",
        title=title,
        alt=f"{title}. {' '.join(words)}",
        source=source,
        figure=figure,
        language=language,
    )


def difference_picture(
    bands: pd.DataFrame, place: str, *, source: str | None = None, language: Language = ENGLISH
) -> Picture:
    """What each scenario has more or less than the forecast, draw by draw.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.scenario_differences`.
    place : str
        What the country is called.
    source : str, optional
        Line under the picture; by default the United Nations'.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    source = source or people_source(language=language)
    names = list(dict.fromkeys(bands["scenario"]))
    shown = ("population", "growth_rate", "support_ratio")
    figure, axes = canvas(len(names), len(shown), height=1.2 + 2.3 * len(names), share_x=True)
    for row, name in enumerate(names):
        for axis, indicator in zip(axes[row], shown, strict=True):
            measure = MEASURES[indicator]
            part = bands[(bands["indicator"] == indicator) & (bands["scenario"] == name)]
            fan(axis, part, "year", colour=line_of(row + 1)[0], scale=measure.scale)
            axis.axhline(0.0, color=GREY, linewidth=0.9)
            ticks(axis, language)
            axis.xaxis.get_major_locator().set_params(nbins=4, integer=True)
            units = "\n".join(textwrap.wrap(language.say(measure.units), 26))
            axis.set_ylabel(units, color=INK, fontsize=7.5)
            if row == 0:
                heading(axis, "\n".join(textwrap.wrap(language.say(measure.name), 18)))
        place_of_name = {"transform": axes[row, 0].transAxes, "fontsize": 9, "va": "top", "weight": "bold"}
        named = "\n".join(textwrap.wrap(plain(language.name(name)), 20))
        axes[row, 0].text(0.04, 0.97, named, color=line_of(row + 1)[0], **place_of_name)
    source_line(figure, source)
    title = language.say("{place}: what each scenario changes, draw by draw", place=place)
    words = [_described(bands, name, "population", language) for name in names]
    return Picture(
        name="scenario_differences",
        title=title,
        alt=f"{title}. {' '.join(words)}",
        source=source,
        figure=figure,
        language=language,
    )


def line_of(position: int) -> tuple[str, str]:
    """Colour and dashes of a scenario, by its position; both differ, for who sees no colours.

    Examples
    --------
    >>> line_of(0), line_of(7)[1]
    (('#0072B2', '-'), ':')
    """
    return SERIES[position % len(SERIES)], DASHES[position % len(DASHES)]


def _described(bands: pd.DataFrame, name: str, indicator: str, language: Language) -> str:
    last = bands[(bands["indicator"] == indicator) & (bands["scenario"] == name)].iloc[-1]
    measure = MEASURES[indicator]
    low, middle, high = (measure.said(float(last[key]), language) for key in ("lower80", "median", "upper80"))
    return language.say(
        "{scenario}, {what} in {year}: {middle} {units} (80 % interval {low} to {high}).",
        scenario=language.name(name),
        what=language.say(measure.name),
        year=last["year"],
        middle=middle,
        units=language.say(measure.units),
        low=low,
        high=high,
    )
