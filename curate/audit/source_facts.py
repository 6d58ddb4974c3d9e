"""Facts of the sources of a run, of their damage, steps, rules, bounds, languages, topics and domains.

Knows the numbers of stats.json; judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.audit.aggregates import edges
from curate.audit.dials import ALPHA, SHARE_KEY
from curate.audit.rates import NO_ADDRESS, NO_TOPIC, NOT_IDENTIFIED, Rate, rates
from curate.config.models import Pipeline, Source
from curate.ingest import reasons
from curate.language.step import Language
from curate.quality.step import Quality
from curate.quality.topics.step import Topic
from curate.records.statistics import FunnelRow, RunNumbers, SourceNumbers, outputs
from curate.steps import combining_steps
from curate.verdicts.steps import BEFORE_DOCUMENTS, ROLE

Facts = dict[str, int | float | str]


class Words(str):
    """Words of a command, quoted already."""

    __slots__ = ()


_READING = ("read", "extract")
_ORDINARY = frozenset({reasons.REVISIT, reasons.DNS, reasons.STATUS, reasons.NOT_HTML})
"""What every crawl holds beside pages: no damage, however much it is."""
_WRONG_FORMAT = "is `read.format: {format}` the format of these files?"
CAUSES = {
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
"""By reason, what is likely wrong where reading loses many records to it."""
CAUSES_AT_EXTRACTION = {
    reasons.NO_TEXT: "the pages have no text of their own: are they drawn by scripts, or is another engine needed?",
}
"""The same of extraction."""
_UNKNOWN = "look at some with `curate sample RUN --failed {rule}`"
_NAMES = 3
"""Names that a sentence lists."""
_NUDGE = 0.01
"""How far a bound is moved to see how many documents lie at it, as a share of the bound."""
_QUARTER = 0.25


def sources(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The sources whose documents are output; of one that is none, what its files hold."""
    for name, numbers in stats["sources"].items():
        source, audit = pipeline.sources[name], stats["audit"].get(name, {})
        documents = numbers["documents"]
        facts: Facts = {
            "subject": name, "name": name, "weight": _weight(stats, documents), "files": numbers["files"],
            "records": numbers["records"], "documents": documents, "damaged": _damaged(numbers),
        }  # fmt: skip
        if numbers["bytes"]:
            facts["damaged_share"] = _damaged(numbers) / numbers["bytes"]
        errors = {step: counts.get("errors", 0) for step, counts in numbers["steps"].items()}
        if documents and errors:
            step = max(errors, key=lambda each: errors[each])
            facts |= {"error_step": step, "errors": int(errors[step]), "error_share": errors[step] / documents}
        if numbers["role"] == "training":
            facts |= {"kept": numbers["kept"], **_lost(numbers), **_of_rules(numbers, audit), **_copies(numbers, audit)}
            facts |= _personal(stats, name)
            if documents:
                facts["kept_share"] = numbers["kept"] / documents
        yield facts | _quality(source, numbers, audit)


def _weight(stats: RunNumbers, documents: float) -> float:
    """Documents as a share of all that the run's sources hold."""
    return documents / max(1, sum(stats["sources"][name]["documents"] for name in outputs(stats["sources"])))


def _damaged(numbers: SourceNumbers) -> int:
    return numbers["other_records"].get("bytes.damaged", 0)


def _lost(numbers: SourceNumbers) -> Facts:
    """The step that dropped most, and its first rule."""
    if not numbers["funnel"]:
        return {}
    step = max(numbers["funnel"], key=lambda row: row["dropped"])
    return {"lost_step": step["step"], "lost_most": step["dropped"], "lost_rule": _most_of(step)}


def _most_of(step: FunnelRow) -> str:
    failed = sorted(step["rules"].items(), key=lambda item: (-item[1]["failed"], item[0]))
    return f", most by {failed[0][0]}" if failed and failed[0][1]["failed"] else ""


def _of_rules(numbers: SourceNumbers, audit: Mapping[str, Any]) -> Facts:
    """How many rules there are, and those that nothing failed. A minimum of 0 asks for nothing, and is no rule here."""
    asks_nothing = {rule for rule, each in audit.get("rules", {}).items() if each["low"] == 0 and each["high"] is None}
    found = {
        rule: each["failed"]
        for step in numbers["funnel"]
        for rule, each in step["rules"].items()
        if step["step"] not in (*BEFORE_DOCUMENTS, ROLE) and rule not in asks_nothing
    }
    idle = [rule for rule, failed in found.items() if not failed]
    names = f": {', '.join(idle[:_NAMES])}{' and others' if len(idle) > _NAMES else ''}" if idle else ""
    return {"rules": len(found), "idle": len(idle), "idle_names": names}


def _copies(numbers: SourceNumbers, audit: Mapping[str, Any]) -> Facts:
    sizes = [int(size) for size in audit.get("duplicates", {}).get("clusters", {})]
    row = next((row for row in numbers["funnel"] if row["step"] == "deduplicate"), None)
    facts: Facts = {}
    if sizes and numbers["documents"]:
        facts |= {"largest_cluster": max(sizes), "largest_share": max(sizes) / numbers["documents"]}
    if row and row["in"]:
        facts |= {"dedup_entering": row["in"], "dedup_share": row["dropped"] / row["in"]}
    return facts


def _personal(stats: RunNumbers, name: str) -> Facts:
    """Personal data per million tokens, and against the other sources together."""

    def found(names: Sequence[str]) -> tuple[int, int]:
        kinds = [stats["audit"].get(each, {}).get("pii", {}) for each in names]
        return (
            sum(count["found"] for each in kinds for count in each.values()),
            sum(stats["sources"][each]["tokens"] for each in names),
        )

    others = [each for each in outputs(stats["sources"]) if each != name]
    mine, theirs = found([name]), found(others)
    kinds = stats["audit"].get(name, {}).get("pii", {})
    where = f"source = '{name}' and cardinality(pii) > 0"
    facts: Facts = {"pii_found": mine[0], "pii_where": where}
    if kinds:
        facts["pii_most"] = max(kinds, key=lambda kind: kinds[kind]["found"])
    if mine[1]:
        facts["pii_rate"] = 1e6 * mine[0] / mine[1]
        if theirs[1]:  # one more than was found, so that none elsewhere is no infinity
            facts["pii_ratio"] = (mine[0] / mine[1]) / ((theirs[0] + 1) / theirs[1])
    return facts


def _quality(source: Source, numbers: SourceNumbers, audit: Mapping[str, Any]) -> Facts:
    setting, quality, documents = source.setting(Quality), numbers["quality"], numbers["documents"]
    if setting is None or not quality:
        return {}
    held = (quality.get("model") or {}).get("held_out", {})
    step = next(name for name, each in source.named_steps() if isinstance(each, Quality))
    facts: Facts = {"decides": int(setting.decides), "quality_step": step}
    for name, value in (
        ("auc", held.get("roc_auc")),
        ("style_auc", held.get("baselines", {}).get("roc_auc", {}).get("register")),
    ):
        if isinstance(value, int | float):
            facts[name] = value
    if documents:
        for name in ("sampled", "seen"):
            count = quality.get(name, 0)
            assert isinstance(count, int)
            facts |= {name: count, f"{name}_share": count / documents}
    if moved := quality.get("drift"):
        facts |= {name: moved[name] for name in ("psi", "ks")} | {"beyond_chance": moved["psi"] - moved["chance"]}
    return facts | (score_facts(audit.get("quality", {})) if setting.decides else {})


def score_facts(found: Mapping[str, Mapping[str, int]]) -> Facts:
    """What the rules on the score make of documents that no other rule drops: the share they drop, and of the quarters
    with the best and the worst scores the share they keep."""
    reached = {int(place): count for place, count in found.get("reached", {}).items()}
    passed = {int(place): count for place, count in found.get("passed", {}).items()}
    total = sum(reached.values())
    if not total:
        return {}
    best, worst = (
        _kept_of([(reached[place], passed.get(place, 0)) for place in sorted(reached, reverse=down)], total * _QUARTER)
        for down in (True, False)
    )
    return {
        "score_reached": total, "score_dropped": 1 - sum(passed.values()) / total, "score_lift": best - worst,
        "kept_of_best": best, "kept_of_worst": worst, "kept_alike": worst / best if best else 1.0,
    }  # fmt: skip


def _kept_of(bins: Sequence[tuple[int, int]], wanted: float) -> float:
    """The share kept of the first so many documents of these (documents, kept); a bin is taken in part at the end."""
    left, kept = wanted, 0.0
    for documents, passed in bins:
        part = min(1.0, left / documents)
        kept += part * passed
        left -= part * documents
        if left <= 0:
            break
    return kept / wanted


def damage(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """What one kind of damage cost a source."""
    for name, numbers in stats["sources"].items():
        source, records = pipeline.sources[name], numbers["records"]
        for row in numbers["funnel"]:
            for rule, count in row["rules"].items():
                reason = rule.partition("/")[2]
                if row["step"] not in _READING or reason in _ORDINARY or not records:
                    continue
                causes = CAUSES if row["step"] == "read" else CAUSES_AT_EXTRACTION
                cause = causes.get(reason, _UNKNOWN).format(format=source.read.format, text=source.read.text, rule=rule)
                most = source.read.max_lost_share
                yield {
                    "subject": name, "name": name, "rule": rule, "failed": count["failed"], "records": records,
                    "share": count["failed"] / records, "weight": count["failed"] / records, "bound": most,
                    "over_bound": int(count["failed"] > most * records), "cause": cause,
                }  # fmt: skip


def steps(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The steps of a source that judge documents by rules; combining steps have facts of their own."""
    apart = {*BEFORE_DOCUMENTS, ROLE, "removed", *(step.name for step in combining_steps().values())}
    for name in outputs(stats["sources"]):
        for row in stats["sources"][name]["funnel"]:
            if row["step"] not in apart and row["in"] and row["rules"]:
                yield {
                    "subject": f"{name}.{row['step']}", "source": name, "step": row["step"], "entering": row["in"],
                    "dropped": row["dropped"], "share": row["dropped"] / row["in"], "most_rule": _most_of(row),
                    "weight": _weight(stats, row["dropped"]),
                }  # fmt: skip


def rules(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The rules of a source, each with the other rule that most of what fails it fails too."""
    for name in outputs(stats["sources"]):
        overlap = stats["audit"].get(name, {}).get("overlap", {})
        for row in stats["sources"][name]["funnel"]:
            for rule, count in row["rules"].items():
                both = {other: shared for other, shared in overlap.get(rule, {}).items() if other != rule}
                mine = overlap.get(rule, {}).get(rule, 0)
                if not both or not mine:
                    continue
                partner = max(both, key=lambda other: (both[other], other))
                yield {
                    "subject": f"{name}.{rule}", "source": name, "rule": rule, "failed": count["failed"],
                    "alone_share": count["alone"] / mine, "partner": partner, "partner_share": both[partner] / mine,
                    "weight": _weight(stats, count["failed"]),
                }  # fmt: skip


def bounds(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The bounds of a source's rules, and how many documents a hundredth of the bound decides."""
    for name in outputs(stats["sources"]):
        audit = stats["audit"].get(name, {})
        failed = {
            rule: each["failed"] for row in stats["sources"][name]["funnel"] for rule, each in row["rules"].items()
        }
        for rule, numbers in audit.get("rules", {}).items():
            if numbers["metric"] == ALPHA or numbers["key"].endswith(SHARE_KEY):
                continue  # a draw is no bound of the documents' own, and the score of a share moves with the share
            low, high = numbers["low"], numbers["high"]
            at = edges([bound for bound in (low, high) if bound is not None], numbers["single"])
            for side, bound in (("min", low), ("max", high)):
                if not bound:  # nothing is a hundredth of nothing
                    continue
                closed = (side == "min") != numbers["exclusive"]
                ways = ((bound * (1 - _NUDGE), bound), (bound, bound * (1 + _NUDGE)))
                moved = round(max(_between(numbers["others_pass"], at, ends, closed) for ends in ways))
                yield {
                    "subject": f"{name}.{rule}.{side}", "source": name, "rule": rule, "side": f"{side}imum",
                    "bound": bound, "documents": audit["documents"], "moved": moved,
                    "flips": moved / max(1, audit["documents"]), "failed": failed.get(rule, 0),
                    "key": numbers["key"] if numbers["whole_key"] else f"{numbers['key']}.{side}",
                    "sweep_low": bound * 0.8, "sweep_high": bound * 1.2, "weight": _weight(stats, moved),
                }  # fmt: skip


def _between(sparse: Mapping[str, int], at: Any, ends: tuple[float, float], left_closed: bool) -> float:
    """Documents between two values, one of the ends included. What lies between two edges is taken as evenly spread."""
    low, high = ends
    total = 0.0
    for place, count in sparse.items():
        edge, exact = divmod(int(place), 2)
        if exact:
            inside = low <= at[edge] < high if left_closed else low < at[edge] <= high
            total += count if inside else 0
        elif 0 < edge < len(at):
            shared = min(at[edge], high) - max(at[edge - 1], low)
            total += count * max(0.0, float(shared)) / float(at[edge] - at[edge - 1])
    return total


def languages(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The languages of a source."""
    for rate in rates(stats, "languages", NOT_IDENTIFIED):
        setting = pipeline.sources[rate.source].setting(Language)
        if setting is None or rate.name == NOT_IDENTIFIED:
            continue
        keeps = f": language.keep is [{', '.join(setting.keep)}]" if isinstance(setting.keep, tuple) else ""
        yield {
            **_rate(rate, stats), "language": rate.name, "named": rate.name, "keeps": keeps,
            "where": f"source = '{rate.source}' and language = '{_sql(rate.name)}'",
        }  # fmt: skip


def topics(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The topics of a source that are to be kept; of a source that is all of one topic none."""
    every = rates(stats, "topics", NO_TOPIC)
    for rate in every:
        setting = pipeline.sources[rate.source].setting(Topic)
        kept = stats["sources"][rate.source]["kept"]
        if setting is None or rate.name == NO_TOPIC or not rate.expected or not kept:
            continue
        if rate.name not in (setting.keep if setting.keep != "all" else [rate.name]) or rate.name in setting.drop:
            continue
        where = f"source = '{rate.source}' and topic = '{_sql(rate.name)}'"
        yield {
            **_rate(rate, stats), "topic": rate.name, "where": where, "ratio": rate.interval[1] / rate.expected,
            "missing_share": rate.missing / kept,
        }  # fmt: skip


def domains(pipeline: Pipeline, stats: RunNumbers) -> Iterator[Facts]:
    """The domains of a source that is not all of one domain."""
    every = rates(stats, "domains", NO_ADDRESS)
    several = {name for name in outputs(stats["sources"]) if sum(rate.source == name for rate in every) > 1}
    for rate in every:
        if rate.name == NO_ADDRESS or rate.source not in several:
            continue
        kept = stats["sources"][rate.source]["kept"]
        facts = {**_rate(rate, stats), "domain": rate.name, "where": f"url like '%{_sql(rate.name)}/%'"}
        if rate.expected and kept:
            facts |= {"ratio": rate.interval[1] / rate.expected, "missing_share": rate.missing / kept}
        yield facts


def _rate(rate: Rate, stats: RunNumbers) -> Facts:
    numbers = stats["sources"][rate.source]
    return {
        "subject": f"{rate.source}.{rate.name}", "source": rate.source, "documents": rate.documents, "kept": rate.kept,
        "share": rate.documents / max(1, numbers["documents"]), "rate": rate.kept / max(1, rate.documents),
        "expected": rate.expected, "missing": rate.missing, "source_kept": numbers["kept"],
        "weight": _weight(stats, max(0.0, rate.missing)),
    }  # fmt: skip


def _sql(text: str) -> str:
    return text.replace("'", "''")
