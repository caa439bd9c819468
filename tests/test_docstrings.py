"""What is public is documented, and what the documentation shows runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cached_property
from types import ModuleType

import pytest
from numpydoc.validate import validate

ROOMS = ("poblar.data", "poblar.forecast", "poblar.optimize", "poblar.planner")

# Every docstring; a method whose class or protocol says what its arguments are need not say it again.
CODES = {
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS03",  # the summary does not end with a period
    "SS06",  # the summary is longer than one line
    "PR02",  # a documented parameter does not exist
    "PR03",  # the parameters are in another order
}
# Functions and classes besides.
COMPLETE = {
    "PR01",  # a parameter is not documented
    "RT01",  # what is returned is not documented
    "YD01",  # what is yielded is not documented
}


def _modules() -> Iterator[ModuleType]:
    for room in ROOMS:
        package = importlib.import_module(room)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not found.name.endswith(".__main__"):
                yield importlib.import_module(found.name)


def _is_public(module: ModuleType) -> bool:
    return not any(part.startswith("_") for part in module.__name__.split("."))


def _is_ours(member: object) -> bool:
    """Whether `member` is a class or a function (jitted and cached ones too) that poblar defines."""
    return hasattr(member, "__qualname__") and str(getattr(member, "__module__", "")).startswith("poblar.")


def _is_protocol(member: object) -> bool:
    return getattr(member, "_is_protocol", False)  # typing.is_protocol came with Python 3.13


def _needs_no_example(member: object) -> bool:
    """Exceptions are raised by others, protocols only describe: neither is called by a user."""
    return inspect.isclass(member) and (issubclass(member, Exception) or _is_protocol(member))


def _full_name(member: object) -> str:
    return f"{member.__module__}.{member.__qualname__}"


def _methods(cls: type) -> Iterator[str]:
    for name, member in vars(cls).items():
        kinds = (property, cached_property, classmethod, staticmethod)
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, kinds)):
            yield f"{_full_name(cls)}.{name}"


MODULES = tuple(_modules())
PUBLIC = {
    _full_name(member): member
    for module in MODULES
    if _is_public(module)
    for member in (getattr(module, name) for name in getattr(module, "__all__", ()))
    if _is_ours(member)
}
METHODS = sorted({name for member in PUBLIC.values() if inspect.isclass(member) for name in _methods(member)})
EXAMPLES = {
    example.name: example
    for module in MODULES
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
}


@pytest.mark.parametrize("module", [module for module in MODULES if _is_public(module)], ids=lambda m: m.__name__)
def test_names_in_all_exist(module: ModuleType) -> None:
    missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
    assert not missing, f"{module.__name__}.__all__ names what the module does not have: {missing}"


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_names_are_documented(name: str) -> None:
    # The signature of a protocol is Python's own (*args, **kwargs).
    codes = CODES if _is_protocol(PUBLIC[name]) else CODES | COMPLETE
    assert _problems(name, codes) == []


@pytest.mark.parametrize("name", [name for name, member in sorted(PUBLIC.items()) if not _needs_no_example(member)])
def test_public_names_have_an_example(name: str) -> None:
    assert any(found == name or found.startswith(f"{name}.") for found in EXAMPLES), (
        f"{name} has no Examples section with lines that start with >>>"
    )


@pytest.mark.parametrize("name", METHODS)
def test_public_methods_are_documented(name: str) -> None:
    assert _problems(name, CODES) == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_run(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(EXAMPLES[name], out=report.append).failed == 0, "".join(["\n", *report])


def _problems(name: str, codes: set[str]) -> list[str]:
    return [f"{code}: {text}" for code, text in validate(name)["errors"] if code in codes]
