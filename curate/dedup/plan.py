"""Deduplication as tasks: sign, sort keys, link, join, decide, apply. Says what runs in which order; executes nothing.

Every document in a component with another goes through `decide`; the rest are kept without being looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curate.config.models import Pipeline
from curate.dedup.banding import choose_banding, describe_banding
from curate.dedup.buckets import BUCKET_KEYS, bucket_bits
from curate.dedup.line_plan import remove_lines
from curate.dedup.prior_runs import Indexed
from curate.dedup.safety import check_safety, describe_clusters
from curate.dedup.scoped import kept_documents
from curate.dedup.step import Deduplicate, MinHash
from curate.dedup.survivors import BLOCK
from curate.dedup.tasks.apply import apply_decisions
from curate.dedup.tasks.decide import decide_components
from curate.dedup.tasks.link import cut_components, join_forests, link_bucket, sort_keys
from curate.dedup.tasks.sign import sign_part
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Task
from curate.flow import Flow, Part

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


def _sign(setting: Deduplicate, cut: Banding, parts: Sequence[Part], runner: Runner) -> list[Committed]:
    tasks = []
    dates = setting.keep.then in ("newest", "oldest")
    for part in parts:
        scope, inputs = kept_documents(setting, part)
        if dates and not any(file.name == "records" for file in inputs):
            inputs = (*inputs, part.read.file("records"))
        params = {
            "ngram": setting.minhash.ngram if setting.minhash else 1,
            "permutations": cut.permutations,
            "addresses": setting.url,
            "sets": _EVERY_SET if setting.minhash and setting.minhash.exact else cut.permutations,
            "dates": dates,
            "scope": scope,
        }
        tasks.append(Task("signatures", sign_part, params, inputs, part.name))
    results = runner.stage("signatures", tasks)
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
    signed: Sequence[Committed],
    runner: Runner,
) -> list[Committed]:
    """Decisions on all documents that share a key with another."""
    kinds = {"exact": setting.exact, "addresses": setting.url, "bands": cut.bands, "rows": cut.rows}
    before = len(earlier.files)
    counts = [*earlier.documents, *(result.counts["documents"] for result in signed)]
    files = [
        *(replace(file, name=f"signatures-{number}") for number, file in enumerate(earlier.files)),
        *(result.file("signatures", f"signatures-{number}") for number, result in enumerate(signed, before)),
    ]
    components = _components(_forests(kinds, files, counts, runner), runner)
    references = [pipeline.sources[part.source].role == "reference" for part in parts]
    preferred = setting.keep.prefer_source
    names = [*earlier.sources, *(part.source for part in parts)]
    last = max(earlier.tiers, default=0) + 1
    params: dict[str, Any] = kinds | {
        "tiers": [*earlier.tiers, *(last + int(not reference) for reference in references)],
        "ranks": [preferred.index(name) if name in preferred else len(preferred) for name in names],
        "fixed": [*(True for _ in range(before)), *references],
        "then": setting.keep.then,
        "verify": setting.minhash.verify if setting.minhash else None,
    }
    inputs = (components.file("components"), *files)
    batches = components.counts["batches"]
    tasks = [
        Task(
            "survivors",
            decide_components,
            params | {"batch": batch},
            inputs,
            f"components {batch + 1} of {batches}",
        )
        for batch in range(batches)
    ]
    documents = min(BLOCK, components.counts["documents"])
    per_document = 2 * 4 * cut.permutations + 64 * (cut.bands + 2)
    return runner.stage("survivors", tasks, _ESTIMATE_SLACK + documents * per_document)


def _forests(kinds: Mapping[str, Any], files: Sequence[File], counts: Sequence[int], runner: Runner) -> list[Committed]:
    """The components that each bucket of keys connects."""
    keys_of_one = int(kinds["exact"]) + int(kinds["addresses"]) + kinds["bands"]
    bits = bucket_bits(sum(counts) * keys_of_one)
    groups = _groups(counts)
    tasks = [
        Task(
            "keys",
            sort_keys,
            dict(kinds) | {"parts": group, "bits": bits},
            tuple(files[number] for number in group),
            f"group {index + 1} of {len(groups)}",
        )
        for index, group in enumerate(groups)
    ]
    largest = max((sum(counts[number] for number in group) for group in groups), default=0)
    sorted_keys = runner.stage("keys", tasks, _ESTIMATE_SLACK + 3 * _KEY_BYTES * keys_of_one * largest)
    inputs = tuple(result.file("keys", f"keys-{index}") for index, result in enumerate(sorted_keys))
    links = [Task("links", link_bucket, {"bucket": bucket}, inputs, f"bucket {bucket}") for bucket in range(1 << bits)]
    return runner.stage("links", links, _ESTIMATE_SLACK + 6 * _KEY_BYTES * BUCKET_KEYS)


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


def _components(forests: Sequence[Committed], runner: Runner) -> Committed:
    """All components, cut into batches."""
    level = list(forests)
    while len(level) > 1:
        fans = [level[start : start + FAN_IN] for start in range(0, len(level), FAN_IN)]
        tasks = [
            Task(
                "components",
                join_forests,
                {},
                tuple(result.file("forest", f"forest-{index}") for index, result in enumerate(fan)),
                f"join {number}",
            )
            for number, fan in enumerate(fans)
        ]
        rows = max(sum(result.counts["linked"] for result in fan) for fan in fans)
        level = runner.stage("components", tasks, _ESTIMATE_SLACK + 4 * _KEY_BYTES * rows)
    task = Task(
        "components",
        cut_components,
        {"documents": BLOCK},
        (level[0].file("forest"),),
        "cut",
    )
    (cut,) = runner.stage("components", [task], _ESTIMATE_SLACK + 4 * _KEY_BYTES * level[0].counts["linked"])
    return cut


def _apply(
    parts: Sequence[Part], first: int, signed: Sequence[Committed], decisions: Sequence[Committed], runner: Runner
) -> list[Committed]:
    decided = tuple(result.file("decisions", f"decisions-{index}") for index, result in enumerate(decisions))
    tasks = []
    for number, (part, result) in enumerate(zip(parts, signed, strict=True), first):
        assert part.verdicts is not None
        inputs = (replace(part.verdicts, name="verdicts"), result.file("signatures"), *decided)
        tasks.append(Task("deduplicate", apply_decisions, {"part": number}, inputs, part.name))
    results = runner.stage("deduplicate", tasks)
    for part, result in zip(parts, results, strict=True):
        counts = result.counts
        check_balance(
            f"deduplicate {part.name}",
            into=part.decided[-1].counts["kept"],
            kept=counts["kept"],
            dropped=sum(counts["dropped"].values()),
        )
    return results
