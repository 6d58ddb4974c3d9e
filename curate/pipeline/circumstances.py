"""What a run's bytes depend on beside its pipeline and the inputs' records: libraries, machine, files and code of one's own.

run.json keeps it, so that a repetition can say what is otherwise. Knows where such things are looked up; runs nothing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

from curate.code.fingerprint import code_closure
from curate.code.modules import PACKAGE
from curate.config.models import Pipeline
from curate.config.step_params import foreign_code
from curate.errors import DISTRIBUTION, CurateError
from curate.filters.pack_files import find
from curate.storage import SourceFile, digest_file, is_remote, list_files
from curate.text.compiled import machine_of_kernels

_FURTHER: Final = ("llvmlite", "tokenizers", "selectolax", "trafilatura", "lightgbm", "scikit-learn", "huggingface-hub")
"""Distributions that decide bytes where they are installed, though the base does not ask for them by name."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PACK_KEYS: Final = ("pack", "packs", "filter")
_ENDS: Final = 1 << 16
"""Bytes of a local input's beginning and end that mark it, as those of web servers without ETags are marked."""


class Machine(TypedDict):
    """The machine that published a run; its workers may have been others."""

    cpu: str
    """As the system calls it."""
    kernels: str
    """The kind that kernels are compiled for: NUMBA_CPU_NAME, or what LLVM takes the CPU for."""
    system: str


class Circumstances(TypedDict):
    """Everything that is compared."""

    versions: dict[str, str]
    machine: Machine
    files: dict[str, str]
    """SHA-256 of files that the pipeline names beside its inputs: packs, lists, models, evaluation items, removals."""
    packs: dict[str, str]
    """SHA-256 of bundled packs by name."""
    code: dict[str, str]
    """Hashes of what modules of one's own do, by name."""


def circumstances(pipeline: Pipeline) -> Circumstances:
    """Those of a run of the pipeline in this process."""
    named = dict(_named(pipeline.model_dump(mode="json", by_alias=True)))
    files = {path: digest_file(path) for path, bundled in named.items() if not bundled}
    packs = {Path(path).stem: digest_file(path) for path, bundled in named.items() if bundled}
    code: dict[str, str] = {}
    for reference in foreign_code(pipeline):
        sources = code_closure(reference.partition(":")[0]).sources
        code |= {name: found for name, found in sources.items() if name.partition(".")[0] != PACKAGE}
    machine = Machine(cpu=_cpu(), kernels=machine_of_kernels(), system=f"{platform.system()} {platform.machine()}")
    return Circumstances(
        versions=_versions(),
        machine=machine,
        files=dict(sorted(files.items())),
        packs=dict(sorted(packs.items())),
        code=dict(sorted(code.items())),
    )


def mark_of(file: SourceFile) -> str | None:
    """What marks the content of a local input whatever its time says: a hash of its first and last 64 KiB. None elsewhere,
    where the stamp does."""
    if is_remote(file.path):
        return None
    digest = hashlib.sha256()
    with open(file.path, "rb") as handle:
        digest.update(handle.read(_ENDS))
        handle.seek(max(0, file.size - _ENDS))
        digest.update(handle.read(_ENDS))
    return digest.hexdigest()[:32]


def _versions() -> dict[str, str]:
    """Python's version and those of what the base needs, and of what else may decide bytes."""
    wanted = [each for each in importlib.metadata.requires(DISTRIBUTION) or () if "extra ==" not in each]
    names = [_NAME.match(each) for each in wanted]
    found = {"python": platform.python_version()}
    for name in sorted({DISTRIBUTION, *_FURTHER, *(match[0] for match in names if match)}):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _named(tree: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    """(path, whether it is a bundled pack's) of each file that a tree of keys names, inputs left out."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if name != "read":
                yield from _named(value, key if key == "lists" else str(name))
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _named(value, key)
    elif isinstance(tree, str):
        yield from _files(tree, key)


def _files(value: str, key: str) -> Iterable[tuple[str, bool]]:
    if os.path.isabs(value):
        if key == "against":
            return [(file.path, False) for file in list_files([value])]
        return [(value, False)] if os.path.isfile(value) else []
    if key in _PACK_KEYS and "/" not in value:
        try:
            return [(str(find(value)), True)]
        except CurateError:
            return []
    return []
