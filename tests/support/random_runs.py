"""Pipelines drawn at random over small real inputs, and what must agree once one has run: for sweeps of every audit.

Everything is a function of a number, so that a failure is made again from it.
"""

from __future__ import annotations

import functools
import gzip
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.support.running import EXAMPLE

_PAGES = 40
"""Pages of the example web that a source has: enough for every rule to act, few enough for a run of a second."""
_LINES = 30
_PERSONAL = "Write to jane.roe@example.org or call +49 30 901820 from 192.168.13.7. "
_PACKS = ("c4", "gopher-quality", "gopher-repetition", "fineweb", "redpajama-v2")
_BOUNDS = (
    *("filters.c4.min_sentences.min", "filters.gopher-quality.min_words.min", "filters.gopher-quality.stop_words.min"),
    *("filters.gopher-repetition.duplicate_lines.max", "language.minimum"),
)
_WRONG: tuple[dict[str, Any], ...] = (
    {"shards": {"tokens_per_shard": 0}},
    {"shards": {"validation": 1.5}},
    {"tokens": {"tokenizer": "no-such-tokenizer"}},
    {"mixture": {"tokens": "all", "sources": {"nobody": {"weight": 1}}}},
    {"combine": [{"deduplicate": {"minhash": {"bands": 3}}}]},
    {"combine": [{"scrub": {"types": ["NAME"]}}]},
    {"seed": -1},
    {"sources": {}},
)
"""Settings that a run must refuse, laid over a good pipeline."""


@functools.cache
def _pages() -> list[bytes]:
    """Records of the example web, each a gzip member of its own."""
    data = (EXAMPLE / "web" / "web-00000.warc.gz").read_bytes()
    starts, at = [], data.find(b"\x1f\x8b\x08")
    while at >= 0:
        starts.append(at)
        at = data.find(b"\x1f\x8b\x08", at + 3)
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)][:1500]


@functools.cache
def _texts() -> list[dict[str, Any]]:
    with gzip.open(EXAMPLE / "reference" / "encyclopaedia.jsonl.gz") as lines:
        return [json.loads(line) for line in lines][:200]


@functools.cache
def _items() -> list[str]:
    with gzip.open(EXAMPLE / "eval" / "invented.jsonl.gz") as lines:
        return [" ".join(str(value) for value in json.loads(line).values() if isinstance(value, str)) for line in lines]


def _archive(chance: random.Random, path: Path) -> None:
    first = chance.randrange(len(_pages()) - _PAGES)
    data = b"".join(_pages()[first : first + _PAGES])
    if chance.random() < 0.3:
        data = data[: chance.randrange(len(data))] + chance.randbytes(50)
    path.write_bytes(data)


def _table(chance: random.Random, path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for number, each in enumerate(chance.sample(_texts(), _LINES)):
        text = str(each["text"])
        if chance.random() < 0.2:
            text = _PERSONAL * chance.randrange(1, 4) + text
        if chance.random() < 0.1:
            text += "\n" + chance.choice(_items())
        if chance.random() < 0.1:
            text = chance.choice(["", "Zu kurz.", "潮汐" * 40, "a" * 300])
        rows.append({"text": text, "url": chance.choice([f"https://{number % 7}.example.org/{number}", None])})
        if chance.random() < 0.2:
            rows.append({**rows[-1], "text": rows[-1]["text"] + " Again."})
        if chance.random() < 0.1:
            rows.append(dict(rows[-1]))
    lines = [json.dumps(row) for row in rows]
    if chance.random() < 0.3:
        lines.insert(chance.randrange(len(lines)), "{not json")
    path.write_text("\n".join(lines) + "\n")


def _steps(chance: random.Random, archive: bool) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [{"extract": {}}] if archive else []
    if archive and chance.random() < 0.3:
        steps.append({"url": {"packs": ["url"]}})
    if chance.random() < 0.6:
        keep = chance.choice(["all", ["en"], ["en", "de"], ["de"]])
        steps.append({"language": {"keep": keep, "minimum": chance.choice([0.0, 0.5, 0.65, 0.1234567891])}})
    for pack in chance.sample(_PACKS, chance.randrange(3)):
        steps.append({"filter": pack})
    return steps


def _combined(chance: random.Random, sources: list[str], items: Path) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if chance.random() < 0.6:
        setting: dict[str, Any] = {"exact": chance.random() < 0.7, "url": chance.random() < 0.2}
        if chance.random() < 0.7:
            setting["minhash"] = {"bands": chance.choice([5, 14]), "rows": chance.choice([4, 8])}
        if chance.random() < 0.3:
            setting["lines"] = {"min_count": 3}
        if chance.random() < 0.5:
            setting["keep"] = {"prefer_source": [chance.choice(sources)], "then": chance.choice(["longest", "id"])}
        if setting["exact"] or "minhash" in setting:
            steps.append({"deduplicate": setting})
    if chance.random() < 0.4:
        steps.append({"decontaminate": {"against": [str(items)], "mode": chance.choice(["cut", "drop"]), "ngram": 8}})
    if chance.random() < 0.5:
        steps.append({"scrub": {"types": ["EMAIL", "IP_ADDRESS"], "drop_above": chance.choice([None, 3])}})
    return steps


def draw_pipeline(number: int, folder: Path) -> tuple[Path, bool]:
    """(a pipeline file, whether it is one to refuse) with its inputs, written into the folder."""
    chance = random.Random(number)
    sources: dict[str, Any] = {}
    for name in ("a", "b", "c")[: chance.randrange(1, 4)]:
        archive = chance.random() < 0.5
        path = folder / (f"{name}.warc.gz" if archive else f"{name}.jsonl")
        (_archive if archive else _table)(chance, path)
        sources[name] = {
            "read": {"format": "warc" if archive else "jsonl", "paths": [str(path)]},
            "steps": _steps(chance, archive),
        }
        if name != "a" and chance.random() < 0.4:
            sources[name]["role"] = "reference"
    made = {name: source for name, source in sources.items() if source.get("role") != "reference"}
    tree: dict[str, Any] = {
        "name": "drawn",
        "seed": chance.randrange(100),
        "sources": sources,
        "tokens": {"tokenizer": chance.choice(["gpt2", "cl100k_base"])},
        "shards": {"tokens_per_shard": chance.choice(["5k", "200k"]), "validation": chance.choice([0, 0.05])},
    }
    combined = _combined(chance, list(sources), EXAMPLE / "eval" / "invented.jsonl.gz")
    if combined:
        tree["combine"] = combined
    if chance.random() < 0.3:
        tree["mixture"] = {
            "tokens": chance.choice(["all", 3000]),
            "sources": {name: {"weight": chance.choice([1, 3])} for name in made},
        }
    wrong = chance.random() < 0.15
    if wrong:
        tree |= chance.choice(_WRONG)
    path = folder / "drawn.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path, wrong


def draw_change(number: int, pipeline: Any) -> list[str]:
    """Settings that move thresholds of the pipeline; none where it has none of those known here."""
    chance = random.Random(f"change {number}")
    kinds = {step.name for source in pipeline.sources.values() for step in source.steps}
    known = [key for key in _BOUNDS if key.removeprefix("filters.").split(".")[0] in kinds]
    chosen = chance.sample(known, min(len(known), chance.choice([1, 1, 2])))
    return [f"{key}={chance.choice([0.2, 0.5, 0.9] if 'mini' not in key or 'language' in key else [2, 9, 80])}"
            for key in chosen]  # fmt: skip


def scratch() -> Path:
    """A new folder for one pipeline."""
    return Path(tempfile.mkdtemp(prefix="curate-drawn-"))
