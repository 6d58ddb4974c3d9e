"""The languages that a source keeps, as boxes to be ticked: what each would bring by itself is counted.

Knows counts by language; the page's script does the ticking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.audit.report import facts
from curate.audit.report.headlines import plural
from curate.records.statistics import RunNumbers
from curate.text.html import Html, count, roughly, tag

_SHOWN = 16
"""Languages that have a box, the most frequent ones; those kept and not among them stay as they are."""


@dataclass(frozen=True)
class Choices:
    """A list of languages that sources share. `languages`: by language its documents, those of them that no other rule
    drops, and what these hold, in tokens or characters, estimated where they are dropped."""

    rule: str
    key: str
    keeps: tuple[str, ...]
    sources: tuple[str, ...]
    languages: Mapping[str, tuple[int, int, float]]

    @property
    def name(self) -> str:
        """A name for the page."""
        return f"{self.rule}-{'-'.join(self.sources)}".replace("/", "-")

    @property
    def shown(self) -> list[str]:
        """The languages that have a box."""
        order = sorted((each for each in self.languages if each), key=lambda each: (-self.languages[each][0], each))
        return order[:_SHOWN]

    def script_data(self, outputs: Sequence[str]) -> dict[str, Any]:
        """What the page's script needs."""
        return {
            "name": self.name, "rule": self.rule, "key": self.key, "keeps": list(self.keeps),
            "sources": [outputs.index(source) for source in self.sources],
            "counts": {language: self.languages[language][1] for language in self.shown},
        }  # fmt: skip


def choices_of(stats: RunNumbers, outputs: Sequence[str]) -> list[Choices]:
    """The lists of languages of the sources that are output, those that are the same put together."""
    found: dict[tuple[str, tuple[str, ...]], Choices] = {}
    for source in outputs:
        rate = facts.token_rate(source, stats)
        for rule, each in stats["audit"].get(source, {}).get("choices", {}).items():
            keeps = tuple(each["keeps"].split())
            before = found.get((rule, keeps), Choices(rule, each["key"], keeps, (), {}))
            languages = dict(before.languages)
            for language, counts in each["languages"].items():
                old = languages.get(language, (0, 0, 0.0))
                more = (counts["documents"], counts["others_pass"], counts["chars"] * rate)
                languages[language] = (old[0] + more[0], old[1] + more[1], old[2] + more[2])
            found[rule, keeps] = Choices(rule, each["key"], keeps, (*before.sources, source), languages)
    return [each for each in found.values() if each.shown]


def _brings(documents: int, alone: int, amount: float, unit: str) -> str:
    rest = f", {count(alone)} pass all else, ≈ {roughly(amount)} {unit}" if alone else ", none passes all else"
    return plural(documents, "document") + rest


def choice_card(choice: Choices, unit: str) -> Html:
    """The boxes, with what each language brings by itself."""
    boxes = []
    for language in choice.shown:
        documents, alone, amount = choice.languages[language]
        boxes.append(
            tag(
                "label",
                tag(
                    "input", type="checkbox", data_choice=choice.name, value=language, checked=language in choice.keeps
                ),
                tag("span", tag("b", language, data_language=language)),
                tag("small", _brings(documents, alone, amount, unit)),
            )
        )
    more = len([each for each in choice.languages if each]) - len(boxes)
    return tag(
        "article",
        tag("h4", choice.rule.partition("/")[2], tag("small", "languages that pass")),
        tag("fieldset", tag("legend", f"languages of {', '.join(choice.sources)}"), *boxes, class_="boxes"),
        tag("p", f"{plural(more, 'rarer language')} {'stays' if more == 1 else 'stay'} as they are.", class_="quiet")
        if more > 0 else None,
        tag("output", "", data_chosen=choice.name),
        tag("p", "What passes all other rules is counted, what it holds estimated.", class_="quiet"),
        class_="card",
        id=f"rule-{choice.name}",
    )  # fmt: skip
