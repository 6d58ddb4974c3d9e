"""What pydantic refuses, in the words of whoever wrote the file: where it is, what it is, and what would be right.

Knows models, their keys and examples; knows no file and no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from curate.errors import nearest

KeyPath = tuple[str | int, ...]
Refusal = tuple[KeyPath, str]

_QUOTED = re.compile(r"'([^']*)'")
_CALLED = {
    **dict.fromkeys(("file", "files", "path", "glob", "input", "inputs", "data", "data_files", "urls"), "paths"),
    **dict.fromkeys(("content", "column", "field", "text_column", "text_key", "text_field", "body"), "text"),
    **dict.fromkeys(("url_column", "uri", "link"), "url"),
    **dict.fromkeys(("id_column", "id_key", "doc_id"), "id"),
    **dict.fromkeys(("columns", "extra", "carry"), "metadata"),
    **dict.fromkeys(("max_records", "n", "first_n", "head"), "limit"),
    **dict.fromkeys(("languages", "langs", "lang", "allow"), "keep"),
    **dict.fromkeys(("min_score", "min_confidence", "confidence", "score"), "minimum"),
    **dict.fromkeys(("jaccard", "similarity"), "threshold"),
    **dict.fromkeys(("num_perm", "num_hashes", "hashes"), "permutations"),
    **dict.fromkeys(("shingle", "ngrams", "n_gram", "ngram_size"), "ngram"),
    **dict.fromkeys(("num_bands", "buckets", "num_buckets", "b"), "bands"),
    **dict.fromkeys(("num_rows", "hashes_per_bucket", "r"), "rows"),
    **dict.fromkeys(("near", "fuzzy"), "minhash"),
    **dict.fromkeys(("entities", "kinds"), "types"),
    **dict.fromkeys(("share", "ratio", "proportion", "probability"), "weight"),
    **dict.fromkeys(("groups", "weights", "datasets"), "sources"),
    **dict.fromkeys(("val", "validation_split", "valid"), "validation"),
    **dict.fromkeys(("shard_size", "max_tokens"), "tokens_per_shard"),
    **dict.fromkeys(("thresholds", "rules", "bounds"), "filters"),
    **dict.fromkeys(("steps", "dedup"), "combine"),
    **dict.fromkeys(("mix",), "mixture"),
    **dict.fromkeys(("extractor", "parser"), "engine"),
}
"""What keys are called elsewhere, and their names here; proposed only where the name is a key of the place."""
_LISTS_OF_STEPS = ("steps", "combine")


def refusals(tree: Any, model: type[BaseModel], details: Sequence[ErrorDetails]) -> list[Refusal]:
    """(key path, sentence) for each place that has mistakes; what alternatives of one value say is put together."""
    told: dict[KeyPath, list[str]] = {}
    for detail in details:
        place, message = _explain(tree, model, detail)
        messages = told.setdefault(place, [])
        if message not in messages:
            messages.append(message)
    return [(place, ", or ".join(messages)) for place, messages in told.items()]


def _explain(tree: Any, model: type[BaseModel], detail: ErrorDetails) -> Refusal:
    kind, given, location = detail["type"], detail.get("input"), detail["loc"]
    place = _in_file(tree, location, keep_last=kind in ("missing", "extra_forbidden"))
    known = known_keys(model, location[:-1] if kind == "extra_forbidden" else location)
    words = re.findall(_QUOTED, str(detail.get("ctx", {}).get("expected", "")))
    if kind == "of_key":  # see curate.settings.mistake
        return (*place, str(detail["ctx"]["key"])), str(detail["ctx"]["says"])
    if kind == "extra_forbidden":
        return place, f"unknown key{_nearest_key(str(location[-1]), known)}{_belongs(str(location[-1]), known, model)}"
    if kind == "union_tag_invalid":
        return _unknown_step(place, detail)
    if kind == "union_tag_not_found":
        names = f"; known: {', '.join(known)}" if known else ""
        return place, f"a step is one key with its settings, as in '- filter: c4'{names}"
    if kind == "missing":
        return place, f"missing{_as_in(model, location)}"
    if kind in ("tuple_type", "list_type"):
        if location and location[-1] in _LISTS_OF_STEPS and isinstance(given, Mapping):
            first = next(iter(given), "extract")
            return place, f"steps are a list: begin each with '- ', as in '- {first}: ...'"
        return place, f"input should be a list, as in [a, b]{_given(given)}"
    if kind in ("model_type", "model_attributes_type", "dict_type", "mapping_type"):
        return place, _keys_wanted(model, location, given, known)
    text = detail["msg"].removeprefix("Value error, ")
    hint = nearest(given, words) if kind == "literal_error" and isinstance(given, str) else ""
    told = "" if repr(given) in text else _given(given)
    return place, f"{text[0].lower()}{text[1:]}{told}{hint if 'did you mean' in hint else ''}{_as_share(detail)}"


def _nearest_key(key: str, known: Sequence[str]) -> str:
    return (
        f"; did you mean {_CALLED[key]!r}?" if _CALLED.get(key) in known and key not in known else nearest(key, known)
    )


def _belongs(key: str, known: Sequence[str], model: type[BaseModel]) -> str:
    """Where a key stands that is known elsewhere: groups of a mixture under `sources`."""
    return "; groups and their weights stand under `sources`" if {"temperature", "sources", "by"} <= {*known} else ""


def _unknown_step(place: KeyPath, detail: ErrorDetails) -> Refusal:
    from curate.steps import combining_steps, source_steps

    name = str(detail["ctx"]["tag"])
    tags = re.findall(_QUOTED, str(detail["ctx"]["expected_tags"]))
    if name in source_steps():
        return (*place, name), f"{name} is a step of one source: it stands under `sources.NAME.steps`"
    if name in combining_steps():
        return (*place, name), f"{name} looks at all sources: it stands under `combine`"
    return (*place, name), f"unknown step {name!r}{nearest(name, tags)}"


def _keys_wanted(model: type[BaseModel], location: KeyPath, given: Any, known: Sequence[str]) -> str:
    """What to write where keys with values belong; a lone value is shown with the key that it was probably meant for."""
    names = f", such as {', '.join(known[:3])}" if known else ""
    fields = _fields(model, location)
    kinds: tuple[type, ...] = (str,) if isinstance(given, str) else (int, float)
    first = next((name for name, info in fields.items() if _takes(info.annotation, kinds)), None)
    if isinstance(given, list) and "pack" in fields:
        return "one pack a step: write '- filter: NAME' for each"
    alone = isinstance(given, str | int | float) and not isinstance(given, bool)
    hint = f": write {{{first}: {given}}}" if first and alone else ""
    return f"input should be keys with values{names}{_given(given)}{hint}"


def _takes(annotation: Any, kinds: tuple[type, ...]) -> bool:
    return annotation in kinds or any(_takes(inner, kinds) for inner in get_args(annotation))


def _as_in(model: type[BaseModel], location: KeyPath) -> str:
    """An example of a key that is missing, where its model has one."""
    info = _fields(model, location[:-1]).get(str(location[-1]))
    if info is None or not info.examples:
        return ""
    example = info.examples[0]
    written = f"[{', '.join(map(str, example))}]" if isinstance(example, list) else example
    return "" if isinstance(example, dict) else f", as in `{location[-1]}: {written}`"


def _as_share(detail: ErrorDetails) -> str:
    """How a percentage is written, where a share was wanted."""
    given, context = detail.get("input"), detail.get("ctx", {})
    if isinstance(given, str) and given.endswith("%"):
        number = given[:-1].strip()
    elif detail["type"] == "less_than_equal" and context.get("le") == 1 and isinstance(given, int | float):
        number = str(given)
    else:
        return ""
    try:
        share = float(number) / 100
    except ValueError:
        return ""
    return f"; {number}% is {share:g}" if 0 <= share <= 1 else ""


def _given(value: Any) -> str:
    return f" (got {value!r})" if isinstance(value, str | int | float | bool) else ""


def _in_file(tree: Any, location: tuple[int | str, ...], keep_last: bool) -> KeyPath:
    """The pieces of an error's location that are keys of the file: pydantic adds the names of alternatives."""
    place: list[int | str] = []
    current = tree
    for position, piece in enumerate(location):
        if (isinstance(current, Mapping) and piece in current) or (
            isinstance(current, Sequence)
            and not isinstance(current, str)
            and isinstance(piece, int)
            and piece < len(current)
        ):
            current = current[piece]  # type: ignore[index]
            place.append(piece)
        elif keep_last and position == len(location) - 1:
            place.append(piece)
    return tuple(place)


def known_keys(model: type[BaseModel], location: KeyPath) -> list[str]:
    """The keys that the model at a location accepts."""
    return list(_fields(model, location))


def _fields(model: type[BaseModel], location: KeyPath) -> dict[str, FieldInfo]:
    """The fields of the model at a location, by the key that a file has."""
    current: set[type[BaseModel]] = {model}
    for piece in location:
        inner = {
            found
            for owner in current
            for name, info in owner.model_fields.items()
            if piece in (name, info.alias)
            for found in _models(info.annotation)
        }
        current = inner or current
    found: dict[str, FieldInfo] = {}
    for each in current:
        for name, info in each.model_fields.items():
            found.setdefault(info.alias or name, info)
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
