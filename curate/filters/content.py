"""What names a pack's part in a run: the edits and metrics that decide numbers and text, without the bounds."""

from curate.engine.fingerprint import fingerprint
from curate.filters.packs import Pack


def pack_content(pack: Pack) -> str:
    """Equal names, equal columns: a changed bound leaves it, a changed edit, metric or word list does not."""
    return fingerprint(repr(pack.edits), list(pack.metric_names))
