"""Every record is accounted for: damaged, foreign and awkward inputs are counted with a reason, the rest is kept."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import tiktoken

import curate
from curate.errors import ConfigError
from curate.tokens.vocabulary import tiktoken_cache
from tests.support.running import EXAMPLE

PIPELINE = """
name: small
sources:
  web:
    read: {{format: {format}, paths: [{paths}]}}
    steps: {steps}
tokens: {{tokenizer: gpt2}}
shards: {{tokens_per_shard: 100k, validation: 0.05}}
"""


def run(folder: Path, paths: str, steps: str = "[{extract: {}}]", format: str = "warc") -> tuple[Path, pa.Table]:
    """A run over some files: its directory and its ledger."""
    (folder / "p.yaml").write_text(PIPELINE.format(paths=paths, steps=steps, format=format))
    made = curate.run(folder / "p.yaml", out=folder / "run", engine="serial")
    return made.path, ds.dataset(made.path / "ledger").to_table()


def decoded_shards(folder: Path) -> dict[bytes, str]:
    """Text by id of every row of every shard, read as a stranger would."""
    import datasets

    with tiktoken_cache("gpt2"):
        encoding = tiktoken.get_encoding("gpt2")
    texts = {}
    for path in sorted((folder / "shards").glob("*.arrow")):
        for row in datasets.Dataset.from_file(str(path)):
            assert row["tokens"][-1] == encoding.eot_token
            assert encoding.eot_token not in row["tokens"][:-1]
            texts[row["id"]] = encoding.decode(row["tokens"][:-1])
    return texts


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_real_pages_are_all_accounted_for_and_the_shards_are_exactly_the_kept_text(
    shared_data: Path, tmp_path: Path
) -> None:
    folder, ledger = run(tmp_path, f"{shared_data}/realweb-dev.warc.gz", "[{extract: {}}, {filter: c4}]")
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz") as lines:
        gold = {json.loads(line)["record_id"] for line in lines}
    assert set(ledger["record_id"].to_pylist()) == gold
    assert len(ledger) == len(gold)
    for failed, kept, dropped_at in zip(
        *(ledger[name].to_pylist() for name in ("failed", "kept", "dropped_at")), strict=True
    ):
        assert kept == (not failed) == (dropped_at is None)
        assert kept or failed[0].split("/")[0] == dropped_at
    kept_ids = set(ledger.filter(ledger["kept"])["id"].to_pylist())
    texts = decoded_shards(folder)
    assert set(texts) == kept_ids
    (tmp_path / "again").mkdir()
    curate.run(tmp_path / "p.yaml", out=folder, engine="serial", until="c4")
    documents = pq.read_table(folder / "documents" / "c4")
    assert dict(zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True)) == texts


def test_the_ledger_says_where_in_the_shards_a_document_is(tmp_path: Path) -> None:
    folder, ledger = run(tmp_path, f"{EXAMPLE}/web/*.warc.gz", "[{extract: {}}, {filter: c4}]")
    manifest = json.loads((folder / "shards" / "manifest.json").read_text())
    assert len(manifest["shards"]) > 3
    opened = [pa.ipc.open_stream(folder / "shards" / entry["file"]).read_all() for entry in manifest["shards"]]
    for row in ledger.filter(ledger["kept"]).select(["id", "shard", "shard_row", "tokens"]).to_pylist():
        found = opened[row["shard"]].slice(row["shard_row"], 1).to_pylist()[0]
        assert found["id"] == row["id"]
        assert len(found["tokens"]) == row["tokens"] + 1
    assert (
        sum(entry["rows"] for entry in manifest["shards"]) == manifest["documents"] == sum(ledger["kept"].to_pylist())
    )


def test_awkward_files_of_others_are_read_or_quarantined(shared_data: Path, tmp_path: Path) -> None:
    _, ledger = run(tmp_path, f"{shared_data}/warc-edge/*")
    only_requests = {"example-digest.warc"}
    assert (
        set(ledger["file"].to_pylist()) == {path.name for path in (shared_data / "warc-edge").iterdir()} - only_requests
    )
    reasons = Counter(name for failed in ledger["failed"].to_pylist() for name in failed)
    assert all(name.startswith(("read/", "extract/")) for name in reasons)
    assert reasons["read/revisit"] >= 1
    assert sum(ledger["kept"].to_pylist()) >= 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_charsets_become_the_text_they_were(shared_data: Path, tmp_path: Path) -> None:
    folder, ledger = run(tmp_path, f"{shared_data}/realweb-legacy-dev.warc.gz")
    assert len(ledger) == 93
    assert {name for failed in ledger["failed"].to_pylist() for name in failed} <= {"extract/no-text"}
    texts = decoded_shards(folder)
    assert len(texts) >= 90
    assert sum("\N{REPLACEMENT CHARACTER}" in text for text in texts.values()) <= 1


def damaged(name: str, data: bytes) -> bytes:
    """The example's first file, damaged."""
    members = data.split(b"\x1f\x8b\x08")
    if name == "truncated":
        return data[: len(data) * 2 // 3]
    if name == "bad-member":
        return b"\x1f\x8b\x08".join([*members[:50], members[50][:20] + b"\xff" * 30 + members[50][50:], *members[51:]])
    if name == "junk":
        return b"\x1f\x8b\x08".join([*members[:50], members[50] + b"not a gzip member, nor part of one", *members[51:]])
    return b""


@pytest.mark.parametrize("name", ["truncated", "bad-member", "junk", "empty"])
def test_a_damaged_file_loses_what_was_damaged_and_nothing_else(name: str, tmp_path: Path) -> None:
    whole = (EXAMPLE / "web" / "web-00000.warc.gz").read_bytes()
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.warc.gz").write_bytes(damaged(name, whole))
    (tmp_path / "web" / "b.warc.gz").write_bytes(whole)
    _, ledger = run(tmp_path, f"{tmp_path}/web/*.warc.gz")
    rows = {file: ledger.filter(pa.compute.equal(ledger["file"], file)) for file in ("a.warc.gz", "b.warc.gz")}
    urls = {file: set(table["url"].to_pylist()) - {None} for file, table in rows.items()}
    lost = urls["b.warc.gz"] - urls["a.warc.gz"]
    spans = [
        failed
        for failed in rows["a.warc.gz"]["failed"].to_pylist()
        if {"read/damaged", "read/truncated-file"} & set(failed)
    ]
    if name == "empty":
        assert len(rows["a.warc.gz"]) == 0
    elif name == "truncated":
        assert spans
        assert len(urls["a.warc.gz"]) > len(urls["b.warc.gz"]) / 2
    else:
        assert len(spans) == 1
        assert len(lost) <= 1


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    import os

    (tmp_path / "web").mkdir(mode=0o000)
    if os.access(tmp_path / "web", os.R_OK):
        pytest.skip("this user may read every folder")
    with pytest.raises(ConfigError, match="web"):
        run(tmp_path, f"{tmp_path}/web/*.warc.gz")


def test_nul_bytes_and_invalid_utf8_in_tables_are_counted_or_kept(tmp_path: Path) -> None:
    lines = [
        b'{"text": "a\\u0000b is here"}',
        b'{"text": "ok \xff\xfe"}',
        b"{not json",
        b'{"text": null}',
        b'{"text": "fine"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    _, ledger = run(tmp_path, f"{tmp_path}/a.jsonl", "[]", "jsonl")
    assert len(ledger) == len(lines)
    reasons = Counter(name for failed in ledger["failed"].to_pylist() for name in failed)
    assert reasons["read/bad-json"] >= 1
    assert reasons["read/no-text"] == 1
    assert sum(ledger["kept"].to_pylist()) + reasons.total() == len(lines)
