"""What earlier runs kept, as parts before the run's own, and adding this run to the index. Executes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curate.config.models import Pipeline
from curate.dedup.index import Entry, IndexFile, Made, earlier_entries, entry_identity, write_entry
from curate.dedup.step import Deduplicate
from curate.dedup.tasks.index import IndexParams, Nothing, fetch_file, index_part
from curate.engine.mirror import all_here
from curate.engine.runner import Runner
from curate.engine.task import Committed, File, Task
from curate.errors import ConfigError
from curate.flow import Flow, Part, files_of
from curate.records.counts import DecisionCounts, DocumentCounts
from curate.storage import is_remote


@dataclass(frozen=True)
class Indexed:
    """The files of an index that come before this run, and this run's place in it; empty where there is no index."""

    folder: str | None
    files: tuple[File, ...] = ()
    documents: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()
    """Per file the place of its entry: earlier runs are preferred."""
    entry: Entry | None = None

    @staticmethod
    def open(pipeline: Pipeline, setting: Deduplicate, permutations: int, flow: Flow, runner: Runner) -> Indexed:
        """The index of the settings. Raises ConfigError where it was made with other ones."""
        if setting.index is None:
            return Indexed(None)
        made = Made(setting.minhash.ngram if setting.minhash else 1, permutations)
        inputs = [(source, file.relative, file.stamp) for source, file in files_of(flow.parts)]
        identity = entry_identity(pipeline.name, inputs)
        try:
            entries, number = earlier_entries(setting.index, identity, made)
        except ValueError as error:
            raise ConfigError(f"combine.deduplicate.index: {error}") from None
        listed = [(place, entry, file) for place, entry in enumerate(entries) for file in entry.files]
        files = [entry.file(setting.index, file) for _, entry, file in listed]
        return Indexed(
            setting.index,
            tuple(_fetched(files, runner) if is_remote(setting.index) else files),
            tuple(file.documents for _, _, file in listed),
            tuple(file.source for _, _, file in listed),
            tuple(place for place, _, _ in listed),
            Entry(identity, pipeline.name, number, made, ()),
        )

    def add(
        self, outputs: Sequence[tuple[Part, Committed[DocumentCounts], Committed[DecisionCounts]]], runner: Runner
    ) -> None:
        """Add what was kept of (part, what was signed, what was decided) to the index."""
        if self.folder is None or self.entry is None:
            return
        tasks = [
            Task(
                "index",
                index_part,
                IndexParams(permutations=self.entry.made.permutations),
                {
                    "signatures": signed.file("signatures"),
                    "verdicts": applied.file("verdicts"),
                    "groups": applied.file("groups"),
                },
                part.name,
            )
            for part, signed, applied in outputs
        ]
        results = runner.stage(tasks)
        files = tuple(
            IndexFile(part.source, f"{part.name}.arrow", result.counts["documents"], file.bytes, file.digest)
            for (part, _, _), result in zip(outputs, results, strict=True)
            for file in (result.files["index"],)
        )
        written = [str(path) for path in all_here(result.files["index"].path for result in results)]
        write_entry(self.folder, replace(self.entry, files=files), written)


def _fetched(files: Sequence[File], runner: Runner) -> list[File]:
    """Copies of remote files in the work folder, where they can be mapped into memory."""
    tasks = [Task("fetch", fetch_file, Nothing(), {"file": file}, file.name) for file in files]
    return [result.file("fetched") for result in runner.stage(tasks)]
