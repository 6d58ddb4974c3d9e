"""The commands that tell what can be written in a pipeline file: packs, steps, recipes, the schema. Parse, call, print."""

from __future__ import annotations

import argparse
import json
from typing import Any

from curate.cli.arguments import add_data_format
from curate.cli.console import write, write_data


def add_commands(commands: Any) -> None:
    """Add `filters`, `steps`, `recipes` and `schema` to the command line's subparsers."""
    packs = commands.add_parser("filters", help="the packs of published rules")
    filters = packs.add_subparsers(required=True, metavar="ACTION")
    listed = filters.add_parser("list", help="packs, rules, bounds, citations")
    add_data_format(listed)
    listed.set_defaults(call=_list_filters)
    show = filters.add_parser("show", help="one pack, whole")
    show.add_argument("pack", metavar="PACK", help="a pack's name or path")
    add_data_format(show)
    show.set_defaults(call=_show_filter)

    steps = commands.add_parser("steps", help="the steps that a pipeline can have").add_subparsers(
        required=True, metavar="ACTION"
    )
    listed = steps.add_parser("list", help="every step, a line each")
    add_data_format(listed)
    listed.set_defaults(call=_list_steps)
    show = steps.add_parser("show", help="one step: an example, and every key with its default")
    show.add_argument("step", metavar="STEP", help="a step's name")
    add_data_format(show)
    show.set_defaults(call=_show_step)

    recipes = commands.add_parser("recipes", help="the bundled pipelines").add_subparsers(
        required=True, metavar="ACTION"
    )
    listed = recipes.add_parser("list", help="every recipe, a line each")
    add_data_format(listed)
    listed.set_defaults(call=_list_recipes)
    show = recipes.add_parser("show", help="one recipe's file")
    show.add_argument("recipe", metavar="RECIPE", help="a recipe's name")
    show.set_defaults(call=_show_recipe)

    schema = commands.add_parser("schema", help="JSON Schema of pipeline files, for editors")
    schema.set_defaults(call=_schema)


def _list_filters(options: argparse.Namespace) -> int:
    from curate.filters.catalogue import PACK_RULE, list_packs, opened, rules_told
    from curate.filters.pack_files import available

    if options.format == "table":
        write(list_packs().rstrip() + "\n")
        return 0
    packs = {name: opened(path) for name, path in available()}
    rows = [(name, *rule) for name, pack in packs.items() for rule in rules_told(pack)]
    data = [
        {
            "pack": name,
            "about": pack.about,
            "source": pack.source,
            "rules": [dict(zip(PACK_RULE, rule, strict=True)) for rule in rules_told(pack)],
        }
        for name, pack in packs.items()
    ]
    return write_data(options.format, data, ("pack", *PACK_RULE), rows)


def _show_filter(options: argparse.Namespace) -> int:
    from curate.filters.catalogue import PACK_RULE, pack_told, show_pack

    if options.format == "table":
        write(show_pack(options.pack).rstrip() + "\n")
        return 0
    told = pack_told(options.pack)
    return write_data(options.format, told, PACK_RULE, [[rule[key] for key in PACK_RULE] for rule in told["rules"]])


def _list_steps(options: argparse.Namespace) -> int:
    from curate.config.reference import list_steps, steps_told

    if options.format == "table":
        write(list_steps() + "\n")
        return 0
    rows = steps_told()
    columns = ("step", "under", "about", "example")
    return write_data(options.format, [dict(zip(columns, row, strict=True)) for row in rows], columns, rows)


def _show_step(options: argparse.Namespace) -> int:
    from curate.config.reference import keys, named_step, show_step

    if options.format == "table":
        write(show_step(options.step) + "\n")
        return 0
    rows = list(keys(named_step(options.step).settings))
    columns = ("key", "takes", "default", "about")
    return write_data(options.format, [dict(zip(columns, row, strict=True)) for row in rows], columns, rows)


def _list_recipes(options: argparse.Namespace) -> int:
    from curate.config.reference import list_recipes, recipes_told

    if options.format == "table":
        write(list_recipes() + "\n")
        return 0
    rows = list(recipes_told().items())
    columns = ("recipe", "about")
    return write_data(options.format, [dict(zip(columns, row, strict=True)) for row in rows], columns, rows)


def _show_recipe(options: argparse.Namespace) -> int:
    from curate.config.reference import show_recipe

    write(show_recipe(options.recipe))
    return 0


def _schema(options: argparse.Namespace) -> int:
    from curate.config.schema import pipeline_schema

    write(json.dumps(pipeline_schema(), indent=2) + "\n")
    return 0
