"""The public summary of training content that Article 53(1)(d) of the EU's AI Act asks for, as far as a run can fill it
in.

Its sections are those of the Commission's template of 24 July 2025: general information, sources, processing. What only
whoever trains the model knows is left to be filled in, and said to be. Counts the ledger; knows no law.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import OpenedRun
from curate.audit.rates import NOT_IDENTIFIED, rates
from curate.audit.rendering import Answer, Cell, Passage, Table
from curate.config.models import Source
from curate.filters.opt_out.agents import agents_of
from curate.filters.opt_out.step import OptOut
from curate.filters.url_step import Url
from curate.pii.step import Scrub
from curate.records.statistics import outputs, text_out
from curate.text.addresses import hosts

FORMS = ("eu",)
TOP = 0.1
"""Share of the domains that are listed, those with most content: 10 %; small and medium enterprises may list 5 %, or
1,000, whichever are fewer."""
_SHOWN = 50
_OPEN = "to be filled in"
_CRAWLED = ("warc", "wet")
_RANGES = ((10**9, "less than 1 billion tokens"), (10**13, "1 billion to 10 trillion tokens"))
_LARGEST = "more than 10 trillion tokens"
_NAMES = 3  # of files, in a cell


def summarise(run: OpenedRun, top: float = TOP, most: int | None = None) -> Answer:
    """The answer to `curate summary RUN --form eu`: `top` is the share of the domains that are listed, `most` at most
    so many."""
    unit = "chars" if text_out(run.stats) else "tokens"
    counted = {name: _count(run, name, unit) for name in outputs(run.stats["sources"])}
    total = sum(each["amount"] for each in counted.values())
    blocks: list[Table | Passage] = [
        Passage("1. General information", ""),
        Table("1.1 and 1.2 Provider and model", ("what", "answer"), tuple((what, _OPEN) for what in _PROVIDER)),
        _general(run, counted, total, unit),
        _languages(run, unit),
        Passage("2. Data sources", ""),
        _sources(run, counted, total, unit),
    ]
    crawled = {name: each for name, each in counted.items() if run.pipeline.sources[name].read.format in _CRAWLED}
    listed = _domains(crawled, top, most)
    if crawled:
        amounts = sum((Counter(each["domains"]) for each in crawled.values()), Counter[str]())
        blocks.append(_top_domains(listed, len(amounts), unit))
    blocks += [Passage("3. Data processing", ""), _reservations(run), _unwanted(run)]
    data = {
        "form": "eu", "unit": unit, "amount": total,
        "sources": {name: {**each, "domains": len(each["domains"])} for name, each in counted.items()},
        "top_domains": [{"domain": name, unit: amount} for name, amount in listed],
        "sections": [
            {"title": block.title, "rows": [dict(zip(block.columns, row, strict=True)) for row in block.rows]}
            for block in blocks if isinstance(block, Table)
        ],
    }  # fmt: skip
    return Answer(tuple(blocks), data)


_PROVIDER = (
    "name and contact of the provider", "authorised representative in the Union",
    "model, its versions and what it builds on", "date of placing on the Union market",
)  # fmt: skip


def _count(run: OpenedRun, source: str, unit: str) -> dict[str, Any]:
    """Of a source's kept documents: how many, their amount, the first and last day, the amount by domain."""
    domains: Counter[str] = Counter()
    documents = amount = 0
    days: list[Any] = []
    for part, path in zip(run.parts, run.ledger, strict=True):
        if part.source != source:
            continue
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["url", "date", "kept", unit])
            table = table.filter(pc.fill_null(table.column("kept"), False)).combine_chunks()
            sizes = pc.fill_null(table.column(unit), 0)
            documents += len(table)
            amount += pc.sum(sizes).as_py() or 0
            days += [day for day in pc.min_max(table.column("date")).as_py().values() if day is not None]
            named = pa.table({"domain": hosts(table.column("url")), "size": sizes}).drop_null()
            sums = named.group_by("domain").aggregate([("size", "sum")])
            of, total = (sums.column(name).to_pylist() for name in ("domain", "size_sum"))
            domains.update(dict(zip(of, total, strict=True)))
    found: dict[str, Any] = {"documents": documents, "amount": amount, "domains": domains}
    if days:
        found |= {"first": min(days).date().isoformat(), "last": max(days).date().isoformat()}
    return found


def _general(run: OpenedRun, counted: dict[str, dict[str, Any]], total: int, unit: str) -> Table:
    size = next((words for limit, words in _RANGES if total < limit), _LARGEST)
    last = max((each["last"] for each in counted.values() if "last" in each), default="not known")
    rows: list[tuple[Cell, ...]] = [
        ("modality", "text"),
        ("size", size if unit == "tokens" else "not counted in tokens: the run makes text"),
        (f"{'tokens' if unit == 'tokens' else 'characters'}, each document once", total),
        ("documents", sum(each["documents"] for each in counted.values())),
        ("kinds of content", _OPEN),
        ("latest date of what was collected", last),
    ]
    return Table("1.3 Content, as this run holds it", ("what", "answer"), tuple(rows))


def _languages(run: OpenedRun, unit: str) -> Table:
    amounts: Counter[str] = Counter()
    for rate in rates(run.stats, "languages", NOT_IDENTIFIED):
        amounts[rate.name] += rate.tokens
    total = sum(amounts.values()) or 1
    listed = sorted((each for each in amounts.items() if each[1]), key=lambda each: (-each[1], each[0]))
    rows = tuple((name, amount, amount / total) for name, amount in listed[:_SHOWN])
    note = f"And {len(listed) - _SHOWN:,} more." if len(listed) > _SHOWN else "As a classifier guesses them."
    return Table("1.3 Languages", ("language", unit, "share"), rows, note)


def _sources(run: OpenedRun, counted: dict[str, dict[str, Any]], total: int, unit: str) -> Table:
    rows = []
    for name, each in counted.items():
        source = run.pipeline.sources[name]
        period = f"{each['first']} to {each['last']}" if "first" in each else "not known"
        share = each["amount"] / total if total else 0.0
        rows.append((name, _kind(source), _from(source), period, each["documents"], each["amount"], share))
    columns = ("source", "section", "from", "period", "documents", unit, "share")
    note = (
        "Whether what is no crawl of Common Crawl is 2.1 public data sets, 2.2 private ones, 2.3 crawled by or for the "
        "provider, 2.4 users' data, 2.5 synthetic or 2.6 other, the run does not know. A public data set of more than 3 % "
        "of all public data of its modality is named and linked."
    )
    return Table("2. Sources in this run", columns, tuple(rows), note)


def _kind(source: Source) -> str:
    if source.read.crawl:
        return "2.1 public data set: Common Crawl"
    return "2.3 crawled, or 2.1" if source.read.format in _CRAWLED else _OPEN


def _from(source: Source) -> str:
    if source.read.crawl:
        return source.read.crawl
    names = [path.rsplit("/", 1)[-1] for path in source.read.paths or source.read.index]
    return ", ".join([*names[:_NAMES], *(["..."] if len(names) > _NAMES else [])])


def _domains(counted: dict[str, dict[str, Any]], top: float, most: int | None) -> list[tuple[str, int]]:
    """The domains with most content, so large a share of all of them."""
    amounts: Counter[str] = Counter()
    for each in counted.values():
        amounts.update(each["domains"])
    number = ceil(top * len(amounts))
    ordered = sorted(amounts.items(), key=lambda each: (-each[1], each[0]))
    return ordered[: number if most is None else min(number, most)]


def _top_domains(listed: Sequence[tuple[str, int]], every: int, unit: str) -> Table:
    more = len(listed) - _SHOWN
    note = f"{len(listed):,} of {every:,} domains" + (f"; {more:,} more with --format json." if more > 0 else ".")
    return Table("2.3 The domains with most content", ("domain", unit), tuple(listed[:_SHOWN]), note)


def _reservations(run: OpenedRun) -> Table:
    return Table(
        "3.1 Reservations of rights",
        ("source", "what was honoured", "of what", "documents left out"),
        tuple(row for name in outputs(run.stats["sources"]) for row in _honoured(run, name))
        or (("all", "nothing was asked by this run", "", None),),
        "Whether the code of practice was signed, and what those did who collected the data before, is to be filled in.",
    )


def _honoured(run: OpenedRun, name: str) -> Iterator[tuple[Cell, ...]]:
    source = run.pipeline.sources[name]
    failed = {
        rule: each["failed"] for row in run.stats["sources"][name]["funnel"] for rule, each in row["rules"].items()
    }
    opt_out = source.setting(OptOut)
    if opt_out is not None:
        looked_at = (("robots.txt", opt_out.robots), ("lists of opt-outs", opt_out.lists))
        what = " and ".join(name for name, given in looked_at if given)
        agents = f"{', '.join(agents_of(opt_out.agents))}; {opt_out.as_of}"
        gone = failed.get("opt_out/refused", 0) if opt_out.drop else None
        yield name, what if opt_out.drop else f"{what}, only marked", agents, gone
    for rule, count in sorted(failed.items()):
        if rule.startswith("metadata/"):
            yield name, rule, "what the input or the page says of itself", count
        elif rule.startswith("removed/"):
            yield name, "lists of removals", rule, count


def _unwanted(run: OpenedRun) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name in outputs(run.stats["sources"]):
        url = run.pipeline.sources[name].setting(Url)
        row = next((row for row in run.stats["sources"][name]["funnel"] if row["step"] == "url"), None)
        if url is not None and row is not None:
            rows.append((name, f"addresses on lists ({', '.join([*url.packs, *url.lists])})", row["dropped"]))
    scrub = run.pipeline.combined(Scrub)
    if scrub is not None:
        found = sum(
            each["documents"] for name in outputs(run.stats["sources"])
            for each in run.stats["audit"].get(name, {}).get("pii", {}).values()
        )  # fmt: skip
        rows.append(("all", "personal data replaced, kinds of it in documents", found))
    note = "What else was done against illegal content is to be filled in."
    return Table("3.2 Unwanted content", ("source", "measure", "documents"), tuple(rows), note)
