"""A ladder as Markdown. Knows a Ladder; decides nothing."""

from __future__ import annotations

from curate.trainer.compare.ladder import Ladder


def ladder_markdown(ladder: Ladder) -> str:
    """Sentences, then the sizes, how pairs moved between them, and what is expected of a larger one."""
    mixes = [each.mix for each in ladder.levels[-1].standings]
    lines = [f"# {ladder.name}: sizes", "", *(f"- {each}" for each in ladder.sentences)]
    lines += ["", "## Sizes", "", "Mean over domains of bits per byte, and the rank.", ""]
    heads = ("size", "parameters", "tokens", "FLOP of a proxy", *mixes, "noise of a proxy")
    lines += [_cells(*heads), _rule(len(heads))]
    for level in ladder.levels:
        at = {each.mix: f"{each.mean:.4f} ({each.rank})" for each in level.standings}
        numbers = (f"{level.parameters:,}", f"{level.tokens:,}", f"{level.flops:.2e}")
        lines.append(_cells(level.name, *numbers, *(at[mix] for mix in mixes), f"{level.noise:.5f}"))
    interval = f"{ladder.confidence:.0%}, all together"
    lines += ["", "## From one size to the next", "", "Differences are the second less the first.", ""]
    heads = ("pair", "from", "to", "before", "after", "moved by", interval, "change of places")
    lines += [_cells(*heads), _rule(len(heads))]
    for move in ladder.moves:
        told = (
            f"{move.before:+.4f}",
            f"{move.after:+.4f}",
            f"{move.moved:+.4f}",
            f"{move.low:+.4f} … {move.high:+.4f}",
        )
        lines.append(_cells(f"{move.second} less {move.first}", move.smaller, move.larger, *told, move.crossed))
    if ladder.expected:
        law = f"L = E + K / C^{ladder.exponent:.3f}"
        lines += ["", f"## Expected at {ladder.target:.2e} FLOP", "", f"By {law}, with E and K of each mix.", ""]
        lines += [_cells("mix", "bits per byte"), _rule(2)]
        lines += [_cells(mix, f"{loss:.4f}") for mix, loss in sorted(ladder.losses.items(), key=lambda item: item[1])]
        heads = ("pair", "difference", interval, "laws cross at")
        lines += ["", _cells(*heads), _rule(len(heads))]
        for each in ladder.expected:
            crossing = "–" if each.crossing is None else f"{each.crossing:.2e} FLOP"
            span = f"{each.low:+.4f} … {each.high:+.4f}"
            lines.append(_cells(f"{each.second} less {each.first}", f"{each.difference:+.4f}", span, crossing))
        lines += ["", "Intervals hold the noise of the seeds at every size, and not that the law may be another."]
    return "\n".join(lines) + "\n"


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _rule(columns: int) -> str:
    return f"|{' --- |' * columns}"
