"""Reading and extracting a part: input files, or a span of one, become the rows of the ledger and the documents that go on.

Pages that a rule on addresses refuses are not extracted. Knows ingest, extraction and address rules; knows no filter.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import ingest
from curate.config.step_params import ExtractParams, ReadParams, UrlParams
from curate.engine.task import Inputs, Output
from curate.extract.engines import OWN
from curate.extract.extractors import SAID, extractor
from curate.extract.forms import Form
from curate.extract.html.extracting import SAMPLE, extract_page
from curate.extract.limits import BY_THE_CLOCK, Limits
from curate.filters.url import UrlPack, load_url
from curate.ingest.crawl_index import files_of
from curate.ingest.spans import Span, source_files, taken_from
from curate.records.batches import BatchWriter
from curate.records.counts import ReadCounts
from curate.records.documents import DOCUMENTS, RECORDS
from curate.records.metadata import RAW, kind_of
from curate.records.pages import ORIGIN
from curate.storage import SourceFile
from curate.text.chance import draw

MOST_COLUMNS = 256
"""Columns that a part's rows may carry: a key that is data, such as an id, would else be a column of the ledger each."""


def compile_kernels(params: ReadParams) -> None:
    """Compile what the engine needs, once per machine: by a page that is just long enough to be judged."""
    extract = params.get("extract")
    if extract is not None and OWN in (extract["engine"], *extract["also"]):
        extract_page(SAMPLE, None, Limits(), _form(extract))


def _form(extract: ExtractParams) -> Form:
    return Form(extract["format"], extract["paragraphs"], extract["links"], extract["images"])


def read_part(params: ReadParams, inputs: Inputs, output: Output) -> ReadCounts:
    """Input `file`: files in their order, or a span of one; or `records`: the places of some.

    Writes `records` (RECORDS, every row) and `documents` (DOCUMENTS, those that go on), batch by batch; where pages are
    asked what they say of themselves, `columns` (SAID), aligned with the documents; where there are further engines,
    `documents-1` and so on with their texts, aligned, empty where an engine found none.
    """
    path = functools.cache(output.path)
    try:
        return _read(params, inputs, path, output.begun_before, True)
    except ingest.ReaderDied:  # of one of several files: from the beginning, each for itself
        return _read(params, inputs, path, output.begun_before, False)


def _read(
    params: ReadParams, inputs: Inputs, path: Callable[[str], str], begun_before: bool, together: bool
) -> ReadCounts:
    """What `read_part` does; `path` says where to write the file of a name."""
    files, span = _given(params, inputs)
    columns = ingest.Columns(**params["columns"])
    others: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    counts = Counter(records=0, documents=0, chars=0)
    carries = bool(columns.metadata)
    carried = _Carried()
    with ExitStack() as stack:
        schema = RECORDS.append(pa.field(RAW, pa.large_string())) if carries else RECORDS
        records = stack.enter_context(BatchWriter(path("records"), schema))
        documents = stack.enter_context(BatchWriter(path("documents"), DOCUMENTS))
        also = params.get("extract", {}).get("also", ())
        further = [
            stack.enter_context(BatchWriter(path(further_texts(number)), DOCUMENTS)) for number in range(len(also))
        ]
        said_of = None
        if params.get("extract", {}).get("metadata"):
            said_of = stack.enter_context(BatchWriter(path("columns"), SAID))
        for pages in ingest.read_together_or_apart(
            files, params["source"], params["format"], columns, others, span=span, together=together
        ):
            pages = _chosen(pages, params, counts["records"])
            read = _judge(pages, params, begun_before, others)
            failed, dropped_at, texts = read.failed, read.dropped_at, read.texts
            going = pc.is_valid(texts)
            chars = pc.utf8_length(texts).cast(pa.int64())
            records.write(
                {name: pages.column(name) for name in ORIGIN.names}
                | {"chars": chars, "failed": pa.array(failed, pa.list_(pa.string())), "dropped_at": dropped_at}
                | ({RAW: pages.column(RAW)} if carries else {})
            )
            carried.add(pages.column(RAW))
            kept = pages.select(["id", "url"]).filter(going)
            for writer, found in zip([documents, *further], [texts, *read.also], strict=True):
                writer.write({"id": kept.column("id"), "url": kept.column("url"), "text": found.filter(going)})
            if said_of is not None:
                said_of.write({name: read.said[name].filter(going) for name in SAID.names})
            counts["records"] += pages.num_rows
            counts["documents"] += kept.num_rows
            counts["chars"] += pc.sum(chars).as_py() or 0
            failures.update(name for names in failed for name in names)
            dropped.update(name for name in dropped_at.to_pylist() if name is not None)
            if counts["records"] == params.get("first"):
                break
    place, whole = taken_from(others)
    others.update({"metadata.columns-left-out": carried.left_out} if carried.left_out else {})
    told: ReadCounts = {
        "records": counts["records"],
        "documents": counts["documents"],
        "chars": counts["chars"],
        "bytes": sum(file.bytes for _, file in inputs),
        "others": dict(sorted(others.items())),
        "failed": dict(sorted(failures.items())),
        "dropped": dict(sorted(dropped.items())),
        "metadata": {name: dict(sorted(kinds.items())) for name, kinds in carried.kinds.items()},
    }
    if span is not None:
        told["span"] = {"place": place, "whole": whole}
    return told


def _given(params: ReadParams, inputs: Inputs) -> tuple[list[SourceFile], Span | None]:
    """The files to read, or ranges of them, and the span if it is a part of one."""
    if "records" not in inputs:
        return source_files(inputs.all("file"))
    given = inputs.file("records")
    first, last, highest = given.span
    return files_of(given.path, first, last, highest, params["base"]), None


def _chosen(pages: pa.RecordBatch, params: ReadParams, read: int) -> pa.RecordBatch:
    """The records that a limit leaves, of a batch that follows so many."""
    if "first" in params:
        return pages.slice(0, params["first"] - read)
    if "sample" in params:
        highest = np.uint64(params["sample"]["highest"])
        return pages.filter(pa.array(draw(pages.column("id"), params["sample"]["seed"], "limit") <= highest))
    return pages


class _Carried:
    """The columns that rows carry along, and how many of their values are of which kind, by name in order of appearance."""

    def __init__(self) -> None:
        self.kinds: dict[str, Counter[str]] = {}
        self.left_out = 0

    def add(self, raw: pa.Array) -> None:
        """Count the values of a column of JSON objects."""
        for text in raw.drop_null().to_pylist():
            for name, value in json.loads(text).items():
                if name not in self.kinds and len(self.kinds) >= MOST_COLUMNS:
                    self.left_out += 1
                    continue
                kind = kind_of(value)
                if kind is not None:
                    self.kinds.setdefault(name, Counter())[kind] += 1


class _Read(NamedTuple):
    """Per row: the rules failed so far, the step that dropped it (null: none), its text (null: dropped; empty: only a
    further engine found one), the texts of further engines, what the page says of itself, if that is asked for."""

    failed: list[list[str]]
    dropped_at: pa.Array
    texts: pa.Array
    also: list[pa.Array]
    said: Mapping[str, pa.Array]


def further_texts(number: int) -> str:
    """The name of the file with the texts of further engine `number`, from 0."""
    return f"documents-{number + 1}"


def _judge(pages: pa.RecordBatch, params: ReadParams, guarded: bool, others: Counter[str]) -> _Read:
    """What becomes of a batch. Counts in `others` the reasons that the machine's speed decided, which another machine may
    decide otherwise."""
    said: dict[str, pa.Array] = {}
    also: list[pa.Array] = []
    failed: list[list[str]] = [
        [] if reason is None else [f"read/{reason}"] for reason in pages.column("reason").to_pylist()
    ]
    dropped_at: list[str | None] = ["read" if names else None for names in failed]
    texts = pages.column("text")
    if "url" in params:
        for rule, mask in _refused(params["url"], pages.column("url")):
            for position in np.flatnonzero(mask).tolist():
                if not failed[position] or failed[position][0].startswith("url/"):
                    failed[position].append(f"url/{rule}")
                    dropped_at[position] = "url"
    going = pa.array([not names for names in failed], pa.bool_())
    texts = pc.if_else(going, texts, pa.scalar(None, pa.large_string()))
    extract = params.get("extract")
    if extract is not None:
        markup = pc.and_(going, pc.is_valid(pages.column("body")))
        positions = np.flatnonzero(markup.to_numpy(zero_copy_only=False))
        bodies = pages.select(["body", "content_type", "robots"]).filter(markup)
        extracted = [
            extractor(
                name,
                version=params["code"].get(name, ""),
                form=_form(extract),
                guarded=guarded,
                metadata=extract["metadata"] and name == extract["engine"],
            ).extract(bodies)
            for name in (extract["engine"], *extract["also"])
        ]
        reasons = [each.column("reason").to_pylist() for each in extracted]
        others.update(f"clock.{reason}" for each in reasons for reason in each if reason in BY_THE_CLOCK)
        found = np.zeros(len(positions), np.bool_)
        for each in extracted:
            found |= np.asarray(pc.is_valid(each.column("text")))
        for position, reason, has_text in zip(positions.tolist(), reasons[0], found.tolist(), strict=True):
            if not has_text:
                failed[position].append(f"extract/{reason}")
                dropped_at[position] = "extract"
        where = np.full(pages.num_rows, -1, dtype=np.int64)
        where[positions] = np.arange(len(positions))
        rows = pa.array(where, mask=where < 0)
        if extract["also"]:
            empty_or_dropped = pc.if_else(
                pa.array(found), pa.scalar("", pa.large_string()), pa.scalar(None, pa.large_string())
            )
            columns = [pc.coalesce(each.column("text"), empty_or_dropped).take(rows) for each in extracted]
        else:
            columns = [extracted[0].column("text").take(rows)]
        also = [pc.coalesce(texts, column) for column in columns[1:]]
        texts = pc.coalesce(texts, columns[0])
        if extract["metadata"]:
            said = {name: extracted[0].column(name).take(rows) for name in SAID.names}
    return _Read(failed, pa.array(dropped_at, pa.string()), texts, also, said)


def _refused(url: UrlParams, urls: pa.Array) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """(rule, which addresses fail it) of every rule of the packs. Raises PackError where a pack does not have a list."""
    content = json.dumps(url["content"], sort_keys=True)
    for pack in _url_packs(tuple(url["packs"]), tuple(sorted(url["lists"].items())), content):
        yield from pack.failures(urls).items()


@functools.lru_cache(maxsize=4)
def _url_packs(names: tuple[str, ...], lists: tuple[tuple[str, str], ...], content: str) -> tuple[UrlPack, ...]:
    """The packs, loaded once for all parts that a process reads."""
    return tuple(load_url(name, lists=dict(lists)) for name in names)
