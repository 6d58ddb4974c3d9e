"""The shape of a pipeline file: sources, what combines them, the product. Runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, model_serializer, model_validator

from curate.config.document import write_document
from curate.config.formats import format_named, formats
from curate.config.mixture import Mixture
from curate.config.steps import AnyCombiningStep, AnySourceStep
from curate.config.tokens import Tokens
from curate.settings import Count, Model, Name, Range, Share, Size, Strings
from curate.storage import write_atomically

Setting = TypeVar("Setting", bound=Model)


def _known_format(name: str) -> str:
    if ":" not in name:
        format_named(name)
    return name


MOST_LOST = 0.5
"""Share of a source's records that one kind of damage may cost: a crawl loses a few in a hundred, a wrong format or column
nearly all."""


CRAWL = r"^CC-(MAIN-20\d\d-\d\d|NEWS-20\d\d-\d\d)$"
"""Names of crawls that are laid out as now; those up to 2012 were not."""


BASE = "https://data.commoncrawl.org/"
"""Where Common Crawl's files are given to everybody, without credentials."""


class Limit(Model):
    """How many records of a source are read: the first, or a seeded sample of all."""

    first: Annotated[Count, Field(gt=0)] | None = Field(None, description="so many from the beginning", examples=[1000])
    sample: Annotated[Count, Field(gt=0)] | None = Field(
        None, description="so many drawn by the seed and their ids", examples=[1000]
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_number(cls, value: Any) -> Any:
        return value if isinstance(value, (dict, Limit)) else {"first": value}

    @model_validator(mode="after")
    def _one(self) -> Limit:
        if (self.first is None) == (self.sample is None):
            raise ValueError("give a number of first records, or {sample: NUMBER}")
        return self


def _or_a_number(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"type": ["integer", "string"]})


class Read(Model):
    """Which files a source reads, and how."""

    format: Annotated[str, AfterValidator(_known_format)] = Field(
        description="warc, wet, jsonl, parquet, or module:NAME of your own",
        json_schema_extra={"anyOf": [{"enum": [*sorted(formats())]}, {"pattern": ":"}]},
    )
    paths: Strings = Field(
        (),
        description="files, by path, pattern or address; '@LIST' is a list of them",
        examples=[["crawl/*.warc.gz"], ["@warc.paths.gz"]],
    )
    crawl: Annotated[str, Field(pattern=CRAWL)] | None = Field(
        None,
        description="a crawl of Common Crawl by name, instead of paths: CC-MAIN-2026-12, or CC-NEWS-2026-03",
        examples=["CC-MAIN-2026-12"],
    )
    subset: Literal["warc", "crawldiagnostics", "robotstxt"] = Field(
        "warc", description="which files of the crawl: pages, answers other than 200, robots.txt"
    )
    segments: Strings = Field((), description="segments of the crawl; default: all", examples=[["1772800000000.1"]])
    index: Strings = Field(
        (),
        description="instead of paths, files of a columnar index of WARC records, by path, pattern, address or '@LIST': the "
        "records it names are read by ranges of bytes",
        examples=[["cc-index/table/cc-main/warc/crawl=CC-MAIN-2026-12/subset=warc/*.parquet"]],
    )
    where: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="a condition in SQL on the columns of the index, or of the crawl's own: the records it is true for",
        examples=["content_languages = 'deu' and fetch_status = 200"],
    )
    base: str | None = Field(
        None,
        description="what stands before the names of lists, crawls and indexes; default: https://data.commoncrawl.org/",
        examples=["https://data.commoncrawl.org/"],
    )
    take: Annotated[Count, Field(gt=0)] | None = Field(
        None,
        description="so many of the files, or of an index's records, drawn by the seed and their names; default: all",
        examples=[100],
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] | None = Field(
        None, description="what `take` draws by; default: the pipeline's seed", examples=[0]
    )
    split: Literal["auto"] | Annotated[Size, Field(gt=0)] | None = Field(
        "auto",
        description="most bytes of a file that one task reads: a larger one is cut; auto: 256 MiB, more for a source of "
        "over a terabyte; null: no file is cut",
        examples=["256 MB"],
    )
    bundle: Annotated[Size, Field(gt=0)] | None = Field(
        16_000_000,
        description="bytes of small files that one task reads together, where a source has more than 64 files; null: none",
        examples=["16 MB"],
    )
    root: str | None = Field(
        None, description="folder from which files are named; default: the patterns' common folder", examples=["crawl"]
    )
    text: str = Field("text", description="tables: the column that holds the text")
    id: str | None = Field(None, description="tables: the column that holds the record's own id", examples=["doc_id"])
    url: str | None = Field("url", description="tables: the column that holds the address")
    date: str | None = Field(None, description="tables: the column that holds the date", examples=["timestamp"])
    max_lost_share: Share = Field(
        MOST_LOST, description="most of its records that one kind of damage may cost before the run ends with status 3"
    )
    limit: Limit | None = Field(
        None,
        description="most records to read: the first, as 1000, or a seeded sample of all, as {sample: 1000}",
        json_schema_extra=_or_a_number,
        examples=[1000],
    )
    metadata: Literal["all"] | Strings = Field(
        (),
        description="tables: columns carried along as meta.NAME, or all that have no other use",
        examples=[["license", "stars"]],
    )

    @property
    def indexed(self) -> bool:
        """Whether its records are those that an index names."""
        return bool(self.index) or self.where is not None

    @model_validator(mode="after")
    def _one_index(self) -> Read:
        if self.where is not None and not self.index and self.crawl is None:
            raise ValueError("where goes with an index, or with a crawl, which has one")
        if self.indexed and self.format != "warc":
            raise ValueError(f"an index names records of WARC files, not of {self.format}")
        if self.indexed and self.segments:
            raise ValueError("of an index choose segments by where: warc_segment in ('...')")
        if self.indexed and self.limit is not None and self.limit.sample is not None:
            raise ValueError("of an index draw records by take, not by limit")
        return self

    @model_validator(mode="after")
    def _one_origin(self) -> Read:
        if [self.crawl is not None, bool(self.paths), bool(self.index)].count(True) != 1:
            raise ValueError("give paths, or the name of a crawl, or an index")
        if self.crawl is not None and self.format not in ("warc", "wet"):
            raise ValueError(f"a crawl has files of the formats warc and wet, not {self.format}")
        if self.crawl is None and (self.segments or self.subset != "warc"):
            raise ValueError("segments and subset are those of a crawl: name it by crawl")
        if self.crawl is not None and self.root is not None:
            raise ValueError("the files of a crawl are named as its lists name them: leave root out")
        listed = self.crawl is not None or self.index or any(path.startswith("@") for path in self.paths)
        if self.base is not None and not listed:
            raise ValueError("base goes with a crawl, an index or a list of files, as in paths: ['@warc.paths.gz']")
        return self


class Source(Model):
    """One source of documents and the steps of its own."""

    read: Read = Field(description="which files, and how")
    role: Literal["training", "reference"] = Field(
        "training", description="reference: it trains the classifier only, and is no output"
    )
    steps: tuple[AnySourceStep, ...] = Field(
        (), description="its steps, in order", examples=[[{"extract": {}}, {"filter": "c4"}]]
    )

    def setting(self, kind: type[Setting]) -> Setting | None:
        """The settings of the step of this kind, if the source has one."""
        return next((setting for _, setting in self.named_steps() if isinstance(setting, kind)), None)

    def named_steps(self) -> list[tuple[str, Model]]:
        """(name, settings) of each step in order; filters are named after their pack unless `as` names them."""
        return [(step.name, step.setting) for step in self.steps]


VERDICTS = "verdicts"
"""What the documents of a pipeline without a combining step are kept after: every source's own rules."""


class Shards(Model):
    """The product: shards of tokens in their global order."""

    tokens_per_shard: Annotated[Count, Field(gt=0, le=1 << 28)] = Field(
        64_000_000, description="most tokens of a shard"
    )
    validation: Share = Field(0.005, description="share of the documents held out for validation, by their ids")


class Bounds(Model):
    """New bounds of a rule. A bound that is not given stays; null takes it away, so the two are written differently."""

    min: float | None = Field(None, description="least value that passes", examples=[30])
    max: float | None = Field(None, description="greatest value that passes", examples=[0.3])

    @model_serializer(mode="plain")
    def _given(self) -> dict[str, float | None]:
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class Report(Model):
    """What the run's report shows."""

    map: bool = Field(
        True, description="whether it draws the map of the crawl, some seconds of CPU at the end of a run"
    )


class Pipeline(Model):
    """A whole pipeline file."""

    name: Name = Field(description="the run's name, and its directory's: runs/NAME", examples=["webtext"])
    about: str = Field("", description="one line for people", examples=["A small web to tokens."])
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = Field(
        0, description="what all chance follows from, with a record's id"
    )
    sources: Annotated[dict[Name, Source], Field(min_length=1)] = Field(
        description="where documents come from, by name",
        examples=[{"web": {"read": {"format": "warc", "paths": ["crawl/*.warc.gz"]}, "steps": [{"extract": {}}]}}],
    )
    combine: tuple[AnyCombiningStep, ...] = Field(
        (), description="steps over all sources", examples=[[{"deduplicate": {"exact": True}}]]
    )
    filters: dict[str, dict[str, Bounds]] = Field(
        {},
        description="bounds of a step's rules: step name, rule name, min or max",
        examples=[{"gopher-quality": {"min_words": {"min": 30}}}],
    )
    tokens: Tokens | None = Field(Tokens(), description="the tokenizer; null: text out, no tokens, no shards")
    mixture: Mixture | None = Field(
        None,
        description="how much of each group; default: every kept document once",
        examples=[{"sources": {"web": {"weight": 0.8}, "books": {"weight": 0.2}}}],
    )
    shards: Shards = Field(Shards(), description="the product's files")
    removals: Strings = Field(
        (),
        description="lists of removals of earlier runs, whose entries no run may use",
        examples=[["runs/webtext/removals.jsonl"]],
    )
    keep: Strings = Field(
        (), description="steps after which the documents are kept as Parquet", examples=[["extract", "deduplicate"]]
    )
    expect: dict[str, Range] = Field(
        {},
        description="ranges of SOURCE.NUMBER or SOURCE.STEP, as in web.kept: 0.2..0.8, or of findings, as in findings: 0; "
        "a miss ends a run with status 3",
        examples=[{"web.kept": "0.2..0.8", "findings": "0"}],
    )
    report: Report = Field(Report(), description="what the report shows")

    def keys(self) -> dict[str, Any]:
        """The keys and values as a pipeline file has them, those left out that are at their defaults."""
        tree: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if self.tokens is None:
            tree["tokens"] = None
        return {"name": self.name, **tree}

    def save(self, path: str | Path) -> Path:
        """Write the pipeline as a YAML file that `curate run` takes; its relative paths are then those of the file's folder.

        Pipeline(name="x", sources={"web": {"read": {"format": "jsonl", "paths": "x.jsonl"}}}).save("x.yaml")
        """
        write_atomically(Path(path), write_document(self.keys()).encode())
        return Path(path)

    @property
    def last_step(self) -> str:
        """The step after which documents are what goes on: into tokens, or out as they are."""
        return self.combine[-1].kind if self.combine else VERDICTS

    def combined(self, kind: type[Setting]) -> Setting | None:
        """The settings of the combining step of this kind, if the pipeline has one."""
        return next((step.setting for step in self.combine if isinstance(step.setting, kind)), None)

    def combines(self, kind: str) -> bool:
        """Whether the pipeline has the combining step of this name."""
        return any(step.kind == kind for step in self.combine)
