"""What a run has to say of itself when it ends. Knows names and types only."""

from __future__ import annotations

from typing import Literal, TypedDict

Kind = Literal["nothing-kept", "lost-to-one-error", "expectation", "scores-only", "mostly-sample", "seen-by-its-model"]


class Finding(TypedDict):
    """A sentence about `subject`, a source or the key of an expectation, and the number that it rests on.

    `missed`: the run is done, but is not what was asked for, and the command ends with status 3.
    """

    kind: Kind
    subject: str
    number: float | None
    says: str
    missed: bool
