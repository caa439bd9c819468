"""Who is whose neighbour: land borders, and the UN's subregions, of all countries and areas of WPP 2024.

Forecasts of countries that touch, or that lie in one subregion, tend to be off in the same direction; the two
matrices say which pairs those are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ._table import read_table
from .countries import is_own, nearest
from .errors import DataError

__all__ = ["contiguous", "same_subregion", "subregion"]

_FOLDER: Final = Path(__file__).parent / "reference"


def subregion(country: str) -> str:
    """The UN subregion in which a country lies, one of 22; a place of one's own is alone in its own.

    Names are those of WPP 2024.

    Parameters
    ----------
    country : str
        ISO 3166-1 alpha-3 code, XKX for Kosovo; or a code of one's own, XAA to XXZ.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If the code is none of a country or area of WPP 2024.

    References
    ----------
    United Nations (2024), World Population Prospects 2024.

    Examples
    --------
    >>> subregion("MEX"), subregion("USA"), subregion("XKX")
    ('Central America', 'Northern America', 'Southern Europe')
    """
    found = _subregions().get(country, country if is_own(country) else None)
    if found is None:
        raise _unknown(country)
    return found


def contiguous(countries: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which pairs of countries share a land border.

    A river or lake that two countries divide counts as land; the sea, bridges and tunnels do not. Spain's border with
    Morocco is that of Ceuta and Melilla. Areas that WPP counts apart (French Guiana, Hong Kong, Gibraltar) have
    borders of their own.

    Parameters
    ----------
    countries : sequence of str
        ISO 3166-1 alpha-3 codes, each once.

    Returns
    -------
    numpy.ndarray
        Shape (n, n), in the order of `countries`: symmetric, False on the diagonal.

    Raises
    ------
    DataError
        If a code is none of a country or area of WPP 2024, or stands there twice.

    References
    ----------
    Fosdick, B. K. and Raftery, A. E. (2014), Regional probabilistic fertility forecasting by modeling between-country
    correlations, Demographic Research 30 (35), 1011-1034: one of the covariates of the correlation between countries.

    Examples
    --------
    >>> contiguous(["CAN", "USA", "MEX"]).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    codes = _known(countries)
    place = {code: i for i, code in enumerate(codes)}
    touch = np.zeros((len(codes), len(codes)), dtype=bool)
    for one, other in _borders():
        if one in place and other in place:
            touch[place[one], place[other]] = touch[place[other], place[one]] = True
    return touch


def same_subregion(countries: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which pairs of different countries lie in one subregion of the UN.

    Parameters
    ----------
    countries : sequence of str
        ISO 3166-1 alpha-3 codes, each once.

    Returns
    -------
    numpy.ndarray
        Shape (n, n), in the order of `countries`: symmetric, False on the diagonal.

    Raises
    ------
    DataError
        If a code is none of a country or area of WPP 2024, or stands there twice.

    References
    ----------
    Fosdick, B. K. and Raftery, A. E. (2014), Regional probabilistic fertility forecasting by modeling between-country
    correlations, Demographic Research 30 (35), 1011-1034: one of the covariates of the correlation between countries.

    Examples
    --------
    >>> same_subregion(["MEX", "USA", "GTM"]).astype(int)
    array([[0, 0, 1],
           [0, 0, 0],
           [1, 0, 0]])
    """
    names = np.array([subregion(code) for code in _known(countries)], dtype=str)
    return (names[:, None] == names[None, :]) & ~np.eye(len(names), dtype=bool)


@cache
def _subregions() -> dict[str, str]:
    table = read_table(_FOLDER / "subregions.csv", columns=["iso3", "subregion"])
    return dict(zip(table["iso3"], table["subregion"], strict=True))


@cache
def _borders() -> frozenset[tuple[str, str]]:
    """Each border once, the codes in alphabetical order."""
    table = read_table(_FOLDER / "borders.csv", columns=["iso3", "neighbour"])
    return frozenset(zip(table["iso3"], table["neighbour"], strict=True))


def _known(countries: Sequence[str]) -> list[str]:
    codes = [countries] if isinstance(countries, str) else list(countries)
    for i, code in enumerate(codes):
        if code not in _subregions() and not is_own(code):
            raise _unknown(code)
        if code in codes[:i]:
            raise DataError(expected="each country once", found=f"{code} twice", remedy="drop the second")
    return codes


def _unknown(code: str) -> DataError:
    guess = nearest(str(code))
    meant = guess in _subregions() and guess != code
    return DataError(
        expected="the ISO 3166-1 alpha-3 code of a country or area of WPP 2024",
        found=repr(code),
        remedy=f"did you mean {guess!r}?" if meant else "look the code up, e.g. 'MEX' for Mexico",
    )
