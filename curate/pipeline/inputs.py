"""The input files of a pipeline's sources: by path, pattern, list or the name of a crawl. Opens lists, no input."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.config.models import BASE, Read
from curate.config.reading import LISTED, PipelineFile
from curate.errors import ConfigError, missing_extra
from curate.ingest.crawls import crawl_keys, index_keys
from curate.ingest.identity import ID_BYTES
from curate.storage import SourceFile, is_remote, list_files, list_named, read_list
from curate.text.chance import draw

PURPOSE = "take"
"""Of the draws that choose files."""


def find_inputs(file: PipelineFile) -> dict[str, list[SourceFile]]:
    """The files of every source. Raises ConfigError naming the key whose pattern matches nothing."""
    inputs = {}
    for name, source in file.pipeline.sources.items():
        key = "crawl" if source.read.crawl else "index" if source.read.index else "paths"
        try:
            inputs[name] = source_files(source.read, file.pipeline.seed)
        except ImportError as error:
            raise file.error(("sources", name, "read", key), str(missing_extra(error) or error)) from None
        except (OSError, ConfigError) as error:
            raise file.error(("sources", name, "read", key), str(error)) from None
    return inputs


def source_files(read: Read, seed: int) -> list[SourceFile]:
    """The files of a source, sorted by name. Those of lists and crawls are known by the names that stand in the list, so
    that a record has the same id wherever the base is. Of a source that an index chooses from, the index's.

    Raises FileNotFoundError, PermissionError, StorageError, and ConfigError for a crawl or list that is none.
    """
    base, take = read.base or BASE, None if read.indexed else read.take
    seed = seed if read.seed is None else read.seed
    if read.crawl is not None:
        if read.indexed:
            return list_named(index_keys(read.crawl, read.subset, read.base), base)
        keys = crawl_keys(read.crawl, read.format, read.subset, read.segments, read.base)
        return list_named(chosen(keys, take, seed), base)
    paths = read.index or read.paths
    lists = [path.removeprefix(LISTED) for path in paths if path.startswith(LISTED)]
    if not lists:
        files = list_files(paths, read.root)
        kept = set(chosen([each.relative for each in files], take, seed))
        return [each for each in files if each.relative in kept]
    if len(lists) < len(paths):
        raise ConfigError("lists of files ('@LIST') and paths do not mix: make a source of each")
    names = [name for path in lists for name in read_list(path)]
    if not names:
        raise ConfigError(f"{lists[0]} lists no file")
    whole = read.base is None and all(is_remote(name) or name.startswith("/") for name in names)
    return list_named(chosen(names, take, seed), "" if whole else base)


def chosen(names: Sequence[str], take: int | None, seed: int) -> list[str]:
    """So many of the names, those with the smallest draws, sorted; all where there are no more. Each is drawn for itself:
    another order, or more names, changes no draw.

    >>> set(chosen(["a", "b", "c", "d"], 2, 7)) < set(chosen(["d", "c", "b", "a"], 3, 7))
    True
    """
    ordered = sorted(set(names))
    if take is None or len(ordered) <= take:
        return ordered
    digests = b"".join(
        hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=ID_BYTES).digest() for name in ordered
    )
    ids = pa.Array.from_buffers(pa.binary(ID_BYTES), len(ordered), [None, pa.py_buffer(digests)])
    first = np.argsort(draw(ids, seed, PURPOSE), kind="stable")[:take]
    return [ordered[position] for position in sorted(first.tolist())]
