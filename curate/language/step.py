"""The `language` step: its settings, the columns it computes, and the rules on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from curate.settings import Model, Share, Strings, as_list, mistake, one_of
from curate.steps import Applied, Changes, Evaluation, SourceStep
from curate.text.language_codes import LANGUAGES, code_of_label, meant
from curate.text.view import TextView
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.rules import AllowedRule, AnyRule


class Language(Model):
    """Language identification and the languages to keep."""

    keep: Strings | Literal["all"] = Field(
        "all",
        description="languages (ISO 639-1, else 639-3) that pass",
        json_schema_extra=one_of(lambda: LANGUAGES, "^[a-z]{2,3}(_[A-Z][a-z]{3})?$"),
    )
    minimum: Share = Field(0.0, description="least confidence in the language, as a probability")
    model: str | None = Field(
        None,
        description="a fastText model's path or address; default: the built-in model",
        examples=["models/lid.176.bin"],
    )
    sha256: str | None = Field(
        None,
        description="the model file's SHA-256; needed where it is downloaded",
        examples=["7e69ec5451bc261cc7844e49e4792a85d7f09c06789ec800fc4a44aec362764e"],
    )
    labels: Literal["own", "codes"] | Mapping[str, str] = Field(
        "own",
        description="what a model's labels are called: own; codes, as here (eng_Latn is en); or codes by label",
        examples=["codes", {"hbs_Latn": "sr"}],
    )
    paragraphs: bool = Field(False, description="also look at each paragraph, for texts of mixed language")
    most_other: Share | None = Field(
        None,
        description="with paragraphs: most of the text that may lie in paragraphs of another language",
        examples=[0.2],
    )

    @field_validator("keep", mode="before")
    @classmethod
    def _all(cls, value: Any) -> Any:
        return value if value == "all" else as_list(value)

    @model_validator(mode="after")
    def _together(self) -> Language:
        if self.most_other is not None and not self.paragraphs:
            raise ValueError("most_other needs paragraphs: true")
        if self.model is not None and "://" in self.model and self.sha256 is None:
            raise ValueError("a model that is downloaded needs its sha256")
        if self.labels != "own" and self.model is None:
            raise ValueError("labels are those of a `model`; the built-in one has codes")
        if self.labels == "codes" and self.keep != "all":
            other = next((code for code in self.keep if code_of_label(code) != code), None)
            if other is not None:
                raise mistake("keep", f"with labels: codes it is {code_of_label(other)!r}, not {other!r}")
        unknown = [] if self.model or self.keep == "all" else [code for code in self.keep if code not in LANGUAGES]
        if unknown:
            raise mistake("keep", f"the built-in model knows no language {unknown[0]!r}{meant(unknown[0])}")
        return self


def _evaluation(name: str, setting: Language) -> Evaluation:
    from curate import language

    params = {
        "model": setting.model,
        "sha256": language.model_digest(setting.model, setting.sha256),
        "paragraphs": setting.paragraphs,
        "labels": setting.labels if isinstance(setting.labels, str) else sorted(setting.labels.items()),
    }
    columns = ((f"{name}.paragraphs", "int64"), (f"{name}.other_share", "float64")) if setting.paragraphs else ()
    fixed = (("language", "string"), ("language_score", "float"))
    return Evaluation("curate.language.step:evaluator", params, columns, fixed)


def _rules(name: str, setting: Language, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    rules: list[AnyRule] = []
    if setting.keep != "all":
        rules.append(AllowedRule(name, "keep", "language", tuple(setting.keep)))
    rules.append(
        BoundsRule(
            name, "minimum", "language_score", min=setting.minimum, column="language_score", single=True,
            setting=f"{name}.minimum",
        )
    )  # fmt: skip
    if setting.most_other is not None:
        rules.append(
            BoundsRule(name, "most_other", "other_share", max=setting.most_other, setting=f"{name}.most_other")
        )
    return tuple(rules)


STEP = SourceStep(
    "language",
    Language,
    example="language: {keep: [en, de], minimum: 0.65}",
    evaluation=_evaluation,
    rules=_rules,
    thresholds=frozenset({"keep", "minimum", "most_other"}),
)


class _Evaluator:
    """The language model, ready."""

    changes_text = False
    statistics: Mapping[str, float] = {}

    def __init__(self, name: str, params: Mapping[str, Any]) -> None:
        from curate import language

        self._name = name
        self._paragraphs: bool = params["paragraphs"]
        named = params["labels"]
        labels = named if isinstance(named, str) else tuple((label, code) for label, code in named)
        self._identifier = language.load(params["model"], params["sha256"], labels)

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See Evaluator.apply."""
        from curate import language

        texts = view.texts
        codes, scores = self._identifier.identify(texts)
        columns = {"language": codes, "language_score": pa.array(scores)}
        if self._paragraphs:
            paragraphs = language.identify_paragraphs(texts, self._identifier)
            columns[f"{self._name}.paragraphs"] = pc.list_value_length(paragraphs).cast(pa.int64())
            columns[f"{self._name}.other_share"] = pa.array(language.other_share(paragraphs, codes))
        return Applied(view, columns)


def evaluator(name: str, params: Mapping[str, Any]) -> _Evaluator:
    """The step made ready from `Evaluation.params`."""
    return _Evaluator(name, params)


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile the built-in model's kernels, once per machine."""
    from curate import language

    language.compile_kernels()
