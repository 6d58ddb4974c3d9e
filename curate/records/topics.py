"""Topics: the ledger's columns of them, and what a model of clusters says of itself. Knows types and names only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pyarrow as pa

TOPIC = "topic"
TOPICS = pa.schema([(TOPIC, pa.string()), ("topic_score", pa.float32())])
"""The topic's name, null where a text has no word that tells; a classifier's probability of it, or the cosine to the
cluster's centre."""


class TopicCard(TypedDict):
    """What a model of clusters says of itself."""

    topics: Sequence[str]
    """The clusters' names, the largest first."""
    words: Mapping[str, Sequence[str]]
    """By name, the words that tell it from the others, the strongest first."""
    sampled: Mapping[str, int]
    """By name, the documents of the sample that it holds."""
    documents: int
    """Documents of the sample."""
    seed: int


class TopicNumbers(TypedDict):
    """A topic in stats.json."""

    documents: int
    """Documents of the source with that topic."""
    words: Sequence[str]
    """Words that tell it from the others; none of a classifier's labels."""
