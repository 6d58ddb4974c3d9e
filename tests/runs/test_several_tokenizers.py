"""Several tokenizers in one run: the same documents in the same order, in shards of each; the first one counts."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import curate
from curate.audit.finished_run import AuditError, open_finished
from curate.audit.remove import remove
from curate.audit.report import report_page
from curate.audit.verify import verify
from curate.cli.funnel import print_funnel
from curate.config.reading import read_pipeline
from curate.errors import ConfigError
from curate.shards import Loader
from curate.shards.export import export
from curate.shards.export.made import exports_of
from curate.shards.reader import ShardReader
from curate.tokens import load
from tests.support.running import curate as command

ODD = [
    f"Odd text {number}: where the river bends, {'there is water, ' * (number % 7)}and it is deep."
    for number in range(300)
]
EVEN = [f"Even text {number}; nobody has counted the stones, not once in {number * 7} years." for number in range(300)]

PIPELINE = """
name: several
seed: 3
sources:
  odd:
    read: {format: jsonl, paths: [odd.jsonl], root: .}
  even:
    read: {format: jsonl, paths: [even.jsonl], root: .}
tokens:
  tokenizers:
    - gpt2
    - {tokenizer: made/tokenizer.json, prefix: [5]}
    - {tokenizer: cl100k_base, as: open}
mixture: {sources: {odd: {weight: 0.75, max_epochs: 3}, even: {weight: 0.25}}, tokens: all}
shards: {tokens_per_shard: 4000, validation: 0.1}
"""
NOW = "2026-01-01T00:00:00+00:00"


def small_tokenizer(path: Path, texts: list[str]) -> None:
    """A byte-level BPE of its own, in a file."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    made.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    path.parent.mkdir()
    made.save(str(path))


def write_inputs(folder: Path, pipeline: str = PIPELINE) -> Path:
    """Two sources and a tokenizer beside a pipeline."""
    for name, texts in (("odd", ODD), ("even", EVEN)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    if not (folder / "made").exists():
        small_tokenizer(folder / "made" / "tokenizer.json", ODD + EVEN)
    file = folder / "several.yaml"
    file.write_text(pipeline)
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    curate.run(write_inputs(folder), out=folder / "run", engine="serial")
    return folder


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """The run, to be changed."""
    shutil.copytree(folder / "run", tmp_path / "run")
    return tmp_path / "run"


def documents(reader: ShardReader, split: str) -> list[tuple[bytes, list[int]]]:
    """(id, tokens) of a split's rows, in order."""
    found = []
    for entry in reader.split(split):
        view = reader.open(entry)
        for row, id in enumerate(view.batch.column("id").to_pylist()):
            found.append((id, view.tokens[view.offsets[row] : view.offsets[row + 1]].tolist()))
    return found


def readers(run: Path) -> dict[str | None, ShardReader]:
    opened = curate.open_run(run)
    return {None: opened.shards(), "made": opened.shards("made"), "open": opened.shards("open")}


def test_every_tokenizer_has_the_same_documents_in_the_same_order_and_its_own_ids(folder: Path) -> None:
    texts = dict.fromkeys(ODD + EVEN)
    for split in ("train", "validation"):
        orders = {}
        for name, reader in readers(folder / "run").items():
            rows = documents(reader, split)
            orders[name] = [id for id, _ in rows]
            tokenizer = load(str(reader.tokenizer["name"]))
            for _, ids in rows:
                assert tokenizer.text(np.array(ids), reader.tokenizer) in texts
                assert ids[-1] == tokenizer.end_of_text and (name != "made" or ids[0] == 5)
        assert orders[None] == orders["made"] == orders["open"]
        assert split == "validation" or len(orders[None]) > len(set(orders[None]))  # the mixture repeats


def test_without_a_second_tokenizer_the_first_ones_product_is_the_same(folder: Path, tmp_path: Path) -> None:
    one = PIPELINE.replace(
        PIPELINE[PIPELINE.index("tokens:\n") : PIPELINE.index("mixture:")], "tokens: {tokenizer: gpt2}\n"
    )
    curate.run(write_inputs(tmp_path, one), out=tmp_path / "run", engine="serial")
    alone, first = ShardReader(tmp_path / "run"), ShardReader(folder / "run")
    assert alone.entries == first.entries and alone.fingerprint == first.fingerprint
    assert alone.manifest["mixture"] == first.manifest["mixture"]
    assert not [path for path in (tmp_path / "run" / "shards").iterdir() if path.is_dir()]
    assert [path.name for path in (folder / "run" / "tokens").iterdir()] == ["even-00000.arrow", "odd-00000.arrow"]


def test_the_ledger_counts_each_tokenizers_tokens_and_says_where_its_shards_hold_the_document(folder: Path) -> None:
    ledger = curate.open_run(folder / "run").ledger().to_table()
    for name, reader in readers(folder / "run").items():
        column = {each: each if name is None else f"{each}@{name}" for each in ("tokens", "shard", "shard_row")}
        assert ledger.schema.field(column["tokens"]).type == pa.int64()
        places = {}
        for number, entry in enumerate(reader.entries):
            view = reader.open(entry)
            for row, id in enumerate(view.batch.column("id").to_pylist()):
                places.setdefault(id, (number, row, int(view.offsets[row + 1] - view.offsets[row])))
        around = 1 + len(reader.tokenizer.get("prefix", ()))
        found = 0
        for record in ledger.select(["id", *column.values()]).to_pylist():
            id, tokens, shard, row = record.values()
            if shard is not None:
                assert places[id] == (shard, row, tokens + around)
                found += 1
        assert found == len(places) > 500


def test_stats_manifest_report_terminal_and_explain_know_every_tokenizer(folder: Path) -> None:
    run = open_finished(folder / "run")
    stats = run.stats
    assert set(stats["tokenizers"]) == {"made", "open"}
    for name, numbers in stats["tokenizers"].items():
        reader = ShardReader(folder / "run" / "shards" / name)
        tokens = sum(each["tokens"] for each in numbers["shards"].values())
        assert tokens == reader.manifest["tokens"] == sum(entry.tokens for entry in reader.entries)
        asked = curate.open_run(folder / "run").query(f'select sum("tokens@{name}") as n from ledger where kept')
        assert asked["n"].to_pylist() == [sum(numbers["tokens"].values())]
        assert reader.manifest["mixture"]["counted_in"] == "gpt2"
    assert stats["tokenizers"]["open"]["tokenizer"] == "cl100k_base"
    page = report_page(run)
    assert "made/train" in page and "open/validation" in page
    console = Console(file=io.StringIO(), width=100)
    print_funnel(console, stats)
    assert f"made/train: {stats['tokenizers']['made']['shards']['train']['tokens']:,} tokens" in console.file.getvalue()
    told = command("explain", folder / "run", _an_id(folder / "run")).stdout
    assert "tokens@made" in told and "shard_row@open" in told


def _an_id(run: Path) -> str:
    return str(curate.open_run(run).query("select id from ledger where kept order by id limit 1")["id"][0].as_py())


def test_a_loader_and_an_export_read_the_shards_of_any_tokenizer(folder: Path, copied: Path) -> None:
    for name in ("made", "open"):
        loader = Loader(copied / "shards" / name, sequence_length=32, batch_size=4, epochs=1)
        batch = next(iter(loader))
        assert batch.inputs.shape == (4, 32)
        assert int(batch.inputs.max()) < int(loader.reader.tokenizer["vocabulary_size"])
    export(copied / "shards" / "made", "nanogpt", copied.parent / "exported")
    flat = np.fromfile(copied.parent / "exported" / "train.bin", dtype=np.uint16)
    assert flat.tolist() == [id for _, ids in documents(ShardReader(copied / "shards" / "made"), "train") for id in ids]
    assert "Planned and counted in tokens of `gpt2`" in (copied.parent / "exported" / "README.md").read_text()
    (made,) = exports_of(copied)
    assert (made.of, made.state) == ("shards/made", "current")


def test_what_is_removed_is_removed_from_every_tokenizers_shards_and_numbers(copied: Path) -> None:
    run = open_finished(copied)
    gone = _an_id(copied)
    before = {
        name: documents(reader, "train") + documents(reader, "validation") for name, reader in readers(copied).items()
    }
    remove(run, "record", [gone], NOW, "asked for")
    assert verify(copied).sound
    after = open_finished(copied)
    for name, reader in readers(copied).items():
        rows = documents(reader, "train") + documents(reader, "validation")
        assert rows == [(id, [] if id.hex() == gone else ids) for id, ids in before[name]] != before[name]
        if name is not None:
            numbers = after.stats["tokenizers"][name]
            assert sum(each["tokens"] for each in numbers["shards"].values()) == sum(len(ids) for _, ids in rows)
            asked = curate.open_run(copied).query(f'select sum("tokens@{name}") as n from ledger')["n"].to_pylist()
            assert asked == [sum(numbers["tokens"].values())]
    assert after.record["fingerprint"] != run.record["fingerprint"]


def test_a_damaged_shard_of_a_further_tokenizer_is_found_and_restored(copied: Path) -> None:
    shard = copied / "shards" / "open" / "train-00000.arrow"
    content = shard.read_bytes()
    shard.unlink()
    shard.write_bytes(content[:-1] + b"x")
    assert [fault.name for fault in verify(copied).faults] == ["shards/open/train-00000.arrow"]
    assert verify(copied, repair=True).sound and shard.read_bytes() == content


def test_a_tokenizer_that_is_added_encodes_and_leaves_what_the_others_made(folder: Path, copied: Path) -> None:
    file = folder / "changed.yaml"
    file.write_text(PIPELINE.replace("    - {tokenizer: cl100k_base, as: open}\n", ""))
    fewer = curate.run(file, out=copied, engine="serial")
    assert not (copied / "shards" / "open").exists() and "tokens" not in fewer.executed
    file.write_text(PIPELINE.replace("cl100k_base, as: open", "gpt2, prefix: [7], as: other"))
    again = curate.run(file, out=copied, engine="serial")
    assert again.executed["tokens"] == 2
    assert documents(again.shards("other"), "train")[0][0] == documents(again.shards(), "train")[0][0]
    with pytest.raises(AuditError, match="made, other"):
        again.shards("open")


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ("{tokenizers: [gpt2, gpt2]}", "2 tokenizers are called gpt2: name them apart by `as`"),
        ("{tokenizer: cl100k_base, tokenizers: [gpt2]}", "tokenizer and tokenizers: give the one or the other"),
        ("{tokenizers: [gpt2, {tokenizer: made/tokenizer.json, as: a/b}]}", "is not a name"),
        ("{tokenizers: [gpt2, {tokeniser: gpt2}]}", "tokeniser"),
        ("{tokenizers: [gpt2, gpt3]}", "gpt3"),
        ("{tokenizers: [gpt2, {tokenizer: made/tokenizer.json, prefix: [400000]}]}", "are no ids of"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(folder: Path, tmp_path: Path, tokens: str, says: str) -> None:
    shutil.copytree(folder / "made", tmp_path / "made")
    start, end = PIPELINE.index("tokens:\n"), PIPELINE.index("mixture:")
    file = write_inputs(tmp_path, PIPELINE[:start] + f"tokens: {tokens}\n" + PIPELINE[end:])
    with pytest.raises(ConfigError, match=says.replace("{", r"\{")) as error:
        curate.run(file, out=tmp_path / "run", engine="serial")
    assert "several.yaml:" in str(error.value)


def test_a_bare_list_and_a_changed_one_mean_the_same(folder: Path) -> None:
    changed = read_pipeline(folder / "several.yaml", ["tokens.tokenizers=[cl100k_base, gpt2]"]).pipeline
    assert changed.tokens is not None and changed.tokens.tokenizer == "cl100k_base"
    assert [each.name for each in changed.tokens.further] == ["gpt2"]
    one = read_pipeline(
        folder / "several.yaml", ["tokens.tokenizers.open.prefix=[7]", "tokens.tokenizers.gpt2.suffix=[8]"]
    )
    assert one.pipeline.tokens is not None
    assert {each.name: each.prefix for each in one.pipeline.tokens.further}["open"] == (7,)
    assert one.pipeline.tokens.suffix == (8,)
    with pytest.raises(ConfigError, match=r"no tokenizer 'opne'; did you mean 'open'\?"):
        read_pipeline(folder / "several.yaml", ["tokens.tokenizers.opne.prefix=[7]"])
    again: dict[str, Any] = changed.model_dump(mode="json", by_alias=True)
    assert type(changed).model_validate(again) == changed
