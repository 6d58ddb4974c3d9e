"""The input formats, by name: which function reads one, and whether it holds markup or text. The only list of them.

A format of the user's own is named `module:NAME`, a `Format` in a module that lies beside the pipeline file or on Python's
path, or joins by the entry point `curate.readers` of an installed distribution. Readers are named by reference; this
module imports none.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from dataclasses import dataclass

from curate.errors import ConfigError, nearest


@dataclass(frozen=True)
class Format:
    """A kind of input file.

    `reader` is `module:function`, called as `(handle, file, rows, columns, counts, start)`: it appends the rows of an open
    binary file by `rows.add` and yields after each, so that memory stays bounded. `markup`: rows hold pages to extract
    text from, else text. `resumable`: reading may begin at the offset of any record.
    """

    name: str
    reader: str
    markup: bool = False
    resumable: bool = False

    @property
    def foreign(self) -> tuple[str, ...]:
        """The reader's reference where it is none of the project's."""
        return () if self.reader.startswith("curate.") else (self.reader,)


_OURS = (
    Format("warc", "curate.ingest.warc:read_file", markup=True, resumable=True),
    Format("wet", "curate.ingest.warc:read_file", resumable=True),
    Format("jsonl", "curate.ingest.json_lines:read_file"),
    Format("parquet", "curate.ingest.parquet:read_file"),
)
_CALLED = {"json": "jsonl", "ndjson": "jsonl", "warc.gz": "warc", "pq": "parquet"}
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
        hint = f"; did you mean {_CALLED[name]!r}?" if name in _CALLED else nearest(name, formats())
        raise ConfigError(f"no format {name!r}{hint}; one of your own is module:NAME")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise ConfigError(f"the format {name!r} cannot be loaded: {error}") from error
    if not isinstance(found, Format):
        raise ConfigError(f"the format {name!r} is {type(found).__name__}; it must be a curate.config.formats.Format")
    return found
