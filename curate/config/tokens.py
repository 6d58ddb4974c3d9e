"""How text becomes token ids: the tokenizer of a pipeline, or several, of which the first is the one that counts.

Knows names and ids; loads no tokenizer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from curate.settings import A_PATH, Model, Name, as_list, mistake, one_of
from curate.steps import resolve


def _tokenizers() -> list[str]:
    names: list[str] = list(resolve("curate.tokens.vocabulary:FILES"))  # when used: this room knows no tokenizer
    return names


class Tokenizing(Model):
    """A tokenizer, and what stands around the tokens of each document."""

    tokenizer: str = Field(
        "gpt2",
        description="a name, tokenizer.json, .model, .tiktoken, a folder, hf:OWNER/NAME@REVISION",
        json_schema_extra=one_of(_tokenizers, A_PATH, ":"),
    )
    end_of_text: str | int | None = Field(
        None, description="a special token's name or an id; default: what it declares", examples=["<|endoftext|>"]
    )
    add_bos: bool = Field(False, description="whether documents begin with the tokenizer's begin-of-text")
    prefix: tuple[int, ...] = Field((), description="ids before each document, after begin-of-text", examples=[[1]])
    suffix: tuple[int, ...] = Field((), description="ids after each document, before end-of-text", examples=[[2]])


class OneOfSeveral(Tokenizing):
    """One of several tokenizers, under a name: its shards are `shards/NAME/`, its ledger columns `tokens@NAME`."""

    as_: Name | None = Field(
        None, alias="as", description="its name; default: the tokenizer's, of a path the file's", examples=["llama3"]
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"tokenizer": value} if isinstance(value, str) else value

    @property
    def name(self) -> str:
        """What its shards and columns are called."""
        return self.as_ or short_name(self.tokenizer)


def tokenizer_name(written: Any) -> str:
    """The name of one of several tokenizers that is not checked yet; empty for what is none."""
    entry = {"tokenizer": written} if isinstance(written, str) else written
    if not isinstance(entry, Mapping):
        return ""
    return str(entry.get("as") or short_name(str(entry.get("tokenizer", ""))))


def short_name(tokenizer: str) -> str:
    """A tokenizer's name without its place; letters that no name has become hyphens.

    >>> [short_name(each) for each in ("gpt2", "hf:allenai/OLMo-2@main", "made/llama3/tokenizer.json", "web32k.json")]
    ['gpt2', 'OLMo-2', 'llama3', 'web32k']
    """
    path = PurePosixPath(tokenizer.split("@")[0] if tokenizer.startswith("hf:") else tokenizer)
    stem = path.name.removesuffix(path.suffix) if path.suffix in (".json", ".model", ".tiktoken") else path.name
    if stem == "tokenizer" and path.parent.name:
        stem = path.parent.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")


def _or_a_name(schema: dict[str, Any]) -> None:
    schema["items"] = {"anyOf": [{"type": "string"}, dict(schema["items"])]}


class Tokens(Tokenizing):
    """How text becomes token ids."""

    tokenizers: tuple[OneOfSeveral, ...] = Field(
        (),
        description="several at once, by name or with settings of their own; the first is the one that counts",
        examples=[["gpt2", {"tokenizer": "llama3/tokenizer.json", "add_bos": True, "as": "llama3"}]],
        json_schema_extra=_or_a_name,
    )

    @model_validator(mode="before")
    @classmethod
    def _the_first_counts(cls, value: Any) -> Any:
        """What stands at `tokenizer` and beside it is the first of several."""
        several = as_list(value.get("tokenizers")) if isinstance(value, dict) else None
        if not isinstance(several, (list, tuple)) or not several:
            return value
        try:
            first = OneOfSeveral.model_validate(several[0])
        except ValidationError:
            return value  # told at its own place
        for key in Tokenizing.model_fields:
            there = tuple(value[key]) if isinstance(value.get(key), list) else value.get(key)
            if key in value and there != getattr(first, key):
                raise mistake(
                    key, f"{key} and tokenizers: give the one or the other; settings go to each of tokenizers"
                )
        return {**value, "tokenizers": several, **{key: getattr(first, key) for key in Tokenizing.model_fields}}

    @field_validator("tokenizers")
    @classmethod
    def _names_differ(cls, several: tuple[OneOfSeveral, ...]) -> tuple[OneOfSeveral, ...]:
        for name, count in Counter(each.name for each in several).items():
            if not name:
                raise ValueError("a tokenizer whose place makes no name: name it by `as`")
            if count > 1:
                raise ValueError(f"{count} tokenizers are called {name}: name them apart by `as`")
        return several

    @property
    def further(self) -> tuple[OneOfSeveral, ...]:
        """Those beside the one that counts."""
        return self.tokenizers[1:]
