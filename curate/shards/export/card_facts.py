"""What a card says of its data beside sizes: languages, files by split, copies, evaluation items, and what nobody checked.

Knows the numbers of a run; writes no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_LEAST_LISTED = 0.01
"""Share of the kept documents from which on a language stands in the front matter."""
_SHOWN = 20
_CODE = re.compile(r"([a-z]{2,3})(?:[_-]\w+)?")
"""A code of ISO 639, which the Hub takes, with or without a script."""
_FILES = {"parquet": "parquet", "text": "jsonl.gz"}
"""Endings of the formats that the Hub shows by split."""
_DOCUMENT_FILES = {"parquet": "*.parquet", "jsonl.zst": "*.jsonl.zst"}


def kept_languages(run: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(language, kept documents) over all sources, most first; '' are those whose language was not asked."""
    kept: dict[str, int] = {}
    for source in run.get("stats", {}).get("audit", {}).values():
        for name, each in source.get("languages", {}).items():
            if each["kept"]:
                kept[name] = kept.get(name, 0) + each["kept"]
    return sorted(kept.items(), key=lambda item: (-item[1], item[0]))


def language_codes(run: Mapping[str, Any]) -> list[str]:
    """Codes of the languages of a hundredth of the kept documents or more."""
    found = kept_languages(run)
    total = sum(number for _, number in found)
    codes = (_CODE.fullmatch(name) for name, number in found if number >= _LEAST_LISTED * total)
    return list(dict.fromkeys(code[1] for code in codes if code))


def shard_files(to: str, splits: Sequence[str]) -> list[tuple[str, str]]:
    """(split, files) of an export of shards; none of a format that the Hub does not show."""
    return [(split, f"{split}-*.{_FILES[to]}") for split in splits] if to in _FILES else []


def document_files(to: str) -> list[tuple[str, str]]:
    """(split, files) of an export of documents."""
    return [("train", _DOCUMENT_FILES[to])] if to in _DOCUMENT_FILES else []


def head_of(run: Mapping[str, Any], files: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of the front matter: languages, and which files are which split."""
    lines = [f"language:\n{_listed(codes)}"] if (codes := language_codes(run)) else []
    if files:
        each = "\n".join(f"  - split: {split}\n    path: '{path}'" for split, path in files)
        lines.append(f"configs:\n- config_name: default\n  data_files:\n{each}")
    return [*lines, "tags:\n- pretraining"]


def _listed(words: Sequence[str]) -> str:
    return "\n".join(f'- "{word}"' for word in words)  # in quotes: `no` is Norwegian, and false in YAML 1.1


def languages(run: Mapping[str, Any]) -> list[str]:
    """Kept documents by language."""
    found = kept_languages(run)
    if not any(name for name, _ in found):
        return []
    total = sum(number for _, number in found)
    rows = [f"| {name or 'not identified'} | {number:,} | {number / total:.1%} |" for name, number in found[:_SHOWN]]
    more = [f"\nAnd {len(found) - _SHOWN} more."] if len(found) > _SHOWN else []
    return ["\n## Languages\n", "| language | documents | share |\n| --- | ---: | ---: |", *rows, *more]


def copies_and_leaks(run: Mapping[str, Any]) -> list[str]:
    """What was done about copies and evaluation items."""
    if not run:
        return []
    rows = [
        row for source in run["stats"]["sources"].values() for row in source["funnel"] if row["step"] == "deduplicate"
    ]
    dropped, entering = sum(row["dropped"] for row in rows), sum(row["in"] for row in rows)
    copies = (
        f"{dropped:,} of {entering:,} documents that passed the rules were copies of another, and were dropped."
        if rows
        else "Copies were not looked for."
    )
    found = run["stats"].get("contamination")
    lines = ["\n## Copies and evaluation items\n", copies + "\n"]
    if not found:
        return [*lines, "Evaluation items were not looked for: benchmarks may stand in this data."]
    done = "their documents were dropped" if found["mode"] == "drop" else "the passages were cut out"
    lines += [f"Where evaluation items stood in documents, {done}.\n"]
    lines += ["| evaluation set | items | found | documents |\n| --- | ---: | ---: | ---: |"]
    return lines + [
        f"| {name} | {each['items']:,} | {each['found']:,} | {each['documents']:,} |"
        for name, each in found["sets"].items()
    ]


def limits(run: Mapping[str, Any]) -> list[str]:
    """What is not known of the data, whoever uses it."""
    lines = [
        "Rules and scores judge the form of a text, not whether it is true, fair or harmless; nobody read the documents.",
        "Languages are guesses of a classifier, weak on short texts and on close relatives.",
    ]
    if run and any(source.get("quality") for source in run["stats"]["sources"].values()):
        lines.append("What a quality classifier prefers follows from its examples; what they lack is rarer here.")
    return ["\n## Limits\n", *(f"- {line}" for line in lines)]
