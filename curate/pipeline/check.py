"""What can be known to be wrong before a run begins: extraction engines, the tokenizer, each source's first file.

The costly mistake is one that shows after a night. Knows which settings name code or files of other libraries; runs no
step.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence

from curate import ingest, tokens
from curate.config.models import Source
from curate.config.reading import KeyPath, PipelineFile
from curate.config.step_params import table_columns
from curate.errors import missing_extra, nearest
from curate.extract import engines
from curate.extract.step import Extract
from curate.records.metadata import META, RAW, common_type, kind_of
from curate.steps import Carried
from curate.storage import SourceFile
from curate.tokens.tokenizer import surroundings
from curate.verdicts.steps import VerdictStep

_ENGINES = ("resiliparse", "trafilatura")


def check_engines(file: PipelineFile) -> None:
    """Load every extraction engine that the pipeline names. Raises ConfigError naming file, line, key and what is right."""
    for source_name, source in file.pipeline.sources.items():
        for index, (_, setting) in enumerate(source.named_steps()):
            if not isinstance(setting, Extract):
                continue
            place: KeyPath = ("sources", source_name, "steps", index, "extract", "engine")
            try:
                engines.load(setting.engine)
            except (ImportError, AttributeError, ValueError) as error:
                raise file.error(place, _engine_mistake(setting.engine, error)) from None


def _engine_mistake(name: str, error: Exception) -> str:
    extra = missing_extra(error) if isinstance(error, ImportError) else None
    if extra is not None:
        return str(extra)
    module, dot, function = name.rpartition(".")
    if ":" in name:
        return f"the engine {name!r} cannot be loaded: {error}"
    if dot:
        return f"no extraction engine {name!r}; a function of your own is module:function, as in '{module}:{function}'"
    return f"no extraction engine {name!r}{nearest(name, _ENGINES)}; a function of your own is module:function"


def check_tokenizer(file: PipelineFile) -> None:
    """Load the tokenizer, where there is one. Raises ConfigError naming file, line, key and what is right."""
    settings = file.pipeline.tokens
    if settings is None:
        return
    try:
        tokenizer = tokens.load(settings.tokenizer, settings.end_of_text)
        surroundings(tokenizer, settings.add_bos, settings.prefix, settings.suffix)
    except (ValueError, OSError) as error:
        raise file.error(("tokens", "tokenizer"), str(error)) from None


def check_inputs(file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]]) -> None:
    """Look at the beginning of each source's first file. Raises ConfigError where it is not what the pipeline takes it for.

    A format that cannot be read, or a column that is not there, would otherwise show when all files are read.
    """
    for name, source in file.pipeline.sources.items():
        read = source.read
        columns = ingest.Columns(**table_columns(source))
        wrong = ingest.check_source(inputs[name], read.format, columns)
        if wrong is not None:
            raise file.error(("sources", name, "read"), wrong)


def first_carried(name: str, source: Source, files: Sequence[SourceFile]) -> Carried:
    """The columns that a source's rows carry, by the first rows of its first file: a run knows them when all were read."""
    if not source.read.metadata:
        return ()
    kinds: dict[str, Counter[str]] = {}
    columns = ingest.Columns(**table_columns(source))
    first = next((file for file in files if file.size), None)
    batches = ingest.read(first, name, source.read.format, columns, Counter()) if first is not None else iter(())
    for batch in itertools.islice(batches, 1):
        for text in batch.column(RAW).drop_null().to_pylist():
            for column, value in json.loads(text).items():
                kinds.setdefault(column, Counter())[kind_of(value) or ""] += 1
    listed = sorted(kinds) if source.read.metadata == "all" else source.read.metadata
    return tuple((f"{META}{column}", common_type(kinds.get(column, {}))) for column in listed)


def check_carried(source: Source, step: VerdictStep) -> None:
    """Raise ValueError where a rule looks at a column of the input that `read.metadata` does not carry."""
    listed = source.read.metadata
    for column in step.columns():
        if column.startswith(META) and listed != "all" and column.removeprefix(META) not in listed:
            raise ValueError(
                f"a rule looks at {column}: write `metadata: [{column.removeprefix(META)}]` under the source's `read`"
            )
