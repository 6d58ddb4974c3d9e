"""Opt-outs: what was said of hosts and addresses, and the ledger's columns of it. Knows types and names only."""

from __future__ import annotations

import pyarrow as pa

EVIDENCE = pa.schema(
    [
        ("code", pa.uint64()),
        ("key", pa.string()),
        ("date", pa.timestamp("s", tz="UTC")),
        ("rules", pa.string()),
    ]
)
"""A statement: `key` is `robots HOST`, `domain HOST` or `url ADDRESS`, `code` its hash; `rules` are JSON, by user agent
[whether it allows, pattern of paths] as in robots.txt."""

OPT_OUTS = pa.schema([("opt_out.refused", pa.bool_()), ("opt_out.agents", pa.string()), ("opt_out.date", pa.string())])
"""Whether a user agent that was asked about is refused; the agents, joined by commas; the day of the newest statement
that refuses one, null where that is not dated."""
