"""Pictures of how forecasts fared: where what came lay among the draws, and how often bands held it."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from scipy.stats import binom

from ._style import BLUE, GREEN, GREY, INK, ORANGE, Picture, canvas, heading, legend, source_line, ticks
from .language import ENGLISH, Language
from .origins import people_source

BINS = 10
COLOUR = {50: GREEN, 80: BLUE, 95: ORANGE}
MARKER = {50: "o", 80: "s", 95: "^"}


def calibration_picture(
    pit: pd.DataFrame,
    coverage: pd.DataFrame,
    what: str,
    *,
    source: str | None = None,
    language: Language = ENGLISH,
) -> Picture:
    """How often forecasts from earlier years held what came.

    Parameters
    ----------
    pit : pandas.DataFrame
        Column ``value``: share of the draws below what came, one row a case; even where forecasts are calibrated.
    coverage : pandas.DataFrame
        Columns ``horizon`` (years ahead), ``level`` (80 for 80 %), ``covered`` (share of the cases in the band) and
        ``cases``.
    what : str
        What was forecast, for the title.
    source : str, optional
        Line under the picture; by default the United Nations'.
    language : Language
        Of the picture's words.

    Returns
    -------
    Picture

    Examples
    --------
    >>> pit = pd.DataFrame({"value": [0.1, 0.4, 0.9]})
    >>> held = pd.DataFrame({"horizon": [1, 5], "level": 80, "covered": [0.8, 0.75], "cases": 20})
    >>> calibration_picture(pit, held, "Total fertility rate").name
    'calibration'
    """
    source = source or people_source(language=language)
    figure, axes = canvas(1, 2, height=4.2)
    ranks, held = axes.flat
    counts, edges = np.histogram(pit["value"], bins=np.linspace(0.0, 1.0, BINS + 1))
    even = len(pit) / BINS
    low, high = (binom.ppf(q, len(pit), 1 / BINS) for q in (0.025, 0.975))
    ranks.bar(edges[:-1], counts, width=1 / BINS, align="edge", color=BLUE, alpha=0.75, edgecolor="white")
    label = language.say("Even, with 95 % of chance")
    ranks.axhline(even, color=INK, linewidth=1.5, linestyle="--", label=label)
    ranks.axhspan(low, high, color=GREY, alpha=0.18, linewidth=0)
    below = textwrap.wrap(language.say("share of the draws below what came"), 34)
    ranks.set_xlabel("\n".join(below), color=INK)
    ranks.set_ylabel(language.say("cases"), color=INK)
    ranks.set_ylim(0, 1.3 * max(counts.max(), high))
    heading(ranks, language.say("Where what came lay"))
    ticks(ranks, language)
    legend(ranks, loc="upper right")
    words = []
    for level, part in coverage.groupby("level"):
        level, part = int(float(str(level))), part.sort_values("horizon")
        share = part["covered"].to_numpy()
        error = 1.96 * np.sqrt(np.clip(share * (1 - share), 1e-4, None) / part["cases"].to_numpy())
        colour, marker = COLOUR.get(level, GREY), MARKER.get(level, "o")
        held.axhline(level, color=colour, linewidth=1.2, linestyle=":")
        held.errorbar(
            part["horizon"],
            100 * share,
            yerr=100 * error,
            color=colour,
            marker=marker,
            markersize=4,
            linewidth=1.8,
            elinewidth=0.8,
            label=language.say("{share} band", share=language.percent(level / 100)),
        )
        words.append(
            language.say(
                "The {share} band held {held} of {n} cases.",
                share=language.percent(level / 100),
                held=language.percent(np.average(share, weights=part["cases"])),
                n=language.number(part["cases"].sum()),
            )
        )
    held.set_ylim(0, 104)
    held.set_xlabel(language.say("years ahead"), color=INK)
    held.set_ylabel(language.say("% of the cases in the band"), color=INK)
    held.set_xlim(0, 1.05 * coverage["horizon"].max())
    held.xaxis.get_major_locator().set_params(integer=True)
    heading(held, language.say("How often bands held it"))
    legend(held, loc="lower right")
    source_line(figure, source)
    title = language.say("{what}: forecasts made earlier, against what came", what=language.say(what))
    return Picture(
        name="calibration",
        title=title,
        alt=f"{title}. {' '.join(words)}",
        source=source,
        figure=figure,
        language=language,
    )
