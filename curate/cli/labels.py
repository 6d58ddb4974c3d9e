"""The commands of quality classifiers that begin with labels: train on them, what to label next, how labellers agree."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from curate.cli.arguments import add_data_format, add_number, shares
from curate.cli.console import RESULTS, write_data, write_numbers

if TYPE_CHECKING:
    from curate.quality.labels import Columns


def add_label_arguments(parser: argparse.ArgumentParser) -> None:
    """What says which column of a table of labels is what."""
    parser.add_argument(
        "--target", nargs="+", metavar="COLUMN", help="with --labels: the property to learn, or several"
    )
    parser.add_argument(
        "--values",
        type=shares,
        metavar="GOOD=2,POOR=0",
        help="with --labels: numbers that words of the target stand for",
    )
    parser.add_argument(
        "--loss",
        choices=("regression", "ordinal"),
        default="regression",
        help="with --labels: what they are, numbers or steps in an order (default: regression)",
    )
    parser.add_argument(
        "--documents",
        nargs="+",
        metavar="FILES",
        help="with --labels: documents as they come, for the card to say what the model keeps of them",
    )
    parser.add_argument(
        "--labeller", metavar="COLUMN", help="with --labels: who judged, where several judged one document"
    )


def add_commands(actions: Any) -> None:
    """Add `sample` and `agreement` to the subparsers of `quality`."""
    sample = actions.add_parser("sample", help="documents to label next: spread over the scores, and the least sure")
    sample.add_argument("documents", nargs="+", metavar="FILES", help="JSON Lines or Parquet, globs allowed")
    sample.add_argument("--model", metavar="MODEL", help="a model trained on the labels so far; without, all by chance")
    sample.add_argument("--text", default="text", metavar="NAME", help="the column that holds the text (default: text)")
    add_number(sample, "--count", 500, "documents to draw, at most one of a host")
    sample.add_argument("--seed", type=int, default=0, help="decides what is drawn (default: 0)")
    sample.add_argument("--out", required=True, metavar="FILE", help="JSON Lines to write")
    add_data_format(sample)
    sample.set_defaults(call=_sample)

    agreement = actions.add_parser("agreement", help="how labellers agree on documents that several judged")
    agreement.add_argument("labels", nargs="+", metavar="FILES", help="JSON Lines or Parquet, globs allowed")
    agreement.add_argument("--target", required=True, metavar="COLUMN", help="the property")
    agreement.add_argument("--labeller", required=True, metavar="COLUMN", help="the column that says who judged")
    agreement.add_argument("--values", type=shares, metavar="GOOD=2,POOR=0", help="numbers that words stand for")
    agreement.add_argument(
        "--text", default="text", metavar="NAME", help="the column that holds the text (default: text)"
    )
    add_data_format(agreement)
    agreement.set_defaults(call=_agreement)


def columns_of(options: argparse.Namespace, targets: tuple[str, ...], group: str | None) -> Columns:
    """The columns that the arguments name."""
    from curate.quality.labels import Columns

    words = {name.lower(): value for name, value in (options.values or {}).items()}
    return Columns(targets, options.text, options.labeller, group, words or None)


def train(options: argparse.Namespace) -> int:
    """`quality train --labels`."""
    from curate.errors import ConfigError
    from curate.quality.documents import read_documents
    from curate.quality.label_training import train_on_labels
    from curate.quality.labels import read_labels
    from curate.storage import atomic_path, list_files

    if not options.target:
        raise ConfigError("--labels needs --target: the column that holds the labels")
    labelled = read_labels(options.labels, columns_of(options, tuple(options.target), options.group))
    documents: Iterable[Any] = ()
    if options.documents:
        list_files(options.documents)  # a pattern that matches nothing is said before anything is trained
        documents = read_documents(options.documents, options.text)
    with atomic_path(options.out) as temporary:
        target = " + ".join(options.target)
        card = train_on_labels(str(temporary), labelled, options.seed, target, options.group, options.loss, documents)
    if options.format != "table":
        return write_numbers(options.format, card)
    show_labels(card["labels"], card.get("folds", {}))
    RESULTS.print(f"\nModel: {options.out}")
    return 0


def show_labels(found: Mapping[str, Any], folds: Mapping[str, Any]) -> None:
    """What a model that learned from labels says of itself."""
    from curate.quality.drift import in_words

    RESULTS.print(
        f"{found['target']}, {found['lowest']:g} to {found['highest']:g}, of {found['documents']:,} documents; measured on "
        f"{folds.get('by', 'host')}s not seen"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure")
    table.add_column("", justify="right")
    for name, key in (
        ("rank correlation with the labels", "spearman"),
        ("correlation", "pearson"),
        ("quadratic kappa", "kappa"),
        ("error (root mean square)", "error"),
        ("error of always saying the mean", "error_of_the_mean"),
        ("rank correlation of length alone", "spearman_of_length"),
        ("calibration error, 0 to 1", "calibration_error"),
    ):
        table.add_row(name, _number(found[key]))
    RESULTS.print(table)
    _table(found["cuts"], ("label", "labelled_share", "kept_share", "precision", "recall", "f1"))
    _table(
        [{"group": name, **of} for name, of in found["by_group"].items()],
        ("group", "documents", "spearman", "calibration_error", "bias"),
    )
    if of := found.get("of_documents"):
        told = of["drift"]
        RESULTS.print(
            f"of {of['documents']:,} documents as they come: {in_words(told)} beside the labelled (stability index "
            f"{told['psi']:.3f}, {told['chance']:.3f} by chance; Kolmogorov-Smirnov {told['ks']:.3f})"
        )
        _table(of["kept_share"], ("label", "kept_share"))
    if found["by_domain"]:
        RESULTS.print("domains scored furthest from their labels", style="bold")
    _table(found["by_domain"], ("domain", "documents", "label", "score"))


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        table.add_column(name.replace("_", " "), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(_number(row[name]) for name in columns))
    RESULTS.print(table)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _sample(options: argparse.Namespace) -> int:
    from curate.quality.label_sampling import to_label
    from curate.quality.model import load
    from curate.storage import atomic_path

    model = load(options.model) if options.model else None
    rows = to_label(options.documents, options.text, model, options.count, options.seed)
    with atomic_path(options.out) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    unsure = sum(row.get("why") == "unsure" for row in rows)
    if options.format != "table":
        return write_numbers(options.format, {"out": options.out, "documents": len(rows), "unsure": unsure})
    RESULTS.print(f"{len(rows):,} documents to label, {unsure:,} of them for being unsure: {options.out}")
    return 0


def _agreement(options: argparse.Namespace) -> int:
    from curate.errors import ConfigError
    from curate.quality.agreement import between
    from curate.quality.labels import labels_by_labeller

    found = between(labels_by_labeller(options.labels, columns_of(options, (options.target,), None)))
    if len(found["labellers"]) < 2:
        raise ConfigError(f"{options.labeller!r} names {len(found['labellers'])} labellers: two are needed to agree")
    measured = ("documents", "kappa", "spearman", "equal", "within_one")
    pairs = [{"pair": " and ".join(row["labellers"]), **row} for row in found["pairs"]]
    if options.format != "table":
        told = [(row.get("pair", row.get("labeller")), *(row[name] for name in measured), row.get("bias")) for row in
                (*pairs, *found["against_the_others"])]  # fmt: skip
        return write_data(options.format, found, ("labellers", *measured, "bias"), told)
    _table(pairs, ("pair", *measured))
    _table(found["against_the_others"], ("labeller", *measured, "bias"))
    return 0
