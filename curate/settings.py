"""What settings are made of: frozen values, and the types of names, counts (64M, 1_000), shares and lists. Knows no step."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_COUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kmbgt]?)", re.IGNORECASE)


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


class Model(BaseModel):
    """A frozen value; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Strings = Annotated[tuple[str, ...], BeforeValidator(as_list), Field(json_schema_extra={"type": ["array", "string"]})]
Count = Annotated[int, BeforeValidator(parse_count), Field(json_schema_extra={"type": ["integer", "string"]})]
Share = Annotated[float, Field(ge=0, le=1)]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name: use letters, digits, '-' and '_', starting with a letter or digit")
    return name


Name = Annotated[str, AfterValidator(_check_name)]
