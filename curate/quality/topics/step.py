"""The `topic` step: what names the topic of a document, and the rules on it.

Topics are made by stages of their own, since clusters have to be found first: see `topics/plan.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from curate.records.topics import TOPIC, TOPICS
from curate.settings import Count, Model, Share, Strings, as_list
from curate.steps import ON_TOPICS, Changes, Evaluation, SourceStep
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.rules import AllowedRule, AnyRule, ListedRule

MOST_CLUSTERS = 256


class Topic(Model):
    """What a document is about: a column for mixtures, buckets, rules and facets."""

    classifier: str | None = Field(
        None,
        description="a fastText model's path, or the file of clusters in the folder `topics` of a run",
        examples=["models/topics.bin"],
    )
    labels: Literal["weborganizer"] | Mapping[str, str] | None = Field(
        None,
        description="names of the model's labels, without __label__; weborganizer: the 24 topics of WebOrganizer",
        examples=["weborganizer", {"0": "news", "1": "shop"}],
    )
    clusters: Annotated[int, Field(ge=2, le=MOST_CLUSTERS)] | None = Field(
        None, description="find so many topics among the documents, by their words", examples=[24]
    )
    sample: Annotated[Count, Field(gt=0)] = Field(
        20_000, description="documents in which the clusters are found, of those that pass the other rules"
    )
    keep: Strings | Literal["all"] = Field("all", description="topics that pass", examples=[["science", "health"]])
    drop: Strings = Field((), description="topics that do not pass", examples=[["adult_content"]])
    minimum: Share | None = Field(
        None, description="least score of the topic, a probability or a cosine", examples=[0.5]
    )

    @field_validator("labels", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        """Labels that are numbers as the model has them."""
        return {str(key): name for key, name in value.items()} if isinstance(value, dict) else value

    @field_validator("keep", mode="before")
    @classmethod
    def _all(cls, value: Any) -> Any:
        return value if value == "all" else as_list(value)

    @model_validator(mode="after")
    def _one_of_each(self) -> Topic:
        if (self.classifier is None) == (self.clusters is None):
            raise ValueError("give either a classifier, the path of a model, or clusters, how many are to be found")
        if self.labels is not None and self.classifier is None:
            raise ValueError("labels are a classifier's: clusters are named by their words")
        if self.keep != "all" and self.drop:
            raise ValueError("give either keep or drop")
        return self

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(key, topic) of every topic that the settings name."""
        kept = () if self.keep == "all" else self.keep
        return (*(("keep", name) for name in kept), *(("drop", name) for name in self.drop))


def _evaluation(name: str, setting: Topic) -> Evaluation | None:
    if setting.classifier and not os.path.isfile(setting.classifier):
        raise FileNotFoundError(f"no topic model at {setting.classifier}")
    return None


def _rules(name: str, setting: Topic, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    rules: list[AnyRule] = []
    if setting.keep != "all":
        rules.append(AllowedRule(name, "keep", TOPIC, tuple(setting.keep)))
    if setting.drop:
        dropped = tuple(dict.fromkeys(each.strip().lower() for each in setting.drop))
        rules.append(ListedRule(name, "drop", TOPIC, dropped, refuse=True, missing=False))
    if setting.minimum is not None:
        rules.append(
            BoundsRule(
                name, "minimum", "topic_score", min=setting.minimum, column="topic_score", single=True,
                setting=f"{name}.minimum",
            )
        )  # fmt: skip
    return tuple(rules)


STEP = SourceStep(
    "topic",
    Topic,
    place=ON_TOPICS,
    example="topic: {clusters: 24, drop: [casino-bonus-slots]}",
    evaluation=_evaluation,
    rules=_rules,
    thresholds=frozenset({"keep", "drop", "minimum"}),
    later_columns=lambda setting: tuple((field.name, str(field.type)) for field in TOPICS),
)
