"""docs/python-names.md, every public name of the package with its signature, from the names' own docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import curate
from tests.project.reference.markdown import described, page, prose
from tests.support.running import ROOT

_PATH = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")
_ARRAY = re.compile(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(\w+)\]\]")


def names_page() -> str:
    """docs/python-names.md."""
    about = (
        "Every public name, with its signature and what it says of itself; [from Python](api.md) shows them at work."
    )
    return page("Names in Python", about, _sections())


def _sections() -> Iterator[str]:
    for name in curate.__all__:
        value = getattr(curate, name)
        if isinstance(value, ModuleType):
            yield f"## curate.{name}\n\n{prose(value.__doc__)}\n"
            for inner in value.__all__:
                yield from _told(f"curate.{name}.{inner}", getattr(value, inner), "###")
        elif name != "__version__":
            yield from _told(f"curate.{name}", value, "##")
    yield "## curate.\\_\\_version\\_\\_\n\nThe version of the installed distribution, a string.\n"


def _told(name: str, value: Any, level: str) -> Iterator[str]:
    """A name, its signature, its docstring, and of a class its own public methods."""
    yield f"{level} {name}\n"
    if not callable(value):
        yield f"{_of_value(name)}\n"
        return
    if not inspect.isclass(value) or hasattr(value, "_fields") or ("__init__" in vars(value) and not _is_plain(value)):
        yield f"```python\n{name}{_signature(value)}\n```\n"
    yield f"{prose(value.__doc__)}\n"
    if inspect.isclass(value):
        yield "".join(_methods(value))


def _is_plain(value: type) -> bool:
    """Whether nobody makes one by hand: an error, a protocol, a model of settings."""
    return issubclass(value, (BaseException, BaseModel)) or bool(getattr(value, "_is_protocol", False))


def _of_value(name: str) -> str:
    """What stands below a value in the file of the package that gives it."""
    room, _, last = name.removeprefix("curate.").partition(".")
    for path in sorted((ROOT / "curate" / room).rglob("*.py")):
        for each in described(path):
            if each.name == last:
                return each.about
    raise AssertionError(f"{name} says nothing of itself")


def _methods(value: type) -> Iterator[str]:
    for method, found in vars(value).items():
        function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        if method.startswith("_") or not (inspect.isfunction(function) or isinstance(found, property)):
            continue
        shown = f".{method}" if isinstance(found, property) else f".{method}{_signature(function)}"
        yield f"- `{shown}`: {prose(function.__doc__)}\n" if function.__doc__ else ""


def _signature(value: Any) -> str:
    """A signature as it is written, without the paths of types."""
    written = inspect.signature(value)
    pieces: list[str] = []
    for name, parameter in written.parameters.items():
        if name in ("self", "cls") or name.startswith("_"):
            continue
        pieces += ["*"] if parameter.kind is parameter.KEYWORD_ONLY and "*" not in pieces else []
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        kind = "" if parameter.annotation is parameter.empty else f": {_type(parameter.annotation)}"
        value_given = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        pieces.append(f"{star}{name}{kind}{value_given}")
    given = written.return_annotation
    gives = "" if given is written.empty or given is None else f" -> {_type(given)}"
    return f"({', '.join(pieces)}){gives}"


def _type(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"ForwardRef\('([^']*)'\)", r"\1", text)
    return re.sub(_ARRAY, r"NDArray[\1]", re.sub(_PATH, "", text))


def _default(value: Any) -> str:
    return repr(value) if value is None or isinstance(value, str | int | float | tuple | frozenset) else "..."
