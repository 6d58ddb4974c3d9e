"""A run: a pipeline applied to its inputs in a directory. Skips what is committed, executes the rest, publishes.

Knows the order of stages and the layout of a run directory; knows no step's implementation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from curate.audit.plan import aggregate, applied_steps, mark_removed
from curate.audit.report import write_report
from curate.config.reading import PipelineFile, read_pipeline
from curate.config.step_params import evaluation_step, verdict_step
from curate.engine.executors import Engine, start_engine
from curate.engine.fingerprint import canonical, fingerprint
from curate.engine.foreign import load_again_what_changed, make_importable, note_loaded
from curate.engine.lock import hold
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner
from curate.engine.task import Committed
from curate.flow import Flow
from curate.mixture.plan import shuffle
from curate.mixture.solve import MixtureError
from curate.pipeline import stages
from curate.pipeline.manifest import shard_manifest
from curate.pipeline.publish import publish
from curate.pipeline.statistics import Stats, run_statistics
from curate.pipeline.until import LAST_STEPS, truncated
from curate.quality.plan import score as score_quality
from curate.steps import combining_steps, resolve, source_steps
from curate.storage import SourceFile, list_files, write_atomically
from curate.tokens import load as load_tokenizer
from curate.tokens.tokenizer import surroundings


@dataclass(frozen=True)
class Run:
    """A run directory and what is in it."""

    path: Path
    stats: Stats
    executed: Mapping[str, int]
    """Tasks executed by this call, by stage; what was committed before is not among them."""


def run(
    path: str | Path,
    set: Mapping[str, Any] | Sequence[str] = (),
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    address: str | None = None,
    engine: str = "ray",
    until: str | None = None,
    console: Console | None = None,
) -> Run:
    """Run a pipeline file. `set` maps key paths to values (or lists KEY=VALUE); `out` defaults to runs/NAME.

    Raises ConfigError, LockedError, OSError where the output cannot be written, and InvariantError where records were lost.
    """
    sets = [f"{key}={canonical(value)}" for key, value in set.items()] if isinstance(set, Mapping) else list(set)
    file = read_pipeline(path, sets)
    if until is not None:
        file = truncated(file, until)
    inputs = find_inputs(file)
    check_steps(file)
    folder = Path(out) if out is not None else Path("runs") / file.pipeline.name
    console = console or Console(quiet=True)
    with hold(folder), ExitStack() as stack:
        display = ProgressDisplay(console, folder / "timings" / "progress.json")
        runner = Runner(
            folder.resolve() / ".work",
            folder / "timings",
            _lazily(stack, engine, workers, address),
            display,
            code_folder=file.path.resolve().parent,
        )
        outcome = "failed"
        try:
            result = execute(file, inputs, runner, folder, until)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "stopped"
            raise
        finally:
            display.end(outcome)
    return Run(folder, result, dict(runner.executed))


def _lazily(stack: ExitStack, kind: str, workers: int | None, address: str | None) -> Any:
    """Starts the engine at its first use: a run with nothing to do starts nothing."""
    started: list[Engine] = []

    def get() -> Engine:
        if not started:
            started.append(stack.enter_context(start_engine(kind, workers, address)))
        return started[0]

    return get


def check_steps(file: PipelineFile) -> None:
    """Raise ConfigError for a step whose pack, list, block or bounds are not there, naming its line.

    Code from outside that steps name is looked for beside the pipeline file too, and loaded.
    """
    make_importable(file.path.parent)
    load_again_what_changed()
    for name, source in file.pipeline.sources.items():
        for index, step in enumerate(source.steps):
            try:
                evaluation_step(step)
                verdict_step(file.pipeline, step)
                note_loaded(tuple(source_steps()[step.kind].foreign(step.setting)))
            except (ValueError, ImportError, OSError) as error:
                raise file.error(("sources", name, "steps", index, step.kind), str(error)) from None
        try:
            stages.read_params(name, source)
        except (ValueError, ImportError, OSError) as error:
            raise file.error(("sources", name, "steps"), str(error)) from None
    try:
        settings = file.pipeline.tokens
        tokenizer = load_tokenizer(settings.tokenizer, settings.end_of_text)
        surroundings(tokenizer, settings.add_bos, settings.prefix, settings.suffix)
    except (ValueError, OSError) as error:
        raise file.error(("tokens", "tokenizer"), str(error)) from None
    try:
        for kind in combining_steps().values():
            if kind.check is not None:
                resolve(kind.check)(file.pipeline)
    except (ValueError, OSError) as error:
        raise file.error(("combine",), str(error)) from None


def find_inputs(file: PipelineFile) -> dict[str, list[SourceFile]]:
    """The files of every source. Raises ConfigError naming the key whose pattern matches nothing."""
    inputs = {}
    for name, source in file.pipeline.sources.items():
        try:
            inputs[name] = list_files(source.read.paths, source.read.root)
        except OSError as error:
            raise file.error(("sources", name, "read", "paths"), str(error)) from None
    return inputs


def execute(
    file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]], runner: Runner, folder: Path, until: str | None
) -> Stats:
    """Every stage in order, then the run directory."""
    pipeline = file.pipeline
    flow = stages.read(pipeline, inputs, runner)
    if "extract" in pipeline.keep:
        flow = stages.keep_documents(flow, "extract", runner)
    flow = stages.evaluate(pipeline, flow, runner)
    flow = score_quality(pipeline, flow, runner)
    flow = mark_removed(pipeline, flow, folder, runner)
    flow = stages.judge(pipeline, flow, runner)
    if "verdicts" in pipeline.keep:
        flow = stages.keep_documents(flow, "verdicts", runner)
    for kind, step in combining_steps().items():
        flow = resolve(step.plan)(pipeline, flow, runner)
        if pipeline.combines(kind):
            flow = replace(flow, metrics=(*flow.metrics, *step.columns))
        if kind in pipeline.keep:
            flow = stages.keep_documents(flow, kind, runner)
    if until is None or until in LAST_STEPS:
        flow = stages.tokenize(pipeline, flow, runner)
    else:
        flow = stages.keep_documents(flow, until, runner)
    if until in (None, "shards"):
        try:
            flow = shuffle(pipeline, flow, runner)
        except MixtureError as error:
            raise file.error(("mixture",), str(error)) from None
    flow = stages.write_ledger(flow, runner)
    return publish_run(file, inputs, flow, aggregate(flow, runner), folder)


def publish_run(
    file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]], flow: Flow, counted: Committed | None, folder: Path
) -> Stats:
    """Lay out the run directory: ledger, token store, shards with their manifest, documents, numbers, report."""
    pipeline = file.pipeline
    publish(
        folder / "ledger",
        {f"{part.name}.parquet": result.files["ledger"] for part, result in zip(flow.parts, flow.ledger, strict=True)},
    )
    for step, results in flow.documents.items():
        named = zip(flow.parts, results, strict=True)
        publish(
            folder / "documents" / step, {f"{part.name}.parquet": result.files["documents"] for part, result in named}
        )
    publish(
        folder / "tokens", {f"{part.name}.arrow": part.tokens.files["tokens"] for part in flow.parts if part.tokens}
    )
    if flow.contamination is not None:
        write_atomically(folder / "contamination.json", Path(flow.contamination.files["report"].path).read_bytes())
    else:
        (folder / "contamination.json").unlink(missing_ok=True)
    publish(folder / "quality", {f"{name}.arrow": each.model for name, each in flow.quality.items() if each.card})
    shards = {
        f"{split}-{number:05d}.arrow": result.files["shard"]
        for split, results in flow.shards.items()
        for number, result in enumerate(results)
    }
    publish(folder / "shards", shards)
    if flow.shards:
        write_atomically(folder / "shards" / "manifest.json", _json(shard_manifest(pipeline, flow)))
    stats = run_statistics(pipeline, flow, counted)
    write_atomically(folder / "stats.json", _json(stats))
    write_atomically(
        folder / "run.json",
        _json(
            {
                "name": pipeline.name,
                "folder": str(file.path.resolve().parent),
                "fingerprint": fingerprint(stats, {name: result.digest for name, result in shards.items()}),
                "pipeline": pipeline.model_dump(mode="json", by_alias=True),
                "inputs": {
                    name: [{"file": each.relative, "path": each.path, "bytes": each.size} for each in files]
                    for name, files in inputs.items()
                },
                "verdict_steps": {part.source: applied_steps(part) for part in flow.parts},
                "aggregate": counted.stem if counted else None,
                "parts": [
                    {
                        "name": part.name,
                        "source": part.source,
                        "file": part.file.relative,
                        "path": part.file.path,
                        "way": [result.stem for result in part.way],
                    }
                    for part in flow.parts
                ],
            }
        ),
    )
    write_report(folder)
    return stats


def open_run(path: str | Path) -> Run:
    """A run directory made before. Raises FileNotFoundError where there is none, or none that was finished."""
    folder = Path(path)
    try:
        stats = json.loads((folder / "stats.json").read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} holds no finished run; `curate status {folder}` says how far it is"
        ) from None
    return Run(folder, stats, {})


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
