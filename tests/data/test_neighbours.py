"""Neighbours by land border and by subregion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import poblar.data.reference as bundled
import pytest
from poblar.data import DataError
from poblar.data._table import read_table
from poblar.data.countries import from_m49
from poblar.data.neighbours import contiguous, same_subregion, subregion
from poblar.data.reference import COUNTRIES

FOLDER = Path(bundled.__file__).parent
Relation = Callable[[Sequence[str]], np.ndarray]


@pytest.fixture(scope="module")
def world() -> list[str]:
    return read_table(FOLDER / "subregions.csv")["iso3"].tolist()


@pytest.fixture(scope="module")
def neighbours(world: list[str]) -> dict[str, set[str]]:
    touch, codes = contiguous(world), np.array(world)
    return {code: set(codes[row]) for code, row in zip(world, touch, strict=True)}


@pytest.mark.parametrize("relation", [contiguous, same_subregion])
def test_neighbours_are_mutual_and_none_is_its_own(relation: Relation, world: list[str]) -> None:
    matrix = relation(world)
    assert matrix.shape == (len(world), len(world))
    assert matrix.dtype == bool
    assert (matrix == matrix.T).all()
    assert not matrix.diagonal().any()


@pytest.mark.parametrize("relation", [contiguous, same_subregion])
def test_the_order_asked_for_is_the_order_given(relation: Relation, world: list[str]) -> None:
    order = np.random.default_rng(1).permutation(len(world))[:60]
    part = relation([world[i] for i in order])
    np.testing.assert_array_equal(part, relation(world)[np.ix_(order, order)])


@pytest.mark.parametrize(
    ("country", "count"),
    [
        ("CHN", 14 + 2),  # with Hong Kong and Macao
        ("RUS", 14),
        ("BRA", 10),  # with French Guiana
        ("DEU", 9),
        ("COD", 9),
        ("SDN", 7),
        ("FRA", 8),
        ("ESP", 5),  # with Gibraltar, and Morocco at Ceuta and Melilla
        ("AUT", 8),
        ("SRB", 8),
        ("TUR", 8),
        ("TZA", 8),
        ("ZMB", 8),
        ("DZA", 7),
        ("MLI", 7),
        ("NER", 7),
        ("SAU", 7),
        ("IRN", 7),
        ("HUN", 7),
        ("POL", 7),
        ("UKR", 7),
        ("AFG", 6),
        ("IND", 6),
        ("ETH", 6),
        ("SSD", 6),
        ("ZAF", 6),
        ("ARG", 5),
        ("COL", 5),
        ("PER", 5),
        ("VNM", 3),
        ("USA", 2),
        ("CAN", 1),
        ("PRT", 1),
    ],
)
def test_countries_have_the_neighbours_that_atlases_count(
    neighbours: dict[str, set[str]], country: str, count: int
) -> None:
    assert len(neighbours[country]) == count


@pytest.mark.parametrize(
    ("country", "others"),
    [
        ("MEX", {"USA", "GTM", "BLZ"}),
        ("GUF", {"BRA", "SUR"}),
        ("MAF", {"SXM"}),
        ("GIB", {"ESP"}),
        ("HKG", {"CHN"}),
        ("MAC", {"CHN"}),
        ("XKX", {"ALB", "MKD", "MNE", "SRB"}),
        ("ESH", {"DZA", "MAR", "MRT"}),
        ("PSE", {"EGY", "ISR", "JOR"}),
        ("LSO", {"ZAF"}),
        ("VAT", {"ITA"}),
        ("PNG", {"IDN"}),
        ("HTI", {"DOM"}),
        ("ZWE", {"BWA", "MOZ", "ZAF", "ZMB"}),  # not Namibia, whose corner is 150 m away
        ("QAT", {"SAU"}),
    ],
)
def test_the_neighbours_of_the_cases_that_are_easily_got_wrong(
    neighbours: dict[str, set[str]], country: str, others: set[str]
) -> None:
    assert neighbours[country] == others


def test_islands_have_no_land_border(neighbours: dict[str, set[str]]) -> None:
    # Causeways (Bahrain, Singapore) are none; nor is a base on Cyprus or Cuba.
    islands = ["AUS", "BHR", "CUB", "CYP", "GRL", "ISL", "JPN", "LKA", "MDG", "MLT", "NZL", "PHL", "PRI", "SGP", "TWN"]
    assert [code for code in islands if neighbours[code]] == []


def test_each_border_stands_once_between_known_codes(world: list[str]) -> None:
    table = read_table(FOLDER / "borders.csv")
    pairs = list(zip(table["iso3"], table["neighbour"], strict=True))
    assert pairs == sorted(set(pairs))
    assert all(one < other for one, other in pairs)
    assert {code for pair in pairs for code in pair} <= set(world)


def test_what_hangs_together_by_land(neighbours: dict[str, set[str]]) -> None:
    """The old world, the Americas and three islands that are shared: no border is missing that would part them."""
    pieces, left = [], {code for code, others in neighbours.items() if others}
    while left:
        piece, edge = set(), {min(left)}
        while edge:
            piece |= edge
            edge = {other for code in edge for other in neighbours[code]} - piece
        pieces.append(piece)
        left -= piece
    assert {"PRT", "ZAF", "MYS"} <= max(pieces, key=len)
    assert {"CAN", "CHL", "GUF"} <= sorted(pieces, key=len)[-2]
    shared = sorted(sorted(piece) for piece in pieces if len(piece) < 10)
    # Borneo, Timor and New Guinea belong to the old world through Malaysia, which is on both sides of the sea.
    assert shared == [["DOM", "HTI"], ["GBR", "IRL"], ["MAF", "SXM"]]


def test_the_six_countries() -> None:
    assert [subregion(code) for code in COUNTRIES] == ["Northern America"] * 2 + ["Central America"] * 4
    assert int(same_subregion(COUNTRIES).sum()) == 2 * (1 + 6)
    touching = np.argwhere(np.triu(contiguous(COUNTRIES)))
    assert [(COUNTRIES[i], COUNTRIES[j]) for i, j in touching] == [
        ("CAN", "USA"),
        ("USA", "MEX"),
        ("MEX", "GTM"),
        ("GTM", "HND"),
        ("GTM", "SLV"),
        ("HND", "SLV"),
    ]


def test_there_are_22_subregions_in_6_areas() -> None:
    table = read_table(FOLDER / "subregions.csv")
    assert table["iso3"].is_unique
    assert table["subregion"].nunique() == 22
    assert table["area"].nunique() == 6
    assert (table.groupby("subregion")["area"].nunique() == 1).all()


def test_every_country_of_wpp_has_the_subregion_that_wpp_gives(wpp_folder: Path) -> None:
    places = read_table(wpp_folder / "UNlocations.txt", sep="\t")
    places = places[places["location_type"] == "4"]
    # Northern America is an area without parts: WPP gives its countries no region.
    names = places["reg_name"].where(places["reg_name"] != "", places["area_name"])
    codes = [from_m49(int(number)) for number in places["country_code"]]
    expected = dict(zip(codes, zip(names, places["area_name"], strict=True), strict=True))
    table = read_table(FOLDER / "subregions.csv")
    assert dict(zip(table["iso3"], zip(table["subregion"], table["area"], strict=True), strict=True)) == expected


def test_an_unknown_code_is_named_with_what_may_be_meant() -> None:
    with pytest.raises(DataError, match="found 'mex'; did you mean 'MEX'"):
        subregion("mex")
    with pytest.raises(DataError, match="found 'ATA'; look the code up"):  # nobody lives there
        contiguous(["CHL", "ATA"])
    with pytest.raises(DataError, match="found 'Narnia'"):
        same_subregion(["MEX", "Narnia"])


@pytest.mark.parametrize("relation", [contiguous, same_subregion])
def test_a_country_stands_once(relation: Relation) -> None:
    with pytest.raises(DataError, match="expected each country once, found MEX twice"):
        relation(["MEX", "USA", "MEX"])
    assert relation([]).shape == (0, 0)
