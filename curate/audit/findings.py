"""What is wrong with a finished run, in sentences, worst first: each with its number, its evidence and a command.

The rules are data, `findings.yaml`: ranges of facts, words, a cure. A pure function of the pipeline and the numbers in
stats.json, so that whoever makes those again makes these again. Knows numbers; opens no file of a run.
"""

from __future__ import annotations

import functools
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from curate.audit.finding_facts import SCOPES, STAGES, expectations, expected_findings, stages
from curate.audit.source_facts import Facts, Words
from curate.config.document import read_document
from curate.config.models import Pipeline
from curate.records.findings import Finding, Level
from curate.records.statistics import RunNumbers
from curate.settings import Model, Range, parse_range

_RULES = Path(__file__).with_name("findings.yaml")
_ORDER: tuple[Level, ...] = ("stop", "look", "note")
WORTH_A_LOOK: tuple[Level, ...] = ("stop", "look")
"""Levels that `expect: {findings: 0}` counts."""
RUN = "RUN"
"""What stands for the run directory in a command."""


class FindingRule(Model):
    """One rule of `findings.yaml`."""

    scope: Literal[
        "sources", "damage", "expectations", "steps", "rules", "bounds", "languages", "topics", "domains",
        "evaluation_sets", "groups", "run", "metadata", "stages",
    ] = Field(description="what it looks at, one by one")  # fmt: skip
    when: Annotated[dict[str, Range], Field(min_length=1)] = Field(description="the range of each fact")
    level: Level = Field(description="how bad it is")
    missed: bool = Field(False, description="whether the run ends with status 3")
    number: str = Field("", description="the fact that is listed")
    section: str = Field(description="the part of the report that shows the evidence")
    says: str = Field(description="the sentence")
    cure: str = Field("", description="the command")
    most: Annotated[int, Field(gt=0)] = Field(10, description="subjects that are listed, those of the greatest weight")


@functools.cache
def finding_rules() -> Mapping[str, FindingRule]:
    """Every rule by name, in the order of the file."""
    document = read_document(_RULES, "rules of findings")
    return {name: FindingRule.model_validate(tree) for name, tree in document.tree.items()}


def findings(pipeline: Pipeline, stats: RunNumbers) -> list[Finding]:
    """Everything that a run of this pipeline with these numbers has to say, the worst first."""
    found: list[tuple[Finding, float]] = []
    for scope, facts_of in SCOPES.items():
        found += _of_scope(scope, facts_of(pipeline, stats))
    counted = Counter(each["kind"] for each, _ in found if each.get("level") in WORTH_A_LOOK)
    every = Counter(each["kind"] for each, _ in found)
    expected = [*expectations(pipeline, stats), *expected_findings(pipeline, every, counted.total())]
    found += _of_scope("expectations", expected)
    return _sorted(found)


def findings_of_time(folder: Path) -> list[Finding]:
    """What the timings of a run say: times are no output of it, so they are found whenever somebody looks."""
    return _sorted(_of_scope(STAGES, stages(folder)))


def scores_only(name: str) -> str:
    """The sentence for a quality step that drops nothing."""
    return finding_rules()["scores-only"].says.format(name=name)


def command(finding: Finding, folder: str | Path) -> str:
    """The command of a finding, for this run directory; empty where there is none."""
    return finding.get("cure", "").replace(f" {RUN}", f" {shlex.quote(str(folder))}", 1)


def verdict(found: Sequence[Finding]) -> Literal["stop", "look", "ok"]:
    """What a list of findings comes to."""
    levels = {"stop" if each["missed"] else each.get("level", "note") for each in found}
    return "stop" if "stop" in levels else "look" if "look" in levels else "ok"


def _sorted(found: Iterable[tuple[Finding, float]]) -> list[Finding]:
    def order(item: tuple[Finding, float]) -> tuple[bool, int, float]:
        finding, weight = item
        return not finding["missed"], _ORDER.index(finding.get("level", "note")), -weight

    return [finding for finding, _ in sorted(found, key=order)]


def _of_scope(scope: str, subjects: Iterable[Facts]) -> list[tuple[Finding, float]]:
    """(finding, weight) of every rule of a scope on these subjects."""
    listed = list(subjects)
    found: list[tuple[Finding, float]] = []
    for kind, rule in finding_rules().items():
        if rule.scope == scope:
            mine = sorted((facts for facts in listed if _holds(rule, facts)), key=lambda facts: -_weight(facts))
            found += [(_found(kind, rule, facts), _weight(facts)) for facts in mine[: rule.most]]
    return found


def _holds(rule: FindingRule, facts: Facts) -> bool:
    """Whether every fact is known and within its range."""
    for name, wanted in rule.when.items():
        value, (least, most) = facts.get(name), parse_range(wanted)
        if not isinstance(value, int | float) or not least <= value <= most:
            return False
    return True


def _weight(facts: Facts) -> float:
    value = facts.get("weight", 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _found(kind: str, rule: FindingRule, facts: Facts) -> Finding:
    number = facts.get(rule.number) if rule.number else None
    finding: Finding = {
        "kind": kind,
        "subject": str(facts["subject"]),
        "number": number if isinstance(number, int | float) else None,
        "says": rule.says.format(**facts),
        "missed": rule.missed,
        "level": rule.level,
        "section": rule.section,
    }
    if rule.cure:
        quoted = {
            name: _quoted(value) if isinstance(value, str) and not isinstance(value, Words) else value
            for name, value in facts.items()
        }
        finding["cure"] = rule.cure.format(**quoted)  # names of a page's own making end in no command of their own
    return finding


def _quoted(text: str) -> str:
    """A word for a shell, in the quotes that are easier to read where both are right."""
    quoted = shlex.quote(text)
    return f'"{text}"' if quoted != text and not set('"$`\\!') & set(text) else quoted
