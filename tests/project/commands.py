"""docs/commands.md, every command and option as the parser has them, and the list of all pages that are made from the code:
`python -m tests.project.commands` writes them again."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping

from curate.cli.help import EXAMPLES
from curate.cli.main import _parser
from tests.project.reference.data import files_page, ledger_page
from tests.project.reference.keys import keys_page, steps_page
from tests.project.reference.messages import messages_page
from tests.project.reference.python import names_page
from tests.project.reference.rules import metrics_page, packs_page
from tests.project.reference.site import llms_txt
from tests.support.running import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "commands.md"

BEGINNING = """# Commands

Every command and every option, as `curate COMMAND --help` tells them.
Written by `python -m tests.project.commands`; a test compares.

Results go to standard output, progress and errors to standard error. Exit status: 0 done; 1 failed; 2 wrong use or
a wrong file; 3 done, but nothing was kept, most was lost to one error, or an expectation was
missed; 130 stopped.
"""


def page() -> str:
    """The whole page."""
    sections = [section(name, told, parser) for name, told, parser in commands(_parser(), "curate")]
    return "\n".join([BEGINNING, *sections])


def commands(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """(name, what it is for, parser) of every command below a parser, those with actions of their own opened."""
    for group in parser._actions:
        if not isinstance(group, argparse._SubParsersAction):
            continue
        told = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for word, inner in group.choices.items():
            if any(isinstance(action, argparse._SubParsersAction) for action in inner._actions):
                yield from commands(inner, f"{name} {word}")
            else:
                yield f"{name} {word}", told.get(word, ""), inner


def section(name: str, told: str, parser: argparse.ArgumentParser) -> str:
    """A command: its name, what it is for, and a row for every argument."""
    rows = [f"| {form(action)} | {meaning(action)} |" for action in arguments(parser)]
    table = ["| | |", "| --- | --- |", *rows, ""] if rows else []
    words = name.split()[1:]
    used = [each for each in EXAMPLES[words[0]] if len(words) < 2 or f" {words[1]} " in f"{each} "]
    shown = ["```", *used, "```", ""] if used else []
    return "\n".join([f"## {name}", "", f"{told[:1].upper()}{told[1:]}.", "", *shown, *table])


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What a command takes, `--help` left out."""
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def form(action: argparse.Action) -> str:
    """An argument as it is written on the command line."""
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(map(str, action.choices or ())) or action.dest)
    written = f"{', '.join(action.option_strings)} {value}".strip()
    notes = ["required"] if action.required and action.option_strings else []
    notes += ["may be repeated"] if isinstance(action, argparse._AppendAction) else []
    return "`" + written.replace("|", "\\|") + "`" + "".join(f", {note}" for note in notes)


def meaning(action: argparse.Action) -> str:
    """What an argument does, a default that its help leaves out added."""
    told = ((action.help or "") % {"default": action.default}).replace("|", "\\|")
    unsaid = (
        action.default not in (None, False, [], (), argparse.SUPPRESS) and "default" not in told and action.nargs != 0
    )
    return f"{told} (default: {action.default})" if unsaid and action.option_strings else told


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": page,
    "pipeline-keys.md": keys_page,
    "steps.md": steps_page,
    "packs.md": packs_page,
    "metrics.md": metrics_page,
    "ledger.md": ledger_page,
    "run-files.md": files_page,
    "python-names.md": names_page,
    "messages.md": messages_page,
    "llms.txt": llms_txt,  # the last: it reads the others
}
"""Every page that is made from the code, and what makes it."""


if __name__ == "__main__":
    for name, made in PAGES.items():
        (DOCS / name).write_text(made())
