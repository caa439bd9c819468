"""What a place is called, and whose figures a picture of it shows: the United Nations', UNHCR's, or one's own."""

from __future__ import annotations

from .language import ENGLISH, Language
from .study import Study

__all__ = ["UNITED_NATIONS", "ledger_source", "people_source", "place_of", "plan_source"]

UNITED_NATIONS = "United Nations, World Population Prospects 2024"
LEDGER = "UNHCR, Refugee Data Finder; officers: COMAR"


def place_of(study: Study, language: Language = ENGLISH) -> str:
    """What a study's place is called in a language: by the name of its plan file, or by that of the country.

    Parameters
    ----------
    study : Study
        Whose.
    language : Language
        Of the page.

    Returns
    -------
    str

    Examples
    --------
    >>> place_of(Study(country="USA"), Language("es"))
    'Estados Unidos'
    """
    return study.data.name or language.country(study.country)


def people_source(study: Study | None = None, language: Language = ENGLISH) -> str:
    """Who published the population's figures, and what made the forecast.

    Parameters
    ----------
    study : Study, optional
        Whose; by default one of bundled figures.
    language : Language
        Of the picture.

    Returns
    -------
    str

    Examples
    --------
    >>> people_source()[:59]
    'Observed: United Nations, World Population Prospects 2024. '
    """
    return language.say(
        "Observed: {origin}. Forecast: poblar; bands hold 50, 80 and 95 % of the draws.",
        origin=_people(study, language),
    )


def plan_source(study: Study, language: Language = ENGLISH) -> str:
    """Who published the figures behind a plan of admissions.

    Parameters
    ----------
    study : Study
        Whose.
    language : Language
        Of the picture.

    Returns
    -------
    str

    Examples
    --------
    >>> plan_source(Study(data={"source": "own", "rates": "r", "population": "p", "origin": "INEGI, 2026"}))[:21]
    'Figures: INEGI, 2026.'
    """
    return language.say(
        "Figures: {origin}. Plan and bands (50, 80, 95 % of the draws): poblar.", origin=_people(study, language)
    )


def ledger_source(study: Study, language: Language = ENGLISH) -> str:
    """Who published the ledger.

    Parameters
    ----------
    study : Study
        Whose.
    language : Language
        Of the picture.

    Returns
    -------
    str

    Examples
    --------
    >>> ledger_source(Study())[:37]
    'Ledger: UNHCR, Refugee Data Finder; o'
    """
    own = study.data.ledger is not None
    origin = _own(study, language) if own else language.say(LEDGER)
    return language.say("Ledger: {origin}. Plan and bands (50, 80, 95 % of the draws): poblar.", origin=origin)


def _people(study: Study | None, language: Language) -> str:
    if study is not None and study.data.source == "own":
        return _own(study, language)
    return language.say(UNITED_NATIONS)


def _own(study: Study, language: Language) -> str:
    return language.name(study.data.origin.rstrip("."))
