"""Every table of a run in one XLSX file: typed columns with their units, and first what they are and where from."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import xlsxwriter
from pandas.api.types import is_datetime64_any_dtype, is_integer_dtype, is_numeric_dtype
from xlsxwriter.exceptions import XlsxWriterException
from xlsxwriter.worksheet import Worksheet

from .answers import quota_answer, staffing_answer
from .errors import PlannerError
from .language import ENGLISH, Language
from .measures import MEASURES, SEXES
from .origins import place_of
from .study import Study

__all__ = ["sheet_name", "write_workbook"]

MADE: Final = datetime(2024, 1, 1)
"""Date that the file gives as that of its making: the same tables give the same file."""
LONGEST = 31  # letters of a sheet's name
FORMULA = ("=", "+", "-", "@")

SHEETS: Final = {
    "bands": ("Indicators", "Forecast of every indicator: median and bands"),
    "history": ("History", "Figures observed"),
    "pyramids": ("Pyramids", "Forecast of the population by age and sex: median and bands"),
    "pyramids_past": ("Pyramids observed", "Population by age and sex, observed"),
    "paths": ("Single draws", "Some of the futures one by one"),
    "quota_plan": ("Admissions", "Admissions by year under the plan"),
    "growth_with_plan": ("Growth with the plan", "Growth and support without and with the plan"),
    "scenarios": ("Scenarios", "Indicators in each scenario: median and bands"),
    "scenario_differences": ("Scenario differences", "What each scenario has more than the forecast, draw by draw"),
    "staffing_plan": ("Officers", "Officers by quarter under the plan"),
    "backlog_bands": ("Queue", "Arrivals, people waiting, decisions and waits: median and bands"),
    "ledger": ("Ledger", "The ledger of cases, observed"),
    "promise": ("Promise kept", "Probability that a wait is no longer than promised, by month of application"),
}
"""Name of each table's sheet, and what it holds."""

COLUMNS: Final = {
    "indicator": "Indicator",
    "country": "Country",
    "sex": "Sex",
    "scenario": "Scenario",
    "year": "Year",
    "month": "Month",
    "age": "Age, from",
    "units": "Units",
    "value": "Value",
    "draw": "Draw",
    "median": "Median",
    "category": "Category",
    "ages": "Ages",
    "admissions": "Admissions, persons",
    "probability": "Probability, 0 to 1",
    "hires": "Hired, officers",
    "releases": "Released, officers",
    "in_post": "In post, officers",
    "at_work": "Deciding cases, officers",
    "surge": "On loan, officers",
    "overtime": "Overtime, in officers",
    "grade": "Grade",
    "cost": "Cost, {currency}",
    "applications": "Applications, persons",
    "recognized": "Recognised, persons",
    "rejected": "Rejected, persons",
    "closed": "Closed otherwise, persons",
    "pending": "Waiting at the year's end, persons",
    "staff": "Officers",
}
"""What columns are called; the bands' are made from their level."""

VALUES: Final = {
    "without": "Without the plan",
    "with": "With the plan",
    "both": "Both",
    "arrivals": "Arrivals",
    "pending": "People waiting",
    "decided": "Decisions",
    "wait": "Wait",
} | {name: measure.name for name, measure in MEASURES.items()}
"""What the codes in columns of text stand for."""


def write_workbook(
    study: Study,
    record: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    path: str | Path,
    *,
    language: Language = ENGLISH,
) -> Path:
    """Write every table to a sheet of one file, after a sheet that says what they are.

    No cell is a formula or a link, whatever a name begins with; the same tables give the same file, to the byte.

    Parameters
    ----------
    study : Study
        What was asked.
    record : dict
        What ``summary.json`` holds.
    tables : dict of str to pandas.DataFrame
        From `poblar.planner.files.read_tables`.
    path : str or Path
        File to write.
    language : Language
        Of titles and names.

    Returns
    -------
    Path

    Raises
    ------
    PlannerError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> record = {"fits": [], "draws": 600, "seed": 1, "versions": {}, "sources": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_workbook(Study(), record, {}, f"{folder}/tables.xlsx").name
    'tables.xlsx'
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    try:
        with xlsxwriter.Workbook(str(path), options) as book:
            book.set_properties({"title": place_of(study, language), "author": "poblar", "created": MADE})
            shown = {name: tables[name] for name in SHEETS if name in tables}
            _about(book, study, record, shown, language)
            for name, table in shown.items():
                sheet = book.add_worksheet(sheet_name(language.say(SHEETS[name][0])))
                _table(book, sheet, table, study, language)
    except (OSError, XlsxWriterException) as error:
        raise PlannerError(f"expected to write {path}, found {error}; free space or name another place.") from error
    return Path(path)


def sheet_name(text: str) -> str:
    """A name that a sheet may have: at most 31 letters, none of them one that spreadsheets refuse.

    Parameters
    ----------
    text : str
        What the sheet should be called.

    Returns
    -------
    str

    Examples
    --------
    >>> sheet_name("Growth: with/without [the plan] and its many words")
    'Growth  with without  the plan'
    """
    kept = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", text).strip("' ")
    return kept[:LONGEST].strip("' ") or "-"


def _about(
    book: xlsxwriter.Workbook,
    study: Study,
    record: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    language: Language,
) -> None:
    sheet = book.add_worksheet(sheet_name(language.say("About")))
    bold, wrap = (book.add_format(form | {"valign": "top"}) for form in ({"bold": True}, {"text_wrap": True}))
    sheet.set_column(0, 0, 24, bold)
    sheet.set_column(1, 1, 100, wrap)
    rows = [(language.say("Place"), place_of(study, language))]
    for name, answer in (("quota", quota_answer), ("staffing", staffing_answer)):
        if name in record:
            rows.append((language.say("Answer"), answer(record[name], study, language)))
    failed = [language.say(fit["what"]) for fit in record["fits"] if not fit["converged"]]
    if failed:
        rows.append((language.say("NOT CONVERGED"), ", ".join(failed)))
    rows += [
        (language.say("Draws"), language.number(record["draws"])),
        (language.say("Seed"), str(record["seed"])),
        (language.say("Versions"), ", ".join(f"{name} {version}" for name, version in record["versions"].items())),
    ]
    for source in record["sources"]:
        words = {key: language.name(value) for key, value in source.items()}
        text = (
            "{publisher}, {title}. Revision: {revision}. Licence: {licence}. Retrieved: {retrieved}. Tables: {tables}."
        )
        rows.append((language.say("Source"), language.say(text, **words)))
    rows += [(sheet_name(language.say(SHEETS[name][0])), language.say(SHEETS[name][1])) for name in tables]
    rows.append((language.say("Study"), _asked(study)))
    for number, (label, words) in enumerate(rows):
        sheet.write_string(number, 0, label, bold)
        sheet.write_string(number, 1, words, wrap)


def _asked(study: Study) -> str:
    return study.model_dump_json(exclude_defaults=True)


def _table(book: xlsxwriter.Workbook, sheet: Worksheet, table: pd.DataFrame, study: Study, language: Language) -> None:
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(table), 1), table.shape[1] - 1)
    for column, name in enumerate(table):
        title = _title(str(name), study, language)
        form = book.add_format({"num_format": _format(table[name])})
        sheet.write_string(0, column, title, head)
        sheet.set_column(column, column, max(11, min(34, len(title))))
        for row, value in enumerate(table[name].tolist(), start=1):
            if value is None or value != value:  # a figure that is missing stays empty
                continue
            if isinstance(value, pd.Timestamp):
                sheet.write_datetime(row, column, value.to_pydatetime(), form)
            elif isinstance(value, str):
                sheet.write_string(row, column, _words(str(name), value, language))
            else:
                sheet.write_number(row, column, value, form)


def _title(name: str, study: Study, language: Language) -> str:
    if match := re.fullmatch(r"(lower|upper)(\d+)", name):
        text = "Lower end, {share}" if match[1] == "lower" else "Upper end, {share}"
        return language.say(text, share=language.percent(int(match[2]) / 100))
    text = COLUMNS.get(name)
    if text is None:
        return language.name(name)
    currency = study.staffing.officers.currency if study.staffing is not None else ""
    return language.say(text, currency=currency) if "{" in text else language.say(text)


def _words(column: str, value: str, language: Language) -> str:
    """A cell of text as its reader knows it."""
    value = value.removeprefix("'") if value.startswith(tuple(f"'{sign}" for sign in FORMULA)) else value
    match column:
        case "indicator":
            return language.say(VALUES.get(value, value))
        case "scenario" | "sex" if value in VALUES:
            return language.say(VALUES[value])
        case "sex":
            return language.say(SEXES[value])
        case "country":
            return language.country(value)
        case _:
            return language.name(value)


def _format(values: pd.Series) -> str:
    if is_datetime64_any_dtype(values):
        return "yyyy-mm"
    if is_integer_dtype(values):
        return "0"
    if not is_numeric_dtype(values):
        return "General"
    most = values.abs().max()
    return "#,##0" if most >= 1e4 and values.abs().min() >= 100 else "General"
