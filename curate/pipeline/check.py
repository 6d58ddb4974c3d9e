"""What can be known to be wrong before a run begins: extraction engines, the tokenizer, each source's first file.

The costly mistake is one that shows after a night. Knows which settings name code or files of other libraries; runs no
step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curate import ingest, tokens
from curate.config.reading import KeyPath, PipelineFile
from curate.errors import missing_extra, nearest
from curate.extract import engines
from curate.extract.step import Extract
from curate.storage import SourceFile
from curate.tokens.tokenizer import surroundings

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
        columns = ingest.Columns(text=read.text, id=read.id, url=read.url, date=read.date)
        wrong = ingest.check_source(inputs[name], read.format, columns)
        if wrong is not None:
            raise file.error(("sources", name, "read"), wrong)
