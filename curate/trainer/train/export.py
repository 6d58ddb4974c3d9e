"""Weights and configuration to and from the layouts of Hugging Face `transformers`. Knows names and shapes of tensors only.

GPT-1 is `OpenAIGPTLMHeadModel`, GPT-2 and GPT-3 `GPT2LMHeadModel`, LLaMA `LlamaForCausalLM`. `transformers` itself is not
needed: the files are config.json and model.safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from curate.errors import CurateError
from curate.tokens import load_recorded
from curate.trainer.model.architecture import Architecture
from curate.trainer.train.checkpoint import Checkpoint

Weights = dict[str, Tensor]
Family = Literal["openai-gpt", "gpt2", "llama"]

_CLASSES: dict[Family, str] = {
    "openai-gpt": "OpenAIGPTLMHeadModel",
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
}
# module here -> module there, inside a block
_GPT_BLOCK = {
    "attention_norm": "ln_1",
    "feed_forward_norm": "ln_2",
    "attention.output": "attn.c_proj",
    "feed_forward.inward": "mlp.c_fc",
    "feed_forward.output": "mlp.c_proj",
}
_LLAMA_BLOCK = {
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward.inward": "mlp.up_proj",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.output": "mlp.down_proj",
}
_ATTENTION_INPUTS = ("query", "key", "value")


class ModelExportError(CurateError, ValueError):
    """A model that has no counterpart in `transformers`, or a configuration that has none here."""


def family(shape: Architecture) -> Family:
    """Which model of `transformers` computes the same. Raises ModelExportError where none does."""
    if shape.window is not None:
        raise ModelExportError("a model with a window is not exported: no model of transformers has its mix of layers")
    for name in ("experts", "qk_norm", "logit_cap"):
        if getattr(shape, name):
            raise ModelExportError(f"a model with {name} is not exported: GPT-1, GPT-2 and LLaMA have none")
    llama = (shape.norm, shape.norm_position, shape.positions, shape.activation, shape.bias)
    if llama == ("rms", "pre", "rotary", "swiglu", False):
        return "llama"
    gpt = (shape.norm, shape.positions, shape.activation, shape.bias, shape.tied, shape.groups == shape.heads)
    if gpt == ("layer", "learned", "gelu", True, True, True) and not shape.scale_embedding:
        if shape.norm_position == "pre":
            return "gpt2"
        if shape.feed_forward == 4 * shape.width:
            return "openai-gpt"
    raise ModelExportError(
        "no model of transformers has this mix of norm, positions and activation: GPT-1, GPT-2, GPT-3 and LLaMA have one"
    )


def to_config(shape: Architecture, end_of_text: int | None = None) -> dict[str, Any]:
    """`config.json` of the same model."""
    kind = family(shape)
    config: dict[str, Any] = {
        "model_type": kind,
        "architectures": [_CLASSES[kind]],
        "vocab_size": shape.vocabulary,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "initializer_range": shape.initial_deviation,
        "tie_word_embeddings": shape.tied,
        "dtype": "float32",
    }
    if kind == "llama":
        return config | {
            "hidden_size": shape.width,
            "intermediate_size": shape.feed_forward,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.groups,
            "max_position_embeddings": shape.context,
            "rms_norm_eps": shape.norm_epsilon,
            "rope_theta": shape.rotary_base,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
        }
    config |= {
        "n_positions": shape.context,
        "n_embd": shape.width,
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "layer_norm_epsilon": shape.norm_epsilon,
        "resid_pdrop": shape.dropout,
        "embd_pdrop": shape.dropout,
        "attn_pdrop": shape.dropout,
    }
    if kind == "gpt2":
        return config | {"n_inner": shape.feed_forward, "activation_function": "gelu_new"}
    return config | {"afn": "gelu"}  # there the name of the tanh form


def from_config(config: Mapping[str, Any]) -> Architecture:
    """The shape that a `config.json` describes. Raises ModelExportError for what cannot be computed here."""
    kind = config.get("model_type")
    if kind == "llama":
        scaling = config.get("rope_scaling") or {}
        rotary = config.get("rope_parameters") or scaling
        if rotary.get("rope_type", rotary.get("type", "default")) != "default":
            raise ModelExportError(f"rotary scaling {rotary} is not known here")
        if config.get("attention_bias") or config.get("mlp_bias"):
            raise ModelExportError("a LLaMA model with biases is not known here")
        return Architecture(
            vocabulary=config["vocab_size"],
            context=config["max_position_embeddings"],
            layers=config["num_hidden_layers"],
            width=config["hidden_size"],
            heads=config["num_attention_heads"],
            key_value_heads=config.get("num_key_value_heads"),
            hidden=config["intermediate_size"],
            activation="swiglu",
            norm="rms",
            norm_epsilon=config["rms_norm_eps"],
            positions="rotary",
            rotary_base=rotary.get("rope_theta") or config.get("rope_theta") or 10_000.0,
            bias=False,
            tied=config.get("tie_word_embeddings", False),
        )
    if kind not in ("gpt2", "openai-gpt"):
        raise ModelExportError(f"model_type {kind!r} is not known here; known: {', '.join(_CLASSES)}")
    activation = config.get("activation_function" if kind == "gpt2" else "afn", "gelu_new")
    if activation not in ("gelu_new", "gelu_pytorch_tanh") and (kind, activation) != ("openai-gpt", "gelu"):
        raise ModelExportError(f"activation {activation!r} is not known here")
    return Architecture(
        vocabulary=config["vocab_size"],
        context=config["n_positions"],
        layers=config["n_layer"],
        width=config["n_embd"],
        heads=config["n_head"],
        hidden=config.get("n_inner"),
        norm_epsilon=config.get("layer_norm_epsilon", 1e-5),
        norm_position="pre" if kind == "gpt2" else "post",
    )


def to_transformers(shape: Architecture, weights: Mapping[str, Tensor]) -> Weights:
    """The weights under the names, and in the layout, of the model that `family` names."""
    kind = family(shape)
    if kind == "llama":
        return {there: weights[here].contiguous() for here, there in _llama_names(shape).items()}
    result = {}
    for here, there in _gpt_names(shape, kind).items():
        tensor = weights[here]
        result[there] = (tensor.T if _transposed(here) else tensor).contiguous()
    for layer in range(shape.layers):
        inputs = [f"blocks.{layer}.attention.{name}" for name in _ATTENTION_INPUTS]
        there = f"transformer.h.{layer}.attn.c_attn"
        result[f"{there}.weight"] = torch.cat([weights[f"{name}.weight"].T for name in inputs], dim=1).contiguous()
        result[f"{there}.bias"] = torch.cat([weights[f"{name}.bias"] for name in inputs])
    return result


def from_transformers(shape: Architecture, weights: Mapping[str, Tensor]) -> Weights:
    """The inverse of `to_transformers`. Buffers and the tied output layer there have no counterpart here."""
    kind = family(shape)
    if kind == "llama":
        return {here: weights[there].clone() for here, there in _llama_names(shape).items()}
    result = {}
    for here, there in _gpt_names(shape, kind).items():
        tensor = weights[there]
        result[here] = (tensor.T if _transposed(here) else tensor).clone(memory_format=torch.contiguous_format)
    for layer in range(shape.layers):
        there = f"transformer.h.{layer}.attn.c_attn"
        matrices = weights[f"{there}.weight"].chunk(3, dim=1)
        biases = weights[f"{there}.bias"].chunk(3)
        for name, matrix, bias in zip(_ATTENTION_INPUTS, matrices, biases, strict=True):
            result[f"blocks.{layer}.attention.{name}.weight"] = matrix.T.contiguous()
            result[f"blocks.{layer}.attention.{name}.bias"] = bias.clone()
    return result


def _llama_names(shape: Architecture) -> dict[str, str]:
    names = {"embedding.weight": "model.embed_tokens.weight", "norm.weight": "model.norm.weight"}
    if not shape.tied:
        names["head.weight"] = "lm_head.weight"
    for layer in range(shape.layers):
        for here, there in _LLAMA_BLOCK.items():
            names[f"blocks.{layer}.{here}.weight"] = f"model.layers.{layer}.{there}.weight"
    return names


def _gpt_names(shape: Architecture, kind: Family) -> dict[str, str]:
    """All but the attention's inputs, which are one matrix there."""
    tokens, positions = ("wte", "wpe") if kind == "gpt2" else ("tokens_embed", "positions_embed")
    names = {"embedding.weight": f"transformer.{tokens}.weight", "position.weight": f"transformer.{positions}.weight"}
    for layer in range(shape.layers):
        for here, there in _GPT_BLOCK.items():
            for part in ("weight", "bias"):
                names[f"blocks.{layer}.{here}.{part}"] = f"transformer.h.{layer}.{there}.{part}"
    if kind == "gpt2":
        names |= {f"norm.{part}": f"transformer.ln_f.{part}" for part in ("weight", "bias")}
    return names


def _transposed(name: str) -> bool:
    """GPT-1 and GPT-2 there multiply from the other side."""
    return name.endswith(".weight") and "norm" not in name and name.startswith("blocks.")


def export(checkpoint: Checkpoint, folder: str | Path) -> Path:
    """Write a checkpoint as a folder that `transformers`' `from_pretrained` loads. Raises ModelExportError."""
    from safetensors.torch import save_file

    target = Path(folder)
    config = to_config(checkpoint.shape, checkpoint.about["tokenizer"]["end_of_text"])
    weights = to_transformers(checkpoint.shape, checkpoint.weights())
    target.mkdir(parents=True, exist_ok=True)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for name, content in load_recorded(checkpoint.about["tokenizer"]).files().items():
        (target / name).write_bytes(content)
    return target
