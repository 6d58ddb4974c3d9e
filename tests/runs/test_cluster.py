"""A run on a cluster that exists already gives the same bytes as one in this process."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kills import descendants
from tests.support.running import curate, product, small_pipeline


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A Ray cluster of one node, started by hand."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray = str(Path(sys.executable).with_name("ray"))
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    node = subprocess.Popen(
        [
            ray,
            "start",
            "--head",
            "--block",
            "--num-cpus=2",
            "--include-dashboard=false",
            f"--port={port}",
            "--node-ip-address=127.0.0.1",
            "--object-store-memory=100000000",
            "--disable-usage-stats",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert node.stdout is not None
    for line in node.stdout:
        if re.search("Ray runtime started", line):
            break
    yield f"127.0.0.1:{port}"
    for process in descendants(node.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    node.kill()
    node.communicate()


def test_a_run_on_an_existing_cluster_gives_the_same_bytes(address: str, tmp_path: Path) -> None:
    pipeline = small_pipeline(tmp_path)
    curate("run", pipeline, "--out", tmp_path / "cluster", "--address", address)
    curate("run", pipeline, "--out", tmp_path / "serial", "--engine", "serial")
    assert product(tmp_path / "cluster") == product(tmp_path / "serial")
