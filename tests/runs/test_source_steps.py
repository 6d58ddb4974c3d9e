"""Steps of a source work together in a run: addresses, languages, filters by threshold, datatrove's blocks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import curate
from curate.errors import ConfigError
from tests.support.running import EXAMPLE

PIPELINE = """
name: steps
sources:
  web:
    read: {{format: warc, paths: ['{web}/web-0000[01].warc.gz']}}
    steps:
      - extract: {{}}
      - url: {{packs: [url], lists: {{blocked_domains: blocked.txt}}}}
      - language: {{keep: [en], minimum: 0.5}}
      - filter: c4
      - filter: gopher-quality
      - datatrove: {{block: datatrove.pipeline.filters.RegexFilter, args: {{regex_exp: "[Gg]arden"}}, as: no-gardens}}
tokens: {{tokenizer: gpt2}}
"""


@pytest.fixture(scope="module")
def planted() -> dict[str, list[object]]:
    """What was planted in the example web."""
    content: dict[str, list[object]] = json.loads((EXAMPLE / "planted.json").read_text())["planted"]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, planted: dict[str, list[object]]) -> Path:
    """A run with every kind of step."""
    folder = tmp_path_factory.mktemp("steps")
    hosts = {urlsplit(str(url)).hostname or "" for url in planted["blocked_hosts"]}
    (folder / "blocked.txt").write_text("\n".join(sorted(hosts)))
    (folder / "p.yaml").write_text(PIPELINE.format(web=EXAMPLE / "web"))
    curate.run(folder / "p.yaml", out=folder / "run", engine="serial")
    return folder


@pytest.fixture(scope="module")
def ledger(folder: Path) -> pa.Table:
    """The run's ledger."""
    return ds.dataset(folder / "run" / "ledger").to_table()


def by_url(ledger: pa.Table, column: str) -> dict[str, object]:
    return dict(zip(ledger["url"].to_pylist(), ledger[column].to_pylist(), strict=True))


def test_blocked_hosts_are_refused_and_never_extracted(ledger: pa.Table, planted: dict[str, list[object]]) -> None:
    dropped, chars = by_url(ledger, "dropped_at"), by_url(ledger, "chars")
    for url in planted["blocked_hosts"]:
        assert dropped[str(url)] == "url"
        assert chars[str(url)] is None
    assert Counter(dropped.values())["url"] == len(planted["blocked_hosts"])


def test_every_failure_is_recorded_not_the_first_alone(ledger: pa.Table) -> None:
    several = [failed for failed in ledger["failed"].to_pylist() if len({name.split("/")[0] for name in failed}) > 1]
    assert len(several) > 100


def test_a_datatrove_block_drops_with_its_reason_and_its_statistics_are_the_runs(
    folder: Path, ledger: pa.Table
) -> None:
    failed = Counter(name for names in ledger["failed"].to_pylist() for name in names)
    assert failed["no-gardens/dropped"] > 50
    stats = json.loads((folder / "run" / "stats.json").read_text())
    assert stats["sources"]["web"]["steps"]["no-gardens"]["dropped"] == failed["no-gardens/dropped"]


def test_the_funnel_balances_at_every_step(folder: Path, ledger: pa.Table) -> None:
    web = json.loads((folder / "run" / "stats.json").read_text())["sources"]["web"]
    entering = len(ledger)
    for row in web["funnel"]:
        assert row["in"] == entering
        assert row["in"] == row["kept"] + row["dropped"]
        entering = row["kept"]
    assert entering == sum(ledger["kept"].to_pylist()) == web["kept"]


def test_a_threshold_moves_only_what_lies_between(folder: Path, ledger: pa.Table) -> None:
    curate.run(folder / "p.yaml", {"filters.gopher-quality.min_words.min": 80}, out=folder / "run", engine="serial")
    after = ds.dataset(folder / "run" / "ledger").to_table()
    words = ledger["gopher-quality.words"].to_pylist()
    for count, old, new in zip(words, ledger["failed"].to_pylist(), after["failed"].to_pylist(), strict=True):
        fails = "gopher-quality/min_words"
        assert (fails in new) == (count is not None and count < 80)
        assert [name for name in old if name != fails] == [name for name in new if name != fails]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- filter: gofer-quality", "no pack is named 'gofer-quality'"),
        ("- filter: {pack: c4-badwords, lists: {badwrds: x.txt}}", "no list 'badwrds'"),
        ("- datatrove: {block: datatrove.pipeline.filters.RegxFilter}", "has no block 'RegxFilter'"),
    ],
)
def test_a_step_that_cannot_be_made_is_named_before_anything_runs(step: str, said: str, tmp_path: Path) -> None:
    text = PIPELINE.format(web=EXAMPLE / "web").replace("- filter: c4", step)
    (tmp_path / "p.yaml").write_text(text)
    (tmp_path / "blocked.txt").write_text("")
    with pytest.raises(ConfigError, match=said):
        curate.run(tmp_path / "p.yaml", out=tmp_path / "run", engine="serial")
