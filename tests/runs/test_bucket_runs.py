"""Run directories in buckets, against an S3 server: the same bytes as on a disk, one run at a time, nothing else touched."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import open_finished
from curate.audit.verify import Verified
from curate.audit.verify_bucket import verify_address
from curate.audit.whatif import what_if
from curate.cli.main import main
from curate.engine import lease
from curate.engine.commit import DamagedError
from curate.engine.generation import sweep_generations
from curate.engine.lease import hold_address
from curate.engine.lock import LockedError, hold
from curate.engine.mirror import Mirror, sweep_results
from curate.engine.pointer import read_pointer
from curate.engine.seal import sealed
from curate.errors import StorageError
from curate.pipeline import run as running
from curate.pipeline.made import open_run
from curate.pipeline.run import run
from curate.shards import Loader
from curate.shards.export import export
from curate.storage import OutputError
from curate.storage.objects import list_objects, put_bytes, read_object
from tests.support.bucket_runs import assert_same
from tests.support.faulty_server import Behaviour
from tests.support.object_store import BUCKET, FAULTS, SECRET, gateway

DAY = 86_400.0


@pytest.fixture(scope="module")
def made(store: dict[str, str], inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a finished run that tests ask and do not change."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.items():
            patch.setenv(name, value)
        patch.setenv("CURATE_MIRROR_DIR", str(tmp_path_factory.mktemp("maker")))
        run(inputs / "1.yaml", out=f"s3://{BUCKET}/made/", engine="serial")
    return f"s3://{BUCKET}/made"


def test_a_run_in_a_bucket_publishes_the_bytes_of_one_on_a_disk_and_no_key(
    made: str, inputs: Path, machine: Callable[[str], None]
) -> None:
    assert_same(made, inputs / "disk")
    for each in list_objects(made):
        found = read_object(f"{made}/{each.name}")
        assert found is not None and SECRET.encode() not in found[0]


def test_the_same_run_from_a_machine_without_a_mirror_does_and_publishes_nothing(
    made: str, inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    before = read_pointer(made)
    machine("another")
    again = run(inputs / "1.yaml", out=made, engine="serial")
    assert not again.executed and read_pointer(made) == before
    brought = [path for path in (tmp_path / "another").rglob("*.documents") if path.is_file()]
    assert not brought, "texts came here though nothing asked for them"


def test_a_run_that_is_killed_goes_on_from_the_bucket_on_another_machine(
    store: dict[str, str], inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    """Each attempt is killed at one of its writes, and the next has an empty disk."""
    address = f"s3://{BUCKET}/killed"
    chance = random.Random(5)
    for attempt in range(3):
        environment = {**os.environ, "CURATE_MIRROR_DIR": str(tmp_path / f"machine-{attempt}")}
        program = KILLED.format(write=chance.randint(5, 30), pipeline=str(inputs / "1.yaml"), address=address)
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert read_pointer(address) is None
    machine("last")
    result = run(inputs / "1.yaml", out=address, engine="serial", force_unlock=True)
    whole = sum(len(list(folder.glob("*.json"))) for folder in (inputs / "disk" / ".work").iterdir())
    assert 0 < sum(result.executed.values()) < whole, "nothing of what was done was taken up"
    assert_same(address, inputs / "disk")


KILLED = """
import os, signal
from curate.engine import bucket_results, generation
from curate.pipeline.run import run
left = {write}

def killing(function):
    def counted(*arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return counted

for module in (bucket_results, generation):
    for name in ("put_bytes", "put_file", "put_if", "copy_object"):
        if hasattr(module, name):
            setattr(module, name, killing(getattr(module, name)))
run({pipeline!r}, out={address!r}, engine="serial", force_unlock=True)
"""


def test_what_was_done_by_a_killed_run_is_gone_on_with_at_once_on_its_own_machine(
    store: dict[str, str], inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    address = f"s3://{BUCKET}/same-machine"
    program = KILLED.format(write=9, pipeline=str(inputs / "1.yaml"), address=address)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    run(inputs / "1.yaml", out=address, engine="serial")
    assert_same(address, inputs / "disk")


def test_a_second_run_into_one_prefix_is_told_who_holds_it_since_when(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"s3://{BUCKET}/held"
    (tmp_path / "holder").mkdir()
    with hold_address(address, tmp_path / "holder", force=False, beat=lambda: None) as first:
        with pytest.raises(LockedError, match=rf"in use by another run \(process {os.getpid()} on .*, since 20"):
            run(inputs / "1.yaml", out=address, engine="serial")
        assert main(["run", str(inputs / "1.yaml"), "--out", address, "--engine", "serial"]) == 1
        assert "--force-unlock takes it now" in " ".join(capsys.readouterr().err.split())
        run(inputs / "1.yaml", out=address, engine="serial", force_unlock=True)
        first.renew()
        with pytest.raises(LockedError, match="another run took the hold"):
            first.check()
    assert_same(address, inputs / "disk")
    assert (made := read_object(f"{address}/{lease.NAME}")) and json.loads(made[0])["owner"] == ""


def test_a_second_run_on_the_same_machine_is_refused_by_its_lock(inputs: Path, machine: Callable[[str], None]) -> None:
    address = f"s3://{BUCKET}/locked"
    mirror = Mirror.of(address)
    with hold(mirror.folder), pytest.raises(LockedError, match=f"{address} is in use by another run"):
        run(inputs / "1.yaml", out=address, engine="serial")


def test_a_lease_that_nobody_renews_runs_out_and_one_that_is_renewed_does_not(
    machine: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"s3://{BUCKET}/leased"
    monkeypatch.setattr(lease, "LEASE_SECONDS", -2.0)  # ages are told in whole seconds: older than this is any
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with (
        hold_address(address, tmp_path / "first", force=False, beat=lambda: None) as dead,
        hold_address(address, tmp_path / "second", force=False, beat=lambda: None) as living,
    ):
        dead.renew()
        living.renew()
        living.check()
        with pytest.raises(LockedError):
            dead.check()


def test_a_run_that_lost_its_hold_publishes_nothing(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"s3://{BUCKET}/taken"
    (tmp_path / "thief").mkdir()
    before = running.publish_run

    def taken(*arguments: object) -> object:
        with hold_address(address, tmp_path / "thief", force=True, beat=lambda: None):
            next(each for each in arguments if hasattr(each, "_lease"))._lease.renew()
            return before(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "publish_run", taken)
    with pytest.raises(LockedError, match="published nothing"):
        run(inputs / "1.yaml", out=address, engine="serial")
    assert read_pointer(address) is None


def test_a_second_seed_is_published_at_once_and_the_run_before_can_be_read_on(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    address = f"s3://{BUCKET}/twice"
    run(inputs / "1.yaml", out=address, engine="serial")
    machine("reader")
    early = open_finished(address)
    machine("first")
    run(inputs / "2.yaml", out=address, engine="serial")
    assert [path.exists() for path in early.ledger] == [True, True]
    assert len(early.ledger) == 2 and early.record["pipeline"]["seed"] == 1
    assert open_finished(address).record["pipeline"]["seed"] == 2
    run(inputs / "1.yaml", out=address, engine="serial")
    assert_same(address, inputs / "disk")
    run(inputs / "2.yaml", out=address, engine="serial")
    assert len({each.name.split("/")[0] for each in list_objects(f"{address}/published")}) == 2


def test_with_faults_in_every_third_request_the_bytes_are_the_same(
    store: dict[str, str], inputs: Path, machine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"s3://{BUCKET}/faulty"
    behaviour = Behaviour(share=0.3, faults=FAULTS, seed=3)
    with gateway(store["AWS_ENDPOINT_URL"], behaviour) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        run(inputs / "1.yaml", out=address, engine="serial")
    monkeypatch.setenv("AWS_ENDPOINT_URL", store["AWS_ENDPOINT_URL"])
    assert_same(address, inputs / "disk")
    assert min(behaviour.done[fault] for fault in FAULTS) > 5, behaviour.done


def test_a_store_that_ignores_conditions_is_refused(
    store: dict[str, str], inputs: Path, machine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway(store["AWS_ENDPOINT_URL"], Behaviour(), conditions=False) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(OutputError, match="overwrites where it is asked not to"):
            run(inputs / "1.yaml", out=f"s3://{BUCKET}/careless", engine="serial")
    monkeypatch.setenv("AWS_ENDPOINT_URL", store["AWS_ENDPOINT_URL"])
    assert list_objects(f"s3://{BUCKET}/careless") == []


def test_questions_to_a_run_in_a_bucket_are_answered_as_on_a_disk(
    made: str, inputs: Path, machine: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine("questions")
    there, here = open_finished(made), open_finished(inputs / "disk")
    assert there.stats == here.stats
    for name in ("https://a.example/7", "train-00000:2"):
        assert explain(there, find(there, name)[0]).data == explain(here, find(here, name)[0]).data
    changes = ["filters.c4.lorem_ipsum.max=5"]
    assert what_if(there, changes, 2).data == what_if(here, changes, 2).data
    sql = "select id, source, tokens, shard from ledger order by id"
    assert open_run(made).query(sql).equals(open_run(inputs / "disk").query(sql))
    assert open_run(made).documents().to_table().equals(open_run(inputs / "disk").documents().to_table())
    assert open_run(made).sample(n=5).equals(open_run(inputs / "disk").sample(n=5))
    for words in (
        ["query", made, "select count(*) from ledger"],
        ["report", made, "--format", "json"],
        ["report", made],
        ["compare", made, str(inputs / "disk")],
        ["diff", made, str(inputs / "disk")],
        ["status", made],
        ["sample", made, "-n", "2"],
        ["duplicates", made],
        ["mix", "plan", made, "--epochs", "a=1,b=1"],
    ):
        assert main(words) == 0, capsys.readouterr().err


def test_a_byte_that_was_flipped_in_the_bucket_is_found_and_restored(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"s3://{BUCKET}/flipped"
    run(inputs / "1.yaml", out=address, engine="serial")
    whole = verify_address(address)
    assert whole.sound and whole.files > 50
    pointer = read_pointer(address)
    assert pointer is not None
    names = [each.name for each in list_objects(address) if each.size]
    flipped = [
        next(name for name in names if name.startswith(f"published/{pointer.generation}/shards/train-00001")),
        next(name for name in names if name.startswith(".work/ledger") and name.endswith(".ledger")),
    ]
    for name in flipped:
        found = read_object(f"{address}/{name}")
        assert found is not None
        data = bytearray(found[0])
        data[len(data) // 2] ^= 1
        put_bytes(f"{address}/{name}", bytes(data))
    assert {fault.name for fault in verify_address(address).faults} == set(flipped)
    machine("elsewhere")
    with pytest.raises(DamagedError, match="another SHA-256"):
        open_run(address).shards().open(open_run(address).shards().entries[1])
    assert main(["verify", address]) == 1
    assert "train-00001" in capsys.readouterr().out
    mended = verify_address(address, repair=True)
    assert mended.sound and len(mended.faults) == 2
    assert verify_address(address) == Verified(whole.files, whole.bytes, ())
    assert_same(address, inputs / "disk")


def test_what_has_no_whole_copy_left_is_made_again_by_the_next_run(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    address = f"s3://{BUCKET}/lost"
    run(inputs / "1.yaml", out=address, engine="serial")
    machine("elsewhere")
    for each in list_objects(address):
        if "/shards/train-00002" in each.name or (each.name.startswith(".work/shard") and each.name.endswith(".shard")):
            put_bytes(f"{address}/{each.name}", b"x" * each.size)
    assert verify_address(address, repair=True).sound
    result = run(inputs / "1.yaml", out=address, engine="serial")
    assert result.executed
    assert verify_address(address).sound
    assert_same(address, inputs / "disk")


def test_a_loader_reads_the_published_shards_and_goes_on_when_the_run_is_published_again(
    inputs: Path, machine: Callable[[str], None]
) -> None:
    address = f"s3://{BUCKET}/loaded"
    run(inputs / "1.yaml", out=address, engine="serial")
    settings = {"sequence_length": 64, "batch_size": 2, "epochs": 1}
    expected = list(Loader(inputs / "disk", **settings))
    for place in (address, f"{address}/shards"):
        batches = iter(Loader(place, **settings))
        assert np.array_equal(next(batches).tokens, expected[0].tokens)
    run(inputs / "2.yaml", out=address, engine="serial")
    rest = list(batches)
    assert len(rest) == len(expected) - 1
    assert all(np.array_equal(one.tokens, other.tokens) for one, other in zip(rest, expected[1:], strict=True))


@pytest.mark.parametrize("format", ["parquet", "hf"])
def test_an_export_of_a_run_in_a_bucket_has_the_bytes_of_one_on_a_disk(
    format: str, made: str, inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    machine("exporter")
    for place, name in ((made, "there"), (inputs / "disk", "here")):
        export(place, format, tmp_path / name, sequence_length=64)
    names = [path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*") if path.is_file()]
    assert names
    for name in names:
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name


def test_nothing_is_deleted_that_no_run_wrote(inputs: Path, machine: Callable[[str], None], tmp_path: Path) -> None:
    address = f"s3://{BUCKET}/shared"
    put_bytes(f"{address}/thesis.txt", b"mine")
    with pytest.raises(OutputError, match="is not empty and holds no run"):
        run(inputs / "1.yaml", out=address, engine="serial")
    assert [each.name for each in list_objects(address)] == ["thesis.txt"]
    run(inputs / "1.yaml", out=address, engine="serial", replace=True)
    first = read_pointer(address)
    assert first is not None
    foreign = [
        "thesis.txt",
        f"published/{first.generation}/notes.txt",
        "published/notes.txt",
        ".work/notes.txt",
        ".work/read-a.0123456789abcdef/notes.txt",
    ]
    for name in foreign:
        put_bytes(f"{address}/{name}", b"mine")
    dead = ".work/read-a.0123456789abcdef/0123456789abcdef.0123456789abcdef.documents"
    put_bytes(f"{address}/{dead}", b"of an attempt that died")
    mirror = Mirror.of(address)
    now = max(each.written for each in list_objects(address))
    assert sweep_results(mirror, now) == 0, "what was written today may be another worker's"
    assert (sweep_results(mirror, now + 2 * DAY), sweep_generations(mirror, now + 2 * DAY)) == (1, 0)
    for seed in (2, 1, 2):
        run(inputs / f"{seed}.yaml", out=address, engine="serial")
    left = {each.name for each in list_objects(address)}
    assert dead not in left and set(foreign) <= left
    file = inputs / "other.yaml"
    file.write_text((inputs / "1.yaml").read_text().replace("name: crashing", "name: other"))
    with pytest.raises(OutputError, match="holds the run of another pipeline, 'crashing'"):
        run(file, out=address, engine="serial")


@pytest.mark.parametrize(
    "place", ["hf://datasets/me/set", "https://example.org/run", "memory://run", "s3://b//run", "s3://"]
)
def test_an_address_where_no_run_can_lie_is_refused_in_a_sentence(
    place: str, inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(inputs / "1.yaml"), "--out", place, "--engine", "serial"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "cannot lie at" in told or "names no folder in a bucket" in told
    assert not Path(place.partition("/")[0]).exists()


def test_where_nothing_is_published_that_is_said(machine: Callable[[str], None]) -> None:
    for address in (f"s3://{BUCKET}/nothing", "s3://no-such-bucket/run"):
        with pytest.raises((FileNotFoundError, StorageError), match=r"holds no finished run|could not be"):
            open_finished(address)


def test_a_hostile_bucket_leads_to_no_file_outside_the_mirror(
    made: str, machine: Callable[[str], None], tmp_path: Path
) -> None:
    address = f"s3://{BUCKET}/hostile"
    for generation in ("../../../../tmp/x", "0123456789abcde/", ""):
        fields = {"format": "curate-run/1", "name": "x", "generation": generation, "before": ""}
        put_bytes(f"{address}/current.json", sealed(fields))
        with pytest.raises(DamagedError, match="does not say which run is published"):
            open_finished(address)


@pytest.mark.ray
def test_workers_of_ray_put_what_they_made(inputs: Path, machine: Callable[[str], None], tmp_path: Path) -> None:
    address = f"s3://{BUCKET}/ray"
    run(inputs / "1.yaml", out=address, workers=2)
    assert_same(address, inputs / "disk")
    shutil.rmtree(Mirror.of(address).folder)
    assert not run(inputs / "1.yaml", out=address, engine="serial").executed
