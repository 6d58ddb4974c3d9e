"""The formats that are read and those that are written, by name: the only list of them.

An input format of the user's own is named `module:NAME`, a `Format` in a module that lies beside the pipeline file or on
Python's path, or joins by the entry point `curate.readers` of an installed distribution; an export format likewise, by a
function. Readers and exporters are named by reference: this module imports none.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from dataclasses import dataclass
from typing import Literal

from curate.errors import ConfigError, nearest


@dataclass(frozen=True)
class Format:
    """A kind of input file.

    `reader` is `module:function`, called as `(handle, file, rows, columns, counts, start)`: it appends the rows of an open
    binary file by `rows.add` and yields after each, so that memory stays bounded. `markup`: rows hold pages to extract
    text from, else text. `resumable`: reading may begin at the offset of any record.

    `span_reader`, where a large file can be cut: called likewise, with a `curate.ingest.spans.Span` in place of `start`, for
    the records that begin in it. `cut_by` says what a file is cut by: compressed frames, lines, or row groups.
    """

    name: str
    reader: str
    markup: bool = False
    resumable: bool = False
    span_reader: str = ""
    cut_by: Literal["", "frames", "lines", "groups"] = ""

    @property
    def foreign(self) -> tuple[str, ...]:
        """The reader's reference where it is none of the project's."""
        return () if self.reader.startswith("curate.") else (self.reader,)


_OURS = (
    Format("warc", "curate.ingest.warc:read_file", True, True, "curate.ingest.warc:read_span", "frames"),
    Format("wet", "curate.ingest.warc:read_file", False, True, "curate.ingest.warc:read_span", "frames"),
    Format("jsonl", "curate.ingest.json_lines:read_file", False, False, "curate.ingest.json_lines:read_span", "lines"),
    Format("parquet", "curate.ingest.parquet:read_file", False, False, "curate.ingest.parquet:read_span", "groups"),
)
_CALLED = {
    **dict.fromkeys(
        ("json", "ndjson", "json.gz", "jsonl.gz", "jsonl.zst", "json.zst", "jsonlines", "jsonl.xz"), "jsonl"
    ),
    **dict.fromkeys(("warc.gz", "warc.zst", "crawl", "commoncrawl"), "warc"),
    **dict.fromkeys(("wet.gz", "warc.wet.gz"), "wet"),
    **dict.fromkeys(("pq", "parq", "arrow", "hf", "huggingface"), "parquet"),
}
"""What formats are also called: the name here is proposed."""


@functools.cache
def formats() -> dict[str, Format]:
    """Every format known by name."""
    outside = [each.load() for each in importlib.metadata.entry_points(group="curate.readers")]
    return {each.name: each for each in (*_OURS, *sorted(outside, key=lambda each: each.name))}


def format_named(name: str) -> Format:
    """The format of a name or `module:NAME`. Raises ConfigError saying what would be right.

    >>> format_named("warc").markup
    True
    """
    if name in formats():
        return formats()[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        hint = f"; did you mean {_CALLED[name.lower()]!r}?" if name.lower() in _CALLED else nearest(name, formats())
        raise ConfigError(f"no format {name!r}{hint}; one of your own is module:NAME")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise ConfigError(f"the format {name!r} cannot be loaded: {error}") from error
    if not isinstance(found, Format):
        raise ConfigError(f"the format {name!r} is {type(found).__name__}; it must be a curate.config.formats.Format")
    return found


_EXPORTERS = {
    "nanogpt": "curate.shards.export.nanogpt:files",
    "megatron": "curate.shards.export.megatron:files",
    "mds": "curate.shards.export.mds:files",
    "hf": "curate.shards.export.huggingface:files",
    "parquet": "curate.shards.export.text:parquet_files",
    "text": "curate.shards.export.text:text_files",
}


_DOCUMENT_EXPORTERS = {
    "parquet": "curate.shards.export.documents:parquet_files",
    "jsonl.zst": "curate.shards.export.documents:json_lines_files",
}
"""Of documents as they are, with every column."""


def document_exporters() -> dict[str, str]:
    """`module:function` of every format that documents are exported to as they are; the function takes
    `curate.shards.export.documents.Documents`."""
    return dict(_DOCUMENT_EXPORTERS)


@functools.cache
def exporters() -> dict[str, str]:
    """`module:function` of every export format known by name, those of installed distributions (`curate.exporters`) too."""
    outside = importlib.metadata.entry_points(group="curate.exporters")
    return _EXPORTERS | {each.name: each.value for each in sorted(outside, key=lambda each: each.name)}


def exporter_named(name: str) -> str:
    """`module:function` of an export format, or the name itself where it is one. Raises ConfigError.

    The function takes what is exported (`curate.shards.export.formats.Source`) and gives the files to write (ExportFile).
    """
    if name in exporters():
        return exporters()[name]
    if ":" not in name:
        known = exporters() | _DOCUMENT_EXPORTERS
        raise ConfigError(f"no export format {name!r}{nearest(name, known)}; one of your own is module:function")
    return name
