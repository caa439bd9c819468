"""What the report's template shows, made from a run's record and tables in one language."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from .answers import aim, change_words, quota_answer, staffing_answer
from .language import Language
from .measures import MEASURES, SEXES
from .origins import place_of
from .plan_plots import limits_of
from .queue_plots import by_quarter
from .study import Study

__all__ = ["context"]

SHOWN_YEARS = (2030, 2040, 2050, 2060, 2070, 2080, 2090, 2100)
MOST_YEARS = 5
STAFFING = {
    "hires": "Hired",
    "releases": "Released",
    "in_post": "In post",
    "at_work": "Deciding cases",
    "surge": "On loan",
    "overtime": "Overtime, in officers",
    "cost": "Cost",
}
OBJECTIVES = {
    "fewest": "at the fewest admissions",
    "smoothest": "at the smallest changes from one period to the next",
    "cheapest": "at the least cost",
    "fastest": "as soon as can be",
    "least waiting": "with the least waiting",
}


def context(
    study: Study, record: dict[str, Any], tables: dict[str, pd.DataFrame], language: Language
) -> dict[str, Any]:
    """Everything that the template names, in the language of the page."""
    place = place_of(study, language)

    def spoken(sentences: list[str]) -> list[str]:
        """Sentences of other rooms, which call the place by its code or its English name."""
        code = re.compile(rf"\b{study.country}\b")
        return [code.sub(lambda _: place, language.sentence(line).replace(study.place, place)) for line in sentences]

    found: dict[str, Any] = {
        "s": record,
        "study": study,
        "place": place,
        "title": _title(study, place, language),
        "answers": _answers(study, record, language),
        "sections": _sections(study, language),
        "findings": {name: spoken(lines) for name, lines in record["findings"].items()},
        "fits": _fits(record, language),
        "unconverged": [language.say(fit["what"]) for fit in record["fits"] if not fit["converged"]],
        "sources": [{key: language.name(value) for key, value in source.items()} for source in record["sources"]],
        "certificates": [],
        "draws": [],
        "assumed": {
            "people": [
                language.say(
                    "The age pattern of births, the sex ratio at birth and the ages of migrants stay as last observed"
                )
            ]
        },
    }
    if study.has_people:
        bands = tables["bands"]
        years = [year for year in SHOWN_YEARS if year in set(bands["year"])][:MOST_YEARS]
        found |= {"years": years, "rows": _rows(bands, years, language)}
    if study.scenarios:
        found |= _scenarios(study, tables["scenario_differences"], language)
    if study.quota is not None:
        found["quota"] = _quota(study, record["quota"], spoken, language)
    if study.staffing is not None:
        found["staffing"] = _staffing(study, record["staffing"], spoken, language)
    _add_plans(found, study, record, spoken, language)
    return found


def _title(study: Study, place: str, language: Language) -> str:
    parts = [
        *([language.say("population")] if study.has_people else []),
        *([language.say("admissions")] if study.quota else []),
        *([language.say("the queue for decisions")] if study.staffing else []),
    ]
    last = str(study.until) if study.has_people else (study.staffing.until[:4] if study.staffing else "")
    return language.say("{place} to {year}: {parts}", place=place, year=last, parts=language.listed(parts))


def _answers(study: Study, record: dict[str, Any], language: Language) -> list[dict[str, Any]]:
    found = []
    if study.quota is not None:
        words = quota_answer(record["quota"], study, language)
        question = language.say("How many people would have to be admitted?")
        found.append({"question": question, "words": words, "exists": record["quota"]["exists"]})
    if study.staffing is not None:
        words = staffing_answer(record["staffing"], study, language)
        question = language.say("How many officers does it take?")
        found.append({"question": question, "words": words, "exists": record["staffing"]["exists"]})
    if not found:
        words = " ".join(language.sentence(line) for line in record["findings"]["people"][1:3])
        words = words.replace(study.place, place_of(study, language))
        found.append({"question": language.say("How will the population change?"), "words": words, "exists": True})
    return found


def _sections(study: Study, language: Language) -> list[tuple[str, str]]:
    shown = {
        "bands": ("What a band is", True),
        "people": ("Population", study.has_people),
        "scenarios": ("Scenarios", bool(study.scenarios)),
        "quota": ("Admissions", study.quota is not None),
        "queue": ("Who waits", study.staffing is not None),
        "certificates": ("How sure the plans are", study.quota is not None or study.staffing is not None),
        "assumptions": ("Assumptions", True),
        "fits": ("Fits", True),
        "sources": ("Sources", True),
    }
    return [(name, language.say(words)) for name, (words, there) in shown.items() if there]


def _rows(bands: pd.DataFrame, years: list[int], language: Language) -> list[dict[str, Any]]:
    """Indicators by shown year."""
    rows = []
    for (indicator, sex), part in bands.groupby(["indicator", "sex"], sort=False):
        shown = part[part["year"].isin(years)].sort_values("year")
        who = "" if sex == "both" else f", {language.say(SEXES[str(sex)])}"
        rows.append(_row(str(indicator), who, [row for _, row in shown.iterrows()], language))
    return rows


def _row(indicator: str, who: str, shown: list[pd.Series], language: Language, finer: int = 0) -> dict[str, Any]:
    """Median and the 80 % interval in words, with so many digits more than usual."""
    measure, cells = MEASURES[indicator], []
    for row in shown:
        low, middle, high = (
            language.number(measure.scale * row[name], measure.digits + finer)
            for name in ("lower80", "median", "upper80")
        )
        cells.append({"median": middle, "interval": language.say("{low} to {high}", low=low, high=high)})
    return {"name": language.say(measure.name) + who, "units": language.say(measure.units), "cells": cells}


def _scenarios(study: Study, changed: pd.DataFrame, language: Language) -> dict[str, Any]:
    indicators = list(dict.fromkeys(changed["indicator"]))
    year = min(int(changed[changed["indicator"] == one]["year"].max()) for one in indicators)
    year = 2050 if year >= 2050 else year
    at = changed[changed["year"] == year]
    rows = []
    for indicator in indicators:
        own = at[at["indicator"] == indicator].set_index("scenario")
        rows.append(_row(indicator, "", [own.loc[future.name] for future in study.scenarios], language, finer=1))
    scenarios = [
        {"name": language.name(future.name), "because": future.because, "changes": change_words(future, language)}
        for future in study.scenarios
    ]
    return {"scenarios": scenarios, "scenario_rows": rows, "scenario_year": year}


def _quota(study: Study, record: dict[str, Any], spoken: Any, language: Language) -> dict[str, Any]:
    asked = study.quota
    assert asked is not None
    limits = []
    for lever in asked.levers:
        name = language.name(lever.category)
        if (limit := limits_of(asked, lever.category)) is not None:
            low, high = (language.number(value) if value < float("inf") else "" for value in limit)
            text = "{name}: {low} to {high} a year" if high else "{name}: at least {low} a year"
            limits.append(language.say(text, name=name, low=low, high=high))
        if lever.change_at_most is not None:
            share = language.percent(lever.change_at_most)
            limits.append(
                language.say("{name}: no year differs from the last by more than {share}", name=name, share=share)
            )
    categories = list(dict.fromkeys(lever.category for lever in asked.levers))
    table = pd.DataFrame(record["plan"]).pivot_table(
        index="year", columns="category", values="admissions", aggfunc="sum"
    )
    table = table[[name for name in categories if name in table]].fillna(0.0)
    names = [_capital(language.name(str(name))) for name in table]
    if len(names) > 1:
        table["all"] = table.sum(axis=1)
        names.append(language.say("All"))
    return {
        "asked": _asked(asked.goals, asked.objective, language) + limits,
        "columns": names,
        "rows": _blocks(table),
        "binding": spoken([*record["binding"], *record["prices"]]),
    }


def _blocks(table: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """The years of a plan, those of one category in rows of three, so that a long table stays short."""
    years = [{"year": year, "cells": row.tolist()} for year, row in table.iterrows()]
    beside = 3 if table.shape[1] == 1 else 1
    size = -(-len(years) // beside)
    return [years[row::size] for row in range(size)]


def _staffing(study: Study, record: dict[str, Any], spoken: Any, language: Language) -> dict[str, Any]:
    asked = study.staffing
    assert asked is not None
    limits = []
    for lever in asked.levers:
        if lever.lever == "officers":
            name = language.name(lever.name)
            if lever.hires_at_most is not None:
                n = language.number(lever.hires_at_most)
                limits.append(language.say("{name}: at most {n} hired in a quarter", name=name, n=n))
            if lever.at_most is not None:
                n = language.number(lever.at_most)
                limits.append(language.say("{name}: at most {n} in post", name=name, n=n))
    if asked.budget is not None:
        values = {"n": language.number(asked.budget), "currency": asked.officers.currency}
        limits.append(language.say("At most {n} {currency} in a calendar year", **values))
    plan = by_quarter(pd.DataFrame(record["plan"]))
    columns = {name: words for name, words in STAFFING.items() if name in plan}
    rows = [
        {"month": language.month(row["month"]), "cells": [language.number(float(row[name])) for name in columns]}
        for _, row in plan.iterrows()
    ]
    return {
        "asked": _asked(asked.goals, asked.objective, language) + limits,
        "columns": [language.say(words) for words in columns.values()],
        "rows": rows,
        "binding": spoken([*record["binding"], *record["prices"]]),
    }


def _asked(goals: Any, objective: str, language: Language) -> list[str]:
    words = [
        language.say(
            "a plan that {aim} with {asked} probability",
            aim=aim(goal, language),
            asked=language.percent(goal.probability, 0 if round(goal.probability, 2) == goal.probability else 1),
        )
        for goal in goals
    ]
    return [*words, language.say(OBJECTIVES[objective])]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _asked_percent(probability: float, language: Language) -> str:
    return language.percent(probability, 0 if round(probability, 2) == probability else 1)


def _fits(record: dict[str, Any], language: Language) -> list[dict[str, Any]]:
    return [
        fit
        | {
            "what": language.say(fit["what"]),
            "fitted_to": language.listed([language.country(code) for code in fit["countries"]]),
        }
        for fit in record["fits"]
    ]


def _add_plans(found: dict[str, Any], study: Study, record: dict[str, Any], spoken: Any, language: Language) -> None:
    """Certificates and assumptions of the plans that there are."""
    titles = {"quota": "Admissions", "staffing": "Officers"}
    for name, title in titles.items():
        if name not in record:
            continue
        plan = record[name]
        for goal in plan["goals"]:
            words = f"{language.say(title)}: {spoken([goal['goal']])[0]}"
            relaxed = spoken([goal["relaxed"]])[0] if goal["relaxed"] else ""
            found["certificates"].append(goal | {"goal": words, "relaxed": relaxed})
        text = "{plan}: optimised on {solve} draws, set on {calibrate} more and checked on the last {certify}."
        sets = {key: language.number(count) for key, count in plan["draws"].items()}
        found["draws"].append(language.say(text, plan=language.say(title), **sets))
    if study.quota is not None:
        profiles = list(dict.fromkeys(lever.profile for lever in study.quota.levers))
        names = language.listed([language.say("“{name}”", name=language.name(profile)) for profile in profiles])
        words = language.say("those admitted have the ages and sexes of the profile {profile}", profile=names)
        found["assumed"]["people"] = [*spoken(record["quota"]["assumptions"]), words, *found["assumed"]["people"]]
    if study.staffing is not None:
        lever = study.staffing.officers
        text = (
            "an officer in post costs {cost} {currency} a year, with no price change: an assumption to replace by a "
            "figure of the agency's own"
        )
        cost = language.say(text, cost=language.number(lever.cost), currency=lever.currency)
        found["assumed"]["staffing"] = [*spoken(record["staffing"]["assumptions"]), cost]
