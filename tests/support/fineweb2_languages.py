"""Makes filters/languages/fineweb2.jsonl from a checkout of huggingface/fineweb-2.

    git clone https://github.com/huggingface/fineweb-2 && python -m tests.support.fineweb2_languages fineweb-2

A line a configuration, largest first, with the numbers as published; the first line says where they come from.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from datatrove.utils._import_utils import ASSETS_PATH

TARGET = Path(__file__).resolve().parents[2] / "filters" / "languages" / "fineweb2.jsonl"
REPOSITORY = "https://github.com/huggingface/fineweb-2"
SIZES = {"top_n_grams": (2, 3, 4), "dup_n_grams": (5, 6, 7, 8, 9, 10)}
PLAIN = (
    "language_score", "dup_line_frac", "line_punct_thr", "new_line_ratio", "min_avg_word_length", "max_avg_word_length",
    "max_non_alpha_words_ratio",
)  # fmt: skip
FILIPINO = {"fil_Latn": "tl"}
"""Tagalog's code stands for Filipino in most identifiers; datatrove's table gives that language no short code."""


def git(folder: Path, *arguments: str) -> str:
    """What git says."""
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True).stdout


def short_codes() -> dict[str, str]:
    """ISO 639-1 by `iso3_Script`, from datatrove's table of languages."""
    with open(Path(ASSETS_PATH) / "tokenizer_assignment.csv", encoding="utf-8", newline="") as file:
        return {f"{row['code_3']}_{row['script']}": row["code_1"] for row in csv.DictReader(file)}


def line_of(language: str, config: dict[str, Any], bytes_: int, code: str) -> dict[str, Any]:
    """A configuration as one flat mapping. Raises ValueError where it has other keys than all the others."""
    if set(config) != {*PLAIN, *SIZES, "stopwords"}:
        raise ValueError(f"{language}: keys {sorted(config)}")
    line: dict[str, Any] = {"language": language, "code": code, "utf8_bytes": bytes_}
    line |= {key: config[key] for key in PLAIN}
    for key, sizes in SIZES.items():
        if tuple(size for size, _ in config[key]) != sizes:
            raise ValueError(f"{language}: {key} {config[key]}")
        line |= {f"{key.removesuffix('_n_grams')}_{size}_gram": bound for size, bound in config[key]}
    return line | {"stopwords": config["stopwords"]}


def main(checkout: str) -> None:
    """Write the file."""
    folder = Path(checkout)
    commit = git(folder, "rev-parse", "HEAD").strip()
    table = csv.DictReader(io.StringIO(git(folder, "show", "HEAD:fineweb2-language-distribution.csv")))
    sizes = {row["subset"]: int(row["utf8_bytes"]) for row in table if row["split"] == "train"}
    codes = short_codes() | FILIPINO
    lines = []
    for name in git(folder, "ls-tree", "--name-only", "HEAD:configs").split():
        language = name.removesuffix(".yml")
        config = yaml.safe_load(git(folder, "show", f"HEAD:configs/{name}"))
        lines.append(line_of(language, config, sizes.get(language, 0), codes.get(language, "")))
    lines.sort(key=lambda line: (-line["utf8_bytes"], line["language"]))
    head = {
        "source": REPOSITORY,
        "commit": commit,
        "licence": "Apache-2.0",
        "about": "configs/*.yml as published; utf8_bytes of fineweb2-language-distribution.csv; code: ISO 639-1",
    }
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *lines))
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(lines)} languages")


if __name__ == "__main__":
    main(*sys.argv[1:])
