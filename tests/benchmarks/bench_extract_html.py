"""curate's own extractor beside resiliparse: CPU a page, bytes to extracted text, and agreement with people.

    python tests/benchmarks/bench_extract_html.py [--pages N] [--data FOLDER]

Both run in this process on the same bytes, twenty pages at a time in turn: so a busy machine slows both, and each finds its
own code and tables in the processor's caches for most pages, as in a run. Both find the charset with the same code, and
resiliparse's page is decoded by it. Quality
is that of `bench_extract.py`, on the pages that people annotated and that are whole.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from bench_extract import DATA, Texts, pages, quality
from resiliparse.parse.html import HTMLTree

from curate.extract.charset import decode
from curate.extract.engines import resiliparse
from curate.extract.html import parse_page, text
from curate.extract.html.judging import learned
from curate.extract.utf8 import to_utf8

IN_TURN = 20
"""Pages that one system takes before the next one takes them."""


def with_resiliparse(html: str) -> str:
    """Its main content under our fall-backs."""
    return resiliparse(html, HTMLTree.parse(html))


SYSTEMS: dict[str, Callable[[bytes, str | None], str]] = {
    "resiliparse": lambda body, kind: with_resiliparse(decode(body, kind)[0]),
    "curate text": text,
    "curate markdown": lambda body, kind: text(body, kind, format="markdown"),
    "  to UTF-8": lambda body, kind: to_utf8(body, kind)[1],
    "  and parse": lambda body, kind: str(len(parse_page(to_utf8(body, kind)[0]).blocks)),
    "  and choice": lambda body, kind: str(learned(parse_page(to_utf8(body, kind)[0])).sum()),
}
"""By name, from a page's bytes and Content-Type to its text; the last three are parts of curate's work."""


def main() -> None:
    """Run all on every page and print a line each, with the ratio of CPU time to resiliparse's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, help="only the first N pages")
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    chosen = list(pages(arguments.data, arguments.pages))
    size = sum(len(body) for _, body, _ in chosen)
    spent = dict.fromkeys(SYSTEMS, 0.0)
    texts: dict[str, Texts] = {name: {} for name in SYSTEMS}
    for run in SYSTEMS.values():
        run(*chosen[0][1:])  # imports and compiled kernels
    for first in range(0, len(chosen), IN_TURN):
        for name, run in SYSTEMS.items():
            start = time.process_time()
            for number, (_, body, kind) in enumerate(chosen[first : first + IN_TURN], first):
                texts[name][number] = run(body, kind)
            spent[name] += time.process_time() - start
    print(f"{len(chosen)} pages of {size / len(chosen) / 1000:.0f} kB on average")
    print(f"{'':20}ms/page  ms/100 kB   ratio  word F1   found  absent")
    for name, seconds in spent.items():
        times = f"{1000 * seconds / len(chosen):9.3f}{1e8 * seconds / size:11.3f}{spent['resiliparse'] / seconds:8.2f}"
        scores = "" if name[0] == " " else "{:9.4f}{:8.3f}{:8.3f}".format(*quality(chosen, texts[name]))
        print(f"{name:18}{times}{scores}", flush=True)


if __name__ == "__main__":
    main()
