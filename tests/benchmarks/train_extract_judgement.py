"""Learns the judgement of blocks that the package holds, and says by cross-validation how good it is.

    pip install lightgbm
    python tests/benchmarks/train_extract_judgement.py [--write] [--data FOLDER]

Pages are split by domain into five parts; each part is judged by what was learned from the others. Without `--write`
nothing is written. First come weights of names and of words by logistic regression, then trees, which learn from what
the weights say of pages that these were not learned from.
One thread and fixed seeds: the same file from the same data and versions.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import scipy.sparse
from align_extract_gold import labels
from fastwarc.warc import ArchiveIterator, WarcRecordType
from numpy.typing import NDArray
from resiliparse.parse.html import HTMLTree
from scipy.optimize import minimize

from curate.extract.charset import decode
from curate.extract.engines import resiliparse
from curate.extract.html import parse_page
from curate.extract.html.blocks import Page
from curate.extract.html.features import Described
from curate.extract.html.judging import MODEL, Judgement, best_level, judged, write_judgement
from curate.extract.html.surroundings import NAME_BUCKETS, NAME_WEIGHTS
from curate.extract.html.trees import LEVEL_BITS, LEVELS, MOST_LEAVES, ODDS_BITS, Trees
from curate.extract.html.wording import WORD_BUCKETS, word_places

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = ("realweb-dev", "realweb-more", "realweb-zh")
CHINESE = SETS[2]
PARTS = 5
NAME_SCALE, NAME_PENALTY = 64, 4e-4
WORD_SCALE, WORD_PENALTY = 20, 1e-5
"""Units of a weight's eight bits, and the penalty on squares of weights; chosen by cross-validation."""
LEAST_DOMAINS = 4
"""Domains that a name or word must be on to have a weight."""
MOST_WORDS, POWER = 300, 0.7
PAGE_WEIGHT = 100
"""A block weighs as the power of its words, within a page whose blocks weigh this in all."""
ROUNDS = 150
OPTIONS: dict[str, Any] = {
    "objective": "cross_entropy", "learning_rate": 0.08, "num_leaves": 31, "min_data_in_leaf": 60, "lambda_l2": 5,
    "feature_fraction": 0.3, "bagging_fraction": 0.7, "bagging_freq": 1, "min_data_in_bin": 1, "num_threads": 1,
    "deterministic": True, "force_row_wise": True, "seed": 1, "verbose": -1,
}  # fmt: skip
ODDS = np.rint(65535 / (1 + np.exp(-(np.arange(LEVELS) - LEVELS / 2 + 0.5) * 2.0 ** (LEVEL_BITS - ODDS_BITS))))
ODDS = ODDS.astype(np.uint16)
Floats = NDArray[np.float64]


class Example(NamedTuple):
    """A page that people have read."""

    gold: dict[str, Any]
    source: str
    page: Page
    shares: Floats
    part: int

    def weights(self) -> Floats:
        """What its blocks weigh."""
        weights: Floats = np.minimum(self.page.blocks["words"], MOST_WORDS) ** POWER
        return PAGE_WEIGHT * weights / max(weights.sum(), 1e-9)


def examples(data: Path) -> Iterator[Example]:
    """All pages with a whole text by people, and their labels."""
    for name in SETS:
        with gzip.open(data / f"{name}.gold.jsonl.gz") as lines:
            gold = {row["record_id"]: row for row in map(json.loads, lines)}
        with open(data / f"{name}.warc.gz", "rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                row = gold[record.headers["WARC-Record-ID"]] | {"set": name}
                if row["gold_kind"] != "human" or not row["text"]:
                    continue
                source = decode(record.reader.read(), record.http_headers.get("Content-Type"))[0]
                page = parse_page(source.encode("utf-8", "replace"))
                key = row["record_id"] if name == CHINESE else row["domain"] or row["record_id"]
                part = int(hashlib.md5(key.encode()).hexdigest(), 16) % PARTS
                if len(page.blocks):
                    yield Example(row, source, page, labels(page, row["text"]), part)


def f1(text: str, gold: dict[str, Any]) -> float:
    """F1 of the multiset of lower-cased words; of characters for Chinese pages."""
    cut: Callable[[str], Any] = (
        (lambda t: "".join(t.split())) if gold["set"] == CHINESE else (lambda t: re.findall(r"\w+", t.lower()))
    )
    got, want = Counter(cut(text)), Counter(cut(gold["text"]))
    return 2 * (got & want).total() / max(1, got.total() + want.total())


def report(name: str, pages: list[Example], scores: list[float]) -> None:
    """A line for each set: the mean of all whole pages and of each kind."""
    for of in SETS:
        rows = [(e.gold, s) for e, s in zip(pages, scores, strict=True) if e.gold["set"] == of]
        rows = [(gold, score) for gold, score in rows if not gold["truncated"]]
        kinds = sorted({str(gold.get("page_type")) for gold, _ in rows})
        means = ((k, np.mean([s for gold, s in rows if str(gold.get("page_type")) == k])) for k in kinds)
        line = " ".join(f"{kind} {mean:.3f}" for kind, mean in means)
        print(f"{name:12} {of:13} {len(rows):4} pages {np.mean([s for _, s in rows]):.4f}  {line}", flush=True)


def score(example: Example, found: NDArray[np.int32]) -> float:
    """F1 of the blocks that levels of odds choose."""
    kept = found >= best_level(found, ODDS, example.page.blocks["words"])
    return f1("\n".join(example.page.block_text(number) for number in np.flatnonzero(kept)), example.gold)


def bags(pages: list[Example], of: str) -> scipy.sparse.csr_matrix:
    """A row for each block: how often each bucket of names around it, or of its words, occurs."""
    rows = []
    for example in pages:
        page = example.page
        if of == "words":
            ends, places = np.zeros(len(page.blocks) + 1, np.int64), np.empty(len(page.text) + 1, np.int64)
            word_places(page.text, page.blocks, places, ends)
            matrix = scipy.sparse.csr_matrix(
                (np.ones(ends[-1]), places[: ends[-1]], ends), (len(ends) - 1, WORD_BUCKETS)
            )
            counts = np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)
            rows.append(scipy.sparse.diags(counts**-0.5) @ matrix)
            continue
        nodes = page.nodes
        own = [
            np.append(page.names[n["first_name"] : n["end_name"]] % NAME_BUCKETS, NAME_BUCKETS + int(n["element"]))
            for n in nodes
        ]
        chains: list[NDArray[Any]] = []
        for number, parent in enumerate(nodes["parent"].tolist()):
            chains.append(np.concatenate([chains[parent], own[number]]) if parent >= 0 else own[number])
        found = [chains[node] for node in page.blocks["node"].tolist()]
        ends = np.cumsum([0, *map(len, found)])
        matrix = scipy.sparse.csr_matrix((np.ones(ends[-1]), np.concatenate(found), ends), (len(found), NAME_WEIGHTS))
        matrix.sum_duplicates()
        matrix.data = np.minimum(matrix.data, 2)
        rows.append(matrix)
    return scipy.sparse.vstack(rows).tocsr().astype(np.float32)


def regression(rows: Any, shares: Floats, weights: Floats, domains: NDArray[np.int64], penalty: float) -> Floats:
    """Weights of a logistic regression, 0 for columns that too few domains have."""
    count = rows.shape[0]
    present = scipy.sparse.csr_matrix((np.ones_like(rows.data), rows.indices, rows.indptr), rows.shape)
    of_domain = scipy.sparse.csr_matrix((np.ones(count), (domains, np.arange(count))), (domains.max() + 1, count))
    used = np.flatnonzero(np.asarray(((of_domain @ present) > 0).sum(0)).ravel() >= LEAST_DOMAINS)
    kept = rows[:, used].tocsr()
    across, weights = kept.T.tocsr(), weights / weights.sum()

    def loss(values: Floats) -> tuple[float, Floats]:
        odds = kept @ values[:-1] + values[-1]
        error = weights * (1 / (1 + np.exp(-odds)) - shares)
        cost = (weights * (np.logaddexp(0, odds) - shares * odds)).sum() + penalty * (values[:-1] ** 2).sum()
        return cost, np.append(across @ error + 2 * penalty * values[:-1], error.sum())

    found = minimize(loss, np.zeros(len(used) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    out = np.zeros(rows.shape[1])
    out[used] = found[:-1]
    return out


def flat(model: lightgbm.Booster) -> Trees:
    """A model's trees as arrays of integers."""
    ends, nodes, leaves = [0], [], []

    def add(node: dict[str, Any], values: list[int]) -> None:
        if "split_feature" not in node:
            values.append(round(node["leaf_value"] * 2**ODDS_BITS))
            return
        first = len(values)
        add(node["left_child"], values)
        lost = (1 << len(values)) - (1 << first)
        nodes.append((node["split_feature"], int(np.floor(node["threshold"])), 0xFFFFFFFF ^ lost))
        add(node["right_child"], values)

    for tree in model.dump_model()["tree_info"]:
        values: list[int] = []
        add(tree["tree_structure"], values)
        ends.append(len(nodes))
        leaves.append(values + [0] * (MOST_LEAVES - len(values)))
    features, thresholds, masks = zip(*nodes, strict=True)
    return Trees(
        np.array(ends, np.int32), np.array(features, np.uint8), np.array(thresholds, np.uint8),
        np.array(masks, np.uint32), np.array(leaves, np.int32),
    )  # fmt: skip


NONE = Trees(
    np.zeros(1, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0, np.uint32),
    np.zeros((0, MOST_LEAVES), np.int32),
)  # fmt: skip


def main() -> None:
    """Learn from all pages, if that is to be written, and from all but each part; judge each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--write", action="store_true", help="write the package's file")
    arguments = parser.parse_args()
    pages = list(examples(arguments.data))
    sizes = [len(e.page.blocks) for e in pages]
    part = np.repeat([e.part for e in pages], sizes)
    shares = np.concatenate([e.shares for e in pages])
    weights = np.concatenate([e.weights() for e in pages])
    numbers = {e.gold["domain"] or e.gold["record_id"]: i for i, e in enumerate(pages)}
    domains = np.repeat([numbers[e.gold["domain"] or e.gold["record_id"]] for e in pages], sizes)
    runs = [*range(PARTS), *([PARTS] if arguments.write else [])]
    made = [Judgement(np.zeros(0, np.int8), np.zeros(0, np.int8), ODDS, NONE) for _ in runs]
    """One judgement for each part, learned from the others, and the last from all."""
    plan = (("names", NAME_SCALE, NAME_PENALTY), ("words", WORD_SCALE, WORD_PENALTY))
    for of, scale, penalty in plan:
        rows = bags(pages, of)
        for run in runs:
            some = part != run
            found = regression(rows[some], shares[some], weights[some], domains[some], penalty)
            whole = np.clip(np.rint(found * scale), -127, 127).astype(np.int8)
            made[run] = made[run]._replace(**{of: whole})
    looks = np.concatenate([Described(e.page, made[e.part].words, made[e.part].names).rows for e in pages])
    for run in reversed(runs):
        some = part != run
        rows = lightgbm.Dataset(looks[some], shares[some], weight=weights[some])
        made[run] = made[run]._replace(trees=flat(lightgbm.train(OPTIONS, rows, ROUNDS)))
        if run == PARTS:
            write_judgement(made[run], MODEL)
            print(f"{MODEL.name}: {MODEL.stat().st_size} bytes", flush=True)
    report("resiliparse", pages, [f1(resiliparse(e.source, HTMLTree.parse(e.source)), e.gold) for e in pages])
    report("curate", pages, [score(e, judged(e.page, made[e.part])) for e in pages])


if __name__ == "__main__":
    main()
