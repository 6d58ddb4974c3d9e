"""Cases after public bug reports, each an input and what is right, put through the product's own functions.

The cases lie beside the shared test data (`cases/cases.jsonl`); without them there is nothing to test. An area is a table
of cases with an adapter that calls the product and one that judges. `NOT_YET` names areas whose open cases are known to
fail: whoever mends an area takes its name out, and from then on all its cases hold.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from curate import ingest, language, pii
from curate.extract import engines, extractor
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
