"""What each view of the page says and shows for the values of its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.graph_objects import Figure

from ..data import PoblarError
from . import interactive as draw
from . import summary
from ._page_controls import Value, Values, asked_of
from ._page_place import FORECAST
from ._page_told import Tell
from .answers import quota_answer, staffing_answer
from .desk import Desk
from .language import Language
from .measures import MEASURES, SEXES, Measure
from .origins import people_source, place_of

__all__ = ["ANSWERS", "TEMPLATES", "Shown", "answer", "called", "help_page", "refused", "render"]

TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What a view shows.

    Parameters
    ----------
    answer, details : str
        Pieces of HTML, escaped.
    figures : sequence of callable
        Each makes a picture when it is first called; in order.
    table : pandas.DataFrame
        What can be downloaded.
    """

    answer: str
    details: str = ""
    figures: Sequence[Callable[[], Any]] = ()
    table: pd.DataFrame = field(default_factory=pd.DataFrame)


Answer = Callable[[Desk, Values, Language, Tell], Shown]
"""What a view shows for the values of its controls."""


def population(desk: Desk, values: Values, language: Language, tell: Tell) -> Shown:
    """A place's indicator and ages, under one future or two."""
    code, asked, scenario, beside = (str(values[name]) for name in ("place", "indicator", "scenario", "beside"))
    year = int(float(values["year"]))
    view = desk.population(code, scenario, beside, year, tell)
    two = view.scenarios is not None and view.differences is not None
    bands = view.scenarios if view.scenarios is not None else view.bands
    indicator = asked if asked in set(bands["indicator"]) else "growth_rate"
    own = bands[bands["indicator"] == indicator]
    place, measure = called(desk, code, language), MEASURES[indicator]
    named: Any = {"source": people_source(desk.study, language), "language": language}
    lines = [_read(row, measure, language) for row in _at(own, year)]
    nobody = view.pyramid.assign(value=0.0).iloc[:0]
    ages = cache(lambda: _standing(draw.pyramid_figure(nobody, view.pyramid, f"{place}, {year}", **named)))
    if two:
        assert view.differences is not None
        more = view.differences[view.differences["indicator"] == indicator]
        words = {
            name: language.say("“{name}” less “{other}”", name=language.name(name), other=language.name(FORECAST))
            for name in more["scenario"].unique()
        }
        between = more.assign(scenario=more["scenario"].map(words))
        lines += [_read(row, measure, language, called=words[row["scenario"]]) for row in _at(more, year)]
        figures = [
            cache(lambda: draw.scenario_figure(bands, indicator, place, **named)),
            cache(lambda: draw.difference_figure(between, indicator, place, **named)),
            ages,
        ]
        own = pd.concat([own, more.assign(scenario=more["scenario"] + f" less {FORECAST}")], ignore_index=True)
    elif values["paths"] == "yes" and indicator in set(view.paths["indicator"]):
        figures = [cache(lambda: draw.paths_figure(view.paths, bands, indicator, place, **named)), ages]
    else:
        figures = [cache(lambda: draw.fan_figure(bands, view.history, indicator, place, **named)), ages]
    other = "" if indicator == asked else MEASURES[asked].name
    answer = render("page_population.html", language, place=place, measure=measure, lines=lines, other=other)
    return Shown(answer=answer, figures=figures, table=own)


def admissions(desk: Desk, values: Values, language: Language, tell: Tell) -> Shown:
    """The admissions that reach a goal."""
    study = asked_of(desk.study, values, quota=True)
    assert study.quota is not None
    code = str(values["place"])
    view = desk.admissions(code, study.quota, tell)
    place = called(desk, code, language)
    named = study.model_copy(update={"data": study.data.model_copy(update={"name": place})})
    record = summary.plan_record(view.plan)
    table = summary.plan_frame(view.plan)
    return Shown(
        answer=_answer(place, record, quota_answer(record, study, language), language),
        details=_details(record, _by_year(table), language, study.draws),
        figures=[cache(lambda: draw.quota_figure(table, view.growth, named, language=language))],
        table=table,
    )


def officers(desk: Desk, values: Values, language: Language, tell: Tell) -> Shown:
    """The officers that keep a promise."""
    study = asked_of(desk.study, values, staffing=True)
    assert study.staffing is not None
    view = desk.officers(study.staffing, tell)
    record = summary.plan_record(view.plan)
    table = summary.plan_frame(view.plan)
    figures = [
        cache(lambda: draw.officers_figure(table, study, language=language)),
        cache(lambda: draw.queue_figure(view.bands, view.ledger, study, language=language)),
    ]
    promise = view.promise
    if promise is not None:
        figures.append(cache(lambda: draw.wait_figure(view.bands, promise, study, language=language)))
    return Shown(
        answer=_answer(place_of(study, language), record, staffing_answer(record, study, language), language),
        details=_details(record, _by_quarter(table), language, study.draws),
        figures=figures,
        table=table,
    )


ANSWERS: Final[Mapping[str, Answer]] = {"population": population, "admissions": admissions, "officers": officers}
"""By view."""


def answer(desk: Desk, view: str, values: Values, language: Language, tell: Tell) -> Shown:
    """What a view shows, kept by what was asked."""
    key = (view, tuple(sorted(values.items())), language)
    return desk.kept.get(key, lambda: ANSWERS[view](desk, values, language, tell))


def help_page(desk: Desk, language: Language) -> str:
    """How to read the page, and where its figures come from."""
    sources = summary.source_records(desk.asked)
    return render("page_help.html", language, draws=desk.study.draws, asked=desk.asked.draws, sources=sources)


def refused(error: PoblarError, language: Language) -> str:
    """A stated error, as the page shows it in place of an answer."""
    sentence = " ".join(str(error).split())
    return render("page_answer.html", language, place="", sentence=sentence, exists=False)


def render(name: str, language: Language, **values: Any) -> str:
    """A template of the page, every value of it escaped."""
    return _environment().get_template(name).render(
        say=language.say, percent=language.percent, number=language.number, **values
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _answer(place: str, record: Mapping[str, Any], sentence: str, language: Language) -> str:
    return render("page_answer.html", language, place=place, sentence=sentence, exists=record["exists"])


def _details(record: Mapping[str, Any], table: pd.DataFrame, language: Language, draws: int) -> str:
    cells = [[_cell(value, language) for value in row] for row in table.itertuples(index=False)]
    goals = [goal | {name: language.sentence(goal[name]) for name in ("goal", "relaxed")} for goal in record["goals"]]
    return render(
        "page_details.html",
        language,
        goals=goals,
        exists=record["exists"],
        binding=[language.sentence(line) for line in record["binding"]],
        prices=[language.sentence(line) for line in record["prices"]],
        assumptions=[language.sentence(line) for line in record["assumptions"]],
        draws=draws,
        sets=record["draws"],
        columns=list(table),
        rows=cells,
    )  # fmt: skip


def _by_year(table: pd.DataFrame) -> pd.DataFrame:
    wide = table.pivot_table(index="year", columns="category", values="admissions", aggfunc="sum", sort=False)
    return wide.rename_axis(columns=None).reset_index()


def _by_quarter(table: pd.DataFrame) -> pd.DataFrame:
    names = ("month", "grade", "hires", "releases", "in_post", "at_work", "cost")
    return table[[name for name in names if name in table]]


def _cell(value: object, language: Language) -> Value:
    """A number as its readers write it; years and names as they stand."""
    if isinstance(value, float):
        return language.number(value)
    return str(value)


def _at(table: pd.DataFrame, year: int) -> list[pd.Series]:
    """Rows of a year, or of the last that there is."""
    chosen = table[table["year"] == min(year, int(table["year"].max()))]
    return [row for _, row in chosen.iterrows()]


def _standing(pyramid: Any) -> Figure:
    """A pyramid of one year: nothing to play."""
    layout = pyramid.layout
    layout.updatemenus, layout.sliders = None, None
    below = min(100, layout.margin.b - 60)
    layout.height, layout.margin.b = layout.height - below, layout.margin.b - below
    return pyramid


def called(desk: Desk, code: str, language: Language) -> str:
    """What a place is called: its own name, or that of the country."""
    if code == desk.study.country:
        return place_of(desk.study, language)
    return language.country(code)


def _read(row: pd.Series, measure: Measure, language: Language, called: str = "") -> dict[str, str]:
    """A row of bands in words."""
    who = SEXES.get(str(row["sex"]), "") if "sex" in row else ""
    low, middle, high = (measure.said(float(row[name]), language) for name in ("lower80", "median", "upper80"))
    name = called or (language.name(str(row["scenario"])) if "scenario" in row else language.say(who) if who else "")
    return {"called": name, "year": str(row["year"]), "low": low, "middle": middle, "high": high}
