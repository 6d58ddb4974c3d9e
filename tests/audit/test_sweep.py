"""One truth: whatever tells of a run says what its ledger says, on pipelines drawn at random."""

from __future__ import annotations

import io
import mmap
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from curate.audit.finished_run import open_finished
from curate.audit.report.facts import totals
from curate.audit.report.pictures import Bar, histogram
from curate.cli.funnel import print_funnel
from curate.engine.memory import read_peak, start_peak
from curate.pipeline.run import run
from curate.records.statistics import kept_rate
from tests.support.agreement import check_all
from tests.support.running import EXAMPLE
from tests.support.sweeping import sweep

RUNS = 8
"""Of which numbers; `tests/benchmarks/sweep_runs.py` draws a thousand more."""

WITH_A_REFERENCE = """
name: referring
sources:
  web:
    read: {format: jsonl, paths: [WEB]}
    steps: [{filter: gopher-quality}]
  good:
    read: {format: jsonl, paths: [GOOD]}
    role: reference
tokens: {tokenizer: gpt2}
shards: {tokens_per_shard: 100k, validation: 0}
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(RUNS))
def test_a_run_is_refused_or_every_number_told_of_it_is_its_ledgers(number: int, tmp_path: Path) -> None:
    """Report, explain, stats, manifest, card, what-if, against the ledger by SQL."""
    assert sweep(number, tmp_path) in ("refused", "agrees")


def test_a_source_that_is_no_output_is_no_candidate_in_any_number(tmp_path: Path) -> None:
    """Dropped for its role in the ledger as in the funnel; in no tile, rate or total."""
    good = str(EXAMPLE / "reference" / "*.jsonl.gz")
    text = "The tide and the moon have it that the sea will be with us. " * 12
    (tmp_path / "web.jsonl").write_text(f'{{"text": "{text}"}}\n{{"text": "Short."}}\n')
    path = tmp_path / "p.yaml"
    path.write_text(WITH_A_REFERENCE.replace("WEB", str(tmp_path / "web.jsonl")).replace("GOOD", good))
    run(path, out=tmp_path / "run", engine="serial")
    opened = open_finished(tmp_path / "run")
    check_all(opened, tmp_path)
    good_source = opened.stats["sources"]["good"]
    assert good_source["kept"] == 0 and good_source["funnel"][-1]["step"] == "role"
    summed = totals(opened.stats["sources"])
    assert (summed.documents, summed.reference_documents) == (2, good_source["documents"])
    console = Console(record=True, width=200, file=io.StringIO())
    print_funnel(console, opened.stats)
    said = console.export_text()
    rate = kept_rate(2, summed.kept)
    assert rate is not None and f"kept {summed.kept} document ({rate:.1%} of 2)" in said
    page = (opened.folder / "report.html").read_text()
    assert f"{100 * rate:.1f} % of the documents" in page and "only train a classifier" in page


def test_the_memory_of_a_task_is_not_that_of_what_ran_before() -> None:
    """A peak begins anew with each task; what was there before is not what the task added."""
    big = np.ones(100 << 20, np.uint8)
    del big
    resident = start_peak()
    if resident is None:
        pytest.skip("this system's peak is the process's whole life's, and so it is not told")
    peak = read_peak()
    assert peak is not None and peak - resident < 50 << 20
    with mmap.mmap(-1, 100 << 20) as more:  # of the system, not out of what the process has freed and not given back
        more.write(bytes(100 << 20))
        assert (read_peak() or 0) - resident > 90 << 20


def test_bars_are_as_high_as_their_numbers_and_dark_as_their_share() -> None:
    """Half of a bar that is half as high: no root, and no stack that the eye reads wrongly."""
    page = str(histogram([Bar("a", 400, 100), Bar("b", 200, 20)], "two", split=True))
    heights = [float(height) for height in re.findall(r'<rect[^>]*height="([\d.]+)"[^>]*class="(?:every|alone)"', page)]
    whole, part, second, dark = heights
    assert part / whole == pytest.approx(0.25) and second / whole == pytest.approx(0.5)
    assert dark / second == pytest.approx(0.1)
