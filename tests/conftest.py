"""Fixtures shared by all tests: where the real data lies, and a private cache for compiled kernels' neighbours."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test data, named by CURATE_TEST_DATA or lying beside the checkout."""
    folder = Path(os.environ.get("CURATE_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "README.md").exists():
        pytest.skip("real test data not found; set CURATE_TEST_DATA to its folder")
    return folder
