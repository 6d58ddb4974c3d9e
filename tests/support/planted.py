"""A run in which much is wrong, each fault planted and known, and the same run with none of it. Seconds each."""

from __future__ import annotations

import functools
import json
import random
import re
import tempfile
from pathlib import Path

import yaml

from curate.audit.finished_run import OpenedRun, open_finished
from curate.pipeline.run import run

WORDS = re.findall(
    r"\w+",
    "the water of a river runs to the sea and when it rains there is more of it than people who live on its banks "
    "would like so they build walls which hold for some years until a spring comes that has been warm early and "
    "then everything is wet again farmers say that this makes good soil while those in town think about their "
    "cellars books paper shoes letters from friends old maps a clock that stopped at noon bread cheese apples honey "
    "garden stone roof window table chair lamp street market music theatre winter summer evening morning child "
    "teacher doctor sailor baker hunter village island mountain valley ",
)  # fmt: skip
GERMAN = re.findall(
    r"\w+",
    "das wasser des flusses fließt zum meer und wenn es regnet gibt es mehr davon als die leute die an seinen ufern "
    "wohnen gern hätten deshalb bauen sie mauern welche einige jahre halten bis ein frühling kommt der zu früh warm "
    "geworden ist und dann ist alles wieder nass die bauern sagen das mache guten boden während die in der stadt an "
    "ihre keller denken ",
)  # fmt: skip
LEAST_WORDS = 30
ITEM = "which of the seven bakers of the island sold honey bread to a sailor whose clock stopped at noon in the winter"


def _text(draw: random.Random, words: list[str], size: int) -> str:
    return " ".join(draw.choice(words) for _ in range(size)).capitalize() + "."


def _documents(faults: bool) -> list[dict[str, object]]:
    """The documents of `web`: 600, and with faults 120 German ones, 60 short ones of one domain, 600 copies of one text,
    200 at the bound, 60 with addresses of e-mail, two with an evaluation item."""
    draw = random.Random(7)
    rows: list[dict[str, object]] = []

    def add(text: str, host: str, rank: object = 1) -> None:
        rows.append({"text": text, "url": f"https://{host}/{len(rows)}", "rank": rank})

    for number in range(600):
        add(_text(draw, WORDS, draw.randrange(60, 200)), f"site-{number % 40}.example")
    if faults:
        for number in range(120):
            add(_text(draw, GERMAN, 80), f"seite-{number % 40}.example", "one")
        for _ in range(60):
            add(_text(draw, WORDS, 20), "short.example")
        for number in range(600):
            add("A notice that is on every page. " + " ".join(WORDS[:90]), f"site-{number % 40}.example")
        for number in range(200):
            add(_text(draw, WORDS, LEAST_WORDS), f"site-{number % 40}.example")
        for number in range(60):
            add(f"{_text(draw, WORDS, 80)} Write to person{number}@mail{number}.org.", f"site-{number % 40}.example")
        for _ in range(2):
            add(f"{_text(draw, WORDS, 150)} {ITEM} {_text(draw, WORDS, 150)}", "leak.example")
    else:
        for number in range(20):
            add(_text(draw, GERMAN, 80), f"site-{number}.example")
            add(_text(draw, WORDS, 20), f"site-{number}.example")
    return rows


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="curate-planted-"))


@functools.cache
def planted_run(faults: bool) -> OpenedRun:
    """A finished run, with every fault or with none."""
    folder = _folder()
    draw = random.Random(8)
    books = [{"text": _text(draw, WORDS, 120), "url": None, "rank": 1} for _ in range(150)]
    for name, rows in (("web", _documents(faults)), ("books", books)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "items.jsonl").write_text(json.dumps({"id": "item", "text": ITEM}) + "\n")
    few: dict[str, object] = {"few": {"metric": "words", "min": LEAST_WORDS, "why": "more than a line"}}
    rules = few | ({"never": {"metric": "words", "max": 1e6, "why": "never"}} if faults else {})
    shadow = {"fewer": {"metric": "words", "min": LEAST_WORDS - 1, "why": "the same again"}} if faults else {}
    (folder / "own.yaml").write_text(yaml.safe_dump({"name": "own", "about": "planted", "rules": rules | shadow}))
    steps: list[object] = [{"language": {"keep": ["en"]}}, {"filter": {"pack": "own.yaml"}}]
    tree = {
        "name": "planted", "seed": 1,
        "sources": {
            "web": {"read": {"format": "jsonl", "paths": ["web.jsonl"], "metadata": ["rank"]}, "steps": steps},
            "books": {"read": {"format": "jsonl", "paths": ["books.jsonl"]}, "steps": []},
        },
        "combine": [
            {"deduplicate": {"exact": True, "max_removed_share": 1.0}},
            {"decontaminate": {"against": ["items.jsonl"], "ngram": 13}},
            {"scrub": {"types": ["EMAIL"]}},
        ],
        "tokens": {"tokenizer": "gpt2"},
        "shards": {"tokens_per_shard": "1M", "validation": 0.00001 if faults else 0.05},
    }  # fmt: skip
    if faults:
        tree["mixture"] = {
            "tokens": "2M",
            "sources": {"web": {"weight": 0.1}, "books": {"weight": 0.9, "max_epochs": 9}},
        }
    path = folder / "planted.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    run(path, out=folder / "run", engine="serial")
    return open_finished(folder / "run")


@functools.cache
def scored_run(tells: bool) -> OpenedRun:
    """A finished run whose quality step draws by a score: of a classifier that tells half of the documents from the other,
    or of one to which all are equally bad, so that the draw decides: its good documents are of another kind."""
    folder = _folder()
    draw = random.Random(9)
    first, second = WORDS[:70], WORDS[70:]
    web = [_text(draw, first if tells and number % 2 else second, 100) for number in range(1200)]
    books = [_text(draw, second if tells else GERMAN, 100) for _ in range(200)]
    for name, texts in (("web", web), ("books", books)):
        rows = ({"text": text, "url": f"https://{name}-{n % 50}.example/{n}"} for n, text in enumerate(texts))
        (folder / f"{name}-pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    quality = {"classifier": "gpt3", "positives": ["books"], "alpha": 1 if tells else 0.5}
    tree = {
        "name": "scored",
        "sources": {
            "web": {"read": {"format": "jsonl", "paths": ["web-pages.jsonl"]}, "steps": [{"quality": quality}]},
            "books": {"read": {"format": "jsonl", "paths": ["books-pages.jsonl"]}, "role": "reference", "steps": []},
        },
        "tokens": {"tokenizer": "gpt2"},
    }
    (folder / "scored.yaml").write_text(yaml.safe_dump(tree))
    run(folder / "scored.yaml", out=folder / "run", engine="serial")
    return open_finished(folder / "run")
