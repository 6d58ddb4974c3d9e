"""Deduplication as tasks: sign, sort keys, link, join, decide, apply. Says what runs in which order; executes nothing.

Every document in a component with another goes through `decide`; the rest are kept without being looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curate.config.models import Pipeline
from curate.dedup.banding import KeyParams, choose_banding, describe_banding
from curate.dedup.buckets import BUCKET_KEYS, bucket_bits, bucket_span
from curate.dedup.line_plan import remove_lines
from curate.dedup.prior_runs import Indexed
from curate.dedup.records import part_span
from curate.dedup.safety import check_safety, describe_clusters
from curate.dedup.scoped import kept_documents
from curate.dedup.step import Deduplicate, MinHash
from curate.dedup.survivors import BLOCK
from curate.dedup.tasks.apply import ApplyParams, apply_decisions
from curate.dedup.tasks.decide import ClusterCounts, DecideParams, decide_components
from curate.dedup.tasks.gather import GatherParams, gather_linked
from curate.dedup.tasks.link import (
    BucketParams,
    ComponentCounts,
    CutParams,
    ForestCounts,
    NoParams,
    SortParams,
    cut_components,
    join_forests,
    link_bucket,
    sort_keys,
)
from curate.dedup.tasks.sign import SignParams, sign_part
from curate.engine.exchange import regroup
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Given, Task
from curate.flow import Flow, Part
from curate.records.counts import DecisionCounts, DocumentCounts

GROUP_DOCUMENTS = 1 << 19
"""Documents whose keys are sorted at once by one task."""
FAN_IN = 16
"""Forests joined by one task."""

_DEFAULT_BANDING = (14, 8)  # FineWeb (Penedo et al. 2024, section 3.4 of the appendix and the code)
_DEFAULT_PERMUTATIONS = 256  # an estimate's standard deviation is then at most 0.5 / 16 = 0.03
_EVERY_SET = 1 << 40  # more shingles than a document has
_KEY_BYTES = 16  # a key and a number
_ESTIMATE_SLACK = 64 << 20  # what a task needs beside its arrays


@dataclass(frozen=True)
class Banding:
    """How signatures are cut; no bands and no permutations where there are no signatures."""

    bands: int
    rows: int
    permutations: int


def banding(setting: MinHash | None) -> Banding:
    """What the settings come to."""
    if setting is None:
        return Banding(0, 0, 0)
    if setting.threshold is not None:
        permutations = setting.permutations or _DEFAULT_PERMUTATIONS
        return Banding(*choose_banding(setting.threshold, permutations), permutations)
    bands, rows = (setting.bands, setting.rows) if setting.bands and setting.rows else _DEFAULT_BANDING
    return Banding(bands, rows, setting.permutations or max(_DEFAULT_PERMUTATIONS, bands * rows))


def deduplicate(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """The flow with copies dropped from its verdicts, where the pipeline has the step."""
    setting = pipeline.combined(Deduplicate)
    if setting is None:
        return flow
    cut = banding(setting.minhash)
    if setting.minhash is not None:
        runner.watcher.note(describe_banding(cut.bands, cut.rows))
    members = [
        position
        for position, part in enumerate(flow.parts)
        if pipeline.sources[part.source].role == "training" or part.source in setting.keep.prefer_source
    ]
    parts = [flow.parts[position] for position in members]
    earlier = Indexed.open(pipeline, setting, cut.permutations, flow, runner)
    signed = _sign(setting, cut, parts, runner)
    decisions = _decide(pipeline, setting, cut, earlier, parts, signed, runner)
    applied = _apply(parts, len(earlier.files), signed, decisions, runner)
    runner.watcher.note(describe_clusters(decisions))
    check_safety(pipeline, setting, parts, applied, decisions)
    outputs = [
        (part, result, outcome)
        for part, result, outcome in zip(parts, signed, applied, strict=True)
        if pipeline.sources[part.source].role == "training"
    ]
    earlier.add(outputs, runner)
    parts = list(flow.parts)
    for position, signatures, result in zip(members, signed, applied, strict=True):
        part = parts[position]
        parts[position] = part.after(
            signatures,
            result,
            verdicts=result.file("verdicts"),
            columns=(*part.columns, result.file("columns")),
            group=result.file("groups"),
            decided=(*part.decided, result),
        )
    flow = replace(flow, parts=tuple(parts))
    return flow if setting.lines is None else remove_lines(pipeline, setting, setting.lines, flow, runner)


def _sign(setting: Deduplicate, cut: Banding, parts: Sequence[Part], runner: Runner) -> list[Committed[DocumentCounts]]:
    tasks = []
    dates = setting.keep.then in ("newest", "oldest")
    for part in parts:
        scope, inputs = kept_documents(setting, part)
        if dates:
            inputs = {**inputs, "records": part.read.file("records")}
        params = SignParams(
            ngram=setting.minhash.ngram if setting.minhash else 1,
            permutations=cut.permutations,
            addresses=setting.url,
            sets=_EVERY_SET if setting.minhash and setting.minhash.exact else cut.permutations,
            dates=dates,
            scope=scope,
        )
        tasks.append(Task("signatures", sign_part, params, inputs, part.name))
    results = runner.stage(tasks)
    for part, result in zip(parts, results, strict=True):
        check_balance(
            f"signatures {part.name}", into=part.decided[-1].counts["kept"], signed=result.counts["documents"]
        )
    return results


def _decide(
    pipeline: Pipeline,
    setting: Deduplicate,
    cut: Banding,
    earlier: Indexed,
    parts: Sequence[Part],
    signed: Sequence[Committed[DocumentCounts]],
    runner: Runner,
) -> list[Committed[ClusterCounts]]:
    """Decisions on all documents that share a key with another."""
    kinds = KeyParams(exact=setting.exact, addresses=setting.url, bands=cut.bands, rows=cut.rows)
    before = len(earlier.files)
    counts = [*earlier.documents, *(result.counts["documents"] for result in signed)]
    files = [*earlier.files, *(result.file("signatures") for result in signed)]
    components = _components(_forests(kinds, files, counts, runner), runner)
    references = [pipeline.sources[part.source].role == "reference" for part in parts]
    preferred = setting.keep.prefer_source
    names = [*earlier.sources, *(part.source for part in parts)]
    last = max(earlier.tiers, default=0) + 1
    tiers = [*earlier.tiers, *(last + int(not reference) for reference in references)]
    ranks = [preferred.index(name) if name in preferred else len(preferred) for name in names]
    fixed = [*(True for _ in range(before)), *references]
    batches = components.counts["batches"]
    groups = _groups(counts)
    assignments = components.file("assignments")
    gather = [
        Task(
            "linked",
            gather_linked,
            GatherParams(
                parts=group,
                tiers=[tiers[number] for number in group],
                ranks=[ranks[number] for number in group],
                fixed=[fixed[number] for number in group],
                permutations=cut.permutations,
            ),
            {"signatures": [files[number] for number in group], "assignments": assignments},
            f"group {index + 1} of {len(groups)}",
        )
        for index, group in enumerate(groups)
    ]
    largest = max((sum(counts[number] for number in group) for group in groups), default=0)
    gathered = runner.stage(gather, _ESTIMATE_SLACK + 2 * _signed_bytes(cut) * largest)
    linked = regroup(
        runner,
        "linked",
        [result.file("linked") for result in gathered],
        "batch",
        [(batch, batch + 1) for batch in range(batches)],
    )
    tasks = [
        Task(
            "survivors",
            decide_components,
            DecideParams(
                **kinds,
                batch=batch,
                permutations=cut.permutations,
                then=setting.keep.then,
                verify=setting.minhash.verify if setting.minhash else None,
            ),
            {"linked": linked[batch]},
            f"components {batch + 1} of {batches}",
        )
        for batch in range(batches)
    ]
    documents = min(BLOCK, components.counts["documents"])
    per_document = 2 * _signed_bytes(cut) + 64 * (cut.bands + 2)
    return runner.stage(tasks, _ESTIMATE_SLACK + documents * per_document)


def _forests(
    kinds: KeyParams, files: Sequence[File], counts: Sequence[int], runner: Runner
) -> Sequence[Committed[ForestCounts]]:
    """The components that the keys of each group of parts connect, and those of each bucket of all."""
    keys_of_one = int(kinds["exact"]) + int(kinds["addresses"]) + kinds["bands"]
    bits = bucket_bits(sum(counts) * keys_of_one)
    groups = _groups(counts)
    tasks = [
        Task(
            "keys",
            sort_keys,
            SortParams(**kinds, parts=group),
            {"signatures": [files[number] for number in group]},
            f"group {index + 1} of {len(groups)}",
        )
        for index, group in enumerate(groups)
    ]
    largest = max((sum(counts[number] for number in group) for group in groups), default=0)
    sorted_keys = runner.stage(tasks, _ESTIMATE_SLACK + 3 * _KEY_BYTES * keys_of_one * largest)
    found = [result.file("keys") for result in sorted_keys]
    keys = regroup(runner, "keys", found, "key", [bucket_span(bucket, bits) for bucket in range(1 << bits)])
    links = [
        Task("links", link_bucket, BucketParams(bucket=bucket, bits=bits), {"keys": given}, f"bucket {bucket}")
        for bucket, given in enumerate(keys)
    ]
    joined = runner.stage(links, _ESTIMATE_SLACK + 6 * _KEY_BYTES * BUCKET_KEYS)
    return [*sorted_keys, *joined]


def _signed_bytes(cut: Banding) -> int:
    """Of a document's row in memory, its shingles left out."""
    return 4 * cut.permutations + 128


def _groups(counts: Sequence[int]) -> list[list[int]]:
    """Numbers of parts in runs of about GROUP_DOCUMENTS documents."""
    groups: list[list[int]] = []
    held = GROUP_DOCUMENTS
    for number, count in enumerate(counts):
        if not groups or held + count > GROUP_DOCUMENTS:
            groups.append([])
            held = 0
        groups[-1].append(number)
        held += count
    return groups


def _components(forests: Sequence[Committed[ForestCounts]], runner: Runner) -> Committed[ComponentCounts]:
    """All components, cut into batches."""
    level = list(forests)
    while len(level) > 1:
        fans = [level[start : start + FAN_IN] for start in range(0, len(level), FAN_IN)]
        tasks = [
            Task(
                "components",
                join_forests,
                NoParams(),
                {"forest": [result.file("forest") for result in fan]},
                f"join {number}",
            )
            for number, fan in enumerate(fans)
        ]
        rows = max(sum(result.counts["linked"] for result in fan) for fan in fans)
        level = runner.stage(tasks, _ESTIMATE_SLACK + 4 * _KEY_BYTES * rows)
    task = Task(
        "components",
        cut_components,
        CutParams(documents=BLOCK),
        {"forest": level[0].file("forest")},
        "cut",
    )
    (cut,) = runner.stage([task], _ESTIMATE_SLACK + 4 * _KEY_BYTES * level[0].counts["linked"])
    return cut


def _apply(
    parts: Sequence[Part],
    first: int,
    signed: Sequence[Committed[DocumentCounts]],
    decisions: Sequence[Committed[ClusterCounts]],
    runner: Runner,
) -> list[Committed[DecisionCounts]]:
    files = [result.file("decisions") for result in decisions]
    spans = [part_span(number) for number in range(first, first + len(parts))]
    decided = regroup(runner, "decisions", files, "number", spans)
    tasks = []
    for number, (part, result) in enumerate(zip(parts, signed, strict=True), first):
        inputs: Given = {
            "verdicts": part.verdicts,
            "signatures": result.file("signatures"),
            "decisions": decided[number - first],
        }
        tasks.append(Task("deduplicate", apply_decisions, ApplyParams(part=number), inputs, part.name))
    results = runner.stage(tasks)
    for part, result in zip(parts, results, strict=True):
        counts = result.counts
        check_balance(
            f"deduplicate {part.name}",
            into=part.decided[-1].counts["kept"],
            kept=counts["kept"],
            dropped=sum(counts["dropped"].values()),
        )
    return results
