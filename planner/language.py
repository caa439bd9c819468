"""The language of a page: words from a catalogue, numbers, months and countries as its readers write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import floor, log10
from pathlib import Path
from typing import Final, Literal

import pandas as pd
import pycountry
from babel import Locale
from babel.dates import format_skeleton
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from .names import country_name

__all__ = ["ENGLISH", "Code", "Language"]

Code = Literal["en", "es"]

LOCALES: Final = {"en": Locale("en"), "es": Locale("es", "MX")}
FOLDER: Final = Path(__file__).parent / "locale"
SAID = "said"
"""Context of sentences that other rooms say in English, with the parts that change in braces."""
NAME = "name"
"""Context of names that a plan file has by default; others are the planner's own, and stay."""

KINDS: Final = {
    "n": r"[-+\N{MINUS SIGN}]?\d[\d,.]*",
    "percent": r"[-\N{MINUS SIGN}]?[\d.,]+ %",
    "year": r"\d{4}",
    "span": r"\d{4}(?:-\d{4})?",
    "month": r"\d{4}-\d{2}",
    "list": r"[-\d ,.()%]+",
    "name": r".+?",
    "part": r".+",
}
"""What the part of a sentence in braces may be, by its name less the digits at the end; a `part` is a sentence too."""


@dataclass(frozen=True)
class Language:
    """A language that reports are written in.

    Parameters
    ----------
    code : str
        ``"en"`` or ``"es"``, the Spanish of Mexico.

    Examples
    --------
    >>> Language("es").say("Admissions by year, persons")
    'Admisiones por año, personas'
    >>> Language("es").sentence("at most 600 hires a quarter, in 8 quarters")
    'a lo más 600 contrataciones por trimestre, en 8 trimestres'
    """

    code: Code = "en"

    def say(self, text: str, **values: object) -> str:
        """A text of ours in this language, with values in place of the names in braces.

        Parameters
        ----------
        text : str
            In English, as the catalogue has it.
        **values : object
            Written already as this language writes them.

        Returns
        -------
        str

        Examples
        --------
        >>> ENGLISH.say("{n} in {year}", n="1.2", year=2050)
        '1.2 in 2050'
        """
        found = _texts(self.code).get(text, text)
        return _together(found.format(**values) if values else found)

    def name(self, text: str) -> str:
        """A name that a plan file has by default in this language; one that a planner gave stays.

        Examples
        --------
        >>> Language("es").name("workers"), Language("es").name("Nurses of Ontario")
        ('trabajadores', 'Nurses of Ontario')
        """
        return _texts(self.code, NAME).get(text, text)

    def sentence(self, text: str) -> str:
        """A sentence of another room in this language, its months in words; one that nobody knows stays English.

        Parameters
        ----------
        text : str
            As plans and findings say it.

        Returns
        -------
        str

        Examples
        --------
        >>> ENGLISH.sentence("a decision within 6 months for everyone who applies from 2031-01 on")
        'a decision within 6 months for everyone who applies from January 2031 on'
        """
        found = self._translated(text)
        found = re.sub(r"(?<!\w)-(?=\d)", "\N{MINUS SIGN}", text if found is None else found)
        return _together(re.sub(r"\b\d{4}-\d{2}\b(?!-)", lambda one: self.month(one[0]), found))

    def knows(self, text: str) -> bool:
        """Whether a sentence of another room can be said in this language.

        Examples
        --------
        >>> Language("es").knows("those admitted fly")
        False
        """
        return self._translated(text) is not None

    def number(self, value: float, digits: int = 0) -> str:
        """A number with its thousands apart.

        Examples
        --------
        >>> ENGLISH.number(-1234.56, 1)
        '−1,234.6'
        """
        form = "#,##0" + ("." + "0" * digits if digits else "")
        return _signed(format_decimal(round(value, digits) + 0.0, format=form, locale=LOCALES[self.code]))

    def rounded(self, value: float, figures: int = 2) -> str:
        """A number to two figures, in words for millions: what a sentence says where a table has the rest.

        Examples
        --------
        >>> ENGLISH.rounded(311142), ENGLISH.rounded(21510041), Language("es").rounded(1_630_318)
        ('310,000', '22 million', '1.6 millones')
        """
        if value == 0:
            return "0"
        kept = round(value, figures - 1 - floor(log10(abs(value))))
        if abs(kept) < 1e6:
            return self.number(kept, 0 if abs(kept) >= 10 else 1)
        digits = 1 if abs(kept) < 1e7 else 0
        return self.say("{n} million", n=self.number(kept / 1e6, digits))

    def percent(self, share: float, digits: int = 0) -> str:
        """A share in percent.

        Examples
        --------
        >>> ENGLISH.percent(0.914, 1)
        '91.4\\xa0%'
        """
        return f"{self.number(100.0 * share, digits)}\N{NO-BREAK SPACE}%"

    def month(self, when: str | pd.Timestamp) -> str:
        """A month in words.

        Examples
        --------
        >>> ENGLISH.month("2031-01"), Language("es").month("2031-01")
        ('January 2031', 'enero de 2031')
        """
        at = pd.Timestamp(when)
        return format_skeleton("yMMMM", date(at.year, at.month, 1), locale=LOCALES[self.code])

    def country(self, code: str) -> str:
        """A country's common name, or the code where it has none.

        Examples
        --------
        >>> Language("es").country("USA"), ENGLISH.country("USA")
        ('Estados Unidos', 'United States')
        """
        found = pycountry.countries.get(alpha_3=code)
        if self.code == "en" or found is None:
            return country_name(code)
        return LOCALES[self.code].territories.get(found.alpha_2, country_name(code))

    def listed(self, items: list[str]) -> str:
        """Items in a row: a, b and c.

        Examples
        --------
        >>> ENGLISH.listed(["births", "deaths", "migration"])
        'births, deaths and migration'
        """
        if len(items) < 2:
            return "".join(items)
        return self.say("{first} and {last}", first=", ".join(items[:-1]), last=items[-1])

    def _translated(self, text: str) -> str | None:
        """The sentence, with each part that is a sentence translated in turn; None if one of them is unknown."""
        if self.code == "en":
            return text
        for pattern, words in _patterns(self.code):
            match = pattern.fullmatch(text)
            if match is None:
                continue
            parts: dict[str, str | None] = {
                name: self._translated(value) if _kind(name) == "part" else self.name(value)
                for name, value in match.groupdict().items()
            }
            if None not in parts.values():
                return words.format(**parts)
        return None


ENGLISH: Final = Language()
"""The language that texts are written in."""


@cache
def _catalogue(code: str) -> tuple[tuple[str | None, str, str], ...]:
    if code == "en":
        return ()
    with (FOLDER / code / "LC_MESSAGES" / "poblar.po").open("rb") as stream:
        messages = read_po(stream, locale=code, abort_invalid=True)
    return tuple((m.context, str(m.id), str(m.string)) for m in messages if m.id and m.string)


@cache
def _texts(code: str, context: str | None = None) -> dict[str, str]:
    return {text: words for where, text, words in _catalogue(code) if where == context}


@cache
def _patterns(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is said in the most words comes first: it is the most particular."""
    said = sorted(_texts(code, SAID).items(), key=lambda one: -len(re.sub(r"\{.*?\}", "", one[0])))
    return tuple((re.compile(_expression(text), re.DOTALL), words) for text, words in said)


def _expression(text: str) -> str:
    parts = re.split(r"\{(\w+)\}", text)
    return "".join(
        f"(?P<{part}>{KINDS[_kind(part)]})" if position % 2 else re.escape(part) for position, part in enumerate(parts)
    )


def _kind(name: str) -> str:
    return name.rstrip("0123456789")


def _together(text: str) -> str:
    """The text with every percent sign on the line of its number."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
