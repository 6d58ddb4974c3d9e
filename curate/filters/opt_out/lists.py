"""Lists of opt-outs as statements.

Parquet, CSV or JSON Lines files with a column `domain` (or `host`: that host and those below it) or `url`, and, where they
have them, `user_agents` (a list, or names parted by commas; none: every agent) and `date`, from when it holds. Knows files;
knows no document.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from curate.errors import ConfigError
from curate.filters.opt_out.robots_txt import EVERYONE, agent_name
from curate.filters.opt_out.statements import as_json, codes_of, subject
from curate.ingest.values import dates
from curate.records.opt_outs import STATEMENTS, UNDATED
from curate.storage import open_binary
from curate.text.addresses import domain_names

_KEYS = ("domain", "host", "url")
_AGENTS = ("user_agents", "user_agent", "agents")
_DATES = ("date", "since")
_NAMES = (*_KEYS, *_AGENTS, *_DATES)


def statements_of_list(path: str, agents: Sequence[str], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """What a list says of these agents, as batches of STATEMENTS. `counts` gets `entries` and `unreadable`, rows without a
    domain or address.

    Raises ConfigError where the file cannot be read as a table with such columns.
    """
    try:
        columns, batches = _opened(path)
        names = {name.lower(): name for name in columns}
        key = next((each for each in _KEYS if each in names), None)
        if key is None:
            raise ConfigError(f"{path}: a list of opt-outs has a column domain, host or url; it has {', '.join(names)}")
        agents_in, dates_in = (next((names[each] for each in of if each in names), None) for of in (_AGENTS, _DATES))
        for batch in batches:
            cells, when = (None if name is None else batch.column(name) for name in (agents_in, dates_in))
            yield _statements(
                "url" if key == "url" else "domain", batch.column(names[key]), cells, when, agents, counts
            )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{path}: no Parquet, CSV or JSON Lines file that can be read: {error}") from None


def _statements(
    kind: str, of: pa.Array, cells: pa.Array | None, when: pa.Array | None, agents: Sequence[str], counts: Counter[str]
) -> pa.RecordBatch:
    subjects = _subjects(of, kind)
    there = np.asarray(pc.is_valid(subjects), bool)
    counts["entries"] += len(there)
    counts["unreadable"] += int((~there).sum())
    rules = _rules(cells, agents, len(there))
    rows = pa.array(there & np.asarray(pc.is_valid(rules), bool))
    moments = pa.nulls(len(there), pa.int64()) if when is None else pa.array(dates(when), pa.int64())
    codes = codes_of(subject(kind, each) for each in subjects.filter(rows).to_pylist())
    return pa.record_batch(
        [pa.array(codes), moments.fill_null(UNDATED).filter(rows), rules.filter(rows)], schema=STATEMENTS
    )


def _subjects(values: pa.Array, kind: str) -> pa.Array:
    """Domains or addresses in the form that is compared; null where there is none."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return pa.nulls(len(values), pa.large_string())
    texts = values.cast(pa.large_string())
    if kind == "url":
        found = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, "(?s)#.*", ""))
    else:
        found = domain_names(pc.replace_substring_regex(texts, r"^\*\.", ""))
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, found.type), found)


def _rules(cells: pa.Array | None, agents: Sequence[str], rows: int) -> pa.Array:
    """The rules of each row on the agents that are asked about, large_string; null where none of them is named."""
    if cells is None:
        return pa.repeat(pa.scalar(_closed_to(agents), pa.large_string()), rows)
    if pa.types.is_list(cells.type) or pa.types.is_large_list(cells.type):
        names = pc.list_flatten(cells).cast(pa.string()).fill_null("")
        sizes = np.asarray(pc.list_value_length(cells).fill_null(0), np.int64)
        bounds = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
        texts = pc.binary_join(pa.ListArray.from_arrays(bounds, names), ",")
    else:
        texts = cells.cast(pa.large_string()).fill_null("")
    coded = texts.dictionary_encode()
    told = [_closed_to(_asked(cell, agents)) for cell in coded.dictionary.to_pylist()]
    return pa.array(told, pa.large_string()).take(coded.indices)


def _asked(cell: str, agents: Sequence[str]) -> list[str]:
    """Of the agents that are asked about, those of a cell: all where it is empty or says `*`."""
    named = {agent_name(each) for each in cell.split(",")} - {""}
    return [agent for agent in agents if not named or agent in named or EVERYONE in named]


def _closed_to(agents: Sequence[str]) -> str | None:
    return as_json({agent: [(False, "/")] for agent in agents}) if agents else None


def _opened(path: str) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    """(the names of its columns, its rows in batches)."""
    with open_binary(path) as file:
        content = io.BytesIO(file.read())
    if path.endswith(".parquet"):
        table = pq.ParquetFile(content)
        names = table.schema_arrow.names
        return names, table.iter_batches(columns=[name for name in names if name.lower() in _NAMES])
    if path.endswith(".csv"):
        names = pyarrow.csv.open_csv(content).schema.names
        content.seek(0)
        texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        return names, iter(pyarrow.csv.open_csv(content, convert_options=texts))
    rows = pyarrow.json.read_json(content)
    return rows.schema.names, iter(rows.to_batches())
