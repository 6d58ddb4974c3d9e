"""What settings are made of: frozen values, and the types of names, counts (64M, 1_000), shares, ranges and lists.

Knows no step.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError

_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_COUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kmbgt]?)", re.IGNORECASE)
_SIZE = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_PLAIN = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")
_RANGE_WANTED = "write a range as 0.2..0.8, 1M.. or ..0.5"


def parse_count(value: Any) -> Any:
    """An int from `64M`, `1.5B`, `10_000` or a whole number; anything else is returned for the type check to refuse."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    match = _COUNT.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a count: write a whole number, or one with k, M, B or T, as in 64M")
    return round(float(match[1].replace("_", "")) * _SUFFIXES[match[2].lower()])


def parse_size(value: Any) -> Any:
    """Bytes from `256 MB`, `1GiB` or a whole number; anything else is returned for the type check to refuse.

    >>> parse_size("256 MB"), parse_size("1 GiB"), parse_size(5)
    (256000000, 1073741824, 5)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str) or value == "auto":
        return value
    match = _SIZE.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a size: write bytes, or a number with kB, MB, GB, MiB or GiB, as in 256 MB")
    unit = (1024 if match[3] else 1000) ** " kmgt".index((match[2] or " ").lower())
    return round(float(match[1].replace("_", "")) * unit)


def parse_range(value: Any) -> tuple[float, float]:
    """(least, most) of `0.2..0.8`, `1M..`, `..0.5`, or of one number, which is both. Raises ValueError.

    >>> parse_range("0.2..0.8")
    (0.2, 0.8)
    >>> parse_range("1M..")
    (1000000.0, inf)
    """
    low, dots, high = str(value).partition("..")
    if isinstance(value, bool) or not (low.strip() or high.strip()):
        raise ValueError(_RANGE_WANTED)
    least = _end(low, -math.inf)
    most = _end(high, math.inf) if dots else least
    if least > most:
        raise ValueError(f"{least:g} is more than {most:g}: write the smaller number first, as in 0.2..0.8")
    return least, most


def _end(text: str, open_end: float) -> float:
    """One end of a range; `open_end` where it is left out."""
    if not text.strip():
        return open_end
    try:
        number = float(text) if _PLAIN.fullmatch(text.strip()) else float(parse_count(text))
    except (ValueError, TypeError):
        raise ValueError(_RANGE_WANTED) from None
    return number


class Model(BaseModel):
    """A frozen value; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def one_of(known: Callable[[], Iterable[str]], *others: str) -> Callable[[dict[str, Any]], None]:
    """In the schema for editors: the words that a text, or each text of a list, may be, and patterns of others.

    `Field(json_schema_extra=one_of(lambda: ["gpt2"], "/"))`. The words are looked up when a schema is made.
    """

    def extra(schema: dict[str, Any]) -> None:
        words: list[dict[str, Any]] = [{"enum": sorted(known())}, *({"pattern": pattern} for pattern in others)]
        for part in (schema, *schema.get("anyOf", ())):
            if "items" in part:
                part["type"] = ["array", "string"]
                part["items"] = {"anyOf": words}
            elif part is schema and "anyOf" not in schema:
                part["anyOf"] = words

    return extra


A_PATH = r"[/.]"
"""What a path has that no name of a pack or tokenizer has."""
OWN_CODE = r"^[\w.]+:\w+$"
"""`module:name`, as people's own code is named."""


def mistake(key: str, says: str) -> PydanticCustomError:
    """What a model raises where one of its keys is wrong, so that the message names the key and its line."""
    return PydanticCustomError("of_key", "{says}", {"key": key, "says": says})


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _OrOneWord:
    """In the schema for editors: a list, or its only word."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "type": ["array", "string"]}


Strings = Annotated[tuple[str, ...], BeforeValidator(as_list), _OrOneWord()]
Count = Annotated[int, BeforeValidator(parse_count), Field(json_schema_extra={"type": ["integer", "string"]})]


Size = Annotated[int, BeforeValidator(parse_size), Field(json_schema_extra={"type": ["integer", "string"]})]
"""Bytes: `256 MB`, `1 GiB`, or a whole number."""


def _range_text(value: Any) -> str:
    parse_range(value)
    return str(value).strip()


Range = Annotated[str, BeforeValidator(_range_text), Field(json_schema_extra={"type": ["string", "number"]})]
"""A range as it is written; `parse_range` reads it."""
Share = Annotated[float, Field(ge=0, le=1)]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name: use letters, digits, '-' and '_', starting with a letter or digit")
    return name


Name = Annotated[str, AfterValidator(_check_name)]
