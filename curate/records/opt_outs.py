"""Opt-outs: what was said of hosts and addresses, and the ledger's columns of it. Knows types and names only."""

from __future__ import annotations

import pyarrow as pa

STATEMENTS = pa.schema([("code", pa.uint64()), ("date", pa.int64()), ("rules", pa.large_string())])
"""Statements as a file makes them. `code` is the hash of `robots HOST`, `domain HOST` or `url ADDRESS`; `date` seconds since
1970 UTC, UNDATED where none is given; `rules` JSON, by user agent [whether it allows, pattern of paths] as in robots.txt."""

SORTED = pa.schema([("code", pa.uint64()), ("date", pa.int64()), ("rules", pa.int32())])
"""All statements, each once, by code, date and rules: 20 bytes each. `rules` is a row of RULES."""

RULES = pa.schema([("rules", pa.large_string())])
"""The different rules, sorted."""

UNDATED = -(1 << 63)
"""Before every date."""

OPT_OUTS = pa.schema([("opt_out.refused", pa.bool_()), ("opt_out.agents", pa.string()), ("opt_out.date", pa.string())])
"""Whether a user agent that was asked about is refused; the agents, joined by commas; the day of the newest statement
that refuses one, null where that is not dated."""
