"""Why a pipeline's rules are there, in the words of their packs. Knows packs' files; judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.config.document import read_document
from curate.config.models import Pipeline
from curate.errors import ConfigError
from curate.filters.pack_files import find
from curate.filters.step import Filter


def whys(pipeline: Pipeline) -> dict[str, str]:
    """{step/rule: why} of every rule whose pack is still there to say it."""
    told: dict[str, str] = {}
    settings_of_steps = (setting for source in pipeline.sources.values() for _, setting in source.named_steps())
    packs = [setting for setting in settings_of_steps if isinstance(setting, Filter)]
    for used in packs:
        pack = _read(used)
        rules = pack.get("rules")
        for rule, settings in rules.items() if isinstance(rules, dict) else ():
            if isinstance(settings, dict) and settings.get("why"):
                told[f"{used.name or pack.get('name')}/{rule}"] = str(settings["why"])
    return told


def _read(used: Filter) -> Mapping[str, Any]:
    try:
        return read_document(find(used.pack)).tree
    except (ConfigError, OSError):
        return {}
