"""Code beside a pipeline file is found, is loaded again when it was changed, and never mixed with that of another file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.code.fingerprint import forget, named_code
from curate.code.foreign import CodeChanged, check_unchanged, load_again_what_changed, make_importable, note_loaded


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """Two folders with modules of the same names."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("curate.code.foreign._folder", [])
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stepping.py").write_text("from helping import FACTOR\n\ndef f():\n    return FACTOR\n")
        (tmp_path / name / "helping.py").write_text(f"FACTOR = {name!r}\n")
    yield tmp_path / "one", tmp_path / "two"
    for module in ("stepping", "helping"):
        sys.modules.pop(module, None)
    forget()


def called() -> str:
    """What the function beside the pipeline file gives, as a step would call it."""
    module = importlib.import_module("stepping")
    note_loaded(["stepping:f"])
    value: str = module.f()
    return value


def test_a_second_pipeline_files_code_is_its_own(folders: tuple[Path, Path]) -> None:
    one, two = folders
    make_importable(one)
    assert called() == "one"
    make_importable(two)
    assert called() == "two"
    make_importable(one)
    assert called() == "one"
    assert sys.path.count(str(one)) == 1
    assert str(two) not in sys.path


def test_what_a_loaded_module_imports_is_loaded_again_when_it_was_changed(folders: tuple[Path, Path]) -> None:
    one, _ = folders
    make_importable(one)
    assert called() == "one"
    (one / "helping.py").write_text("FACTOR = 'changed'\n")
    load_again_what_changed()
    assert called() == "changed"


def test_a_comment_loads_nothing_again(folders: tuple[Path, Path]) -> None:
    make_importable(folders[0])
    called()
    module = sys.modules["stepping"]
    with open(folders[0] / "helping.py", "a") as file:
        file.write("# as ever\n")
    load_again_what_changed()
    assert importlib.import_module("stepping") is module


def test_the_folder_hides_no_installed_module(folders: tuple[Path, Path]) -> None:
    one, _ = folders
    (one / "yaml.py").write_text("raise RuntimeError('the wrong one')\n")
    make_importable(one)
    spec = importlib.machinery.PathFinder.find_spec("yaml")
    assert spec is not None and spec.origin != str(one / "yaml.py")


def test_a_worker_refuses_code_that_was_changed_after_the_run_began(folders: tuple[Path, Path]) -> None:
    one, _ = folders
    make_importable(one)
    params = {"steps": [{"name": "f", "code": named_code(["stepping:f"])}]}
    check_unchanged(params)
    (one / "helping.py").write_text("FACTOR = 'changed'\n")
    forget()  # a worker is another process
    with pytest.raises(CodeChanged, match="stepping:f was changed while the run was going"):
        check_unchanged(params)
    (one / "stepping.py").unlink()
    forget()
    with pytest.raises(CodeChanged, match="stepping:f was changed"):
        check_unchanged(params)
