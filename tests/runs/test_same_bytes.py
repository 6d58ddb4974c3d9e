"""The same bytes from any number of workers, either engine, and inputs listed in any order."""

from pathlib import Path

import pytest

from tests.support.running import EXAMPLE, curate, product, small_pipeline


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The product of a run in one process."""
    folder = tmp_path_factory.mktemp("serial")
    curate("run", small_pipeline(folder), "--out", folder / "run", "--engine", "serial")
    files = product(folder / "run")
    assert sum(name.startswith("shards/train") for name in files) > 2, "the test needs several shards"
    return files


@pytest.mark.parametrize("workers", [1, 4])
def test_any_number_of_ray_workers_gives_the_same_bytes(workers: int, serial: dict[str, str], tmp_path: Path) -> None:
    curate("run", small_pipeline(tmp_path), "--out", tmp_path / "run", "--workers", workers)
    assert product(tmp_path / "run") == serial


def test_inputs_listed_in_another_order_give_the_same_bytes(serial: dict[str, str], tmp_path: Path) -> None:
    paths = [str(path) for path in sorted((EXAMPLE / "web").glob("*.warc.gz"), reverse=True)]
    curate("run", small_pipeline(tmp_path, paths), "--out", tmp_path / "run", "--engine", "serial")
    assert product(tmp_path / "run") == serial


def test_another_seed_gives_another_order_of_the_same_documents(serial: dict[str, str], tmp_path: Path) -> None:
    curate("run", small_pipeline(tmp_path), "--set", "seed=8", "--out", tmp_path / "run", "--engine", "serial")
    other = product(tmp_path / "run")
    assert {name: digest for name, digest in other.items() if name.startswith("tokens/")} == {
        name: digest for name, digest in serial.items() if name.startswith("tokens/")
    }
    assert other["shards/train-00000.arrow"] != serial["shards/train-00000.arrow"]
