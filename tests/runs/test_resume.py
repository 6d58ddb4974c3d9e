"""A killed run resumes to the same bytes; what is done is not done again; what changed is."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.kills import busy_workers, descendants, kill_driver, kill_workers
from tests.support.running import ROOT, command, curate, manifests, product, small_pipeline


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    curate("run", small_pipeline(folder), "--out", folder / "run", "--engine", "serial")
    return folder / "run"


def test_a_driver_killed_at_random_moments_resumes_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    kill_driver(tmp_path, product(whole), 14, random.Random(1), "--engine", "serial")


def test_a_ray_driver_killed_with_its_process_group_resumes_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    kill_driver(tmp_path, product(whole), 4, random.Random(2), "--workers", "2")


def test_a_run_survives_its_workers_being_killed(whole: Path, tmp_path: Path) -> None:
    assert kill_workers(tmp_path, product(whole), 2, random.Random(3)) >= 2


def test_a_run_whose_ray_dies_ends_with_a_sentence_and_goes_on_later(whole: Path, tmp_path: Path) -> None:
    """The process of Ray that starts workers is killed; what is printed is no traceback, and has no colour in a file."""
    pipeline, run = small_pipeline(tmp_path), tmp_path / "run"
    started = command("run", pipeline, "--out", run, "--workers", 2)
    process = subprocess.Popen(started, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not busy_workers(process.pid):
        assert process.poll() is None
        time.sleep(0.05)
    for each in descendants(process.pid):
        if Path(f"/proc/{each}/comm").read_text().strip() == "raylet":
            os.kill(each, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "the same command goes on from what is committed" in errors
    assert "Traceback" not in errors and "\x1b" not in errors
    curate("run", pipeline, "--out", run, "--engine", "serial")
    assert product(run) == product(whole)


def stages_run(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """The stages that committed something between two listings."""
    return {name.split(".")[0] for name in after if name not in before}


def test_changing_nothing_runs_nothing(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    before, bytes_before = manifests(run), product(run)
    printed = curate("run", small_pipeline(tmp_path), "--out", run, "--engine", "serial").stderr
    assert manifests(run) == before
    assert product(run) == bytes_before
    assert re.fullmatch(r"Nothing to do: \d+ steps done before\.\n", printed), printed


def test_a_changed_threshold_runs_verdicts_and_what_follows_but_not_extraction(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    before = manifests(run)
    curate(
        "run", small_pipeline(tmp_path), "--set", "filters.c4.min_sentences.min=5", "--out", run, "--engine", "serial"
    )
    stages = stages_run(before, manifests(run))
    assert "verdicts-web" in stages
    assert "tokens" in stages
    assert not stages & {"read-web", "read-reference", "evaluate-web", "evaluate-reference", "verdicts-reference"}


def test_a_threshold_changed_back_finds_what_was_done_before(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    expected = product(run)
    change = ("--set", "filters.c4.min_sentences.min=5")
    curate("run", small_pipeline(tmp_path), *change, "--out", run, "--engine", "serial")
    between = manifests(run)
    curate("run", small_pipeline(tmp_path), "--out", run, "--engine", "serial")
    assert manifests(run) == between
    assert product(run) == expected


CHANGED = "\nCHANGED = True\n"


@pytest.mark.parametrize(
    ("module", "added", "again"),
    [
        ("curate/text/sentences.py", CHANGED, {"evaluate-web", "evaluate-reference"}),
        ("curate/language/bayes.py", CHANGED, set()),  # no source has such a step
        ("curate/filters/metrics/lines.py", CHANGED, {"evaluate-web"}),
        ("curate/records/ledger.py", CHANGED, {"ledger"}),
        ("curate/extract/engines.py", CHANGED, {"read-web", "read-reference"}),
        ("curate/engine/progress.py", CHANGED, set()),
        ("curate/text/scan.py", "\n# A comment in a module of kernels.\n", set()),
    ],
)
def test_changed_source_runs_what_uses_it_and_nothing_else(
    module: str, added: str, again: set[str], whole: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    for folder in ("curate", "filters", "examples"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with open(copy / module, "a", encoding="utf-8") as file:
        file.write(added)
    run = shutil.copytree(whole, tmp_path / "run")
    before = manifests(run)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "curate",
            "run",
            str(small_pipeline(tmp_path)),
            "--out",
            str(run),
            "--engine",
            "serial",
        ],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert stages_run(before, manifests(run)) == again


def test_a_second_run_into_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    pipeline, run = small_pipeline(tmp_path), tmp_path / "run"
    first = subprocess.Popen(command("run", pipeline, "--out", run, "--engine", "serial"), stdout=subprocess.DEVNULL)
    try:
        while not (run / ".lock").exists() or not (run / ".lock").read_text():
            assert first.poll() is None
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)  # so that it is still at work when the second looks
        second = curate("run", pipeline, "--out", run, "--engine", "serial", check=False)
        assert second.returncode == 1
        assert f"in use by another run (process {first.pid}" in second.stderr
        assert "--out" in second.stderr
    finally:
        first.send_signal(signal.SIGCONT)
        assert first.wait() == 0


def interrupted(pipeline: Path, run: Path) -> tuple[int, str]:
    """Exit status and errors of a run that gets Ctrl-C as soon as it reads."""
    process = subprocess.Popen(
        command("run", pipeline, "--out", run, "--engine", "serial"),
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests may run where it is ignored
    )
    while not any((run / ".work").glob("read-web.*")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    return process.returncode, errors


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(whole: Path, tmp_path: Path) -> None:
    pipeline = small_pipeline(tmp_path)
    for attempt in range(3):  # on a busy machine a run may end before the signal reaches it
        run = tmp_path / f"run-{attempt}"
        status, errors = interrupted(pipeline, run)
        if status != 0:
            break
    assert status == 130
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    assert "stopped" in curate("status", run).stdout
    curate("run", pipeline, "--out", run, "--engine", "serial")
    assert product(run) == product(whole)


def test_an_output_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, not a directory")
    done = curate("run", small_pipeline(tmp_path), "--out", tmp_path / "run", "--engine", "serial", check=False)
    assert done.returncode == 2
    assert f"{tmp_path / 'run'} is a file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_a_clear_error_and_leaves_nothing_that_looks_whole(whole: Path, tmp_path: Path) -> None:
    """A file-size limit makes writes fail as a full disk does; with room again the run goes on to the same bytes."""
    pipeline, run = small_pipeline(tmp_path), tmp_path / "run"
    limited = f"ulimit -f 300; exec {' '.join(command('run', pipeline, '--out', run, '--engine', 'serial'))}"
    done = subprocess.run(["bash", "-c", f"trap '' XFSZ; {limited}"], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    curate("run", pipeline, "--out", run, "--engine", "serial")
    assert product(run) == product(whole)
