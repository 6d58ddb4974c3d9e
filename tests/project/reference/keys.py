"""docs/pipeline-keys.md, every key of a pipeline file, and docs/steps.md, every step, as the models have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from curate.config.reference import Key, about, keys, pipeline_keys
from curate.steps import (
    ON_ADDRESSES,
    ON_SCORES,
    ON_TEXT,
    ON_TOPICS,
    CombiningStep,
    SourceStep,
    combining_steps,
    source_steps,
)
from curate.verdicts.rules import AnyRule
from tests.project.reference.markdown import code, page, table

SUBJECTS = {
    "extract": "extraction.md",
    "url": "filters.md#addresses",
    "language": "language.md",
    "filter": "filters.md",
    "datatrove": "filters.md#beside-datatrove",
    "python": "own-code.md",
    "opt_out": "opt-outs.md",
    "topic": "topics.md",
    "metadata": "metadata.md#licences-and-reservations-as-rules",
    "quality": "quality.md",
    "deduplicate": "deduplication.md",
    "decontaminate": "decontamination.md",
    "scrub": "pii.md",
}
"""By step, the page that tells more of it."""
_PLACES = {
    ON_ADDRESSES: "on addresses",
    ON_TEXT: "on text",
    ON_TOPICS: "on text, after the steps before have judged it",
    ON_SCORES: "last, on text",
}


def keys_page() -> str:
    """docs/pipeline-keys.md."""
    about_page = (
        "Keys outside the steps; those of each step are in [steps](steps.md), those of packs in [filters](filters.md). For "
        "editors, `curate schema` prints a JSON Schema ([how to attach it](first-day.md#in-an-editor))."
    )
    return page("Keys of a pipeline file", about_page, [rows_of(pipeline_keys())])


def rows_of(told: Iterable[Key]) -> str:
    """Keys as rows of a table."""
    return table(
        ("key", "takes", "default", ""), ((code(name), takes, default, says) for name, takes, default, says in told)
    )


def steps_page() -> str:
    """docs/steps.md."""
    steps: dict[str, SourceStep | CombiningStep] = {**source_steps(), **combining_steps()}
    about_page = (
        "Every step, with an example, every key, and what it adds to the ledger. The terminal has the same: "
        "`curate steps list`, `curate steps show NAME`. How to write one of your own: [your own code](own-code.md)."
    )
    listed = table(
        ("step", "stands under", ""),
        ((f"[{name}](#{name})", "`sources.NAME.steps`" if isinstance(step, SourceStep) else "`combine`", about(step))
         for name, step in steps.items()),
    )  # fmt: skip
    return page("Steps", about_page, [listed, *(_step(name, step) for name, step in steps.items())])


def _step(name: str, step: SourceStep | CombiningStep) -> str:
    """A step's section."""
    more = f" More: [{SUBJECTS[name].partition('#')[0]}]({SUBJECTS[name]})." if name in SUBJECTS else ""
    lines = [
        f"## {name}",
        "",
        f"{about(step)}{more}",
        "",
        "```yaml",
        f"- {step.example}",
        "```",
        "",
        rows_of(keys(step.settings)),
    ]
    if isinstance(step, CombiningStep):
        columns = [(column, kind) for column, kind in step.columns]
        return "\n".join([*lines, *_added(columns, ())])
    lines += [f"Works {_PLACES[step.place]}.", ""] if step.place in _PLACES else []
    return "\n".join([*lines, *_added(*_of_example(step))])


def _of_example(step: SourceStep) -> tuple[list[tuple[str, str]], tuple[AnyRule, ...]]:
    """The ledger columns and rules of a step as its example has it; none where that names code that is not here."""
    setting: Any = step.settings.model_validate(yaml.safe_load(step.example)[step.name])
    title = step.title(setting) if step.title else step.name
    try:
        evaluation = step.evaluation(title, setting)
        rules = step.rules(title, setting, {}, None)
    except (ImportError, ValueError):
        return [], ()
    later = step.later_columns(setting)
    if evaluation is None:
        return [*later], rules
    return [*evaluation.fixed, *evaluation.columns, *later], rules


def _added(columns: Iterable[tuple[str, str]], rules: Iterable[AnyRule]) -> list[str]:
    """What a step adds to the ledger, as its example has it."""
    shown = [f"`{column}` ({kind})" for column, kind in columns]
    lines = [f"Columns of the ledger, as in the example: {', '.join(shown)}.", ""] if shown else []
    named = [rule for each in rules for rule in each.settings()]
    lines += [f"Rules, as in the example: {', '.join(map(code, named))}.", ""] if named else []
    return lines
