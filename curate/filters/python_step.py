"""The `python` step: a function of the user's own as a step, in the ledger and every audit like ours.

The function takes an Arrow record batch of documents (`id` binary(16), `url` string, `text` large_string, and `meta.NAME`
of the columns that `read.metadata` carries) and returns a mapping: a column per name, one value a document, as an Arrow
array, a NumPy array or a list of numbers, strings or booleans. A column called `text` is an edit: the texts after the
step. Rules on the columns stand in the pipeline file.

    def readability(batch):
        words = pc.count_substring_regex(batch.column("text"), r"\\S+")
        return {"words": words}

    - python: {function: "mysteps:readability", rules: {enough: {metric: words, min: 20}}}

A document on which the function raises has null in every column, fails the rule `error`, and its neighbours go on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from curate.filters.errors import PackError
from curate.filters.rules import Rule, override, read_rule
from curate.records.documents import DOCUMENTS
from curate.records.metadata import META
from curate.settings import Model, Name
from curate.steps import Applied, Carried, Changes, Evaluation, SourceStep, resolve
from curate.text.view import TextView
from curate.verdicts.rules import AnyRule, FlagRule

Function = Callable[..., Mapping[str, Any]]

TEXT = "text"
FAILED = "raised"
"""The step's column that says on which documents the function raised."""
_ERROR_RULE = "error"
_TYPES = (pa.int64(), pa.float64(), pa.string(), pa.bool_())
"""The types of a column; integers and floating-point numbers of other widths become the wide ones."""
_SAMPLE = "A document on which the step is tried once, to learn the names and types of its columns."
_MOST_ERRORS = 20  # kinds of errors counted apart; their messages may quote documents, so only types are kept

_log = logging.getLogger(__name__)


class Python(Model):
    """A function of your own as a step."""

    function: str = Field(description="module:function; the pipeline file's folder is searched too")
    name: Name | None = Field(
        None, alias="as", description="the step's name; default: the function's", examples=["readable"]
    )
    args: dict[str, Any] = Field({}, description="keyword arguments for the function", examples=[{"least": 3}])
    rules: dict[str, Any] = Field({}, description="rules on its columns, as in a pack: metric, min, max, why")

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"function": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _readable(self) -> Python:
        module, colon, function = self.function.partition(":")
        if not (module and colon and function.isidentifier()):
            raise ValueError(f"write module:function, as in mysteps:readability (got {self.function!r})")
        read_rules(self)
        return self


def read_rules(setting: Python) -> tuple[Rule, ...]:
    """The rules of the step. Raises PackError, a ValueError, naming the key."""
    return tuple(read_rule(name, fields, f"rules.{name}") for name, fields in setting.rules.items())


def _title(setting: Python) -> str:
    return setting.name or setting.function.rpartition(":")[2]


def _raw_title(setting: Any) -> str:
    written = setting.get("as") or setting.get("function", "") if isinstance(setting, dict) else setting
    return str(written).rpartition(":")[2]


def load_function(reference: str) -> Function:
    """The function that `module:function` names. Raises PackError where there is none."""
    try:
        function = resolve(reference)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise PackError(
            f"python function {reference!r}: {error}; modules are looked for on Python's path, then beside the pipeline file"
        ) from error
    if not callable(function):
        raise PackError(f"python function {reference!r}: it is no function")
    made: Function = function
    return made


def _evaluation(name: str, setting: Python, carried: Carried = ()) -> Evaluation:
    function = load_function(setting.function)
    schema = pa.schema([*DOCUMENTS, *((column, pa.type_for_alias(kind)) for column, kind in carried)])
    values = {"id": [bytes(16)], "url": [None], TEXT: [_SAMPLE], **{column: [None] for column, _ in carried}}
    sample = pa.record_batch([pa.array(values[field.name], field.type) for field in schema], schema=schema)
    try:
        columns, text = _called(function, setting.args, sample, {})
    except Exception as error:
        raise PackError(
            f"python function {setting.function!r}: tried on one document, it raised {type(error).__name__}: {error}"
        ) from error
    for rule in read_rules(setting):
        for metric in rule.expression.names():
            if metric not in columns and not metric.startswith(META):
                known = ", ".join(columns) or "no column but the text"
                raise PackError(f"{name}: rules.{rule.name}.metric: no column {metric!r}; the function gives {known}")
    made = [(f"{name}.{column}", str(values.type)) for column, values in columns.items()]
    params = {"function": setting.function, "args": setting.args, "edits": text is not None}
    return Evaluation(
        "curate.filters.python_step:evaluator",
        params | {"types": {column: str(values.type) for column, values in columns.items()}},
        (*made, (f"{name}.{FAILED}", "bool")),
        foreign=(setting.function,),
    )


def _rules(name: str, setting: Python, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    own = override(read_rules(setting), changes, name)
    error = FlagRule(name, _ERROR_RULE, f"{name}.{FAILED}", "whether the function raised")
    return (*(rule.of_step(name) for rule in own), error)


STEP = SourceStep(
    "python",
    Python,
    example='python: {function: "mysteps:readability", rules: {enough: {metric: words, min: 20}}}',
    title=_title,
    raw_title=_raw_title,
    bare_key="function",
    evaluation=_evaluation,
    evaluation_with=_evaluation,
    rules=_rules,
    has_bounds=True,
    thresholds=frozenset({"rules"}),
    foreign=lambda setting: (setting.function,),
)


class _Evaluator:
    """A user's function, ready."""

    def __init__(self, name: str, params: Mapping[str, Any]) -> None:
        self.changes_text: bool = params["edits"]
        self.statistics: Counter[str] = Counter()
        self._name = name
        self._function = load_function(params["function"])
        self._args: Mapping[str, Any] = params["args"]
        self._types = {column: pa.type_for_alias(kind) for column, kind in params["types"].items()}

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See Evaluator.apply."""
        texts = view.texts.cast(pa.large_string())
        given = batch.select([name for name in batch.schema.names if name in DOCUMENTS.names or name.startswith(META)])
        given = given.set_column(given.schema.get_field_index(TEXT), DOCUMENTS.field(TEXT), texts)
        raised = np.zeros(len(given), bool)
        try:
            columns, text = _called(self._function, self._args, given, self._types)
        except Exception:
            columns, text = self._one_by_one(given, raised)
        named = {f"{self._name}.{column}": values for column, values in columns.items()}
        named[f"{self._name}.{FAILED}"] = pa.array(raised)
        if text is None or text.equals(given.column(TEXT)):
            return Applied(view, named)
        removed = pc.subtract(pc.utf8_length(given.column(TEXT)), pc.utf8_length(text)).to_numpy()
        return Applied(TextView(text), named, {"rewritten": removed.astype(np.int64)})

    def _one_by_one(
        self, batch: pa.RecordBatch, raised: np.ndarray[Any, Any]
    ) -> tuple[dict[str, pa.Array], pa.Array | None]:
        """Find the documents on which the function raises; they keep their text, and their columns are null."""
        rows: list[dict[str, pa.Array]] = []
        texts: list[pa.Array] = []
        for row in range(len(batch)):
            one = batch.slice(row, 1)
            try:
                columns, text = _called(self._function, self._args, one, self._types)
            except Exception as error:
                raised[row] = True
                kind = type(error).__name__
                if kind not in self.statistics and len(self.statistics) >= _MOST_ERRORS:
                    kind = "other errors"
                if not self.statistics[kind]:
                    _log.warning("step %s raised %s: %s", self._name, kind, error)
                self.statistics[kind] += 1
                columns, text = {name: pa.nulls(1, of) for name, of in self._types.items()}, None
            rows.append(columns)
            texts.append(one.column(TEXT) if text is None else text)
        joined = {name: pa.concat_arrays([row[name] for row in rows]) for name in self._types}
        return joined, pa.concat_arrays(texts) if self.changes_text else None


def _called(
    function: Function, args: Mapping[str, Any], batch: pa.RecordBatch, types: Mapping[str, pa.DataType]
) -> tuple[dict[str, pa.Array], pa.Array | None]:
    """(columns, text or None) of a batch. `types` are those it must have; empty: any that a ledger can hold.

    Raises ValueError where the columns are not those of the first try, or not of the batch's length.
    """
    result = function(batch, **args)
    if not isinstance(result, Mapping):
        raise ValueError(f"expected a mapping of columns, got {type(result).__name__}")
    columns = {str(name): _column(str(name), values, len(batch)) for name, values in result.items()}
    text = columns.pop(TEXT, None)
    if text is not None:
        if text.null_count or not (pa.types.is_string(text.type) or pa.types.is_large_string(text.type)):
            raise ValueError("the column text must hold a string for every document")
        text = text.cast(pa.large_string())
    if FAILED in columns:
        raise ValueError(f"a column may not be called {FAILED!r}: the step has one of that name")
    if types:
        if columns.keys() != types.keys():
            raise ValueError(f"columns {', '.join(columns)}, where the first document had {', '.join(types)}")
        columns = {name: columns[name].cast(types[name]) for name in types}
    return columns, text


def _column(name: str, values: Any, rows: int) -> pa.Array:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    array = array if isinstance(array, pa.Array) else pa.array(array)
    if len(array) != rows:
        raise ValueError(f"column {name!r}: {len(array)} values for {rows} documents")
    if name != TEXT:
        if pa.types.is_integer(array.type):
            array = array.cast(pa.int64())
        elif pa.types.is_floating(array.type):
            array = array.cast(pa.float64())
        elif pa.types.is_large_string(array.type):
            array = array.cast(pa.string())
        if array.type not in _TYPES:
            raise ValueError(f"column {name!r} is of type {array.type}; a ledger holds numbers, strings and booleans")
    return array


def evaluator(name: str, params: Mapping[str, Any]) -> _Evaluator:
    """The step made ready from `Evaluation.params`."""
    return _Evaluator(name, params)
