"""A run: a pipeline applied to its inputs in a directory. Skips what is committed, executes the rest, publishes.

Knows the order of stages and the layout of a run directory; knows no step's implementation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from curate.audit.plan import aggregate, mark_removed, unit_of
from curate.audit.removals import LIST
from curate.code.foreign import load_again_what_changed, note_loaded
from curate.config.models import Pipeline
from curate.config.reading import PipelineFile, made_here, read_pipeline
from curate.config.step_params import evaluation_step, foreign_code, read_params, verdict_step
from curate.engine.commit import Commit
from curate.engine.executors import Engine, start_engine
from curate.engine.progress import ProgressDisplay
from curate.engine.run_log import LogForm, RunLog
from curate.engine.runner import Runner, Watchers
from curate.errors import DISTRIBUTION
from curate.filters.opt_out.plan import mark_opt_outs
from curate.filters.opt_out.step import OptOut
from curate.flow import Flow
from curate.mixture.plan import shuffle
from curate.mixture.solve import MixtureError
from curate.pipeline import stages
from curate.pipeline.check import (
    check_bounds,
    check_buckets,
    check_carried,
    check_engines,
    check_findings,
    check_inputs,
    check_mixture,
    check_scope,
    check_tokenizer,
    first_carried,
)
from curate.pipeline.inputs import find_inputs
from curate.pipeline.made import Run, assignments
from curate.pipeline.place import claim_place, held
from curate.pipeline.publish import OF_A_RUN, publish_run
from curate.pipeline.until import LAST_STEPS, limited, truncated
from curate.quality.plan import score as score_quality
from curate.quality.step import Quality
from curate.quality.topics.plan import find_topics
from curate.quality.topics.step import Topic
from curate.records.statistics import RunNumbers
from curate.settings import Model
from curate.steps import CombiningStep, combining_steps, resolve, source_steps
from curate.storage import SourceFile


def run(
    path: str | Path | Pipeline,
    set: Mapping[str, Any] | Sequence[str] = (),
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    address: str | None = None,
    engine: str = "ray",
    until: str | None = None,
    replace: bool = False,
    limit: int | None = None,
    sample: int | None = None,
    force_unlock: bool = False,
    console: Console | None = None,
    log_file: str | Path | None = None,
    log_format: LogForm = "text",
) -> Run:
    """Run a pipeline file, or a Pipeline, whose paths are taken from the working directory.

    `set` maps key paths to values (or lists KEY=VALUE); `out` defaults to runs/NAME; it may be a bucket's folder
    (`s3://bucket/runs/a`), and `force_unlock` then takes it from a run that is dead.

    `limit` reads the first records of each source only, `sample` so many of each by a seeded draw; `out` is then
    runs/NAME-limited.
    `log_file` gets a line for each event, after what is there, as text or as JSON (`log_format`).
    `replace` lets it write where other files are, or another pipeline's run was; files that no run wrote still stay, but
    those in the way of its own. Raises ConfigError, LockedError, OutputError where the output must not be written,
    OSError where it cannot be, and InvariantError where records were lost.
    """
    changes = assignments(set)
    file = made_here(path, changes) if isinstance(path, Pipeline) else read_pipeline(path, changes)
    file = limited(file, limit, sample)
    own = foreign_code(file.pipeline)
    if own and console is not None:
        console.print(f"Running your own code: {', '.join(own)}", highlight=False, markup=False, soft_wrap=True)
    if until is not None:
        file = truncated(file, until)
    return run_file(
        file,
        out if out is not None else Path("runs") / _folder_name(file, limit or sample),
        workers=workers,
        address=address,
        engine=engine,
        until=until,
        replace=replace,
        force_unlock=force_unlock,
        console=console,
        log=None if log_file is None else RunLog(Path(log_file), log_format),
    )


def _folder_name(file: PipelineFile, limit: int | None) -> str:
    """What a run's directory is called: a limited run does not take the place of a whole one."""
    return f"{file.pipeline.name}-limited" if limit else file.pipeline.name


def run_file(
    file: PipelineFile,
    out: str | Path,
    *,
    workers: int | None = None,
    address: str | None = None,
    engine: str = "ray",
    until: str | None = None,
    replace: bool = False,
    force_unlock: bool = False,
    console: Console | None = None,
    log: RunLog | None = None,
) -> Run:
    """Run a pipeline that was read, in a folder or a bucket; see `run`."""
    if log is not None:
        log.begin(file.pipeline.name, out, version(DISTRIBUTION))
    outcome, why = "failed", ""
    try:
        made = _run_file(
            file,
            out,
            workers=workers,
            address=address,
            engine=engine,
            until=until,
            replace=replace,
            force_unlock=force_unlock,
            console=console or Console(quiet=True),
            log=log,
        )
        outcome = "done"
        return made
    except KeyboardInterrupt:
        outcome = "stopped"
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise
    finally:
        if log is not None:
            log.end(outcome, why)


def _run_file(
    file: PipelineFile,
    out: str | Path,
    *,
    workers: int | None,
    address: str | None,
    engine: str,
    until: str | None,
    replace: bool,
    force_unlock: bool,
    console: Console,
    log: RunLog | None,
) -> Run:
    place = claim_place(out, file.pipeline, replace)
    inputs = find_inputs(file)
    check_inputs(file, inputs)
    check_steps(file, inputs)
    with ExitStack() as stack:
        stack.enter_context(held(place, file.pipeline, force_unlock=force_unlock))
        display = ProgressDisplay(console, place.folder / "timings" / "progress.json")
        runner = Runner(
            place.folder.resolve() / ".work",
            place.folder / "timings",
            _lazily(stack, engine, workers, address),
            display if log is None else Watchers((display, log)),
            code_folder=file.folder,
            mirror=place.mirror,
            lease=place.lease,
        )
        outcome = "failed"
        try:
            result = execute(file, inputs, runner, place.folder, until, place.commit)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "stopped"
            raise
        finally:
            display.end(outcome)
    return Run(place.published, result, dict(runner.executed))


def _lazily(stack: ExitStack, kind: str, workers: int | None, address: str | None) -> Any:
    """Starts the engine at its first use: a run with nothing to do starts nothing."""
    started: list[Engine] = []

    def get() -> Engine:
        if not started:
            started.append(stack.enter_context(start_engine(kind, workers, address)))
        return started[0]

    return get


def check_steps(file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]] | None = None) -> None:
    """Raise ConfigError for a step whose pack, list, block or bounds are not there, naming its line.

    Code from outside that steps name is looked for beside the pipeline file too, and loaded. `inputs` tells the columns that
    rows carry.
    """
    load_again_what_changed()
    check_engines(file)
    carried = {
        name: first_carried(name, source, (inputs or {}).get(name, ()))
        for name, source in file.pipeline.sources.items()
    }
    for name, source in file.pipeline.sources.items():
        for index, step in enumerate(source.steps):
            check_bounds(file, step)
            try:
                source_steps()[step.kind].reading(step.setting)
                evaluation_step(step, carried[name])
                check_carried(source, verdict_step(file.pipeline, step))
                note_loaded(tuple(source_steps()[step.kind].foreign(step.setting)))
            except (ValueError, ImportError, OSError) as error:
                raise file.error(("sources", name, "steps", index, step.kind), str(error)) from None
        try:
            read_params(name, source)
        except (ValueError, ImportError, OSError) as error:
            raise file.error(("sources", name, "steps"), str(error)) from None
    check_findings(file)
    check_tokenizer(file)
    check_mixture(file, carried)
    check_scope(file, carried)
    check_buckets(file, carried)
    for index, step in enumerate(file.pipeline.combine):
        check = combining_steps()[step.kind].check
        try:
            if check is not None:
                resolve(check)(file.pipeline)
        except FileNotFoundError as error:
            told = f"there is no file {error.filename}" if error.filename else str(error)
            raise file.error(("combine", index, step.kind), told) from None
        except (ValueError, OSError) as error:
            raise file.error(("combine", index, step.kind), str(error).removeprefix(f"{step.kind}: ")) from None


def execute(
    file: PipelineFile,
    inputs: Mapping[str, Sequence[SourceFile]],
    runner: Runner,
    folder: Path,
    until: str | None,
    commit: Callable[[], Commit] | None = None,
) -> RunNumbers:
    """Every stage in order, then the run directory; `commit` makes what it is published by."""
    pipeline = file.pipeline
    flow = Flow(())
    order = _order(file, inputs, runner, folder, until)
    shown = [name for name, _ in order if _has(pipeline, name, folder)]
    for name, stage in order:
        if name in shown:
            runner.watcher.step(name, shown.index(name) + 1, len(shown) + 1)
        flow = stage(flow)
        if name in pipeline.keep:
            flow = stages.keep_documents(pipeline, flow, name, runner)
    runner.watcher.step("publish", len(shown) + 1, len(shown) + 1)
    counted = aggregate(flow, runner, unit_of(pipeline))
    return publish_run(file, inputs, flow, counted, folder, commit() if commit else Commit(folder, OF_A_RUN), until)


def _has(pipeline: Pipeline, name: str, folder: Path) -> bool:
    """Whether a step of the order has anything to do in this pipeline, for people who watch it."""
    if name in combining_steps():
        return pipeline.combines(name)
    if name in _SCORING:
        return any(source.setting(_SCORING[name]) is not None for source in pipeline.sources.values())
    if name == "metadata":
        return any(source.read.metadata for source in pipeline.sources.values())
    return name != "removed" or bool(pipeline.removals) or (folder / LIST).exists()


_SCORING: Mapping[str, type[Model]] = {"opt_out": OptOut, "topic": Topic, "quality": Quality}
"""Steps of sources that are stages of their own."""

Stage = Callable[[Flow], Flow]


def _order(
    file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]], runner: Runner, folder: Path, until: str | None
) -> list[tuple[str, Stage]]:
    """The stages of the run, each with the name of the step that it completes."""
    pipeline = file.pipeline
    whole = until is None or until in LAST_STEPS
    last: list[tuple[str, Stage]] = []
    if not whole:
        last.append((f"until {until}", lambda flow: stages.keep_documents(pipeline, flow, str(until), runner)))
    elif pipeline.tokens is None:
        step = pipeline.last_step
        last.append(("text", lambda flow: stages.keep_documents(pipeline, flow, step, runner, outputs=True)))
    else:
        last.append(("tokens", lambda flow: stages.tokenize(pipeline, flow, runner)))
    if until in (None, "shards") and pipeline.tokens is not None:
        last.append(("shards", lambda flow: _shuffled(file, flow, runner)))
    return [
        ("extract", lambda flow: stages.read(pipeline, inputs, runner)),
        ("metadata", lambda flow: stages.carry(pipeline, flow, runner)),
        ("opt_out", lambda flow: mark_opt_outs(pipeline, flow, runner)),
        ("evaluate", lambda flow: stages.evaluate(pipeline, flow, runner)),
        ("choose", lambda flow: stages.choose(pipeline, flow, runner)),
        ("topic", lambda flow: find_topics(pipeline, flow, runner)),
        ("quality", lambda flow: score_quality(pipeline, flow, runner)),
        ("removed", lambda flow: mark_removed(pipeline, flow, folder, runner)),
        ("verdicts", lambda flow: stages.judge(pipeline, flow, runner)),
        *((step.name, functools.partial(_combined, pipeline, step, runner)) for step in combining_steps().values()),
        *last,
        ("ledger", lambda flow: stages.write_ledger(pipeline, flow, runner)),
    ]


def _combined(pipeline: Pipeline, step: CombiningStep, runner: Runner, flow: Flow) -> Flow:
    """The flow after a combining step, with the ledger columns that it adds."""
    flow = resolve(step.plan)(pipeline, flow, runner)
    return replace(flow, metrics=(*flow.metrics, *step.columns)) if pipeline.combines(step.name) else flow


def _shuffled(file: PipelineFile, flow: Flow, runner: Runner) -> Flow:
    try:
        return shuffle(file.pipeline, flow, runner)
    except MixtureError as error:
        raise file.error(("mixture",), str(error)) from None
