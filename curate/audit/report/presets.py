"""Bounds of published packs that a page's dials can be set to at once.

Knows packs' files and dials; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curate.audit.report.thresholds import Slider
from curate.config.document import read_document
from curate.errors import ConfigError
from curate.filters.pack_files import find

PUBLISHED = ("gopher-quality", "gopher-repetition", "c4", "c4-fineweb", "fineweb", "fineweb-paper", "redpajama-v2")
"""Packs with the bounds of a paper, on metrics that other packs have rules on too."""


@dataclass(frozen=True)
class Preset:
    """A pack, and the bound that it has where a dial is: {the dial's name: bound}."""

    pack: str
    source: str
    """The paper."""
    bounds: Mapping[str, float]


def with_presets(found: Sequence[Slider]) -> tuple[list[Slider], list[Preset]]:
    """The dials, each with a place at every bound of a pack on its metric; and the packs that would move a dial.

    A bound that no edge of the counts lies at, which no document could be counted at, is left out.
    """
    presets = []
    places: dict[str, list[float]] = {}
    for name in PUBLISHED if found else ():
        try:
            pack = read_document(find(name)).tree
        except (ConfigError, OSError):
            continue
        bounds: dict[str, float] = {}
        for slider in found:
            bound = _bound(slider, pack.get("rules"))
            if bound is not None:
                bounds[slider.name] = bound
                places.setdefault(slider.name, []).append(bound)
        if any(bounds.get(slider.name, slider.bound) != slider.bound for slider in found):
            presets.append(Preset(name, str(pack.get("source") or ""), bounds))
    return [replace(slider, also=tuple(places.get(slider.name, ()))) for slider in found], presets


def _bound(slider: Slider, rules: object) -> float | None:
    """The bound that a pack's rules set on a dial's metric, on the same side of it."""
    if not slider.key.startswith("filters.") or not isinstance(rules, Mapping):
        return None
    for rule in rules.values():
        if not isinstance(rule, Mapping) or rule.get("metric") != slider.numbers["metric"]:
            continue
        bound = rule.get(slider.side)
        if isinstance(bound, int | float) and bool(rule.get("exclusive")) == bool(slider.numbers["exclusive"]):
            edge = int(np.searchsorted(slider.at, float(bound)))
            if edge < len(slider.at) and slider.at[edge] == float(bound):
                return float(bound)
    return None
