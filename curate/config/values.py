"""What settings are made of: frozen values, and the types of names, counts, shares and lists. Knows no step."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from curate.config.sizes import parse_count


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
