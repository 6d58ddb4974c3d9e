"""What a page may cost, and the reasons for which one yields no text. Imports nothing: both sides of the pipe use it."""

from dataclasses import dataclass

TOO_LARGE = "too-large"
"""More bytes than `Limits.body_bytes`."""
TOO_MANY_NODES = "too-many-nodes"
"""More markup, or more elements once parsed, than `Limits.nodes`."""
TOO_MANY_ATTRIBUTES = "too-many-attributes"
"""Tags of so many attributes that comparing them takes more than `Limits.comparisons`."""
TOO_DEEP = "too-deep"
"""Elements nested deeper than `Limits.depth`."""
TIMEOUT = "timeout"
"""Used up `Limits.cpu_seconds` or `Limits.wall_seconds`, twice, the second time alone in a fresh process."""
MEMORY = "memory"
"""Ran out of `Limits.memory_bytes`, or was killed as the kernel kills when memory is short, twice likewise."""
CRASH = "crash"
"""Ended the process in any other way, twice likewise."""
ERROR = "error"
"""The engine raised an exception."""
NO_TEXT = "no-text"
"""The engine found no text."""


@dataclass(frozen=True)
class Limits:
    """Limits on one page. The first four are exact and depend on the page alone; the others catch the rest."""

    body_bytes: int = 16 << 20
    """Bytes of the page. Common Crawl cuts pages at 1 MiB, since 2025 at 5 MiB."""
    nodes: int = 500_000
    """`<` in the source, and elements once parsed (misnested formatting can multiply them)."""
    comparisons: int = 200_000_000
    """The sum over tags of the square of their attributes: one tag of 14,000, which takes lexbor a second. The most of
    2,059 real pages is 221,841."""
    depth: int = 256
    """Nested elements. libxml2's own limit (xmlParserMaxDepth); real pages stay near 50, and resiliparse's time grows
    with the square."""
    cpu_seconds: float = 30.0
    """CPU time, user and system: over 20 times the worst real page measured, with the slower engine."""
    wall_seconds: float = 300.0
    """Wall time, for an engine that sleeps or waits: ten times the CPU limit, as machines may be overcommitted."""
    memory_bytes: int = 1 << 30
    """Data segment and private mappings of the child (RLIMIT_DATA)."""


BY_THE_CLOCK = frozenset({TIMEOUT})
"""Reasons that the machine decides, not the page alone: counted apart, for such a page may be kept on another machine."""
