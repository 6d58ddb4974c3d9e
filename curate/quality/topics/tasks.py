"""Sampling documents, finding clusters in them, and naming the topic of every document. Knows documents and models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from curate.engine.task import Inputs, Output
from curate.quality.drawing import drawn
from curate.quality.topics.clusters import cluster, nearest
from curate.quality.topics.model import load, write_clusters
from curate.quality.topics.naming import name_clusters
from curate.quality.topics.terms import count
from curate.records.batches import BatchWriter, read_batches
from curate.records.counts import DocumentCounts, NamedCounts
from curate.records.quality import SAMPLE
from curate.records.topics import TOPICS, TopicCard


class SampleParams(TypedDict):
    """At most `wanted` documents whose draw is at most `limit`, a decimal number of 64 bits, and which fail no rule of
    `steps` (JSON)."""

    limit: str
    wanted: int
    seed: int
    steps: Sequence[Mapping[str, Any]]


class ClusterParams(TypedDict):
    """How many clusters, in how many documents, and the seed of the draws."""

    clusters: int
    sample: int
    seed: int


class TopicParams(TypedDict):
    """Names of a classifier's labels; empty: their own."""

    labels: Mapping[str, str]


def compile_kernels(params: SampleParams | ClusterParams | TopicParams) -> None:
    """Compile what finds and names topics, once per machine."""
    texts = pa.array(["two words", "two words", "more words", "more words", "", "none of these"], pa.large_string())
    ids = pa.array([bytes([number] * 16) for number in range(len(texts))], pa.binary(16))
    found = cluster(count(texts), ids, 2, 0)
    name_clusters(found, texts)
    nearest(texts, found.space, found.centres)


def sample_part(params: SampleParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `documents` and `columns`, aligned. Writes `sample` (SAMPLE), those with the smallest draws, in their
    order."""
    batches = list(drawn(inputs, params["steps"], params["limit"], params["seed"], "topic/sample"))
    with BatchWriter(output.path("sample"), SAMPLE) as writer:
        for rows in _smallest(batches, params["wanted"]):
            writer.write({name: rows.column(name) for name in SAMPLE.names})
        return {"documents": writer.rows}


def _smallest(batches: Sequence[pa.RecordBatch], wanted: int) -> list[pa.RecordBatch]:
    """The rows with the smallest draws, in their order."""
    draws = np.concatenate([np.empty(0, np.uint64), *(batch.column("draw").to_numpy() for batch in batches)])
    if len(draws) <= wanted:
        return list(batches)
    highest = np.partition(draws, wanted - 1)[wanted - 1]
    return [batch.filter(pa.array(batch.column("draw").to_numpy() <= highest)) for batch in batches]


def find_clusters(params: ClusterParams, inputs: Inputs, output: Output) -> DocumentCounts:
    """Inputs `sample` (SAMPLE). Writes `model`, the clusters of the documents with the smallest draws; counts these."""
    batches = [batch for path in inputs.paths("sample") for batch in read_batches(path)]
    table = pa.Table.from_batches(batches, SAMPLE).combine_chunks()
    order = np.argsort(table.column("draw").to_numpy(), kind="stable")[: params["sample"]]
    table = table.take(pa.array(order)).combine_chunks()
    ids, texts = (pa.concat_arrays(table.column(name).chunks or [pa.nulls(0, table.schema.field(name).type)])
                  for name in ("id", "text"))  # fmt: skip
    found = cluster(count(texts), ids, params["clusters"], params["seed"])
    names, words = name_clusters(found, texts)
    sizes = np.bincount(found.cluster[found.cluster >= 0], minlength=len(names)).tolist()
    card = TopicCard(
        topics=names,
        words=dict(zip(names, words, strict=True)),
        sampled=dict(zip(names, sizes, strict=True)),
        documents=len(table),
        seed=params["seed"],
    )
    write_clusters(output.path("model"), card, found.space, found.centres)
    return {"documents": len(table)}


def name_topics(params: TopicParams, inputs: Inputs, output: Output) -> NamedCounts:
    """Inputs `documents` and `model`. Writes `topics` (TOPICS), aligned; counts documents by topic, and those
    without."""
    namer = load(inputs.path("model"), params["labels"])
    found: Counter[str] = Counter(dict.fromkeys(namer.topics, 0))
    without = 0
    with BatchWriter(output.path("topics"), TOPICS) as writer:
        for batch in read_batches(inputs.path("documents")):
            topics, scores = namer.name(batch.column("text"))
            writer.write({"topic": topics, "topic_score": pa.array(scores, mask=np.asarray(topics.is_null()))})
            found.update(topics.drop_null().to_pylist())
            without += topics.null_count
        return {"documents": writer.rows, "topics": dict(found), "without": without}
