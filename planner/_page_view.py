"""One view of a visit: its controls, what they ask, and what is shown for it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import panel as pn

from ..data import PoblarError
from ._page_answers import Shown, answer, called, refused
from ._page_controls import Control, Value, plan_file, read
from ._page_told import Tell
from ._page_widgets import SPLIT, Form, download, line, picture, text
from .desk import Desk
from .files import write_csv
from .language import Language

__all__ = ["Turn", "View"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Turn:
    """What the views of a visit share.

    Parameters
    ----------
    desk : Desk
        What answers.
    language : Language
        Of all words.
    values : dict
        Where every control stands.
    submit : callable
        Has work done in the pool: called with the work, which takes a `poblar.planner._page_told.Tell`, and with what
        to do with what it returns, with a stated error, and with a line about its progress.
    later : callable
        Called from that work with something to do for the page, and what with.
    moved : callable
        Called when a control moved, with what was wrong with its value.
    """

    desk: Desk
    language: Language
    values: dict[str, Value]
    submit: Callable[..., None]
    later: Callable[[Callable[[Any], None], Any], None]
    moved: Callable[[list[str]], None]


class View:
    """A view whose controls are answered.

    Parameters
    ----------
    turn : Turn
        What it shares with others.
    key : str
        Its name among `poblar.planner._page_answers.ANSWERS`.
    controls : list of Control
        Its own.
    """

    def __init__(self, turn: Turn, key: str, controls: list[Control]) -> None:
        self.turn, self.key, self.controls = turn, key, controls
        self.shown: Shown | None = None
        say = turn.language.say
        self.answer = text(position="sticky", top="0", **{"z-index": "5"})
        self.busy, self.details = text(), text()
        self.panes: list[pn.pane.Plotly] = []
        self.pictures = pn.Column(sizing_mode="stretch_width")
        self.form = Form(
            specs=json.dumps([self._spec(control) for control in controls]),
            values=self._values(),
            sizing_mode="stretch_width",
        )
        self.form.param.watch(self._moved, "values")
        downloads = pn.FlexBox(
            download(say("Table (CSV)"), f"poblar-{key}.csv", self._table),
            download(say("Pictures (HTML)"), f"poblar-{key}.html", self._page),
            download(say("Plan file (YAML)"), "plan.yaml", self._plan),
            sizing_mode="stretch_width",
        )
        shown = pn.Column(self.pictures, self.details, downloads, sizing_mode="stretch_width")
        split = pn.Column(self.form, shown, stylesheets=[SPLIT], sizing_mode="stretch_width")
        self.layout = pn.Column(self.answer, self.busy, split, sizing_mode="stretch_width")

    def ask(self) -> None:
        """Have the question as it stands answered."""
        values = {control.name: self.turn.values[control.name] for control in self.controls}
        self.turn.submit(partial(self._work, values), lambda _none: None, self._refuse, self._tell)

    def follow(self) -> None:
        """Take over what was moved in another view."""
        self.form.values = self._values()

    def _spec(self, control: Control) -> dict[str, Any]:
        spec, language = control.spec(), self.turn.language
        words = {name: language.say(spec[name]) for name in ("label", "units", "most", "note") if spec[name]}

        def option(key: str, name: str) -> str:
            if control.name == "place":
                return called(self.turn.desk, key, language)
            return language.month(key) if control.slides else language.name(language.say(name))

        return spec | words | {"options": [[key, option(key, name)] for key, name in spec["options"]]}

    def _values(self) -> str:
        self._known = json.dumps({control.name: self.turn.values[control.name] for control in self.controls})
        return self._known

    def _moved(self, event: Any) -> None:
        if event.new == self._known:
            return
        try:
            asked = json.loads(event.new)
        except ValueError:
            asked = {}
        values, said = read(self.controls, asked if isinstance(asked, dict) else {})
        self.turn.values.update(values)
        self.turn.moved(said)

    def _work(self, values: Mapping[str, Value], tell: Tell) -> None:
        """Answer in a worker's thread: the words first, then each picture while the browser draws the one before."""
        shown = answer(self.turn.desk, self.key, values, self.turn.language, tell)
        self.turn.later(self._say, shown)
        for position, make in enumerate(shown.figures):
            tell("")
            self.turn.later(self._draw, (position, make()))

    def _say(self, shown: Shown) -> None:
        with pn.io.hold():
            self.shown = shown
            self.answer.object, self.details.object, self.busy.object = shown.answer, shown.details, ""
            for pane in self.panes[len(shown.figures) :]:
                pane.visible = False

    def _draw(self, drawn: tuple[int, Any]) -> None:
        position, figure = drawn
        with pn.io.hold():
            if position == len(self.panes):
                self.panes.append(picture())
                self.pictures.append(self.panes[-1])
            self.panes[position].param.update(object=figure, height=int(figure.layout.height), visible=True)

    def _refuse(self, error: PoblarError) -> None:
        with pn.io.hold():
            self.shown = None
            self.answer.object, self.details.object, self.busy.object = refused(error, self.turn.language), "", ""
            for pane in self.panes:
                pane.visible = False

    def _tell(self, words: str) -> None:
        self.busy.object = line("busy", words)

    def _table(self) -> StringIO:
        if self.shown is None:
            return StringIO("")
        with tempfile.TemporaryDirectory() as folder:
            return StringIO(write_csv(self.shown.table, Path(folder) / "table.csv").read_text(encoding="utf-8"))

    def _page(self) -> StringIO:
        figures = [] if self.shown is None else [make() for make in self.shown.figures]
        parts = [figure.to_html(full_html=False, include_plotlyjs=not n) for n, figure in enumerate(figures)]
        return StringIO('<!DOCTYPE html><meta charset="utf-8"><title>poblar</title>' + "".join(parts))

    def _plan(self) -> StringIO:
        return StringIO(plan_file(self.turn.desk.asked, self.turn.values))
