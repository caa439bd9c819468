"""The style of interactive pictures: as the printed ones, numbers under the pointer, readable on a telephone."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from pandas.api.types import is_datetime64_any_dtype
from plotly.subplots import make_subplots

from ._style import GREY, INK, OPACITY
from .language import Language

__all__ = ["add_fan", "add_line", "blank", "escaped", "finished", "hover_of", "rgba", "when_of", "x_of"]

WIDE = 36  # letters of a title's line that a telephone shows whole
SOURCE = 58  # and of the source's
SIZE = 12
HEIGHT = 300  # of one panel
HEADING = 22  # above each panel, for what it shows


def escaped(text: str) -> str:
    """A name that is shown as it is written: plotly takes some of HTML, and braces after a percent sign, for its own.

    Examples
    --------
    >>> escaped("<b>A & B</b> %{x}")
    '&lt;b&gt;A &amp; B&lt;/b&gt; %&#123;x}'
    """
    for found, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("%{", "%&#123;")):
        text = text.replace(found, instead)
    return text


def wrapped(text: str, width: int = WIDE) -> str:
    """A text on lines that a telephone shows whole."""
    return "<br>".join(escaped(line) for line in textwrap.wrap(text, width))


def rgba(colour: str, opacity: float) -> str:
    """A colour of the house that lets others through.

    Examples
    --------
    >>> rgba("#0072B2", 0.5)
    'rgba(0,114,178,0.5)'
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def blank(headings: Sequence[str] = ("",)) -> go.Figure:
    """A figure with a panel for each heading, one below the other."""
    rows = len(headings)
    gap = 0.34 / rows if rows > 1 else 0.0
    titles = [escaped(one) for one in headings] if any(headings) else None
    figure = make_subplots(rows=rows, cols=1, vertical_spacing=gap, subplot_titles=titles)
    figure.update_annotations(font={"size": SIZE + 1, "color": INK}, x=0, xanchor="left")
    return figure


def finished(figure: go.Figure, title: str, source: str, *, rows: int = 1, below: int = 0) -> go.Figure:
    """The figure with its title, source and style, and room below for controls."""
    head = f"<b>{wrapped(title)}</b>", f'<span style="font-size:10px;color:{GREY}">{wrapped(source, SOURCE)}</span>'
    top = 20 * len(textwrap.wrap(title, WIDE)) + 18 * len(textwrap.wrap(source, SOURCE)) + HEADING + 8
    figure.update_layout(
        template="plotly_white",
        autosize=True,
        height=top + 100 + HEIGHT * rows + below,
        separators=".,",
        font={"family": "DejaVu Sans, Verdana, Arial, sans-serif", "size": SIZE, "color": INK},
        margin={"l": 56, "r": 14, "t": top, "b": 90 + below},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yanchor": "bottom", "yref": "container"},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
    )
    # A title of several lines is cut off at the top; a note above the plot is not.
    figure.add_annotation(
        text="<br>".join(head),
        font={"size": SIZE + 2},
        align="left",
        showarrow=False,
        x=0,
        xref="paper",
        xanchor="left",
        xshift=-46,
        y=1,
        yref="paper",
        yanchor="bottom",
        yshift=HEADING,
    )
    figure.update_xaxes(showgrid=False, showline=True, linecolor=GREY, ticks="outside", zeroline=False)
    figure.update_yaxes(gridcolor="#dddddd", zerolinecolor=GREY, title_font_size=SIZE, title_standoff=6)
    return figure


def x_of(frame: pd.DataFrame, x: str) -> list:
    """Years as numbers, months as dates that JSON can carry."""
    return frame[x].dt.strftime("%Y-%m-%d").tolist() if is_datetime64_any_dtype(frame[x]) else frame[x].tolist()


def when_of(frame: pd.DataFrame, x: str, language: Language) -> list[str]:
    """Years, or months in words."""
    months = is_datetime64_any_dtype(frame[x])
    return [language.month(at) if months else str(at) for at in frame[x]]


def add_fan(
    figure: go.Figure,
    frame: pd.DataFrame,
    x: str,
    *,
    colour: str,
    scale: float,
    name: str,
    units: str,
    digits: int,
    language: Language,
    row: int = 1,
    legend: bool = True,
    levels: Sequence[int] = tuple(OPACITY),
    dash: str = "solid",
) -> None:
    """Bands of 95, 80 and 50 % and the median, which tells all of them under the pointer."""
    at, group = x_of(frame, x), f"{escaped(name)} {colour}"
    for level in levels:
        low, high = (scale * frame[f"{side}{level}"].to_numpy() for side in ("lower", "upper"))
        figure.add_scatter(
            x=[*at, *at[::-1]],
            y=np.concatenate([high, low[::-1]]).tolist(),
            fill="toself",
            fillcolor=rgba(colour, OPACITY[level]),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=group,
            row=row,
            col=1,
        )
    figure.add_scatter(
        x=at,
        y=(scale * frame["median"]).tolist(),
        mode="lines",
        line={"color": colour, "width": 2.5, "dash": dash},
        name=escaped(name),
        legendgroup=group,
        showlegend=legend,
        text=hover_of(frame, x, name=name, units=units, scale=scale, digits=digits, language=language),
        hovertemplate="%{text}<extra></extra>",
        row=row,
        col=1,
    )


def hover_of(
    frame: pd.DataFrame, x: str, *, name: str, units: str, scale: float, digits: int, language: Language
) -> list[str]:
    """What each point says: the median and the three intervals."""
    found = []
    for when, (_, row) in zip(when_of(frame, x, language), frame.iterrows(), strict=True):
        lines = [f"<b>{escaped(name)}, {when}</b>"]
        lines.append(
            language.say("{n} {units} (median)", n=language.number(scale * row["median"], digits), units=escaped(units))
        )
        for level in (50, 80, 95):
            low, high = (language.number(scale * row[f"{side}{level}"], digits) for side in ("lower", "upper"))
            interval = language.say("{low} to {high}", low=low, high=high)
            lines.append(f"{language.percent(level / 100)}: {interval}")
        found.append("<br>".join(lines))
    return found


def add_line(
    figure: go.Figure,
    x: Sequence | pd.Series,
    y: Sequence[float] | pd.Series,
    *,
    name: str,
    colour: str,
    text: Sequence[str],
    row: int = 1,
    dash: str = "solid",
    markers: bool = False,
    legend: bool = True,
) -> None:
    """A line whose points say `text`, which is escaped."""
    figure.add_scatter(
        x=list(x),
        y=[float(value) for value in y],
        mode="lines+markers" if markers else "lines",
        line={"color": colour, "width": 2, "dash": dash},
        marker={"size": 6},
        name=escaped(name),
        showlegend=legend,
        text=[escaped(one) for one in text],
        hovertemplate="%{text}<extra></extra>",
        row=row,
        col=1,
    )
