"""Country codes: ISO 3166-1 alpha-3 inside, the UN's M49 numbers at the door."""

from __future__ import annotations

import difflib
from typing import Final

import pycountry

__all__ = ["KOSOVO", "from_m49", "is_country", "is_own", "nearest"]

KOSOVO: Final = "XKX"
"""Code of Kosovo (M49 412): ISO 3166 reserves XKX for its users and the UN's bulk tables use it so."""

_KOSOVO_M49: Final = 412


def is_country(code: str) -> bool:
    """Whether `code` is an ISO 3166-1 alpha-3 code, or one that ISO leaves to its users.

    Parameters
    ----------
    code : str
        For example ``"MEX"``.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_country("MEX"), is_country("MX")
    (True, False)
    """
    found = pycountry.countries.get(alpha_3=code)  # finds "mex" too
    return is_own(code) or (found is not None and found.alpha_3 == code)


def is_own(code: str) -> bool:
    """Whether `code` is one of XAA to XXZ, which ISO 3166 leaves to its users: a region or agency of one's own, Kosovo.

    Parameters
    ----------
    code : str
        For example ``"XJA"``.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_own("XJA"), is_own("MEX")
    (True, False)
    """
    return len(code) == 3 and "XAA" <= code <= "XXZ" and code.isalpha() and code.isupper()


def from_m49(number: int) -> str | None:
    """ISO 3166-1 alpha-3 code of a UN M49 number; None where no country has it (regions have none).

    Parameters
    ----------
    number : int
        M49 number, which for countries is the ISO 3166-1 numeric code.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from_m49(484), from_m49(412), from_m49(900)
    ('MEX', 'XKX', None)
    """
    if number == _KOSOVO_M49:
        return KOSOVO
    country = pycountry.countries.get(numeric=f"{number:03d}")
    return None if country is None else country.alpha_3


def nearest(text: str) -> str | None:
    """The alpha-3 code that `text` may have meant, or None.

    Parameters
    ----------
    text : str
        A name, an alpha-2 or numeric code, or a code with a slip in it.

    Returns
    -------
    str or None

    Examples
    --------
    >>> nearest("Mexico"), nearest("MX"), nearest("MEXX"), nearest("?")
    ('MEX', 'MEX', 'MEX', None)
    """
    try:
        return pycountry.countries.lookup(text).alpha_3
    except LookupError:
        pass
    codes = {name: country.alpha_3 for country in pycountry.countries for name in (country.alpha_3, country.name)}
    for spelling in (text.upper(), text.title()):
        if match := difflib.get_close_matches(spelling, codes, n=1, cutoff=0.6):
            return codes[match[0]]
    return None
