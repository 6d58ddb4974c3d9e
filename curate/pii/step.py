"""The `scrub` step: its settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from curate.settings import OWN_CODE, Model, Strings, as_list, one_of
from curate.steps import CombiningStep


def _known_type(name: str) -> str:
    from curate.pii.detectors import check_type  # when used: it brings compiled kernels

    return check_type(name)


def _known_option(name: str) -> str:
    from curate.pii.detectors import OPTIONS

    if name not in OPTIONS:
        raise ValueError(f"{name!r} is no option; known: {', '.join(OPTIONS)}")
    return name


def _all_types() -> tuple[str, ...]:
    from curate.pii.detectors import TYPES

    return TYPES


PersonalType = Annotated[str, AfterValidator(_known_type)]
LooserOption = Annotated[str, AfterValidator(_known_option)]


class Scrub(Model):
    """Replacement of personal data by typed placeholders."""

    types: Annotated[tuple[PersonalType, ...], BeforeValidator(as_list), Field(min_length=1)] = Field(
        default_factory=_all_types,
        description="types by name, or detectors of your own as module:NAME; default: all types",
        examples=[["EMAIL", "PHONE"]],
        json_schema_extra=one_of(_all_types, OWN_CODE),
    )
    regions: Strings | None = Field(
        None,
        description="regions (ISO 3166) whose phone numbers count; default: twelve and those of each text's language",
        examples=[["DE", "FR"]],
    )
    options: dict[LooserOption, bool] = Field(
        {}, description="looser validation, by name", examples=[{"reserved_ip": True}]
    )
    placeholders: dict[str, str] = Field(
        {}, description="placeholder by type; default: [TYPE]", examples=[{"EMAIL": "<mail>"}]
    )
    key: str | None = Field(
        None,
        description="a file that holds a secret: replace by a hash keyed with it instead of a constant",
        examples=["secret.key"],
    )
    drop_above: Annotated[int, Field(ge=0)] | None = Field(
        None, description="drop a document with more findings", examples=[20]
    )

    @model_validator(mode="after")
    def _together(self) -> Scrub:
        if self.key is not None and self.placeholders:
            raise ValueError("give either a key or placeholders")
        return self


STEP = CombiningStep(
    "scrub",
    Scrub,
    30,
    "curate.pii.plan:scrub",
    check="curate.pii.plan:check_scrub",
    example="scrub: {types: [EMAIL, PHONE, IP_ADDRESS]}",
)
