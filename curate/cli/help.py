"""The help of the command line: commands in groups, an example for each, the nearest command where there is no such.

Knows names of commands and how they are used; runs none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from curate.errors import WRONG_USE, nearest

GROUPS: dict[str, tuple[str, ...]] = {
    "Begin": ("init", "recipes", "steps", "filters", "check", "try", "plan", "schema", "completion"),
    "Run and look": ("run", "status", "report", "summary", "sample", "query", "explain", "duplicates", "near"),
    "Decide": ("whatif", "diff", "compare", "verify", "remove"),
    "Build with it": ("export", "mix", "tokenizer", "quality"),
    "Train and compare": ("train", "validate", "model", "tasks", "scaling"),
}
"""Every command in the group that it is looked for in."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": (
        "curate run pipeline.yaml",
        "curate run pipeline.yaml --limit 1000",
        "curate run fineweb --set 'sources.web.read.paths=crawl/*.warc.gz' --out runs/mine",
    ),
    "init": (
        "curate init",
        "curate init fineweb --data 'my/*.parquet'",
        "curate init gpt3 --data 'books1=books/*.jsonl'",
    ),
    "try": (
        "curate try pipeline.yaml",
        "curate try pipeline.yaml --limit 20 --set language.minimum=0.8",
        "curate try pipeline.yaml --watch",
    ),
    "check": ("curate check pipeline.yaml",),
    "status": ("curate status runs/first --watch",),
    "filters": ("curate filters list", "curate filters show gopher-quality"),
    "steps": ("curate steps list", "curate steps show deduplicate"),
    "recipes": ("curate recipes list", "curate recipes show fineweb"),
    "schema": ("curate schema > pipeline.schema.json",),
    "completion": (
        'eval "$(curate completion bash)"',
        "curate completion fish > ~/.config/fish/completions/curate.fish",
    ),
    "report": (
        "curate report runs/first --open",
        "curate report runs/first --format json",
        "curate report runs/first runs/second",
    ),
    "explain": ("curate explain runs/first https://site.example/page", "curate explain runs/first 0:3 --original"),
    "whatif": (
        "curate whatif runs/first --set filters.gopher-quality.min_words.min=30",
        "curate whatif runs/first --sweep filters.gopher-quality.min_words.min=10..100",
    ),
    "diff": ("curate diff runs/first runs/second",),
    "compare": (
        "curate compare runs/first runs/second",
        "curate compare crawl.warc.gz --recipes c4,gopher,fineweb --sample 1000",
    ),
    "summary": ("curate summary runs/first --form eu --format markdown",),
    "sample": ("curate sample runs/first --failed gopher-quality/min_words -n 3",),
    "query": (
        "curate query runs/first 'select source, count(*) from ledger where not kept group by 1'",
        "curate query runs/first --tables",
    ),
    "verify": ("curate verify runs/first",),
    "remove": ("curate remove runs/first --domains domains.txt --why 'asked by their owner'",),
    "plan": ("curate plan pipeline.yaml --files 90000 --workers 64 --price 0.05",),
    "duplicates": ("curate duplicates runs/first --largest 3",),
    "near": ("curate near runs/first --text page.txt",),
    "mix": (
        "curate mix make runs/first --weights web=.8,books=.2 --name even",
        "curate mix search search.yaml",
    ),
    "tokenizer": ("curate tokenizer compare gpt2 cl100k_base --run runs/first",),
    "export": ("curate export runs/first --to parquet --out exported", "curate export exported --check"),
    "quality": ("curate quality evaluate runs/first -n 20",),
    "train": ("curate train train.yaml --data runs/first",),
    "validate": ("curate validate validate.yaml --plan --noise 0.01", "curate validate validate.yaml"),
    "model": ("curate model generate checkpoints/last --prompt 'The ferry'",),
    "tasks": ("curate tasks list", "curate tasks fetch arc-easy piqa", "curate tasks make runs/first"),
    "scaling": ("curate scaling plan --flops 1e21",),
}
"""By command, how it is used; those that run without a shell's help are tried by a test."""

_FOOT = """\
curate COMMAND --help tells a command's options and shows how it is used.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose help shows examples, and which names the nearest word where it refuses one."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def format_help(self) -> str:
        pieces = self.prog.split()
        if len(pieces) == 1:
            return _overview(self)
        text = super().format_help()
        shown = [each for each in EXAMPLES.get(pieces[1], ()) if len(pieces) < 3 or f" {pieces[2]} " in f"{each} "]
        return text + ("\nexamples:\n" + "".join(f"  {each}\n" for each in shown) if shown else "")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See ArgumentParser; keeps what was given, for messages."""
        self._given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and the nearest right word, or, where nothing was asked, what can be; status 2."""
        actions = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        if actions and message == f"the following arguments are required: {actions[0].metavar}":
            self.print_help(sys.stderr)
            sys.exit(WRONG_USE)
        told = message
        if actions and "invalid choice: " in message:
            word = message.split("invalid choice: ")[1].split(" (choose")[0].strip("'\"")
            told = f"no command {word!r}{nearest(word, actions[0].choices)}"
        if message.startswith("unrecognized arguments: --"):
            word = message.split(": ")[1].split()[0].partition("=")[0]
            told = f"no option {word}{nearest(word, self._options_asked())}"
        sys.stderr.write(f"error {self.prog}: {told}\n")
        sys.exit(WRONG_USE)

    def _options_asked(self) -> list[str]:
        """The options of the command that was given."""
        tree = leaves(self)
        words: tuple[str, ...] = ()
        for word in self._given:
            words = (*words, word) if (*words, word) in tree else words
        return [name for action in tree[words]._actions for name in action.option_strings if name.startswith("--")]


def _overview(parser: argparse.ArgumentParser) -> str:
    """The commands in their groups, a line each."""
    (action,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    told = {choice.dest: choice.help or "" for choice in action._choices_actions}
    lines = ["usage: curate COMMAND ...", "", parser.description or ""]
    for title, names in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<12}{told[name]}" for name in names if name in told)]
    lines += ["", "options:", "  --version   which version this is", "  --help      this", "", _FOOT.rstrip()]
    return "\n".join(lines) + "\n"


def leaves(
    parser: argparse.ArgumentParser, words: Sequence[str] = ()
) -> dict[tuple[str, ...], argparse.ArgumentParser]:
    """Every parser of the tree, by the words that lead to it; the top by none."""
    found: dict[tuple[str, ...], argparse.ArgumentParser] = {tuple(words): parser}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                found |= leaves(inner, (*words, name))
    return found
