"""The first look at a source: whether its first file is what the pipeline takes it for, said in a sentence before a run.

Reads the beginning of one file. Knows formats and columns; decides nothing and raises only where storage fails.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

from curate.ingest import evidence
from curate.ingest.frames import Frames
from curate.ingest.json_lines import begins_a_line, lines, parse
from curate.ingest.parquet import open_table
from curate.ingest.tables import Columns
from curate.ingest.values import is_textual
from curate.ingest.warc import Record, makes_sense, records
from curate.storage import SourceFile, open_binary

ROWS: Final = 100
"""Records and lines looked at."""
HEAD: Final = 1 << 16
_SHOWN: Final = 12
"""Columns named in a sentence."""
TEXT_NAMES: Final = (
    *(
        "text",
        "content",
        "raw_content",
        "body",
        "document",
        "article",
        "page_content",
        "full_text",
        "message",
        "markdown",
    ),
    *("text_content", "main_text", "output", "completion", "story", "abstract"),
)
"""What published corpora call the column of text, the usual first."""
_JSON_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*[{\]]")
_JSON_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*(?:\"|\})")
_ARC = re.compile(rb"filedesc://")
_OTHERS: Final = (
    (re.compile(rb"PAR1"), "a Parquet file", "parquet"),
    (re.compile(rb"[\r\n]*WARC/"), "a WARC file", "warc"),
    (_ARC, "an ARC file, the format before WARC, which is not read: convert it, for example with warcio", None),
    (_JSON_ARRAY, "one JSON array, not an object a line: make it lines, for example with `jq -c '.[]'`", None),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "text in UTF-16, which is not read: convert it to UTF-8", None),
    (re.compile(rb"ARROW1|\xff\xff\xff\xff"), "an Arrow file: write it as Parquet", None),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive: unpack it", None),
    (re.compile(rb".{257}ustar", re.DOTALL), "a tar archive: unpack it", None),
    (_JSON_OBJECT, "JSON Lines", "jsonl"),
)


def check_source(files: Sequence[SourceFile], format: str, columns: Columns) -> str | None:
    """What is wrong with a source, by its first file that holds anything: a sentence; None where nothing shows.

        >>> check_source([], "jsonl", Columns())
        'there is no file'

    Raises OSError where a file cannot be opened.
    """
    if not files:
        return "there is no file"
    for file in files:
        if file.size:
            return first_look(file, format, columns)
    return f"{files[0].path} is empty" + (", and so is every other file" if len(files) > 1 else "")


def first_look(file: SourceFile, format: str, columns: Columns) -> str | None:
    """What is wrong with one file for a source of this format and these columns: a sentence, or None."""
    with open_binary(file.path, file.size) as handle:
        if not handle.read(1):
            return f"{file.path} is empty"
        look = {"jsonl": _json_lines, "parquet": _parquet, "warc": _archive, "wet": _archive}.get(format)
        if look is None:  # a format from outside says itself what it cannot read
            return None
        found = look(handle, file, columns)
        return found and f"{file.path} {found}"


def _frames(handle: IO[bytes], name: str, format: str) -> Frames:
    return Frames(handle, name, begins_a_line if format == "jsonl" else makes_sense)


def beginning(handle: IO[bytes], name: str) -> tuple[str | None, bytes]:
    """(the format that an open file begins as, what it begins with, decoded where it is compressed).

    The format is `warc` also for WET, and None where it is none that is read.
    """
    head = _head(_frames(handle, name, "jsonl" if ".json" in name.lower() else "warc"))
    return next((of_format for begins, _, of_format in _OTHERS if begins.match(head)), None), head


def names_of(file: SourceFile) -> str:
    """What a file seems to be that is of no format that is read, to be said after its name."""
    with open_binary(file.path) as handle:
        return _named(handle, file.relative, "").replace("is no  file; it", "is of no format that is read: it")


def _head(frames: Frames) -> bytes:
    while len(frames.buffer) < HEAD and frames.fill():
        pass
    return bytes(frames.buffer[:HEAD])


def _named(handle: IO[bytes], name: str, format: str) -> str:
    """What a file that is not of the format seems to be."""
    frames = _frames(handle, name, format)
    head = _head(frames)
    if not head:
        return f"cannot be decoded: it is damaged, or no {frames.codec} file"
    for begins, called, of_format in _OTHERS:
        if begins.match(head) and of_format != format:
            return f"is {called}" + (f": set `format: {of_format}`" if of_format else "")
    if evidence.is_html(head):
        return "is an HTML page; pages are read from WARC files"
    if evidence.is_binary(head):
        return f"holds no text and is no {format} file"
    return f"is no {format} file; it begins {head[:40].decode('utf-8', 'replace')!r}"


def _archive(handle: IO[bytes], file: SourceFile, columns: Columns) -> str | None:
    found = list(itertools.islice(records(_frames(handle, file.relative, "warc"), Counter()), ROWS))
    read = [record for record in found if isinstance(record, Record)]
    if not read:
        return _named(handle, file.relative, "warc")
    kinds = {record.headers.get_bytes(b"WARC-Type", b"").strip().lower() for record in read}
    if kinds <= {b"warcinfo", b"metadata"} and len(read) > 2:
        return "holds metadata only (a WAT file?), and no page or text"
    return None


def _json_lines(handle: IO[bytes], file: SourceFile, columns: Columns) -> str | None:
    rows: list[dict[str, Any]] = []
    bad = 0
    for line in first_lines(handle, file.relative):
        fields = parse(line, columns, Counter())
        if fields is None:
            bad += 1
        else:
            rows.append(fields)
    if not rows:
        if bad and _is_indented(handle, file.relative):
            return "is JSON over several lines, not an object a line: make it lines, for example with `jq -c .`"
        return _named(handle, file.relative, "jsonl")
    names = list(dict.fromkeys(name for row in rows for name in row))
    missing = _missing(names, columns, f"in its first {len(rows)} lines" if len(rows) > 1 else "in its first line")
    if missing:
        return missing
    if not any(isinstance(row.get(columns.text), str) for row in rows):
        held = next((row[columns.text] for row in rows if row.get(columns.text) is not None), None)
        return f"has no text in column {columns.text!r}: it holds {_json_type(held)}"
    return None


def first_lines(handle: IO[bytes], name: str) -> Iterator[bytes]:
    """The first lines of a file of JSON Lines, up to one that cannot be read."""
    held = (line for line in lines(_frames(handle, name, "jsonl")) if not isinstance(line, int))
    for line in itertools.islice(held, ROWS):
        if isinstance(line, str):
            return
        if line.strip():
            yield line


def _is_indented(handle: IO[bytes], name: str) -> bool:
    return _JSON_OBJECT.match(_head(_frames(handle, name, "jsonl"))) is not None


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "lists", dict: "objects", bool: "true or false"}.get(type(value), "numbers")


def _parquet(handle: IO[bytes], file: SourceFile, columns: Columns) -> str | None:
    handle.seek(0)
    if handle.read(4) != b"PAR1":
        return _named(handle, file.relative, "parquet")
    table = open_table(handle, file.size)
    if table is None:
        return "is a Parquet file that cannot be opened: it is cut, damaged or encrypted"
    names = table.schema_arrow.names
    missing = _missing(names, columns, "")
    if missing:
        return missing
    kind = table.schema_arrow.field(names.index(columns.text)).type
    if not is_textual(kind):
        return f"has no text in column {columns.text!r}: its type is {kind}"
    return None


def _missing(names: Sequence[str], columns: Columns, where: str) -> str | None:
    """What to say of the first column named that is not there, with the name that was probably meant."""
    wanted = [("text", columns.text), ("id", columns.id), ("date", columns.date)]
    if columns.url != Columns.url:
        wanted.append(("url", columns.url))
    for use, name in wanted:
        if name and name not in names:
            nearest = _nearest(name, names, use)
            shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            said = f"has no column {name!r}{' ' * bool(where)}{where}; its columns are {shown}"
            return said + (f": set `{use}: {nearest}`?" if nearest else "")
    return None


def _nearest(name: str, names: Sequence[str], use: str) -> str | None:
    """The column that was probably meant: spelt nearly so, or for text what others call it."""
    by_lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), by_lower, 1, 0.7)
    if near:
        return by_lower[near[0]]
    if use == "text":
        return next((by_lower[usual] for usual in TEXT_NAMES if usual in by_lower), None)
    return None
