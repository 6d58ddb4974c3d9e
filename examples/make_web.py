"""Makes the bundled example: a small invented web in WARC files, a reference source, an evaluation set, and planted.json.

    python examples/make_web.py [--out DIR]

Everything follows from SEED and the grammars; the compressed bytes depend on zlib's version too.
"""

import argparse
import gzip
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from generator.crawl import Web
from generator.damage import broken_pages, damaged_file
from generator.duplicates import duplicated_addresses, exact_duplicates, near_duplicates
from generator.evaluation import evaluation_items, evaluation_passages
from generator.html import make_sites
from generator.kinds import articles, blocked_hosts, page_kinds
from generator.languages import legacy_charsets, other_languages
from generator.personal import personal_data
from generator.records import other_responses
from generator.text import Prose, load_grammar, slug
from generator.warc import gzip_member, members

SEED = 20
ARTICLES = 820
DAMAGED_FILE_PAGES = 40
REFERENCE_DOCUMENTS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the example's files.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    out: Path = parser.parse_args().out
    for folder in ("web", "reference", "eval"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    items = evaluation_items(SEED)
    write_jsonl(out / "eval" / "invented.jsonl.gz", items)
    write_jsonl(out / "reference" / "encyclopaedia.jsonl.gz", reference_documents())
    planted = write_web(out / "web", items)
    (out / "planted.json").write_text(json.dumps(planted, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_web(folder: Path, items: list[dict[str, str]]) -> dict[str, Any]:
    """Writes the three WARC files and returns what planted.json says of them."""
    web = make_web(items)
    order = list(web.captures)
    Random(f"{SEED}/order").shuffle(order)
    part = len(order) // 5  # with requests and metadata; without them in the rest, to save space
    healthy = {"web-00000.warc.gz": (order[:part], True), "web-00001.warc.gz": (order[part:], False)}
    files = {}
    for name, (captures, requests) in healthy.items():
        parts = members(name, captures, requests)
        (folder / name).write_bytes(b"".join(parts))
        files[name] = counts(parts)
    name = "web-00002.warc.gz"
    more = Web(SEED + 1, web.sites)
    articles(more, DAMAGED_FILE_PAGES)
    parts = members(name, more.captures, requests=True)
    data, lost = damaged_file(parts)
    (folder / name).write_bytes(data)
    files[name] = counts([part for i, part in enumerate(parts[: lost[-1]]) if i not in lost])
    damage = [
        {"file": name, "damage": kind, "url": url_of(parts[i])}
        for kind, i in zip(("corrupt_member", "truncated_member"), lost, strict=True)
    ]
    bodies = [capture.body for capture in web.captures if capture.kind == "response"]
    boilerplate = [
        {
            "host": site.host,
            "line": site.boilerplate,
            "pages": sum(site.boilerplate.encode() in body for body in bodies),
        }
        for site in web.sites
    ]
    return {
        "seed": SEED,
        "files": files,
        "pages": web.pages,
        "damaged_records": damage,
        "boilerplate": boilerplate,
        "planted": web.planted,
    }


def make_web(items: list[dict[str, str]]) -> Web:
    """All pages of the healthy files, by category."""
    web = Web(SEED, make_sites(Random(f"{SEED}/sites")))
    articles(web, ARTICLES)
    exact_duplicates(web, 36)
    near_duplicates(web)
    duplicated_addresses(web, 24)
    page_kinds(web)
    blocked_hosts(web, 48)
    other_languages(web, 14)
    legacy_charsets(web, 8)
    personal_data(web)
    evaluation_passages(web, items, 10)
    other_responses(web)
    broken_pages(web)
    return web


def counts(parts: list[bytes]) -> dict[str, int]:
    """Records of each WARC type among the gzip members."""
    return dict(Counter(field_of(part, b"WARC-Type") for part in parts))


def url_of(part: bytes) -> str:
    return field_of(part, b"WARC-Target-URI")


def field_of(part: bytes, name: bytes) -> str:
    head = gzip.decompress(part).split(b"\r\n\r\n", 1)[0]
    return next(line for line in head.split(b"\r\n") if line.startswith(name + b": ")).split(b": ", 1)[1].decode()


def reference_documents() -> list[dict[str, str]]:
    """Encyclopaedic articles: `id`, `url`, `text`."""
    grammar = load_grammar("general", "reference")
    documents = []
    for number in range(REFERENCE_DOCUMENTS):
        rng = Random(f"{SEED}/reference/{number}")
        paragraphs = Prose(grammar, rng).paragraphs(200 + rng.randrange(400), opening="opening")
        title = slug(" ".join(paragraphs[0].split()[:4]))
        documents.append(
            {
                "id": f"reference-{number:04d}",
                "url": f"https://encyclopaedia.example/{number}/{title}",
                "text": "\n\n".join(paragraphs),
            }
        )
    return documents


def write_jsonl(path: Path, rows: list[dict[str, str]]) -> None:
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip_member(data.encode()))


if __name__ == "__main__":
    main()
