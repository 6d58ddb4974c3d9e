"""Packs: published filters as data. Loads them, applies their edits, computes their metrics, decides by their rules.

A pack is a YAML file of `name`, `about`, `source`, `lists`, `edits`, `metrics` and `rules`. Knows files and columns of
text; knows nothing of sources, steps or ledgers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.config.document import Document
from curate.config.refusals import KeyPath
from curate.errors import nearest
from curate.filters.edits import Edit, WordLists, read_edit
from curate.filters.errors import PackError
from curate.filters.metrics import METRICS, metric_type
from curate.filters.pack_files import find, read_pack
from curate.filters.rules import Rule, override, read_rule
from curate.records.metadata import META
from curate.steps import resolve
from curate.text.columns import as_column, text_column
from curate.text.line_edits import edit_lines
from curate.text.line_program import COUNT, LineProgram, line_program
from curate.text.view import TextView

_KEYS = ("name", "about", "source", "lists", "edits", "metrics", "rules")
WHITESPACE = "whitespace"
"""The edit kind of characters removed by stripping lines and joining the survivors."""
EDIT_METRICS = ("lines_before", "lines_dropped", "words_before", "words_dropped")
"""Metrics of a pack's own edits: lines (`str.splitlines`) and words (`str.split`) before them, and those in the lines
they dropped; int64."""


@dataclass(frozen=True)
class Applied:
    """What a pack found: a column per metric, per kind of edit the characters removed from each document (int64), and
    the view of the texts after its edits, which the next pack can take up."""

    view: TextView
    metrics: dict[str, pa.Array]
    edits: dict[str, NDArray[np.int64]]

    @property
    def texts(self) -> pa.Array:
        """The texts after the edits: the same object where they changed none."""
        return self.view.texts


@lru_cache(maxsize=64)
def _program(edits: tuple[Edit, ...]) -> LineProgram:
    return line_program([edit.step for edit in edits])


@dataclass(frozen=True)
class Pack:
    """A filter as data: ordered edits, then rules over metrics of the edited text; `recorded` are metrics that no rule
    needs."""

    name: str
    about: str
    source: str
    edits: tuple[Edit, ...]
    rules: tuple[Rule, ...]
    recorded: tuple[str, ...] = ()
    functions: tuple[tuple[str, str], ...] = ()
    """Metrics from outside the project: (name, `module:function`)."""

    @property
    def foreign(self) -> tuple[str, ...]:
        """`module:function` of the metrics from outside the project."""
        return tuple(reference for _, reference in self.functions)

    @property
    def changes_text(self) -> bool:
        """Whether any edit can change a text; a pack of rules and counts never does."""
        return any(edit.changes_text for edit in self.edits)

    @property
    def counts(self) -> tuple[str, ...]:
        """Names of the edits that count lines; each is a metric, int64."""
        return tuple(edit.name for edit in self.edits if edit.step.action == COUNT)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that `apply` computes, each once: the counts, those the rules name, those only recorded. `meta.NAME`
        comes from the input and is none."""
        judged = (name for rule in self.rules for name in rule.expression.names() if not name.startswith(META))
        return tuple(dict.fromkeys((*self.counts, *judged, *self.recorded)))

    def metric_types(self) -> dict[str, pa.DataType]:
        """The type of each metric's column, without a kernel run or compiled: int64 or float64.

        A metric from outside is asked with one text, for its signature need not say.
        """
        functions = dict(self.functions)
        types = {}
        for name in self.metric_names:
            if name in METRICS:
                types[name] = metric_type(name)
            elif name in functions:
                types[name] = _measured(functions[name], TextView(pa.array(["One text."]))).type
            else:
                types[name] = pa.int64()  # counts of edits and EDIT_METRICS
        return types

    def apply(self, texts: pa.Array | TextView) -> Applied:
        """Edit and measure a column of string or large_string without nulls, or its view; decides nothing.

        Raises ValueError on nulls or another type.
        """
        view, found, removed = _edit(self, texts if isinstance(texts, TextView) else TextView(texts))
        functions = dict(self.functions)
        metrics = {}
        for name in self.metric_names:
            if name in found:
                metrics[name] = pa.array(found[name])
            elif name in functions:
                metrics[name] = _measured(functions[name], view)
            else:
                metrics[name] = pa.array(METRICS[name](view))
        return Applied(view, metrics, removed)

    def verdicts(self, metrics: Mapping[str, pa.Array | NDArray[np.generic]]) -> dict[str, NDArray[np.bool_]]:
        """Per rule, which rows fail it, from the metric columns alone. Raises KeyError where one is missing."""
        columns = {
            name: np.asarray(metrics[name], np.float64) for rule in self.rules for name in rule.expression.names()
        }
        return {rule.name: rule.fails(columns) for rule in self.rules}

    def evaluate(self, texts: Sequence[str] | pa.Array) -> pa.RecordBatch:
        """A row per text: its metrics, `failed` (list<string>, names of the rules it fails), `text` after the edits.

        Lone surrogates in Python strings become U+FFFD.
        """
        applied = self.apply(as_column(texts))
        verdicts = self.verdicts(applied.metrics)
        failed = [[rule for rule in verdicts if verdicts[rule][row]] for row in range(len(applied.texts))]
        return pa.record_batch(
            {**applied.metrics, "failed": pa.array(failed, pa.list_(pa.string())), "text": applied.texts}
        )


def pack_content(pack: Pack) -> str:
    """What names a pack's part in a run: equal names, equal columns. A changed bound leaves it, a changed edit, metric or
    word list does not."""
    decisive = repr((pack.edits, tuple(pack.metric_names), tuple(pack.functions)))
    return hashlib.sha256(decisive.encode()).hexdigest()[:16]


def _measured(reference: str, view: TextView) -> pa.Array:
    """A metric from outside: `function(texts) -> numbers`, a large_string column in, a number a text out.

    Raises PackError where the answer is not that.
    """
    values = resolve(reference)(view.texts.cast(pa.large_string()))
    array = values if isinstance(values, pa.Array) else pa.array(np.asarray(values))
    if len(array) != len(view.texts) or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        raise PackError(
            f"metric {reference!r}: {len(array)} values of type {array.type} for {len(view.texts)} texts; "
            "a metric gives a number for each"
        )
    return array.cast(pa.int64() if pa.types.is_integer(array.type) else pa.float64())


def _edit(pack: Pack, view: TextView) -> tuple[TextView, dict[str, NDArray[np.int64]], dict[str, NDArray[np.int64]]]:
    """(view of the edited texts, metrics of the edits, characters removed by kind)."""
    if not pack.edits:
        return view, {}, {}
    edited = edit_lines(view.data, view.offsets, _program(pack.edits))
    metrics = {
        "lines_before": edited.lines,
        "lines_dropped": edited.lines_dropped,
        "words_before": edited.words,
        "words_dropped": edited.words_dropped,
    }
    removed: dict[str, NDArray[np.int64]] = {}
    for place, edit in enumerate(pack.edits):
        if edit.changes_text:
            removed[edit.name] = edited.removed[:, place]
        else:
            metrics[edit.name] = edited.counts[:, place]
    if not pack.changes_text:
        return view, metrics, {}
    named = np.sum([*removed.values()], axis=0, dtype=np.int64)
    removed[WHITESPACE] = edited.characters - edited.characters_left - named
    first, last = view.offsets[0], view.offsets[-1]
    if np.array_equal(edited.data, view.data[first:last]) and np.array_equal(edited.offsets, view.offsets - first):
        return view, metrics, removed
    return TextView(text_column(edited.data, edited.offsets, view.texts.type)), metrics, removed


def apply_all(packs: Sequence[Pack], texts: pa.Array) -> list[Applied]:
    """Apply packs in sequence: each sees the text that the one before left. Unchanged text is tokenised once."""
    view = TextView(texts)
    results = []
    for pack in packs:
        results.append(pack.apply(view))
        view = results[-1].view
    return results


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
) -> Pack:
    """A pack by name, or by path relative to `base`.

    `overrides` replaces bounds of rules ({'min_words': {'min': 30}}); `lists` gives the files of word lists that the
    pack names but does not carry, relative to `base` as well. Raises PackError naming file, key path and what would be
    right.
    """
    path = find(name_or_path, base)
    given = {name: str(Path(base or ".") / Path(file).expanduser()) for name, file in (lists or {}).items()}
    return _read(path, overrides or {}, given, described=False)


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
    functions = _functions(recorded, (*reserved, *names), document)
    recorded = [str(each).rpartition(":")[2] for each in recorded]
    known = (*METRICS, *(name for name, _ in functions), *counts, *(EDIT_METRICS if edits else ()))
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
    )


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
