"""The answer of each plan in one sentence, in plain words and rounded figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .asked import Future, Queue, Target, Wait, Waiting
from .language import ENGLISH, Language
from .study import Study

__all__ = ["aim", "change_words", "quota_answer", "staffing_answer"]

Goal = Target | Wait | Waiting | Queue

EACH = {
    "growth": "keeps growth at {bound} a year or more in {when}",
    "support_ratio": "keeps {bound} or more persons aged 15-64 for each one aged 65 or over in {when}",
    "dependency_ratio": "keeps dependants at {bound} or fewer for each person aged 15-64 in {when}",
    "population": "keeps the population at {bound} or more in {when}",
    "working_age": "keeps the people of working age at {bound} or more in {when}",
    "births": "keeps births at {bound} or more a year in {when}",
    "median_age": "keeps the median age at {bound} years or less in {when}",
}
"""What a goal of a population asks for, with its bound and years."""


def quota_answer(record: dict[str, Any], study: Study, language: Language = ENGLISH) -> str:
    """The admissions that reach the goals, or that there are none.

    Parameters
    ----------
    record : dict
        From `poblar.planner.summary.plan_record`.
    study : Study
        What was asked.
    language : Language
        Of the sentence.

    Returns
    -------
    str

    Examples
    --------
    >>> reached = {"requested": 0.9, "held_out": 0.91, "held_out_interval": [0.89, 0.92]}
    >>> plan = [{"category": "workers", "year": 2027, "admissions": 40812.0}]
    >>> quota_answer({"exists": True, "plan": plan, "goals": [reached]}, Study())[:80]
    'Admitting 41,000 people a year in 2027 (41,000 in all) keeps the population from'
    """
    assert study.quota is not None
    goals = study.quota.goals
    if not record["exists"]:
        return _no_plan(record, goals, language)
    by_year: dict[int, float] = {}
    for row in record["plan"]:
        by_year[row["year"]] = by_year.get(row["year"], 0.0) + row["admissions"]
    total = sum(by_year.values())
    if total < 1.0:
        return _with(language.say("Admitting nobody"), record, goals, language)
    low, high = (_two(value) for value in (min(by_year.values()), max(by_year.values())))
    span = f"{min(by_year)}-{max(by_year)}" if len(by_year) > 1 else f"{min(by_year)}"
    text = "Admitting {low} to {high} people a year in {when} ({total} in all)"
    if low == high:
        text = "Admitting {low} people a year in {when} ({total} in all)"
    deed = language.say(
        text, low=language.number(low), high=language.number(high), when=span, total=language.rounded(total)
    )
    return _with(deed, record, goals, language)


def staffing_answer(record: dict[str, Any], study: Study, language: Language = ENGLISH) -> str:
    """The officers that reach the goals, or that there are none.

    Parameters
    ----------
    record : dict
        From `poblar.planner.summary.plan_record`.
    study : Study
        What was asked.
    language : Language
        Of the sentence.

    Returns
    -------
    str

    Examples
    --------
    >>> reached = {"requested": 0.9, "held_out": 0.91, "held_out_interval": [0.89, 0.92]}
    >>> plan = [{"month": "2027-01", "in_post": 140.0}, {"month": "2027-04", "in_post": 905.0}]
    >>> record = {"exists": True, "plan": plan, "goals": [reached], "objective": 5.6e6}
    >>> staffing_answer(record, Study())[:81]
    'Raising officers from 140 to 900 by the quarter of April 2027, at 5.6 million USD'
    """
    asked = study.staffing
    assert asked is not None
    if not record["exists"]:
        return _no_plan(record, asked.goals, language)
    in_post: dict[str, float] = {}
    for row in record["plan"]:  # a row a grade where there are several
        in_post[row["month"]] = in_post.get(row["month"], 0.0) + row["in_post"]
    peak = max(in_post, key=lambda month: in_post[month])
    values = {
        "before": language.number(asked.in_post),
        "most": language.number(_two(in_post[peak])),
        "month": language.month(peak),
        "end": language.number(_two(in_post[max(in_post)])),
        "cost": language.rounded(record["objective"]),
        "currency": asked.officers.currency,
    }
    text = "Going from {before} to {end} officers, at {cost} {currency} in all,"
    if in_post[peak] > asked.in_post + 1:
        text = "Raising officers from {before} to {most} by the quarter of {month}, at {cost} {currency} in all,"
    return _with(language.say(text, **values), record, asked.goals, language)


def aim(goal: Goal, language: Language = ENGLISH) -> str:
    """What a plan does where it reaches a goal.

    Parameters
    ----------
    goal : Target, Wait, Waiting or Queue
        What was asked.
    language : Language
        Of the words.

    Returns
    -------
    str

    Examples
    --------
    >>> aim(Target(goal="growth", at_least=0.002, years=(2030, 2040), together=False))
    'keeps growth at 0.20\\xa0% a year or more in each year of 2030-2040'
    """
    share = None if isinstance(goal, Target | Queue) or goal.share == 1.0 else language.percent(goal.share)
    match goal:
        case Wait():
            length, month = language.sentence(goal.at_most), language.month(goal.since)
            if share:
                text = "decides within {length} on {share} of those who apply in each month from {month} on"
                return language.say(text, length=length, month=month, share=share)
            return language.say(
                "decides within {length} on everyone who applies from {month} on", length=length, month=month
            )
        case Waiting():
            month = language.month(goal.by)
            if share:
                return language.say(
                    "decides by the end of {month} on {share} of those who wait now", month=month, share=share
                )
            return language.say("decides by the end of {month} on everyone who waits now", month=month)
        case Queue():
            month, n = language.month(goal.since), language.number(goal.at_most)
            if goal.until is None:
                return language.say("keeps those who wait at {n} or fewer from the end of {month} on", n=n, month=month)
            text = "keeps those who wait at {n} or fewer from the end of {month} to that of {until}"
            return language.say(text, n=n, month=month, until=language.month(goal.until))
    first, last = goal.years
    when = f"{first}-{last}" if last > first else f"{first}"
    when = when if goal.together or first == last else language.say("each year of {when}", when=when)
    if goal.goal == "growth" and goal.bound == 0.0:
        return language.say("keeps the population from shrinking in {when}", when=when)
    match goal.goal:
        case "growth":
            bound = language.percent(goal.bound, 2)
        case "support_ratio" | "dependency_ratio":
            bound = language.number(goal.bound, 2)
        case "median_age":
            bound = language.number(goal.bound, 1)
        case _:
            bound = language.number(goal.bound)
    return language.say(EACH[goal.goal], bound=bound, when=when)


def change_words(future: Future, language: Language = ENGLISH) -> list[str]:
    """What is different in a scenario, a sentence each.

    Parameters
    ----------
    future : Future
        The scenario.
    language : Language
        Of the sentences.

    Returns
    -------
    list of str

    Examples
    --------
    >>> change_words(Future(name="none", changes=[{"change": "multiply", "on": "migration", "by": 0}]))
    ['migration is multiplied by 0 in all years']
    """
    texts = {
        "multiply": "{what} is multiplied by {by} in {when}",
        "shift": "{what} changes by {by} {units} in {when}",
        "replace": "{what} is {by} {units} in {when}",
    }
    found = []
    for change in future.changes:
        when = language.say("all years") if change.years is None else "{}-{}".format(*change.years)
        digits = next((count for count in range(5) if round(change.by, count) == change.by), 6)
        sign = "+" if change.change == "shift" and change.by > 0 else ""
        words = language.say(
            texts[change.change],
            what=language.name(change.on),
            by=sign + language.number(change.by, digits),
            units=language.name(change.units or ""),
            when=when,
        )
        if change.ages is not None:
            words += ", " + language.say("with the ages of the profile “{ages}”", ages=language.name(change.ages))
        found.append(words)
    return found


def _with(deed: str, record: dict[str, Any], goals: Sequence[Goal], language: Language) -> str:
    """What is done, what it reaches and how surely."""
    reports = record["goals"]
    if len(reports) == 1:
        text = "{deed} {aim} with {asked} probability; held out: {held}, 95 % interval {low} to {high}."
        return language.say(text, deed=deed, aim=aim(goals[0], language), **_chances(reports[0], language))
    parts = [
        language.say(
            "{aim} with {asked} probability (held out: {held}, 95 % interval {low} to {high})",
            aim=aim(goal, language),
            **_chances(report, language),
        )
        for goal, report in zip(goals, reports, strict=True)
    ]
    return f"{deed} {language.listed(parts)}."


def _no_plan(record: dict[str, Any], goals: Sequence[Goal], language: Language) -> str:
    """That no plan exists, how surely its goals can be reached, and what can be reached as surely as asked."""
    pairs = list(zip(goals, record["goals"], strict=True))
    failing = [(goal, report) for goal, report in pairs if report["held_out"] < report["requested"]] or pairs
    found = []
    for goal, report in failing:
        values = {
            "aim": aim(goal, language),
            "asked": language.percent(report["requested"]),
            "highest": language.percent(max(report["held_out"], report["highest"]), 1),
        }
        text = "No plan within these limits {aim} with {asked} probability; the highest probability found is {highest}."
        found.append(language.say(text, **values))
        if report["relaxed"]:
            text = "With {asked} probability this can be reached: {relaxed}."
            found.append(language.say(text, asked=values["asked"], relaxed=language.sentence(report["relaxed"])))
    return " ".join(found)


def _chances(report: dict[str, Any], language: Language) -> dict[str, str]:
    low, high = report["held_out_interval"]
    asked, held = report["requested"], report["held_out"]
    # Rounded up to what was asked, a plan that falls short would seem to reach it.
    digits = 1 if round(held, 2) >= round(asked, 4) > held or round(asked, 2) != round(asked, 6) else 0
    return {
        "asked": language.percent(asked, digits),
        "held": language.percent(held, digits),
        "low": language.number(100 * low, digits),
        "high": language.percent(high, digits),
    }


def _two(value: float) -> float:
    """A number to two figures."""
    return float(f"{value:.1e}")
