"""Which change of the project's source renames which results: a column renames what writes it, a comment nothing."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from curate.code import modules
from curate.code.fingerprint import code_closure, code_fingerprint, forget
from curate.steps import source_steps

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "curate"

TASKS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in [
        *PACKAGE.rglob("tasks/*.py"),
        *PACKAGE.rglob("tasks.py"),
        *(PACKAGE / "shards" / name for name in ("shuffle.py", "tokenize.py")),
    ]
    if path.name != "__init__.py" and "trainer" not in path.parts
)
"""Every module whose functions are tasks of a run."""
EVALUATORS = tuple(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*step.py"))
    if "\ndef evaluator(" in path.read_text()
)
"""Modules that a step names in its task's params."""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package, which is the one that names are made of."""
    copy = shutil.copytree(PACKAGE, tmp_path / "curate", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(modules, "_ROOT", tmp_path)
    forget()
    yield copy
    forget()


def names() -> dict[str, str]:
    """The fingerprint of every module of tasks and of every evaluator, as a new process would make them."""
    forget()
    return {module: code_fingerprint(module) for module in (*TASKS, *EVALUATORS)}


def renamed(source: Path, edits: dict[str, tuple[str, str]]) -> set[str]:
    """The modules, without `curate.`, whose names change when files are edited: by name, what stands there and what will."""
    before = names()
    for name, (old, new) in edits.items():
        text = (source / name).read_text()
        assert text.count(old) == 1, (name, old)
        (source / name).write_text(text.replace(old, new))
    after = names()
    return {module.removeprefix("curate.") for module in before if before[module] != after[module]}


def test_the_whole_package_without_comments_docstrings_and_layout_has_the_same_names(source: Path) -> None:
    before = names()
    for path in source.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                kept = [
                    each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
                ]
                node.body = kept or [ast.Pass()] if body else body  # type: ignore[attr-defined]
        path.write_text(ast.unparse(tree))
    assert names() == before


def test_a_comment_a_docstring_and_a_hint_in_a_kernel_rename_nothing(source: Path) -> None:
    kernel = source / "text" / "scan.py"
    text = kernel.read_text()
    edited = text.replace("@kernel\n", "# Compiled.\n@kernel\n").replace('"""', '"""Once more: ', 1)
    edited = edited.replace(") -> None:", ") -> 'None':")
    before = names()
    kernel.write_text(edited)
    assert edited != text
    assert names() == before


def test_a_new_column_of_the_ledger_renames_only_the_ledger(source: Path) -> None:
    edit = ('    ("kept", pa.bool_()),\n', '    ("kept", pa.bool_()),\n    ("topic", pa.string()),\n')
    assert renamed(source, {"records/ledger.py": edit}) == {"pipeline.tasks.ledger"}


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "records/shards.py",
            '("shard_row", pa.int64())',
            '("shard_row", pa.int32())',
            {"pipeline.tasks.places", "shards.shuffle"},
        ),
        ("records/tokens.py", "[(column, pa.int64())]", "[(column, pa.int32())]", {"shards.tokenize"}),
        (
            "records/quality.py",
            '("quality_draw", pa.float32())',
            '("quality_draw", pa.float64())',
            {
                *("quality.tasks.bucket", "quality.tasks.merge", "quality.tasks.sample", "quality.tasks.score"),
                *("quality.tasks.train", "quality.topics.tasks"),
            },
        ),
        ("records/counts.py", "    kept: int\n    dropped", "    kept: float\n    dropped", set()),
        ("dedup/survivors.py", "_UNKNOWN = np", "_UNKNOWN = 1 + np", {"dedup.tasks.apply", "dedup.tasks.decide"}),
        ("pipeline/tasks/read.py", '"extract/', '"extracted/', {"pipeline.tasks.read"}),
        (
            "language/bayes.py",
            "import numpy as np\n",
            "import numpy as np\nX = 1\n",
            {"language.step", "quality.topics.tasks"},
        ),
    ],
)
def test_a_change_renames_what_it_can_reach_and_nothing_else(
    source: Path, name: str, old: str, new: str, expected: set[str]
) -> None:
    assert renamed(source, {name: (old, new)}) == expected


def test_planning_printing_and_asking_are_part_of_no_name() -> None:
    """Where tasks are planned, run, shown and audited may change without anything being done again."""
    forget()
    used = {module for task in (*TASKS, *EVALUATORS) for module in code_closure(task).sources}
    rooms = (
        "cli.",
        "flow",
        "html",
        "engine.",
        "trainer.",
        "audit.report",
        "pipeline.",
        "config.models",
        "config.reading",
    )
    plans = {f"curate.{room}.plan" for room in ("audit", "decontaminate", "dedup", "mixture", "pii", "quality")}
    of_rooms = {module for module in used if module.removeprefix("curate.").startswith(rooms)}
    assert of_rooms <= {"curate.pipeline", "curate.pipeline.tasks", *TASKS}
    assert not used & plans


def test_every_step_that_computes_names_an_evaluator_of_this_list() -> None:
    """By its example. The others are carried out by tasks; what the user's function computes is known when it is named."""
    computing = {}
    for name, step in source_steps().items():
        if name == "python":
            continue
        written = yaml.safe_load(step.example)[name]
        setting = step.settings.model_validate(written if isinstance(written, dict) else {step.bare_key: written})
        found = step.evaluation(name, setting)
        if found is not None:
            computing[name] = found.evaluator.partition(":")[0]
    assert {"filter", "datatrove", "language"} <= set(computing)
    assert {name: module for name, module in computing.items() if module not in EVALUATORS} == {}
