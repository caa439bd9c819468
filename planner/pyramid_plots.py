"""Population pyramids: some years beside each other, and every year in a moving picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ._style import BLUE, GREY, INK, ORANGE, Picture, canvas, heading, plain, source_line
from .errors import PlannerError
from .language import ENGLISH, Language
from .origins import people_source

COLOUR = {"female": ORANGE, "male": BLUE}
BAND = 5  # years of age that a bar stands for
RATE = 2  # years of the moving picture in a second


def shown_years(past: pd.DataFrame, bands: pd.DataFrame) -> list[int]:
    """The four years that tell the story: a generation back, the last known, the middle and the end of the forecast.

    Parameters
    ----------
    past : pandas.DataFrame
        From `poblar.planner.frames.pyramid_history`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.pyramid_bands`.

    Returns
    -------
    list of int

    Examples
    --------
    >>> shown_years(pd.DataFrame({"year": [1950, 1990, 2000, 2020]}), pd.DataFrame({"year": [2025, 2050, 2070]}))
    [2000, 2020, 2050, 2070]
    """
    seen, ahead = (np.sort(frame["year"].unique()) for frame in (past, bands))
    generation = seen[np.abs(seen - (seen[-1] - 20)).argmin()]
    middle = ahead[np.abs(ahead - (seen[-1] + ahead[-1]) / 2 - 5).argmin()]
    return sorted({int(generation), int(seen[-1]), int(middle), int(ahead[-1])})


def pyramid_picture(
    observed: pd.DataFrame,
    bands: pd.DataFrame,
    place: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> Picture:
    """Population pyramids: observed years, then years forecast with their bands and the last observed outline.

    Parameters
    ----------
    observed : pandas.DataFrame
        From `poblar.planner.frames.pyramid_history`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.pyramid_bands`.
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
    years = shown_years(observed, bands)
    rows = -(-len(years) // 2)
    figure, axes = canvas(rows, 2, height=1.0 + 3.3 * rows)
    widest = _widest(observed, bands)
    for axis, year in zip(axes.flat, years, strict=False):
        _pyramid(axis, observed, bands, year, widest, language)
    for axis in axes.flat[len(years) :]:
        axis.set_visible(False)
    source_line(figure, source)
    title = language.say("{place}: population by age and sex", place=place)
    children = [
        language.say("{n} in {year}", n=language.number(1e-6 * _young(observed, bands, year), 1), year=year)
        for year in years
    ]
    words = language.say("Children under five, million: {counts}.", counts=", ".join(children))
    return Picture(
        name="pyramids", title=title, alt=f"{title}. {words}", source=source, figure=figure, language=language
    )


def moving_pyramid(
    observed: pd.DataFrame,
    bands: pd.DataFrame,
    place: str,
    path: str | Path,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> Path:
    """The pyramid year after year, as a GIF that slides and web pages show.

    Parameters
    ----------
    observed : pandas.DataFrame
        From `poblar.planner.frames.pyramid_history`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.pyramid_bands`.
    place : str
        What the country is called.
    path : str or Path
        File to write.
    source : str, optional
        Line under the picture; by default the United Nations'.
    language : Language
        Of the picture's words.

    Returns
    -------
    Path

    Raises
    ------
    PlannerError
        If the file cannot be written.
    """
    figure, axes = canvas(height=5.2)
    figure.set_dpi(90)
    axis = axes.flat[0]
    source_line(figure, source or people_source(language=language))
    figure.suptitle(plain(place), x=0.01, ha="left", fontsize=12, color=INK, weight="bold")
    widest = _widest(observed, bands)
    years = sorted({*observed["year"], *bands["year"]})

    def frame(year: int) -> list[Axes]:
        axis.clear()
        _pyramid(axis, observed, bands, year, widest, language)
        return [axis]

    frame(years[0])
    _still(figure)
    try:
        FuncAnimation(figure, frame, frames=years, init_func=lambda: [axis]).save(path, writer=PillowWriter(fps=RATE))
    except OSError as error:
        raise PlannerError(
            f"expected to write {path}, found {error.strerror or error}; free space or name another place."
        ) from error
    return Path(path)


def _still(figure: Figure) -> None:
    """Lay the figure out once, so that its frame does not jump with the numbers on the axis."""
    figure.canvas.draw()
    figure.set_layout_engine("none")


def _pyramid(
    axis: Axes, observed: pd.DataFrame, bands: pd.DataFrame, year: int, widest: float, language: Language
) -> None:
    known = year in set(observed["year"])
    frame = observed if known else bands
    last = int(observed["year"].max())
    for sex, sign in (("female", 1.0), ("male", -1.0)):
        part = frame[(frame["year"] == year) & (frame["sex"] == sex)].sort_values("age")
        ages = part["age"].to_numpy() + BAND / 2
        if known:
            axis.barh(ages, sign * 1e-6 * part["value"], height=4.5, color=COLOUR[sex], alpha=0.75)
            continue
        for level, alpha in ((95, 0.22), (80, 0.34), (50, 0.6)):
            low, high = (1e-6 * part[f"{side}{level}"].to_numpy() for side in ("lower", "upper"))
            axis.barh(ages, sign * (high - low), left=sign * low, height=4.5, color=COLOUR[sex], alpha=alpha)
        axis.barh(ages, sign * 1e-6 * part["lower95"], height=4.5, color=COLOUR[sex], alpha=0.14)
        middle = sign * 1e-6 * part["median"].to_numpy()
        axis.vlines(middle, ages - 2.25, ages + 2.25, color=COLOUR[sex], linewidth=2.0)
        was = observed[(observed["year"] == last) & (observed["sex"] == sex)].sort_values("age")
        edges = np.append(was["age"].to_numpy(), was["age"].max() + BAND)
        axis.stairs(
            sign * 1e-6 * was["value"].to_numpy(),
            edges,
            orientation="horizontal",
            color=INK,
            linewidth=0.9,
            baseline=None,
        )
    axis.axvline(0, color=GREY, linewidth=0.8)
    axis.set_xlim(-widest, widest)
    axis.set_ylim(0, 107)
    axis.grid(visible=False)
    axis.xaxis.set_major_formatter(lambda value, _position: f"{abs(value):g}")
    axis.tick_params(colors=INK, length=3)
    text = "{year}, observed" if known else "{year}, forecast; line: {last}"
    heading(axis, language.say(text, year=year, last=last))
    axis.set_xlabel(language.say("million persons"), color=INK)
    axis.set_ylabel(language.say("age"), color=INK)
    axis.text(0.02, 0.93, language.say("Men"), transform=axis.transAxes, color=BLUE, weight="bold")
    axis.text(0.98, 0.93, language.say("Women"), transform=axis.transAxes, color="#B34E00", weight="bold", ha="right")


def _widest(observed: pd.DataFrame, bands: pd.DataFrame) -> float:
    return 1e-6 * float(max(observed["value"].max(), bands["upper95"].max())) * 1.05


def _young(observed: pd.DataFrame, bands: pd.DataFrame, year: int) -> float:
    known = year in set(observed["year"])
    frame = observed if known else bands
    return float(frame[(frame["year"] == year) & (frame["age"] == 0)]["value" if known else "median"].sum())
