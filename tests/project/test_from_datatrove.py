"""docs/tutorials/from-datatrove.md: every block that it names is one of the installed datatrove, none is left out, and what
stands for it here can be written."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import datatrove
import pytest
import yaml

from curate.cli.help import leaves
from curate.cli.main import _parser
from curate.config.models import Pipeline
from curate.filters.pack_files import names
from curate.steps import combining_steps, source_steps
from tests.support.running import ROOT

PAGE = (ROOT / "docs" / "tutorials" / "from-datatrove.md").read_text()
STEPS = {**source_steps(), **combining_steps()}
OF_NO_TEXT = ("inference", "media")
"""Folders of datatrove's whose blocks make texts with a model, or read pictures and sound."""


def rows() -> list[tuple[list[str], list[str], str]]:
    """(blocks, what stands for them here, what differs) of the table of blocks."""
    table = PAGE.split("## Blocks")[1].split("\n\n")[1]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]
    return [(re.findall("`([^`]+)`", block), re.findall("`([^`]+)`", here), told) for block, here, told in cells]


def blocks_of_datatrove() -> dict[str, Path]:
    """By name, the file of every class of datatrove's that is a block and no base of others."""
    root = Path(datatrove.__file__).parent / "pipeline"
    bases: dict[str, list[str]] = {}
    files: dict[str, Path] = {}
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases]
                files[node.name] = path.relative_to(root)

    def is_block(name: str) -> bool:
        return name.startswith("PipelineStep") or any(is_block(base) for base in bases.get(name, ()))

    return {
        name: path
        for name, path in files.items()
        if is_block(name) and not name.startswith(("Base", "PipelineStep")) and path.parts[0] not in OF_NO_TEXT
    }


def test_the_blocks_named_are_datatrove_s_and_none_is_left_out() -> None:
    named = [block for blocks, _, _ in rows() for block in blocks]
    assert sorted(named) == sorted(blocks_of_datatrove())


@pytest.mark.parametrize("here", sorted({each for _, here, _ in rows() for each in here}))
def test_what_stands_for_a_block_can_be_written(here: str) -> None:
    if here.startswith("curate "):
        assert tuple(here.split()[1:]) in leaves(_parser())
        return
    written: dict[str, Any] = yaml.safe_load(here)
    ((key, setting),) = written.items()
    if key in STEPS:
        STEPS[key].settings.model_validate(setting)
        if key == "filter":
            assert (setting["pack"] if isinstance(setting, dict) else setting) in names()
    else:
        source = {"read": {"format": "jsonl", "paths": ["x"]}}
        tree = {"name": "x", "sources": {"a": source | (written if key == "read" else {})}}
        Pipeline.model_validate(tree if key == "read" else tree | written)


def test_a_block_that_nothing_stands_for_says_so() -> None:
    assert all(told for _, here, told in rows() if not here)
    assert all(told for _, _, told in rows())
