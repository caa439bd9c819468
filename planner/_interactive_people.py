"""Interactive pictures of a population: fans, pyramids, single draws, scenarios."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ._plotly import add_fan, add_line, blank, escaped, finished, rgba
from ._style import BLUE, GREY, INK, ORANGE
from .language import ENGLISH, Language
from .measures import MEASURES, SEXES
from .origins import people_source
from .plots import DECADES, FORECAST, HISTORY_FROM, SEX_COLOUR
from .scenario_plots import line_of

__all__ = ["difference_figure", "fan_figure", "paths_figure", "pyramid_figure", "scenario_figure"]

INSTANT = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
DASH = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


def fan_figure(
    bands: pd.DataFrame,
    history: pd.DataFrame | None,
    indicator: str,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> go.Figure:
    """Fan chart of one indicator, with its history.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.indicator_bands`.
    history : pandas.DataFrame or None
        From `poblar.planner.frames.history`.
    indicator : str
        One of `poblar.planner.measures.MEASURES`.
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
    >>> ends = {f"{side}{level}": [1.0] for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = pd.DataFrame({"indicator": ["tfr"], "sex": "both", "year": [2030], "median": 1.0, **ends})
    >>> len(fan_figure(bands, None, "tfr", "Mexico").data)
    4
    """
    measure, figure = MEASURES[indicator], blank()
    own, units = bands[bands["indicator"] == indicator], language.say(measure.units)
    for sex, part in own.groupby("sex", sort=False):
        who = "" if sex == "both" else f" ({language.say(SEXES[str(sex)])})"
        colour = SEX_COLOUR[str(sex)]
        add_fan(
            figure,
            part,
            "year",
            colour=colour,
            scale=measure.scale,
            name=language.say(FORECAST) + who,
            units=units,
            digits=measure.digits,
            language=language,
        )
        if history is not None:
            seen = history[(history["indicator"] == indicator) & (history["sex"] == sex)]
            seen = seen[seen["year"] >= HISTORY_FROM]
            label = language.say("Observed") + who
            said = [
                f"{label}, {year}: {measure.said(value, language)} {units}"
                for year, value in zip(seen["year"], seen["value"], strict=True)
            ]
            add_line(
                figure,
                seen["year"],
                measure.scale * seen["value"],
                name=label,
                colour=colour if who else INK,
                text=said,
                dash="dot" if who else "solid",
                markers=indicator in DECADES,
            )
    figure.update_yaxes(title_text=escaped(units))
    title = f"{place}: {language.say(measure.name)}"
    return finished(figure, title, source or people_source(language=language))


def pyramid_figure(
    past: pd.DataFrame,
    bands: pd.DataFrame,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> go.Figure:
    """Population pyramid that moves over the years, with the 80 and 95 % bands of those forecast.

    Parameters
    ----------
    past : pandas.DataFrame
        From `poblar.planner.frames.pyramid_history`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.pyramid_bands`.
    place : str
        What the country is called.
    source : str, optional
        Line under the title; by default the United Nations'.
    language : Language
        Of the figure's words.

    Returns
    -------
    plotly.graph_objects.Figure
        A frame a year, a button that plays them and a slider.

    Examples
    --------
    >>> past = pd.DataFrame({"year": 2020, "sex": ["female", "male"], "age": 0, "value": 1e6})
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = past.drop(columns="value").assign(year=2030, median=1e6, **ends)
    >>> [frame.name for frame in pyramid_figure(past, bands, "Mexico").frames]
    ['2020', '2030']
    """
    ends = dict.fromkeys(("median", "lower80", "upper80", "lower95", "upper95"), past["value"])
    known = set(past["year"])
    frame = pd.concat([past.assign(**ends), bands[~bands["year"].isin(known)]], ignore_index=True)
    years = sorted(frame["year"].unique().tolist())
    by_year = {year: _pyramid(frame[frame["year"] == year], year in known, language) for year in years}
    figure = go.Figure(data=by_year[years[0]], frames=[go.Frame(data=by_year[year], name=str(year)) for year in years])
    widest = 1.05e-6 * float(frame["upper95"].max())
    bands_are = language.say("Dark ends of the bars: 80 % of the draws; light: 95 %.")
    source = f"{source or people_source(language=language)} {bands_are}"
    finished(figure, language.say("{place}: population by age and sex", place=place), source, below=100)
    figure.update_layout(
        barmode="overlay",
        bargap=0.08,
        legend={"y": 1, "yref": "paper", "yanchor": "bottom"},
        updatemenus=[_buttons(language)],
        sliders=[_slider(years, language)],
    )
    step = 10 ** np.floor(np.log10(widest))
    at = np.arange(0, widest, step if widest / step > 2 else step / 2)
    at = at[:: max(1, len(at) // 3)]
    values = [*(-at[:0:-1]), *at]
    figure.update_xaxes(
        range=[-widest, widest],
        tickvals=values,
        ticktext=[f"{abs(value):g}" for value in values],
        title_text=language.say("million persons"),
        title_standoff=4,
    )
    figure.update_yaxes(title_text=language.say("age"), range=[-1, 106], showgrid=False)
    return figure


def _buttons(language: Language) -> dict:
    """What plays the years and stops them."""
    playing = {"fromcurrent": True, "frame": {"duration": 600, "redraw": True}, "transition": {"duration": 0}}
    buttons = [
        {"label": language.say("Play"), "method": "animate", "args": [None, playing]},
        {"label": language.say("Pause"), "method": "animate", "args": [[None], INSTANT]},
    ]
    place = {"x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 44}}
    return {"type": "buttons", "direction": "left", "buttons": buttons, "showactive": False, **place}


def _slider(years: list[int], language: Language) -> dict:
    steps = [{"label": str(year), "method": "animate", "args": [[str(year)], INSTANT]} for year in years]
    current = {"prefix": f"{language.say('Year')}: ", "xanchor": "right"}
    return {
        "active": 0,
        "steps": steps,
        "currentvalue": current,
        "x": 0,
        "len": 1,
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 62},
    }


def _pyramid(frame: pd.DataFrame, observed: bool, language: Language) -> list[go.Bar]:
    bars = []
    for sex, sign, name in (("male", -1.0, "Men"), ("female", 1.0, "Women")):
        part = frame[frame["sex"] == sex].sort_values("age")
        colour, who = SEX_COLOUR[sex], language.say(name)
        text = []
        for _, row in part.iterrows():
            middle, low, high = (language.number(row[one]) for one in ("median", "lower80", "upper80"))
            words = f"{who}, {row['age']:.0f}-{row['age'] + 4:.0f}" if row["age"] < 100 else f"{who}, 100+"
            interval = "" if observed else language.say(" (80 % interval {low} to {high})", low=low, high=high)
            text.append(f"{row['year']}: {words}: {middle}{interval}")
        common = {"y": (part["age"] + 2.5).tolist(), "orientation": "h", "width": 4.5, "marker_line_width": 0}
        bars.append(
            go.Bar(
                x=(sign * 1e-6 * part["median"]).tolist(),
                name=who,
                marker_color=rgba(colour, 0.75 if observed else 0.45),
                text=text,
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
                **common,
            )
        )
        for level, opacity in ((95, 0.3), (80, 0.75)):
            low, high = (sign * 1e-6 * part[f"{side}{level}"].to_numpy() for side in ("lower", "upper"))
            label = language.say("{who}: {share} band", who=who, share=language.percent(level / 100))
            bars.append(
                go.Bar(
                    x=(high - low).tolist(),
                    base=low.tolist(),
                    name=label,
                    showlegend=False,
                    marker_color=rgba(colour, opacity),
                    hoverinfo="skip",
                    **common,
                )
            )
    return bars


def paths_figure(
    paths: pd.DataFrame,
    bands: pd.DataFrame,
    indicator: str,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> go.Figure:
    """Single draws of an indicator over its bands.

    Parameters
    ----------
    paths : pandas.DataFrame
        From `poblar.planner.frames.paths`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.indicator_bands`.
    indicator : str
        One that `paths` has.
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
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = pd.DataFrame({"indicator": "tfr", "year": [2030], "median": 1.5, **ends})
    >>> paths = pd.DataFrame({"indicator": "tfr", "draw": [0, 1], "year": 2030, "value": [1.4, 1.6]})
    >>> paths_figure(paths, bands, "tfr", "Mexico").data[-1].name
    'The first of them'
    """
    measure, figure = MEASURES[indicator], blank()
    units, own = language.say(measure.units), paths[paths["indicator"] == indicator]
    add_fan(
        figure,
        bands[bands["indicator"] == indicator],
        "year",
        colour=BLUE,
        scale=measure.scale,
        name=language.say(FORECAST),
        units=units,
        digits=measure.digits,
        language=language,
    )
    first = int(own["draw"].min())
    x, y, text = [], [], []
    for draw, path in own[own["draw"] != first].groupby("draw"):
        x += [*path["year"].tolist(), None]
        y += [*(measure.scale * path["value"]).tolist(), None]
        text += [*_path_words(path, draw, measure, language), ""]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": rgba(GREY, 0.45), "width": 0.8},
        name=language.say("One future each"),
        text=text,
        hovertemplate="%{text}<extra></extra>",
    )
    path = own[own["draw"] == first]
    name = language.say("The first of them")
    words = _path_words(path, first, measure, language)
    add_line(figure, path["year"], measure.scale * path["value"], name=name, colour=ORANGE, text=words)
    ends = bands[bands["indicator"] == indicator]
    low, high = measure.scale * ends["lower95"].min(), measure.scale * ends["upper95"].max()
    room = 0.25 * (high - low)
    figure.update_yaxes(title_text=escaped(units), range=[low - room, high + room])
    title = f"{place}: {language.say(measure.name)}, {language.say('single futures')}"
    return finished(figure, title, source or people_source(language=language))


def scenario_figure(
    bands: pd.DataFrame,
    indicator: str,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> go.Figure:
    """Every scenario's median over the bands of the forecast.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.scenario_bands`; the first scenario is the forecast.
    indicator : str
        One that `bands` has.
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
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = pd.DataFrame({"indicator": "population", "scenario": "forecast", "year": [2030], "median": 1e6, **ends})
    >>> scenario_figure(bands, "population", "Mexico").data[-1].name
    'forecast'
    """
    figure = blank()
    own = bands[bands["indicator"] == indicator]
    for position, name in enumerate(dict.fromkeys(own["scenario"])):
        _scenario(figure, own, str(name), indicator, position, (95, 80, 50) if position == 0 else (), language)
    title = language.say("{place}: {what} by scenario", place=place, what=language.say(MEASURES[indicator].name))
    return finished(figure, title, source or people_source(language=language))


def difference_figure(
    bands: pd.DataFrame,
    indicator: str,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> go.Figure:
    """What each scenario has more or less than the forecast, draw by draw.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.scenario_differences`.
    indicator : str
        One that `bands` has.
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
    >>> ends = {f"{side}{level}": 1.0 for side in ("lower", "upper") for level in (50, 80, 95)}
    >>> bands = pd.DataFrame({"indicator": "population", "scenario": "more", "year": [2030], "median": 1e6, **ends})
    >>> difference_figure(bands, "population", "Mexico").data[-1].name
    'more'
    """
    figure = blank()
    own = bands[bands["indicator"] == indicator]
    for position, name in enumerate(dict.fromkeys(own["scenario"]), start=1):
        _scenario(figure, own, str(name), indicator, position, (95, 80, 50), language)
    title = language.say(
        "{place}: {what}, more or less than the forecast", place=place, what=language.say(MEASURES[indicator].name)
    )
    return finished(figure, title, source or people_source(language=language))


def _scenario(
    figure: go.Figure,
    own: pd.DataFrame,
    name: str,
    indicator: str,
    position: int,
    levels: tuple[int, ...],
    language: Language,
) -> None:
    measure = MEASURES[indicator]
    colour, dash = line_of(position)
    add_fan(
        figure,
        own[own["scenario"] == name],
        "year",
        colour=colour,
        scale=measure.scale,
        name=language.name(name),
        units=language.say(measure.units),
        digits=measure.digits + 1,
        language=language,
        levels=levels,
        dash=DASH[dash],
    )
    figure.update_yaxes(title_text=escaped(language.say(measure.units)))


def _path_words(path: pd.DataFrame, draw, measure, language: Language) -> list[str]:
    label = language.say("Draw {n}", n=draw)
    return [
        f"{label}, {year}: {measure.said(value, language)}"
        for year, value in zip(path["year"], path["value"], strict=True)
    ]
