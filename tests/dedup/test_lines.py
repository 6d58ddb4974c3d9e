"""Lines and spans that recur go from all documents but the first, and the ledger says what went."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.segments import find_pieces, without_pieces
from curate.text.columns import as_column, text_buffers
from tests.support.deduplicating import Row, deduplicate

BITS = ["Yes. ", "No! ", "\n", " ", "é?\u2028", "a", "—", "Dr. No.", "\r\n", "“Ja.” "]
PIECES = st.lists(st.sampled_from(BITS), max_size=30)


def texts_after(run: Path) -> dict[str, str]:
    """The kept documents after the step, by the ids of the ledger."""
    found = {}
    for path in (run / "documents" / "deduplicate").glob("*.parquet"):
        table = pq.read_table(path)
        found |= dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    return found


@given(st.lists(PIECES, min_size=1, max_size=4), st.booleans(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_a_text_loses_the_pieces_named_and_nothing_else(
    documents: list[list[str]], sentences: bool, rng: random.Random
) -> None:
    texts = ["".join(document) for document in documents]
    data, bounds = text_buffers(as_column(texts))
    pieces = find_pieces(data, bounds, sentences)
    named = [data[a:b].tobytes().decode() for a, b in zip(pieces.starts, pieces.ends, strict=True)]
    assert all(piece == piece.strip() and piece for piece in named)
    assert [len("".join(text.split())) for text in texts] == [
        sum(len("".join(piece.split())) for piece in named[a:b])
        for a, b in zip(pieces.offsets[:-1], pieces.offsets[1:], strict=True)
    ]
    same, offsets = without_pieces(data, bounds, pieces, np.zeros(len(named), bool))
    assert same.tobytes().decode() == "".join(texts) and offsets.tolist() == (bounds - bounds[0]).tolist()
    gone = np.array([rng.random() < 0.5 for _ in named], bool)
    left, offsets = without_pieces(data, bounds, pieces, gone)
    for number in range(len(texts)):
        text = left[offsets[number] : offsets[number + 1]].tobytes().decode()
        stays = [named[i] for i in range(pieces.offsets[number], pieces.offsets[number + 1]) if not gone[i]]
        assert "".join(text.split()) == "".join("".join(stays).split())


def test_sentences_end_after_marks_and_with_their_line() -> None:
    text = 'One two. "Three?" four\nfive... six! 七。八 3.14 is'
    data, bounds = text_buffers(as_column([text]))
    pieces = find_pieces(data, bounds, True)
    found = [data[a:b].tobytes().decode() for a, b in zip(pieces.starts, pieces.ends, strict=True)]
    assert found == ["One two.", '"Three?"', "four", "five...", "six!", "七。八 3.14 is"]


def forum(pages: int) -> list[Row]:
    """Pages with lines of their own between menus, a line that only some have, marks, and blank lines."""
    rng = random.Random(3)
    rows = []
    for page in range(pages):
        posts = [f"Post {page} line {i} {rng.random()}." for i in range(4)]
        lines = ["Home | News  | Contact", "---", *posts, "", "© Forum 2024"]
        lines.insert(rng.randrange(6), "  READ   more " if page % 2 else "Read more")
        if page % 20 == 0:
            lines.append("Seldom seen line")
        rows.append({"id": f"p{page:03d}", "text": "\n".join(lines), "url": None, "date": None})
    return rows


@pytest.mark.parametrize("least", [3, 10])
def test_lines_in_enough_documents_stay_in_the_first_only(least: int, tmp_path: Path) -> None:
    rows = forum(90)
    setting = {"exact": False, "lines": {"min_count": least}}
    found = deduplicate(tmp_path, {"forum": rows}, setting)
    texts = {name: texts_after(tmp_path / "run")[row["id"]] for name, row in found.items()}
    keys = {row["id"]: [" ".join(line.lower().split()) for line in row["text"].split("\n")] for row in rows}
    held = Counter(key for lines in keys.values() for key in set(lines) if any(c.isalnum() for c in key))
    recurring = {key for key, count in held.items() if count >= least}
    assert recurring >= {"home | news | contact", "© forum 2024", "read more"}
    seen: set[str] = set()
    for row in rows:
        name = row["id"]
        lines = row["text"].split("\n")
        expected = [
            line for line, key in zip(lines, keys[name], strict=True) if key not in recurring or key not in seen
        ]
        seen |= set(keys[name]) & recurring
        assert [" ".join(line.split()) for line in texts[name].split("\n") if line.strip()] == [
            " ".join(line.split()) for line in expected if line.strip()
        ]
        edits = {edit["kind"]: edit["chars"] for edit in found[name]["edits"] if edit["step"] == "deduplicate"}
        assert edits == ({"lines": len(row["text"]) - len(texts[name])} if texts[name] != row["text"] else {})
        assert found[name]["kept"]


def test_spans_of_three_sentences_go_and_shorter_repeats_stay(tmp_path: Path) -> None:
    first = "Alpha one. Beta two! Gamma three? Delta four."
    second = "Own start here. alpha one. BETA two! Gamma  three? Own end here."
    third = "Alpha one. Beta two! Another thing. Gamma three? Delta four."
    rows = [{"id": f"s{i}", "text": text, "url": None, "date": None} for i, text in enumerate([first, second, third])]
    setting = {"lines": {"min_count": 2, "unit": "three_sentences"}}
    found = deduplicate(tmp_path, {"web": rows}, setting)
    texts = {name: texts_after(tmp_path / "run")[row["id"]] for name, row in found.items()}
    assert texts == {"s0": first, "s1": "Own start here. Own end here.", "s2": third}
    assert found["s1"]["edits"] == [{"step": "deduplicate", "kind": "spans", "chars": len(second) - len(texts["s1"])}]


def test_what_is_left_of_a_document_must_still_satisfy_its_packs_sentences_and_not_be_empty(tmp_path: Path) -> None:
    own = "This page says one thing here. It says a second thing too. And then it says a third thing."
    shared = "Every page ends with this same sentence here.\nAnd it has another shared line for all."
    rows = [
        {"id": "a", "text": f"{own}\n{shared}", "url": None, "date": None},
        {"id": "b", "text": f"{own.replace('page', 'text')}\n{shared}", "url": None, "date": None},
        {"id": "c", "text": f"This one has only one sentence.\n{shared}", "url": None, "date": None},
        {"id": "d", "text": shared.replace("\n", "\n\n"), "url": None, "date": None},
    ]
    setting = {"exact": False, "lines": {"min_count": 2}}
    roles = {"web": {"steps": [{"filter": "c4"}]}}
    found = deduplicate(tmp_path / "c4", {"web": rows[:3]}, setting, roles=roles)
    assert {name: (row["kept"], row["failed"]) for name, row in found.items()} == {
        "a": (True, []),
        "b": (True, []),
        "c": (False, ["deduplicate/c4-min_sentences"]),
    }
    found = deduplicate(tmp_path / "plain", {"web": rows}, setting)
    assert {name: (row["failed"], row["dropped_at"]) for name, row in found.items() if not row["kept"]} == {
        "d": (["deduplicate/emptied"], "deduplicate")
    }


def test_lines_are_counted_within_their_scope(tmp_path: Path) -> None:
    row = {"text": "Only mine {}\nShared line of text", "url": None, "date": None}
    sources = {
        name: [row | {"id": f"{name}{i}", "text": row["text"].format(f"{name}{i}")} for i in range(2)]
        for name in ("l", "r")
    }
    setting = {"exact": False, "lines": {"min_count": 2}}
    for scope, left in {"all": 1, "source": 2}.items():
        deduplicate(tmp_path / scope, sources, setting | {"scope": scope})
        texts = texts_after(tmp_path / scope / "run").values()
        assert sum("Shared line" in text for text in texts) == left
