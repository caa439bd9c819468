"""One visit of the page: the views of a desk, first the one that was served, then perhaps one of the visitor's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlencode

import panel as pn

from ..data import PoblarError
from ._page_answers import ANSWERS, help_page
from ._page_controls import VIEWS, controls_of, read
from ._page_own_view import OwnView
from ._page_pool import Overtaken, Pool
from ._page_view import Turn, View
from ._page_widgets import Views, framed, line, text
from .desk import Desk
from .language import Language
from .origins import place_of

__all__ = ["Visit"]


class Visit:
    """A visitor's page.

    Parameters
    ----------
    desk : Desk
        What answers.
    pool : Pool
        Who works on it.
    slow : Pool
        Who fits models to a visitor's own figures.
    asked : mapping of str to str
        What the address asks for.
    language : Language
        Of all words.
    """

    def __init__(self, desk: Desk, pool: Pool, slow: Pool, asked: Mapping[str, str], language: Language) -> None:
        self.pool, self.slow, self.language = pool, slow, language
        self.served, self.document = desk, pn.state.curdoc
        self.message, self.loaded = text(), False
        self.root = pn.Column(sizing_mode="stretch_width")
        self.own = OwnView(desk, language, partial(self._submit, slow), self.turn_to)
        self._open(desk, asked)

    def page(self) -> pn.Template:
        """The page, whose first answer is asked for when the browser has it."""
        say, places = self.language.say, self.served.places
        heading = place_of(self.served.study, self.language) if len(places) < 2 else ""
        pn.state.onload(self._begin)
        if self.document is not None:
            self.document.on_session_destroyed(lambda _context: self.close())
            self.document.title = f"poblar: {say('Population, admissions and officers')}"
        heading = heading or say("Population, admissions and officers")
        return framed(self.root, heading=heading, language=self.language)

    def _begin(self) -> None:
        """The browser has the page."""
        self.loaded = True
        self._write_address()
        self._ask()

    def turn_to(self, desk: Desk) -> None:
        """Go on with another desk."""
        with pn.io.hold():
            self._open(desk, {})
        self._ask()

    def close(self) -> None:
        """Drop what is waited for, and the visitor's own figures."""
        self.pool.forget(self)
        self.slow.forget(self)
        self.own.close()

    def _open(self, desk: Desk, asked: Mapping[str, str]) -> None:
        self.controls = controls_of(desk)
        values, said = read(self.controls, asked)
        self.turn = Turn(
            desk=desk,
            language=self.language,
            values=values,
            submit=partial(self._submit, self.pool),
            later=self._later,
            moved=self._moved,
        )
        self.views = {
            key: View(self.turn, key, [control for control in self.controls if key in control.views])
            for key in ANSWERS
            if any(control.views[-1] == key or control.views[0] == key for control in self.controls)
        }
        named = {key: self.language.say(words) for key, words in VIEWS.items() if key in (*self.views, "own", "help")}
        first = next(iter(named))
        view = asked.get("view", first)
        if view not in named:
            said.append(f"View: expected one of {', '.join(named)}, found {view[:60]!r}; {first} is used.")
            view = first
        self.list = Views(
            views=json.dumps(list(named.items())),
            label=self.language.say("Views"),
            active=view,
            sizing_mode="stretch_width",
        )
        self.list.param.watch(self._turned, "active")
        self.message.object = "".join(line("note", words) for words in said)
        self.layouts: dict[str, Any] = {}
        self.root[:] = [self.list, self.message]
        self._show()

    def _show(self) -> None:
        """Show the active view; one is made when it is first looked at."""
        active = self.list.active
        if active not in self.layouts:
            match active:
                case "own":
                    self.layouts[active] = self.own.layout
                case "help":
                    self.layouts[active] = text(help_page(self.turn.desk, self.language))
                case _:
                    self.layouts[active] = self.views[active].layout
            self.root.append(self.layouts[active])
        for key, layout in self.layouts.items():
            layout.visible = key == active
        self._write_address()

    def _ask(self) -> None:
        if self.list.active in self.views:
            self.views[self.list.active].ask()

    def _turned(self, _event: Any) -> None:
        if self.list.active in VIEWS:
            with pn.io.hold():
                self._show()
            self._ask()

    def _moved(self, said: list[str]) -> None:
        for key, view in self.views.items():
            if key != self.list.active:
                view.follow()
        self.message.object = "".join(line("note", words) for words in said)
        self._write_address()
        self._ask()

    def _submit(
        self,
        pool: Pool,
        work: Callable[[Callable[[str], None]], Any],
        done: Callable[[Any], None],
        failed: Callable[[PoblarError], None],
        told: Callable[[str], None],
    ) -> None:
        """Have work done, and do the rest in the visit's own turn."""

        def tell(words: str) -> None:
            if words:
                self._later(told, words)
            elif pool.overtaken(self):
                raise Overtaken

        try:
            pool.submit(self, partial(work, tell), partial(self._later, done), partial(self._later, failed))
        except PoblarError as error:
            failed(error)

    def _later(self, do: Callable[[Any], None], what: Any) -> None:
        """Do something from another thread; not at all when the visit is over."""
        if self.document is not None and self.document.session_context is not None:
            with suppress(RuntimeError, ValueError):
                self.document.add_next_tick_callback(partial(do, what))

    def _write_address(self) -> None:
        """The state of every control that is not where it started, so that the address can be shared."""
        if not self.loaded or pn.state.location is None or self.turn.desk is not self.served:
            return
        values = self.turn.values
        state = {
            control.name: values[control.name] for control in self.controls if values[control.name] != control.default
        }
        words = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in state.items()}
        lang = {} if self.language.code == "en" else {"lang": self.language.code}
        pn.state.location.search = f"?{urlencode({'view': self.list.active} | lang | words)}"
