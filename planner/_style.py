"""One style for every picture: size, colours that the colour-blind can tell apart, bands, source line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import Formatter

from .language import ENGLISH, Language

# Okabe & Ito (2008).
BLUE, ORANGE, GREEN, INK, GREY = "#0072B2", "#D55E00", "#009E73", "#1a1a1a", "#595959"
PURPLE, YELLOW = "#CC79A7", "#E69F00"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, GREY)
"""Colours of what is told apart by name, in their order; a seventh starts over, with another line."""
DASHES = ("-", "--", "-.", ":")
OPACITY = {95: 0.16, 80: 0.22, 50: 0.34}
"""How dark the band of each level lies over the wider ones."""
FONT = "DejaVu Sans"
Corner = Literal["best", "upper left", "upper right", "lower left", "lower right", "center right"]
WIDTH = 7.2  # inches
MOST_DIGITS = 4  # of a number on an axis
RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT],
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "svg.hashsalt": "poblar",
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure with the words that go with it, in one language."""

    name: str
    title: str
    alt: str
    source: str
    figure: Figure
    language: Language = ENGLISH


def canvas(
    rows: int = 1, columns: int = 1, height: float = 4.2, *, share_x: bool = False, share_y: bool = False
) -> tuple[Figure, np.ndarray]:
    """A figure of the house and its axes (rows, columns)."""
    with mpl.rc_context(RC):
        figure = Figure(figsize=(WIDTH, height), dpi=160, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y)
    for axis in axes.flat:
        axis.set_axisbelow(True)
        axis.tick_params(colors=INK, length=3)
    return figure, axes


def fan(axis: Axes, frame: pd.DataFrame, x: str, *, colour: str, scale: float = 1.0, label: str = "") -> None:
    """Bands of 95, 80 and 50 % and the median."""
    at = frame[x].to_numpy()
    for level, alpha in OPACITY.items():
        low, high = (scale * frame[f"{side}{level}"].to_numpy() for side in ("lower", "upper"))
        axis.fill_between(at, low, high, color=colour, alpha=alpha, linewidth=0)
    axis.plot(at, scale * frame["median"].to_numpy(), color=colour, linewidth=2, label=plain(label))


def source_line(figure: Figure, text: str) -> None:
    """Where the figures come from, under the picture."""
    lines = "\n".join(textwrap.wrap(plain(text), 128))
    figure.supxlabel(lines, x=0.01, ha="left", fontsize=7.5, color=GREY)


def heading(axis: Axes, text: str) -> None:
    """What one of several parts of a picture shows."""
    axis.set_title(plain(text), fontsize=10, color=INK, loc="left", weight="bold")


def ticks(axis: Axes, language: Language, least: int = 0) -> None:
    """Write the numbers of the vertical axis in a language, with as many digits as tell them apart."""
    axis.yaxis.set_major_formatter(_Numbers(language, least))


class _Numbers(Formatter):
    """Numbers of an axis, all with the same digits: so many that each stands for what is drawn there."""

    def __init__(self, language: Language, least: int) -> None:
        self.language, self.least = language, least
        self.digits = least

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 - as matplotlib calls it
        return self.language.number(x, self.digits)

    def set_locs(self, locs: Iterable[float]) -> None:
        """Called with all the numbers before one of them is written."""
        self.digits, every = self.least, list(locs)
        while self.digits < MOST_DIGITS and any(
            abs(round(at, self.digits) - at) > 1e-9 * max(1, abs(at)) for at in every
        ):
            self.digits += 1


def legend(axis: Axes, loc: Corner = "best") -> None:
    """The names of lines and bands, readable on top of them."""
    axis.legend(
        fontsize=9,
        labelcolor=INK,
        loc=loc,
        frameon=True,
        facecolor="white",
        edgecolor="white",
        framealpha=0.85,
    )


def plain(text: str) -> str:
    """A text that is drawn as it stands: no formula between dollars, and a square for what the font does not have."""
    known = _glyphs()
    kept = "".join(one if ord(one) in known or one == "\n" else "\N{WHITE SQUARE}" for one in text)
    return kept.replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(FONT)).get_charmap())
