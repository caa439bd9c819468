"""Figures of agencies that planners check their answers against: one row a figure, its source beside it."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = ("agency", "country", "measure", "period", "value", "unit", "source", "note")

_STUDY: Final = "El Colegio de México 2021, study of migration and foreign policy"
_CRS: Final = "Congressional Research Service R47637 (2023)"
_EOIR: Final = "EOIR statistics as quoted by the study and CRS R47637"
_RETURNED: Final = "born in Mexico, lived in the United States five years before"
_MINORS: Final = "born in the United States, lived there five years before; all taken to be minors"

FIGURES: Final = (
    ("COMAR", "MEX", "applications", "2015", 3423, "persons", _STUDY, "calendar year"),
    ("COMAR", "MEX", "applications", "2019", 70418, "persons", _STUDY, "calendar year"),
    ("COMAR", "MEX", "applications", "2021-01/2021-05", 41195, "persons", _STUDY, "five months"),
    (
        "COMAR",
        "MEX",
        "share in Chiapas and Tabasco, low",
        "2013/2021",
        0.63,
        "share",
        _STUDY,
        "least by year",
    ),
    (
        "COMAR",
        "MEX",
        "share in Chiapas and Tabasco, high",
        "2013/2021",
        0.80,
        "share",
        _STUDY,
        "greatest by year",
    ),
    ("COMAR", "MEX", "applications", "2013-01/2021-03", 170000, "persons", _STUDY, "about"),
    (
        "COMAR",
        "MEX",
        "share resolved",
        "2013-01/2021-03",
        0.43,
        "share",
        _STUDY,
        "of the applications since 2013",
    ),
    ("COMAR", "MEX", "waiting", "2021-03", 100000, "persons", _STUDY, "almost"),
    ("COMAR", "MEX", "staff", "2019", 48, "officers", _STUDY, ""),
    ("COMAR", "MEX", "staff", "2020-03", 140, "officers", _STUDY, ""),
    ("COMAR", "MEX", "offices", "2019", 4, "offices", _STUDY, "before the enlargement of 2019-20"),
    ("COMAR", "MEX", "offices", "2020-03", 7, "offices", _STUDY, "after the enlargement of 2019-20"),
    ("COMAR", "MEX", "budget", "2019", 20.8, "million pesos", _STUDY, ""),
    ("COMAR", "MEX", "budget", "2020", 47.4, "million pesos", _STUDY, ""),
    ("COMAR", "MEX", "budget", "2021", 100, "million pesos", _STUDY, "about"),
    ("COMAR", "MEX", "legal limit of the wait", "2021", 45, "working days", _STUDY, "ordinary"),
    (
        "COMAR",
        "MEX",
        "legal limit of the wait, exceptional",
        "2021",
        90,
        "working days",
        _STUDY,
        "exceptional cases",
    ),
    ("All", "MEX", "seeking protection", "2021", 228984, "persons", _STUDY, "COMAR, metering lists and MPP"),
    ("COMAR", "MEX", "seeking protection", "2021", 170301, "persons", _STUDY, "part of 228,984"),
    ("Metering lists", "MEX", "seeking protection", "2021", 18683, "persons", _STUDY, "part of 228,984"),
    ("MPP", "MEX", "seeking protection", "2021", 40000, "persons", _STUDY, "about; part of 228,984"),
    ("EOIR", "USA", "average wait", "FY2019", 1030, "days", _STUDY, "mean age of pending cases"),
    ("EOIR", "USA", "immigration judges", "2023-07", 649, "judges", _CRS, ""),
    ("EOIR", "USA", "pending", "2023-07", 2000000, "cases", _CRS, "about"),
    ("EOIR", "USA", "further judges at which the backlog begins to fall", "2023-07", 300, "judges", _CRS, ""),
    ("EOIR", "USA", "further judges that clear the backlog by FY2032", "2023-07", 700, "judges", _CRS, ""),
    ("EOIR", "USA", "completions per judge-year", "FY2015", 807, "cases per judge-year", _EOIR, ""),
    ("EOIR", "USA", "completions per judge-year", "FY2018", 678, "cases per judge-year", _EOIR, ""),
    ("Census", "MEX", "returned", "2005/2010", 825000, "persons", _STUDY, _RETURNED),
    ("Census", "MEX", "returned", "2010/2015", 442000, "persons", _STUDY, _RETURNED),
    ("Census", "MEX", "returned", "2015/2020", 294000, "persons", _STUDY, _RETURNED),
    ("Census", "MEX", "minors", "2005/2010", 316000, "persons", _STUDY, _MINORS),
    ("Census", "MEX", "minors", "2010/2015", 218000, "persons", _STUDY, _MINORS),
    ("Census", "MEX", "minors", "2015/2020", 181000, "persons", _STUDY, _MINORS),
    ("Consulates", "MEX", "cases", "2019", 195161, "cases", _STUDY, "help to Mexicans in the United States"),
    ("Consulates", "MEX", "cases", "2020", 68063, "cases", _STUDY, "help to Mexicans in the United States"),
)
"""Figures that planners ask about and that stand in no table; the annual series are added by `tabulate`."""

COMAR_SERIES: Final = "COMAR annual figures as published in the press"
EOIR_NOTES: Final = {
    "2021-04-19": "vintage 2021-04-19: removal, deportation, exclusion, asylum- and withholding-only cases",
    "2025-07-31": "vintage 2025-07-31: a wider count of pending, revised by EOIR; the excess has the "
    "size of its inactive (administratively closed) cases",
}
"""What 'pending' counts in each vintage: the definitions differ and the vintages must not be joined."""
