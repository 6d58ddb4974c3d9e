"""An extraction engine that does what the page says, for tests: `hostile:extract`. Runs in the extraction child."""

import ctypes
import os
import re
import signal
import sys
import time
from pathlib import Path


def extract(html: str) -> str:
    """The page without tags, unless its first word is an order."""
    order, _, argument = re.sub(r"<[^>]*>", "", html).partition(" ")
    if order == "LOOP":
        while True:
            pass
    if order == "LOOP-IN-C":
        re.match(r"(a+)+$", "a" * 64 + "b")
    if order == "SLEEP":
        time.sleep(1e6)
    if order == "SEGFAULT":
        ctypes.string_at(0)
    if order == "KILL":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "EXIT":
        sys.exit(0)
    if order == "HOG":
        kept = []
        while True:
            kept.append(bytearray(16 << 20))
    if order == "RAISE":
        raise KeyError(argument)
    if order == "RECURSE":
        return extract(html)
    if order == "PRINT":
        os.write(1, b"noise" * 1000)
        os.write(2, b"noise" * 1000)
        print("noise", flush=True)
    if order == "FAIL-ONCE" and not Path(argument).exists():
        Path(argument).touch()
        os.abort()
    if order == "PID":
        return str(os.getpid())
    if order == "FILES":
        return " ".join(sorted(os.listdir("/proc/self/fd"), key=int))
    return order + " " + argument
