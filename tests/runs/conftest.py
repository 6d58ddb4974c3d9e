"""A run of two sources on a disk, an S3 server, and machines with mirrors of their own, for tests of runs in buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curate.pipeline.run import run
from tests.support.crashes import PIPELINE, write_inputs
from tests.support.object_store import object_store


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    with object_store() as environment:
        yield environment


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline file, 1.yaml, one with another seed, 2.yaml, and the run of the first on a disk, `disk`."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    for seed in (1, 2):
        (folder / f"{seed}.yaml").write_text(PIPELINE.format(folder=folder, seed=seed))
    run(folder / "1.yaml", out=folder / "disk", engine="serial")
    return folder


@pytest.fixture
def machine(store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be another machine: one with these mirrors, none at first."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CURATE_STORAGE_WAIT", "0.01")

    def be(name: str) -> None:
        monkeypatch.setenv("CURATE_MIRROR_DIR", str(tmp_path / name))

    be("first")
    return be
