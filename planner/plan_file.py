"""Plan files: a study written down in YAML or TOML, and messages that name the line and what to write there."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .errors import PlannerError
from .study import Study

__all__ = ["check", "read_plan", "schema"]

LARGEST: Final = 1_000_000
"""Bytes of a plan file; the longest that makes sense has a hundredth of them."""

DEEPEST: Final = 30
"""Brackets in brackets; a plan has four."""

Loc = tuple[int | str, ...]


def read_plan(path: str | Path) -> Study:
    """Read and check a plan file.

    Parameters
    ----------
    path : str or Path
        File ending in .yaml, .yml or .toml. Files that it names lie beside it or in folders below.

    Returns
    -------
    Study

    Raises
    ------
    PlannerError
        If it cannot be read or asks what cannot be asked: the message names file, line, key, what belongs there and
        what was found. YAML's tags, anchors and aliases are refused, so that a file is nothing but values.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "plan.yaml"
    >>> _ = path.write_text("quota:\\n  goals:\\n    - {goal: growth, at_least: 0, years: [2050, 2035]}\\n")
    >>> read_plan(path)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    PlannerError: plan.yaml, line 3: quota.goals.0.years: expected the first year before the last, found 2050 and 2035
    """
    path = Path(path)
    text = _text(path)
    if path.suffix in (".yaml", ".yml"):
        content, lines = _yaml(text, path)
    elif path.suffix == ".toml":
        content, lines = _toml(text, path)
    else:
        raise PlannerError(f"expected a plan file ending in .yaml, .yml or .toml, found {path}; rename it.")
    if not isinstance(content, dict):
        raise PlannerError(f"{path}, line 1: expected keys such as country: MEX, found {type(content).__name__}; see "
                           "`poblar init mexico` for one that works.")  # fmt: skip
    study = check(content, where=str(path), lines=lines)
    _check_inside(study, path, lines)
    return study


def check(content: dict[str, Any], *, where: str, lines: _Lines | None = None) -> Study:
    """A study from its sections as plain values.

    Parameters
    ----------
    content : dict
        Sections of a plan file.
    where : str
        What messages begin with.
    lines : optional
        Lines of the file's keys.

    Returns
    -------
    Study

    Raises
    ------
    PlannerError
        If it asks what cannot be asked.

    Examples
    --------
    >>> check({"country": "MEX", "seed": 7}, where="example").seed
    7
    """
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise PlannerError(_said(error, where, lines)) from None


def schema() -> dict[str, Any]:
    """JSON Schema of plan files, for editors that complete and check them while one types.

    Returns
    -------
    dict

    Examples
    --------
    >>> sorted(schema()["properties"])[:3]
    ['country', 'data', 'draws']
    """
    made = Study.model_json_schema()
    for node in (made, *made["$defs"].values()):  # of a docstring the first line
        node["description"] = node["description"].split("\n")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "poblar plan file"} | made


class _Lines(dict[Loc, int]):
    """Line of every key and item of a file, by its place."""

    def near(self, loc: Loc) -> int:
        """Line of a place, or of what it lies in; parts that name a choice and no key are passed over."""
        at: Loc = ()
        for part in loc:
            if (*at, part) in self:
                at = (*at, part)
        return self.get(at, 1)


class _Plain(yaml.SafeLoader):
    """YAML's values and nothing else: no tags, anchors, aliases or double keys."""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        if self.flow_level > DEEPEST:  # PyYAML's time grows with the square of it
            raise yaml.MarkedYAMLError(None, None, "brackets in brackets without end", self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise yaml.MarkedYAMLError(None, None, "an anchor or alias (& or *)", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(None, None, f"the tag {event.tag!r}", event.start_mark)
        return super().compose_node(parent, index)


# Dates stay text, as months are; and of YAML 1.1's truths only true and false, or the key `on` would be one.
_Plain.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag.rsplit(":", 1)[-1] not in ("timestamp", "bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Plain.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            read = stream.read(LARGEST + 1)
    except OSError as error:
        raise PlannerError(
            f"expected a plan file at {path}, found {error.strerror or error}; write one with `poblar init mexico`."
        ) from None
    if len(read) > LARGEST:
        raise PlannerError(
            f"{path}: expected a plan file of at most {LARGEST:,} bytes, found more; it is another file."
        )
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlannerError(f"{path}: expected UTF-8 text, found {error}; save the file as UTF-8.") from None


def _yaml(text: str, path: Path) -> tuple[Any, _Lines]:
    loader = _Plain(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise PlannerError(f"{path}: expected keys such as country: MEX, found an empty file; see `poblar init`.")
        lines = _Lines()
        _walk(node, (), lines, path)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise PlannerError(
            f"{path}{line}: expected plain YAML, found {error.problem}; write values as in `poblar init mexico`."
        ) from None
    except yaml.YAMLError as error:
        raise PlannerError(f"{path}: expected YAML, found {' '.join(str(error).split())}; see `poblar init`.") from None
    except RecursionError:
        raise PlannerError(f"{path}: expected a plan, found brackets in brackets without end; write it anew.") from None
    finally:
        loader.dispose()


def _walk(node: yaml.Node, at: Loc, lines: _Lines, path: Path) -> None:
    """Note the line of every key and item, and refuse a key that stands there twice."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place, line = (*at, str(key.value)), key.start_mark.line + 1
            if place in lines:
                raise PlannerError(
                    f"{path}, line {line}: expected {key.value} once, found it in line {lines[place]} too; drop one."
                )
            lines[place] = line
            _walk(value, place, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            lines[(*at, number)] = item.start_mark.line + 1
            _walk(item, (*at, number), lines, path)


def _toml(text: str, path: Path) -> tuple[Any, _Lines]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlannerError(f"{path}: expected TOML, found {error}; mend that line.") from None
    except RecursionError:
        raise PlannerError(f"{path}: expected a plan, found brackets in brackets without end; write it anew.") from None
    lines, at, tables = _Lines(), (), {}
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*(\[\[?)\s*([\w.\-]+)\s*\]", line):
            at = ()
            for part in head[2].split("."):
                at = (*at, part)
                if at in tables and at != tuple(head[2].split(".")):
                    at = (*at, tables[at])
            if head[1] == "[[":
                tables[at] = tables.get(at, -1) + 1
                lines.setdefault(at, number)
                at = (*at, tables[at])
            lines[at] = number
        elif key := re.match(r"\s*([\w\-]+)\s*=", line):
            lines[(*at, key[1])] = number
    return content, lines


def _check_inside(study: Study, path: Path, lines: _Lines) -> None:
    """Files that a plan names are beside it: a plan from elsewhere cannot read what else is on the machine."""
    for name in ("rates", "population", "ledger"):
        file = getattr(study.data, name)
        if file is not None and not (path.parent / file).resolve().is_relative_to(path.parent.resolve()):
            raise PlannerError(
                f"{path}, line {lines.near(('data', name))}: data.{name}: expected a file beside the plan file, found "
                f"{str(file)!r}; copy it there and write its name alone."
            )


def _said(error: ValidationError, where: str, lines: _Lines | None) -> str:
    """The first problem in full, the places of the others."""
    problems = [problem for problem in error.errors(include_url=False) if not _follows(problem, error)]
    if lines is not None:
        problems.sort(key=lambda problem: lines.near(problem["loc"]))

    def place(problem: ErrorDetails) -> str:
        return ".".join(str(part) for part in _keys(problem["loc"]))

    first, *others = problems
    at = "" if lines is None else f", line {lines.near(first['loc'])}"
    text = f"{where}{at}: {place(first) + ': ' if place(first) else ''}{_message(first)}."
    if others:
        also = [place(one) if lines is None else f"line {lines.near(one['loc'])} ({place(one)})" for one in others[:5]]
        text += f" Also wrong: {', '.join(also)}."
    return text


def _follows(problem: ErrorDetails, error: ValidationError) -> bool:
    """Whether a list is only too short because what was in it was refused."""
    loc = problem["loc"]
    return problem["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in error.errors(include_url=False)
    )


def _message(problem: ErrorDetails) -> str:
    found, about = problem["input"], _about(problem["loc"])
    match problem["type"]:
        case "value_error":
            said = str(problem["ctx"]["error"]).rstrip(".") if "ctx" in problem else problem["msg"]
            return said if "; " in said else f"{said}; change it"
        case "extra_forbidden":
            known = _known(problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "drop it"
            return f"expected one of the keys {', '.join(known)}, found {str(problem['loc'][-1])!r}; {remedy}"
        case "missing":
            return f"expected {about or 'a value'}, found none; add it"
        case "union_tag_not_found" | "union_tag_invalid":
            tags, key = _tags(problem["loc"])
            there = found.get(key) if isinstance(found, dict) else None
            return f"expected {key}: one of {', '.join(tags)}, found {_shown(there)}; name one of them"
        case _:
            rule = problem["msg"].removeprefix("Input should be ")
            bound = problem["type"].startswith(("greater_than", "less_than"))
            expected = f"{about}, {rule}" if about and bound else about or rule
            return f"expected {expected}, found {_shown(found)}; change it"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"keys {', '.join(map(str, value))}"[:80]
    return "none" if value is None else repr(value)[:80]


def _keys(loc: Loc) -> Loc:
    """A place without the parts that name a choice of a list of several kinds."""
    return tuple(
        part for i, part in enumerate(loc) if not (i and isinstance(loc[i - 1], int) and _is_tag(loc[:i], part))
    )


def _is_tag(before: Loc, part: int | str) -> bool:
    node = _node(before)
    return part in node.get("discriminator", {}).get("mapping", {})


def _node(loc: Loc) -> dict[str, Any]:
    """What the schema says of a place."""
    made = schema()

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        """The node itself, where it is a reference or may be null too; its own words prevail."""
        while "$ref" in node or "anyOf" in node:
            options = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
            inner = made["$defs"][node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else options[0]
            node = inner | {name: value for name, value in node.items() if name not in ("$ref", "anyOf")}
        return node

    node = resolved(made)
    for part in loc:
        if isinstance(part, int):
            items = [*node.get("prefixItems", ()), node.get("items", {})]
            node = items[min(part, len(items) - 1)]
        elif "discriminator" in node:
            node = node["discriminator"]["mapping"].get(part, {})
            node = {"$ref": node} if node else {}
        else:
            node = node.get("properties", {}).get(part, {})
        node = resolved(node)
    return node


def _about(loc: Loc) -> str:
    """What belongs to a place, in the schema's words; of an item of a list, what belongs to the list."""
    words = _node(loc).get("description", "")
    if not words and loc and isinstance(loc[-1], int):
        words = _node(loc[:-1]).get("description", "")
    return str(words)


def _known(loc: Loc) -> Sequence[str]:
    return list(_node(loc).get("properties", {}))


def _tags(loc: Loc) -> tuple[list[str], str]:
    choice = _node(loc)["discriminator"]
    return list(choice["mapping"]), choice["propertyName"]
