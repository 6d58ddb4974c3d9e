"""The `deduplicate` step: its settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from curate.settings import Count, Model, Share, Strings
from curate.steps import CombiningStep


class MinHash(Model):
    """Fuzzy deduplication by MinHash and banding."""

    ngram: Annotated[int, Field(ge=1, le=100)] = Field(5, description="words of a shingle")
    bands: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="default: 14, as FineWeb", examples=[14]
    )
    rows: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        None, description="rows of a band; default: 8, as FineWeb", examples=[8]
    )
    threshold: Share | None = Field(
        None, description="choose bands and rows for this similarity, as datasketch does", examples=[0.8]
    )
    permutations: Annotated[int, Field(ge=2, le=100_000)] | None = Field(
        None, description="length of a signature; default: 256, or bands times rows where that is more", examples=[256]
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

    min_count: Annotated[int, Field(ge=2)] = Field(10, description="documents that a line or span must recur in")
    unit: Literal["line", "three_sentences"] = Field(
        "line", description="what recurs: a line, or a span of three sentences"
    )


class Keep(Model):
    """Which copy survives."""

    prefer_source: Strings = Field(
        (), description="sources whose copies survive before others, best first", examples=[["reference", "web"]]
    )
    then: Literal["longest", "shortest", "newest", "oldest", "id"] = Field(
        "longest", description="which copy survives among those of one source; ties go to the least id"
    )


class Deduplicate(Model):
    """Exact, address, fuzzy and line deduplication across the sources."""

    exact: bool = Field(True, description="remove documents whose whole text occurred before")
    url: bool = Field(False, description="remove documents whose address occurred before")
    minhash: MinHash | None = Field(None, description="near-copies, by MinHash signatures; default: not looked for")
    lines: Lines | None = Field(
        None,
        description="lines that recur across documents; default: left in",
        examples=[{"min_count": 6, "unit": "line"}],
    )
    keep: Keep = Field(Keep(), description="which copy survives")
    scope: str = Field("all", description="all, source, or a ledger column")
    index: str | None = Field(
        None, description="folder of an index of earlier runs, read and added to", examples=["index/crawl"]
    )
    max_removed_share: Share = Field(0.9, description="stop when a source loses more than this")
    max_cluster: Count | None = Field(None, description="stop when a cluster is larger than this", examples=["1M"])


def _sources_named(setting: Deduplicate) -> dict[str, tuple[str, ...]]:
    closed = setting.index is None  # an index may hold sources of other runs
    return {"keep.prefer_source": setting.keep.prefer_source} if closed else {}


STEP = CombiningStep(
    "deduplicate",
    Deduplicate,
    10,
    "curate.dedup.plan:deduplicate",
    sources_named=_sources_named,
    example="deduplicate: {exact: true, minhash: {ngram: 5, bands: 14, rows: 8, verify: 0.7}}",
)
