"""The `scrub` step: its settings."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from curate.settings import Model, Strings, as_list
from curate.steps import CombiningStep

PersonalType = Literal["EMAIL", "PHONE", "IP_ADDRESS", "MAC_ADDRESS", "CREDIT_CARD", "IBAN", "SSN", "API_KEY", "CRYPTO"]
PERSONAL_TYPES: tuple[PersonalType, ...] = get_args(PersonalType)
PersonalTypes = Annotated[tuple[PersonalType, ...], BeforeValidator(as_list), Field(min_length=1)]
LooserOption = Literal["reserved_ip", "ssn_9xx", "card_without_luhn", "versions"]


class Scrub(Model):
    """Replacement of personal data by typed placeholders."""

    types: PersonalTypes = PERSONAL_TYPES
    regions: Strings = Field(
        ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "CA", "BR", "JP"),
        description="regions (ISO 3166) whose national phone numbers count",
    )
    options: dict[LooserOption, bool] = Field({}, description="looser validation, by name")
    placeholders: dict[PersonalType, str] = Field({}, description="placeholder by type; default: [TYPE]")
    key: str | None = Field(
        None, description="a file that holds a secret: replace by a hash keyed with it instead of a constant"
    )
    drop_above: Annotated[int, Field(ge=0)] | None = Field(None, description="drop a document with more findings")

    @model_validator(mode="after")
    def _together(self) -> Scrub:
        if self.key is not None and self.placeholders:
            raise ValueError("give either a key or placeholders")
        return self


STEP = CombiningStep("scrub", Scrub, 30, "curate.pii.plan:scrub", check="curate.pii.plan:check_scrub")
