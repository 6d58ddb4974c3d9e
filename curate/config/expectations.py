"""What `expect` of a pipeline file can speak of: numbers of a source, by name. Knows names; knows no run's numbers."""

from __future__ import annotations

from collections.abc import Iterator

from curate.config.models import Pipeline
from curate.config.refusals import KeyPath
from curate.errors import nearest
from curate.settings import parse_range

KEPT = "kept"
COUNTS = ("records", "documents", "tokens")
"""Numbers of a source that are counts; every other name is a share between 0 and 1."""
FINDINGS = "findings"
"""What `expect` calls what a run has to say of itself: as a whole, or `findings.NAME`."""
PRODUCT = (KEPT, "tokens")
"""Numbers that only a source has whose documents are output."""


def steps_of(pipeline: Pipeline, source: str) -> list[str]:
    """The steps of a source whose share can be expected, in the order of the file."""
    of = pipeline.sources[source]
    combining = [step.kind for step in pipeline.combine] if of.role == "training" else []
    return ["read", *(name for name, _ in of.named_steps()), *combining]


def mistakes_of_expectations(pipeline: Pipeline) -> Iterator[tuple[KeyPath, str]]:
    """(key path, what is wrong and would be right) of each key of `expect` that names nothing."""
    for key, wanted in pipeline.expect.items():
        place: KeyPath = ("expect", key)
        source, point, name = key.partition(".")
        if source == FINDINGS and source not in pipeline.sources:
            continue  # their names are not known here: `check_findings` looks at them
        if source not in pipeline.sources:
            yield place, f"no source {source!r}{nearest(source, pipeline.sources)}"
            continue
        known = [KEPT, *COUNTS, *steps_of(pipeline, source)]
        if not point or name not in known:
            yield place, f"no number {name!r} of {source!r}{nearest(name, known)}"
        elif name in PRODUCT and pipeline.sources[source].role == "reference":
            yield place, f"{source!r} has the role 'reference' and is no output"
        elif name == "tokens" and pipeline.tokens is None:
            yield place, "`tokens: null` makes no tokens: expect `documents` or `kept`"
        elif name not in COUNTS and _beyond_one(wanted):
            yield place, f"{key} is a share between 0 and 1, and {wanted} asks for more than 1"


def _beyond_one(wanted: str) -> bool:
    least, most = parse_range(wanted)
    return least > 1 or 1 < most < float("inf")
