"""Pictures of a population: fan charts with their history, and pyramids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ._style import BLUE, GREY, INK, ORANGE, Picture, canvas, fan, heading, legend, source_line, ticks
from .names import INDICATORS, country_name

HISTORY_FROM = 1980
SEX_COLOUR = {"female": ORANGE, "male": BLUE, "both": BLUE}
WPP = (
    "Observed: United Nations, World Population Prospects 2024. Forecast: poblar; "
    "bands hold 50, 80 and 95 % of the draws."
)
DECADES = ("dependency_ratio", "support_ratio")  # observed at mid-year of each decade only


@dataclass(frozen=True)
class _Axis:
    """How an indicator is written: unit of the axis, scale, and a number of it."""

    units: str
    scale: float
    form: Callable[[float], str]


AXES = {
    "tfr": _Axis("children per woman", 1.0, lambda v: f"{v:.1f}"),
    "e0": _Axis("years", 1.0, lambda v: f"{v:.0f}"),
    "net_migration": _Axis("thousand persons a year", 1e-3, lambda v: f"{v:,.0f}"),
    "population": _Axis("million persons", 1e-6, lambda v: f"{v:,.0f}"),
    "natural_growth": _Axis("% a year", 100.0, lambda v: f"{v:.1f}"),
    "social_growth": _Axis("% a year", 100.0, lambda v: f"{v:.1f}"),
    "growth_rate": _Axis("% a year", 100.0, lambda v: f"{v:.1f}"),
    "dependency_ratio": _Axis("dependants per person aged 15-64", 1.0, lambda v: f"{v:.1f}"),
    "support_ratio": _Axis("persons aged 15-64 per person aged 65+", 1.0, lambda v: f"{v:.0f}"),
}


def fan_pictures(bands: pd.DataFrame, history: pd.DataFrame) -> list[Picture]:
    """Fan charts of every indicator of one country, with history.

    Parameters
    ----------
    bands : pandas.DataFrame
        From `poblar.planner.frames.indicator_bands`.
    history : pandas.DataFrame
        From `poblar.planner.frames.history`.

    Returns
    -------
    list of Picture
    """
    groups = {
        "growth": ["natural_growth", "social_growth", "growth_rate"],
        "population": ["population"],
        "ages": ["dependency_ratio", "support_ratio"],
        "fertility": ["tfr"],
        "mortality": ["e0"],
        "migration": ["net_migration"],
    }
    titles = {
        "growth": "Natural, social and total growth",
        "ages": "Dependency ratio and potential support ratio",
    }
    country = country_name(str(bands["country"].iloc[0]))
    pictures = []
    for name, indicators in groups.items():
        title = f"{country}: {titles.get(name, INDICATORS[indicators[0]])}"
        figure, axes = canvas(1, len(indicators), height=4.0, share_y=name == "growth")
        words = []
        for axis, indicator in zip(axes.flat, indicators, strict=True):
            own = bands[bands["indicator"] == indicator]
            _one_fan(axis, own, history[history["indicator"] == indicator], indicator)
            words += [_described(indicator, part) for _, part in own.groupby("sex", sort=False)]
            if len(indicators) > 1:
                heading(axis, INDICATORS[indicator].split(" (")[0])
        legend(axes.flat[0])
        source_line(figure, WPP)
        pictures.append(
            Picture(
                name=name, title=title, alt=f"{title}, {HISTORY_FROM} on. " + " ".join(words), source=WPP, figure=figure
            )
        )
    return pictures


def pyramid_picture(observed: pd.DataFrame, bands: pd.DataFrame, country: str) -> Picture:
    """Population pyramids: observed years, then years forecast with their bands.

    Parameters
    ----------
    observed : pandas.DataFrame
        From `poblar.planner.frames.pyramid_history`.
    bands : pandas.DataFrame
        From `poblar.planner.frames.pyramid_bands`.
    country : str
        ISO 3166-1 alpha-3.

    Returns
    -------
    Picture
    """
    past, future = observed["year"].unique().tolist(), bands["year"].unique().tolist()
    figure, axes = canvas(2, 2, height=7.6)
    widest = 1e-6 * max(observed["value"].max(), bands["upper95"].max()) * 1.05
    for axis, year in zip(axes.flat, [*past, *future], strict=False):
        frame = observed if year in past else bands
        column = "value" if year in past else "median"
        for sex, sign in (("female", 1.0), ("male", -1.0)):
            part = frame[(frame["year"] == year) & (frame["sex"] == sex)]
            ages = part["age"].to_numpy()
            axis.barh(ages + 2.5, sign * 1e-6 * part[column], height=4.4, color=SEX_COLOUR[sex], alpha=0.75)
            if year in future:
                ends = sign * 1e-6 * part[["lower95", "upper95"]].to_numpy()
                axis.hlines(ages + 2.5, ends[:, 0], ends[:, 1], color=INK, linewidth=1.3)
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_xlim(-widest, widest)
        axis.grid(visible=False)
        axis.xaxis.set_major_formatter(lambda value, _position: f"{abs(value):g}")
        when = f"{year}, observed" if year in past else f"{year}, median and 95 % interval"
        heading(axis, when)
        axis.set_xlabel("million persons", color=INK)
        axis.set_ylabel("age", color=INK)
        axis.text(0.02, 0.94, "Men", transform=axis.transAxes, color=BLUE, weight="bold")
        axis.text(0.98, 0.94, "Women", transform=axis.transAxes, color=ORANGE, weight="bold", ha="right")
    source = WPP.replace("bands hold 50, 80 and 95 %", "the black lines hold 95 %")
    source_line(figure, source)
    title = f"{country_name(country)}: population by age and sex"
    children = {
        year: 1e-6 * observed[(observed["year"] == year) & (observed["age"] == 0)]["value"].sum() for year in past
    }
    children |= {year: 1e-6 * bands[(bands["year"] == year) & (bands["age"] == 0)]["median"].sum() for year in future}
    alt = f"{title}. Children under five, million: " + ", ".join(
        f"{value:.1f} in {year}" for year, value in children.items()
    )
    return Picture(name="pyramids", title=title, alt=f"{alt}.", source=source, figure=figure)


def _one_fan(axis: Axes, own: pd.DataFrame, past: pd.DataFrame, indicator: str) -> None:
    form = AXES[indicator]
    marker = "o" if indicator in DECADES else ""
    for sex, part in own.groupby("sex", sort=False):
        seen = past[(past["sex"] == sex) & (past["year"] >= HISTORY_FROM)]
        who = "" if sex == "both" else {"female": "women, ", "male": "men, "}[str(sex)]
        axis.plot(
            seen["year"],
            form.scale * seen["value"],
            color=SEX_COLOUR[str(sex)] if who else INK,
            linewidth=1.4,
            marker=marker,
            markersize=4,
            linestyle="--" if who else "-",
            label=f"{who}observed".capitalize(),
        )
        fan(
            axis,
            part,
            "year",
            colour=SEX_COLOUR[str(sex)],
            scale=form.scale,
            label=f"{who}forecast (median)".capitalize(),
        )
    if own["lower95"].min() < 0 < own["upper95"].max():
        axis.axhline(0.0, color=GREY, linewidth=1.0)
    axis.set_ylabel(form.units, color=INK, fontsize=10)
    ticks(axis, form.form)
    axis.set_xlim(HISTORY_FROM, int(own["year"].max()))
    axis.set_xticks(np.arange(1980, own["year"].max() + 1, 30 if len(axis.figure.axes) > 1 else 10))


def _described(indicator: str, part: pd.DataFrame) -> str:
    last, form = part.iloc[-1], AXES[indicator]
    who = "" if last["sex"] == "both" else f", {last['sex']}"
    digits = 2 if abs(form.scale * last["median"]) < 10 else 0
    low, middle, high = (f"{form.scale * last[name]:,.{digits}f}" for name in ("lower80", "median", "upper80"))
    return f"{INDICATORS[indicator]}{who} in {last['year']}: {middle} {form.units} (80 % interval {low} to {high})."
