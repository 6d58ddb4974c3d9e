"""From the token store to shards: plan the mixture, place documents, cut shards. Executes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.config.models import Pipeline
from curate.config.tokens import Tokenizing
from curate.engine.exchange import FAN_IN, regroup
from curate.engine.mirror import all_here, here
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Task
from curate.flow import Flow, Part
from curate.mixture.available_tokens import total_stock
from curate.mixture.groups import DOMAIN, SOURCE
from curate.mixture.solve import MixtureError, MixturePlan, plan_mixture
from curate.mixture.tasks import CountParams, GroupParams, count_part, group_part
from curate.records.batches import read_schema
from curate.records.counts import TokenCounts
from curate.shards.order import SPLITS, bucket_bits, windows
from curate.shards.shuffle import (
    MergeParams,
    NoParams,
    SortParams,
    SplitCounts,
    add_buckets,
    bucket_span,
    bucket_tokens,
    merge_shard,
    sort_group,
)
from curate.tokens import load as load_tokenizer

_GROUP_BYTES = 256 << 20  # tokens sorted at once by one shuffle task


def shuffle(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """Documents in their global order, as often as the mixture says, cut into shards. Raises MixtureError.

    Every tokenizer's shards hold the same documents in the same order: the mixture is planned in the first one's tokens.
    """
    assert pipeline.tokens is not None  # shards hold tokens
    store = [(number, part.tokens) for number, part in enumerate(flow.parts) if part.tokens is not None]
    groups = _mixture_groups(pipeline, flow, runner)
    plan = _plan(pipeline, store, groups, runner)
    further = {}
    for each in pipeline.tokens.further:
        other = [(number, flow.parts[number].further_tokens[each.name]) for number, _ in store]
        further[each.name] = _shards(pipeline, each, other, groups, plan, _total(store), runner)
    shards = _shards(pipeline, pipeline.tokens, store, groups, plan, _total(store), runner)
    return replace(flow, shards=shards, further_shards=further, mixture=plan)


Store = Sequence[tuple[int, Committed[TokenCounts]]]
"""The token store of each part that has one, by the part's number."""


def _total(store: Store) -> int:
    """Tokens of a store, end-of-text counted."""
    return sum(result.counts["documents"] + result.counts["tokens"] for _, result in store)


def _shards(
    pipeline: Pipeline,
    tokenizing: Tokenizing,
    store: Store,
    groups: Mapping[int, File],
    plan: MixturePlan | None,
    counted: int,
    runner: Runner,
) -> dict[str, tuple[Committed[TokenCounts], ...]]:
    """The shards of one tokenizer, by split. `counted`: the tokens of the store that the plan was made of."""
    documents = sum(result.counts["documents"] for _, result in store)
    total = _total(store)
    validation = pipeline.shards.validation
    planned = round(plan.tokens * total / counted) if plan and counted else total
    expected = {"train": planned, "validation": int(total * validation)}
    mixed = None if plan is None else {name: [group.whole, group.bins] for name, group in plan.groups.items()}
    tasks = [
        Task(
            "sort",
            sort_group,
            SortParams(
                parts=[number for number, _ in group],
                seed=pipeline.seed,
                tokens_per_shard=pipeline.shards.tokens_per_shard,
                validation=validation,
                tokens=expected,
                mixture=mixed,
            ),
            {
                "tokens": [result.file("tokens") for _, result in group],
                "groups": [groups[number] for number, _ in group] if groups else None,
            },
            f"group {index}",
        )
        for index, group in enumerate(_batches_of_parts(store))
    ]
    sorted_groups = runner.stage(tasks)
    placed = {
        "train": sum(group.counts["train"] for group in sorted_groups),
        "validation": sum(group.counts["validation"] for group in sorted_groups),
    }
    if plan is None:
        check_balance("shuffle", into=documents, **placed)
    else:
        check_balance("mixture", into=sum(group.documents for group in plan.groups.values()), placed=placed["train"])
    index = _index(sorted_groups, runner)
    dtype = str(load_tokenizer(tokenizing.tokenizer, tokenizing.end_of_text).arrow_type)
    return {
        split: _cut(pipeline, split, expected[split], placed[split], sorted_groups, index, dtype, runner)
        for split in SPLITS
    }


def _index(groups: Sequence[Committed[SplitCounts]], runner: Runner) -> list[str]:
    """What each bucket holds over all groups: a file, or none where there are no groups."""
    files = [group.file("index") for group in groups]
    while len(files) > 1:
        fans = [files[start : start + FAN_IN] for start in range(0, len(files), FAN_IN)]
        tasks = [Task("buckets", add_buckets, NoParams(), {"index": fan}, f"{len(fan)} groups") for fan in fans]
        files = [result.file("index") for result in runner.stage(tasks)]
    return [str(path) for path in all_here(file.path for file in files)]


def _cut(
    pipeline: Pipeline,
    split: str,
    expected: int,
    placed: int,
    groups: Sequence[Committed[SplitCounts]],
    index: Sequence[str],
    dtype: str,
    runner: Runner,
) -> tuple[Committed[TokenCounts], ...]:
    """The shards of a split, from the sorted groups."""
    per_shard = pipeline.shards.tokens_per_shard
    bits = bucket_bits(expected, per_shard)
    cut = windows(bucket_tokens(index, split, 1 << bits), per_shard)
    spans = [(bucket_span(each.buckets[0], bits)[0], bucket_span(each.buckets[-1], bits)[1]) for each in cut]
    given = regroup(runner, "sorted", [group.file(split, "sorted") for group in groups], "key", spans)
    tasks = [
        Task(
            "shards",
            merge_shard,
            MergeParams(
                split=split,
                first=window.first,
                last=window.last,
                start=window.start,
                buckets=list(window.buckets),
                bits=bits,
                dtype=dtype,
            ),
            {"sorted": given[number]},
            f"{split} {number}",
        )
        for number, window in enumerate(cut)
    ]
    results = runner.stage(tasks, detail=split)
    check_balance(f"shards {split}", into=placed, written=sum(result.counts["documents"] for result in results))
    return tuple(result for result in results if result.counts["documents"])


def _plan(pipeline: Pipeline, store: Store, groups: Mapping[int, File], runner: Runner) -> MixturePlan | None:
    """How often each group's documents appear; None without a mixture."""
    if pipeline.mixture is None:
        return None
    params = CountParams(seed=pipeline.seed, validation=pipeline.shards.validation)
    tasks = [
        Task(
            "stock",
            count_part,
            params,
            {"tokens": result.file("tokens"), "groups": groups.get(number)},
            f"part {number}",
        )
        for number, result in store
    ]
    counted = runner.stage(tasks)
    paths = all_here(result.files["stock"].path for result in counted)
    return plan_mixture(pipeline.mixture, total_stock([str(path) for path in paths]))


def _mixture_groups(pipeline: Pipeline, flow: Flow, runner: Runner) -> dict[int, File]:
    """By part number, the mixture's group of each row of the store, where groups are not the sources."""
    if pipeline.mixture is None or pipeline.mixture.by == SOURCE:
        return {}
    by = pipeline.mixture.columns
    numbers = [number for number, part in enumerate(flow.parts) if part.tokens is not None]
    tasks = [
        Task(
            "mixture-groups",
            group_part,
            GroupParams(by=by, source=flow.parts[number].source),
            {
                "verdicts": flow.parts[number].verdicts,
                "columns": [_column(flow.parts[number], each) for each in by],
            },
            flow.parts[number].name,
        )
        for number in numbers
    ]
    results = runner.stage(tasks)
    for number, result in zip(numbers, results, strict=True):
        tokens = flow.parts[number].tokens
        check_balance(
            f"mixture {number}", into=tokens.counts["documents"] if tokens else 0, grouped=result.counts["documents"]
        )
    return {number: result.file("groups") for number, result in zip(numbers, results, strict=True)}


def _column(part: Part, by: str) -> File:
    """The part's file that holds the column. Raises MixtureError where no step made it."""
    if by in (DOMAIN, SOURCE):
        return part.documents
    found = next((file for file in part.columns if by in read_schema(str(here(file.path))).names), None)
    if found is None:
        names = sorted({name for file in part.columns for name in read_schema(str(here(file.path))).names})
        raise MixtureError(
            f"mixture.by: no step of {part.source} makes a column {by!r}; there are: source, domain, {', '.join(names)}"
        )
    return found


def _batches_of_parts(store: Store) -> list[list[tuple[int, Committed[TokenCounts]]]]:
    """Token-store parts in runs of about _GROUP_BYTES."""
    groups: list[list[tuple[int, Committed[TokenCounts]]]] = []
    held = _GROUP_BYTES
    for number, result in store:
        size = result.files["tokens"].bytes
        if held + size > _GROUP_BYTES:
            groups.append([])
            held = 0
        groups[-1].append((number, result))
        held += size
    return groups
