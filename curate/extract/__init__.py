"""HTML to text: by the project's own engine in this process, by others in one that can be killed.

`from curate.extract import text, extractor, Extractor, Limits`. Names are resolved when used: the child process imports
this package too, and must not load Arrow for it.
"""

from typing import TYPE_CHECKING

from curate.extract.limits import Limits

if TYPE_CHECKING:
    from curate.extract.extractors import OwnExtractor, extractor
    from curate.extract.html.extracting import text
    from curate.extract.sandbox import EXTRACTED, EngineUnavailable, Extractor

__all__ = ["EXTRACTED", "EngineUnavailable", "Extractor", "Limits", "OwnExtractor", "extractor", "text"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from curate.extract import extractors, sandbox
    from curate.extract.html import extracting

    return next(getattr(module, name) for module in (extractors, sandbox, extracting) if hasattr(module, name))
