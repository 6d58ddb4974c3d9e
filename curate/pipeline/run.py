"""A run: a pipeline applied to its inputs in a directory. Skips what is committed, executes the rest, publishes.

Knows the order of stages and the layout of a run directory; knows no step's implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from curate.audit.finished_run import open_finished
from curate.audit.places import forget_emptied
from curate.audit.plan import aggregate, mark_removed
from curate.audit.removals import LIST, read_lists
from curate.config.reading import PipelineFile, read_pipeline
from curate.config.step_params import evaluation_step, foreign_code, read_params, verdict_step
from curate.engine.commit import sweep
from curate.engine.executors import Engine, start_engine
from curate.engine.fingerprint import canonical
from curate.engine.foreign import load_again_what_changed, note_loaded
from curate.engine.lock import hold
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner
from curate.errors import missing_extra
from curate.mixture.plan import shuffle
from curate.mixture.solve import MixtureError
from curate.pipeline import stages
from curate.pipeline.check import check_engines, check_inputs, check_tokenizer
from curate.pipeline.publish import claim, publish_run
from curate.pipeline.statistics import Stats
from curate.pipeline.until import LAST_STEPS, truncated
from curate.quality.plan import score as score_quality
from curate.steps import combining_steps, resolve, source_steps
from curate.storage import SourceFile, list_files, output_path


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
    replace: bool = False,
    console: Console | None = None,
) -> Run:
    """Run a pipeline file. `set` maps key paths to values (or lists KEY=VALUE); `out` defaults to runs/NAME.

    `replace` lets it write where other files are, or another pipeline's run was; files that no run wrote still stay, but
    those in the way of its own. Raises ConfigError, LockedError, OutputError where the output must not be written,
    OSError where it cannot be, and InvariantError where records were lost.
    """
    sets = [f"{key}={canonical(value)}" for key, value in set.items()] if isinstance(set, Mapping) else list(set)
    file = read_pipeline(path, sets)
    own = foreign_code(file.pipeline)
    if own and console is not None:
        console.print(f"Running your own code: {', '.join(own)}", highlight=False, markup=False, soft_wrap=True)
    if until is not None:
        file = truncated(file, until)
    folder = output_path(out, "a run") if out is not None else Path("runs") / file.pipeline.name
    claim(folder, file.pipeline.name, replace)
    inputs = find_inputs(file)
    check_steps(file)
    check_inputs(file, inputs)
    console = console or Console(quiet=True)
    with hold(folder), ExitStack() as stack:
        sweep(folder)
        forget_emptied(folder, read_lists([*file.pipeline.removals, folder / LIST]))
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
            result = execute(file, inputs, runner, folder, until, replace)
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
    load_again_what_changed()
    check_engines(file)
    for name, source in file.pipeline.sources.items():
        for index, step in enumerate(source.steps):
            try:
                evaluation_step(step)
                verdict_step(file.pipeline, step)
                note_loaded(tuple(source_steps()[step.kind].foreign(step.setting)))
            except (ValueError, ImportError, OSError) as error:
                raise file.error(("sources", name, "steps", index, step.kind), str(error)) from None
        try:
            read_params(name, source)
        except (ValueError, ImportError, OSError) as error:
            raise file.error(("sources", name, "steps"), str(error)) from None
    check_tokenizer(file)
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
        except ImportError as error:
            raise file.error(("sources", name, "read", "paths"), str(missing_extra(error) or error)) from None
        except OSError as error:
            raise file.error(("sources", name, "read", "paths"), str(error)) from None
    return inputs


def execute(
    file: PipelineFile,
    inputs: Mapping[str, Sequence[SourceFile]],
    runner: Runner,
    folder: Path,
    until: str | None,
    take_over: bool = False,
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
    return publish_run(file, inputs, flow, aggregate(flow, runner), folder, take_over)


def open_run(path: str | Path) -> Run:
    """A run directory made before. Raises FileNotFoundError where there is none, or none that was finished, DamagedError
    where a file is not the one that was published."""
    opened = open_finished(path)
    return Run(opened.folder, dict(opened.stats), {})
