"""The view in which a visitor gives figures of their own, and has them forecast."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn

from ..data import PoblarError
from ..data.kinds import KINDS
from ._page_answers import render
from ._page_own import LARGEST, USED, OwnFigures
from ._page_widgets import BUTTON, Files, line, text
from .desk import Desk
from .language import Language

__all__ = ["OwnView"]


class OwnView:
    """Files, what was found in them, and a button that has models fitted to them.

    Parameters
    ----------
    desk : Desk
        Whose questions are asked of the figures.
    language : Language
        Of all words.
    submit : callable
        As in `poblar.planner._page_view.Turn`.
    turn_to : callable
        Called with the desk of the visitor's figures.
    """

    def __init__(
        self, desk: Desk, language: Language, submit: Callable[..., None], turn_to: Callable[[Desk], None]
    ) -> None:
        self.desk, self.language, self.submit, self.turn_to = desk, language, submit, turn_to
        self.figures: OwnFigures | None = None
        say = language.say
        self.files = Files(
            label=say("A CSV file"),
            most=LARGEST,
            refusal=say("The file has more than 5 MB; leave out what the page has no use for."),
            sizing_mode="stretch_width",
        )
        self.files.param.watch(self._taken, "file")
        self.found = text()
        self.name = pn.widgets.TextInput(label=say("What the place is called"), value=say("My place"), max_length=80)
        self.button = pn.widgets.Button(label=say("Forecast with these figures"), disabled=True, stylesheets=[BUTTON])
        self.button.on_click(lambda _event: self._begin())
        kinds = {kind: KINDS[kind] for kind in USED}
        words = text(render("page_own.html", language, kinds=kinds))
        self.layout = pn.Column(words, self.files, self.found, self.name, self.button, sizing_mode="stretch_width")

    def close(self) -> None:
        """Remove the files."""
        if self.figures is not None:
            self.figures.close()

    def _taken(self, event: Any) -> None:
        try:
            given = json.loads(event.new)
            name, content = str(given["name"]), str(given["text"])
        except (ValueError, KeyError, TypeError):
            return
        if self.figures is None:
            self.figures = OwnFigures()
        figures = self.figures
        self.submit(lambda _tell: figures.take(name, content), self._accepted, self._refused, self._tell)

    def _accepted(self, _kind: str) -> None:
        assert self.figures is not None
        say = self.language.say
        lines = [say("{kind}: {name}, checked", kind=kind, name=name) for kind, name in self.figures.kinds.items()]
        self.found.object = "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in lines) + "</ul>"
        self.button.disabled = not self.figures.enough

    def _refused(self, error: PoblarError) -> None:
        self.found.object = line("note", " ".join(str(error).split()))
        self.button.disabled = self.figures is None or not self.figures.enough

    def _tell(self, words: str) -> None:
        self.found.object = line("busy", words)

    def _begin(self) -> None:
        assert self.figures is not None
        self.button.disabled = True
        self._tell(self.language.say("Fitting models to your figures takes a minute or two …"))
        work = partial(self.figures.desk, self.desk.asked, self.name.value, self.desk.work.cache)
        self.submit(work, self.turn_to, self._refused, self._tell)
