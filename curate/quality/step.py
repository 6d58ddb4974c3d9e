"""The `quality` step: which classifier scores the documents, and the rule that keeps them by their score.

Scores are made by stages of their own, since a classifier may have to be trained first: see `quality/plan.py`.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field, model_validator

from curate.records.quality import BUCKET, QUALITY, QUALITY_BUCKET, SCORE
from curate.settings import Count, Model, Share, Strings
from curate.steps import ON_SCORES, Changes, Evaluation, SourceStep
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.rules import AnyRule, DrawRule


class Quality(Model):
    """A quality classifier and the rule that keeps documents by its score."""

    classifier: Literal["gpt3", "fasttext"] = Field(
        "gpt3", description="gpt3: hashed words and a logistic regression; fasttext: a fastText model"
    )
    positives: Strings = Field((), description="sources of good documents to learn from")
    model: str | None = Field(
        None, description="a trained model's path; then nothing is trained", examples=["models/quality"]
    )
    alpha: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="keep by a random draw, the likelier the higher the score: with probability (2 - score)^-alpha",
        examples=[9],
    )
    minimum: Share | None = Field(
        None, description="keep scores of at least this, instead of the random draw", examples=[0.5]
    )
    keep_share: Share | None = Field(
        None, description="keep this share of the documents that pass the other rules, those with the highest scores"
    )
    buckets: str | None = Field(
        None,
        description="number each document's twentieth by score, 0 to 19, within its source, its language or another column",
        examples=["source", "language"],
    )
    minimum_bucket: Annotated[int, Field(ge=0, lt=20)] | None = Field(
        None, description="keep these twentieths and those above, instead of a minimum of the score", examples=[18]
    )
    sample: Annotated[Count, Field(gt=0)] = Field(100_000, description="most documents of each class to train on")
    label: str | None = Field(
        None, description="a fastText file's label of good documents; default: __label__hq", examples=["__label__hq"]
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Quality:
        if (self.model is None) != bool(self.positives):
            raise ValueError("give either positives, the sources to learn from, or a trained model")
        if self.minimum is not None and self.keep_share is not None:
            raise ValueError("give either a minimum or a keep_share")
        if self.minimum_bucket is not None and (self.minimum is not None or self.keep_share is not None):
            raise ValueError("give either a minimum_bucket, or a minimum or keep_share of the score")
        if self.minimum_bucket is not None and self.buckets is None:
            raise ValueError("minimum_bucket needs buckets: within what they are, source or language")
        return self

    @property
    def decides(self) -> bool:
        """Whether documents are kept by their score; else they are only scored."""
        return any(each is not None for each in (self.alpha, self.minimum, self.keep_share, self.minimum_bucket))


def _evaluation(name: str, setting: Quality) -> Evaluation | None:
    if setting.model and not os.path.isfile(setting.model):
        raise FileNotFoundError(f"no quality model at {setting.model}")
    return None


def _rules(name: str, setting: Quality, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    if setting.minimum_bucket is not None:
        bucket = setting.minimum_bucket
        key = "quality.minimum_bucket"
        return (BoundsRule(name, "minimum_bucket", BUCKET, min=bucket, column=BUCKET, setting=key),)
    if setting.keep_share is None and setting.minimum is None:
        return () if setting.alpha is None else (DrawRule(name, "draw", setting.alpha),)
    rule = "minimum" if setting.keep_share is None else "keep_share"
    bound = (
        setting.minimum if setting.keep_share is None else least
    )  # a share's least score is known once all are scored
    return (BoundsRule(name, rule, SCORE, min=bound, column=SCORE, single=True, setting=f"quality.{rule}"),)


def _later_columns(setting: Quality) -> tuple[tuple[str, str], ...]:
    fields = (*QUALITY, *(QUALITY_BUCKET if setting.buckets else ()))
    return tuple((field.name, str(field.type)) for field in fields)


STEP = SourceStep(
    "quality",
    Quality,
    place=ON_SCORES,
    example="quality: {classifier: gpt3, positives: [reference], keep_share: 0.5}",
    evaluation=_evaluation,
    rules=_rules,
    thresholds=frozenset({"alpha", "minimum", "keep_share", "minimum_bucket"}),
    sources_named=lambda setting: {"positives": setting.positives},
    later_columns=_later_columns,
)
