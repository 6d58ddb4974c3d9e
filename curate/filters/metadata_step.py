"""The `metadata` step: rules on what the input says of its documents, such as licences and reservations.

Columns are those that `read.metadata` carries, or what pages say of themselves (`extract: {metadata: true}`). Values are
compared whole, without regard to case and outer white space. Knows settings and rules; computes nothing.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from curate.records.metadata import META
from curate.settings import Model, Strings
from curate.steps import Changes, SourceStep
from curate.verdicts.rules import AnyRule, ListedRule


class Metadata(Model):
    """Values of the input's columns that pass, or do not."""

    allow: dict[str, Strings] = Field(
        {},
        description="by column, the values that pass; any other fails",
        examples=[{"license": ["mit", "apache-2.0", "bsd-3-clause"]}],
    )
    refuse: dict[str, Strings] = Field(
        {}, description="by column, the values that fail; any other passes", examples=[{"tdm_reservation": ["1"]}]
    )
    missing: Literal["fail", "pass"] = Field(
        "fail", description="what becomes of a document without a value in a column of `allow`"
    )

    @field_validator("allow", "refuse", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        """Numbers and truth values as the ledger's text has them."""
        if not isinstance(value, dict):
            return value
        return {key: _as_texts(each) for key, each in value.items()}

    @model_validator(mode="after")
    def _says_something(self) -> Metadata:
        if not self.allow and not self.refuse:
            raise ValueError("give `allow` or `refuse`, values by column, as in {allow: {license: [mit]}}")
        empty = [key for key, values in (*self.allow.items(), *self.refuse.items()) if not values]
        if empty:
            raise ValueError(f"{empty[0]}: no value is listed")
        return self


def _as_texts(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_texts(each) for each in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _rules(name: str, setting: Metadata, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    fails = setting.missing == "fail"
    allowed = (
        ListedRule(name, key, f"{META}{key}", _folded(values), False, fails) for key, values in setting.allow.items()
    )
    refused = (
        ListedRule(name, f"refused_{key}", f"{META}{key}", _folded(values), True, False)
        for key, values in setting.refuse.items()
    )
    return (*allowed, *refused)


def _folded(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip().lower() for value in values))


STEP = SourceStep(
    "metadata",
    Metadata,
    example="metadata: {allow: {license: [mit, apache-2.0]}}",
    rules=_rules,
    thresholds=frozenset({"allow", "refuse", "missing"}),
)
