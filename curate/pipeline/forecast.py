"""What a run will give and cost, before it is done: from a dry run of a sample of the pipeline's own files.

Knows how a run's numbers, time and bytes grow with its input; knows no step.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.aggregates import Unit
from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.plan import unit_of
from curate.audit.rendering import Answer, Cell, Table
from curate.audit.timings import peak_memory, stage_times, task_times
from curate.config.document import write_document
from curate.config.models import Pipeline
from curate.config.reading import PipelineFile
from curate.engine.seal import unsealed
from curate.errors import ConfigError
from curate.pipeline.forecast_index import SampledIndex, sample_index
from curate.pipeline.parts import portions
from curate.quality.step import Quality
from curate.records.statistics import SourceNumbers, text_out
from curate.storage import SourceFile, is_remote, open_binary
from curate.storage.objects import list_objects

_SAMPLE_BYTES = 8 << 20
"""Bytes of a source that the dry run reads, spread over its files: seconds of work."""
_WARMING_BYTES = 256 << 10
_SAMPLE_FILES = 4
_STUDENT_95 = (12.706, 4.303, 3.182)  # two-sided quantiles for 1, 2 and 3 degrees of freedom
_HOUR = 3600.0
_FIXED = ("evaluation-items", "topic-clusters", "opt-out-files", "opt-out-statements")
"""Stages that do not grow with the sources."""
_SELECTS = "select"
"""The stages that choose records by an index: they grow as it does."""
_WARMING_RECORDS = 5
_SAMPLES = "sample"
"""The stage that looks at all documents and leaves no more than a classifier's sample."""
_LEARNING = "quality"
"""The stage in which a classifier learns from its sample."""
_WHOLE = ("parquet",)
"""Formats that cannot be read from their beginning: their smallest file is the sample."""


@dataclass(frozen=True)
class StageCost:
    """A stage of the whole run: worker-seconds, and bytes that it leaves in `.work`."""

    stage: str
    seconds: float
    disk: float


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to be. `spread`: the relative half width of the 95 % interval of tokens, shown beside documents
    too, from how much the sampled files differ; None where one file was sampled. A pipeline without a tokenizer gives
    characters, and `tokens` is None; else `chars` is."""

    parts: int
    input_bytes: int
    network_bytes: int
    records: float
    kept: float
    tokens: float | None
    chars: float | None
    spread: float | None
    peak_memory: int
    stages: tuple[StageCost, ...]
    sampled_bytes: int

    @property
    def worker_hours(self) -> float:
        """Hours of one core."""
        return sum(stage.seconds for stage in self.stages) / _HOUR

    @property
    def disk(self) -> float:
        """Bytes that the run leaves."""
        return sum(stage.disk for stage in self.stages)


def forecast(file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]], files: Mapping[str, int]) -> Forecast:
    """Run a sample of the pipeline's own files in a temporary directory and scale up what it took.

    `files` is how many files a source will have, where not those it has now; they are taken to be as large as these.
    Every stage is taken to grow as its input does, but for those that learn from a sample or look at no source. Raises
    what a run raises, and ConfigError for a source of whose index no row looked at fits its condition.
    """
    totals = {name: files.get(name, len(found)) * _mean_size(found) for name, found in inputs.items()}
    with tempfile.TemporaryDirectory(prefix="curate-plan-") as folder:
        indexes = _indexes(file, inputs, files, Path(folder) / "indexes")
        totals |= {name: index.bytes for name, index in indexes.items()}
        # the first compiles what is compiled, and loads what is loaded
        _dry_run(file, inputs, indexes, Path(folder) / "first", _WARMING_BYTES)
        sizes, run = _dry_run(file, inputs, indexes, Path(folder) / "second", _SAMPLE_BYTES)
        growth = {name: totals[name] / max(sum(sizes[name]), 1) for name in inputs}
        growth |= {f"{_SELECTS} {name}": index.of_rows / max(index.rows, 1) for name, index in indexes.items()}
        overall = sum(totals.values()) / max(sum(map(sum, sizes.values())), 1)
        stages = _stages(run, growth, overall)
        peak = peak_memory(stage_times(run.folder / "timings"))
        spread = _spread(run, sizes, growth)
    scaled = {"records": 0.0, "kept": 0.0, "amount": 0.0}
    for name, source in run.stats["sources"].items():
        amounts = {"records": source["records"], "kept": source["kept"], "amount": _made(source)}
        for key, number in amounts.items():
            scaled[key] += number * growth[name]
    in_tokens = file.pipeline.tokens is not None
    return Forecast(
        sum(
            indexes[name].parts if name in indexes else _parts(name, file.pipeline, found, files.get(name, len(found)))
            for name, found in inputs.items()
        ),
        round(sum(totals.values())),
        round(sum(_from_network(totals[name], found, indexes.get(name)) for name, found in inputs.items() if found)),
        scaled["records"],
        scaled["kept"],
        scaled["amount"] if in_tokens else None,
        None if in_tokens else scaled["amount"],
        spread,
        peak,
        stages,
        sum(map(sum, sizes.values())),
    )


def _indexes(
    file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]], files: Mapping[str, int], folder: Path
) -> dict[str, SampledIndex]:
    """Samples of the indexes of sources that have one."""
    found = {}
    for name, source in file.pipeline.sources.items():
        if source.read.indexed:
            try:
                found[name] = sample_index(source.read, inputs[name], files.get(name, len(inputs[name])), folder / name)
            except ConfigError as error:
                raise file.error(("sources", name, "read"), str(error)) from None
    return found


def _from_network(total: float, found: Sequence[SourceFile], index: SampledIndex | None) -> float:
    """Bytes of a source that come over the network: of one with an index its columns and the records."""
    if index is None:
        return total if is_remote(found[0].path) else 0.0
    return (index.index_bytes if is_remote(found[0].path) else 0.0) + (total if is_remote(index.read["base"]) else 0.0)


def _parts(name: str, pipeline: Pipeline, found: Sequence[SourceFile], files: int) -> int:
    """How many parts so many files make, if the others are cut and bundled as those that there are."""
    made = portions(name, pipeline.sources[name].read, found, None, whole=False)
    return math.ceil(len(made) * files / max(len(found), 1))


def _mean_size(files: Sequence[SourceFile]) -> float:
    return sum(file.size for file in files) / max(len(files), 1)


def _sample(format: str, files: Sequence[SourceFile], folder: Path, most: int) -> list[Path]:
    """The beginnings of evenly spaced files, copied; an end cut off is counted as damage, one per file."""
    folder.mkdir(parents=True)
    if format in _WHOLE:
        chosen = [min(files, key=lambda file: (file.size, file.relative))]
        each_at_most = chosen[0].size
    else:
        chosen = list(files[:: max(1, math.ceil(len(files) / _SAMPLE_FILES))])
        each_at_most = most // len(chosen)
    taken = []
    for number, each in enumerate(chosen):
        path = folder / f"{number}-{Path(each.relative).name}"
        with open_binary(each.path) as source:
            path.write_bytes(source.read(each_at_most))
        taken.append(path)
    return taken


def _dry_run(
    file: PipelineFile,
    inputs: Mapping[str, Sequence[SourceFile]],
    indexes: Mapping[str, SampledIndex],
    folder: Path,
    most: int,
) -> tuple[dict[str, list[int]], OpenedRun]:
    """(bytes of each sampled file by source, the finished run on them). Of a source with an index the bytes of the records
    that were read for each sampled file of it."""
    from curate.pipeline.run import run

    tree = file.pipeline.model_dump(mode="json", by_alias=True)
    sizes = {}
    for name, found in inputs.items():
        if name in indexes:
            tree["sources"][name]["read"] |= indexes[name].read
            if most < _SAMPLE_BYTES:
                tree["sources"][name]["read"]["take"] = _WARMING_RECORDS
            continue
        paths = _sample(file.pipeline.sources[name].read.format, found, folder / name, most)
        sizes[name] = [path.stat().st_size for path in paths]
        tree["sources"][name]["read"] |= {
            "paths": [str(path) for path in paths],
            "root": None,
            "split": None,
            "bundle": None,
        }
    for step in tree["combine"]:
        if "deduplicate" in step:
            step["deduplicate"] |= {"max_removed_share": 1.0, "max_cluster": None}  # a sample's shares say nothing
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "pipeline.yaml"
    written.write_text(write_document(tree), "utf-8")
    run(written, (), folder / "run", engine="serial")
    made = open_finished(folder / "run")
    for name in indexes:
        ledgers = [made.folder / "ledger" / f"{part.name}.parquet" for part in made.parts if part.source == name]
        sizes[name] = [pc.sum(pq.read_table(path, columns=["length"]).column(0)).as_py() or 0 for path in ledgers]
    return sizes, made


def _stages(run: OpenedRun, growth: Mapping[str, float], overall: float) -> tuple[StageCost, ...]:
    """Each stage's time and disk, grown as the input of its tasks does."""
    disk: Counter[tuple[str, str]] = Counter()
    for folder in (run.folder / ".work").iterdir():
        manifest = next(folder.glob("*.json"), None)
        if manifest is not None:
            of = unsealed(manifest.read_bytes())
            disk[of["stage"], of["source"]] += sum(each.stat().st_size for each in folder.iterdir())
    costs = []
    for title in (each["stage"] for each in stage_times(run.folder / "timings")):
        seconds = left = 0.0
        for task in task_times(run.folder / "timings", title):
            stage, source = task["stage"], task["source"]
            time_growth, disk_growth = _growth(run, stage, source, growth, overall)
            seconds += task["seconds"] * time_growth
            left += disk.pop((stage, source), 0) * disk_growth  # once, also where splits share a folder
        costs.append(StageCost(title, seconds, left))
    return tuple(costs)


def _growth(
    run: OpenedRun, stage: str, source: str, growth: Mapping[str, float], overall: float
) -> tuple[float, float]:
    """By how much the time of a stage's tasks, and the bytes they leave, grow: as their source, where they have one of
    their own, else as all input. A classifier learns from no more documents than its sample; evaluation items stay."""
    if stage in _FIXED:
        return 1.0, 1.0
    if stage.startswith(_SELECTS):
        grown = growth.get(f"{_SELECTS} {source}", overall)
        return grown, grown
    if stage not in (_SAMPLES, _LEARNING):
        grown = growth.get(source, overall)
        return grown, grown
    setting = run.pipeline.sources[source].setting(Quality)
    documents = run.stats["sources"][source]["documents"]
    assert setting is not None, "only a source with a quality step has these stages"
    bounded = min(growth[source], max(1.0, setting.sample / max(documents, 1)))
    return (bounded if stage == _LEARNING else overall), bounded


def _spread(run: OpenedRun, sizes: Mapping[str, Sequence[int]], growth: Mapping[str, float]) -> float | None:
    """Relative half width of the 95 % interval of tokens, or of characters where there are none, from those per byte of the
    sampled files (Student's t)."""
    unit = unit_of(run.pipeline)
    total = variance = 0.0
    for name, bytes_read in sizes.items():
        parts = [part for part in run.parts if part.source == name]
        counts = [_counted(run.folder / "ledger" / f"{part.name}.parquet", unit) for part in parts]
        rates = [count / max(size, 1) for count, size in zip(counts, bytes_read, strict=True)]
        whole = growth[name] * sum(bytes_read)
        total += whole * statistics.fmean(rates)
        if len(rates) > 1:
            error = statistics.stdev(rates) / math.sqrt(len(rates))
            variance += (_STUDENT_95[len(rates) - 2] * error * whole) ** 2
    return math.sqrt(variance) / total if variance and total else None


def _counted(ledger: Path, unit: Unit) -> int:
    """Tokens or characters of kept documents."""
    rows = pq.read_table(ledger, columns=["kept", unit])
    counted: int = pc.sum(rows.filter(rows.column("kept")).column(unit)).as_py() or 0
    return counted


def _made(source: SourceNumbers) -> int:
    """What a source gave: characters where a run has no tokenizer, else tokens."""
    return source.get("kept_chars", source["tokens"])


def forecast_answer(expected: Forecast, workers: int, price: float, actual: OpenedRun | None = None) -> Answer:
    """The forecast as tables; with a finished run, beside what it really took. `price`: of an hour of one core."""
    found = _actual(actual) if actual else {}
    amounts = {"tokens": expected.tokens, "characters": expected.chars}
    ((unit, amount),) = ((name, number) for name, number in amounts.items() if number is not None)

    def line(name: str, shown: str, number: float, form: Callable[[float], str] = _number) -> tuple[Cell, ...]:
        beside = (
            (form(found[name]), f"{number / found[name]:.2f}" if found[name] else "") if name in found else ("", "")
        )
        return (name, shown, *(beside if actual else ()))

    spread = f" ± {100 * expected.spread:.0f} %" if expected.spread is not None else ""
    rows = (
        line("parts", f"{expected.parts:,}", expected.parts),
        line("input bytes", _size(expected.input_bytes), expected.input_bytes, _size),
        line("records", f"{expected.records:,.0f}", expected.records),
        line("documents kept", f"{expected.kept:,.0f}{spread}", expected.kept),
        line(unit, f"{amount:,.0f}{spread}", amount),
        line("worker hours", f"{expected.worker_hours:,.3g}", expected.worker_hours),
        line(
            "hours on all workers",
            f"{expected.worker_hours / workers:,.3g} on {workers:,}",
            expected.worker_hours / workers,
        ),
        line("peak memory per worker", _size(expected.peak_memory), expected.peak_memory, _size),
        line("disk", _size(expected.disk), expected.disk, _size),
        line("network", _size(expected.network_bytes), expected.network_bytes),
        line("money", f"{expected.worker_hours * price:,.2f}", expected.worker_hours * price),
    )
    heads = ("", "expected", *(("actual", "expected / actual") if actual else ()))
    stages = tuple((each.stage, each.seconds / _HOUR, _size(each.disk)) for each in expected.stages)
    note = (
        f"from a dry run on {_size(expected.sampled_bytes)} of the input; stages are taken to grow as their input does, so "
        "deduplication across files finds more than is foreseen"
    )
    blocks = (
        Table("The whole run", heads, rows, note),
        Table("By stage", ("stage", "worker hours", "disk"), stages),
    )
    data = {
        "parts": expected.parts, "input_bytes": expected.input_bytes, "network_bytes": expected.network_bytes,
        "records": expected.records, "kept": expected.kept, "tokens": expected.tokens, "chars": expected.chars,
        "spread": expected.spread,
        "worker_hours": expected.worker_hours, "peak_memory": expected.peak_memory, "disk": expected.disk,
        "money": expected.worker_hours * price, "actual": found,
        "stages": [{"stage": each.stage, "seconds": each.seconds, "disk": each.disk} for each in expected.stages],
    }  # fmt: skip
    return Answer(blocks, data)


def _actual(run: OpenedRun) -> dict[str, float]:
    """What a finished run took, under the names of the forecast's lines."""
    sources = run.stats["sources"].values()
    times = stage_times(run.folder / "timings")
    if is_remote(run.place):
        disk = sum(each.size for each in list_objects(f"{run.place}/.work"))
    else:
        disk = sum(path.stat().st_size for path in (run.folder / ".work").glob("*/*"))
    return {
        "parts": len(run.parts),
        "input bytes": sum(source["bytes"] for source in sources),
        "records": sum(source["records"] for source in sources),
        "documents kept": sum(source["kept"] for source in sources),
        "characters" if text_out(run.stats) else "tokens": sum(map(_made, sources)),
        "worker hours": sum(each["seconds"] for each in times) / _HOUR,
        "peak memory per worker": peak_memory(times),
        "disk": disk,
    }


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 1 else f"{number:.3g}"


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.3g} {unit}" if number < 1000 else f"{number:,.0f} {unit}"
        number /= 1000
    raise AssertionError("unreachable")
