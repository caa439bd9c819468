"""Names that a reader knows in place of codes."""

from __future__ import annotations

import pycountry

from ..data.countries import KOSOVO

__all__ = ["country_name"]


def country_name(code: str) -> str:
    """Common name of a country, or the code where it has none.

    Parameters
    ----------
    code : str
        ISO 3166-1 alpha-3.

    Returns
    -------
    str

    Examples
    --------
    >>> country_name("MEX"), country_name("XKX")
    ('Mexico', 'Kosovo')
    """
    found = pycountry.countries.get(alpha_3=code)
    if found is None:
        return "Kosovo" if code == KOSOVO else code
    return getattr(found, "common_name", found.name)
