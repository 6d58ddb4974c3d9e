"""The steps of a pipeline file: what each one can be told, and its default. Knows no step's implementation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from curate.config.languages import LANGUAGES
from curate.config.values import Count, Model, Name, Share, Strings, as_list


class Extract(Model):
    """HTML to text."""

    engine: str = Field("resiliparse", description="resiliparse, trafilatura, or a dotted function str -> str")


class Url(Model):
    """Rules on addresses, applied before extraction."""

    packs: Annotated[Strings, Field(min_length=1)]
    lists: dict[str, str] = Field(
        {}, description="files or addresses of the lists that the packs name but do not carry"
    )


class Language(Model):
    """Language identification and the languages to keep."""

    keep: Strings | Literal["all"] = "all"
    minimum: Share = Field(0.0, description="least confidence in the language, as a probability")
    model: str | None = Field(None, description="a fastText model's path or address; default: the built-in model")
    sha256: str | None = Field(None, description="the model file's SHA-256; needed where it is downloaded")
    paragraphs: bool = Field(False, description="also look at each paragraph, for texts of mixed language")
    most_other: Share | None = Field(
        None, description="with paragraphs: most of the text that may lie in paragraphs of another language"
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
        unknown = [] if self.model or self.keep == "all" else [code for code in self.keep if code not in LANGUAGES]
        if unknown:
            raise ValueError(
                f"the built-in model knows no language {unknown[0]!r}; it knows {', '.join(sorted(LANGUAGES))}"
            )
        return self


class Filter(Model):
    """A pack of edits and rules."""

    pack: str
    name: Name | None = Field(None, alias="as")
    lists: dict[str, str] = Field({}, description="files of the word lists that the pack names but does not carry")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"pack": value} if isinstance(value, str) else value


class Datatrove(Model):
    """A block of datatrove as a step."""

    block: str = Field(description="the block's dotted class name")
    args: dict[str, Any] = Field({}, description="its arguments")
    name: Name | None = Field(None, alias="as")


class Quality(Model):
    """A quality classifier and the rule that keeps documents by its score."""

    classifier: Literal["gpt3", "fasttext"] = "gpt3"
    positives: Strings = ()
    model: str | None = Field(None, description="a trained model's path; then nothing is trained")
    alpha: Annotated[float, Field(gt=0)] = 9.0
    minimum: Share | None = Field(None, description="keep scores of at least this, instead of the random draw")
    keep_share: Share | None = Field(None, description="keep this share of documents with the highest scores")
    sample: Annotated[Count, Field(gt=0)] = Field(100_000, description="most documents of each class to train on")
    label: str | None = Field(None, description="a fastText file's label of good documents; default: __label__hq")

    @model_validator(mode="after")
    def _one_of_each(self) -> Quality:
        if (self.model is None) != bool(self.positives):
            raise ValueError("give either positives, the sources to learn from, or a trained model")
        if self.minimum is not None and self.keep_share is not None:
            raise ValueError("give either a minimum or a keep_share")
        return self


class MinHash(Model):
    """Fuzzy deduplication by MinHash and banding."""

    ngram: Annotated[int, Field(ge=1, le=100)] = 5
    bands: Annotated[int, Field(ge=1, le=10_000)] | None = Field(None, description="default: 14, as FineWeb")
    rows: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        None, description="rows of a band; default: 8, as FineWeb"
    )
    threshold: Share | None = Field(None, description="choose bands and rows for this similarity, as datasketch does")
    permutations: Annotated[int, Field(ge=2, le=100_000)] | None = Field(
        None, description="length of a signature; default: 256, or bands times rows where that is more"
    )
    verify: Share | None = Field(
        0.7, description="least similarity to the survivor of what is removed; null: do not check"
    )
    exact: bool = Field(False, description="verify by the exact Jaccard similarity instead of the signatures' estimate")

    @model_validator(mode="after")
    def _banding(self) -> MinHash:
        if (self.bands is None) != (self.rows is None):
            raise ValueError("bands and rows go together")
        if self.bands is not None and self.threshold is not None:
            raise ValueError("give either bands and rows, or a threshold")
        least = (self.bands or 14) * (self.rows or 8) if self.threshold is None else 2
        if self.permutations is not None and self.permutations < least:
            raise ValueError(f"permutations must be at least bands times rows, {least}")
        if self.exact and self.verify is None:
            raise ValueError("exact says how to verify, but verify is null: give verify a similarity")
        return self


class Lines(Model):
    """Removal of lines or spans that recur across documents."""

    min_count: Annotated[int, Field(ge=2)] = 10
    unit: Literal["line", "three_sentences"] = "line"


class Keep(Model):
    """Which copy survives."""

    prefer_source: Strings = ()
    then: Literal["longest", "shortest", "newest", "oldest", "id"] = "longest"


class Deduplicate(Model):
    """Exact, address, fuzzy and line deduplication across the sources."""

    exact: bool = True
    url: bool = False
    minhash: MinHash | None = None
    lines: Lines | None = None
    keep: Keep = Keep()
    scope: str = Field("all", description="all, source, or a ledger column")
    index: str | None = Field(None, description="folder of an index of earlier runs, read and added to")
    max_removed_share: Share = Field(0.9, description="stop when a source loses more than this")
    max_cluster: Count | None = Field(None, description="stop when a cluster is larger than this")


class Decontaminate(Model):
    """Removal of evaluation items from the training text."""

    against: Annotated[Strings, Field(min_length=1)]
    ngram: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="words of an n-gram; default: 13 as GPT-3, with overlap 5"
    )
    overlap: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="share of an item's words that must lie in n-grams shared with a document; default: one n-gram",
    )
    mode: Literal["cut", "drop"] = "cut"
    fields: Strings | None = Field(None, description="fields of an item to match; default: every text field")


def _known_type(name: str) -> str:
    from curate.pii.detectors import check_type  # when used: it brings compiled kernels

    return check_type(name)


def _known_option(name: str) -> str:
    from curate.pii.detectors import OPTIONS

    if name not in OPTIONS:
        raise ValueError(f"{name!r} is no option; known: {', '.join(OPTIONS)}")
    return name


def _all_types() -> tuple[str, ...]:
    from curate.pii.detectors import TYPES

    return TYPES


PersonalType = Annotated[str, AfterValidator(_known_type)]
LooserOption = Annotated[str, AfterValidator(_known_option)]


class Scrub(Model):
    """Replacement of personal data by typed placeholders."""

    types: Annotated[tuple[PersonalType, ...], BeforeValidator(as_list), Field(min_length=1)] = Field(
        default_factory=_all_types,
        description="types by name, or detectors of your own as module:NAME; default: all types",
    )
    regions: Strings | None = Field(
        None,
        description="regions (ISO 3166) whose phone numbers count; default: twelve and those of each text's language",
    )
    options: dict[LooserOption, bool] = Field({}, description="looser validation, by name")
    placeholders: dict[str, str] = Field({}, description="placeholder by type; default: [TYPE]")
    key: str | None = Field(
        None, description="a file that holds a secret: replace by a hash keyed with it instead of a constant"
    )
    drop_above: Annotated[int, Field(ge=0)] | None = Field(None, description="drop a document with more findings")

    @model_validator(mode="after")
    def _together(self) -> Scrub:
        if self.key is not None and self.placeholders:
            raise ValueError("give either a key or placeholders")
        return self


class ExtractStep(Model):
    extract: Extract = Extract()


class UrlStep(Model):
    url: Url


class LanguageStep(Model):
    language: Language


def _or_bare_name(schema: dict[str, Any]) -> None:
    """In the schema for editors: the settings, or a name alone."""
    settings = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, settings]


class FilterStep(Model):
    filter: Filter = Field(json_schema_extra=_or_bare_name)


class DatatroveStep(Model):
    datatrove: Datatrove


class QualityStep(Model):
    quality: Quality


class DeduplicateStep(Model):
    deduplicate: Deduplicate


class DecontaminateStep(Model):
    decontaminate: Decontaminate


class ScrubStep(Model):
    scrub: Scrub


def _step_kind(value: Any) -> str | None:
    if isinstance(value, Mapping) and len(value) == 1:
        return str(next(iter(value)))
    if isinstance(value, Model):
        return next(iter(type(value).model_fields))
    return None


SourceStep = Annotated[
    Annotated[ExtractStep, Tag("extract")]
    | Annotated[UrlStep, Tag("url")]
    | Annotated[LanguageStep, Tag("language")]
    | Annotated[FilterStep, Tag("filter")]
    | Annotated[DatatroveStep, Tag("datatrove")]
    | Annotated[QualityStep, Tag("quality")],
    Discriminator(_step_kind),
]
CombineStep = Annotated[
    Annotated[DeduplicateStep, Tag("deduplicate")]
    | Annotated[DecontaminateStep, Tag("decontaminate")]
    | Annotated[ScrubStep, Tag("scrub")],
    Discriminator(_step_kind),
]
SOURCE_STEPS = ("extract", "url", "language", "filter", "datatrove", "quality")
COMBINE_STEPS = ("deduplicate", "decontaminate", "scrub")


def named_step(step: Model) -> tuple[str, Model]:
    kind = next(iter(type(step).model_fields))
    setting: Model = getattr(step, kind)
    if isinstance(setting, Filter):
        return setting.name or re.sub(r"\.ya?ml$", "", setting.pack.rsplit("/", 1)[-1]), setting
    if isinstance(setting, Datatrove):
        return setting.name or setting.block.rsplit(".", 1)[-1], setting
    return kind, setting
