"""Deduplication killed at random moments goes on from what was committed, to the same bytes and the same index."""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
from pathlib import Path

from tests.dedup.test_dedup import crawl
from tests.support.deduplicating import pipeline
from tests.support.kills import assert_not_repeated
from tests.support.running import command, curate, manifests, product

KILLS = 6
LEAST_SECONDS, MOST_SECONDS = 1.0, 3.5  # a whole run takes a little longer


def everything(folder: Path) -> Path:
    """A pipeline with every kind of deduplication, over several parts."""
    folder.mkdir()
    setting = {"url": True, "minhash": {}, "lines": {"min_count": 3}, "index": str(folder / "index")}
    return pipeline(folder, {"web": crawl(41, 60), "forum": crawl(42, 60, "f")}, setting)


def index_bytes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of an index by name."""
    files = sorted(path for path in (folder / "index").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_run_killed_at_random_moments_comes_to_the_same_bytes_and_index(tmp_path: Path) -> None:
    whole, killed = everything(tmp_path / "whole"), everything(tmp_path / "killed")
    curate("run", whole, "--out", tmp_path / "whole" / "run", "--engine", "serial")
    arguments = ("run", killed, "--out", tmp_path / "killed" / "run", "--engine", "serial")
    rng = random.Random(3)
    for _ in range(KILLS):
        before = manifests(tmp_path / "killed" / "run")
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command(*arguments), start_new_session=True, stdout=quiet, stderr=quiet)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(LEAST_SECONDS, MOST_SECONDS))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert_not_repeated(before, manifests(tmp_path / "killed" / "run"))
    curate(*arguments)
    assert product(tmp_path / "killed" / "run") == product(tmp_path / "whole" / "run")
    assert len(index_bytes(tmp_path / "whole")) > 2
    assert [digest for name, digest in index_bytes(tmp_path / "killed").items() if name.endswith(".arrow")] == [
        digest for name, digest in index_bytes(tmp_path / "whole").items() if name.endswith(".arrow")
    ]
