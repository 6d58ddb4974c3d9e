"""Packs read from their files: YAML of `name`, `about`, `source`, `languages`, `lists`, `edits`, `metrics` and `rules`.

Every mistake is told with file, key and what would be right. Knows files; applies nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from curate.config.document import Document
from curate.config.refusals import KeyPath
from curate.errors import nearest
from curate.filters.edits import WordLists, read_edit
from curate.filters.errors import PackError
from curate.filters.language_table import LanguageTable, read_languages
from curate.filters.metrics import METRICS
from curate.filters.pack_files import find, read_pack
from curate.filters.packs import EDIT_METRICS, STOP_WORDS, WHITESPACE, Pack
from curate.filters.rules import Rule, override, read_rule
from curate.records.metadata import META
from curate.steps import resolve

_KEYS = ("name", "about", "source", "languages", "lists", "edits", "metrics", "rules")


def _mapping(document: Document, key: str) -> Mapping[str, object]:
    value = document.tree.get(key) or {}
    if not isinstance(value, Mapping):
        raise PackError(f"{document.where((key,))}: expected a mapping, found {value!r}")
    return value


def load(
    name_or_path: str,
    *,
    base: str | Path | None = None,
    overrides: Mapping[str, Mapping[str, float | None]] | None = None,
    lists: Mapping[str, str] | None = None,
    language: str | None = None,
) -> Pack:
    """A pack by name, or by path relative to `base`.

    `overrides` replaces bounds of rules ({'min_words': {'min': 30}}); `lists` gives the files of word lists that the
    pack names but does not carry, relative to `base` as well; `language` makes a pack of several languages that
    language's. Raises PackError naming file, key path and what would be right.

    >>> load("fineweb2", language="de").evaluate(["Der Text."]).column("failed").to_pylist()  # doctest: +SKIP
    [['min_words', 'stop_words']]
    """
    path = find(name_or_path, base)
    given = {name: str(Path(base or ".") / Path(file).expanduser()) for name, file in (lists or {}).items()}
    pack = _read(path, overrides or {}, given, described=False)
    return pack if language is None else pack.of_language(language)


def describe(name_or_path: str, *, base: str | Path | None = None) -> Pack:
    """A pack to be shown, not run: a word list that is not bundled is told by its name."""
    return _read(find(name_or_path, base), {}, {}, described=True)


def _read(
    path: Path, overrides: Mapping[str, Mapping[str, float | None]], lists: Mapping[str, str], described: bool
) -> Pack:
    document = read_pack(path, _KEYS)
    content = document.tree
    own = _mapping(document, "lists")
    for name in lists:
        if name not in own:
            raise PackError(f"{document.where(('lists',))}: the pack has no list {name!r}{nearest(name, own)}")
    carried = {name: str(path.parent / str(file)) for name, file in own.items() if file is not None}
    words = WordLists({**carried, **lists}, described)
    raw_edits = content.get("edits") or []
    if not isinstance(raw_edits, list):
        raise PackError(f"{document.where(('edits',))}: expected a list, found {raw_edits!r}")
    edits = tuple(read_edit(fields, words, document.where(("edits", place))) for place, fields in enumerate(raw_edits))
    names = [edit.name for edit in edits]
    reserved = (WHITESPACE, *EDIT_METRICS, *METRICS)
    for at, name in enumerate(names):
        if name in names[:at] or name in reserved:
            raise PackError(f"{document.where(('edits', at, 'as'))}: the name {name!r} is taken")
    rules = tuple(
        read_rule(name, fields, document.where(("rules", name))) for name, fields in _mapping(document, "rules").items()
    )
    recorded = content.get("metrics") or []
    if not isinstance(recorded, list):
        raise PackError(f"{document.where(('metrics',))}: expected a list of names, found {recorded!r}")
    counts = tuple(edit.name for edit in edits if not edit.changes_text)
    speaks, languages = _languages(document, path, rules, bool(edits))
    functions = _functions(recorded, (*reserved, *names), document)
    recorded = [str(each).rpartition(":")[2] for each in recorded]
    known = (*METRICS, *(name for name, _ in functions), *counts, *(EDIT_METRICS if edits else ()))
    known += (STOP_WORDS,) if languages else ()
    named: list[tuple[KeyPath, str]] = [(("metrics", place), str(name)) for place, name in enumerate(recorded)]
    named += [(("rules", rule.name, "metric"), name) for rule in rules for name in rule.expression.names()]
    for place, name in named:
        if name not in known and not name.startswith(META):
            raise PackError(f"{document.where(place)}: no metric {name!r}{nearest(name, known)}")
    return Pack(
        name=str(content["name"]),
        about=str(content.get("about", "")),
        source=str(content.get("source", "")),
        edits=edits,
        rules=override(rules, overrides, str(path)),
        recorded=tuple(recorded),
        functions=functions,
        speaks=speaks,
        languages=languages,
    )


def _languages(
    document: Document, path: Path, rules: Sequence[Rule], edits: bool
) -> tuple[tuple[str, ...], LanguageTable | None]:
    """(languages a pack was made for, its file of languages): a list names those, a path names this.

    Every number that the rules ask for must be on every line of the file.
    """
    named = document.tree.get("languages")
    if named is None or isinstance(named, list):
        for rule in rules:
            if rule.varying:
                where = document.where(("rules", rule.name, rule.varying[0].bound))
                raise PackError(f"{where}: a bound by language needs `languages`, the file of thresholds")
        return tuple(map(str, named or ())), None
    where = document.where(("languages",))
    if not isinstance(named, str):
        raise PackError(f"{where}: expected a list of codes, or the path of a file of languages, found {named!r}")
    if edits:
        raise PackError(f"{where}: a pack of several languages has no edits; put them into a pack of their own")
    table = read_languages(path.parent / named)
    for rule in rules:
        for each in rule.varying:
            for line in table.lines:
                if each.key not in line.numbers:
                    place = document.where(("rules", rule.name, each.bound))
                    raise PackError(
                        f"{place}: {line.language} has no number {each.key!r}{nearest(each.key, line.numbers)}"
                    )
    return (), table


def _functions(recorded: Sequence[object], taken: Sequence[str], document: Document) -> tuple[tuple[str, str], ...]:
    """The metrics that a pack names as `module:function`: each must be there, under a name that is free."""
    functions: dict[str, str] = {}
    for place, written in enumerate(map(str, recorded)):
        if ":" not in written:
            continue
        name = written.rpartition(":")[2]
        if name in taken or name in functions:
            raise PackError(f"{document.where(('metrics', place))}: the name {name!r} is taken")
        try:
            if not callable(resolve(written)):
                raise ImportError("it is no function")
        except (ImportError, AttributeError, SyntaxError) as error:
            raise PackError(f"{document.where(('metrics', place))}: {written!r} cannot be used: {error}") from error
        functions[name] = written
    return tuple(functions.items())
