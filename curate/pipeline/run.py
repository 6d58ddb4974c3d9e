"""A run: a pipeline applied to its inputs in a directory. Skips what is committed, executes the rest, publishes.

Knows the order of stages and the layout of a run directory; knows no step's implementation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich.console import Console

from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import AuditError, open_finished
from curate.audit.places import forget_emptied
from curate.audit.plan import aggregate, mark_removed, unit_of
from curate.audit.removals import LIST, read_lists
from curate.audit.sample import condition, sample
from curate.audit.whatif import what_if
from curate.config.models import Pipeline
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
from curate.flow import Flow
from curate.mixture.plan import shuffle
from curate.mixture.solve import MixtureError
from curate.pipeline import stages
from curate.pipeline.check import (
    check_bounds,
    check_carried,
    check_engines,
    check_findings,
    check_inputs,
    check_mixture,
    check_scope,
    check_tokenizer,
    first_carried,
)
from curate.pipeline.publish import claim, publish_run
from curate.pipeline.until import LAST_STEPS, limited, truncated
from curate.quality.plan import score as score_quality
from curate.quality.step import Quality
from curate.records.statistics import RunNumbers
from curate.shards.reader import ShardReader
from curate.steps import CombiningStep, combining_steps, resolve, source_steps
from curate.storage import SourceFile, list_files, output_path

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset


@dataclass(frozen=True)
class Run:
    """A run directory and what is in it."""

    path: Path
    stats: RunNumbers
    executed: Mapping[str, int]
    """Tasks executed by this call, by stage; what was committed before is not among them."""

    def ledger(self) -> Dataset:
        """The ledger: a row per record, kept or dropped, in the order of parts. Nothing is read until it is asked for:
        `.to_table(columns=[...], filter=...)`, `.to_batches()`. Raises DamagedError for a file that is not as published."""
        return _files(open_finished(self.path).ledger)

    def documents(self, step: str | None = None) -> Dataset:
        """The documents with their text that the pipeline's `keep` had written after a step; the step may be left out
        where there is only one, and where the run makes text (`tokens: null`) and its product is meant. Raises
        AuditError where none were kept after it, DamagedError as `ledger`."""
        opened = open_finished(self.path)
        kept = sorted(folder.name for folder in (self.path / "documents").glob("*") if folder.is_dir())
        if step is None and len(kept) == 1:
            (step,) = kept
        elif step is None and opened.pipeline.tokens is None:
            step = opened.pipeline.last_step
        if step not in kept:
            there = f"there are those after {', '.join(kept)}" if kept else "`keep: [STEP]` in its pipeline keeps them"
            asked = f"after {step!r}" if step else "without naming a step"
            raise AuditError(f"{self.path} has no documents {asked}: {there}")
        names = [f"documents/{step}/{part.name}.parquet" for part in opened.parts]
        return _files([opened.file(name) for name in names if name in opened.published.files])

    def sample(
        self, failed: str | None = None, kept: bool | None = None, where: str | None = None, n: int = 10, seed: int = 0
    ) -> pa.Table:
        """`n` records drawn for reading: id (hexadecimal), url, source, failed (list<string>), text; the draw is a
        function of the seed and the records' ids. `failed`: a step or STEP/RULE that they failed; `where`: SQL on the
        ledger's columns. Raises AuditError for a rule that nothing failed and for SQL that DuckDB refuses."""
        opened = open_finished(self.path)
        answer = sample(opened, condition(opened, failed, kept, where), n, seed)
        assert isinstance(answer.data, Mapping)
        return pa.Table.from_pylist(answer.data["records"], SAMPLED)

    def whatif(self, set: Mapping[str, Any] | Sequence[str], samples: int = 0) -> Mapping[str, Any]:
        """What other thresholds would have done, from the ledger alone: what `curate whatif --format json` prints, with
        so many records of each kind. `set` as in `run`. Raises AuditError where a change needs a run, ConfigError."""
        answer = what_if(open_finished(self.path), _assignments(set), samples)
        assert isinstance(answer.data, Mapping)
        return answer.data

    def explain(self, record: str) -> list[Mapping[str, Any]]:
        """Everything known of a record, by address, id, record id, `shard:row` or `shard@token`; several where one
        address has several. Raises AuditError where there is none."""
        opened = open_finished(self.path)
        answers = [explain(opened, found).data for found in find(opened, record)]
        return [answer for answer in answers if isinstance(answer, Mapping)]

    def shards(self) -> ShardReader:
        """The product. `curate.shards.Loader(run.path, ...)` reads it in sequences, as a training does."""
        return ShardReader(self.path)


SAMPLED = pa.schema(
    [
        ("id", pa.string()),
        ("url", pa.string()),
        ("source", pa.string()),
        ("failed", pa.list_(pa.string())),
        ("text", pa.large_string()),
    ]
)
"""What `Run.sample` returns."""


def _files(paths: Sequence[Path]) -> Dataset:
    from pyarrow.dataset import dataset  # imports pandas where that is installed: a third of a second for every command

    return dataset([str(path) for path in paths], format="parquet")


def _assignments(set: Mapping[str, Any] | Sequence[str]) -> list[str]:
    return [f"{key}={canonical(value)}" for key, value in set.items()] if isinstance(set, Mapping) else list(set)


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
    limit: int | None = None,
    sample: int | None = None,
    console: Console | None = None,
) -> Run:
    """Run a pipeline file. `set` maps key paths to values (or lists KEY=VALUE); `out` defaults to runs/NAME.

    `limit` reads the first records of each source only, `sample` so many of each by a seeded draw; `out` is then
    runs/NAME-limited.
    `replace` lets it write where other files are, or another pipeline's run was; files that no run wrote still stay, but
    those in the way of its own. Raises ConfigError, LockedError, OutputError where the output must not be written,
    OSError where it cannot be, and InvariantError where records were lost.
    """
    file = limited(read_pipeline(path, _assignments(set)), limit, sample)
    own = foreign_code(file.pipeline)
    if own and console is not None:
        console.print(f"Running your own code: {', '.join(own)}", highlight=False, markup=False, soft_wrap=True)
    if until is not None:
        file = truncated(file, until)
    folder = output_path(out, "a run") if out is not None else Path("runs") / _folder_name(file, limit or sample)
    return run_file(
        file, folder, workers=workers, address=address, engine=engine, until=until, replace=replace, console=console
    )


def _folder_name(file: PipelineFile, limit: int | None) -> str:
    """What a run's directory is called: a limited run does not take the place of a whole one."""
    return f"{file.pipeline.name}-limited" if limit else file.pipeline.name


def run_file(
    file: PipelineFile,
    folder: Path,
    *,
    workers: int | None = None,
    address: str | None = None,
    engine: str = "ray",
    until: str | None = None,
    replace: bool = False,
    console: Console | None = None,
) -> Run:
    """Run a pipeline that was read, in a folder; see `run`."""
    claim(folder, file.pipeline.name, replace)
    inputs = find_inputs(file)
    check_inputs(file, inputs)
    check_steps(file, inputs)
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
            code_folder=file.path.parent,
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
) -> RunNumbers:
    """Every stage in order, then the run directory."""
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
    return publish_run(file, inputs, flow, aggregate(flow, runner, unit_of(pipeline)), folder, take_over)


def _has(pipeline: Pipeline, name: str, folder: Path) -> bool:
    """Whether a step of the order has anything to do in this pipeline, for people who watch it."""
    if name in combining_steps():
        return pipeline.combines(name)
    if name == "quality":
        return any(source.setting(Quality) is not None for source in pipeline.sources.values())
    if name == "metadata":
        return any(source.read.metadata for source in pipeline.sources.values())
    return name != "removed" or bool(pipeline.removals) or (folder / LIST).exists()


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
        ("evaluate", lambda flow: stages.evaluate(pipeline, flow, runner)),
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


def open_run(path: str | Path) -> Run:
    """A run directory made before. Raises FileNotFoundError where there is none, or none that was finished, DamagedError
    where a file is not the one that was published."""
    opened = open_finished(path)
    return Run(opened.folder, opened.stats, {})
