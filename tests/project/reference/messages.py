"""docs/messages.md: what is refused and why records do not go on, with cures, from what the code says itself."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from curate.audit.findings import finding_rules
from curate.audit.source_facts import CAUSES, CAUSES_AT_EXTRACTION
from curate.cli.main import main
from curate.config.bundled import sample_folder
from curate.errors import FAILED, MISSED, STOPPED, WRONG_USE
from curate.extract.limits import Limits
from tests.project.reference.markdown import code, described, page, prose, table
from tests.support.mistakes import FILE, SET, WRITTEN
from tests.support.running import ROOT

PACKAGE = ROOT / "curate"
READING = {
    each.value: each.about for each in described(PACKAGE / "ingest" / "reasons.py") if isinstance(each.value, str)
}
EXTRACTING = {
    each.value: each.about for each in described(PACKAGE / "extract" / "limits.py") if isinstance(each.value, str)
}
_REFUSED = re.compile(r"^error (?:\S*pipeline\.yaml:\d+: )?(.*)$")
_ANY = "..."
"""What stands for a piece of a message that differs."""


def messages_page() -> str:
    """docs/messages.md."""
    about = (
        "An error says where (`FILE:LINE: KEY:`), what was wrong, and what would be right. "
        f"Exit status: {FAILED} failed; {WRONG_USE} wrong use, or a wrong file or setting; {MISSED} done, but nothing was kept, most "
        f"was lost to one error, or an expectation was missed; {STOPPED} stopped. An exception with a traceback is a fault of the "
        "program: please report it."
    )
    return page(
        "Messages and cures",
        about,
        [*_mistakes(), *_records(), *_findings(), "## Errors of every kind", "", _OF_ALL, "", *_errors()],
    )


_OF_ALL = (
    "By kind, which is its class for those who call from Python: all are `curate.errors.CurateError`. "
    "Words in braces differ from case to case, and so does what stands as `...`."
)


def _mistakes() -> Iterator[str]:
    """Mistakes in a file and with `--set`, and what `curate check` says of each."""
    yield "## Mistakes in a pipeline file\n\nWhat `curate check` says of each, after the file's name and line:\n"
    rows = [(_one_line(wrong.removeprefix(f"{right}\n")), _one_line(right), said) for right, wrong, said in _of_file()]
    yield table(("written", "in place of, or after", "answer"), [(code(a), code(b), said) for a, b, said in rows])
    yield "## Mistakes with `--set`\n"
    yield table(("`--set`", "answer"), [(code(change), said) for change, said in _of_changes()])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _of_file() -> Iterator[tuple[str, str, str]]:
    for right, wrong, _, expected in WRITTEN:
        yield right, wrong, _answer(FILE.replace(right, wrong, 1), (), expected)


def _of_changes() -> Iterator[tuple[str, str]]:
    for change, expected in SET:
        yield (
            change,
            _answer(FILE, ("--set", change), expected).removeprefix(f"--set {change}: ").removeprefix("--set "),
        )


def _answer(text: str, arguments: tuple[str, ...], expected: str) -> str:
    """The line of what `check` answers to a file that is no good, without the places of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        places = {"WEB": sample_folder() / "web", "REF": sample_folder() / "reference"}
        for name, place in places.items():
            text = text.replace(name, str(place))
        file.write_text(text)
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            assert main(["check", str(file), *arguments]) == WRONG_USE
        (line, *_) = [each for each in said.getvalue().splitlines() if expected in each]
    line = line.replace(f"{folder}/pipeline.yaml", "pipeline.yaml").replace(folder, "FOLDER")
    for name, place in places.items():
        line = line.replace(str(place), name.lower())
    found = re.match(_REFUSED, line)
    assert found is not None, line
    return found[1]


def _records() -> Iterator[str]:
    """Reasons for which a record does not go on."""
    yield (
        "## Records that do not go on\n\nNo bad record ends a run. It has a row in the [ledger](ledger.md) with the rule that it "
        "failed, `read/REASON` or `extract/REASON`; `curate sample RUN --failed read/bad-json` shows some. A source that loses more "
        "than `read.max_lost_share` of its records to one damage ends with status 3 and the likely cause.\n"
    )
    causes = {name: _filled(told) for name, told in CAUSES.items()}
    rows = [(code(f"read/{name}"), about, causes.get(str(name), "")) for name, about in READING.items()]
    later = {name: _filled(told) for name, told in CAUSES_AT_EXTRACTION.items()}
    rows += [(code(f"extract/{name}"), about, later.get(str(name), "")) for name, about in EXTRACTING.items()]
    yield table(("rule", "what it means", "where many are lost to it"), rows)
    yield "A page may cost so much, in `extract`:\n"
    limits = [(code(f"Limits.{field.name}"), f"{field.default:,}") for field in dataclasses.fields(Limits)]
    yield table(("limit", "value"), limits)


def _filled(cause: str) -> str:
    return cause.format(format="FORMAT", text="COLUMN", rule="RULE")


def _findings() -> Iterator[str]:
    """What a finished run has to say of itself."""
    yield (
        "## Findings\n\nA finished run says what is likely wrong, the worst first, on the terminal, in the report and in `findings.json`. "
        "`stop`: the product is likely not what was wanted; `look`: somebody should decide; `note`: worth knowing. A pipeline's "
        "`expect: {findings: 0}` makes a run with any but notes end with status 3.\n"
    )
    rows = [
        (
            code(name),
            rule.level + (", status 3" if rule.missed else ""),
            _plain(rule.says),
            code(rule.cure and _plain(rule.cure)),
        )
        for name, rule in finding_rules().items()
    ]
    yield table(("finding", "level", "says", "what mends it or shows more"), rows)


def _plain(template: str) -> str:
    """A template without the forms of its numbers."""
    return re.sub(r"\{(\w+)[!:][^}]*\}", r"{\1}", template)


class Message(NamedTuple):
    """A kind of error that a user is told, its sentence, and the file of the package that raises it."""

    kind: str
    sentence: str
    where: str


@functools.cache
def kinds() -> dict[str, tuple[str, int]]:
    """By class of error, what it is for and its exit status."""
    parents: dict[str, list[str]] = {}
    told: dict[str, str] = {}
    own: dict[str, int] = {}
    statuses = {"FAILED": FAILED, "WRONG_USE": WRONG_USE, "MISSED": MISSED}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                parents[node.name] = [ast.unparse(base) for base in node.bases]
                told[node.name] = prose(ast.get_docstring(node))
                for line in node.body:
                    if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "status":
                        written = ast.unparse(line.value)
                        own[node.name] = statuses.get(written) or int(written)

    def line_of(name: str) -> list[str]:
        return [name, *(above for parent in parents.get(name, ()) for above in line_of(parent))]

    lines = {name: line_of(name) for name in parents}
    return {
        name: (told[name], next(own[each] for each in line if each in own))
        for name, line in lines.items()
        if "CurateError" in line
    }


def messages() -> Iterator[Message]:
    """Every sentence that the package raises for people: errors of its own kinds, and those of checks of settings."""
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text())
        models = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and "Model" in map(ast.unparse, node.bases)
        ]
        checks = {id(inner) for model in models for inner in ast.walk(model)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args):
                continue
            name = ast.unparse(node.exc.func).rpartition(".")[2]
            kind = "ConfigError" if name == "ValueError" and id(node) in checks else name
            sentence = " ".join(_sentence(node.exc.args[0]).split())
            if kind in kinds() and len(re.findall(r"[a-z]{3,}", re.sub(r"\{\w*\}", "", sentence))) > 2:
                yield Message(kind, sentence, where)


def _sentence(node: ast.expr) -> str:
    """A message as written, with the names of what differs in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_sentence, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not isinstance(node.right, ast.Constant):
        return _sentence(node.left) + _sentence(node.right)
    if isinstance(node, ast.FormattedValue):
        return _sentence(node.value)
    if isinstance(node, ast.Name):
        return f"{{{node.id}}}"
    if isinstance(node, ast.Attribute):
        return f"{{{node.attr}}}"
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "nearest":
        return "; did you mean ...?"
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "counted":
        return f"... {ast.literal_eval(node.args[1])}s" if isinstance(node.args[1], ast.Constant) else _ANY
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "where":
        return "FILE:LINE: KEY"
    return _ANY


def _errors() -> Iterator[str]:
    """Every error, by kind."""
    by_kind: dict[str, set[str]] = {}
    for each in messages():
        by_kind.setdefault(each.kind, set()).add(each.sentence)
    for kind, sentences in sorted(by_kind.items()):
        about, status = kinds()[kind]
        yield f"### {kind}\n\n{about} Status {status}.\n"
        yield "".join(f"- {sentence}\n" for sentence in sorted(sentences))
