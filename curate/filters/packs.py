"""Packs: published filters as data. Applies their edits, computes their metrics, decides by their rules.

Knows columns of text; knows nothing of files, sources, steps or ledgers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.filters.edits import Edit
from curate.filters.errors import PackError
from curate.filters.language_table import LanguageTable, LanguageValues
from curate.filters.metrics import METRICS, metric_type
from curate.filters.rules import Rule
from curate.filters.words import splitter
from curate.records.metadata import META
from curate.steps import resolve
from curate.text.columns import as_column, text_column
from curate.text.hashing import distinct_listed, word_codes
from curate.text.line_edits import edit_lines
from curate.text.line_program import COUNT, LineProgram, line_program
from curate.text.view import TextView

WHITESPACE = "whitespace"
"""The edit kind of characters removed by stripping lines and joining the survivors."""
EDIT_METRICS = ("lines_before", "lines_dropped", "words_before", "words_dropped")
"""Metrics of a pack's own edits: lines (`str.splitlines`) and words (`str.split`) before them, and those in the lines
they dropped; int64."""


STOP_WORDS = "stop_words_of_language"
"""Metric of a pack of several languages: how many different stop words of the document's language occur, as they stand;
int64."""


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
    speaks: tuple[str, ...] = ()
    """The languages that the pack's edits and rules were made for; empty: any, or what its rules say."""
    languages: LanguageTable | None = None
    """Of a pack of several languages: its file of thresholds and stop words."""
    line: LanguageValues | None = None
    """The language's line, once the pack is one language's: words are then split as that language's are."""

    def of_language(self, language: str) -> "Pack":
        """The pack as it is for one language, `iso3_Script` or a code. Raises PackError where it has no such language."""
        if self.languages is None:
            raise PackError(f"the pack {self.name} has no languages to choose from")
        line = self.languages.largest(language)
        return replace(self, rules=tuple(rule.of_language(line) for rule in self.rules), line=line)

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
        measured = view if self.line is None else splitter(self.line.language).view(view)
        if STOP_WORDS in self.metric_names:
            listed = self.line.stop_words if self.line else ()
            words = measured.scan.words
            found = found | {STOP_WORDS: distinct_listed(words.codes, words.offsets, word_codes(listed))}
        metrics = {}
        for name in self.metric_names:
            if name in found:
                metrics[name] = pa.array(found[name])
            elif name in functions:
                metrics[name] = _measured(functions[name], view)
            else:
                metrics[name] = pa.array(METRICS[name](measured))
        return Applied(view, metrics, removed)

    def verdicts(self, metrics: Mapping[str, pa.Array | NDArray[np.generic]]) -> dict[str, NDArray[np.bool_]]:
        """Per rule, which rows fail it, from the metric columns alone. Raises KeyError where one is missing."""
        if self.languages is not None and self.line is None:
            raise PackError(f"the pack {self.name} is of several languages: load it with one, as in language='de'")
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
    words = [(line.language, line.stop_words) for line in (pack.languages.lines if pack.languages else ())]
    decisive = repr((pack.edits, tuple(pack.metric_names), tuple(pack.functions), *words))
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
