"""What can be known to be missing before a run begins: extraction engines and the tokenizer, asked themselves.

The costly mistake is one that shows after a night. Knows which settings name code or files of other libraries; reads no
input and runs no step.
"""

from __future__ import annotations

from curate import tokens
from curate.config.reading import KeyPath, PipelineFile
from curate.errors import missing_extra, nearest
from curate.extract import engines
from curate.extract.step import Extract

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
    """Load the tokenizer. Raises ConfigError naming file, line, key and what is right."""
    name = file.pipeline.tokens.tokenizer
    try:
        tokens.load(name)
    except (ValueError, OSError) as error:
        raise file.error(("tokens", "tokenizer"), str(error)) from None
