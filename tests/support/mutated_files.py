"""Files of settings, manifests and tokenizers damaged by chance, and what reading each must come to: a result or a sentence.

Everything is a function of a number, so that a failure is made again from it. Damaged inputs are in `mutations`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import sentencepiece

from curate import filters
from curate.audit.finished_run import open_finished
from curate.config.reading import read_pipeline
from curate.dedup.index import read_entries
from curate.errors import CurateError
from curate.shards.reader import MANIFEST, ShardReader
from curate.tokens import sources, tokenizer
from tests.support.running import ROOT
from tests.support.synthetic_shards import documents, write_shards

LONGEST = 20_000
"""Characters of a sentence: a thousand mistakes of one file may each have a line."""
_TEXTS = pa.array(["The tide of 1879.", "", "潮汐 <|endoftext|> é\n\n😀"])
_YAML = (
    *(b": ", b"- ", b"\n", b"  ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!int ", b"<<: ", b"? ", b"null", b"1e999"),
    *(
        b"-1",
        b"~",
        b"'",
        b'"',
        b"\t",
        b"\0",
        b"\xff",
        b"9" * 30,
        b"name",
        b"filters",
        b"../../x",
        b"2024-13-45",
        b".nan",
        b"|",
    ),
)
_JSON = (
    *(
        b"null",
        b"{}",
        b"[]",
        b"-1",
        b"1e400",
        b'""',
        b"9" * 30,
        b"true",
        b",",
        b'"',
        b"[" * 200,
        b"\\ud800",
        b"../../x",
    ),
    *(b"\xff", b"0", b'"special":true', b'"id":4294967295', b'{"a":', b"\0", b"1.5"),
)
_BYTES = (
    *(
        b"\0",
        b"\xff" * 9,
        b"\x80" * 9 + b"\x01",
        b"\x0a\xff\xff\xff\x7f",
        b"\x7f" * 4,
        b" ",
        b"\n",
        b"=",
        b"-1",
        b"9" * 30,
    ),
)


def _pipelines() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "pipelines").glob("*.yaml"))]


def _packs() -> list[bytes]:
    listed = sorted((ROOT / "filters").glob("*.yaml"))
    return [
        path.read_bytes() for path in listed if path.stem not in ("c4-badwords", "redpajama-v2", "url", "webtext-urls")
    ]


@functools.cache
def _manifest() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return (write_shards(Path(folder) / "shards", [documents(20, 1), documents(9, 2)]) / MANIFEST).read_bytes()


def _entry() -> bytes:
    files = [{"source": "web", "name": "web-00000", "documents": 3, "bytes": 99, "digest": "a" * 64}]
    return json.dumps(
        {"identity": "0" * 16, "run": "webtext", "number": 1, "made": {"ngram": 5, "permutations": 112}, "files": files}
    ).encode()


@functools.cache
def _word_pieces() -> bytes:
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(["the tide and the moon of the sea"] * 3, trainer)
    made.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    return str(made.to_str()).encode()


@functools.cache
def _model() -> bytes:
    sink = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the tide and the moon of the sea"] * 20), model_writer=sink, vocab_size=290,
        byte_fallback=True, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return sink.getvalue()


@functools.cache
def _ranks() -> bytes:
    import base64

    tokens = [bytes([byte]) for byte in range(256)] + [b"th", b"the", b" t", b" the", b"de"]
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))


def _read_pipeline(data: bytes, folder: Path) -> None:
    (folder / "p.yaml").write_bytes(data)
    read_pipeline(folder / "p.yaml")


def _read_pack(data: bytes, folder: Path) -> None:
    (folder / "pack.yaml").write_bytes(data)
    languages = folder / "languages"
    if not languages.exists():
        languages.symlink_to(ROOT / "filters" / "languages")
    filters.load(str(folder / "pack.yaml"))


def _read_manifest(data: bytes, folder: Path) -> None:
    (folder / MANIFEST).write_bytes(data)
    ShardReader(folder)


def _read_entry(data: bytes, folder: Path) -> None:
    (folder / "0001").mkdir(exist_ok=True)
    (folder / "0001" / "entry.json").write_bytes(data)
    read_entries(str(folder))


def _read_record(data: bytes, folder: Path) -> None:
    (folder / "run.json").write_bytes(data)
    (folder / "stats.json").write_bytes(b"{}")
    with contextlib.suppress(FileNotFoundError):  # it says what is missing
        open_finished(folder)


def _read_tokenizer(name: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        (folder / name).write_bytes(data)
        sources.find.cache_clear()
        tokenizer.load.cache_clear()
        loaded = tokenizer.load(str(folder / name), 0)
        for ids in loaded.encode(_TEXTS).to_pylist():
            assert all(0 <= id < loaded.vocabulary_size for id in ids)

    return read


def _record() -> bytes:
    part = {"name": "web-00000", "source": "web", "file": "a", "path": "/a", "way": ["read.0/1"]}
    pipeline = {"name": "x", "sources": {"web": {"read": {"format": "jsonl", "paths": ["a"]}}}}
    return json.dumps(
        {"name": "x", "fingerprint": "0", "pipeline": pipeline, "inputs": {}, "verdict_steps": {}, "aggregate": None,
         "folder": "/", "parts": [part]}
    ).encode()  # fmt: skip


Reader = Callable[[bytes, Path], None]
SHAPES: dict[str, tuple[Callable[[], list[bytes]], Reader, tuple[bytes, ...]]] = {
    "pipeline": (_pipelines, _read_pipeline, _YAML),
    "pack": (_packs, _read_pack, _YAML),
    "shards/manifest.json": (lambda: [_manifest()], _read_manifest, _JSON),
    "index entry.json": (lambda: [_entry()], _read_entry, _JSON),
    "run.json": (lambda: [_record()], _read_record, _JSON),
    "tokenizer.json": (lambda: [_word_pieces()], _read_tokenizer("tokenizer.json"), _JSON),
    "tokenizer.model": (lambda: [_model()], _read_tokenizer("tokenizer.model"), _BYTES),
    "ranks.tiktoken": (lambda: [_ranks()], _read_tokenizer("cl100k_base.tiktoken"), _BYTES),
}
COSTLY = frozenset({"tokenizer.json", "tokenizer.model", "ranks.tiktoken"})
"""Shapes whose reading takes tens of milliseconds: a library builds a tokenizer."""


def mutated(data: bytes, tokens: tuple[bytes, ...], chance: random.Random) -> bytes:
    """The bytes with up to four mutations: a bit, a byte, a word of the format, a piece taken out, repeated or moved."""
    made = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at, what = chance.randrange(len(made) + 1), chance.randrange(8)
        if what == 0 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            made[at : at + 1] = bytes([chance.randrange(256)])
        elif what in (2, 3):
            made[at : at + chance.choice([0, 1, 5])] = chance.choice(tokens)
        elif what == 4:
            del made[at : at + chance.randrange(1, 60)]
        elif what == 5:
            made[at:at] = made[at : at + chance.randrange(1, 200)] * chance.choice([1, 2, 20])
        elif what == 6:
            start = chance.randrange(len(made) + 1)
            made[at:at] = made[start : start + chance.randrange(40)]
        elif chance.random() < 0.2:
            del made[at:]
    return bytes(made)


def check(number: int, shape: str, folder: Path) -> Counter[str]:
    """Read a damaged file of this shape and number. Whatever is raised and is no sentence for people goes through."""
    chance = random.Random(f"{shape} {number}")
    good, read, tokens = SHAPES[shape]
    samples = good()
    data = mutated(samples[number % len(samples)], tokens, chance)
    try:
        read(data, folder)
    except (CurateError, ValueError) as error:
        if not isinstance(error, CurateError) and shape not in COSTLY:
            raise
        said = str(error)
        assert said.strip() and len(said) < LONGEST and "Traceback" not in said, said[:200]
        return Counter(refused=1)
    return Counter(read=1)
