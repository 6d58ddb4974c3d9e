"""Completion for bash, zsh and fish, made from the parser: commands, options, their choices, and files elsewhere.

Knows parsers and three shells; runs nothing.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping

from curate.cli.help import leaves

Tree = Mapping[tuple[str, ...], argparse.ArgumentParser]


def completion(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script of a shell, one of SHELLS, to be sourced by it."""
    return SHELLS[shell](leaves(parser))


def _commands(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The commands below a parser, with what they are for."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {choice.dest: choice.help or "" for choice in action._choices_actions}
    return {}


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """What may come next: commands, else options; and the words that a place takes."""
    options = [name for action in _options(parser) for name in action.option_strings if name.startswith("--")]
    places = [str(word) for action in parser._actions if not action.option_strings for word in action.choices or ()]
    return list(dict.fromkeys([*_commands(parser), *places, *options]))


def _bash(tree: Tree) -> str:
    lines = [
        "_curate() {",
        '    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" place="" word',
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        case "$place $word" in',
    ]
    for words in tree:
        if words:
            lines.append(f'            {shlex.quote(" ".join(["", *words]))}) place="$place $word" ;;')
    lines += ["        esac", "    done", '    case "$place:$before" in']
    for words, parser in tree.items():
        place = " ".join(["", *words]) if words else ""
        for action in _options(parser):
            if action.choices:
                patterns = "|".join(shlex.quote(f"{place}:{name}") for name in action.option_strings)
                choices = shlex.quote(" ".join(map(str, action.choices)))
                lines.append(f'        {patterns}) COMPREPLY=($(compgen -W {choices} -- "$current")); return ;;')
    lines += ["    esac", '    case "$place" in']
    for words, parser in tree.items():
        place = shlex.quote(" ".join(["", *words]) if words else "")
        lines.append(
            f'        {place}) COMPREPLY=($(compgen -W {shlex.quote(" ".join(_words(parser)))} -- "$current")) ;;'
        )
    lines += [
        "    esac",
        '    [[ ${#COMPREPLY[@]} -gt 0 || $current == -* ]] || COMPREPLY=($(compgen -f -- "$current"))',
        "}",
        "complete -o filenames -F _curate curate",
    ]
    return "\n".join(lines) + "\n"


def _zsh(tree: Tree) -> str:
    """zsh reads bash's completions."""
    return "#compdef curate\nautoload -U +X bashcompinit && bashcompinit\n" + _bash(tree)


def _fish(tree: Tree) -> str:
    lines = [
        "complete -c curate -e",
        "complete -c curate -f -n __fish_use_subcommand -l version -d 'which version this is'",
    ]
    for words, parser in tree.items():
        inner = _commands(parser)
        when = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in words) or "__fish_use_subcommand"
        none_yet = f" ; and not __fish_seen_subcommand_from {' '.join(inner)}" if words and inner else ""
        for name, told in inner.items():
            lines.append(f"complete -c curate -f -n {_fish_quoted(when + none_yet)} -a {name} -d {_fish_quoted(told)}")
        for action in _options(parser) if words else ():
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in action.option_strings
            )
            takes = "" if action.nargs == 0 else " -r"
            takes += f" -f -a {_fish_quoted(' '.join(map(str, action.choices)))}" if action.choices else ""
            told = (action.help or "") % {"default": action.default}
            lines.append(f"complete -c curate -n {_fish_quoted(when)} {names}{takes} -d {_fish_quoted(told)}")
    return "\n".join(lines) + "\n"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[Tree], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
"""By shell, what makes its script."""
