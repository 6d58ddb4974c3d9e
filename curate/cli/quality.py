"""The commands of quality classifiers: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from curate.cli import labels
from curate.cli.arguments import add_data_format, add_number
from curate.cli.console import RESULTS, write_numbers
from curate.cli.labels import add_label_arguments
from curate.errors import ConfigError

_BAR = 40  # characters of the longest bar of a histogram
_ALPHAS = (1.0, 2.0, 3.0, 5.0, 9.0)


def add_commands(commands: Any) -> None:
    """Add `quality` with its commands to the command line's subparsers."""
    quality = commands.add_parser("quality", help="quality classifiers shared between runs")
    actions = quality.add_subparsers(required=True, metavar="ACTION")

    train = actions.add_parser("train", help="train a classifier on two sets of documents, or on labels")
    _classes(train, required=False)
    train.add_argument("--labels", nargs="+", metavar="FILES", help="labelled documents instead: JSON Lines or Parquet")
    add_label_arguments(train)
    train.add_argument(
        "--group", metavar="COLUMN", help="with --labels: calibrate by this column too, language for example"
    )
    train.add_argument("--classifier", choices=("gpt3", "fasttext"), default="gpt3", help="kind (default: gpt3)")
    add_number(train, "--sample", 100_000, "most of each class")
    train.add_argument("--seed", type=int, default=0, help="decides what is sampled and held out (default: 0)")
    train.add_argument("--out", required=True, metavar="FILE", help="the model file to write")
    add_data_format(train, "how to show what the model says of itself")
    train.set_defaults(call=_train)

    evaluate = actions.add_parser("evaluate", help="how well a model separates: by its card, on documents, or in a run")
    evaluate.add_argument(
        "model", metavar="MODEL", help="model file; or a run, for its models and borderline documents"
    )
    add_number(evaluate, "-n", 3, "borderline documents on each side")
    _classes(evaluate, required=False)
    evaluate.add_argument("--label", metavar="LABEL", help="of good documents, in a file of fastText")
    add_data_format(evaluate)
    evaluate.add_argument(
        "--json", action="store_const", const="json", dest="format", help="every number, with the curves, as JSON"
    )
    evaluate.set_defaults(call=_evaluate)

    score = actions.add_parser("score", help="score documents")
    score.add_argument("model", metavar="MODEL", help="model file")
    score.add_argument("documents", nargs="+", metavar="FILES", help="JSON Lines or Parquet, globs allowed")
    score.add_argument("--text", default="text", metavar="NAME", help="the column that holds the text (default: text)")
    score.add_argument("--label", metavar="LABEL", help="of good documents, in a file of fastText")
    score.add_argument("--out", required=True, metavar="FILE", help="Parquet file to write: id, url, score")
    add_data_format(score)
    score.set_defaults(call=_score)
    labels.add_commands(actions)


def _classes(parser: argparse.ArgumentParser, required: bool = True) -> None:
    for name, what in (("positives", "good documents"), ("negatives", "documents as they come")):
        parser.add_argument(f"--{name}", nargs="+", required=required, metavar="FILES", help=f"{what}, globs allowed")
    parser.add_argument("--text", default="text", metavar="NAME", help="the column that holds the text (default: text)")


def _train(options: argparse.Namespace) -> int:
    from curate.quality.documents import read_examples
    from curate.quality.training import train
    from curate.storage import atomic_path

    classes = (options.positives, options.negatives)
    if (options.labels is None) == (None in classes) or (options.labels is not None and any(classes)):
        raise ConfigError("give --positives and --negatives, or --labels with --target")
    if options.labels is not None:
        return labels.train(options)
    examples = read_examples(options.positives, options.negatives, options.text, options.sample, options.seed)
    with atomic_path(options.out) as temporary:
        card = train(str(temporary), examples, options.classifier, options.seed)
    if options.format != "table":
        return write_numbers(options.format, card)
    _show_card(card)
    RESULTS.print(f"\nModel: {options.out}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from curate.quality.documents import read_examples
    from curate.quality.measures import separation
    from curate.quality.model import load, read_card

    if Path(options.model).is_dir():
        return _evaluate_run(options)
    if (options.positives is None) != (options.negatives is None):
        raise ConfigError("give --positives and --negatives, or neither")
    if options.positives is None:
        card = read_card(options.model)
        if not card:
            raise ConfigError(f"{options.model} is fastText's own file and says nothing of itself; give documents")
        if options.format != "table":
            return write_numbers(options.format, card)
        _show_card(card)
        return 0
    everything = 1 << 40
    examples = read_examples(options.positives, options.negatives, options.text, everything, 0)
    classifier = load(options.model, options.label)
    scores, seen = classifier.judge(examples.texts, examples.ids, examples.urls)
    measured = separation(scores, examples.positive, examples.texts) | {"seen": int(seen.sum())}
    if options.format != "table":
        return write_numbers(options.format, measured)
    _show_separation(measured)
    if measured["seen"]:
        RESULTS.print(f"{measured['seen']:,} of these documents are texts that the model was trained on")
    return 0


def _evaluate_run(options: argparse.Namespace) -> int:
    from curate.audit.borderline import borderline
    from curate.audit.finished_run import open_finished
    from curate.audit.rendering import Answer, show
    from curate.audit.score_drift import score_drift

    run = open_finished(options.model)
    near, moved = borderline(run, options.n), score_drift(run)
    told = {name: {"drift": found} | near.data.get(name, {}) for name, found in moved.data.items()}  # type: ignore[union-attr]
    answer = Answer((*moved.blocks, *near.blocks), told)
    if options.format == "table":
        for name, source in run.stats["sources"].items():
            if source["quality"]:
                RESULTS.print(f"{name}: {sum(source['quality']['scores']):,} documents", style="bold")
                _show_histogram({"documents": source["quality"]["scores"]})
                if source["quality"]["model"].get("trained_on"):
                    _show_card(source["quality"]["model"])
    show(answer, options.format, RESULTS)
    return 0


def _score(options: argparse.Namespace) -> int:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from curate.quality.documents import read_documents
    from curate.quality.model import load
    from curate.quality.threshold import histogram
    from curate.storage import atomic_path
    from curate.verdicts.draws import keep_probability

    classifier = load(options.model, options.label)
    seen = 0
    schema = pa.schema([("id", pa.binary(16)), ("url", pa.string()), ("score", pa.float32())])
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    counts = np.array(histogram(np.zeros(0, np.float32)))
    kept = dict.fromkeys(_ALPHAS, 0.0)
    with atomic_path(options.out) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for batch in read_documents(options.documents, options.text):
            scores, known = classifier.judge(*(batch.column(name) for name in ("text", "id", "url")))
            seen += int(known.sum())
            writer.write_batch(
                pa.record_batch([batch.column("id"), batch.column("url"), pa.array(scores)], schema=schema)
            )
            counts += histogram(scores)
            for alpha in kept:
                kept[alpha] += float(keep_probability(scores, alpha).sum())
    documents = int(counts.sum())
    if options.format != "table":
        by_alpha = {f"{alpha:g}": share / documents if documents else None for alpha, share in kept.items()}
        data = {"documents": documents, "seen": seen, "kept": by_alpha, "scores": counts.tolist(), "out": options.out}
        return write_numbers(options.format, data)
    RESULTS.print(f"{documents:,} documents")
    _show_histogram({"documents": counts.tolist()})
    if documents:
        shares = ", ".join(f"alpha {alpha:g}: {share / documents:.2%}" for alpha, share in kept.items())
        RESULTS.print(f"kept by the draw, {shares}")
    if seen:
        RESULTS.print(f"{seen:,} of them, {seen / documents:.1%}, are texts that the model was trained on")
    RESULTS.print(f"\nScores: {options.out}")
    return 0


def _show_card(card: Mapping[str, Any]) -> None:
    if "labels" in card:
        labels.show_labels(card["labels"], card["folds"])
        return
    trained = card["trained_on"]
    RESULTS.print(
        f"{card['classifier']}, trained on {trained['positive']:,} good and {trained['negative']:,} other documents"
        f" ({trained['fingerprint'][:16]})",
    )
    folds, held = card.get("folds"), card["held_out"]
    if folds:
        RESULTS.print(f"{folds['folds']} models, each for the {folds['by']}s that it has not seen")
    if held["roc_auc"] is None:
        RESULTS.print("no documents held out: too few to spare any")
        return
    _show_separation(held)
    baselines = held.get("baselines", {}).get("roc_auc", {})
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what explains the classes")
    table.add_column("area under ROC", justify="right")
    rows = [("the classifier", held["roc_auc"]), ("the classifier, at equal length", held["roc_auc_at_equal_length"])]
    rows += [(f"{name} alone" if name != "both" else "length and register", area) for name, area in baselines.items()]
    if card.get("in_sample"):
        rows.append(("the classifier, on what it was trained on", card["in_sample"]["roc_auc"]))
    for name, area in rows:
        table.add_row(name, "-" if area is None else f"{area:.4f}")
    RESULTS.print(table)


def _show_separation(measured: Mapping[str, Any]) -> None:
    documents = measured["documents"]
    area = measured["roc_auc"]
    RESULTS.print(
        f"on {documents['positive']:,} good and {documents['negative']:,} other documents: area under ROC"
        f" {'-' if area is None else f'{area:.4f}'}, average precision {measured['average_precision']:.4f}",
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("documents", "mean score", "share good"):
        table.add_column(heading, justify="right")
    for row in measured["calibration"]:
        table.add_row(f"{row['documents']:,}", f"{row['score']:.3f}", f"{row['positive']:.3f}")
    RESULTS.print(table)
    _show_histogram(measured["histogram"])


def _show_histogram(classes: Mapping[str, list[int]]) -> None:
    """A bar per twentieth of the scores, longest where most documents are."""
    for name, counts in classes.items():
        highest = max(counts) or 1
        RESULTS.print(f"scores: {name}", style="bold")
        for bin_, count in enumerate(counts):
            bar = "█" * round(_BAR * count / highest)
            RESULTS.print(f"  {bin_ / len(counts):.2f} {count:>9,} {bar}")
