"""The `filter` step: a pack of edits and rules, its columns and its bounds.

A pack of several languages takes each document by the ledger's `language`; `language_step` computes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from curate.errors import CurateError
from curate.filters.errors import PackError
from curate.filters.language_table import LanguageValues
from curate.filters.loading import load
from curate.filters.pack_files import names
from curate.filters.packs import Pack, pack_content
from curate.filters.words import BROUGHT, check_words, modules
from curate.settings import A_PATH, Model, Name, Strings, one_of
from curate.steps import Applied, Changes, Evaluation, Evaluator, SourceStep
from curate.text.language_codes import LANGUAGES
from curate.text.view import TextView
from curate.verdicts.rules import AnyRule, FlagRule

_SAMPLE = "Kernels are compiled here, before the tasks need them."
"""A text that every metric can measure."""
CHOSEN = "language"
"""The step's column that names the line of the pack's file of languages by which a document is judged."""
WITHOUT = "without_thresholds"
"""The step's column, and its rule, that say of which documents the pack does not speak the language."""


class Filter(Model):
    """A pack of edits and rules."""

    pack: str = Field(
        description="a pack's name or path",
        examples=["gopher-quality"],
        json_schema_extra=one_of(names, A_PATH),
    )
    name: Name | None = Field(
        None, alias="as", description="the step's name; default: the pack's", examples=["gopher-german"]
    )
    lists: dict[str, str] = Field(
        {},
        description="files of the word lists that the pack names but does not carry",
        examples=[{"badwords": "lists/badwords.txt"}],
    )
    language: str | None = Field(
        None, description="of a pack of several languages: the one that all documents are judged by", examples=["de"]
    )
    languages: Strings | Literal["all"] | None = Field(
        None,
        description="likewise: the languages whose thresholds are taken, or all; default: those that the built-in model "
        "names and whose words the extra `languages` splits",
        examples=[["de", "fr"], "all"],
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"pack": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_or_several(self) -> Filter:
        if self.language is not None and self.languages is not None:
            raise ValueError("give `language`, for all documents, or `languages`, to judge each by its own; not both")
        return self


def _title(setting: Filter) -> str:
    return setting.name or re.sub(r"\.ya?ml$", "", setting.pack.rsplit("/", 1)[-1])


def _raw_title(setting: Any) -> str:
    name = setting.get("as") or setting.get("pack", "") if isinstance(setting, dict) else setting
    return re.sub(r"\.ya?ml$", "", str(name).rsplit("/", 1)[-1])


def pack_of(setting: Filter, changes: Changes | None = None) -> Pack:
    """The pack as the step applies it. Raises PackError where it cannot be read or lacks a language that is named."""
    pack = load(setting.pack, overrides=changes, lists=setting.lists, language=setting.language)
    if setting.languages is not None and pack.languages is None:
        raise PackError(f"the pack {pack.name} has no languages to choose from")
    return pack


def by_document(pack: Pack) -> bool:
    """Whether the pack judges each document by its own language."""
    return pack.languages is not None and pack.line is None


def chosen_lines(pack: Pack, languages: list[str] | tuple[str, ...] | str | None) -> tuple[LanguageValues, ...]:
    """The languages whose thresholds a step takes. Raises PackError for one that the pack does not have."""
    table = pack.languages
    if table is None:
        return ()
    if languages == "all":
        return table.lines
    if languages is None:
        lines = table.chosen(code for code in sorted(LANGUAGES) if table.meant_by(code))
        return tuple(line for line in lines if BROUGHT.issuperset(modules(line.language)))
    return table.chosen(languages)


def spoken_languages(setting: Filter) -> list[tuple[str, tuple[str, ...]]]:
    """What of the step was made for some languages only: the whole of it, `''`, or a rule, `'/stop_words'`; and those
    languages. Empty: it takes any."""
    pack = pack_of(setting)
    if by_document(pack):
        lines = chosen_lines(pack, setting.languages)
        codes = [code for line in lines for code in (line.code, line.language, line.language.partition("_")[0]) if code]
        return [("", tuple(dict.fromkeys(codes)))]
    if pack.line is not None:
        return [("", tuple({pack.line.code, pack.line.language} - {""}))]
    if pack.speaks:
        return [("", pack.speaks)]
    return [(f"/{rule.name}", rule.languages) for rule in pack.rules if rule.languages]


def _evaluation(name: str, setting: Filter) -> Evaluation:
    pack = pack_of(setting)
    columns = tuple((f"{name}.{metric}", str(kind)) for metric, kind in pack.metric_types().items())
    params = {"pack": setting.pack, "lists": setting.lists, "content": pack_content(pack)}
    if pack.line is not None:
        check_words([pack.line.language])
    if not by_document(pack):
        params |= {"language": setting.language} if setting.language else {}
        return Evaluation("curate.filters.step:evaluator", params, columns, foreign=pack.foreign)
    lines = [line.language for line in chosen_lines(pack, setting.languages)]
    check_words(lines)
    columns += ((f"{name}.{CHOSEN}", "string"), (f"{name}.{WITHOUT}", "bool"))
    return Evaluation(
        "curate.filters.language_step:evaluator", params | {"languages": lines}, columns, foreign=pack.foreign
    )


def _rules(name: str, setting: Filter, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    pack = pack_of(setting, changes)
    if not by_document(pack):
        return tuple(rule.of_step(name) for rule in pack.rules)
    lines = chosen_lines(pack, setting.languages)
    rules = (rule.of_languages(name, f"{name}.{CHOSEN}", lines) for rule in pack.rules)
    return (FlagRule(name, WITHOUT, f"{name}.{WITHOUT}", "whether the pack has no thresholds for the language"), *rules)


STEP = SourceStep(
    "filter",
    Filter,
    example="filter: gopher-quality",
    title=_title,
    raw_title=_raw_title,
    bare_key="pack",
    evaluation=_evaluation,
    rules=_rules,
    has_bounds=True,
    foreign=lambda setting: pack_of(setting).foreign,
)


def unchanged(params: Mapping[str, Any]) -> Pack:
    """The pack that a task's parameters name. Raises CurateError where it is not what it was when the run began."""
    pack = load(params["pack"], lists=params["lists"], language=params.get("language"))
    if pack_content(pack) != params["content"]:
        raise CurateError(f"the pack {params['pack']} was changed while the run went on; run the same command again")
    return pack


class _Evaluator:
    """A pack, ready."""

    statistics: Mapping[str, float] = {}

    def __init__(self, name: str, params: Mapping[str, Any]) -> None:
        self._name = name
        self._pack = unchanged(params)
        self.changes_text = self._pack.changes_text

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See Evaluator.apply."""
        applied = self._pack.apply(view)
        columns = {f"{self._name}.{name}": column for name, column in applied.metrics.items()}
        return Applied(applied.view, columns, applied.edits)


def evaluator(name: str, params: Mapping[str, Any]) -> Evaluator:
    """The step made ready from `Evaluation.params`. Raises CurateError where the pack is not what it was."""
    return _Evaluator(name, params)


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile what the pack's edits and metrics run, once per machine."""
    load(params["pack"], lists=params["lists"], language=params.get("language")).apply(pa.array([_SAMPLE]))
