"""Kills a process at a file operation of publishing, removing, mixing, exporting or training, at each in turn, and looks.

After every kill the readers must see the state before or the state after, whole; and the same call, repeated, must leave the
bytes that an undisturbed one leaves. As a program, `python -m tests.support.crashes` tries every operation; `--most` bounds
how many of each. Processes are forked, so that nothing is imported again for each of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from curate.audit.finished_run import open_finished
from curate.audit.ledger import ask, connect
from curate.audit.remove import remove
from curate.config.mixture import Mixture
from curate.engine.lock import hold
from curate.mixture.make import make_mix
from curate.pipeline.run import run
from curate.shards import ShardReader
from curate.shards.export import export
from curate.shards.export.made import RECORD
from curate.trainer.train.checkpoint import found, open_checkpoint
from curate.trainer.train.train import train
from tests.support.trainer_example import LENGTH, settings

NOW = "2026-01-01T00:00:00+00:00"
PIPELINE = """
name: crashing
seed: {seed}
sources:
  a:
    read: {{format: jsonl, paths: [{folder}/a.jsonl]}}
    steps: [{{filter: c4}}]
  b:
    read: {{format: jsonl, paths: [{folder}/b.jsonl]}}
combine:
  - deduplicate: {{exact: true}}
  - decontaminate: {{against: [{folder}/eval.jsonl], ngram: 13}}
mixture: {{sources: {{a: {{epochs: 2}}, b: {{epochs: 1}}}}}}
shards: {{tokens_per_shard: 3k, validation: 0.1}}
keep: [deduplicate]
"""
VICTIM = "The lighthouse keeper of Orrinsay counted seventeen herons on the morning that the bridge was opened. "
"""Of one document of source `a`, and of an evaluation item."""

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.utime", "os.truncate", "shutil.rmtree"}
_UNLIKE = ("timings", ".lock", "report.html", ".published.json", "metrics.jsonl", "checkpoint.json")
"""What holds times, or the checksum of what does."""


def write_inputs(folder: Path) -> None:
    """Two sources of invented documents, and an evaluation set that shares a passage with one of them."""
    for name in "ab":
        lines = [{"text": f"{_prose(name, number)}", "url": f"https://{name}.example/{number}"} for number in range(60)]
        if name == "a":
            lines[7]["text"] = VICTIM + lines[7]["text"]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "eval.jsonl").write_text(json.dumps({"text": VICTIM}) + "\n")


def _prose(name: str, number: int) -> str:
    words = [f"{name}{number}w{place}" for place in range(12)]
    return " ".join(f"The {word} of the town is told of in the book of days." for word in words)


@dataclasses.dataclass(frozen=True)
class Crash:
    """An operation on a folder that holds a state: `call` makes the next one, `see` is what readers see of either."""

    name: str
    folder: Path
    call: Callable[[], object]
    see: Callable[[], object]


def seen_of_run(folder: Path) -> dict[str, Any]:
    """A run as its readers see it: numbers, ledger, shards, mixes, all in agreement with each other."""
    opened = open_finished(folder)
    rows = ask(connect(opened.ledger), "select id, kept, dropped_at, tokens from ledger order by id").to_pylist()
    kept = sum(source["kept"] for source in opened.stats["sources"].values())
    assert kept == sum(row["kept"] for row in rows), "stats.json and the ledger are of two states"
    shards = {"shards": _documents(folder / "shards")}
    listed = {split: each["documents"] for split, each in opened.stats["shards"].items()}
    assert sum(listed.values()) == sum(count for _, count in shards["shards"]), (
        "stats.json and shards are of two states"
    )
    for mix in sorted((folder / "mixes").glob("*")):
        shards[mix.name] = _documents(mix)
    return {"record": dict(opened.record), "ledger": rows, "shards": shards}


def _documents(folder: Path) -> list[tuple[str, int]]:
    """(hash, documents with tokens) of every shard."""
    reader = ShardReader(folder)
    found = []
    for entry in reader.entries:
        view = reader.open(entry)
        lengths = view.offsets[1:] - view.offsets[:-1]
        content = hashlib.sha256(view.tokens.tobytes() + view.offsets.tobytes()).hexdigest()
        found.append((content, int((lengths > 0).sum())))
    return found


def seen_of_export(folder: Path) -> dict[str, str]:
    """An export's files; those that its record lists have the content that it says."""
    listed = json.loads((folder / RECORD).read_bytes())["files"]
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in listed}
    assert files == {name: entry["sha256"] for name, entry in listed.items()}
    return files


def seen_of_training(folder: Path) -> tuple[int, str]:
    """(step, hash of the weights) of the newest checkpoint; every one that is there can be gone on from."""
    for path in found(folder):
        assert {file.name for file in path.iterdir()} == {"checkpoint.json", "model.pt", "training.pt"}, path
    newest = open_checkpoint(folder)
    weights = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in newest.weights().values()))
    return newest.about["step"], weights.hexdigest()


def crashes(folder: Path) -> Iterator[Crash]:
    """Every operation, each on a folder of its own with what it begins with."""
    write_inputs(folder)
    for seed in (1, 2):
        (folder / f"{seed}.yaml").write_text(PIPELINE.format(folder=folder, seed=seed))

    def make(out: Path, seed: int) -> None:
        run(folder / f"{seed}.yaml", out=out, engine="serial")

    out = folder / "publish"
    make(out, 2)
    make(out, 1)
    yield Crash("publish", out, lambda: make(out, 2), lambda: seen_of_run(out))

    base = folder / "base"
    make(base, 1)
    even, odd = ({"sources": {"a": {"epochs": epochs}, "b": {"epochs": 1}}} for epochs in (1, 3))
    make_mix(base, "index", Mixture.model_validate(odd))
    make_mix(base, "whole", Mixture.model_validate(even), materialise=True)

    mix = Path(shutil.copytree(base, folder / "mix"))
    call = lambda: make_mix(mix, "whole", Mixture.model_validate(odd), materialise=True)  # noqa: E731
    yield Crash("mix make", mix, call, lambda: seen_of_run(mix))

    removing = Path(shutil.copytree(base, folder / "remove"))

    def take_out() -> None:
        with hold(removing):
            remove(open_finished(removing), "url", ["https://a.example/7"], NOW, "asked for")

    yield Crash("remove", removing, take_out, lambda: seen_of_run(removing))

    exported = folder / "exported"
    export(base / "mixes" / "whole", "parquet", exported, workers=1)
    yield Crash(
        "export", exported, lambda: export(base, "parquet", exported, workers=1), lambda: seen_of_export(exported)
    )

    def learn(out: Path, steps: int) -> None:
        model = {"vocabulary": 50_257, "layers": 1, "width": 8, "heads": 1, "context": LENGTH}
        every = {"log": 1, "evaluate": 99, "checkpoint": 1}
        constant = {"kind": "constant", "warmup": 0.0}
        train(settings(base, out, steps, model=model, every=every, schedule=constant, keep=1), lambda _: None)

    trained = folder / "trained"
    assert forked(lambda: learn(trained, 2), trained)[0] == 0
    yield Crash("train", trained, lambda: learn(trained, 3), lambda: seen_of_training(trained))


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder whose bytes are a function of what was done."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(_UNLIKE)
    }


def forked(call: Callable[[], object], folder: Path, at: int | None = None) -> tuple[int, int]:
    """(exit status, operations counted) of a call in a process of its own, killed before file operation `at`."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        counted = [0]

        def count(path: object) -> None:
            if isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(str(folder)):
                if counted[0] == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                counted[0] += 1

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in _CHANGES or (event == "open" and _writes(arguments)):
                count(arguments[0])

        sync = os.fsync
        os.fsync = lambda handle: (count(os.readlink(f"/proc/self/fd/{_number(handle)}")), sync(handle))[1]  # type: ignore[assignment]
        sys.addaudithook(hook)
        status = 1
        try:
            call()
            status = 0
        except BaseException as error:  # told to the parent by the status, and to whoever reads
            print(repr(error), file=sys.stderr)
        finally:
            os.write(writing, str(counted[0]).encode())
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), int(text or 0)


def _number(handle: Any) -> int:
    return handle if isinstance(handle, int) else int(handle.fileno())


def _writes(arguments: tuple[Any, ...]) -> bool:
    """Whether an `open` event opens for writing."""
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def try_crash(crash: Crash, most: int | None) -> int:
    """Kill the operation at each of its file operations, or at `most` of them evenly spread. Returns how often."""
    base = crash.folder.with_name(f"{crash.folder.name}.before")
    shutil.copytree(crash.folder, base)

    def restore() -> None:
        shutil.rmtree(crash.folder)
        shutil.copytree(base, crash.folder)

    before = crash.see()
    status, operations = forked(crash.call, crash.folder)
    assert status == 0, crash.name
    after, expected = crash.see(), content(crash.folder)
    assert before != after, f"{crash.name} changed nothing"
    step = 1 if most is None else max(1, operations / most)
    points = sorted({int(number * step) for number in range(int(operations / step))} | {operations - 1})
    for at in points:
        restore()
        status, _ = forked(crash.call, crash.folder, at)
        assert status == -signal.SIGKILL, (crash.name, at, status)
        if crash.name != "export":  # other programs read an export: they see it whole when it is committed again
            assert crash.see() in (before, after), f"{crash.name}, killed at {at}: neither the old state nor the new"
        status, _ = forked(crash.call, crash.folder)
        assert status == 0, (crash.name, at)
        assert crash.see() == after, (crash.name, at)
        found = content(crash.folder)
        unlike = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        assert not unlike, f"{crash.name}, killed at {at} and repeated: {unlike[:5]} differ"
    shutil.rmtree(base)
    return len(points)


def main() -> None:
    """Kill, and say how often everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, help="kills of each operation (default: one at every file operation)")
    parser.add_argument("--only", help="publish, mix make, remove, export or train")
    options = parser.parse_args()
    memory = Path("/dev/shm")  # a kill leaves what the system knows, synced or not: no disk is needed
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        for crash in crashes(Path(name)):
            if options.only in (None, crash.name):
                print(f"{crash.name}: {try_crash(crash, options.most)} kills, old or new, same bytes", flush=True)


if __name__ == "__main__":
    main()
