"""Filters beside their peers, in one process on one core: megabytes a second of everything, and two ratios.

    python tests/benchmarks/bench_filters.py [FOLDER OF TEST DATA]

The text is the main text of realweb-dev's pages. datatrove runs its four filters as they are, on every SHARE-th page.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate import filters
from curate.filters.metrics import METRICS
from curate.filters.packs import Pack
from curate.text.view import TextView
from tests.benchmarks.numpy_gopher import numpy_gopher
from tests.support import filter_oracles as oracles
from tests.support.real_text import extracted_pages

ROWS = 512  # a batch of the pipeline
ROUNDS = 7
SHARE = 8
FOUR = ("c4-datatrove", "gopher-quality-datatrove", "gopher-repetition-datatrove", "fineweb")
NUMPY_METRICS = ("gopher-quality", "gopher-repetition")


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The least processor time of some rounds, after one to warm up."""
    spent = []
    for _ in range(rounds + (rounds > 1)):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def batches(texts: list[str]) -> list[pa.Array]:
    return [pa.array(texts[row : row + ROWS], pa.large_string()) for row in range(0, len(texts), ROWS)]


def size(texts: list[str]) -> float:
    """Megabytes of UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6


def measure(columns: list[pa.Array], names: tuple[str, ...]) -> None:
    for column in columns:
        view = TextView(column)
        for name in names:
            METRICS[name](view)


def apply_each(columns: list[pa.Array], packs: list[Pack]) -> None:
    """Every pack on the text as it came, sharing the tokenisation where no pack has edited."""
    for column in columns:
        view = TextView(column)
        for pack in packs:
            pack.verdicts(pack.apply(view).metrics)


def throughput(texts: list[str]) -> None:
    columns = batches(texts)
    packs = [
        filters.load(name) for name, _ in filters.available() if name not in ("url", "webtext-urls", "c4-badwords")
    ]
    named = tuple(dict.fromkeys(name for pack in packs for name in pack.metric_names if name in METRICS))
    for told, work in (
        (f"all {len(named)} metrics of all packs", lambda: measure(columns, named)),
        ("gopher-quality and -repetition", lambda: apply_each(columns, [filters.load(name) for name in NUMPY_METRICS])),
        ("c4, edits and sentences", lambda: apply_each(columns, [filters.load("c4")])),
        (f"all {len(packs)} packs, edits and verdicts", lambda: apply_each(columns, packs)),
    ):
        print(f"{told:45} {size(texts) / seconds(work):7.1f} MB/s")


def against_datatrove(texts: list[str]) -> None:
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    packs, columns = [filters.load(name) for name in FOUR], batches(texts)
    blocks = [C4QualityFilter(), GopherQualityFilter(), GopherRepetitionFilter(), FineWebQualityFilter()]
    for block in blocks:
        oracles.datatrove_failure(block, "Load the tokenizer once. " * 50)
    theirs = seconds(lambda: [oracles.datatrove_failure(block, text) for block in blocks for text in texts], 1)
    ours = seconds(lambda: apply_each(columns, packs))
    print(f"four filters, {len(texts)} pages: datatrove {theirs:.2f} s, packs {ours:.4f} s, ratio {theirs / ours:.0f}")


def against_numpy(texts: list[str]) -> None:
    columns = batches(texts)
    packs = [filters.load(name) for name in NUMPY_METRICS]
    named = tuple(name for pack in packs for name in pack.metric_names)
    theirs = seconds(lambda: [numpy_gopher(text) for text in texts], 2)
    ours = seconds(lambda: measure(columns, named))
    print(f"Gopher's {len(named)} metrics: NumPy {theirs:.2f} s, kernels {ours:.3f} s, ratio {theirs / ours:.1f}")
    for text in texts[:200]:
        view = TextView(pa.array([text]))
        for name, value in numpy_gopher(text).items():
            np.testing.assert_allclose(METRICS[name](view)[0], value, rtol=1e-9, atol=1e-12, err_msg=name)


def linearity(texts: list[str]) -> None:
    """Documents of 1 and 50 MB made of the same 100 kB, so that both repeat themselves alike."""
    unit = "\n".join(texts)[:100_000] + "\n"
    columns = [pa.array([unit * times], pa.large_string()) for times in (10, 500)]
    spent = [seconds(lambda column=column: measure([column], tuple(METRICS)), 2) for column in columns]  # type: ignore[misc]
    print(f"one document 50 times as long costs {spent[1] / spent[0]:.0f} times as much")


def main(folder: Path) -> None:
    texts = extracted_pages(folder)
    throughput(texts)
    against_numpy(texts[::4])
    linearity(texts)
    against_datatrove(texts[::SHARE])


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
