"""Storage's promises: files are found and named alike wherever they lie, and no file is ever half written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

from curate.storage import atomic_path, common_root, digest_file, list_files, open_binary, resolve, write_atomically

NOBODY = 65534


@contextmanager
def without_root() -> Iterator[None]:
    """Run a block without root's right to read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_files_are_sorted_unique_and_named_from_the_patterns_root(tmp_path: Path) -> None:
    for name in ("a/2.gz", "a/1.gz", "b/3.gz", "b/other.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    patterns = [f"{tmp_path}/b/*.gz", f"{tmp_path}/a/*.gz", f"{tmp_path}/a/1.gz"]
    assert common_root(patterns) == str(tmp_path)
    files = list_files(patterns)
    assert [file.relative for file in files] == ["a/1.gz", "a/2.gz", "b/3.gz"]
    assert files == list_files(patterns[::-1])
    assert files[0].size == 6
    with open_binary(files[0].path) as file:
        assert file.read() == b"a/1.gz"
    assert [file.relative for file in list_files([f"{tmp_path}/**/*.gz"])] == ["a/1.gz", "a/2.gz", "b/3.gz"]


def test_remote_files_are_named_like_local_ones(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for name in ("crawl-names/a/1.gz", "crawl-names/b/2.gz"):
        memory.pipe(f"/{name}", b"x")
    files = list_files(["memory://crawl-names/*/*.gz"])
    assert [file.relative for file in files] == ["a/1.gz", "b/2.gz"]
    with open_binary(files[0].path) as file:
        assert file.read() == b"x"


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file matches .*/nothing"):
        list_files([f"{tmp_path}/nothing-*.gz"])
    with pytest.raises(FileNotFoundError):
        list_files([f"{tmp_path}/nothing.gz"])


@pytest.mark.parametrize("pattern", ["*.gz", "*/*.gz", "**/*.gz"])
def test_a_folder_that_may_not_be_read_is_an_error_not_a_gap(pattern: str) -> None:
    """The folder lies outside pytest's own, which only its owner may enter."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        hidden = root / "hidden"
        hidden.mkdir()
        (root / "seen").mkdir()
        (root / "seen" / "1.gz").touch()
        (hidden / "2.gz").touch()
        hidden.chmod(0)
        start = hidden if pattern == "*.gz" else root
        with without_root(), pytest.raises(PermissionError, match=r"cannot read the folder .*hidden"):
            list_files([f"{start}/{pattern}"])
        hidden.chmod(0o755)


def test_relative_paths_are_taken_from_the_folder_given(tmp_path: Path) -> None:
    assert resolve("../x/*.gz", tmp_path / "p") == f"{tmp_path}/x/*.gz"
    assert resolve("s3://bucket/x", tmp_path) == "s3://bucket/x"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    write_atomically(target, b"old")
    before = digest_file(target)

    def fail_half_way() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail_half_way()
    assert digest_file(target) == before
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("where", ["disk", "memory"])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data[1].jsonl", ["data[1].jsonl"]),
        ("dump[2024]/*.jsonl", ["a.jsonl", "b[2].jsonl"]),
        ("dump[2024]/b[2].jsonl", ["b[2].jsonl"]),
        ("dump[2024]/?.jsonl", ["a.jsonl"]),
        ("part-[01].jsonl", ["part-0.jsonl", "part-1.jsonl"]),
    ],
)
def test_brackets_in_names_are_themselves_where_they_match_nothing_else(
    tmp_path: Path, where: str, pattern: str, expected: list[str]
) -> None:
    names = ["data[1].jsonl", "dump[2024]/a.jsonl", "dump[2024]/b[2].jsonl", "part-0.jsonl", "part-1.jsonl"]
    memory = fsspec.filesystem("memory")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
        memory.pipe(f"/brackets/{name}", b"{}")
    root = str(tmp_path) if where == "disk" else "memory://brackets"
    found = list_files([f"{root}/{pattern}"])
    assert [file.path.rsplit("/", 1)[1] for file in found] == expected
    for file in found:
        with open_binary(file.path) as opened:
            assert opened.read() == b"{}"
