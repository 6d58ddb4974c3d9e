"""What is wrong with a finished run, in sentences: losses with their likely cause, missed expectations, doubtful scores.

A pure function of the pipeline and the numbers in stats.json, so that whoever makes those again makes these again. Knows
numbers; opens no file of a run.
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.config.expectations import COUNTS, KEPT
from curate.config.models import Pipeline, Source
from curate.ingest import reasons
from curate.quality.step import Quality
from curate.records.findings import Finding, Kind
from curate.records.statistics import RunNumbers, SourceNumbers
from curate.settings import parse_range

MOSTLY = 0.5
"""Share of a source from which on its classifier's sample is most of it."""

_READING = ("read", "extract")
_ORDINARY = frozenset({reasons.REVISIT, reasons.DNS, reasons.STATUS, reasons.NOT_HTML})
"""What every crawl holds beside pages: no damage, however much it is."""
_WRONG_FORMAT = "is `read.format: {format}` the format of these files?"
_CAUSES = {
    reasons.BAD_JSON: _WRONG_FORMAT,
    reasons.DAMAGED: f"{_WRONG_FORMAT} If it is, the files were damaged on their way here",
    reasons.TRUNCATED_FILE: "the files end early: were they still being written, or was a transfer cut off?",
    reasons.UNKNOWN_KIND: _WRONG_FORMAT,
    reasons.NOT_HTTP: "the records hold no HTTP responses: are these the WARC files of the crawl, or others?",
    reasons.NOT_TEXT: "most of it is no text: are these files of media, or of an archive within the archive?",
    reasons.BAD_CHUNKING: "the crawler stored bodies otherwise than their headers say",
    reasons.BAD_ENCODING: "the bodies are compressed in a way that their headers do not name, or damaged",
    reasons.TOO_LARGE: "the records are over the size limit: are these whole archives in one row?",
    reasons.EMPTY: "the texts are blank: does `read.text: {text}` name the column of the text?",
    reasons.NO_TEXT: "does `read.text: {text}` name the column of the text, and does it hold strings?",
    reasons.UNREADABLE: "the files may not be read: look at their permissions",
    reasons.READER_OUT_OF_MEMORY: "the files need more memory than any sound file does: are they what they should be?",
    reasons.READER_CRASHED: "the reader died of them: are they damaged?",
}
_CAUSES_AT_EXTRACTION = {
    reasons.NO_TEXT: "the pages have no text of their own: are they drawn by scripts, or is another engine needed?",
}
_UNKNOWN = "look at some with `curate sample RUN --failed {rule}`"


def findings(pipeline: Pipeline, stats: RunNumbers) -> list[Finding]:
    """Everything that a run of this pipeline with these numbers has to say, what was missed first."""
    found: list[Finding] = []
    for name, source in pipeline.sources.items():
        numbers = stats["sources"][name]
        found += _nothing_kept(name, numbers)
        found += _lost(name, source, numbers)
    found += _expectations(pipeline, stats)
    for name, source in pipeline.sources.items():
        found += _of_scores(name, source, stats["sources"][name])
    return sorted(found, key=lambda each: not each["missed"])


def scores_only(name: str) -> str:
    """The sentence for a quality step that drops nothing."""
    return (
        f"{name}: quality scores the documents and drops none; `alpha`, `minimum` or `keep_share` keeps by the score, "
        "docs/quality.md says how"
    )


def _found(kind: Kind, subject: str, number: float | None, says: str, missed: bool = True) -> Finding:
    return Finding(kind=kind, subject=subject, number=number, says=says, missed=missed)


def _nothing_kept(name: str, source: SourceNumbers) -> Iterator[Finding]:
    if source["role"] == "reference" or source["kept"]:
        return
    if not source["records"]:
        says = f"nothing was kept of {name!r}: its {source['files']:,} files hold no record; is the format right?"
        yield _found("nothing-kept", name, 0, says)
        return
    step = max(source["funnel"], key=lambda row: row["dropped"])
    rules = sorted(step["rules"].items(), key=lambda item: (-item[1]["failed"], item[0]))
    most = f", most by {rules[0][0]}" if rules and rules[0][1]["failed"] else ""
    says = (
        f"nothing was kept of {name!r}: {step['dropped']:,} of {source['records']:,} records were dropped at "
        f"{step['step']}{most}"
    )
    yield _found("nothing-kept", name, 0, says)


def _lost(name: str, source: Source, numbers: SourceNumbers) -> Iterator[Finding]:
    """What one kind of damage cost, where it is more than the source's bound."""
    records, most = numbers["records"], source.read.max_lost_share
    for row in numbers["funnel"]:
        for rule, count in row["rules"].items():
            reason = rule.partition("/")[2]
            if row["step"] not in _READING or reason in _ORDINARY or not count["failed"] > most * records:
                continue
            causes = _CAUSES if row["step"] == "read" else _CAUSES_AT_EXTRACTION
            cause = causes.get(reason, _UNKNOWN).format(format=source.read.format, text=source.read.text, rule=rule)
            share = count["failed"] / records
            says = (
                f"{name!r} lost {count['failed']:,} of {records:,} records, {share:.0%}, to {rule}; "
                f"read.max_lost_share is {most:g}: {cause}"
            )
            yield _found("lost-to-one-error", name, share, says)


def _expectations(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Finding]:
    for key, wanted in pipeline.expect.items():
        source, _, name = key.partition(".")
        number = _number(stats["sources"][source], name)
        least, most = parse_range(wanted)
        if number is None:
            yield _found("expectation", key, None, f"expected {key} {wanted}, and nothing got as far")
        elif not least <= number <= most:
            shown = f"{number:,.0f}" if name in COUNTS else f"{number:.4g}"
            yield _found("expectation", key, number, f"expected {key} {wanted}, and it is {shown}")


def _number(source: SourceNumbers, name: str) -> float | None:
    """A number of a source; None for the share of nothing."""
    if name == KEPT:
        return source["kept"] / source["records"] if source["records"] else None
    if name in COUNTS:
        return float({"records": source["records"], "documents": source["documents"], "tokens": source["tokens"]}[name])
    row = next((row for row in source["funnel"] if row["step"] == name), None)
    return row["kept"] / row["in"] if row and row["in"] else None


def _of_scores(name: str, source: Source, numbers: SourceNumbers) -> Iterator[Finding]:
    setting, quality, documents = source.setting(Quality), numbers["quality"], numbers["documents"]
    if setting is None or not quality or not documents:
        return
    if not setting.decides:
        yield _found("scores-only", name, None, scores_only(name), missed=False)
    sampled, seen = quality.get("sampled", 0) / documents, quality.get("seen", 0) / documents
    if sampled > MOSTLY:
        says = (
            f"{name}: its quality classifier learned from {quality.get('sampled', 0):,} of its own {documents:,} documents, "
            f"{sampled:.0%}; each was scored by the model that has not seen its host, which learned from half of them"
        )
        yield _found("mostly-sample", name, sampled, says, missed=False)
    if seen > MOSTLY:
        says = (
            f"{name}: {quality.get('seen', 0):,} of its {documents:,} documents, {seen:.0%}, are texts that the model was "
            "trained on: their scores say what it was told of them; name `positives`, or train on other documents"
        )
        yield _found("seen-by-its-model", name, seen, says, missed=False)
