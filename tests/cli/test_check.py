"""What `curate check` may cost: it plans, and leaves to a run what only a run needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running import ROOT, curate


@pytest.mark.parametrize("recipe", ["webtext", "fineweb", "gopher"])
def test_checking_compiles_no_kernel(recipe: str, tmp_path: Path) -> None:
    settings = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    curate("check", ROOT / "pipelines" / f"{recipe}.yaml", environment={**settings, "CURATE_CACHE_DIR": str(tmp_path)})
    assert [path.name for path in tmp_path.rglob("*.nb?")] == []


def test_a_kernel_that_is_used_is_compiled_into_that_folder(tmp_path: Path) -> None:
    settings = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    used = "import pyarrow as pa; from curate.text.view import TextView; TextView(pa.array(['a b'])).model"
    subprocess.run([sys.executable, "-c", used], env={**settings, "CURATE_CACHE_DIR": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*.nb?"))
