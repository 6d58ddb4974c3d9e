"""Fixtures and markers shared by all tests: where the real data lies, what is slow, and which skips CI may not have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

SLOW = ("runs/", "trainer/", "audit/", "mixture/", "project/test_readme", "project/test_recipes", "project/test_wheel",
        "project/test_tutorials", "project/test_notebooks", "project/test_example_web", "dedup/test_recall",
        "dedup/test_resume", "dedup/test_dedup", "dedup/test_lines", "dedup/test_commands", "dedup/test_index",
        "quality/test_runs", "pii/test_example", "extract/test_extract", "extract/test_own_engine",
        "filters/test_conformance", "filters/test_languages", "filters/test_default_text", "language/test_language",
        "config/test_fuzz", "ingest/test_fuzz", "ingest/test_isolation", "ingest/test_bounds",
        "ingest/test_faulty_storage", "engine/test_names", "cli/test_boundary", "tokens/test_at_hand", "cli/test_check",
        "cli/test_formats", "cli/test_terminal", "pii/test_pii", "quality/test_labels", "quality/test_folds",
        "quality/test_buckets", "shards/test_mixed_loader", "shards/test_bucket_exports", "decontaminate/test_overlap",
        "decontaminate/test_decontaminate", "tokens/test_tokens", "tokens/test_training", "tokens/test_sources",
        "quality/test_topics", "quality/test_quality", "code/test_fingerprint", "ingest/test_index_pruning",
        "project/test_reference_pages", "project/test_public")  # fmt: skip
"""Modules of tests that take more than six seconds: whole pipelines, trainings, many hundred damaged files or processes.
`make check` does not even read them."""

SLOW_TESTS = (
    "test_init_asks_nothing_and_what_it_writes_can_be_run",
    "test_a_listed_domain_stands_for_its_subdomains",
    "test_a_million_entries_are_looked_up_by_hash",
    "test_what_the_edits_removed_adds_up",
    "test_real_crawl_gives_exactly_the_pages_that_fastwarc_sees",
    "test_the_same_pages_however_the_file_is_stored",
    "test_what_is_written_is_read_again",
    "test_runs_hold_and_export_what_they_should",
    "test_awkward_text_has_defined_values[fineweb2]",
    "test_structs_are_read_back_as_written",
    "test_the_command_names_a_missing_file_and_the_bundled_recipes",
    "test_until_names_the_steps_it_knows",
    "test_a_reader_finds_in_few_files_the_rows_that_it_would_find_in_all_of_them",
    "test_what_detectors_find_in_whole_documents_is_what_is_found",
    "test_no_corruption_loses_an_untouched_record_or_an_unaccounted_byte",
)
"""Tests of other modules that take more than two seconds."""

LONGEST_NAME = 40
"""Bytes that may stand in a test's name."""

settings.register_profile("curate", parent=settings.get_profile("default"), deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "curate")  # no test fails by the clock

WANTED_IN_CI = ("real test data", "no cases", "chromium", "selenium", "no package index")
"""Words in the reason of a skip that CI may not have: it provides data, a browser and a package index."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test data, named by CURATE_TEST_DATA or lying beside the checkout."""
    folder = Path(os.environ.get("CURATE_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "README.md").exists():
        pytest.skip("real test data not found; set CURATE_TEST_DATA to its folder")
    return folder


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Slow modules are not read where their tests are not wanted: reading all takes longer than most others run."""
    place = collection_path.relative_to(ROOT / "tests").as_posix()
    wanted = "not slow" not in config.option.markexpr
    return None if wanted or not collection_path.is_file() or not place.startswith(SLOW) else True


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long bytes are called by their argument: some hold the second that they were made in."""
    return argname if isinstance(val, bytes) and len(val) > LONGEST_NAME else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the name of a test's module or its fixtures tell; long files come first."""
    for item in items:
        place = item.path.relative_to(ROOT / "tests").as_posix()
        if place.startswith(SLOW) or item.name.startswith(SLOW_TESTS):
            item.add_marker(pytest.mark.slow)
        fixtures = getattr(item, "fixturenames", ())
        if "shared_data" in fixtures:
            item.add_marker(pytest.mark.data)
        if any("browser" in name or "chromium" in name for name in fixtures):
            item.add_marker(pytest.mark.browser)
        if "cluster" in place or "[ray]" in item.name:
            item.add_marker(pytest.mark.ray)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)  # so that no process is left with a long file


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a test that is skipped for want of data, a browser or a package index has failed: CI provides them."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if any(word in reason.lower() for word in WANTED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, which provides what it wants: {reason}"
    return report  # type: ignore[return-value]
