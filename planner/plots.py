"""Pictures of a population over time: fans with their history, single draws, several countries side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ._style import BLUE, GREY, INK, ORANGE, Picture, canvas, fan, heading, legend, plain, source_line, ticks
from .language import ENGLISH, Language
from .measures import MEASURES, SEXES
from .origins import people_source

HISTORY_FROM = 1980
SEX_COLOUR = {"female": ORANGE, "male": BLUE, "both": BLUE}
DECADES = ("dependency_ratio", "support_ratio")  # observed at mid-year of each decade only
GROUPS = {
    "growth": ("natural_growth", "social_growth", "growth_rate"),
    "population": ("population",),
    "ages": ("dependency_ratio", "support_ratio"),
    "fertility": ("tfr",),
    "mortality": ("e0",),
    "migration": ("net_migration",),
}
TITLES = {
    "growth": "Natural, social and total growth",
    "ages": "Dependency ratio and potential support ratio",
}
FORECAST = "Forecast, median"


def fan_pictures(
    bands: pd.DataFrame,
    history: pd.DataFrame,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> list[Picture]:
    """Fan charts of every indicator of one country, with history.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.indicator_bands`.
    history : pandas.DataFrame
        From `poblar.planner.frames.history`.
    place : str
        What the country is called.
    source : str, optional
        Line under the picture; by default the United Nations'.
    language : Language
        Of the picture's words.

    Returns
    -------
    list of Picture
    """
    source = source or people_source(language=language)
    pictures = []
    for name, indicators in GROUPS.items():
        what = language.say(TITLES.get(name, MEASURES[indicators[0]].name))
        title = f"{place}: {what}"
        figure, axes = canvas(1, len(indicators), height=4.0, share_y=name == "growth")
        words = [f"{title}."]
        for axis, indicator in zip(axes.flat, indicators, strict=True):
            own = bands[bands["indicator"] == indicator]
            _one_fan(axis, own, history[history["indicator"] == indicator], indicator, language)
            words += [described(part, language) for _, part in own.groupby("sex", sort=False)]
            if len(indicators) > 1:
                heading(axis, language.say(MEASURES[indicator].name).split(" (")[0])
        legend(axes.flat[0])
        source_line(figure, source)
        pictures.append(
            Picture(name=name, title=title, alt=" ".join(words), source=source, figure=figure, language=language)
        )
    return pictures


def paths_picture(
    paths: pd.DataFrame,
    bands: pd.DataFrame,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> Picture:
    """Single draws over the bands that hold 80 % of them: what a band cannot show is how one future moves.

    Parameters
    ----------
    paths : pandas.DataFrame
        From `poblar.planner.frames.paths`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.indicator_bands`.
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
    indicators = ("population", "net_migration", "tfr", "support_ratio")
    figure, axes = canvas(2, 2, height=6.4)
    words = []
    for axis, indicator in zip(axes.flat, indicators, strict=True):
        measure = MEASURES[indicator]
        own, band = (frame[frame["indicator"] == indicator] for frame in (paths, bands))
        at = band["year"].to_numpy()
        low, high = (measure.scale * band[side].to_numpy() for side in ("lower80", "upper80"))
        axis.fill_between(at, low, high, color=BLUE, alpha=0.2, linewidth=0)
        ends = measure.scale * band["lower95"].min(), measure.scale * band["upper95"].max()
        room = 0.25 * (ends[1] - ends[0])  # a single draw far out would flatten the others
        axis.set_ylim(ends[0] - room, ends[1] + room)
        draws = measure.scale * own.pivot_table(index="year", columns="draw", values="value")
        axis.plot(draws.index, draws.to_numpy(), color=GREY, linewidth=0.6, alpha=0.45)
        axis.plot(draws.index, draws.iloc[:, 0], color=ORANGE, linewidth=1.8)
        heading(axis, language.say(measure.name))
        axis.set_ylabel(language.say(measure.units), color=INK, fontsize=9)
        ticks(axis, language, measure.ticks)
        first, last = draws.iloc[[0, -1], 0]
        words.append(
            language.say(
                "{what} of the draw in orange goes from {first} to {last} {units}.",
                what=language.say(measure.name),
                first=language.number(first, measure.digits),
                last=language.number(last, measure.digits),
                units=language.say(measure.units),
            )
        )
    source_line(figure, source)
    title = language.say(
        "{place}: {n} of the futures one by one, one of them in orange; the band holds 80 % of all",
        place=place,
        n=language.number(paths["draw"].nunique()),
    )
    return Picture(
        name="paths",
        title=title,
        alt=f"{title}. {' '.join(words)}",
        source=source,
        figure=figure,
        language=language,
    )


def multiples_picture(
    bands: pd.DataFrame,
    history: pd.DataFrame | None,
    indicator: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> Picture:
    """One indicator of several countries side by side, on one scale.

    Parameters
    ----------
    bands : pandas.DataFrame
        As `poblar.planner.frames.indicator_bands` gives, of several countries.
    history : pandas.DataFrame or None
        As `poblar.planner.frames.history` gives, of the same countries.
    indicator : str
        One of `poblar.planner.measures.MEASURES` that has a figure a country, not one a sex.
    source : str, optional
        Line under the picture; by default the United Nations'.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture
    """
    source = source or people_source(language=language)
    measure = MEASURES[indicator]
    own = bands[bands["indicator"] == indicator]
    countries = own["country"].unique().tolist()
    columns = min(3, len(countries))
    rows = -(-len(countries) // columns)
    alike = indicator not in ("population", "net_migration")  # countries of one size hide the others
    figure, axes = canvas(rows, columns, height=1.0 + 2.3 * rows, share_y=alike)
    words = []
    for axis, country in zip(axes.flat, countries, strict=False):
        part = own[own["country"] == country]
        if history is not None:
            seen = history[(history["indicator"] == indicator) & (history["country"] == country)]
            seen = seen[seen["year"] >= HISTORY_FROM]
            axis.plot(seen["year"], measure.scale * seen["value"], color=INK, linewidth=1.3)
        fan(axis, part, "year", colour=BLUE, scale=measure.scale)
        if part["lower95"].min() < 0 < part["upper95"].max():
            axis.axhline(0.0, color=GREY, linewidth=0.9)
        heading(axis, language.country(country))
        ticks(axis, language, measure.ticks)
        axis.xaxis.get_major_locator().set_params(nbins=4, integer=True)
        words.append(f"{language.country(country)}: {described(part, language)}")
    for axis in axes.flat[len(countries) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(language.say(measure.units), color=INK, fontsize=9)
    source_line(figure, source)
    title = language.say("{what} by country", what=language.say(measure.name))
    return Picture(
        name=f"{indicator}_by_country",
        title=title,
        alt=f"{title}. {' '.join(words)}",
        source=source,
        figure=figure,
        language=language,
    )


def described(part: pd.DataFrame, language: Language) -> str:
    """The last row of an indicator's bands in a sentence."""
    last = part.iloc[-1]
    measure = MEASURES[str(last["indicator"])]
    who = "" if last["sex"] == "both" else f", {language.say(SEXES[str(last['sex'])])}"
    low, middle, high = (measure.said(float(last[name]), language) for name in ("lower80", "median", "upper80"))
    return language.say(
        "{what} in {year}: {middle} {units} (80 % interval {low} to {high}).",
        what=language.say(measure.name) + who,
        year=last["year"],
        middle=middle,
        units=language.say(measure.units),
        low=low,
        high=high,
    )


def _one_fan(axis: Axes, own: pd.DataFrame, past: pd.DataFrame, indicator: str, language: Language) -> None:
    measure = MEASURES[indicator]
    marker = "o" if indicator in DECADES else ""
    for sex, part in own.groupby("sex", sort=False):
        seen = past[(past["sex"] == sex) & (past["year"] >= HISTORY_FROM)]
        who = "" if sex == "both" else f" ({language.say(SEXES[str(sex)])})"
        axis.plot(
            seen["year"],
            measure.scale * seen["value"],
            color=SEX_COLOUR[str(sex)] if who else INK,
            linewidth=1.4,
            marker=marker,
            markersize=4,
            linestyle="--" if who else "-",
            label=plain(language.say("Observed") + who),
        )
        label = language.say(FORECAST) + who
        fan(axis, part, "year", colour=SEX_COLOUR[str(sex)], scale=measure.scale, label=label)
    if own["lower95"].min() < 0 < own["upper95"].max():
        axis.axhline(0.0, color=GREY, linewidth=1.0)
    axis.set_ylabel(language.say(measure.units), color=INK, fontsize=10)
    ticks(axis, language, measure.ticks)
    first = min(HISTORY_FROM, int(past["year"].min())) if past.empty else max(HISTORY_FROM, int(past["year"].min()))
    axis.set_xlim(first, int(own["year"].max()))
    axis.set_xticks(np.arange(-(-first // 10) * 10, own["year"].max() + 1, 30 if len(axis.figure.axes) > 1 else 10))
