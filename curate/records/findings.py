"""What a run has to say of itself when it ends. Knows names and types only."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Level = Literal["stop", "look", "note"]
"""stop: the product is likely not what was wanted; look: somebody should decide; note: worth knowing."""


class Finding(TypedDict):
    """A sentence about `subject` (a source, a rule of it, an evaluation set), and the number that it rests on.

    `kind` is the rule in `findings.yaml` that found it. `missed`: the run is done, but is not what was asked for, and the
    command ends with status 3. `section` is the part of the report that shows the evidence; `cure` is a command that mends
    it or shows more, in which RUN stands for the run directory. A run of version 0.2 or before has neither.
    """

    kind: str
    """The rule that found it."""
    subject: str
    """What it is about: a source, a rule, an evaluation set."""
    number: float | None
    """The number that it rests on."""
    says: str
    """The sentence."""
    missed: bool
    """Whether the run ends with status 3 for it."""
    level: NotRequired[Level]
    section: NotRequired[str]
    cure: NotRequired[str]
