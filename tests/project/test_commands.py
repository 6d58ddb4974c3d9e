"""No command or argument goes without a word of explanation, and docs/commands.md has them all."""

from __future__ import annotations

import argparse

import pytest

from curate.cli.main import _parser
from tests.project.commands import PAGE, arguments, commands

COMMANDS = list(commands(_parser(), "curate"))


@pytest.mark.parametrize(("name", "told", "parser"), COMMANDS, ids=[name for name, _, _ in COMMANDS])
def test_every_command_and_argument_says_what_it_is_for(name: str, told: str, parser: argparse.ArgumentParser) -> None:
    assert told, name
    assert [action.dest for action in arguments(parser) if not action.help] == []


def test_no_command_and_no_option_is_missing_from_the_page() -> None:
    """Against what `--help` prints, not against the page's own maker."""
    text = PAGE.read_text()
    for name, _, parser in COMMANDS:
        part = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for word in parser.format_usage().replace("[", " ").replace("]", " ").replace("|", " ").split():
            if word.startswith("--") and word != "--help":
                assert word in part, (name, word)
