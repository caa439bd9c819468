"""Codes of countries."""

import pytest
from poblar.data.countries import from_m49, is_country, nearest


@pytest.mark.parametrize(("number", "code"), [(484, "MEX"), (4, "AFG"), (412, "XKX"), (900, None), (1830, None)])
def test_m49_numbers(number: int, code: str | None) -> None:
    assert from_m49(number) == code


@pytest.mark.parametrize("code", ["mex", "MX", "", "World", "ZZZ"])
def test_what_is_no_code(code: str) -> None:
    assert not is_country(code)


@pytest.mark.parametrize(
    ("text", "code"),
    [("mex", "MEX"), ("484", "MEX"), ("El Salvador", "SLV"), ("Hondurass", "HND"), ("%%", None)],
)
def test_the_nearest_code(text: str, code: str | None) -> None:
    assert nearest(text) == code
