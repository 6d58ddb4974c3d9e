"""What a tokenizer is, read from tiktoken's encodings, from `tokenizer.json` and from SentencePiece's `.model`.

A definition says the ids that matter, and how to make the fast encoder, the reference that it is proved against, and the
files that other programs read the tokenizer from. Knows formats; knows no file's place.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tiktoken

from curate.tokens import encodings
from curate.tokens.engines import NEWER_MARKS, Backend, Reference

_END_NAMES = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[SEP]")
"""End-of-text by the names of GPT-2, LLaMA 3, LLaMA 1, Gemma and BERT; only ever looked for among the special tokens."""
_START_NAMES = ("<|begin_of_text|>", "<s>", "<bos>", "[CLS]")
_UNREACHABLE = "\ufdd0{digest}:{id}"
"""What a special token is called while text is encoded: noncharacters and a hash, so that no text holds its name."""


@dataclass(frozen=True)
class Definition:
    """A tokenizer. `end` and `start` are the ids that its files declare to end and begin a text, `special` its special
    tokens by name; `fast` makes gigatoken's (raises where it cannot) for texts that `exceptions` does not match; `files`
    gives the files by their usual names."""

    library: str
    vocabulary_size: int
    digest: str
    special: Mapping[str, int]
    end: int | None
    start: int | None
    reference: Reference
    decode: Callable[[list[int]], str]
    fast: Callable[[], Backend]
    files: Callable[[], dict[str, bytes]]
    token_bytes: Mapping[bytes, int] | None = None
    exceptions: str | None = None


def from_encoding(encoding: tiktoken.Encoding) -> Definition:
    """One of tiktoken's encodings."""
    parts = encodings.take_apart(encoding)
    to_json = functools.cache(parts.to_json)

    def fast() -> Backend:
        from gigatoken.gigatoken_rs import BPETokenizer

        if parts.scheme is None:
            raise ValueError("gigatoken does not know the splitting pattern")
        if len(parts.ranks) != max(parts.ranks.values()) + 1:  # p50k_base leaves out an id, and rank files may not
            return _gigatoken(json.loads(to_json()))
        with tempfile.NamedTemporaryFile(suffix=".tiktoken") as file:
            file.write(encodings.to_file(parts.ranks))
            file.flush()
            made: Backend = BPETokenizer.from_tiktoken(file.name, parts.scheme.name, None)
        return made

    return Definition(
        library="tiktoken",
        vocabulary_size=encoding.n_vocab,
        digest=parts.digest,
        special=parts.special,
        end=parts.special.get(encodings.END_OF_TEXT),
        start=None,
        reference=lambda texts: [encoding.encode_ordinary(text) for text in texts],
        decode=encoding.decode,
        fast=fast,
        files=lambda: {"tokenizer.json": to_json()},
        token_bytes=parts.ranks,
    )


def from_json(content: bytes, declared: Mapping[str, Mapping[str, Any]]) -> Definition:
    """A `tokenizer.json`; `declared` holds the JSON files beside it, by name. Raises ValueError for something else."""
    from tokenizers import Tokenizer

    digest = hashlib.sha256(content).hexdigest()
    try:
        plain = Tokenizer.from_str(content.decode())
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"this is no tokenizer.json: {error}") from error
    parsed = json.loads(content)
    special = {str(each["content"]): int(each["id"]) for each in parsed.get("added_tokens", []) if each.get("special")}
    hidden = _hidden(parsed, digest)

    @functools.cache
    def library() -> Any:
        made = Tokenizer.from_str(json.dumps(hidden))
        made.encode_special_tokens = True
        return made

    return Definition(
        library="tokenizers",
        vocabulary_size=max(plain.get_vocab(with_added_tokens=True).values()) + 1,
        digest=digest,
        special=special,
        end=_declared(declared, "eos", special, _END_NAMES),
        start=_declared(declared, "bos", special, _START_NAMES),
        reference=lambda texts: [each.ids for each in library().encode_batch_fast(texts, add_special_tokens=False)],
        decode=lambda ids: str(plain.decode(ids, skip_special_tokens=False)),
        fast=lambda: _gigatoken(hidden),
        files=lambda: {"tokenizer.json": content},
        exceptions=NEWER_MARKS if parsed.get("normalizer") else None,
    )


def from_model(content: bytes) -> Definition:
    """SentencePiece's `.model`. Raises ValueError for something else."""
    import sentencepiece

    try:
        model = sentencepiece.SentencePieceProcessor(model_proto=content)
    except RuntimeError as error:
        raise ValueError(f"this is no .model of SentencePiece: {error}") from error
    special = {model.id_to_piece(id): id for id in range(model.vocab_size()) if model.is_control(id)}
    return Definition(
        library="sentencepiece",
        vocabulary_size=model.vocab_size(),
        digest=hashlib.sha256(content).hexdigest(),
        special=special,
        end=model.eos_id() if model.eos_id() >= 0 else None,
        start=model.bos_id() if model.bos_id() >= 0 else None,
        reference=lambda texts: model.encode(texts, num_threads=1),
        decode=model.decode,
        fast=lambda: _gigatoken(json.loads(_model_as_json(content))),
        files=lambda: {"tokenizer.model": content} | _model_files(content),
    )


def _declared(
    files: Mapping[str, Mapping[str, Any]], which: str, special: Mapping[str, int], names: Sequence[str]
) -> int | None:
    """The id that the files declare for `eos` or `bos`, else that of the first special token of a known name."""
    named = files.get("tokenizer_config.json", {}).get(f"{which}_token")
    named = named.get("content") if isinstance(named, dict) else named
    if named in special:
        return special[str(named)]
    for file in ("generation_config.json", "config.json"):
        ids = files.get(file, {}).get(f"{which}_token_id")
        ids = ids if isinstance(ids, list) else [ids]
        for each in ids:
            if each in special.values():
                return int(each)
    return next((special[name] for name in names if name in special), None)


def _hidden(parsed: dict[str, Any], digest: str) -> dict[str, Any]:
    """The `tokenizer.json` for encoding: no dropout, nothing cut or added, and special tokens called what no text holds.

    An id that the vocabulary gives to a special token could otherwise come from a text that says its name.
    """
    names = {
        each["content"]: _UNREACHABLE.format(digest=digest, id=each["id"])
        for each in parsed.get("added_tokens", [])
        if each.get("special")
    }
    added = [each | {"content": names.get(each["content"], each["content"])} for each in parsed.get("added_tokens", [])]
    model = dict(parsed["model"], dropout=None) if "dropout" in parsed["model"] else dict(parsed["model"])
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(token, token): id for token, id in vocabulary.items()}
    else:
        model["vocab"] = [[names.get(token, token), score] for token, score in vocabulary]
    if "unk_token" in model:
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    if model.get("merges"):
        pairs = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"])
        model["merges"] = [pair for pair in pairs if not {*pair, "".join(pair)} & names.keys()]
    empty = dict.fromkeys(("truncation", "padding", "post_processor"))
    return parsed | empty | {"added_tokens": added, "model": model}


def _gigatoken(parsed: dict[str, Any]) -> Backend:
    """gigatoken's of a `tokenizer.json`, without the special tokens, which it would look for in texts; ids stay as they
    are. Raises what it raises where it does not know such a tokenizer."""
    from gigatoken.gigatoken_rs import load_hf_json

    added = [each for each in parsed.get("added_tokens", []) if not each.get("special")]
    made: Backend = load_hf_json(json.dumps(parsed | {"added_tokens": added}))
    return made


def _model_as_json(content: bytes) -> str:
    """gigatoken's reading of a `.model`. Raises ValueError for one without byte fall-back, and for Unigram."""
    from gigatoken._load.sentencepiece import sentencepiece_to_tokenizer_json

    made: str = sentencepiece_to_tokenizer_json(content)
    return made


def _model_files(content: bytes) -> dict[str, bytes]:
    """A `.model` as a `tokenizer.json` that also decodes, where there is one."""
    try:
        parsed = json.loads(_model_as_json(content))
    except ValueError:
        return {}
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if any(step["type"] == "Prepend" for step in parsed["normalizer"]["normalizers"]):
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    parsed["decoder"] = {"type": "Sequence", "decoders": steps}
    return {"tokenizer.json": json.dumps(parsed, ensure_ascii=False).encode()}
