"""A process that has imported what `curate` imports and loaded its kernels, and is forked for each command of a test.

A command of its own costs three to six seconds of that before it does anything. Started by `tests.support.running`; a
request is a line of JSON, the answer a line with the exit status.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

from curate import dedup, extract, filters, language, pii
from curate.cli.main import main

_TEXT = "The harbour lies open to the west; boats of every size come home before the evening bell rings out. " * 4


def load_kernels() -> None:
    """Those that most commands use."""
    language.identify([_TEXT])
    extract.text(f"<html><body><article><p>{_TEXT}</p></article></body></html>".encode())
    pii.scrub([f"{_TEXT} jane@example.org"])
    dedup.signatures([_TEXT])
    for pack in ("c4", "gopher-quality", "gopher-repetition"):
        filters.load(pack).evaluate([_TEXT])


def serve() -> None:
    """Answer requests until there are no more."""
    load_kernels()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _run(**request)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> None:
    status = 1
    try:
        for path, number in ((out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["curate", *arguments]
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
