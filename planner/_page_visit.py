"""One visit of the page: its views, what each has been asked, and what it shows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from html import escape
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import panel as pn

from ..data import PoblarError
from ._page_answers import ANSWERS, TEMPLATES, Shown, help_page, refused
from ._page_controls import VIEWS, Control, Value, controls_of, plan_file, read
from ._page_pool import Pool
from ._page_widgets import CSS, Form, Views
from .desk import Desk
from .files import write_csv
from .language import Language
from .origins import place_of

__all__ = ["Visit", "closed_page"]

PICTURES: Final = {"population": 3, "admissions": 1, "officers": 3}
"""Most pictures of each view."""

MODEBAR: Final = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
    "toImageButtonOptions": {"format": "png", "filename": "poblar", "scale": 2},
}

SPLIT: Final = """
:host { display: grid; grid-template-columns: 19rem minmax(0, 1fr); gap: 1.2rem 2rem; align-items: start; }
@media (max-width: 60rem) { :host { grid-template-columns: minmax(0, 1fr); } }
"""
ROW: Final = ":host { display: flex; flex-flow: row wrap; gap: .5rem; }"
BUTTON: Final = """
.bk-btn, .bk-btn-default { font: 600 .92rem system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif; color: #00558a;
  background: #fff; border: 1px solid #00558a; border-radius: 4px; padding: .45rem .8rem; }
.bk-btn a, a { color: #00558a; text-decoration: none; }
.bk-btn:hover { background: #eef4f8; }
.bk-btn:focus-within { outline: 3px solid #d55e00; outline-offset: 2px; }
"""


class _View:
    """One view: its form, answer, pictures and downloads."""

    def __init__(self, visit: Visit, key: str, controls: list[Control]) -> None:
        self.visit, self.key, self.controls = visit, key, controls
        self.shown: Shown | None = None
        say = visit.language.say
        self.answer = _html("")
        self.busy = _html("")
        self.details = _html("")
        self.pictures = [
            pn.pane.Plotly(None, config=MODEBAR, link_figure=False, visible=False, sizing_mode="stretch_width")
            for _ in range(PICTURES[key])
        ]
        self.form = Form(
            controls=json.dumps([self._spec(control) for control in controls]),
            values=self._values(),
            sizing_mode="stretch_width",
        )
        self.form.param.watch(self._moved, "values")
        downloads = pn.Column(
            self._download(say("Table (CSV)"), f"{key}.csv", self._table),
            self._download(say("Picture (HTML)"), f"{key}.html", self._picture),
            self._download(say("Plan file (YAML)"), "plan.yaml", self._plan),
            stylesheets=[ROW],
            sizing_mode="stretch_width",
        )
        right = pn.Column(self.busy, *self.pictures, self.details, downloads, sizing_mode="stretch_width")
        self.layout = pn.Column(
            self.answer,
            pn.Column(self.form, right, stylesheets=[SPLIT], sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
            visible=False,
        )

    def ask(self) -> None:
        """Have the question as it stands answered."""
        visit, values = self.visit, dict(self.visit.values)
        tell = partial(visit.later, self._busy)
        work = partial(ANSWERS[self.key], visit.desk, values, visit.language, tell)
        try:
            visit.pool.submit(visit, work, partial(visit.later, self._show), partial(visit.later, self._refuse))
        except PoblarError as error:
            self._refuse(error)

    def follow(self) -> None:
        """Take over what was moved in another view."""
        self.form.values = self._values()

    def _spec(self, control: Control) -> dict[str, Any]:
        spec, say = control.spec(), self.visit.language.say
        words = {name: say(spec[name]) for name in ("label", "units", "most", "note") if spec[name]}
        return spec | words | {"options": [[key, say(text)] for key, text in spec["options"]]}

    def _values(self) -> str:
        self.known = json.dumps({control.name: self.visit.values[control.name] for control in self.controls})
        return self.known

    def _moved(self, event: Any) -> None:
        if event.new == self.known:
            return
        try:
            asked = json.loads(event.new)
        except ValueError:
            asked = {}
        values, said = read(self.controls, asked if isinstance(asked, dict) else {})
        self.visit.moved(values, said)

    def _show(self, shown: Shown) -> None:
        with pn.io.hold():
            self.shown = shown
            self.answer.object, self.details.object, self.busy.object = shown.answer, shown.details, ""
            for position, pane in enumerate(self.pictures):
                there = position < len(shown.figures)
                if there:
                    pane.height = int(shown.figures[position].layout.height)
                    pane.object = shown.figures[position]
                pane.visible = there

    def _refuse(self, error: PoblarError) -> None:
        with pn.io.hold():
            self.answer.object, self.busy.object = refused(error, self.visit.language), ""

    def _busy(self, text: str) -> None:
        self.busy.object = self.visit.line("busy", text)

    def _download(self, label: str, name: str, make: Callable[[], StringIO]) -> pn.widgets.FileDownload:
        return pn.widgets.FileDownload(
            callback=make, filename=f"poblar-{name}", label=label, stylesheets=[BUTTON], margin=0, icon=None
        )

    def _table(self) -> StringIO:
        if self.shown is None:
            return StringIO("")
        with tempfile.TemporaryDirectory() as folder:
            return StringIO(write_csv(self.shown.table, Path(folder) / "table.csv").read_text(encoding="utf-8"))

    def _picture(self) -> StringIO:
        figures = [] if self.shown is None else self.shown.figures
        parts = [figure.to_html(full_html=False, include_plotlyjs=not n) for n, figure in enumerate(figures)]
        return StringIO('<!DOCTYPE html><meta charset="utf-8"><title>poblar</title>' + "".join(parts))

    def _plan(self) -> StringIO:
        return StringIO(plan_file(self.visit.desk.asked, self.visit.values))


class Visit:
    """A visitor's page.

    Parameters
    ----------
    desk : Desk
        What answers.
    pool : Pool
        Who works on it.
    asked : mapping of str to str
        What the address asks for.
    """

    def __init__(self, desk: Desk, pool: Pool, asked: Mapping[str, str]) -> None:
        self.desk, self.pool = desk, pool
        self.document = pn.state.curdoc
        self.language = Language("es" if asked.get("lang") == "es" else "en")
        self.controls = controls_of(desk)
        self.values, said = read(self.controls, asked)
        self.views = {
            key: _View(self, key, own)
            for key in PICTURES
            if any(control.views[-1] == key for control in self.controls)
            for own in [[control for control in self.controls if key in control.views]]
        }
        named = {key: self.language.say(words) for key, words in VIEWS.items() if key in self.views or key == "help"}
        view = asked.get("view", next(iter(named)))
        if view not in named:
            said.append(f"View: expected one of {', '.join(named)}, found {view[:60]!r}; {next(iter(named))} is used.")
            view = next(iter(named))
        self.message = _html(self._said(said))
        self.help = pn.Column(_html(""), visible=False, sizing_mode="stretch_width")
        self.list = Views(
            views=json.dumps(list(named.items())),
            label=self.language.say("Views"),
            active=view,
            sizing_mode="stretch_width",
        )
        self.list.param.watch(lambda _event: self.open(), "active")

    def page(self) -> pn.Template:
        """The page, whose first answer is asked for when the browser has it."""
        layouts = [view.layout for view in self.views.values()]
        root = pn.Column(self.list, self.message, *layouts, self.help, sizing_mode="stretch_width")
        say = self.language.say
        made = _template(heading=f"poblar: {place_of(self.desk.study, self.language)}", language=self.language)
        made.add_panel("page", root)
        pn.state.onload(self.open)
        if self.document is not None:
            self.document.on_session_destroyed(lambda _context: self.pool.forget(self))
            self.document.title = f"poblar: {say('Population, admissions and officers')}"
        return made

    def open(self) -> None:
        """Show the active view."""
        active = self.list.active
        with pn.io.hold():
            for key, view in self.views.items():
                view.layout.visible = key == active
            self.help.visible = active == "help"
            if active == "help":
                self.help[0].object = help_page(self.desk, self.language)
        self._write_address()
        if active in self.views:
            self.views[active].ask()

    def moved(self, values: Mapping[str, Value], said: list[str]) -> None:
        """Take other values of some controls, and answer them."""
        self.values |= values
        for key, view in self.views.items():
            if key != self.list.active:
                view.follow()
        self.message.object = self._said(said)
        self._write_address()
        self.views[self.list.active].ask()

    def later(self, do: Callable[[Any], None], what: Any) -> None:
        """Do something in the visit's own turn; from any thread, and not at all when the visit is over."""
        if self.document is not None and self.document.session_context is not None:
            with suppress(RuntimeError, ValueError):
                self.document.add_next_tick_callback(partial(do, what))

    def line(self, kind: str, text: str) -> str:
        """A line of text as HTML."""
        return f'<p class="{kind}">{escape(text)}</p>' if text else ""

    def _said(self, said: list[str]) -> str:
        return "".join(self.line("note", text) for text in said)

    def _write_address(self) -> None:
        """The state of every control that is not where it started, so that the address can be shared."""
        if pn.state.location is None:
            return
        state = {c.name: self.values[c.name] for c in self.controls if self.values[c.name] != c.default}
        words = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in state.items()}
        lang = {} if self.language.code == "en" else {"lang": self.language.code}
        pn.state.location.search = f"?{urlencode({'view': self.list.active} | lang | words)}"


def closed_page(text: str, language: Language) -> pn.Template:
    """A page that says why there is none."""
    made = _template(heading="poblar", language=language)
    made.add_panel("page", _html(f'<p class="note">{escape(text)}</p>'))
    return made


def _template(*, heading: str, language: Language) -> pn.Template:
    say = language.say
    made = pn.Template((TEMPLATES / "page.html").read_text(encoding="utf-8"))
    made.add_variable("css", CSS)
    made.add_variable("heading", heading)
    made.add_variable("version", f"poblar {version('poblar')}")
    made.add_variable("skip", say("Skip to the answer"))
    made.add_variable("script", say("This page needs JavaScript; `poblar run` needs none."))
    return made


def _html(text: str) -> pn.pane.HTML:
    return pn.pane.HTML(text, stylesheets=[CSS], sizing_mode="stretch_width", margin=0)
