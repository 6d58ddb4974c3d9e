"""Structure in Markdown beside the sources that pages were made from: Sphinx's HTML, which comes with its reStructuredText.

    python tests/benchmarks/bench_extract_structure.py HTML_FOLDER [--pages N] [--peer]

HTML_FOLDER is that of a documentation built with its sources (`_sources/`), as Debian's python3.11-doc has it. Code must
be equal to the letter, trailing blanks and what Sphinx itself takes out of doctests left aside; headings, items of lists
and cells of tables by their letters and digits. All shown blocks of a page are written, so that the writing is measured
and not the choice; `--chosen` leaves that to the choice. With `--peer`, trafilatura's Markdown beside it, and the ratio
of times.
"""

from __future__ import annotations

import argparse
import re
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import Page
from curate.extract.html.choosing import NOT_SHOWN
from curate.extract.html.extracting import DEFAULT_CHOICE, text

KINDS = ("code", "heading", "item", "cell")
_ROLE = re.compile(r":[\w:+-]+:`(?:~[\w.]*?\.?(\w+)|!?([^`<]*?)\s*(?:<[^`]*>)?)`")
_REFERENCE = re.compile(r"`([^`<]*?)\s*(?:<[^`]*>)?`_{0,2}")
_UNLIKE = re.compile(
    r":(?:pep|rfc|issue|source|keyword|term|ref|doc|abbr|dfn|menuselection|eq|token|sup|math|opcode):"
    r"|\|\w+\||^\[|\[#"
)
"""Markup whose text stands elsewhere, so that a source's line is not what its page says."""
_CODE = re.compile(
    r"^(?P<indent> *)\.\. (?:code-block|code|sourcecode|parsed-literal|doctest|testcode)::(?P<language>.*)$"
)
_DOCTEST = re.compile(r"\s*#\s*doctest:.*$|^<BLANKLINE>$", re.MULTILINE)
_UNDERLINE = re.compile(r"^([=\-~^*\"'+#`.:])\1{2,}\s*$")
_NUMBER = re.compile(r"^#+ *(?:(?:\d+\\?\.)+ )?")
_ITEM = re.compile(r"^(?:[*-]|#\.|\d+\.) +(\S.*)$")
_RULE = re.compile(r"^=+( +=+)+\s*$")


def shown(page: Page) -> NDArray[np.bool_]:
    """Every block that is not hidden."""
    return np.equal(page.blocks["flags"] & NOT_SHOWN, 0)


def letters(value: str) -> str:
    """The letters and digits of a line of reStructuredText or Markdown, marks and roles away."""
    value = _ROLE.sub(lambda found: found[1] or found[2] or "", value)
    value = _REFERENCE.sub(r"\1", value)
    return "".join(re.findall(r"\w", value.replace("_", "").lower()))


def code_of(lines: list[str]) -> str:
    """A block of code as it is compared."""
    body = textwrap.dedent("\n".join(line.rstrip() for line in lines)).strip("\n")
    return "\n".join(line.rstrip() for line in _DOCTEST.sub("", body).split("\n"))


def wanted(source: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of what a source has at its outermost level, and of every block of code."""
    lines = source.expandtabs(8).split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        directive = _CODE.match(line)
        indent = len(line) - len(line.lstrip())
        literal = line.rstrip().endswith("::") and not line.lstrip().startswith("..")
        comment = re.match(r"^ *\.\. ", line) and not re.match(r"^ *\.\. [\w:-]+::", line)
        if directive or literal or comment:
            stop = at + 1
            while stop < len(lines) and (not lines[stop].strip() or _depth(lines[stop]) > indent):
                stop += 1
            body = lines[at + 1 : stop]
            hidden = any(re.match(r"^ *:hide:", each) for each in body[:2])
            if directive:
                while body and re.match(r"^ *:[\w-]+:", body[0]):
                    body = body[1:]
            if not comment and not hidden and any(map(str.strip, body)) and "parsed-literal" not in line:
                yield "code", code_of(body)
            at = stop
            continue
        if line.lstrip().startswith(">>>") and (at == 0 or not lines[at - 1].strip()):
            stop = at
            while stop < len(lines) and lines[stop].strip():
                stop += 1
            yield "code", code_of(lines[at:stop])
            at = stop
            continue
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if (
            line.strip()
            and not indent
            and _UNDERLINE.match(following)
            and len(following.rstrip()) >= len(line.rstrip())
        ):
            if not _UNDERLINE.match(line) and not _UNLIKE.search(line):
                yield "heading", letters(line)
            at += 2
            continue
        item = _ITEM.match(line)
        if item and not following.strip() and not _UNLIKE.search(line) and not line.rstrip().endswith("::"):
            yield "item", letters(item[1])
        if _RULE.match(line):
            at = yield from cells(lines, at)
            continue
        at += 1


def cells(lines: list[str], at: int) -> Iterator[tuple[str, str]]:
    """The cells of the simple table that begins here; the place after it."""
    starts = [found.start() for found in re.finditer("=+", lines[at])] + [10**6]
    rows: list[list[str]] = []
    rules = 1
    at += 1
    while at < len(lines) and rules < 3:
        line = lines[at]
        if _RULE.match(line):
            rules += 1
            if not (at + 1 < len(lines) and lines[at + 1].strip()):
                rules = 3
        elif line.strip() and not re.match(r"^[ -]*$", line):
            parts = [line[start:stop].strip() for start, stop in pairwise(starts)]
            if parts[0] or not rows:
                rows.append(parts)
            else:
                rows[-1] = [f"{before} {more}".strip() for before, more in zip(rows[-1], parts, strict=True)]
        at += 1
    for row in rows:
        yield from (("cell", letters(cell)) for cell in row if cell and not _UNLIKE.search(cell))
    return at


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def found(markdown: str) -> dict[str, Counter[str]]:
    """What Markdown says there is: by kind, how often each text."""
    said: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    fence, prefix, code = "", 0, list[str]()
    for line in markdown.split("\n"):
        opening = re.match(r"^[ >]*?(?:(?:[-*]|\d+[.)]) +)*(`{3,}|~{3,})", line)
        if fence:
            if line.strip(" >") == fence:
                said["code"][code_of(code)] += 1
                fence = ""
            else:
                code.append(line[prefix:])
        elif opening:
            fence, prefix, code = opening[1], opening.start(1), []
        elif line.startswith("#"):
            said["heading"][letters(_NUMBER.sub("", line))] += 1
        elif line.lstrip().startswith("|"):
            said["cell"].update(letters(cell) for cell in re.split(r"(?<!\\)\|", line))
        elif item := re.match(r"^[ >]*(?:[-*]|\d+[.)]) +(\S.*)$", line):
            said["item"][letters(item[1])] += 1
    return said


def main() -> None:
    """Print a line a system: the share of each kind that is found, and CPU time a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--chosen", action="store_true", help="write what is chosen as main text only")
    parser.add_argument("--missed", action="store_true", help="print what is not found")
    arguments = parser.parse_args()
    choice = DEFAULT_CHOICE if arguments.chosen else shown
    systems: dict[str, Callable[[str], str]] = {"curate": lambda html: text(html, format="markdown", choice=choice)}
    if arguments.peer:
        import trafilatura

        systems["trafilatura"] = lambda html: (
            trafilatura.extract(html, output_format="markdown", include_comments=False, deduplicate=False) or ""
        )
    sources = sorted((arguments.folder / "_sources").rglob("*.txt"))[: arguments.pages]
    total: Counter[str] = Counter()
    got: dict[str, Counter[str]] = {name: Counter() for name in systems}
    spent = dict.fromkeys(systems, 0.0)
    text("<p>compiled", format="markdown")
    for path in sources:
        page = arguments.folder / path.relative_to(arguments.folder / "_sources").with_name(
            path.name.removesuffix(".txt").removesuffix(".rst") + ".html"
        )
        if not page.is_file():
            continue
        html, pairs = page.read_text(), list(wanted(path.read_text()))
        total.update(kind for kind, value in pairs if value)
        for name, run in systems.items():
            start = time.process_time()
            markdown = run(html)
            spent[name] += time.process_time() - start
            said = found(markdown)
            for kind, value in pairs:
                if value and said[kind][value] > 0:
                    said[kind][value] -= 1
                    got[name][kind] += 1
                elif value and arguments.missed and name == "curate":
                    print(f"{page.name} {kind}: {value[:300]!r}")
    print(f"{'':14}" + "".join(f"{kind + ' ' + str(total[kind]):>16}" for kind in KINDS) + "   ratio of CPU time")
    for name in systems:
        shares = "".join(f"{got[name][kind] / max(1, total[kind]):16.3f}" for kind in KINDS)
        print(f"{name:14}{shares}{spent[name] / spent['curate']:12.1f}", flush=True)


if __name__ == "__main__":
    main()
