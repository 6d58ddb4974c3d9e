"""A folder of Hugging Face `transformers` as a checkpoint that can be measured, generated with and trained on from.

GPT-1, GPT-2 and LLaMA folders: config.json, the weights in safetensors, in one file or several, and tokenizer.json. What
this model does not compute is refused, as is a weight that it has no place for. Knows files; `export` knows what weights
are called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from curate.errors import CurateError
from curate.tokens import Tokenizer, load
from curate.trainer.model.architecture import Architecture
from curate.trainer.model.model import GPT
from curate.trainer.train.checkpoint import save_model
from curate.trainer.train.export import family, from_config, from_transformers, to_transformers
from curate.trainer.train.settings import Batch, Budget, Data, Training

_CONFIG, _WEIGHTS, _INDEX, _TOKENIZER = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
)
_BUFFERS = re.compile(r"\.attn\.(masked_)?bias$|rotary_emb\.inv_freq$")
_LENGTH = 1024
_BODY = "transformer."  # what names of GPT-1 and GPT-2 begin with, but in the first files of GPT-2


class ModelImportError(CurateError, ValueError):
    """A folder that is no model of transformers, or one that cannot be computed here."""


def import_model(folder: str | Path, out: str | Path, tokenizer: str | None = None) -> Path:
    """Write the model of a folder as a checkpoint in `out`. `tokenizer`: a name or file, in place of the folder's own.

    Raises ModelImportError, ModelExportError for a configuration that has no counterpart here, and what `load` raises.
    """
    place = Path(folder)
    if not (place / _CONFIG).exists():
        raise ModelImportError(f"{place}: no {_CONFIG}: give a folder that `save_pretrained` wrote, or the Hub holds")
    config = json.loads((place / _CONFIG).read_bytes())
    shape = from_config(config)
    _check(config, shape, place)
    weights = _converted(shape, _read(place), place)
    loaded = _tokenizer(config, place, tokenizer)
    if loaded.vocabulary_size > shape.vocabulary:
        raise ModelImportError(
            f"the tokenizer has {loaded.vocabulary_size} ids, and {place} {shape.vocabulary}: it is another's"
        )
    length = min(_LENGTH, shape.context)
    settings = Training(
        name=place.name,
        model=shape,
        budget=Budget(tokens=1),
        data=Data(sequence_length=length),
        batch=Batch(tokens=length),
    )
    about = {
        "step": 0,
        "tokens": 0,
        "seconds": 0.0,
        "settings": settings.model_dump(mode="json"),
        "tokenizer": {
            "name": loaded.name,
            "vocabulary_size": loaded.vocabulary_size,
            "vocabulary_sha256": loaded.vocabulary_hash,
            "end_of_text": loaded.end_of_text,
            "dtype": str(loaded.arrow_type),
        },
        "imported": str(place),
    }
    return save_model(Path(out), about, weights)


def _check(config: Mapping[str, Any], shape: Architecture, place: Path) -> None:
    """Refuse what a configuration asks for beyond the shape."""
    asked = {
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
        "head_dim": (None, shape.head_width),
        "hidden_act": ("silu",),
    }
    for name, known in asked.items():
        if config.get(name, known[0]) not in known:
            raise ModelImportError(
                f"{place / _CONFIG}: {name} {config[name]!r} is not computed here; it must be {known[-1]}"
            )


def _read(place: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if (place / _WEIGHTS).exists():
        files = {_WEIGHTS}
    elif (place / _INDEX).exists():
        files = set(json.loads((place / _INDEX).read_bytes())["weight_map"].values())
    else:
        raise ModelImportError(f"{place}: no {_WEIGHTS} and no {_INDEX}: weights are read from safetensors only")
    weights: dict[str, Tensor] = {}
    for name in sorted(files):
        if Path(name).name != name or not (place / name).exists():
            raise ModelImportError(f"{place}: {name}, which {_INDEX} names, is not there")
        weights |= load_file(place / name)
    return weights


def _converted(shape: Architecture, found: Mapping[str, Tensor], place: Path) -> dict[str, Tensor]:
    """Under the names of this model, in float32. Raises ModelImportError naming what is missing, too much or misshapen."""
    weights = {name: tensor.float() for name, tensor in found.items() if not _BUFFERS.search(name)}
    if family(shape) != "llama" and not any(name.startswith(_BODY) for name in weights):
        weights = {name if name == "lm_head.weight" else _BODY + name: tensor for name, tensor in weights.items()}
    with torch.device("meta"):
        empty = GPT(shape)
    wanted = {name: tensor.shape for name, tensor in to_transformers(shape, empty.state_dict()).items()}
    if shape.tied:
        weights.pop("lm_head.weight", None)
    _refuse(place, "has no", sorted(wanted.keys() - weights.keys()))
    _refuse(place, "has, and this model has no place for,", sorted(weights.keys() - wanted.keys()))
    for name, size in wanted.items():
        if weights[name].shape != size:
            raise ModelImportError(f"{place}: {name} is {list(weights[name].shape)}, and should be {list(size)}")
    return from_transformers(shape, weights)


def _refuse(place: Path, what: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ModelImportError(f"{place} {what} {names[0]}{more}")


def _tokenizer(config: Mapping[str, Any], place: Path, given: str | None) -> Tokenizer:
    name = given or str(place / _TOKENIZER)
    if given is None and not Path(name).exists():
        raise ModelImportError(f"{place}: no {_TOKENIZER}: give --tokenizer, such as gpt2")
    end = config.get("eos_token_id")
    return load(name, end if isinstance(end, int) else None)
