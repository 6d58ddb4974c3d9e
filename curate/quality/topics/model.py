"""What names the topic of texts: clusters as a file, or a fastText classifier by path. Knows files and labels.

A file of clusters is an Arrow IPC file. Its schema's metadata holds the card as JSON under `topics`; it has a row per
term that is looked at: `bucket` (int32), `weight` (float32) and `centres` (fixed_size_list<float32>, a number per
cluster).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import ConfigError, counted
from curate.language.fasttext_model import load_fasttext
from curate.quality.topics.clusters import Space, nearest
from curate.quality.topics.terms import BUCKETS
from curate.records.topics import TopicCard

WEBORGANIZER = (
    "adult_content", "art_and_design", "software_development", "crime_and_law", "education_and_jobs",
    "electronics_and_hardware", "entertainment", "social_life", "fashion_and_beauty", "finance_and_business",
    "food_and_dining", "games", "health", "history_and_geography", "home_and_hobbies", "industrial", "literature",
    "politics", "religion", "science_math_and_technology", "software", "sports_and_fitness", "transportation",
    "travel_and_tourism",
)  # fmt: skip
"""The topics of WebOrganizer (Wettig et al. 2025, arXiv 2502.10341; `define_domains/taxonomies/topics.yaml` of
CodeCreator/WebOrganizer, in its order), named as Dolma 3 names its files of them."""

_ARROW = b"ARROW1"
_CARD = b"topics"
_LABEL = "__label__"  # fastText's default prefix of labels

Named = tuple[pa.Array, NDArray[np.float32]]
"""(string column of topics, null where there is none; float32 scores in [0, 1])."""


@dataclass(frozen=True)
class Namer:
    """Names the topic of each text of a (large_)string column without nulls. `topics`: the names that there are."""

    topics: tuple[str, ...]
    name: Callable[[pa.Array], Named]


def write_clusters(path: str, card: TopicCard, space: Space, centres: NDArray[np.float32]) -> None:
    """Write clusters as a file."""
    columns = {
        "bucket": pa.array(np.flatnonzero(space.slot >= 0).astype(np.int32)),
        "weight": pa.array(space.weights),
        "centres": pa.FixedSizeListArray.from_arrays(pa.array(centres.ravel()), centres.shape[1])
        if centres.size
        else pa.nulls(len(space.weights), pa.list_(pa.float32(), centres.shape[1])),
    }
    described = {_CARD: json.dumps(card, sort_keys=True, ensure_ascii=False)}
    schema = pa.schema([(name, column.type) for name, column in columns.items()], metadata=described)
    with pa.ipc.new_file(path, schema) as writer:
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def is_clusters(path: str) -> bool:
    """Whether a file is of clusters; else it is taken for fastText's. Raises FileNotFoundError."""
    with open(path, "rb") as file:
        return file.read(len(_ARROW)) == _ARROW


def read_card(path: str) -> TopicCard:
    """What a file of clusters says of itself. Raises ConfigError where it is another Arrow file."""
    return _opened(path)[0]


def _opened(path: str) -> tuple[TopicCard, pa.Table]:
    with pa.memory_map(path) as source:
        table = pa.ipc.open_file(source).read_all()
    told = (table.schema.metadata or {}).get(_CARD)
    if told is None:
        raise ConfigError(f"{path} holds no topics: name a fastText model, or a file of a run's folder `topics`")
    card: TopicCard = json.loads(told)
    return card, table


def load(path: str, labels: Mapping[str, str] | None = None) -> Namer:
    """What names topics by a file. `labels`: names of a fastText model's labels, without `__label__`.

    Raises FileNotFoundError, and ConfigError for a file of another kind or labels that it does not have.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no topic model at {path}")
    if is_clusters(path):
        if labels:
            raise ConfigError(f"{path} holds clusters, which have names: leave `labels` out")
        return _of_clusters(path)
    return _of_fasttext(path, labels or {})


def _of_clusters(path: str) -> Namer:
    card, table = _opened(path)
    slot = np.full(BUCKETS, -1, np.int32)
    slot[table.column("bucket").to_numpy()] = np.arange(len(table), dtype=np.int32)
    topics = tuple(card["topics"])
    flat = table.column("centres").combine_chunks().flatten().to_numpy(zero_copy_only=False)
    centres = np.ascontiguousarray(flat.reshape(len(table), len(topics)), np.float32)
    space = Space(slot, np.ascontiguousarray(table.column("weight").to_numpy(), np.float32))
    names = pa.array(topics, pa.string())

    def name(texts: pa.Array) -> Named:
        cluster, cosine = nearest(texts, space, centres)
        return names.take(pa.array(cluster, mask=cluster < 0)), np.minimum(cosine, np.float32(1))

    return Namer(topics, name)


def _of_fasttext(path: str, labels: Mapping[str, str]) -> Namer:
    model = load_fasttext(path)
    own = [str(label).removeprefix(_LABEL) for label in model.labels]
    names = names_of(own, labels)

    def name(texts: pa.Array) -> Named:
        lines = [text.replace("\n", " ") for text in texts.to_pylist()]
        found, probabilities = model.predict(lines) if lines else ([], [])
        topics = [names[each[0].removeprefix(_LABEL)] if each else None for each in found]
        scores = [min(float(each[0]), 1.0) if len(each) else 0.0 for each in probabilities]
        return pa.array(topics, pa.string()), np.array(scores, np.float32)

    return Namer(tuple(dict.fromkeys(names.values())), name)


def names_of(own: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """The name of each of a model's labels: as `labels` says; a label that it does not list is its own name.

    >>> names_of(["0", "other"], {"0": "adult_content"})
    {'0': 'adult_content', 'other': 'other'}

    Raises ConfigError where `labels` names none of the labels, which is a mistake.
    """
    known = {label: labels.get(label, label) for label in own}
    if labels and not any(label in labels for label in own):
        raise ConfigError(
            f"labels name {', '.join(list(labels)[:3])}, ..., and the model has "
            f"{counted(len(own), 'label')}: {', '.join(own[:3])}, ..."
        )
    return known


def weborganizer_labels() -> dict[str, str]:
    """What labels of a model of WebOrganizer's topics may be, each with the topic's name: its number from 0, the name,
    and the taxonomy's own words (`Art & Design`), with `_` or `-` for spaces, as fastText's labels have none."""
    found: dict[str, str] = {}
    for number, name in enumerate(WEBORGANIZER):
        words = name.replace("science_math", "science,_math").replace("_and_", "_&_")
        title = "_".join(word.capitalize() for word in words.split("_"))
        forms = (str(number), name, title, title.replace("_", "-"), name.replace("_", "-"))
        found |= dict.fromkeys(forms, name)
    return found
