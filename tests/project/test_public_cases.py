"""Cases after public bug reports, each an input and what is right, put through the product's own functions.

The cases lie beside the shared test data (`cases/cases.jsonl`); without them there is nothing to test. An area is a table
of cases with an adapter that calls the product and one that judges. `NOT_YET` names areas whose open cases are known to
fail: whoever mends an area takes its name out, and from then on all its cases hold.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from curate import ingest, language, pii
from curate.audit.finished_run import open_finished
from curate.audit.ledger import ask, connect
from curate.audit.remove import remove
from curate.engine.lock import hold
from curate.extract import engines, extractor
from curate.pipeline.run import run
from curate.shards.export import export
from curate.storage import SourceFile, list_files
from curate.tokens.tokenizer import load
from tests.conftest import ROOT

pytestmark = pytest.mark.data

Case = dict[str, Any]
FOLDER = Path(os.environ.get("CURATE_TEST_DATA") or ROOT.parent / "shared" / "data").parent / "cases"
NOT_YET: set[str] = set()


def area(case: Case) -> str:
    """The area that a case belongs to."""
    (call,) = case["call"]
    if call == "read":
        return "extraction" if case["kind"].startswith("extract") else "reading"
    return {"pii.find": "personal data", "language.identify": "language", "list_files": "listing",
            "tokens.load": "tokenizers"}.get(call, "runs")  # fmt: skip


def cases(wanted: str) -> list[Any]:
    """The area's cases as pytest parameters; one that is skipped where the cases are not there."""
    try:
        lines = (FOLDER / "cases.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"no cases in {FOLDER}"))]
    found = [case for case in map(json.loads, lines) if area(case) == wanted]
    held = [case for case in found if case["set"] == "pass" or wanted not in NOT_YET]
    return [pytest.param(case, id=case["id"]) for case in held]


# ---- reading and extraction: a file in, rows out


def read_rows(path: Path, format: str, columns: dict[str, str], engine: str) -> list[dict[str, Any]]:
    """Every row of the file as a run sees it after reading and extracting: url, reason, text."""
    source = SourceFile(str(path), path.name, path.stat().st_size, "")
    rows = []
    for batch in ingest.read_apart(source, "case", format, ingest.Columns(**columns), Counter()):
        extracted = extractor(engine).extract(batch.select(["body", "content_type"]))
        columns_of = {
            "url": batch["url"],
            "reason": pc.coalesce(batch["reason"], extracted["reason"]),
            "text": pc.coalesce(batch["text"], extracted["text"]),
        }
        rows.extend(pa.table(columns_of).to_pylist())
    return rows


def fits(row: dict[str, Any], want: dict[str, Any]) -> bool:
    """Whether a row is what a case asks for: a reason, an address, parts that its text has and lacks."""
    if "any" in want:
        return any(fits(row, each) for each in want["any"])
    if want.get("not_text"):
        return row["reason"] is not None
    text = row["text"] or ""
    same = all(row[name] == want[name] for name in ("reason", "url") if name in want)
    has = all(part in text for part in want.get("contains", ()))
    return same and has and not any(part in text for part in want.get("lacks", ()))


def check_rows(case: Case, engine: str = engines.DEFAULT) -> None:
    call, want = case["call"]["read"], case["expected"]
    try:
        rows = read_rows(FOLDER / case["file"], call["format"], call.get("columns", {}), engine)
    except ValueError:
        assert "error_or_rows" in want
        return
    wanted = want.get("rows") or want["error_or_rows"]
    assert len(rows) >= len(wanted)
    for row, each in zip(rows, wanted, strict=False):
        assert fits(row, each), f"{row} is not {each}"


@pytest.mark.parametrize("case", cases("reading"))
def test_files_are_read_as_they_should_be(case: Case) -> None:
    check_rows(case)


@pytest.mark.parametrize("case", cases("extraction"))
def test_pages_are_extracted_as_they_should_be(case: Case) -> None:
    check_rows(case, engines.OWN)


# ---- listing: a pattern in, files out


@pytest.mark.parametrize("case", cases("listing"))
def test_patterns_match_the_files_they_name(case: Case) -> None:
    found = list_files([str(FOLDER / case["call"]["list_files"]["pattern"])])
    assert len(found) == case["expected"]["files"]


# ---- texts: a text in, a finding out


@pytest.mark.parametrize("case", cases("personal data"))
def test_personal_data_is_found_whole_and_nothing_else_is(case: Case) -> None:
    text = (FOLDER / case["file"]).read_text()
    assert [text[span.start : span.end] for span in pii.find([text])[0]] == case["expected"]["values"]


@pytest.mark.parametrize("case", cases("language"))
def test_languages_are_named_or_doubted(case: Case) -> None:
    codes, scores = language.identify([(FOLDER / case["file"]).read_text()])
    want = case["expected"]
    named = str(codes[0]) in {*want.get("codes", ()), *want.get("or_codes", ())}
    assert named or float(str(scores[0])) < want.get("score_below", -1), (codes[0], scores[0])


# ---- tokenizers: a file in, ids out


@pytest.mark.parametrize("case", cases("tokenizers"))
def test_tokenizers_keep_text_and_special_tokens_apart(case: Case) -> None:
    path, want = FOLDER / case["file"], case["expected"]
    special = {token["id"] for token in json.loads(path.read_text())["added_tokens"] if token["special"]}
    if want.get("end_of_text_is_special_or_error"):
        with contextlib.suppress(ValueError):
            assert load(str(path)).end_of_text in special
        return
    tokenizer = load(str(path))
    ids = tokenizer.encode(pa.array(want["round_trip"])).to_pylist()
    assert [tokenizer.decode(each) for each in ids] == want["round_trip"]
    assert not special & {token for each in ids for token in each}


# ---- whole runs: documents in, what the run holds or exports out

PIPELINE = """
name: case
sources: {{s: {{read: {{format: jsonl, paths: [{folder}/in.jsonl]}}}}}}
{combine}
shards: {{validation: 0}}
"""
GONE = "http://example.org/gone"


def made_run(folder: Path, documents: str, combine: str = "") -> Path:
    (folder / "in.jsonl").write_text(documents)
    (folder / "case.yaml").write_text(PIPELINE.format(folder=folder, combine=combine))
    return run(folder / "case.yaml", out=folder / "out", engine="serial").path


def json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def contaminated(folder: Path, content: dict[str, Any], settings: str) -> bool:
    """Whether a document shares a passage with an evaluation item."""
    (folder / "eval.jsonl").write_text(json_lines(content["items"]))
    out = made_run(
        folder,
        json_lines(content["documents"]),
        f"combine:\n  - decontaminate: {{against: [{folder}/eval.jsonl], {settings}}}",
    )
    (row,) = ask(connect(open_finished(out).ledger), "select bool_or(len(contamination) > 0) f from ledger").to_pylist()
    return bool(row["f"])


def exported_sizes(folder: Path, documents: str, to: str) -> list[int]:
    """The length of every document of an export that was made after one was removed."""
    out = made_run(folder, documents)
    with hold(out):
        remove(open_finished(out), "url", [GONE], "2026-01-01T00:00:00+00:00", "asked")
    export(out, to, folder / "export", sequence_length=8)
    if to == "text":
        texts = [gzip.decompress(path.read_bytes()).decode() for path in (folder / "export").glob("*.gz")]
        return [len(json.loads(line)["text"]) for text in texts for line in text.splitlines()]
    if to == "parquet":
        tables = [pq.read_table(path) for path in (folder / "export").glob("*.parquet")]
        return [len(text) for table in tables for text in table.column("text").to_pylist()]
    index = (folder / "export" / "train.idx").read_bytes()  # Megatron's: a header of 34 bytes, then lengths
    lengths: list[int] = np.frombuffer(index, "<i4", int.from_bytes(index[18:26], "little"), 34).tolist()
    return lengths


@pytest.mark.parametrize("case", cases("runs"))
def test_runs_hold_and_export_what_they_should(case: Case, tmp_path: Path) -> None:
    ((call, settings),) = case["call"].items()
    given = (FOLDER / case["file"]).read_text()
    if call == "run.decontaminate":
        found = contaminated(tmp_path, json.loads(given), f"ngram: {settings['ngram']}")
        assert found == case["expected"]["found"]
    else:
        assert call == "run.remove_export" and case["expected"] == {"no_empty_rows": True}
        sizes = exported_sizes(tmp_path, given, settings["to"])
        assert sizes and all(sizes)


QUESTION = (
    "If a train leaves the station at noon with {} carriages, how far from home is it when its driver stops to rest?"
)
WORDS = ["bright", "green", "tall", "quiet", "small", "empty", "heavy", "narrow", "wooden"]
WRITTEN_OTHERWISE: dict[str, Callable[[str], str]] = {
    "zero-width joiners": lambda text: text.replace("a", "a\u200d"),
    "zero-width non-joiners": lambda text: text.replace("e", "e\u200c"),
    "word joiners": lambda text: text.replace("i", "i\u2060"),
    "byte order marks": lambda text: text.replace(" ", " \ufeff"),
    "soft hyphens": lambda text: text.replace("tio", "\u00adtio"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "full-width letters": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "line breaks": lambda text: text.replace(" ", "\n"),
    "curly quotes and dashes": lambda text: "\u201c" + text.replace(",", " \u2014") + "\u201d",
}
IN_OTHER_SCRIPTS = {
    "Japanese": "太郎は駅で切符を三枚買い、友達に一枚あげたあとでまた二枚買いました。今は何枚持っていますか。",
    "Chinese": "如果一列火车中午离开车站以每小时六十英里的速度行驶三个小时请问它离家有多远呢",
    "Thai": "ถ้ารถไฟออกจากสถานีตอนเที่ยงและวิ่งด้วยความเร็วหกสิบไมล์ต่อชั่วโมงเป็นเวลาสามชั่วโมงรถไฟจะอยู่ห่างจากบ้านเท่าไร",
    "Korean": "기차가 정오에 역을 떠나 시속 육십 마일로 세 시간 동안 달리면 기관사가 쉬려고 멈출 때 "
    "집에서 얼마나 멀리 떨어져 있는지 말해 보세요",
}


def test_neighbours_of_the_cases_of_leaked_items_are_found_too(tmp_path: Path) -> None:
    """Other invisible, wide and broken characters, and other scripts: each a document of its own, and one without any."""
    filler = " ".join(f"The {n}th lamp on the harbour wall was lit before the {n}th boat came in." for n in range(40))
    items, documents = [], [{"text": filler, "url": "https://example.org/clean"}]
    for number, (name, change) in enumerate(WRITTEN_OTHERWISE.items()):
        question = QUESTION.format(WORDS[number])
        items.append({"id": name, "question": question})
        documents.append({"text": f"{filler}\n{change(question)}\n{filler}", "url": f"https://example.org/{name}"})
    for name, question in IN_OTHER_SCRIPTS.items():
        items.append({"id": name, "question": question})
        documents.append({"text": f"{filler}\n{question}\n{filler}", "url": f"https://example.org/{name}"})
    assert contaminated(tmp_path, {"items": items, "documents": documents}, "ngram: 13")
    sql = "select url from ledger where coalesce(len(contamination), 0) = 0"
    clean = ask(connect(open_finished(tmp_path / "out").ledger), sql).column("url").to_pylist()
    assert clean == ["https://example.org/clean"]


@pytest.mark.parametrize("to", ["parquet", "megatron"])
def test_neighbours_of_the_cases_of_emptied_exports_hold_no_empty_rows(to: str, tmp_path: Path) -> None:
    rows = [{"text": f"Document {n} that stays here", "url": GONE if n in (0, 2) else None} for n in range(4)]
    sizes = exported_sizes(tmp_path, json_lines(rows), to)
    assert len(sizes) == 2 and all(sizes)
