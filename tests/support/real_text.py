"""Real text for tests: books, and the pages of the real crawl as extracted."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree


@functools.cache
def books(shared_data: Path) -> list[str]:
    """The words of real books, in order."""
    words: list[str] = []
    with gzip.open(shared_data / "text" / "gutenberg-books.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            words += json.loads(line)["text"].split()
    return words


@functools.cache
def extracted_pages(shared_data: Path, most: int = 1_000_000) -> list[str]:
    """The text of the pages of `realweb-dev`, as the library extracts it."""
    texts = []
    with open(shared_data / "realweb-dev.warc.gz", "rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            page = record.reader.read()
            texts.append(
                extract_plain_text(HTMLTree.parse(bytes_to_str(page, detect_encoding(page))), main_content=True)
            )
            if len(texts) == most:
                break
    return texts
