"""The commands that build with a finished run: mixes, tokenizers, exports. Parse, call, print; nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.table import Table

from curate.cli.arguments import add_number, add_run, shares
from curate.cli.console import RESULTS
from curate.config.formats import document_exporters, exporters


def add_commands(commands: Any) -> None:
    """Add `mix`, `tokenizer` and `export` to the command line's subparsers."""
    mix = commands.add_parser("mix", help="other mixtures of a finished run")
    actions = mix.add_subparsers(required=True, metavar="ACTION")
    make = actions.add_parser("make", help="another mixture from the run's tokens, in RUN/mixes/NAME")
    add_run(make)
    make.add_argument("--name", required=True, metavar="NAME", help="the mix's name")
    make.add_argument("--weights", type=shares, default={}, metavar="A=.5,B=.5", help="share of tokens of each group")
    make.add_argument("--epochs", type=shares, default={}, metavar="A=2,B=1", help="or epochs of a group")
    make.add_argument(
        "--max-epochs", type=shares, default={}, metavar="A=4", help="most epochs of a group with a weight"
    )
    make.add_argument("--by", default="source", metavar="COLUMN", help="source (default), domain, or a ledger column")
    make.add_argument("--temperature", type=float, metavar="T", help="weights by size to the power 1/T")
    make.add_argument("--tokens", default="all", metavar="N", help="tokens of the mix, as 10B (default: all there are)")
    make.add_argument("--seed", type=int, metavar="N", help="order of the documents (default: the run's)")
    make.add_argument("--materialise", action="store_true", help="write shards instead of an index")
    make.set_defaults(call=_make)
    search = actions.add_parser("search", help="propose a better mix from the results of several")
    search.add_argument("results", metavar="FILE", help="JSON Lines: weights of a mix, and its loss (lower is better)")
    search.set_defaults(call=_search)

    tokenizer = commands.add_parser("tokenizer", help="train, compare and verify tokenizers")
    actions = tokenizer.add_subparsers(required=True, metavar="ACTION")
    train = actions.add_parser("train", help="train a byte-level BPE vocabulary on a run's kept text")
    add_run(train)
    train.add_argument("--vocab", type=int, required=True, metavar="N", help="ids, end-of-text included")
    train.add_argument("--out", required=True, metavar="FILE", help="the tokenizer.json or .tiktoken file to write")
    train.add_argument("--split", default="gpt2", choices=("gpt2", "gpt4"), help="how text is split (default: gpt2)")
    train.set_defaults(call=_train)
    compare = actions.add_parser("compare", help="bytes per token of several tokenizers, by source and language")
    compare.add_argument("tokenizers", nargs="+", metavar="NAME", help="names, files or addresses of tokenizers")
    compare.add_argument("--run", required=True, metavar="RUN", help="run directory whose kept text is encoded")
    compare.set_defaults(call=_compare)
    verify = actions.add_parser(
        "verify", help="prove a tokenizer's encoder against the library that says what is right"
    )
    verify.add_argument("name", metavar="NAME", help="name, file or address of a tokenizer")
    verify.add_argument("--on", required=True, metavar="PATH", help="run directory, or Parquet or JSON Lines of texts")
    verify.add_argument("--text", default="text", metavar="COLUMN", help="column or field of the texts (default: text)")
    verify.add_argument("--against", choices=("tiktoken", "hf"), help="the library (default: the tokenizer's own)")
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
    export.add_argument("--out", metavar="DIR", help="folder to write; what is whole there is kept")
    export.add_argument("--check", action="store_true", help="say which exports of the run are no longer what it is")
    add_number(export, "--sequence-length", 1024, "tokens of a row, for hf")
    add_number(export, "--workers", 2, "files written at once")
    export.set_defaults(call=_export)


def _make(options: argparse.Namespace) -> int:
    from curate.config.document import Document, validate
    from curate.config.models import Mixture
    from curate.mixture.make import make_mix
    from curate.shards import ShardReader

    sources: dict[str, dict[str, float]] = {name: {"weight": value} for name, value in options.weights.items()}
    for name, value in options.epochs.items():
        sources.setdefault(name, {})["epochs"] = value
    for name, value in options.max_epochs.items():
        sources.setdefault(name, {})["max_epochs"] = value
    settings = {"tokens": options.tokens, "by": options.by, "temperature": options.temperature, "sources": sources}
    wanted = validate(Document(Path("mix make"), settings), Mixture)
    folder = make_mix(options.run, options.name, wanted, seed=options.seed, materialise=options.materialise)
    mixture = ShardReader(folder).manifest["mixture"]
    table = Table("group", "tokens", "share", "epochs", "available")
    for name, group in mixture["groups"].items():
        numbers = (
            f"{group['tokens']:,}",
            f"{group['share']:.2%}",
            f"{group['epochs']:.3f}",
            f"{group['available_tokens']:,}",
        )
        table.add_row(name, *numbers)
    RESULTS.print(table)
    if mixture["missing_tokens"]:
        RESULTS.print(f"{mixture['missing_tokens']:,} tokens are missing: every group is at its most epochs.")
    RESULTS.print(f"Mix: {folder}")
    return 0


def _search(options: argparse.Namespace) -> int:
    from curate.mixture.search import propose, read_results

    proposal = propose(read_results(options.results))
    table = Table("group", "best tried", "proposed")
    for name, weight in proposal.weights.items():
        table.add_row(name, f"{proposal.best_tried[name]:.3f}", f"{weight:.3f}")
    RESULTS.print(table)
    RESULTS.print(
        f"Loss predicted {proposal.predicted:.4f}, of the best tried {proposal.best_loss:.4f}; "
        f"the fit misses a mix it has not seen by {proposal.error:.4f} on average.",
    )
    weights = ",".join(f"{name}={weight:.3f}" for name, weight in proposal.weights.items())
    RESULTS.print(f"Make it and train on it before you believe it: --weights {weights}")
    return 0


def _train(options: argparse.Namespace) -> int:
    from curate.tokens.kept import run_texts
    from curate.tokens.training import train_vocabulary

    texts = (text for batch in run_texts(options.run) for text in batch.text.to_pylist())
    trained = train_vocabulary(texts, options.vocab, options.out, options.split)
    RESULTS.print(
        f"{trained.path}: {trained.vocabulary_size:,} tokens, end-of-text the last; "
        f"equal to its trainer on {trained.proved_on:,} documents",
    )
    return 0


def _compare(options: argparse.Namespace) -> int:
    from curate.tokens.comparing import compare
    from curate.tokens.kept import run_texts

    table = Table("source", "language", "documents", "bytes", *(f"{name}, bytes/token" for name in options.tokenizers))
    for row in compare(run_texts(options.run), options.tokenizers):
        numbers = [f"{row.bytes_per_token(name):.3f}" for name in options.tokenizers]
        table.add_row(row.source, row.language, f"{row.documents:,}", f"{row.bytes:,}", *numbers)
    RESULTS.print(table)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from curate.tokens.kept import texts_of
    from curate.tokens.verify import verify

    found = verify(options.name, texts_of(options.on, options.text), options.against)
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
        return _check_exports(options.path)
    if options.to is None or options.out is None:
        raise ConfigError("export needs --to FORMAT and --out DIR (or --check)")
    folder = export(
        options.path, options.to, options.out, sequence_length=options.sequence_length, workers=options.workers
    )
    RESULTS.print(f"Exported to {folder}; README.md there says what it is")
    return 0


def _check_exports(run: str) -> int:
    """Which exports are stale: status 3 where one is, or is not where it was."""
    from curate.shards.export.made import exports_of

    made = exports_of(Path(run))
    table = Table("folder", "format", "of", "state")
    for each in made:
        table.add_row(each.path, each.format, each.of, each.state)
    RESULTS.print(table if made else f"No export of {run} is on its list.")
    return 3 if any(each.state != "current" for each in made) else 0
