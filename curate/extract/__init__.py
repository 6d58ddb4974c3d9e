"""HTML to text, in a process that can be killed.

`from curate.extract import Extractor, extractor, Limits`. Names are resolved when used: the child process imports this
package too, and must not load Arrow for it.
"""

from typing import TYPE_CHECKING

from curate.extract.limits import Limits

if TYPE_CHECKING:
    from curate.extract.sandbox import EXTRACTED, EngineUnavailable, Extractor, extractor

__all__ = ["EXTRACTED", "EngineUnavailable", "Extractor", "Limits", "extractor"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from curate.extract import sandbox

    return getattr(sandbox, name)
