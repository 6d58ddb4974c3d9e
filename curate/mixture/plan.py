"""From the token store to shards: plan the mixture, place documents, cut shards. Executes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.batches import read_schema
from curate.config.models import Pipeline
from curate.engine.runner import Runner, check_balance
from curate.engine.task import Committed, File, Task
from curate.flow import Flow, Part
from curate.mixture.available_tokens import total_stock
from curate.mixture.groups import DOMAIN
from curate.mixture.solve import MixtureError, MixturePlan, plan_mixture
from curate.mixture.tasks import count_part, group_part
from curate.shards.order import SPLITS, bucket_bits, windows
from curate.shards.shuffle import bucket_tokens, merge_shard, sort_group
from curate.tokens import load as load_tokenizer

_GROUP_BYTES = 256 << 20  # tokens sorted at once by one shuffle task
SOURCE = "source"


def shuffle(pipeline: Pipeline, flow: Flow, runner: Runner) -> Flow:
    """Documents in their global order, as often as the mixture says, cut into shards. Raises MixtureError."""
    store = [(number, part.tokens) for number, part in enumerate(flow.parts) if part.tokens is not None]
    groups = _mixture_groups(pipeline, flow, runner)
    plan = _plan(pipeline, store, groups, runner)
    documents = sum(result.counts["documents"] for _, result in store)
    total = documents + sum(result.counts["tokens"] for _, result in store)
    validation = pipeline.shards.validation
    expected = {"train": plan.tokens if plan else total, "validation": int(total * validation)}
    settings = {
        "seed": pipeline.seed,
        "tokens_per_shard": pipeline.shards.tokens_per_shard,
        "validation": validation,
        "tokens": expected,
        "mixture": plan and {name: [group.whole, group.bins] for name, group in plan.groups.items()},
    }
    tasks = [
        Task(
            "sort",
            sort_group,
            settings | {"parts": [number for number, _ in group]},
            (
                *(result.file("tokens", f"tokens-{number}") for number, result in group),
                *(replace(groups[number], name=f"groups-{number}") for number, _ in group if number in groups),
            ),
            f"group {index}",
        )
        for index, group in enumerate(_batches_of_parts(store))
    ]
    sorted_groups = runner.stage("sort", tasks)
    placed = {split: sum(group.counts[split] for group in sorted_groups) for split in SPLITS}
    if plan is None:
        check_balance("shuffle", into=documents, **placed)
    else:
        check_balance("mixture", into=sum(group.documents for group in plan.groups.values()), placed=placed["train"])
    shards = {split: _cut(pipeline, split, expected[split], placed[split], sorted_groups, runner) for split in SPLITS}
    return replace(flow, shards=shards, mixture=plan)


def _cut(
    pipeline: Pipeline, split: str, expected: int, placed: int, groups: Sequence[Committed], runner: Runner
) -> tuple[Committed, ...]:
    """The shards of a split, from the sorted groups."""
    per_shard = pipeline.shards.tokens_per_shard
    inputs = tuple(file for group in groups for file in (group.file("sorted"), group.file("index")))
    filled = bucket_tokens(
        [group.files["index"].path for group in groups], split, 1 << bucket_bits(expected, per_shard)
    )
    tasks = [
        Task(
            "shards",
            merge_shard,
            {
                "split": split,
                "first": window.first,
                "last": window.last,
                "start": window.start,
                "buckets": list(window.buckets),
                "dtype": str(load_tokenizer(pipeline.tokens.tokenizer, pipeline.tokens.end_of_text).arrow_type),
            },
            inputs,
            f"{split} {number}",
        )
        for number, window in enumerate(windows(filled, per_shard))
    ]
    results = runner.stage(f"shards-{split}", tasks)
    check_balance(f"shards {split}", into=placed, written=sum(result.counts["documents"] for result in results))
    return tuple(result for result in results if result.counts["documents"])


def _plan(
    pipeline: Pipeline, store: Sequence[tuple[int, Committed]], groups: Mapping[int, File], runner: Runner
) -> MixturePlan | None:
    """How often each group's documents appear; None without a mixture."""
    if pipeline.mixture is None:
        return None
    params = {"seed": pipeline.seed, "validation": pipeline.shards.validation}
    tasks = [
        Task(
            "stock",
            count_part,
            params,
            (result.file("tokens"), *([groups[number]] if number in groups else [])),
            f"part {number}",
        )
        for number, result in store
    ]
    counted = runner.stage("stock", tasks)
    return plan_mixture(pipeline.mixture, total_stock([result.files["stock"].path for result in counted]))


def _mixture_groups(pipeline: Pipeline, flow: Flow, runner: Runner) -> dict[int, File]:
    """By part number, the mixture's group of each row of the store, where groups are not the sources."""
    if pipeline.mixture is None or pipeline.mixture.by == SOURCE:
        return {}
    by = pipeline.mixture.by
    numbers = [number for number, part in enumerate(flow.parts) if part.tokens is not None]
    tasks = [
        Task(
            "mixture-groups",
            group_part,
            {"by": by},
            (_verdicts(flow.parts[number]), _column(flow.parts[number], by)),
            flow.parts[number].name,
        )
        for number in numbers
    ]
    results = runner.stage("mixture-groups", tasks)
    for number, result in zip(numbers, results, strict=True):
        tokens = flow.parts[number].tokens
        check_balance(
            f"mixture {number}", into=tokens.counts["documents"] if tokens else 0, grouped=result.counts["documents"]
        )
    return {number: result.file("groups") for number, result in zip(numbers, results, strict=True)}


def _verdicts(part: Part) -> File:
    assert part.verdicts is not None, "tokens without verdicts"
    return part.verdicts


def _column(part: Part, by: str) -> File:
    """The part's file that holds the column. Raises MixtureError where no step made it."""
    if by == DOMAIN:
        return part.documents
    found = next((file for file in part.columns if by in read_schema(file.path).names), None)
    if found is None:
        names = sorted({name for file in part.columns for name in read_schema(file.path).names})
        raise MixtureError(
            f"mixture.by: no step of {part.source} makes a column {by!r}; there are: source, domain, {', '.join(names)}"
        )
    return found


def _batches_of_parts(store: Sequence[tuple[int, Committed]]) -> list[list[tuple[int, Committed]]]:
    """Token-store parts in runs of about _GROUP_BYTES."""
    groups: list[list[tuple[int, Committed]]] = []
    held = _GROUP_BYTES
    for number, result in store:
        size = result.files["tokens"].bytes
        if held + size > _GROUP_BYTES:
            groups.append([])
            held = 0
        groups[-1].append((number, result))
        held += size
    return groups
