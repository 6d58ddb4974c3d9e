"""curate's own extractor beside resiliparse: CPU a page, decoded text to extracted text, and agreement with people.

    python tests/benchmarks/bench_extract_html.py [--pages N] [--data FOLDER]

Both run in this process on the same decoded pages, a page at a time in turn, so that a busy machine slows both. Quality
is that of `bench_extract.py`, on the pages that people annotated and that are whole.
"""

import argparse
import time
from pathlib import Path

from bench_extract import DATA, Texts, pages, quality
from resiliparse.parse.html import HTMLTree

from curate.extract.charset import decode
from curate.extract.engines import resiliparse
from curate.extract.html import parse_page, text
from curate.extract.html.choosing import simple

SYSTEMS = {
    "resiliparse": lambda html: resiliparse(html, HTMLTree.parse(html)),
    "curate text": text,
    "curate markdown": lambda html: text(html, format="markdown"),
    "  its parse": lambda html: str(len(parse_page(html.encode()).blocks)),
    "  parse and choice": lambda html: str(simple(parse_page(html.encode())).sum()),
}
"""By name, from a page's source to its text; the last two are parts of curate's work."""


def main() -> None:
    """Run all on every page and print a line each, with the ratio of CPU time to resiliparse's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, help="only the first N pages")
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    chosen = list(pages(arguments.data, arguments.pages))
    sources = [decode(body, kind)[0] for _, body, kind in chosen]
    size = sum(len(source.encode()) for source in sources)
    spent = dict.fromkeys(SYSTEMS, 0.0)
    texts: dict[str, Texts] = {name: {} for name in SYSTEMS}
    for run in SYSTEMS.values():
        run(sources[0])  # imports and compiled kernels
    for number, source in enumerate(sources):
        for name, run in SYSTEMS.items():
            start = time.process_time()
            texts[name][number] = run(source)
            spent[name] += time.process_time() - start
    print(f"{len(chosen)} pages of {size / len(chosen) / 1000:.0f} kB on average")
    print(f"{'':20}ms/page  ms/100 kB   ratio  word F1   found  absent")
    for name, seconds in spent.items():
        times = f"{1000 * seconds / len(chosen):9.3f}{1e8 * seconds / size:11.3f}{spent['resiliparse'] / seconds:8.2f}"
        scores = "" if name[0] == " " else "{:9.4f}{:8.3f}{:8.3f}".format(*quality(chosen, texts[name]))
        print(f"{name:18}{times}{scores}", flush=True)


if __name__ == "__main__":
    main()
