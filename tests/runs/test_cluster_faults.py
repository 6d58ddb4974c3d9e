"""A cluster of three nodes loses one, then its driver: the same command goes on, and the bytes are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import command, curate, manifests, product, small_pipeline

PATIENCE = 240.0
"""Seconds to wait for something to have happened; no result depends on it."""


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Three nodes of two CPUs each, on this machine."""
    utils = pytest.importorskip("ray.cluster_utils")
    made = utils.Cluster()
    for _ in range(3):
        made.add_node(num_cpus=1, object_store_memory=100_000_000, include_dashboard=False)
    yield made
    made.shutdown()


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, "the run ended before it was disturbed"
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)


def test_a_lost_node_and_a_lost_driver_change_no_byte(cluster: Any, tmp_path: Path) -> None:
    pipeline = small_pipeline(tmp_path)
    out = tmp_path / "cluster"
    environment = os.environ | {"RAY_TMPDIR": "/tmp"}
    arguments = command(
        "run", pipeline, "--out", out, "--address", cluster.address, "--set", "sources.web.read.split=30kB"
    )
    driver = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: len(manifests(out)) >= 3, driver)
        cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
        before = len(manifests(out))
        wait_for(lambda: len(manifests(out)) >= before + 5, driver)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    again = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert again.returncode == 0, again.stderr
    curate("run", pipeline, "--out", tmp_path / "serial", "--engine", "serial", "--set", "sources.web.read.split=30kB")
    assert product(out) == product(tmp_path / "serial")
