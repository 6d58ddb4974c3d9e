"""Runs on inputs that lie elsewhere: by the name of a crawl, from lists, the Hub and buckets, as from disk."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.config.reading import read_pipeline
from curate.dedup.index import Entry, IndexFile, Made, read_entries, write_entry
from curate.errors import ConfigError, StorageError
from curate.pipeline.inputs import find_inputs
from curate.storage import digest_file, list_files, open_binary
from tests.support.crawl_copy import CRAWL, NEWS, crawl_copy
from tests.support.faulty_server import Behaviour, serve
from tests.support.hub import hub
from tests.support.running import EXAMPLE, curate, product

PIPELINE = """
name: crawl
seed: 3
sources:
  web:
    read: READ
    steps:
      - extract: {}
      - filter: c4
shards: {tokens_per_shard: 200k, validation: 0.02}
"""


@pytest.fixture
def copy(tmp_path: Path) -> tuple[Path, list[str]]:
    """A copy of a crawl of three files of real layout, and their keys."""
    folder = tmp_path / "copy"
    return folder, crawl_copy(folder, sorted((EXAMPLE / "web").glob("*.warc.gz")))


def pipeline(folder: Path, read: str, name: str = "crawl") -> Path:
    """A pipeline file with these settings of `read`."""
    path = folder / f"{name}.yaml"
    path.write_text(PIPELINE.replace("READ", read))
    return path


def names(folder: Path, read: str, *sets: str) -> list[str]:
    """The names of the files that a source reads."""
    return [each.relative for each in find_inputs(read_pipeline(pipeline(folder, read), sets))["web"]]


def test_a_crawl_by_name_is_its_files_under_their_keys(tmp_path: Path, copy: tuple[Path, list[str]]) -> None:
    folder, keys = copy
    with serve(folder) as base:
        assert names(tmp_path, f"{{format: warc, crawl: {CRAWL}, base: '{base}'}}") == sorted(keys)
        segment = keys[1].split("/")[3]
        read = f"{{format: warc, crawl: {CRAWL}, base: '{base}', segments: ['{segment}']}}"
        assert names(tmp_path, read) == [keys[1]]
        assert names(tmp_path, f"{{format: warc, crawl: {NEWS}, base: '{base}/'}}") == [
            "crawl-data/CC-NEWS/2026/03/CC-NEWS-20260301000000-00001.warc.gz"
        ]
        other = names(tmp_path, f"{{format: warc, crawl: {CRAWL}, subset: crawldiagnostics, base: '{base}'}}")
        assert ["/crawldiagnostics/" in name for name in other] == [True]
        with pytest.raises(ConfigError, match=r"crawl\.yaml:6.*no crawl 'CC-MAIN-2026-13' at .*did you mean 'CC-MAIN-"):
            names(tmp_path, f"{{format: warc, crawl: CC-MAIN-2026-13, base: '{base}'}}")
        with pytest.raises(ConfigError, match=r"has no segment '1'"):
            names(tmp_path, f"{{format: warc, crawl: {CRAWL}, segments: ['1'], base: '{base}'}}")


def test_files_are_drawn_by_the_seed_and_not_by_their_order(tmp_path: Path, copy: tuple[Path, list[str]]) -> None:
    folder, keys = copy
    lists = [folder / "forward.paths", folder / "backward.paths.gz"]
    lists[0].write_text("\n".join(keys))
    lists[1].write_bytes(gzip.compress("\n".join(reversed(keys)).encode()))
    drawn = {
        tuple(names(tmp_path, f"{{format: warc, paths: ['@{path}'], base: '{folder}', take: 1, seed: {seed}}}"))
        for path in lists
        for seed in range(8)
    }
    assert len(drawn) > 1 and all(len(each) == 1 for each in drawn)
    for seed in range(8):
        forward, backward = (
            names(tmp_path, f"{{format: warc, paths: ['@{path}'], base: '{folder}', take: 2, seed: {seed}}}")
            for path in lists
        )
        assert forward == backward
    of_crawl = names(tmp_path, f"{{format: warc, crawl: {CRAWL}, base: '{folder}', take: 2, seed: 5}}")
    assert of_crawl == names(tmp_path, f"{{format: warc, paths: ['@{lists[0]}'], base: '{folder}', take: 2, seed: 5}}")


def test_a_recipe_runs_on_a_crawl_named_on_the_command_line(copy: tuple[Path, list[str]]) -> None:
    folder, _ = copy
    with serve(folder) as base:
        sets = [f"sources.web.read.{key}" for key in (f"crawl={CRAWL}", f"base={base}", "take=2")]
        done = curate("check", "fineweb", *(each for key in sets for each in ("--set", key)))
        assert done.returncode == 0
        file = read_pipeline("pipelines/fineweb.yaml", sets)
        assert len(find_inputs(file)["web"]) == 2
        assert file.pipeline.sources["web"].read.paths == ()


def test_a_recipe_on_files_of_ones_own_is_not_said_to_have_read_the_example(
    tmp_path: Path, copy: tuple[Path, list[str]]
) -> None:
    folder, keys = copy
    for name, key in (("crawl", f"crawl={CRAWL}"), ("paths", f"paths={folder / keys[0]}")):
        sets = [f"sources.web.read.{key}", *([f"sources.web.read.base={folder}"] if name == "crawl" else [])]
        changes = [each for key in (*sets, "sources.web.read.take=1") for each in ("--set", key)]
        done = curate("run", "gopher", *changes, "--out", tmp_path / name, "--until", "read", "--engine", "serial")
        assert "small example" not in done.stderr, name


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ("{format: warc}", "give paths, or the name of a crawl"),
        ("{format: warc, crawl: CC-MAIN-2026-12, paths: [a.gz]}", "give paths, or the name of a crawl"),
        ("{format: parquet, crawl: CC-MAIN-2026-12}", "not parquet"),
        ("{format: warc, crawl: CC-MAIN-2012}", "string should match pattern"),
        ("{format: warc, paths: [a.gz], base: 'https://h/'}", "base goes with a crawl, an index or a list"),
        ("{format: warc, paths: [a.gz], segments: ['1']}", "segments and subset are those of a crawl"),
        ("{format: warc, paths: ['https://h/*.gz']}", "a web server does not list its files"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, read: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        names(tmp_path, read)


def test_a_run_over_a_server_with_faults_makes_the_bytes_of_one_from_disk(
    tmp_path: Path, copy: tuple[Path, list[str]]
) -> None:
    folder, _ = copy
    environment = {**os.environ, "CURATE_STORAGE_WAIT": "0.01", "CURATE_STORAGE_STALL": "0.5"}
    local = pipeline(tmp_path, f"{{format: warc, crawl: {CRAWL}, base: '{folder}'}}", "local")
    curate("run", local, "--out", tmp_path / "disk", "--engine", "serial")
    behaviour = Behaviour(0.3, seed=11)
    with serve(folder, behaviour) as base:
        remote = pipeline(tmp_path, f"{{format: warc, crawl: {CRAWL}, base: '{base}'}}", "remote")
        curate("run", remote, "--out", tmp_path / "web", "--engine", "serial", environment=environment)
    assert product(tmp_path / "web") == product(tmp_path / "disk")
    assert sum(count for kind, count in behaviour.done.items() if kind != "whole") >= 2


def test_a_file_that_cannot_be_read_ends_the_run_with_a_sentence_and_it_goes_on_later(
    tmp_path: Path, copy: tuple[Path, list[str]]
) -> None:
    folder, keys = copy
    environment = {**os.environ, "CURATE_STORAGE_WAIT": "0.01", "CURATE_STORAGE_TRIES": "3"}
    behaviour = Behaviour()
    with serve(folder, behaviour) as base:
        file = pipeline(tmp_path, f"{{format: warc, crawl: {CRAWL}, base: '{base}'}}")
        behaviour.refuse = keys[2]
        out = tmp_path / "run"
        done = curate("run", file, "--out", out, "--engine", "serial", check=False, environment=environment)
        assert done.returncode in (1, 2)
        assert "could not be read in 3 tries" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr and not (out / "run.json").exists()
        behaviour.refuse = None
        curate("run", file, "--out", out, "--engine", "serial", environment=environment)
    read = pa.concat_tables(pq.read_table(path, columns=["file"]) for path in sorted((out / "ledger").iterdir()))
    assert set(read["file"].to_pylist()) == set(keys)


def test_a_data_set_of_the_hub_is_read_at_the_commit_that_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        path = tmp_path / f"set/data/en/part-{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"text": [f"Text {number} {row}." for row in range(20)]}), path)
    (tmp_path / "set" / "README.md").write_text("# about")
    with hub(tmp_path / "set") as endpoint:
        environment = {**os.environ, "HF_ENDPOINT": endpoint}
        read = "{format: parquet, paths: ['hf://datasets/owner/data/**/*.parquet'], limit: 30, url: null}"
        text = PIPELINE.replace("READ", read).replace("      - extract: {}\n", "")
        (tmp_path / "hub.yaml").write_text(text)
        curate("run", tmp_path / "hub.yaml", "--out", tmp_path / "run", "--engine", "serial", "--set",
               "tokens=null", "--set", "shards.validation=0.005", "--set", "shards.tokens_per_shard=64M",
               environment=environment, check=False)  # fmt: skip
    ledger = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "run/ledger").iterdir()))
    assert ledger.num_rows == 30
    assert ledger["file"].to_pylist()[0] == "data/en/part-0.parquet"


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """An S3 server with the bucket `curate-test`, as the environment that names it."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("obstore")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test-key",
        aws_secret_access_key="test-secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="curate-test")
    for path in sorted((EXAMPLE / "web").glob("*.warc.gz")):
        client.upload_file(str(path), "curate-test", f"in/[a]/{path.name}")
    yield environment
    client.close()
    server.stop()


def test_files_of_a_bucket_are_listed_and_read_as_those_of_a_folder(
    bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    for pattern in ("in/*/*.warc.gz", "in/**/*.warc.gz", "in/[a]/*.warc.gz"):
        files = list_files([f"s3://curate-test/{pattern}"])
        assert [file.path.rsplit("/", 1)[1] for file in files] == [f"web-0000{number}.warc.gz" for number in range(3)]
    for file in files:
        expected = (EXAMPLE / "web" / file.path.rsplit("/", 1)[1]).read_bytes()
        assert "ETag" in file.stamp and file.size == len(expected)
        with open_binary(file.path, file.size) as opened:
            assert opened.read() == expected
    with pytest.raises(FileNotFoundError, match="there is no s3://curate-test/gone"):
        list_files(["s3://curate-test/gone"])
    with pytest.raises(StorageError, match="has changed since it was listed"):
        open_binary(files[0].path, 5)


def test_a_run_on_a_bucket_makes_the_bytes_of_one_on_a_folder_and_writes_no_key(
    tmp_path: Path, bucket: dict[str, str]
) -> None:
    for name, path in (("disk", f"{EXAMPLE}/web/*1.warc.gz"), ("bucket", "s3://curate-test/in/**/*1.warc.gz")):
        root = str(EXAMPLE / "web") if name == "disk" else "s3://curate-test/in/[a]"
        file = pipeline(tmp_path, f"{{format: warc, paths: ['{path}'], root: '{root}'}}", name)
        curate(
            "run", file, "--out", tmp_path / f"run-{name}", "--engine", "serial", environment={**os.environ, **bucket}
        )
    assert product(tmp_path / "run-bucket") == product(tmp_path / "run-disk")
    for path in (tmp_path / "run-bucket").rglob("*"):
        assert not path.is_file() or b"test-secret" not in path.read_bytes()


def test_an_index_of_earlier_runs_lies_in_a_bucket(
    bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "signatures").write_bytes(b"signed")
    digest = digest_file(tmp_path / "signatures")
    entry = Entry("0123456789ab", "web", 1, Made(5, 112), (IndexFile("web", "web-00000.arrow", 3, 6, digest),))
    for _ in range(2):
        write_entry("s3://curate-test/index", entry, [str(tmp_path / "signatures")])
        assert read_entries("s3://curate-test/index") == [entry]
    with open_binary(entry.file("s3://curate-test/index", entry.files[0]).path) as file:
        assert file.read() == b"signed"
