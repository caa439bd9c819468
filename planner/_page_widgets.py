"""Parts of the page: native controls that the browser draws itself, panes of text and pictures, their frame."""

from __future__ import annotations

from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from .language import Language

__all__ = ["SPLIT", "Files", "Form", "Views", "closed_page", "download", "framed", "line", "picture", "text"]

TEMPLATES = Path(__file__).parent / "templates"
CSS = (TEMPLATES / "page.css").read_text(encoding="utf-8")
"""Style of every part of the page, which is repeated inside each, as parts do not share theirs."""

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
"""Controls to the left of pictures, or above them where there is no room."""

BUTTON: Final = """
.bk-btn, .bk-btn-default { font: 600 .92rem system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif; color: #00558a;
  background: #fff; border: 1px solid #00558a !important; border-radius: 4px; padding: .45rem .8rem; }
.bk-btn a, a { color: #00558a; text-decoration: none; }
.bk-btn:hover { background: #eef4f8; }
.bk-btn:focus-within { outline: 3px solid #d55e00; outline-offset: 2px; }
"""


class Form(JSComponent):
    """Controls with labels, each a native one of the browser's, so that keyboard and screen reader know it.

    Both parameters are JSON: `specs` a list of what `poblar.planner._page_controls.Control.spec` gives, `values`
    their values by name, of which the browser sends a new one whenever a control moves.
    """

    specs = param.String(default="[]")
    values = param.String(default="{}")

    _esm = (TEMPLATES / "page_form.js").read_text(encoding="utf-8")
    _stylesheets: ClassVar = [CSS]


class Views(JSComponent):
    """The list of views: `views` is JSON, pairs of a key and its words; `active` the key of the one shown."""

    views = param.String(default="[]")
    label = param.String(default="Views")
    active = param.String(default="")

    _esm = (TEMPLATES / "page_views.js").read_text(encoding="utf-8")
    _stylesheets: ClassVar = [CSS]


class Files(JSComponent):
    """A choice of a file, sent as JSON with its `name` and `text` if it has at most `most` bytes."""

    label = param.String(default="")
    most = param.Integer(default=0)
    refusal = param.String(default="")
    file = param.String(default="")

    _esm = (TEMPLATES / "page_files.js").read_text(encoding="utf-8")
    _stylesheets: ClassVar = [CSS]


def text(html: str = "", **styles: str) -> pn.pane.HTML:
    """A pane of HTML, which is escaped already."""
    return pn.pane.HTML(html, stylesheets=[CSS], styles=styles, sizing_mode="stretch_width", margin=0)


def line(kind: str, words: str) -> str:
    """A paragraph of a class, its words escaped; nothing of none."""
    return f'<p class="{kind}">{escape(words)}</p>' if words else ""


def picture() -> pn.pane.Plotly:
    """A pane of a picture."""
    return pn.pane.Plotly(None, config=MODEBAR, link_figure=False, sizing_mode="stretch_width", margin=0)


def download(label: str, name: str, make: object) -> pn.widgets.FileDownload:
    """A button that has a file made and saved."""
    return pn.widgets.FileDownload(callback=make, filename=name, label=label, stylesheets=[BUTTON], margin=(0, 8, 8, 0))


def framed(content: object, *, heading: str, language: Language) -> pn.Template:
    """The whole page."""
    say = language.say
    made = pn.Template((TEMPLATES / "page.html").read_text(encoding="utf-8"), location=True)
    for name, words in {
        "css": CSS,
        "lang": language.code,
        "heading": heading,
        "version": f"poblar {version('poblar')}",
        "skip": say("Skip to the answer"),
        "script": say("This page needs JavaScript; `poblar run` needs none."),
    }.items():
        made.add_variable(name, words)
    made.add_panel("page", content)
    return made


def closed_page(words: str, language: Language) -> pn.Template:
    """A page that says why there is none."""
    return framed(text(line("note", words)), heading="poblar", language=language)
