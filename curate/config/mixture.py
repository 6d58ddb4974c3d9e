"""The shape of a mixture: shares of groups, by which columns, in which phases. Knows no group that is there.

`Weighing` is what a mixture and each of its phases say in the same words: which group is to have how much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from curate.settings import Count, Model, Name, parse_count

MOST_EPOCHS = 4.0
"""Epochs of a group unless the file says otherwise: up to four, repeated text is nearly worth new text, and soon after
nothing (Muennighoff et al. 2023, section 6)."""

CELLS = " + "
"""Stands between the columns of a mixture of cells."""
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_WHOLE = 100.0
_ROUNDING = 1e-6  # of percentages: 33.333333 three times is a whole


class MixtureShare(Model):
    """One group's part of the mixture."""

    weight: Annotated[float, Field(ge=0)] | None = Field(
        None, description="share of the tokens, beside the other weights", examples=[0.8]
    )
    max_epochs: Annotated[float, Field(gt=0)] | None = Field(
        MOST_EPOCHS, description="most epochs that a weight may come to; null: no bound"
    )
    epochs: Annotated[float, Field(ge=0)] | None = Field(
        None, description="how often each document occurs, instead of a weight", examples=[2]
    )

    @model_validator(mode="after")
    def _one(self) -> MixtureShare:
        if self.weight is not None and self.epochs is not None:
            raise ValueError("give either a weight or epochs")
        if self.epochs is not None and self.max_epochs not in (None, MOST_EPOCHS):
            raise ValueError("epochs are exact: max_epochs goes with a weight")
        return self


class Upsampling(Model):
    """Dolma 3's curve: the best buckets of a group come more often, the worst not at all."""

    discard: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.4, description="most of a group's tokens that is left out for its quality"
    )
    most: Annotated[float, Field(gt=0)] = Field(7.0, description="most epochs of a group's best bucket")


class Weighing(Model):
    """How much each group is to have, in one of several ways."""

    weights: Annotated[str, Field(min_length=1)] | dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        None,
        description="each group's weight, or a file of them (YAML, JSON, CSV, Parquet); a group not named is left out",
        examples=["cells.csv", {"web": 0.8, "books": 0.2}],
    )
    max_epochs: Annotated[float, Field(gt=0)] | None = Field(
        None, description=f"most epochs of a group of `weights`; default: {MOST_EPOCHS:g}", examples=[2]
    )
    sources: dict[str, MixtureShare] = Field(
        {},
        description="each group's share; a group not named is left out",
        examples=[{"web": {"weight": 0.8}, "books": {"weight": 0.2, "max_epochs": 4}}],
    )
    temperature: Annotated[float, Field(gt=0)] | None = Field(
        None, description="weights by size to the power 1/temperature, instead of given ones", examples=[2]
    )
    unimax: Annotated[float, Field(gt=0)] | None = Field(
        None, description="UniMax: an equal share of tokens for each group, and at most so many epochs", examples=[4]
    )
    upsample: Upsampling | None = Field(
        None,
        description="by quality: the last column of `by` orders each group's documents, `sources` or `weights` name the "
        "groups",
        examples=[{"discard": 0.4, "most": 7}],
    )

    @property
    def says_nothing(self) -> bool:
        """Whether it leaves the shares as they are."""
        return not self.sources and all(
            getattr(self, name) is None for name in ("weights", "max_epochs", "temperature", "unimax", "upsample")
        )

    @model_validator(mode="after")
    def _one_way(self) -> Weighing:
        given = [key for key in ("temperature", "unimax", "upsample") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each say what the weights are; give one")
        if self.weights is not None and self.sources:
            raise ValueError("weights and sources both say the groups' shares; give one")
        if self.weights is not None and (self.temperature is not None or self.unimax is not None):
            raise ValueError(f"{given[0]} makes the weights; leave out weights")
        if self.max_epochs is not None and self.weights is None:
            raise ValueError("max_epochs bounds the groups of `weights`; under `sources` each group has its own")
        if self.unimax is not None and self.sources:
            raise ValueError("unimax gives every group an equal share; leave out sources")
        if self.upsample is not None and any(share.epochs is not None for share in self.sources.values()):
            raise ValueError("upsample gives each bucket its epochs; give the groups weights")
        for name, share in self.sources.items():
            if self.temperature is None and share.weight is None and share.epochs is None:
                raise ValueError(f"{name}: give either a weight or epochs")
            if self.temperature is not None and share.weight is not None:
                raise ValueError(f"{name}: with a temperature the weights come from the sizes; leave out the weight")
        return self


def _phase_tokens(value: Any) -> Any:
    """A count as it stands, and a share of the mixture as `80%`."""
    percent = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if percent:
        return f"{float(percent[1]):g}%"
    try:
        return parse_count(value)
    except ValueError:
        raise ValueError(f"{value!r} is neither a share of the mixture, as 80 %, nor a count, as 20B") from None


def _above_nothing(value: int | str) -> int | str:
    if value in ("0%", 0) or (isinstance(value, int) and value < 0):
        raise ValueError("a phase needs tokens: leave it out")
    return value


PhaseTokens = Annotated[
    Annotated[int, Field(json_schema_extra={"type": ["integer", "string"]})] | str,
    BeforeValidator(_phase_tokens),
    AfterValidator(_above_nothing),
]


class MixturePhase(Weighing):
    """A stretch of the training with shares of its own. What it does not say is as the mixture says."""

    name: Name = Field(description="what manifests and reports call it", examples=["anneal"])
    tokens: PhaseTokens = Field(
        description="how long it is: a share of the mixture's tokens, or a count", examples=["20 %", "20B"]
    )
    schedule: Literal["constant", "linear"] = Field(
        "constant", description="linear: shares move evenly from those that the phase before ended with to these"
    )
    sequence_length: Annotated[Count, Field(gt=0)] | None = Field(
        None, description="length of the sequences that a loader makes of it; default: the loader's", examples=[32768]
    )

    @property
    def share(self) -> float | None:
        """Its share of the mixture's tokens; None where it has a count."""
        return float(self.tokens[:-1]) / _WHOLE if isinstance(self.tokens, str) else None


class Mixture(Weighing):
    """How much of each group the shards hold, in tokens."""

    tokens: Count | Literal["all"] = Field("all", description="tokens of the mixture; all: as many as there are")
    by: Annotated[str, Field(json_schema_extra={"type": ["array", "string"], "items": {"type": "string"}})] = Field(
        "source", description="source, domain, or a ledger column; several: cells such as de/0.7"
    )
    phases: tuple[MixturePhase, ...] = Field(
        (),
        description="stretches of the training with shares of their own, one after another",
        examples=[[{"name": "main", "tokens": "80 %"}, {"name": "anneal", "tokens": "20 %", "weights": "best.csv"}]],
    )

    @model_validator(mode="after")
    def _columns_for_upsampling(self) -> Mixture:
        if any(each.upsample is not None for each in (self, *self.phases)) and CELLS not in self.by:
            raise ValueError("upsample needs two columns or more in `by`, the last one a number that says how good")
        return self

    @model_validator(mode="after")
    def _phases_in_all(self) -> Mixture:
        if not self.phases:
            return self
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError("two phases have one name")
        shares = [phase.share for phase in self.phases]
        given = [share for share in shares if share is not None]
        if given and len(given) < len(shares):
            raise ValueError("give the tokens of all phases as shares of the mixture, or of all as counts")
        if given and abs(sum(given) * _WHOLE - _WHOLE) > _ROUNDING:
            raise ValueError(f"the phases are {sum(given) * _WHOLE:g} % of the mixture together; they must be 100 %")
        if not given and self.tokens != "all":
            raise ValueError("phases with counts say how many tokens there are; leave out the mixture's tokens")
        if self.phases[0].schedule == "linear":
            raise ValueError(
                f"{self.phases[0].name}: nothing comes before the first phase from which shares could move"
            )
        return self

    @field_validator("by", mode="before")
    @classmethod
    def _cells(cls, value: Any) -> Any:
        several = isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value)
        return CELLS.join(value) if several else value

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that part documents into groups."""
        return tuple(self.by.split(CELLS))

    def weighing(self, phase: MixturePhase) -> Weighing:
        """What a phase says of the groups, or the mixture where it says nothing."""
        return self if phase.says_nothing else phase

    def weighings(self) -> Iterator[tuple[tuple[str | int, ...], Weighing]]:
        """(place below the mixture's key, settings) of everything that says shares: the mixture, and each phase."""
        yield (), self
        for number, phase in enumerate(self.phases):
            yield ("phases", number), phase

    def named_groups(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """(place below the mixture's key, group) of every group that the settings name; those of files are not read."""
        for before, each in self.weighings():
            for key in ("sources", "weights"):
                named = getattr(each, key)
                if isinstance(named, dict):
                    yield from (((*before, key, name), name) for name in named)

    @field_validator("tokens", mode="before")
    @classmethod
    def _all(cls, value: Any) -> Any:
        return value if value == "all" else parse_count(value)
