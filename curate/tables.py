"""A run's numbers as terminal tables. Knows numbers and columns; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_funnel(console: Console, stats: Mapping[str, Any]) -> None:
    """One table per source: per step in, kept, dropped, and the rules that dropped."""
    for name, source in stats["sources"].items():
        table = Table(
            title=f"{name}: {source['records']:,} records of {source['files']:,} files",
            title_justify="left",
            box=None,
            pad_edge=False,
            header_style="bold",
        )
        table.add_column("step / rule")
        for heading in ("in", "kept", "dropped", "failed", "only this"):
            table.add_column(heading, justify="right")
        for row in source["funnel"]:
            table.add_row(row["step"], f"{row['in']:,}", f"{row['kept']:,}", f"{row['dropped']:,}", "", "")
            for rule, count in sorted(row["rules"].items(), key=lambda item: (-item[1]["failed"], item[0])):
                if count["failed"]:
                    table.add_row(
                        f"  {rule.partition('/')[2]}",
                        "",
                        "",
                        "",
                        f"{count['failed']:,}",
                        f"{count['alone']:,}",
                        style="dim",
                    )
        console.print(table)
        if source["role"] == "reference":
            console.print("no output: this source only trains the classifier", highlight=False)
        console.print()
    for split, shard in stats.get("shards", {}).items():
        console.print(
            f"{split}: {shard['tokens']:,} tokens of {shard['documents']:,} documents in {shard['shards']:,} shards",
            highlight=False,
        )
