"""The reader and the map of the crawl: the run's sample as rows and dots, with what the page's script needs of them.

Knows the sample, its texts and their map; draws the frame, the script fills it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.audit.crawl_map import SIZE, crawl_map
from curate.audit.finished_run import OpenedRun
from curate.audit.removals import RULE
from curate.audit.report.headlines import map_headline
from curate.audit.sample_metadata import sample_metadata
from curate.audit.sample_texts import Texts, sample_texts, within_parts
from curate.audit.sampled import VALUE
from curate.text.html import Html, clean, count, join, tag

_ROOM, _LEAST_ROOM, _A_DIAL = 900_000, 250_000, 3_500
"""Characters of texts that the page holds, packed a third of that; less by so many for each threshold that it has too."""
_WINDOW = 600
"""Most characters of a text that are shown."""
_LEAD = 120
"""Characters shown before the first difference of the two versions of a text."""
_WORD = 40
"""Of them, those that a window may lose to begin with a whole word."""
_ADDRESS = 200
"""Characters of an address."""


def packed(
    run: OpenedRun, sample: pa.Table, dials: int = 0, mapped: bool = True, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the script unpacks: the rows of the sample, their texts, and where they lie on the map. `dials`: how many
    thresholds share the page's room; `more`: what else the page's scripts unpack."""
    sample = within_parts(sample) if run.texts != "none" else sample
    texts = texts_to_show(run, sample)
    found = crawl_map([each.before or "" for each in texts]) if mapped and run.texts != "none" else None
    rows = _rows(sample, texts, max(_LEAST_ROOM, _ROOM - _A_DIAL * dials)) | dict(more or {})
    rows["meta"] = {clean(name): _coded(values) for name, values in sample_metadata(run, sample).items()}
    if found is not None:
        rows |= {"map": {"x": found.x, "y": found.y, "size": SIZE, "clumps": [list(each) for each in found.clumps]}}
    data = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    fates, sources = (
        ([rows[name]["words"][of] for of in rows[name]["of"]] for name in ("fate", "source")) if found else ([], [])
    )
    return {
        "rows": sample.num_rows,
        "map": found is not None,
        "says": map_headline(fates, sources, found.x, found.y) if found is not None else "",
        "packed": base64.b64encode(zlib.compress(data, 9)).decode(),
    }


def texts_to_show(run: OpenedRun, sample: pa.Table) -> list[Texts]:
    """The texts of the sample's documents, those of removed documents left out."""
    if "part" not in sample.column_names or not sample.num_rows:
        return [Texts(None, None)] * sample.num_rows
    gone = [RULE in (failed or ()) for failed in sample.column("failed").to_pylist()]
    found = zip(sample_texts(run, sample), gone, strict=True)
    return [Texts(None, None) if removed else each for each, removed in found]


def fates_of(sample: pa.Table) -> list[str]:
    """What became of each document of the sample: `kept`, or the step that dropped it."""
    decided = zip(sample.column("kept").to_pylist(), sample.column("dropped_at").to_pylist(), strict=True)
    return ["kept" if kept else step or "no output" for kept, step in decided]


def _rows(sample: pa.Table, texts: Sequence[Texts], room: int) -> dict[str, Any]:
    """The columns of the table, words as numbers of a list."""
    if "id" not in sample.column_names:
        return {"id": []}
    columns = sample.to_pydict()
    fates = fates_of(sample)
    rules = sorted({rule for failed in columns["failed"] for rule in failed or ()})
    number = {rule: place for place, rule in enumerate(rules)}
    known = [name for name in sample.column_names if name.startswith(VALUE)]
    window = min(_WINDOW, room // max(1, 2 * sample.num_rows))
    return {
        "id": [id.hex() for id in columns["id"]],
        "url": [
            "" if RULE in (failed or ()) else clean(url or "")[:_ADDRESS]
            for url, failed in zip(columns["url"], columns["failed"], strict=True)
        ],
        "source": _coded(columns["source"]),
        "fate": _coded(fates),
        "language": _coded([language or "not identified" for language in columns["language"]]),
        "copy": _coded([kind or "" for kind in columns["duplicate_kind"]]),
        "score": [None if score is None else _short(score) for score in columns["quality_score"]],
        "chars": columns["chars"],
        "tokens": columns["tokens"],
        "rules": rules,
        "failed": [[number[rule] for rule in failed or ()] for failed in columns["failed"]],
        "values": [
            {
                number[name.removeprefix(VALUE)]: _short(columns[name][row])
                for name in known
                if name.removeprefix(VALUE) in (columns["failed"][row] or ()) and columns[name][row] is not None
            }
            for row in range(sample.num_rows)
        ],
        "text": [_window(each, window) for each in texts],
    }


def _coded(words: Sequence[str]) -> dict[str, Any]:
    """{words: each once, the most frequent first; of: the number of each row's}."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    listed = sorted(counts, key=lambda word: (-counts[word], word))
    place = {word: number for number, word in enumerate(listed)}
    return {"words": [clean(word) for word in listed], "of": [place[word] for word in words]}


def _short(number: float) -> float | None:
    return float(f"{number:.4g}") if number == number and abs(number) != float("inf") else None


def _window(texts: Texts, size: int) -> list[str]:
    """A window on both versions around their first difference, or the beginning of one; nothing where it is gone."""
    before, after = texts
    if before is None:
        return []
    if after is None or after == before:
        return [_cut(before, 0, size)]
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start = 0 if same < size // 2 else same - _LEAD
    if start and (space := before.find(" ", start, start + _WORD)) > 0:
        start = space + 1
    return [_cut(before, start, size), _cut(after, start, size)]


def _cut(text: str, start: int, size: int) -> str:
    begins, ends = "… " if start else "", " …" if start + size < len(text) else ""
    return clean(begins + text[start : start + size] + ends)


def panel(rows: int, total: int) -> Html:
    """The table's frame: facets, search, pages."""
    if not rows:
        return tag("p", "The run's sample is gone: its .work folder was removed.", class_="quiet")
    all_of = "all" if rows >= total else "a sample drawn by the records' ids"
    choices = (("fate", "what became of it"), ("rule", "rule"), ("source", "source"), ("language", "language"))
    controls = [
        tag("label", tag("span", "search address, id or text"), tag("input", type="search", id="reader-search")),
        *(
            tag("label", tag("span", words), tag("select", tag("option", "any", value=""), id=f"reader-{name}"))
            for name, words in choices
        ),
    ]
    return join(
        [
            tag(
                "p",
                f"{count(rows)} of {count(total)} documents, {all_of}. A row opens: its text as extracted and as the run "
                "left it, and every rule that it fails. Ids and commands are copied by a click.",
                class_="quiet",
            ),
            tag("form", *controls, class_="controls", id="reader-controls"),
            tag(
                "p",
                tag("button", "10 kept, at random", type="button", data_random="kept"),
                tag("button", "10 dropped, at random", type="button", data_random="dropped"),
                tag("button", "Clear", type="button", id="reader-clear"),
                class_="buttons",
            ),
            tag("p", "", id="reader-said", role="status", tabindex="-1", class_="quiet"),
            tag(
                "p",
                tag("button", "Copy their ids", type="button", id="reader-ids", class_="copy"),
                tag("button", "Save them as CSV", type="button", id="reader-csv"),
                class_="buttons",
            ),
            tag("p", "", id="reader-whole", class_="quiet"),
            tag("div", id="reader-rows"),
            tag(
                "p",
                tag("button", "Earlier", type="button", id="reader-earlier"),
                tag("button", "Later", type="button", id="reader-later"),
                class_="buttons",
            ),
        ]
    )


def map_panel(there: bool) -> Html:
    """The map's frame."""
    if not there:
        return tag(
            "p", "No map was drawn: the texts are gone or too few, or it was left out by --no-map or `report.map`.",
            class_="quiet",
        )  # fmt: skip
    kinds = ("fate", "rule", "language", "source", "quality", "copy", "clump", "dials")
    return join(
        [
            tag(
                "p",
                "A dot is a document of the sample, and dots near each other have similar words; how far apart clumps lie, "
                "and the axes, mean nothing. Clumps are named by words typical of them. Point at a dot to see what it is, "
                "click it to read it, draw around some to keep only these. The legend filters by colour, by clump too. What "
                "is chosen here or in the reader is told in each section below, beside the whole sample. Coloured by dials, "
                "dots show what dials moved below would change.",
                class_="quiet",
            ),
            tag(
                "p",
                tag("label", "coloured by ", tag("select", *(tag("option", kind) for kind in kinds), id="map-colour")),
                class_="buttons",
            ),
            tag(
                "div",
                tag(
                    "canvas",
                    id="map-canvas",
                    role="img",
                    aria_label="the map; the reader lists its documents",
                ),
                tag("output", "", id="map-said"),
                class_="map",
            ),
            tag("div", id="map-legend", class_="legend-chips"),
        ]
    )
