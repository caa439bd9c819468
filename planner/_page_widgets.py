"""Parts of the page that the browser draws itself: a form of native controls, and the list of views."""

from __future__ import annotations

from pathlib import Path

import param
from panel.custom import JSComponent

__all__ = ["CSS", "Form", "Views"]

TEMPLATES = Path(__file__).parent / "templates"
CSS = (TEMPLATES / "page.css").read_text(encoding="utf-8")
"""Style of every part of the page, which is repeated inside each, as parts do not share theirs."""


class Form(JSComponent):
    """Controls with labels, each a native one of the browser's, so that keyboard and screen reader know it.

    Both parameters are JSON: `controls` a list of what `poblar.planner._page_controls.Control.spec` gives, `values`
    their values by name, of which the browser sends a new one whenever a control moves.
    """

    controls = param.String(default="[]")
    values = param.String(default="{}")

    _esm = (TEMPLATES / "page_form.js").read_text(encoding="utf-8")
    _stylesheets = [CSS]  # noqa: RUF012 - Panel reads it so


class Views(JSComponent):
    """The list of views: `views` is JSON, pairs of a key and its words; `active` the key of the one shown."""

    views = param.String(default="[]")
    label = param.String(default="Views")
    active = param.String(default="")

    _esm = (TEMPLATES / "page_views.js").read_text(encoding="utf-8")
    _stylesheets = [CSS]  # noqa: RUF012
