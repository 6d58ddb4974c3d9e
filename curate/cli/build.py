"""The commands that build with a finished run: tokenizers, exports. Parse, call, print; nothing else."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from curate.cli.arguments import add_data_format, add_number, add_run
from curate.cli.console import RESULTS, write_data, write_numbers
from curate.config.formats import document_exporters, exporters


def add_commands(commands: Any) -> None:
    """Add `tokenizer` and `export` to the command line's subparsers."""
    tokenizer = commands.add_parser("tokenizer", help="train, compare and verify tokenizers")
    actions = tokenizer.add_subparsers(required=True, metavar="ACTION")
    train = actions.add_parser("train", help="train a byte-level BPE vocabulary on a run's kept text")
    add_run(train)
    train.add_argument("--vocab", type=int, required=True, metavar="N", help="ids, end-of-text included")
    train.add_argument("--out", required=True, metavar="FILE", help="the tokenizer.json or .tiktoken file to write")
    train.add_argument("--split", default="gpt2", choices=("gpt2", "gpt4"), help="how text is split (default: gpt2)")
    add_data_format(train)
    train.set_defaults(call=_train)
    compare = actions.add_parser("compare", help="bytes per token of several tokenizers, by source and language")
    compare.add_argument("tokenizers", nargs="+", metavar="NAME", help="names, files or addresses of tokenizers")
    compare.add_argument("--run", required=True, metavar="RUN", help="run directory whose kept text is encoded")
    add_data_format(compare)
    compare.set_defaults(call=_compare)
    verify = actions.add_parser(
        "verify", help="prove a tokenizer's encoder against the library that says what is right"
    )
    verify.add_argument("name", metavar="NAME", help="name, file or address of a tokenizer")
    verify.add_argument("--on", required=True, metavar="PATH", help="run directory, or Parquet or JSON Lines of texts")
    verify.add_argument("--text", default="text", metavar="COLUMN", help="column or field of the texts (default: text)")
    verify.add_argument("--against", choices=("tiktoken", "hf"), help="the library (default: the tokenizer's own)")
    add_data_format(verify)
    verify.set_defaults(call=_verify)

    export = commands.add_parser(
        "export", help="a run's or a mix's shards in another trainer's format, or its documents as they are"
    )
    export.add_argument(
        "path", metavar="RUN_OR_MIX", help="run directory, its shards, a mix's folder, or documents/STEP of a run"
    )
    export.add_argument(
        "--to",
        metavar="FORMAT",
        help=f"{', '.join(exporters() | document_exporters())}, or module:function of your own",
    )
    export.add_argument(
        "--out", metavar="DIR", help="folder to write, here or in a bucket; what is whole there is kept"
    )
    export.add_argument("--check", action="store_true", help="say which exports of the run are no longer what it is")
    add_data_format(export, "with --check: how to show it")
    add_number(export, "--sequence-length", 1024, "tokens of a row, for hf")
    add_number(export, "--workers", 2, "files written at once")
    export.set_defaults(call=_export)


def _train(options: argparse.Namespace) -> int:
    from curate.shards.kept_texts import run_texts
    from curate.tokens.training import train_vocabulary

    texts = (text for batch in run_texts(options.run) for text in batch.text.to_pylist())
    trained = train_vocabulary(texts, options.vocab, options.out, options.split)
    if options.format != "table":
        return write_numbers(options.format, asdict(trained) | {"path": str(trained.path)})
    RESULTS.print(
        f"{trained.path}: {trained.vocabulary_size:,} tokens, end-of-text the last; "
        f"equal to its trainer on {trained.proved_on:,} documents",
    )
    return 0


def _compare(options: argparse.Namespace) -> int:
    from curate.shards.comparing import compare
    from curate.shards.kept_texts import run_texts

    rows = list(compare(run_texts(options.run), options.tokenizers))
    if options.format != "table":
        columns = ("source", "language", "documents", "bytes", *options.tokenizers)
        told = [
            (row.source, row.language, row.documents, row.bytes, *map(row.bytes_per_token, options.tokenizers))
            for row in rows
        ]
        data = [
            dict(zip(columns[:4], row, strict=False))
            | {"bytes_per_token": dict(zip(options.tokenizers, row[4:], strict=True))}
            for row in told
        ]
        return write_data(options.format, data, columns, told)
    table = Table("source", "language", "documents", "bytes", *(f"{name}, bytes/token" for name in options.tokenizers))
    for row in rows:
        numbers = [f"{row.bytes_per_token(name):.3f}" for name in options.tokenizers]
        table.add_row(row.source, row.language, f"{row.documents:,}", f"{row.bytes:,}", *numbers)
    RESULTS.print(table)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from curate.shards.kept_texts import texts_of
    from curate.tokens.verify import verify

    found = verify(options.name, texts_of(options.on, options.text), options.against)
    if options.format != "table":
        write_numbers(options.format, {"tokenizer": options.name, **asdict(found)})
        return 1 if found.differing else 0
    speed = [found.bytes / 1e6 / max(seconds, 1e-9) for seconds in (found.seconds, found.reference_seconds)]
    RESULTS.print(
        f"{options.name}: {found.texts:,} texts, {found.bytes:,} bytes, {found.differing:,} encoded otherwise than by "
        f"{found.against}; {found.engine} {speed[0]:.1f} MB/s, {found.against} {speed[1]:.1f} MB/s of CPU time"
    )
    for each in found.differences:
        RESULTS.print(f"  text {each.text}, token {each.position}: {each.found}, {found.against} {each.expected}")
    return 1 if found.differing else 0


def _export(options: argparse.Namespace) -> int:
    from curate.errors import ConfigError
    from curate.shards.export import export

    if options.check:
        return _check_exports(options.path, options.format)
    if options.to is None or options.out is None:
        raise ConfigError("export needs --to FORMAT and --out DIR (or --check)")
    folder = export(
        options.path, options.to, options.out, sequence_length=options.sequence_length, workers=options.workers
    )
    RESULTS.print(f"Exported to {folder}; README.md there says what it is")
    return 0


def _check_exports(run: str, form: str) -> int:
    """Which exports are stale: status 3 where one is, or is not where it was."""
    from curate.engine.mirror import mirrored
    from curate.shards.export.made import exports_of

    made = exports_of(Path(mirrored(run)))
    columns = ("folder", "format", "of", "state")
    rows = [(each.path, each.format, each.of, each.state) for each in made]
    if form == "table":
        table = Table(*columns)
        for row in rows:
            table.add_row(*row)
        RESULTS.print(table if made else f"No export of {run} is on its list.")
    else:
        write_data(form, [dict(zip(columns, row, strict=True)) for row in rows], columns, rows)
    return 3 if any(each.state != "current" for each in made) else 0
