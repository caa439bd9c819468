"""What can be moved on the page: controls with their ranges, and the study that their values make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from .asked import Admitted, Staff, Target, Wait
from .desk import FORECAST, Desk
from .errors import PlannerError
from .measures import MEASURES
from .plan_file import check
from .study import Study

__all__ = ["Control", "Values", "controls_of", "plan_file", "quota_of", "read", "staffing_of"]

Value = float | str
Values = Mapping[str, Value]

VIEWS: Final = {
    "population": "Population",
    "admissions": "Admissions",
    "officers": "Officers",
    "own": "Own figures",
    "help": "Help",
}
"""Views of the page, each with controls of its own."""

NO_LIMIT: Final = "no limit"
MOST_ADMITTED, MOST_CHANGE = 5000, 100  # thousand persons a year and percent, which stand for no limit
MOST_WAIT = 36  # months


@dataclass(frozen=True, kw_only=True)
class Control:
    """One thing that can be moved.

    Parameters
    ----------
    views : tuple of str
        Views that it belongs to.
    name, label : str
        Its key in the address, and what stands beside it.
    default : float or str
        Where it stands at first.
    low, high, step : float
        Of a number.
    options : mapping of str to str
        Of a choice, their words by key; in order.
    slides : bool
        Whether a choice is along a line, such as months.
    units : str
        What stands behind a number.
    open_ended : bool
        Whether the highest value stands for no limit.
    when : mapping of str to str
        Choices under which it is shown.
    note : str
        A sentence for whoever wonders.
    """

    views: tuple[str, ...]
    name: str
    label: str
    default: Value
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    options: Mapping[str, str] = field(default_factory=dict)
    slides: bool = False
    units: str = ""
    open_ended: bool = False
    when: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def read(self, value: object) -> Value:
        """A value from an address or a browser; raises `PlannerError` with what was expected."""
        if self.options:
            if isinstance(value, str) and value in self.options:
                return value
            known = list(self.options)
            some = ", ".join(known) if len(known) <= 8 else f"{known[0]} to {known[-1]}"
            raise PlannerError(f"{self.label}: expected one of {some}, found {_shown(value)}; {self._stays}")
        try:
            number = float(value) if isinstance(value, str | int | float) else math.nan
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high:
            span = f"{_plain(self.low)} to {_plain(self.high)}"
            raise PlannerError(f"{self.label}: expected {span}, found {_shown(value)}; {self._stays}")
        return number

    @property
    def _stays(self) -> str:
        return f"{_plain(self.default)} is used."

    def spec(self) -> dict[str, Any]:
        """What the browser needs to draw it."""
        return {
            "name": self.name,
            "label": self.label,
            "low": self.low,
            "high": self.high,
            "step": self.step,
            "options": [[key, words] for key, words in self.options.items()],
            "slides": self.slides,
            "units": self.units,
            "most": NO_LIMIT if self.open_ended else "",
            "when": dict(self.when),
            "note": self.note,
        }


def controls_of(desk: Desk) -> list[Control]:
    """Every control that a study has use for."""
    found = []
    if desk.places:
        found += _of_population(desk)
    if desk.study.quota is not None:
        found += _of_admissions(desk.study)
    if desk.study.staffing is not None:
        found += _of_officers(desk.study.staffing)
    return found


def read(controls: Sequence[Control], asked: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
    """Values of all controls, the default where what was asked is none, and a sentence about each that was not."""
    values: dict[str, Value] = {control.name: control.default for control in controls}
    said = []
    for control in controls:
        if control.name in asked:
            try:
                values[control.name] = control.read(asked[control.name])
            except PlannerError as error:
                said.append(str(error))
    return values, said


def quota_of(study: Study, values: Values) -> dict[str, Any]:
    """The section of a quota plan that the controls ask for; levers and goals that they do not move stay."""
    assert study.quota is not None
    section = study.quota.model_dump(mode="json")
    lever, goal = section["levers"][0], _moved(study)[1]
    cap, change = float(values["cap"]), float(values["change"])
    lever |= {
        "years": [int(values["first"]), int(values["last"])],
        "at_most": None if cap >= MOST_ADMITTED else 1000.0 * cap,
        "change_at_most": None if change >= MOST_CHANGE else round(change / 100.0, 4),
        "every": int(values["every"]),
    }
    kind = str(values["goal"])
    section["goals"][goal] |= {
        "goal": kind,
        "at_least": round(float(values["growth"]) / 100.0, 6) if kind == "growth" else float(values["support"]),
        "at_most": None,
        "years": [int(values["from"]), int(values["to"])],
        "probability": round(float(values["probability"]) / 100.0, 4),
    }
    return section


def staffing_of(study: Study, values: Values) -> dict[str, Any]:
    """The section of a staffing plan that the controls ask for."""
    staff = study.staffing
    assert staff is not None
    section = staff.model_dump(mode="json")
    place = staff.levers.index(staff.officers)
    hires = float(values["hires"])
    section["in_post"] = float(values["in_post"])
    section["levers"][place] |= {
        "cost": float(values["cost"]),
        "hires_at_most": None if hires >= _most_hires(staff) else max(hires, 1.0),
    }
    if staff.promised is not None:
        months = int(values["wait"])
        section["goals"][staff.goals.index(staff.promised)] |= {
            "at_most": f"{months} month{'' if months == 1 else 's'}",
            "since": str(values["since"]),
            "probability": round(float(values["sure"]) / 100.0, 4),
        }
    return section


def asked_of(study: Study, values: Values, *, quota: bool = False, staffing: bool = False) -> Study:
    """The study that the controls ask for, checked as a plan file is."""
    content = study.model_dump(mode="json")
    if quota and study.quota is not None:
        content["quota"] = quota_of(study, values)
    if staffing and study.staffing is not None:
        content["staffing"] = staffing_of(study, values)
    return check(content, where="What is asked")


def plan_file(study: Study, values: Values) -> str:
    """The study that the controls ask for as a plan file, which `poblar run` carries out."""
    made = asked_of(study, values, quota=True, staffing=True)
    content = made.model_dump(mode="json")
    if study.data.source != "own" and values.get("place", study.country) != study.country:
        content |= {"country": values["place"], "staffing": None}  # the ledger is of another place
        made = check(content, where="What is asked")
    text = yaml.safe_dump(made.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    return f"# A study as it stood on the page. Carry it out: poblar run this-file.yaml\n{text}"


def _of_population(desk: Desk) -> list[Control]:
    study, scenarios = desk.study, {name: name for name in desk.scenarios}
    last = study.until + 1
    first = next(iter(desk.places))
    place = study.country if study.country in desk.places else first

    def one(name: str, label: str, default: Value, **more: Any) -> Control:
        return Control(views=("population",), name=name, label=label, default=default, **more)

    return [
        Control(views=("population", "admissions"), name="place", label="Country", default=place, options=desk.places),
        one("indicator", "What to show", "growth_rate", options={key: kind.name for key, kind in MEASURES.items()}),
        one("scenario", "Future", FORECAST, options=scenarios),
        one("beside", "Beside", FORECAST, options=scenarios,
            note="Choose another future here, and both are drawn with the difference between them."),
        one("paths", "Single paths", "no", options={"no": "hide", "yes": "show thirty"}),
        one("year", "Year to look at", min(2050, last), low=2030 if last > 2030 else last, high=last),
    ]  # fmt: skip


def _moved(study: Study) -> tuple[Admitted, int]:
    """The lever that the controls move, and the position of the goal: the first of growth or support, or the first."""
    assert study.quota is not None
    kinds = [goal.goal for goal in study.quota.goals]
    known = [place for place, kind in enumerate(kinds) if kind in ("growth", "support_ratio")]
    return study.quota.levers[0], known[0] if known else 0


def _of_admissions(study: Study) -> list[Control]:
    assert study.quota is not None
    lever, at = _moved(study)
    goal = study.quota.goals[at]
    if goal.goal not in ("growth", "support_ratio"):
        goal = Target(goal="growth", at_least=0.0, years=goal.years, probability=goal.probability)
    growth = 100.0 * goal.bound if goal.goal == "growth" else 0.0
    support = goal.bound if goal.goal == "support_ratio" else 3.0
    cap = MOST_ADMITTED if lever.at_most is None else min(lever.at_most / 1000.0, MOST_ADMITTED)
    change = MOST_CHANGE if lever.change_at_most is None else 100.0 * lever.change_at_most
    first = min(2025, lever.years[0])
    years = {"low": first, "high": study.until}

    def one(name: str, label: str, default: Value, **more: Any) -> Control:
        return Control(views=("admissions",), name=name, label=label, default=default, **more)

    return [
        one("goal", "Goal", goal.goal, options={"growth": "total growth", "support_ratio": "support ratio"}),
        one("growth", "Growth of at least", growth, low=min(-1.0, growth), high=max(2.0, growth), step=0.1,
            units="% a year", when={"goal": "growth"}),
        one("support", "Supporters of at least", support, low=min(1.0, support), high=max(8.0, support), step=0.1,
            units="aged 15-64 per person 65+", when={"goal": "support_ratio"}),
        one("probability", "How sure", 100.0 * goal.probability, low=50, high=99, units="%"),
        one("from", "Kept from", goal.years[0], **years),
        one("to", "Kept to", goal.years[1], **years),
        one("cap", "Most admitted in a year", cap, low=0, high=MOST_ADMITTED, step=10, units="thousand",
            open_ended=True),
        one("change", "Largest change", change, low=0, high=MOST_CHANGE, units="% a year", open_ended=True,
            note="From one year to the next; where numbers hold for some years, from one period to the next."),
        one("first", "Admit from", lever.years[0], **years),
        one("last", "Admit to", lever.years[1], **years),
        one("every", "New numbers every", lever.every, low=1, high=max(10, lever.every), units="years",
            note="A number once set holds for so many years. All are set today: what would be saved by deciding later, "
            "on what has been seen by then, is not counted (poblar.optimize.RollingPlan counts it)."),
    ]  # fmt: skip


def _of_officers(staff: Staff) -> list[Control]:
    officers, promised = staff.officers, staff.promised

    def one(name: str, label: str, default: Value, **more: Any) -> Control:
        return Control(views=("officers",), name=name, label=label, default=default, **more)

    most = _most_hires(staff)
    hires = most if officers.hires_at_most is None else officers.hires_at_most
    found = [
        one("in_post", "Officers in post", staff.in_post, low=0, high=max(1000.0, 4.0 * staff.in_post), step=10),
        one("hires", "Most hired in a quarter", hires, low=10, high=most, step=10, open_ended=True),
        one("cost", "Cost of an officer", officers.cost, low=min(1000.0, officers.cost),
            high=max(100_000.0, 4.0 * officers.cost), step=500, units=f"{officers.currency} a year"),
    ]  # fmt: skip
    if promised is None:
        return found
    wait = _months(promised)
    months = _quarters(staff, promised)
    return [
        one("wait", "Decided within", wait, low=1, high=max(MOST_WAIT, wait), units="months"),
        one("sure", "How sure", 100.0 * promised.probability, low=50, high=99, units="%"),
        one("since", "For who applies from", promised.since, options={month: month for month in months}, slides=True),
        *found,
    ]


def _most_hires(staff: Staff) -> float:
    return max(3000.0, 2.0 * (staff.officers.hires_at_most or 0.0))


def _months(promised: Wait) -> int:
    return round(promised.made().months)


def _quarters(staff: Staff, promised: Wait) -> list[str]:
    """Quarters from half a year after the start to the horizon less the longest wait asked for, and the month asked."""
    first, last = int(staff.start[:4]), int(staff.until[:4])
    every = [f"{year}-{month:02d}" for year in range(first, last + 1) for month in (1, 4, 7, 10)]
    return sorted({month for month in every if staff.start < month < staff.until} | {promised.since})


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:,.10g}"


def _shown(value: object) -> str:
    return repr(value)[:60]
