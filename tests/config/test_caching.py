"""The cache folder: one place, its user's own, never one that another account could fill."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from curate.text.caching import cache_folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CURATE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_new_cache_is_its_owner_s_alone(home: Path) -> None:
    folder = cache_folder("numba-1")
    assert folder == home / "cache" / "curate" / "numba-1"
    for each in (folder, folder.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700


def test_a_named_folder_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_CACHE_DIR", str(home / "mine" / "deep"))
    assert cache_folder("models") == home / "mine" / "deep" / "models"


def test_a_cache_that_others_can_write_to_is_not_used(home: Path) -> None:
    usual = home / "cache" / "curate"
    usual.mkdir(parents=True)
    usual.chmod(0o777)
    assert cache_folder("models") == home / f"curate-{os.getuid()}" / "models"


def test_a_folder_laid_in_wait_among_temporary_files_is_not_used(home: Path) -> None:
    (home / "cache").write_text("no folder")
    (home / "elsewhere").mkdir()
    (home / f"curate-{os.getuid()}").symlink_to(home / "elsewhere")
    folder = cache_folder("models")
    assert (home / "elsewhere") not in folder.resolve().parents
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
