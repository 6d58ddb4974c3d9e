"""What can be known to be wrong before a run begins: extraction engines, the tokenizer, each source's first file.

The costly mistake is one that shows after a night. Knows which settings name code or files of other libraries; runs no
step.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa

from curate import ingest, tokens
from curate.audit.findings import finding_rules, scores_only
from curate.config.expectations import FINDINGS
from curate.config.mixture import Mixture
from curate.config.models import Pipeline, Source
from curate.config.reading import KeyPath, PipelineFile
from curate.config.step_params import evaluated_columns, evaluation_steps, table_columns, verdict_steps
from curate.config.steps import StepModel
from curate.errors import CurateError, missing_extra, nearest
from curate.extract import engines
from curate.extract.extractors import SAID
from curate.extract.step import Extract
from curate.filters.step import WITHOUT, Filter, by_document, pack_of, spoken_languages
from curate.ingest.crawl_index import check_index
from curate.language.step import Language
from curate.mixture.groups import NONE, NOT_IN_LEDGER
from curate.mixture.weights import weights_of
from curate.quality.buckets import BUCKETS
from curate.quality.step import Quality
from curate.quality.tasks.bucket import WHOLE_SOURCE
from curate.records.metadata import META, RAW, common_type, kind_of
from curate.records.pages import ORIGIN
from curate.records.quality import BUCKET
from curate.steps import Carried, combining_steps, source_steps
from curate.storage import SourceFile
from curate.tokens.tokenizer import surroundings
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.choice import FIRST
from curate.verdicts.rules import AllowedRule
from curate.verdicts.steps import VerdictStep

_FRACTIONS = frozenset({"language_score", "quality_score", "quality_draw", "jaccard"})
_MOST_LISTED = 8  # languages named in one sentence
_TENTHS = tuple(f"{tenth / 10:.1f}" for tenth in range(11))
"""Columns of numbers between 0 and 1, and their groups."""
_COMBINED = {"deduplicate": (("duplicate_kind", "string"), ("jaccard", "float"), ("cluster_size", "int32"))}
"""Columns of every ledger that a combining step fills, and that can part documents into groups."""


def check_engines(file: PipelineFile) -> None:
    """Load every extraction engine that the pipeline names. Raises ConfigError naming file, line, key and what is right."""
    for source_name, source in file.pipeline.sources.items():
        for index, (_, setting) in enumerate(source.named_steps()):
            if not isinstance(setting, Extract):
                continue
            step: KeyPath = ("sources", source_name, "steps", index, "extract")
            for number, engine in enumerate(setting.engines):
                try:
                    if engine != engines.OWN:
                        engines.load(engine)
                except (ImportError, AttributeError, ValueError) as error:
                    place = (*step, "also", number - 1) if number else (*step, "engine")
                    raise file.error(place, _engine_mistake(engine, error)) from None
            _check_choice(file, source, setting, (*step, "choose"))


def _check_choice(file: PipelineFile, source: Source, setting: Extract, place: KeyPath) -> None:
    """Whether texts can be chosen by what the file names."""
    if setting.choose in (FIRST, *setting.engines):
        return
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    kinds = {name: pa.type_for_alias(kind) for name, kind in evaluated_columns(source)}
    numbers = [name for name, kind in kinds.items() if any(is_number(kind) for is_number in numeric)]
    if setting.choose not in numbers:
        known = nearest(setting.choose, [FIRST, *setting.engines, *numbers])
        raise file.error(
            place, f"{setting.choose!r} is neither first, nor an engine, nor a number that a step computes{known}"
        )


def _engine_mistake(name: str, error: Exception) -> str:
    extra = missing_extra(error) if isinstance(error, ImportError) else None
    if extra is not None:
        return str(extra)
    module, dot, function = name.rpartition(".")
    if ":" in name:
        return f"the engine {name!r} cannot be loaded: {error}"
    if dot:
        return f"no extraction engine {name!r}; a function of your own is module:function, as in '{module}:{function}'"
    return f"no extraction engine {name!r}{nearest(name, engines.NAMES)}; a function of your own is module:function"


def check_tokenizer(file: PipelineFile) -> None:
    """Load every tokenizer, where there are any. Raises ConfigError naming file, line, key and what is right."""
    settings = file.pipeline.tokens
    if settings is None:
        return
    for number, each in enumerate(settings.tokenizers or (settings,)):
        try:
            tokenizer = tokens.load(each.tokenizer, each.end_of_text)
            surroundings(tokenizer, each.add_bos, each.prefix, each.suffix)
        except (ValueError, OSError) as error:
            place: KeyPath = ("tokens", "tokenizers", number) if settings.tokenizers else ("tokens", "tokenizer")
            raise file.error(place, str(error)) from None


def check_bounds(file: PipelineFile, step: StepModel) -> None:
    """Raise ConfigError, at the key, for changed bounds of a rule that a step does not have."""
    changes = file.pipeline.filters.get(step.name, {})
    if not changes:
        return
    try:
        rules = source_steps()[step.kind].rules(step.name, step.setting, {}, None)
    except (ValueError, ImportError, OSError):
        return  # the step itself is refused, at its own line
    names = {rule.name for rule in rules if isinstance(rule, BoundsRule)}
    for rule in changes:
        if rule not in names:
            raise file.error(("filters", step.name, rule), f"{step.name} has no rule {rule!r}{nearest(rule, names)}")


def check_scope(file: PipelineFile, carried: Mapping[str, Carried]) -> None:
    """Raise ConfigError where copies are to be looked for within groups of a column that no source has."""
    for index, step in enumerate(file.pipeline.combine):
        scope = getattr(step.setting, "scope", None)
        if not isinstance(scope, str) or scope in ("all", *ORIGIN.names):
            continue
        columns = {name: _mixture_columns(file.pipeline, name, carried.get(name, ())) for name in file.pipeline.sources}
        unseen = any(source.read.metadata == "all" for source in file.pipeline.sources.values())
        if not any(scope in each for each in columns.values()) and not (scope.startswith(META) and unseen):
            known = {"all", *ORIGIN.names, *(column for each in columns.values() for column in each)}
            place: KeyPath = ("combine", index, step.kind, "scope")
            raise file.error(place, f"no step makes a column {scope!r}{nearest(scope, known)}")


def check_buckets(file: PipelineFile, carried: Mapping[str, Carried]) -> None:
    """Raise ConfigError where quality buckets are to be within a column that the source does not have."""
    for name, source in file.pipeline.sources.items():
        for index, (step, setting) in enumerate(source.named_steps()):
            if not isinstance(setting, Quality) or setting.buckets in (None, WHOLE_SOURCE):
                continue
            columns = _mixture_columns(file.pipeline, name, carried.get(name, ()))
            unseen = setting.buckets.startswith(META) and source.read.metadata == "all"
            if setting.buckets not in columns and not unseen:
                known = nearest(setting.buckets, [WHOLE_SOURCE, *columns])
                place: KeyPath = ("sources", name, "steps", index, step, "buckets")
                raise file.error(place, f"no step of {name!r} makes a column {setting.buckets!r}{known}")


def check_mixture(file: PipelineFile, carried: Mapping[str, Carried]) -> None:
    """Whether every source that is output has the column that the mixture's groups are made of, and can have the groups that
    it names. `carried`: by source, the columns that its rows carry, as far as they are known.

    Raises ConfigError naming file, line, key and what is right.
    """
    pipeline, mixture = file.pipeline, file.pipeline.mixture
    if mixture is None:
        return
    _check_weights(file, mixture)
    if set(mixture.columns) <= {*NOT_IN_LEDGER}:
        return
    _check_columns(file, carried)
    if len(mixture.columns) > 1:
        return
    possible: set[str] = {NONE}
    for name, columns in _columns_of_outputs(file, carried).items():
        unseen = mixture.by.startswith(META) and pipeline.sources[name].read.metadata == "all"
        if mixture.by not in columns and unseen:
            return  # a column of later rows may be it
        if mixture.by in columns:
            named = {group for _, group in mixture.named_groups()}
            possible |= _possible_groups(pipeline, name, mixture.by, columns[mixture.by]) or named
    for place, group in mixture.named_groups():
        if group not in possible:
            message = f"no document that is kept is of the group {group!r} of {mixture.by}{nearest(group, possible)}"
            raise file.error(("mixture", *place), message)


def _check_weights(file: PipelineFile, mixture: Mixture) -> None:
    """Read every file of weights. Raises ConfigError at its key where it cannot be used."""
    for place, each in mixture.weighings():
        if isinstance(each.weights, str):
            try:
                weights_of(each, mixture.columns)
            except (CurateError, OSError) as error:
                raise file.error(("mixture", *place, "weights"), str(error)) from None


def _check_columns(file: PipelineFile, carried: Mapping[str, Carried]) -> None:
    """Whether there are the columns that a mixture's groups are made of. What rows carry along may be missing from some
    sources: their documents have no value in it. Raises ConfigError as `check_mixture`."""
    pipeline = file.pipeline
    wanted = [each for each in (pipeline.mixture.columns if pipeline.mixture else ()) if each not in NOT_IN_LEDGER]
    of_outputs = _columns_of_outputs(file, carried)
    unseen = any(pipeline.sources[name].read.metadata == "all" for name in of_outputs)
    for each in wanted:
        somewhere = unseen or any(each in columns for columns in of_outputs.values())
        for name, columns in of_outputs.items():
            if each not in columns and not (each.startswith(META) and somewhere):
                known = nearest(each, [*NOT_IN_LEDGER, *columns])
                raise file.error(("mixture", "by"), f"no step of {name!r} makes a column {each!r}{known}")


def _columns_of_outputs(file: PipelineFile, carried: Mapping[str, Carried]) -> dict[str, dict[str, str]]:
    """By source that is output, its `_mixture_columns`."""
    outputs = [name for name, source in file.pipeline.sources.items() if source.role == "training"]
    return {name: _mixture_columns(file.pipeline, name, carried.get(name, ())) for name in outputs}


def _mixture_columns(pipeline: Pipeline, name: str, carried: Carried) -> dict[str, str]:
    """The ledger columns that there are of a source when its tokens are counted, with the names of their Arrow types."""
    source = pipeline.sources[name]
    columns: dict[str, str] = dict(carried)
    for params in evaluation_steps(source, carried):
        for column, arrow in (*params["columns"], *params["fixed"]):
            columns[column] = arrow
    extract = source.setting(Extract)
    if extract is not None and extract.metadata:
        columns |= {field.name: str(field.type) for field in SAID}
    for step in source.steps:
        columns |= dict(source_steps()[step.kind].later_columns(step.setting))
    for kind in combining_steps().values():
        if pipeline.combines(kind.name):
            columns |= dict((*kind.columns, *_COMBINED.get(kind.name, ())))
    return columns | {"tokens": "int64"}


def _possible_groups(pipeline: Pipeline, name: str, by: str, kind: str) -> set[str] | None:
    """The groups that kept documents of a source can be of; None where they are not known before."""
    if pa.types.is_floating(pa.type_for_alias(kind)):
        return set(_TENTHS) if by in _FRACTIONS else None
    if by == BUCKET:
        return {str(number) for number in range(BUCKETS)}
    rules = [rule for step in verdict_steps(pipeline, name) for rule in step.rules]
    allowed = [set(rule.values) for rule in rules if isinstance(rule, AllowedRule) and rule.column == by]
    return allowed[0] if allowed else None


def check_findings(file: PipelineFile) -> None:
    """Raise ConfigError for an expectation of a finding that no rule makes, with the nearest name."""
    for key in file.pipeline.expect:
        of, point, name = key.partition(".")
        known = [each for each, rule in finding_rules().items() if rule.scope not in ("expectations", "stages")]
        if of == FINDINGS and of not in file.pipeline.sources and point and name not in known:
            raise file.error(("expect", key), f"no finding {name!r}{nearest(name, known)}")


def doubts(pipeline: Pipeline) -> list[str]:
    """Sentences on what may be meant otherwise, known before a run."""
    settings = {name: source.setting(Quality) for name, source in pipeline.sources.items()}
    scored = [scores_only(name) for name, setting in settings.items() if setting is not None and not setting.decides]
    return scored + [each for name, source in pipeline.sources.items() for each in unspoken(name, source)]


def unspoken(name: str, source: Source) -> list[str]:
    """Sentences on rules that are made for some languages, at a source that keeps others."""
    language = source.setting(Language)
    kept = None if language is None or language.keep == "all" else language.keep
    told = []
    for step, setting in source.named_steps():
        if not isinstance(setting, Filter):
            continue
        for about, spoken in spoken_languages(setting):
            others = [code for code in kept or () if code not in spoken]
            if kept is not None and not others:
                continue
            told.append(
                f"{name}: {step}{about} is made for {listed(spoken)}, and the source keeps "
                + (", ".join(others) if kept is not None else "every language")
                + _what_to_do(setting, others if kept is not None else None)
            )
    return told


def _what_to_do(setting: Filter, others: Sequence[str] | None) -> str:
    """What becomes of documents in languages that a filter is not made for (None: any), and what would have them judged."""
    pack = pack_of(setting)
    if not by_document(pack):
        return "; `filter: fineweb2` judges each document by its own language"
    assert pack.languages is not None
    told = f"; documents in others fail `{WITHOUT}`"
    if others is None:
        return f"{told}, but for those that `languages` names"
    known = [code for code in others if pack.languages.meant_by(code)]
    return told + (f"; `languages` has to name {', '.join(known)} for thresholds of theirs" if known else "")


def listed(codes: Sequence[str]) -> str:
    """Codes as a sentence has them: the first few, and how many more."""
    more = len(codes) - _MOST_LISTED
    return ", ".join(codes[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def check_inputs(file: PipelineFile, inputs: Mapping[str, Sequence[SourceFile]]) -> None:
    """Look at the beginning of each source's first file. Raises ConfigError where it is not what the pipeline takes it for.

    A format that cannot be read, or a column that is not there, would otherwise show when all files are read.
    """
    for name, source in file.pipeline.sources.items():
        read = source.read
        if read.indexed:
            _check_index(file, name, inputs[name])
            continue
        columns = ingest.Columns(**table_columns(source))
        wrong = ingest.check_source(inputs[name], read.format, columns)
        if wrong is not None:
            raise file.error(("sources", name, "read"), wrong)


def _check_index(file: PipelineFile, name: str, found: Sequence[SourceFile]) -> None:
    """Whether an index is one, and can be asked the source's condition. Raises ConfigError as `check_inputs`."""
    read = file.pipeline.sources[name].read
    first = next((each for each in found if each.size), None)
    if first is None:
        raise file.error(("sources", name, "read"), "every file of the index is empty")
    of_index, of_condition = check_index(first, read.where)
    if of_index is not None:
        raise file.error(("sources", name, "read", "crawl" if read.crawl else "index"), of_index)
    if of_condition is not None:
        raise file.error(("sources", name, "read", "where"), of_condition)


def first_carried(name: str, source: Source, files: Sequence[SourceFile]) -> Carried:
    """The columns that a source's rows carry, by the first rows of its first file: a run knows them when all were read."""
    if not source.read.metadata or source.read.indexed:
        return ()
    kinds: dict[str, Counter[str]] = {}
    columns = ingest.Columns(**table_columns(source))
    first = next((file for file in files if file.size), None)
    batches = ingest.read(first, name, source.read.format, columns, Counter()) if first is not None else iter(())
    for batch in itertools.islice(batches, 1):
        for text in batch.column(RAW).drop_null().to_pylist():
            for column, value in json.loads(text).items():
                kinds.setdefault(column, Counter())[kind_of(value) or ""] += 1
    listed = sorted(kinds) if source.read.metadata == "all" else source.read.metadata
    return tuple((f"{META}{column}", common_type(kinds.get(column, {}))) for column in listed)


def check_carried(source: Source, step: VerdictStep) -> None:
    """Raise ValueError where a rule looks at a column of the input that `read.metadata` does not carry."""
    listed = source.read.metadata
    extract = source.setting(Extract)
    said = SAID.names if extract is not None and extract.metadata else []
    for column in step.columns():
        if column in said:
            continue
        if column.startswith(META) and listed != "all" and column.removeprefix(META) not in listed:
            raise ValueError(
                f"a rule looks at {column}: write `metadata: [{column.removeprefix(META)}]` under the source's `read`"
            )
