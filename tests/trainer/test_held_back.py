"""What runs hold back, written out as texts: what was in the documents, under names that stay in the folder."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from curate import tokens
from curate.errors import ConfigError
from curate.trainer.evaluate.held_back import write_held_back
from tests.support.synthetic_shards import END_OF_TEXT, write_shards

TEXTS = ["The harbour lies open to the west.", "A boat comes home.", "The bell rings."]


def shards_of(folder: Path, source: str = "made", before: tuple[int, ...] = (), after: tuple[int, ...] = ()) -> str:
    rows = [
        np.array([*before, *ids.as_py(), *after, END_OF_TEXT], np.uint16) for ids in tokens.load("gpt2").encode(TEXTS)
    ]
    return str(write_shards(folder, [rows], "validation", source=source, surroundings=(before, after)))


def test_what_a_tokenizer_puts_around_documents_is_no_part_of_their_texts(tmp_path: Path) -> None:
    plain, surrounded = shards_of(tmp_path / "a"), shards_of(tmp_path / "b", before=(7, END_OF_TEXT), after=(9,))
    for number, run in enumerate((plain, surrounded)):
        (file,) = write_held_back([run], tmp_path / f"texts-{number}").values()
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            assert sorted(json.loads(line)["text"] for line in lines) == sorted(TEXTS)


@pytest.mark.parametrize("source", ["../outside", "/tmp/outside", ".hidden", "a/../../b"])
def test_a_source_of_shards_from_elsewhere_names_no_file_outside_the_folder(tmp_path: Path, source: str) -> None:
    run = shards_of(tmp_path / "shards", source)
    with pytest.raises(ConfigError, match="can name no file"):
        write_held_back([run], tmp_path / "in" / "texts")
    assert not (tmp_path / "in").exists() and not (tmp_path / "outside.jsonl.gz").exists()
