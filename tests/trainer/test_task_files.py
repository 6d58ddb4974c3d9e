"""Tasks' files: fetched by address and hash, made from texts, and refused where they are not what they should be."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.cli.main import main
from curate.errors import ConfigError
from curate.trainer.evaluate.own_tasks import last_words, next_words, write_tasks
from curate.trainer.evaluate.rows import read_texts
from curate.trainer.evaluate.task_files import FETCHED, TaskFile, TaskSource, fetch_task, read_manifest, rows_of
from curate.trainer.evaluate.task_formats import TASKS
from curate.trainer.evaluate.tasks import find_task, read_items, read_shots
from tests.support.faulty_server import Behaviour, serve
from tests.support.hub import hub

ROWS = [{"goal": f"goal {n}", "sol1": "lift it", "sol2": "eat it", "label": n % 2} for n in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


FORMS = {
    "lines.jsonl": LINES,
    "lines.jsonl.gz": gzip.compress(LINES, mtime=0),
    "rows.parquet": parquet(ROWS),
    "all.zip": zipped(
        {"data/b.jsonl": LINES[LINES.index(b"\n") + 1 :], "data/a.jsonl": LINES[: LINES.index(b"\n") + 1]}
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_task_comes_by_address_in_any_form_through_a_server_that_falters(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its hash compared; and once it is there, the address is not asked again."""
    monkeypatch.setenv("CURATE_STORAGE_WAIT", "0.01")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / name).write_bytes(FORMS[name])
    said: list[str] = []
    sha256 = hashlib.sha256(FORMS[name]).hexdigest()
    with serve(tmp_path / "web", Behaviour(share=0.3, faults=["503", "reset", "cut"])) as address:
        file = TaskFile(address=f"{address}/{name}", sha256=sha256, members="data/*.jsonl")
        fetch_task("piqa", TaskSource(file=file, rows=5), tmp_path / "tasks", said.append)
    fetch_task("piqa", TaskSource(file=file, rows=5), tmp_path / "tasks", said.append)
    assert said[0].endswith("its hash is the one expected")
    assert said[1] == "piqa.jsonl.gz: there already"
    items = read_items(find_task("piqa"), tmp_path / "tasks")
    assert [item.prompts[0] for item in items] == [f"Goal: goal {n}\nAnswer:" for n in range(5)]
    record = json.loads((tmp_path / "tasks" / FETCHED).read_text())["piqa.jsonl.gz"]
    assert (record["rows"], record["sha256"]) == (5, sha256)


def test_a_task_of_the_hub_is_fetched_at_the_commit_that_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "rows.parquet").write_bytes(FORMS["rows.parquet"])
    source = TaskSource(file=TaskFile(address="hf://datasets/owner/data/rows.parquet"))
    with hub(tmp_path / "set") as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        fetch_task("piqa", source, tmp_path / "tasks", lambda _: None)
    assert len(read_items(find_task("piqa"), tmp_path / "tasks")) == 5
    record = json.loads((tmp_path / "tasks" / FETCHED).read_text())["piqa.jsonl.gz"]
    assert record["address"].endswith("/resolve/0123456789abcdef0123456789abcdef01234567/rows.parquet")


def test_a_file_that_was_damaged_since_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_bytes(LINES)
    source = TaskSource(file=TaskFile(address=str(tmp_path / "lines.jsonl")))
    said: list[str] = []
    fetch_task("piqa", source, tmp_path / "tasks", said.append)
    (tmp_path / "tasks" / "piqa.jsonl.gz").write_bytes(b"half")
    fetch_task("piqa", source, tmp_path / "tasks", said.append)
    assert len(read_items(find_task("piqa"), tmp_path / "tasks")) == 5
    assert all("no hash was expected; its SHA-256 is " in line for line in said)


def test_solved_examples_come_beside_the_items(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_bytes(LINES)
    (tmp_path / "train.jsonl").write_bytes(LINES.replace(b"goal", b"aim").replace(b'"aim":', b'"goal":'))
    shots = ["--shots-from", str(tmp_path / "train.jsonl")]
    folder = ["--folder", str(tmp_path / "tasks")]
    assert main(["tasks", "fetch", "piqa", "--from", str(tmp_path / "test.jsonl"), *shots, *folder]) == 0
    solved = read_shots(find_task("piqa"), tmp_path / "tasks")
    assert solved is not None
    assert solved[0].text == "Goal: aim 0\nAnswer: lift it"


def git_name(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (LINES, {"sha256": "0" * 64}, "is expected: it is another file, or was changed"),
        (LINES, {"git": "0" * 40}, "in git, and 0{40} is expected"),
        (LINES + b'{"goal": "unsolved", "sol1": "a", "sol2": "b", "label": ""}\n', {}, "row 6: no row of piqa"),
        (LINES + b"half a ro", {}, "line 6: no JSON"),
        (LINES + b"[1, 2]", {}, r"line 6: \[1, 2\] is no object in JSON"),
        (gzip.compress(LINES, mtime=0)[:-9], {}, "is no whole gzip file"),
        (FORMS["rows.parquet"][:-9], {}, "is no whole Parquet file"),
        (FORMS["all.zip"][:-30], {"members": "data/*"}, "is no whole zip archive"),
        (FORMS["all.zip"], {"members": "other/*"}, "no file in it matches members 'other/"),
        (b"", {}, "has no row"),
        ("goal\n".encode("utf-16"), {}, "no whole file of JSON Lines in UTF-8"),
    ],
)
def test_what_is_not_the_file_that_is_meant_is_refused_and_leaves_nothing(
    data: bytes, changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(data)
    source = TaskSource(file=TaskFile.model_validate({"address": str(tmp_path / "file"), **changes}))
    with pytest.raises(ConfigError, match=message):
        fetch_task("piqa", source, tmp_path / "tasks", lambda _: None)
    assert not (tmp_path / "tasks" / "piqa.jsonl.gz").exists()


def test_another_number_of_rows_than_the_manifest_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(LINES)
    file = TaskFile(address=str(tmp_path / "file"), git=git_name(LINES))
    with pytest.raises(ConfigError, match="has 5 rows, and 1,838 are expected"):
        fetch_task("piqa", TaskSource(file=file, rows=1838), tmp_path, lambda _: None)


def test_a_zip_archive_that_would_fill_the_memory_is_refused_by_its_directory(tmp_path: Path) -> None:
    archive = zipped({f"{n}.jsonl": b"\n" * (1 << 26) for n in range(5)})
    assert len(archive) < 1 << 20
    with pytest.raises(ConfigError, match="holds more than 268,435,456 bytes"):
        list(rows_of(archive, "*.jsonl", "all.zip"))


def test_the_package_s_manifest_has_every_published_task_and_says_what_is_known_of_each() -> None:
    manifest = read_manifest()
    assert set(manifest) == {name for name, task in TASKS.items() if not task.own}
    for name, source in manifest.items():
        assert source.rows, name
        assert source.licence, name
        for file in (source.file, source.shots):
            if file is not None and "githubusercontent" in file.address:
                assert file.sha256 or file.git, name


@pytest.mark.data
def test_the_manifest_s_hash_is_that_of_the_file_that_was_published(shared_data: Path) -> None:
    """HumanEval is there as it was published: what is fetched of it is what the folder of test data holds."""
    data = (shared_data / "eval" / "humaneval.jsonl.gz").read_bytes()
    source = read_manifest()["humaneval"]
    assert len(list(rows_of(data, "", "humaneval"))) == source.rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["piqo"], "no task 'piqo'; did you mean 'piqa'?"),
        (["next-words"], "next-words is made from texts, and fetched from nowhere"),
        (["piqa", "copa", "--from", "x"], "--from gives the file of one task"),
        (["piqa", "--sha256", "0" * 64], "--sha256 and --shots-from go with --from"),
        (["piqa", "--from", "not/there.jsonl"], "no file matches|not/there.jsonl"),
        (["piqa", "--from", "hf://datasets/half"], "write hf://datasets/OWNER/NAME/PATH"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_a_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tasks", "fetch", *arguments, "--folder", str(tmp_path)]) != 0
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert any(each in told for each in message.split("|")), told


def test_a_task_whose_file_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="`curate tasks make FILE"):
        read_items(find_task("last-word"), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"`curate tasks fetch piqa --folder .*` puts it there"):
        read_items(find_task("piqa"), tmp_path)


def test_a_manifest_of_one_s_own_names_its_mistakes_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text("tasks:\n  piqa:\n    file:\n      address: a\n      sha256: short\n")
    assert main(["tasks", "list", "--manifest", str(tmp_path / "mine.yaml")]) == 2
    assert "mine.yaml:5: tasks.piqa.file.sha256" in capsys.readouterr().err


def test_the_list_says_where_each_file_lies_and_whether_it_is_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "piqa.jsonl.gz").write_bytes(gzip.compress(LINES, mtime=0))
    assert main(["tasks", "list", "--folder", str(tmp_path), "--format", "json"]) == 0
    told = {row["task"]: row for row in json.loads(capsys.readouterr().out)}
    assert told["piqa"]["there"]
    assert not told["copa"]["there"]
    assert {each["hash"] for each in told.values()} == {"sha256", "git", "none", None}


TEXTS = {
    "stories": [f"Story {n}. " + " ".join(f"word{n}x{i} and then" for i in range(60)) for n in range(6)],
    "few": ["A text alone in its domain, " + "which has words enough for a passage that ends. " * 12],
}


def test_tasks_made_from_texts_ask_for_what_the_text_says_next(tmp_path: Path) -> None:
    rows = next_words(TEXTS)
    assert [row["domain"] for row in rows] == ["stories"] * 6, "of a domain with fewer than four texts none"
    for row, text in zip(rows, TEXTS["stories"], strict=True):
        assert text.startswith(f"{row['query']} {row['choices'][row['gold']]} ")
        assert len(set(row["choices"])) == 4
    assert len({row["gold"] for row in rows}) > 1
    for row, text in zip(last_words(TEXTS), [*TEXTS["stories"], *TEXTS["few"]], strict=True):
        assert text.startswith(f"{row['context']} {row['continuation']}")
    assert write_tasks(TEXTS, tmp_path / "a") == write_tasks(TEXTS, tmp_path / "b") == {"next-words": 6, "last-word": 7}
    for name in ("next-words", "last-word"):
        file = f"{name}.jsonl.gz"
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
        assert read_items(find_task(name), tmp_path / "a")


def test_texts_without_spaces_between_words_are_cut_by_characters() -> None:
    texts = [f"{n}" + "這是一個沒有空格的句子。" * 60 for n in range(4)]
    rows = next_words({"zh": texts})
    assert [row["query"] for row in rows] == [text[:240] for text in texts]
    assert last_words({"zh": texts}) == []


@given(st.lists(st.text(max_size=800), max_size=8))
def test_items_made_from_any_texts_are_items(texts: list[str]) -> None:
    for row in next_words({"any": texts}):
        item = TASKS["next-words"].item(row, "olmes")
        assert item.prompts[0]
        assert all(each.strip() for each in item.continuations)
    for row in last_words({"any": texts}):
        item = TASKS["last-word"].item(row, "olmes")
        assert any(text.startswith(item.prompts[0]) for text in texts)


def test_tasks_are_made_from_files_at_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS["stories"]))
    assert main(["tasks", "make", str(path), "--folder", str(tmp_path / "tasks"), "--limit", "5"]) == 0
    assert "next-words: 5 items" in capsys.readouterr().err
    path.write_text('{"text": "short"}\n')
    assert main(["tasks", "make", str(path), "--folder", str(tmp_path / "none")]) != 0
    assert "no item can be made from these texts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"texts": "a"}', "row 2: needs `text`, a string; it has texts"),
        ('{"text": "\\ud800"}', "row 2: `text` holds half a character"),
        ('{"text": ', "line 2: no JSON"),
    ],
)
def test_a_file_of_texts_names_the_row_that_is_none(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text(f'{{"text": "one"}}\n{line}\n')
    with pytest.raises(ConfigError, match=message):
        read_texts(tmp_path / "texts.jsonl")
