"""The report: one page a language that opens offline, made from what a run left in its folder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from . import plan_plots, plots, pyramid_plots, queue_plots, scenario_plots, workbook
from ._report_words import context
from ._style import Picture
from .errors import PlannerError
from .files import read_json, read_tables
from .language import Language
from .origins import people_source, place_of
from .study import Study

__all__ = ["again", "draw", "write"]

TEMPLATES = Path(__file__).parent / "templates"


def draw(
    study: Study, folder: str | Path, languages: Sequence[Language] | None = None
) -> tuple[list[Picture], list[Path]]:
    """Draw every picture of a study from the tables in its folder.

    Parameters
    ----------
    study : Study
        What was asked.
    folder : str or Path
        What `poblar run` wrote.
    languages : sequence of Language, optional
        Of the pictures' words; by default all that the study asks for.

    Returns
    -------
    list of Picture, list of Path
        The pictures, and their files.

    Raises
    ------
    PlannerError
        If a table is not there, or a file cannot be written.

    Examples
    --------
    >>> draw(Study(), "nowhere")
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected the tables of this version in nowhere, found none of 'bands'; ...
    """
    folder, languages = Path(folder), _languages(study) if languages is None else languages
    tables = read_tables(folder)
    try:
        pictures = [picture for language in languages for picture in _pictures(study, tables, language)]
    except KeyError as error:
        raise PlannerError(
            f"expected the tables of this version in {folder}, found none of {error}; run it again."
        ) from error
    files = []
    for picture in pictures:
        files.append(folder / _figure_file(study, picture))
        # Without the writer's version and date, the same figures give the same file.
        picture.figure.savefig(files[-1], metadata={"Software": None})
    if study.has_people:
        for language in languages:
            path = folder / "figures" / f"pyramids{_suffix(study, language)}.gif"
            past, bands, place = tables["pyramids_past"], tables["pyramids"], place_of(study, language)
            source = people_source(study, language)
            files.append(pyramid_plots.moving_pyramid(past, bands, place, path, source=source, language=language))
    return pictures, files


def write(
    study: Study,
    record: dict[str, Any],
    pictures: list[Picture],
    folder: str | Path,
    languages: Sequence[Language] | None = None,
) -> list[Path]:
    """Write the report and the workbook from what a run recorded, the pictures and the tables of its folder.

    Parameters
    ----------
    study : Study
        What was asked.
    record : dict
        What ``summary.json`` holds; the pictures are listed in it.
    pictures : list of Picture
        From `draw`.
    folder : str or Path
        Where tables and pictures are.
    languages : sequence of Language, optional
        By default all that the study asks for.

    Returns
    -------
    list of Path
        The reports, with no script and nothing that a browser would fetch; and the workbook of the same language,
        where the study wants one.

    Raises
    ------
    PlannerError
        If a file is not there or cannot be read or written.

    Examples
    --------
    >>> write(Study(), {}, [], "nowhere")
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected a summary of this version in nowhere, found another ('quota'); ...
    """
    folder, languages = Path(folder), _languages(study) if languages is None else languages
    tables, made = read_tables(folder), []
    record["figures"] = _listed(study, record.get("figures", []), pictures)
    try:
        for language in languages:
            mine = {p.name: p for p in pictures if p.language == language}
            embedded = {name: _embedded(folder / _figure_file(study, p)) for name, p in mine.items()}
            page = render(study, record, mine, embedded, tables, language)
            made.append(folder / f"report{_suffix(study, language)}.html")
            made[-1].write_text(page, encoding="utf-8")
            if study.outputs.workbook:
                path = folder / f"tables{_suffix(study, language)}.xlsx"
                made.append(workbook.write_workbook(study, record, tables, path, language=language))
    except OSError as error:
        raise PlannerError(
            f"expected to make the report from the files in {folder}, found {error}; run it again."
        ) from error
    except (KeyError, UndefinedError) as error:
        raise PlannerError(
            f"expected a summary of this version in {folder}, found another ({error}); run it again."
        ) from error
    return made


def again(folder: str | Path, language: str | None = None) -> list[Path]:
    """Draw the pictures and write the report of a folder again.

    Parameters
    ----------
    folder : str or Path
        What `poblar run` wrote.
    language : str, optional
        ``"en"`` or ``"es"``; by default every language that the study asks for.

    Returns
    -------
    list of Path
        The reports, and the workbooks beside them.

    Raises
    ------
    PlannerError
        If a file is not there or cannot be read or written.

    Examples
    --------
    >>> again("nowhere")
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected nowhere/summary.json, found no such file; run `poblar run` first, ...
    """
    record = read_json(Path(folder) / "summary.json")
    try:
        study = Study.model_validate(record["study"])
    except (KeyError, ValueError) as error:
        raise PlannerError(
            f"expected a summary of this version in {folder}, found another ({type(error).__name__}); run it again."
        ) from error
    match language:
        case None:
            languages = _languages(study)
        case "en" | "es":
            languages = [Language(language)]
        case _:
            raise PlannerError(f"expected a language of reports, en or es, found {language!r}.")
    pictures, _ = draw(study, folder, languages)
    return write(study, record, pictures, folder, languages)


def render(
    study: Study,
    record: dict[str, Any],
    pictures: dict[str, Picture],
    embedded: dict[str, str],
    tables: dict[str, pd.DataFrame],
    language: Language,
) -> str:
    """The page as text.

    Parameters
    ----------
    study : Study
        What was asked.
    record : dict
        What ``summary.json`` holds.
    pictures : dict of str to Picture
        Pictures by name, in the page's language.
    embedded : dict of str to str
        Their data addresses.
    tables : dict of str to pandas.DataFrame
        From `poblar.planner.files.read_tables`.
    language : Language
        Of the page.

    Returns
    -------
    str
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "say": language.say,
        "percent": language.percent,
        "whole": language.number,
        "language": language,
    }
    words = context(study, record, tables, language)
    return environment.get_template("report.html").render(**words, figures=pictures, pictures=embedded)


def _pictures(study: Study, tables: dict[str, pd.DataFrame], language: Language) -> list[Picture]:
    place, source, found = place_of(study, language), people_source(study, language), []
    if study.has_people:
        bands = tables["bands"]
        found += plots.fan_pictures(bands, tables["history"], place, source=source, language=language)
        past, pyramids = tables["pyramids_past"], tables["pyramids"]
        found.append(pyramid_plots.pyramid_picture(past, pyramids, place, source=source, language=language))
        found.append(plots.paths_picture(tables["paths"], bands, place, source=source, language=language))
    if study.scenarios:
        changed = tables["scenario_differences"]
        found.append(scenario_plots.scenario_picture(tables["scenarios"], place, source=source, language=language))
        found.append(scenario_plots.difference_picture(changed, place, source=source, language=language))
    if study.quota is not None:
        growth = tables["growth_with_plan"]
        found.append(plan_plots.quota_picture(tables["quota_plan"], growth, study, language=language))
    if study.staffing is not None:
        bands = tables["backlog_bands"]
        found.append(queue_plots.queue_picture(bands, tables["ledger"], study, language=language))
        if study.staffing.promised is not None:
            found.append(queue_plots.wait_picture(bands, tables["promise"], study, language=language))
        found.append(queue_plots.officers_picture(tables["staffing_plan"], study, language=language))
    return found


def _languages(study: Study) -> list[Language]:
    return [Language(code) for code in dict.fromkeys(study.outputs.languages)]


def _suffix(study: Study, language: Language) -> str:
    """What tells the files of a study's further languages from those of its first."""
    return "" if language.code == study.outputs.languages[0] else f".{language.code}"


def _figure_file(study: Study, picture: Picture) -> str:
    return f"figures/{picture.name}{_suffix(study, picture.language)}.png"


def _listed(study: Study, earlier: list[dict[str, Any]], pictures: list[Picture]) -> list[dict[str, Any]]:
    """The pictures for the summary: those of other languages stay listed."""
    drawn = [
        {
            "file": _figure_file(study, picture),
            "name": picture.name,
            "language": picture.language.code,
            "title": picture.title,
            "alt": picture.alt,
            "source": picture.source,
        }
        for picture in pictures
    ]
    files = {figure["file"] for figure in drawn}
    return [figure for figure in earlier if figure["file"] not in files] + drawn


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
