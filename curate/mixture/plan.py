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
from curate.mixture.planned import MixturePlan, PhasePlan
from curate.mixture.solve import MixtureError, plan_mixture
from curate.mixture.tasks import CountParams, GroupParams, count_part, group_part
from curate.records.batches import read_schema
from curate.records.counts import TokenCounts
from curate.records.metadata import META
from curate.shards.order import TRAIN, VALIDATION, bucket_bits, windows
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
    further, phases = {}, {}
    for each in pipeline.tokens.further:
        other = [(number, flow.parts[number].further_tokens[each.name]) for number, _ in store]
        made = _shards(pipeline, each, other, groups, plan, _total(store), runner)
        further[each.name], phases[each.name] = made
    shards, phases[""] = _shards(pipeline, pipeline.tokens, store, groups, plan, _total(store), runner)
    return replace(flow, shards=shards, further_shards=further, phases=phases, mixture=plan)


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
) -> tuple[dict[str, tuple[Committed[TokenCounts], ...]], tuple[int, ...]]:
    """The shards of one tokenizer, by split, and the phase of each of the training split.

    `counted`: the tokens of the store that the plan was made of.
    """
    documents = sum(result.counts["documents"] for _, result in store)
    total = _total(store)
    validation = pipeline.shards.validation
    share = total / counted if counted else 1.0
    phases = _by_section(plan) if plan else {}
    expected = {name: round(phase.tokens * share) for name, phase in phases.items()} if plan else {TRAIN: total}
    expected[VALIDATION] = int(total * validation)
    mixed = {
        name: {group: each.sorting for group, each in phase.groups.items() if each.documents}
        for name, phase in phases.items()
    }
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
                mixture=mixed if plan else None,
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
        TRAIN: sum(group.counts["train"] for group in sorted_groups),
        VALIDATION: sum(group.counts["validation"] for group in sorted_groups),
    }
    if plan is None:
        check_balance("shuffle", into=documents, **placed)
        in_section = placed
    else:
        asked = {name: phase.documents for name, phase in phases.items()}
        check_balance("mixture", into=sum(asked.values()), placed=placed[TRAIN])
        in_section = asked | {VALIDATION: placed[VALIDATION]}
    index = _index(sorted_groups, runner)
    dtype = str(load_tokenizer(tokenizing.tokenizer, tokenizing.end_of_text).arrow_type)
    made = {
        section: _cut(pipeline, number, section, tokens, in_section[section], sorted_groups, index, dtype, runner)
        for number, (section, tokens) in enumerate(expected.items())
    }
    train = [(number, shard) for number, name in enumerate(phases or (TRAIN,)) for shard in made[name]]
    numbers = tuple(number for number, _ in train) if plan and plan.phases[0].name else ()
    return {TRAIN: tuple(shard for _, shard in train), VALIDATION: made[VALIDATION]}, numbers


def _by_section(plan: MixturePlan) -> dict[str, PhasePlan]:
    """The phases by the names of their sections: `train`, or `train-0` and so on where there are several."""
    if not plan.phases[0].name:
        return {TRAIN: plan.phases[0]}
    return {f"{TRAIN}-{number}": phase for number, phase in enumerate(plan.phases)}


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
    number: int,
    section: str,
    expected: int,
    placed: int,
    groups: Sequence[Committed[SplitCounts]],
    index: Sequence[str],
    dtype: str,
    runner: Runner,
) -> tuple[Committed[TokenCounts], ...]:
    """The shards of a section, the `number`-th, from the sorted groups."""
    per_shard = pipeline.shards.tokens_per_shard
    bits = bucket_bits(expected, per_shard)
    cut = windows(bucket_tokens(index, number, 1 << bits), per_shard)
    spans = [(bucket_span(each.buckets[0], bits)[0], bucket_span(each.buckets[-1], bits)[1]) for each in cut]
    given = regroup(runner, "sorted", [group.file(section, "sorted") for group in groups], "key", spans)
    tasks = [
        Task(
            "shards",
            merge_shard,
            MergeParams(
                section=section,
                first=window.first,
                last=window.last,
                start=window.start,
                buckets=list(window.buckets),
                bits=bits,
                dtype=dtype,
            ),
            {"sorted": given[place]},
            f"{section} {place}",
        )
        for place, window in enumerate(cut)
    ]
    results = runner.stage(tasks, detail=section)
    check_balance(f"shards {section}", into=placed, written=sum(result.counts["documents"] for result in results))
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
    _known(flow, by)
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


def _known(flow: Flow, by: Sequence[str]) -> None:
    """Raise MixtureError where a part has no column of this name, unless it is one that rows of others carry along."""
    parts = [part for part in flow.parts if part.tokens is not None]
    for each in by:
        have = [each in (DOMAIN, SOURCE) or _column(part, each) is not part.documents for part in parts]
        if all(have) or (each.startswith(META) and any(have)):
            continue
        part = parts[have.index(False)]
        names = sorted({name for file in part.columns for name in read_schema(str(here(file.path))).names})
        raise MixtureError(
            f"mixture.by: no step of {part.source} makes a column {each!r}; there are: source, domain, {', '.join(names)}"
        )


def _column(part: Part, by: str) -> File:
    """The part's file that holds the column; its documents where no column of it is asked for, or there is none."""
    return next((file for file in part.columns if by in read_schema(str(here(file.path))).names), part.documents)


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
