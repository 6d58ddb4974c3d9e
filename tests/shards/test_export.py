"""Exports: the same tokens, documents and order for the formats' own readers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import tokens
from curate.config.formats import document_exporters, exporters
from curate.records.batches import BatchWriter
from curate.shards import Loader, ShardReader
from curate.shards.export import ExportError, export
from curate.shards.export.card import DOCUMENT_READERS, READERS
from curate.shards.reader import MANIFEST
from tests.support.running import ROOT
from tests.support.synthetic_shards import END_OF_TEXT, write_shards

TEXTS = [
    f"Document {number}: " + "naïve café, 東京 \n" * (number % 7) + "<|endoftext|> as text." for number in range(90)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("run"))


def make_shards(run: Path) -> Path:
    """Three shards of training text and one of validation, of gpt2's tokens, in the folder `shards` of a run."""
    tokenizer = tokens.load("gpt2")
    rows = [
        np.append(ids.values.to_numpy(), END_OF_TEXT).astype(np.uint16) for ids in tokenizer.encode(pa.array(TEXTS))
    ]
    out = run / "shards"
    write_shards(out, [rows[60:]], "validation")
    validation = json.loads((out / MANIFEST).read_text())["shards"]
    write_shards(out, [rows[:20], rows[20:45], rows[45:60]])
    manifest = json.loads((out / MANIFEST).read_text())
    manifest["shards"] += validation
    manifest["tokenizer"]["vocabulary_sha256"] = tokenizer.vocabulary_hash
    (out / MANIFEST).write_text(json.dumps(manifest))
    return out


def stream(folder: Path, split: str) -> np.ndarray:
    reader = ShardReader(folder)
    return np.concatenate([reader.open(entry).tokens for entry in reader.split(split)])


def documents(folder: Path, split: str) -> Iterator[tuple[str, np.ndarray]]:
    reader = ShardReader(folder)
    for entry in reader.split(split):
        batch = reader.open(entry).batch
        for identity, row in zip(batch.column("id").to_pylist(), batch.column("tokens"), strict=True):
            yield identity.hex(), row.values.to_numpy()


def test_nanogpt_reads_the_stream_of_tokens(folder: Path, tmp_path: Path) -> None:
    """nanoGPT's train.py reads its data with this very call."""
    out = export(folder, "nanogpt", tmp_path)
    for split, name in (("train", "train.bin"), ("validation", "val.bin")):
        data = np.memmap(out / name, dtype=np.uint16, mode="r")
        assert np.array_equal(data, stream(folder, split))


def test_datasets_loads_sequences_from_disk(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_from_disk(str(export(folder, "hf", tmp_path, sequence_length=64)))
    assert set(loaded) == {"train", "validation"}
    for split in loaded:
        expected = stream(folder, split)
        rows = loaded[split]["input_ids"]
        assert len(rows) == len(expected) // 64
        assert all(len(row) == 64 for row in rows)
        assert np.array_equal(np.concatenate([np.array(row) for row in rows]), expected[: len(rows) * 64])


def test_sequences_longer_than_any_split_are_refused_and_a_short_split_has_no_row(folder: Path, tmp_path: Path) -> None:
    lengths = {split: len(stream(folder, split)) for split in ("train", "validation")}
    assert lengths["validation"] < lengths["train"]
    with pytest.raises(ExportError, match=f"the longest has {lengths['train']:,}: give a shorter --sequence-length"):
        export(folder, "hf", tmp_path / "none", sequence_length=lengths["train"] + 1)
    assert not (tmp_path / "none").exists()
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_from_disk(str(export(folder, "hf", tmp_path / "one", sequence_length=lengths["train"])))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 1, "validation": 0}


def test_datasets_loads_parquet_and_text(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for to, kind, pattern in (("parquet", "parquet", "train-*.parquet"), ("text", "json", "train-*.jsonl.gz")):
        out = export(folder, to, tmp_path / to)
        files = [str(path) for path in sorted(out.glob(pattern))]
        rows = datasets.load_dataset(kind, data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
        assert list(rows["text"]) == TEXTS[:60]
        assert list(rows["id"]) == [identity for identity, _ in documents(folder, "train")]


def test_parquet_has_the_tokens_too(folder: Path, tmp_path: Path) -> None:
    out = export(folder, "parquet", tmp_path)
    table = pa.concat_tables([pq.read_table(path) for path in sorted(out.glob("train-*.parquet"))])
    for row, (_, expected) in zip(table.column("tokens").to_pylist(), documents(folder, "train"), strict=True):
        assert row == expected.tolist()


def test_text_is_json_lines_without_a_clock(folder: Path, tmp_path: Path) -> None:
    first, second = (export(folder, "text", tmp_path / name) / "validation-00000.jsonl.gz" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert [json.loads(line)["text"] for line in gzip.decompress(first.read_bytes()).splitlines()] == TEXTS[60:]


def test_megatron_finds_every_document_by_its_index(folder: Path, tmp_path: Path) -> None:
    """The index as Megatron reads it: header, lengths, offsets, bounds; the peer itself: examples/export_readers."""
    out = export(folder, "megatron", tmp_path)
    data = (out / "train.idx").read_bytes()
    assert data[:9] == b"MMIDIDX\x00\x00"
    version, code, count, bounds = np.frombuffer(data[9:34].ljust(25), "<u8,u1,<u8,<u8", 1)[0]
    assert (version, code, count, bounds) == (1, 8, 60, 61)
    lengths = np.frombuffer(data, "<i4", count, 34)
    offsets = np.frombuffer(data, "<i8", count, 34 + 4 * count)
    assert np.frombuffer(data, "<i8", bounds, 34 + 12 * count).tolist() == list(range(61))
    assert len(data) == 34 + 12 * count + 8 * bounds
    tokens_file = np.memmap(out / "train.bin", np.uint16, "r")
    for length, offset, (_, expected) in zip(lengths, offsets, documents(folder, "train"), strict=True):
        assert np.array_equal(tokens_file[offset // 2 : offset // 2 + length], expected)
    assert (out / "valid.idx").exists()


def test_mds_holds_every_document(folder: Path, tmp_path: Path) -> None:
    """The shard as streaming reads it: count, offsets, columns; the peer itself: examples/export_readers."""
    out = export(folder, "mds", tmp_path) / "train"
    index = json.loads((out / "index.json").read_text())
    expected = documents(folder, "train")
    for shard in index["shards"]:
        data = (out / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        count = int(np.frombuffer(data, "<u4", 1)[0])
        assert count == shard["samples"]
        offsets = np.frombuffer(data, "<u4", count + 1, 4)
        for low, high in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            sizes = np.frombuffer(data, "<u4", 3, low)
            values = np.split(np.frombuffer(data[low + 12 : high], np.uint8), np.cumsum(sizes)[:-1])
            sample = dict(zip(shard["column_names"], values, strict=True))
            identity, row = next(expected)
            assert sample["id"].tobytes().hex() == identity
            assert np.array_equal(sample["tokens"].view(np.uint16), row)
            assert sample["source"].tobytes() == b"made"
    assert next(expected, None) is None


@pytest.mark.parametrize("to", exporters())
def test_every_file_is_listed_with_its_hash_and_described(folder: Path, tmp_path: Path, to: str) -> None:
    out = export(folder, to, tmp_path)
    listed = json.loads((out / "export.json").read_text())["files"]
    there = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} - {"export.json"}
    assert set(listed) == there
    for name, entry in listed.items():
        assert entry["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
    card = (out / "README.md").read_text()
    assert card.startswith("---\n") and ShardReader(folder).fingerprint in card
    croissant = json.loads((out / "croissant.json").read_text())
    assert {item["name"] for item in croissant["distribution"]} == there - {"README.md", "croissant.json"}
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"


def test_mosaicmls_streaming_reads_documents(folder: Path, tmp_path: Path) -> None:
    """Where its package is installed: it asks for torchvision, boto3 and the clients of four clouds."""
    streaming = pytest.importorskip("streaming", reason="mosaicml-streaming is not installed", exc_type=ImportError)
    out = export(folder, "mds", tmp_path)
    for split in ("train", "validation"):
        samples = streaming.StreamingDataset(local=str(out / split), batch_size=1, shuffle=False)
        found = [(samples[n]["id"].hex(), np.frombuffer(samples[n]["tokens"], np.uint16)) for n in range(len(samples))]
        expected = list(documents(folder, split))
        assert [identity for identity, _ in found] == [identity for identity, _ in expected]
        assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(found, expected, strict=True))


@pytest.mark.parametrize("to", [*exporters(), *document_exporters()])
def test_how_an_export_is_read_is_told_in_its_card_and_in_the_docs(to: str) -> None:
    assert to in {**READERS, **DOCUMENT_READERS}, f"curate/shards/export/card.py says not what {to} is read with"
    assert f"\n| `{to}`" in (ROOT / "docs" / "shards.md").read_text(), f"docs/shards.md has no row of {to}"


def test_an_export_that_was_stopped_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    out = export(folder, "text", tmp_path)
    kept, lost = out / "train-00000.jsonl.gz", out / "train-00001.jsonl.gz"
    before, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    export(folder, "text", tmp_path)
    assert lost.read_bytes() == before and kept.stat().st_mtime_ns == stamp


def test_a_vocabulary_too_large_for_uint16_is_refused_by_name(tmp_path: Path) -> None:
    ranks = {bytes([value]): value for value in range(256)} | {b"%d" % n: 256 + n for n in range(100, 70_000)}

    vocabulary = tmp_path / "large.tiktoken"
    vocabulary.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()))
    tokenizer = tokens.load(str(vocabulary))
    write_shards(tmp_path / "shards", [[np.array([1, 2], np.uint16)]])
    manifest = json.loads((tmp_path / "shards" / MANIFEST).read_text())
    manifest["tokenizer"] |= {
        "name": str(vocabulary),
        "vocabulary_sha256": tokenizer.vocabulary_hash,
        "dtype": "uint32",
    }
    (tmp_path / "shards" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ExportError, match="uint16"):
        export(tmp_path / "shards", "nanogpt", tmp_path / "out")


def test_a_tokenizer_that_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", [[np.array([1, END_OF_TEXT], np.uint16)]])
    with pytest.raises(ExportError, match="another hash"):
        export(tmp_path / "shards", "text", tmp_path / "out")


def test_a_mix_that_is_an_index_reads_as_its_shards_would(folder: Path, tmp_path: Path) -> None:
    """An index names rows of the token store; here the store holds the documents in another order."""
    from curate.mixture.make import INDEX
    from curate.records.tokens import token_store

    reader = ShardReader(folder)
    rows = [(entry, at) for entry in reader.split("train") for at in range(entry.rows)]
    shuffled = np.random.default_rng(0).permutation(len(rows))
    store = tmp_path / "tokens" / "made.arrow"
    store.parent.mkdir()
    with BatchWriter(str(store), token_store(pa.uint16()), compressed=False) as writer:
        for some in np.array_split(shuffled, 7):
            batches = [reader.open(rows[i][0]).batch.slice(rows[i][1], 1) for i in some]
            table = pa.Table.from_batches(batches).combine_chunks()
            columns = {name: table.column(name).combine_chunks() for name in table.column_names}
            writer.write(columns | {"group": columns["id"]})
    mix = tmp_path / "mixes" / "a"
    mix.mkdir(parents=True)
    at = np.argsort(shuffled)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest |= {"format": "curate-mix/1", "store": ["../../tokens/made.arrow"]}
    manifest["shards"] = [entry for entry in manifest["shards"] if entry["split"] == "train"]
    begin = 0
    for entry in manifest["shards"]:
        with BatchWriter(str(mix / entry["file"]), INDEX) as writer:
            chosen = at[begin : begin + entry["rows"]]
            writer.write({"part": pa.array(np.zeros(len(chosen), np.int32)), "row": pa.array(chosen)})
        begin += entry["rows"]
    (mix / MANIFEST).write_text(json.dumps(manifest))
    for first, second in zip(Loader(folder, 16, 4, epochs=1), Loader(mix, 16, 4, epochs=1), strict=True):
        assert np.array_equal(first.tokens, second.tokens)
        assert np.array_equal(first.documents, second.documents)


def test_megatrons_vocabulary_files_encode_as_the_tokenizer_does(folder: Path, tmp_path: Path) -> None:
    """GPT2BPETokenizer of Megatron reads these two files, and splits text by GPT-2's pattern."""
    library = pytest.importorskip("tokenizers")
    out = export(folder, "megatron", tmp_path)
    model = library.models.BPE.from_file(str(out / "vocab.json"), str(out / "merges.txt"))
    encoder = library.Tokenizer(model)
    encoder.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = tokens.load("gpt2")
    odd = ["  two  spaces", "naïve café 東京", "it's 1,234 !!", "\n\n\t end "]
    for text, ids in zip([*TEXTS[:9], *odd], tokenizer.encode(pa.array([*TEXTS[:9], *odd])).to_pylist(), strict=True):
        plain = text.replace("<|endoftext|>", "")
        expected = ids if plain == text else tokenizer.encode(pa.array([plain])).to_pylist()[0]
        assert encoder.encode(plain).ids == expected
    assert json.loads((out / "vocab.json").read_text())["<|endoftext|>"] == END_OF_TEXT
