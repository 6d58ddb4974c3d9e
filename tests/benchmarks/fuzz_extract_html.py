"""Parses mutated real pages with every array access checked; an access outside an array ends it with the page's seed.

    python tests/benchmarks/fuzz_extract_html.py [--pages N] [--seed S] [--data FOLDER]

Mutations cut, repeat, swap and overwrite pieces of pages, mostly at `<`, `>`, `&` and quotes. Kernels are compiled anew
with bounds checks, in a folder of their own: numba's cache does not tell checked code from unchecked, nor old from new.
"""

import argparse
import os
import random
import tempfile
from pathlib import Path
from typing import Any

os.environ["NUMBA_BOUNDSCHECK"] = "1"
CACHE = tempfile.TemporaryDirectory(prefix="curate-bounds-checked-")
os.environ["NUMBA_CACHE_DIR"] = CACHE.name

from bench_extract import DATA, pages  # noqa: E402

from curate.extract.charset import decode  # noqa: E402
from curate.extract.html import text  # noqa: E402

MOST_BYTES = 30_000
"""Of a page that is mutated: small pages reach more states in the same time."""
PIECES = (
    *(
        "<",
        ">",
        "</",
        "<!--",
        "-->",
        "&",
        "&#",
        "&#x",
        ";",
        "'",
        '"',
        "=",
        "\0",
        "\r",
        "<table>",
        "<tr>",
        "<td colspan=9",
        "<td rowspan=9 colspan=999>",
    ),
    *("<li>", "<ol start=99999999999>", "</p>", "<svg>", "<math>", "<math alttext='a'>", "<annotation encoding=tex>"),
    *(
        "<pre>",
        "</pre>",
        "<script>",
        "<script type=math/tex>",
        "<title>",
        "<textarea>",
        "<select><option>",
        "<a href=x>",
    ),
    *("<ol reversed>", "<li value=3>", "</a>", "<a href='x|(&amp;'>", "<img src=(x alt='[&lt;'>", "<img data-src=x>"),
    *('<script type="application/ld+json">{"articleBody": "a"}</script>', "<div data-preloaded='{'>"),
    *("<sup>", "</sup>", "<code>", "<blockquote>", "<template>", "<plaintext>", "&nGt;", "&notin", "<![CDATA[", "<br>"),
)

FORMS: tuple[dict[str, Any], ...] = (
    {},
    {"paragraphs": "blank"},
    {"format": "markdown"},
    {"format": "markdown", "links": True, "images": True},
)


def mutated(source: str, chance: random.Random) -> str:
    """The page with one to twelve mutations."""
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(source) + 1)
        size = min(chance.randint(1, 1 << chance.randint(0, 11)), 2000)
        kind = chance.randrange(5)
        if kind == 0:
            source = source[:at] + source[at + size :]
        elif kind == 1:
            source = source[:at] + source[at : at + min(size, 60)] * chance.randint(2, 40) + source[at:]
        elif kind == 2:
            source = source[:at] + chance.choice(PIECES) * chance.choice((1, 1, 3, 600)) + source[at:]
        elif kind == 3:
            source = source[:at]
        else:
            source = source[at:] + source[:at]
    return source


def main() -> None:
    """Mutate, parse and render; the first failure is raised with what made it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    sources = [decode(body, kind)[0] for _, body, kind in pages(arguments.data, 400) if len(body) <= MOST_BYTES]
    for number in range(arguments.pages):
        chance = random.Random(f"{arguments.seed}/{number}")
        source = mutated(chance.choice(sources), chance)
        try:
            text(source, **chance.choice(FORMS))
        except Exception as error:
            raise SystemExit(f"page {number} of seed {arguments.seed}: {error!r}") from error
    print(f"{arguments.pages} mutated pages parsed within bounds")


if __name__ == "__main__":
    main()
