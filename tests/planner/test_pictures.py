"""Pictures, printed and interactive: the figures of the tables, with units, sources and names as they are."""

from __future__ import annotations

import io
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from poblar.planner import Study, interactive, report
from poblar.planner._plotly import escaped
from poblar.planner._style import SERIES, canvas, plain, ticks
from poblar.planner.check_plots import calibration_picture
from poblar.planner.files import read_tables
from poblar.planner.language import ENGLISH, Language
from poblar.planner.measures import MEASURES
from poblar.planner.plan_plots import COLOUR, quota_picture
from poblar.planner.plots import multiples_picture, paths_picture
from poblar.planner.pyramid_plots import moving_pyramid, pyramid_picture, shown_years
from poblar.planner.queue_plots import by_quarter
from poblar.planner.scenario_plots import difference_picture, line_of, scenario_picture

HOSTILE = "<b>A</b> & $x_1$ %{x} \N{SHAMROCK}\N{VARIATION SELECTOR-16}🦜"
SPANISH = Language("es")


@pytest.fixture(scope="module")
def tables(demo: Path) -> dict[str, pd.DataFrame]:
    return read_tables(demo)


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(until=2050)


@pytest.fixture
def bands() -> pd.DataFrame:
    """Bands of six countries."""
    years, rows = np.arange(2024, 2051), []
    for at, country in enumerate(("CAN", "USA", "MEX", "GTM", "HND", "SLV")):
        middle = 1.5 + 0.1 * at + 0.0 * years
        ends = {
            f"{side}{level}": middle + sign * level / 200
            for side, sign in (("lower", -1), ("upper", 1))
            for level in (50, 80, 95)
        }
        rows.append(
            pd.DataFrame(
                {"indicator": "tfr", "country": country, "sex": "both", "year": years, "median": middle, **ends}
            )
        )
    return pd.concat(rows, ignore_index=True)


def _two_categories() -> tuple[Study, pd.DataFrame]:
    levers = [
        {"category": "workers", "at_least": 1000.0, "at_most": 9000.0},
        {"category": HOSTILE, "profile": "student"},
    ]
    years = np.arange(2027, 2051)
    plan = pd.concat(
        [
            pd.DataFrame({"category": name, "year": years, "admissions": value})
            for name, value in (("workers", 5000.0), (HOSTILE, 200.0))
        ]
    )
    return Study.model_validate({"quota": {"levers": levers}}), plan


def test_figures_of_ones_own_are_not_said_to_be_the_united_nations(tables: dict[str, pd.DataFrame]) -> None:
    own = {
        "source": "own",
        "rates": "r.csv",
        "population": "p.csv",
        "ledger": "l.csv",
        "origin": "Statistics Office, 2026",
        "name": "Here",
    }
    study = Study.model_validate(
        {
            "data": own,
            "until": 2050,
            "scenarios": [{"name": "nobody migrates", "changes": [{"change": "multiply", "on": "migration", "by": 0}]}],
        }
    )
    for language in (ENGLISH, SPANISH):
        for picture in report._pictures(study, tables, language):
            if picture.name != "officers":
                assert "Statistics Office, 2026" in picture.source
            assert not re.search(
                "United Nations|Naciones Unidas|UNHCR|ACNUR|COMAR|Mexico|México", picture.source + picture.title
            )


def test_bundled_figures_name_their_publishers(tables: dict[str, pd.DataFrame], study: Study) -> None:
    sources = {picture.name: picture.source for picture in report._pictures(study, tables, ENGLISH)}
    assert {name for name, source in sources.items() if "UNHCR" in source} == {"queue", "wait"}
    assert all(
        "United Nations" in source for name, source in sources.items() if name not in ("queue", "wait", "officers")
    )


def test_every_picture_states_units_and_figures_in_both_languages(
    tables: dict[str, pd.DataFrame], study: Study
) -> None:
    english, spanish = (
        {p.name: p for p in report._pictures(study, tables, language)} for language in (ENGLISH, SPANISH)
    )
    for name, picture in english.items():
        other = spanish[name]
        labels = [axis.get_ylabel() for axis in picture.figure.axes if axis.get_visible()]
        assert any(labels), name
        assert picture.alt != other.alt
        assert picture.source != other.source
        assert re.findall(r"\d+(?:\.\d+)?", picture.alt)
        assert re.findall(r"[\d,.]+\d", picture.alt) == re.findall(r"[\d,.]+\d", other.alt), "the same figures in both"


def test_the_same_tables_give_the_same_bytes(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    def drawn() -> tuple[bytes, bytes]:
        stream = io.BytesIO()
        picture = paths_picture(tables["paths"], tables["bands"], "Mexico")
        picture.figure.savefig(stream, metadata={"Software": None})
        moved = moving_pyramid(tables["pyramids_past"], tables["pyramids"], "Mexico", tmp_path / "p.gif")
        return stream.getvalue(), moved.read_bytes()

    assert drawn() == drawn()


def test_numbers_on_an_axis_are_those_drawn_there() -> None:
    _, axes = canvas()
    axis = axes.flat[0]
    ticks(axis, ENGLISH)
    axis.set_yticks([0.5, 0.75, 1.0, 1250.25])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["0.50", "0.75", "1.00", "1,250.25"]
    axis.set_yticks([1, 2])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["1", "2"]


def test_names_are_drawn_as_they_are_written() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, axes = canvas()
        axes.flat[0].set_title(plain(HOSTILE))
        figure.savefig(io.BytesIO())
    assert plain("5 $ and 6 $ 🦜") == r"5 \$ and 6 \$ " + "\N{WHITE SQUARE}"


def test_colours_stay_apart_for_who_sees_no_red_or_no_green() -> None:
    """Viénot, Brettel & Mollon (1999): what remains of a colour without long or without medium cones, in CIELAB."""
    pairs = [(SERIES[a], SERIES[b]) for a in range(4) for b in range(a)] + [(COLOUR["with"], COLOUR["without"])]
    for blind in ("protan", "deutan"):
        for one, other in pairs:
            assert _apart(one, other, blind) > 15, (one, other, blind)


def _apart(one: str, other: str, blind: str) -> float:
    lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    seen = {
        "protan": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "deutan": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }[blind]
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

    def lab(colour: str) -> np.ndarray:
        rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        left = np.clip(np.linalg.inv(lms) @ seen @ lms @ linear, 0, 1)
        white = xyz @ left / np.array([0.9505, 1.0, 1.089])
        f = np.where(white > 0.008856, np.cbrt(white), 7.787 * white + 16 / 116)
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    return float(np.linalg.norm(lab(one) - lab(other)))


def test_scenarios_differ_by_dashes_too() -> None:
    lines = [line_of(position) for position in range(12)]
    assert len(set(lines)) == 12
    assert len({dash for _, dash in lines[:4]}) == 4


def test_a_pyramid_shows_men_on_the_left_and_every_band(tables: dict[str, pd.DataFrame]) -> None:
    past, bands = tables["pyramids_past"], tables["pyramids"]
    years = shown_years(past, bands)
    picture = pyramid_picture(past, bands, "Mexico")
    shown = [axis for axis in picture.figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left")[:4] for axis in shown] == [str(year) for year in years]
    last = shown[-1]
    widths = np.array([bar.get_x() + bar.get_width() for bar in last.patches if hasattr(bar, "get_width")])
    own = bands[bands["year"] == years[-1]]
    for sex, sign in (("female", 1), ("male", -1)):
        for side in ("upper95", "upper80", "upper50", "lower95"):
            ends = sign * 1e-6 * own[own["sex"] == sex][side].to_numpy()
            assert np.abs(widths[:, None] - ends).min(axis=0) == pytest.approx(0, abs=1e-9)


def test_the_moving_pyramid_has_a_frame_a_year(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    past, bands = tables["pyramids_past"], tables["pyramids"]
    path = moving_pyramid(past, bands, HOSTILE, tmp_path / "p.gif", language=SPANISH)
    with Image.open(path) as moving:
        assert moving.n_frames == len({*past["year"], *bands["year"]})


def test_countries_stand_side_by_side(bands: pd.DataFrame) -> None:
    picture = multiples_picture(bands, None, "tfr", language=SPANISH)
    names = [axis.get_title(loc="left") for axis in picture.figure.axes if axis.get_visible()]
    assert names == ["Canadá", "Estados Unidos", "México", "Guatemala", "Honduras", "El Salvador"]
    assert len({axis.get_ylim() for axis in picture.figure.axes}) == 1, "one scale for all"


def test_calibration_shows_how_often_bands_held() -> None:
    pit = pd.DataFrame({"value": (np.arange(200) + 0.5) / 200})
    coverage = pd.DataFrame(
        {"horizon": [1, 5] * 2, "level": [80, 80, 95, 95], "covered": [0.9, 0.5, 1.0, 0.9], "cases": [10, 30, 10, 30]}
    )
    picture = calibration_picture(pit, coverage, MEASURES["tfr"].name)
    bars = [bar.get_height() for bar in picture.figure.axes[0].patches[:10]]
    assert bars == [20] * 10
    assert "The 80\xa0% band held 60\xa0% of 40 cases." in picture.alt
    assert (
        "La banda de 95\xa0% contuvo 92\xa0% de 40 casos."
        in calibration_picture(pit, coverage, "Net migration", language=SPANISH).alt
    )


def test_scenarios_and_their_differences_are_told_in_figures(tables: dict[str, pd.DataFrame]) -> None:
    picture = scenario_picture(tables["scenarios"], "Mexico")
    last = tables["scenarios"].query("indicator == 'population' and scenario == 'nobody migrates'").iloc[-1]
    assert f"nobody migrates, Population at 1 January in {last['year']}: {1e-6 * last['median']:.1f}" in picture.alt
    hostile = tables["scenario_differences"].assign(scenario=HOSTILE)
    assert HOSTILE in difference_picture(hostile, "Mexico").alt


def test_each_category_is_drawn_within_its_limits(tables: dict[str, pd.DataFrame]) -> None:
    study, plan = _two_categories()
    picture = quota_picture(plan, tables["growth_with_plan"], study)
    assert len(picture.figure.axes) == 4
    dotted = [line.get_ydata()[0] for line in picture.figure.axes[2].lines if line.get_linestyle() == ":"]
    assert dotted == [1.0, 9.0]
    assert "from 5,200 in 2027" in picture.alt.replace("go ", "") or "5,200" in picture.alt


def test_officers_of_all_grades_are_one_row_a_quarter() -> None:
    plan = pd.DataFrame(
        {
            "grade": ["junior", "senior"] * 2,
            "month": ["2027-01"] * 2 + ["2027-04"] * 2,
            "hires": [5.0, 1.0, 0.0, 0.0],
            "in_post": [100.0, 40.0, 105.0, 41.0],
            "cost": [9.0, 9.0, 10.0, 10.0],
        }
    )
    assert by_quarter(plan)["in_post"].tolist() == [140.0, 146.0]
    assert by_quarter(plan)["cost"].tolist() == [9.0, 10.0]


def _figures(tables: dict[str, pd.DataFrame], study: Study, place: str, language: Language = ENGLISH) -> dict:
    frontier = pd.DataFrame({"value": [0.8, 0.9], "exists": True, "objective": [2e6, 3e6], "held_out": [0.81, 0.9]})
    frontier = frontier.assign(lower95=frontier["held_out"] - 0.02, upper95=frontier["held_out"] + 0.02)
    frontier.attrs = {"goal": "at least 5 people in 2050", "over": "probability", "units": "persons admitted"}
    t, own = tables, {"language": language}
    return {
        "fan": interactive.fan_figure(t["bands"], t["history"], "tfr", place, **own),
        "sexes": interactive.fan_figure(t["bands"], t["history"], "e0", place, **own),
        "pyramid": interactive.pyramid_figure(t["pyramids_past"], t["pyramids"], place, **own),
        "paths": interactive.paths_figure(t["paths"], t["bands"], "population", place, **own),
        "scenario": interactive.scenario_figure(t["scenarios"].assign(), "growth_rate", place, **own),
        "difference": interactive.difference_figure(t["scenario_differences"], "population", place, **own),
        "quota": interactive.quota_figure(t["quota_plan"], t["growth_with_plan"], study, **own),
        "queue": interactive.queue_figure(t["backlog_bands"], t["ledger"], study, **own),
        "wait": interactive.wait_figure(t["backlog_bands"], t["promise"], study, **own),
        "officers": interactive.officers_figure(t["staffing_plan"], study, **own),
        "frontier": interactive.frontier_figure(frontier, place, **own),
    }


def test_interactive_pictures_hold_the_tables_figures(tables: dict[str, pd.DataFrame], study: Study) -> None:
    figures = _figures(tables, study, "Mexico")
    own = tables["bands"].query("indicator == 'tfr'")
    *levels, median, observed = figures["fan"].data
    assert list(median.y) == pytest.approx(own["median"].tolist())
    for trace, level in zip(levels, (95, 80, 50), strict=True):
        assert list(trace.y[: len(own)]) == pytest.approx(own[f"upper{level}"].tolist())
        assert list(trace.y[len(own) :]) == pytest.approx(own[f"lower{level}"].tolist()[::-1])
    assert observed.x[0] == 1980
    last = own.iloc[-1]
    words = median.text[-1]
    assert f"{last['median']:.2f} children per woman (median)" in words
    assert f"80\xa0%: {last['lower80']:.2f} to {last['upper80']:.2f}" in words


def test_interactive_pictures_fit_a_telephone_and_say_their_source(
    tables: dict[str, pd.DataFrame], study: Study
) -> None:
    for language in (ENGLISH, SPANISH):
        for name, figure in _figures(tables, study, "Mexico", language).items():
            assert figure.layout.width is None, name
            assert figure.layout.autosize
            assert "NaN" not in figure.to_json()
            head = figure.layout.annotations[-1].text
            lines = [re.sub("<.*?>", "", line) for line in head.split("<br>")]
            assert max(map(len, lines)) <= 58, name
            assert "poblar" in head
            assert re.search("M[eé]xico", head)
            if name not in ("pyramid",):
                assert all(axis.title.text for axis in figure.select_yaxes())


def test_interactive_names_are_text(tables: dict[str, pd.DataFrame]) -> None:
    study, plan = _two_categories()
    study = study.model_copy(update={"data": study.data.model_copy(update={"name": HOSTILE})})
    changed = tables | {"quota_plan": plan, "scenarios": tables["scenarios"].assign(scenario=HOSTILE)}
    for name, figure in _figures(changed, study, HOSTILE).items():
        shown = json.dumps(figure.to_plotly_json(), default=str)
        assert "<b>A</b>" not in shown, name
        assert "%{x}" not in shown, name
        assert "&lt;b&gt;A&lt;/b&gt; &amp;" in shown, name


def test_what_is_escaped_reads_as_before() -> None:
    import html

    assert html.unescape(escaped(HOSTILE)) == HOSTILE


def test_the_interactive_pyramid_moves_through_every_year(tables: dict[str, pd.DataFrame]) -> None:
    past, bands = tables["pyramids_past"], tables["pyramids"]
    figure = interactive.pyramid_figure(past, bands, "Mexico")
    years = [str(year) for year in sorted({*past["year"], *bands["year"]})]
    assert [frame.name for frame in figure.frames] == years
    assert [step.args[0][0] for step in figure.layout.sliders[0].steps] == years
    assert [button.label for button in figure.layout.updatemenus[0].buttons] == ["Play", "Pause"]
    men, *_ = figure.frames[-1].data
    own = bands[(bands["year"] == int(years[-1])) & (bands["sex"] == "male")].sort_values("age")
    assert list(men.x) == pytest.approx((-1e-6 * own["median"]).tolist())
