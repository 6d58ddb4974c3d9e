"""Models of transformers' folders are imported whole, compute what they computed there, or are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from curate.cli.main import main  # noqa: E402
from curate.trainer.train import checkpoint as checkpoints  # noqa: E402
from curate.trainer.train.export import ModelExportError, export  # noqa: E402
from curate.trainer.train.import_model import ModelImportError, import_model  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import make_shards, make_tokenizer, settings  # noqa: E402

SMALL = {"vocab_size": 800, "initializer_range": 0.2}
GPT2 = {**SMALL, "n_positions": 48, "n_embd": 32, "n_layer": 2, "n_head": 4, "eos_token_id": 768}
LLAMA = {
    **SMALL,
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 48,
    "eos_token_id": 768,
    "tie_word_embeddings": False,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2", GPT2),
    "llama": ("Llama", LLAMA),
    "llama-tied": ("Llama", {**LLAMA, "tie_word_embeddings": True}),
}


def theirs(kind: str, folder: Path, **saving: Any) -> Any:
    """A random model of transformers, saved in a folder by itself."""
    transformers = pytest.importorskip("transformers")
    name, config = KINDS[kind]
    torch.manual_seed(1)
    suffix = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
    made = getattr(transformers, name + suffix)(getattr(transformers, f"{name}Config")(**config)).eval()
    made.save_pretrained(folder, **saving)
    return made


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tokenizer(tmp_path_factory.mktemp("tokenizer")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["5GB", "20KB"])
def test_an_imported_model_computes_what_it_computed_there(
    kind: str, size: str, tmp_path: Path, tokenizer: str
) -> None:
    """Its weights in one file, and in several."""
    other = theirs(kind, tmp_path / "there", max_shard_size=size)
    assert len(list((tmp_path / "there").glob("*.safetensors"))) == 1 or size == "20KB"
    assert main(["model", "import", str(tmp_path / "there"), str(tmp_path / "here"), "--tokenizer", tokenizer]) == 0
    checkpoint = checkpoints.open_checkpoint(tmp_path / "here")
    ours = checkpoints.load_model(checkpoint, torch.device("cpu"))
    ids = torch.randint(0, 800, (3, 48), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), other(ids).logits, rtol=1e-4, atol=1e-4)
    assert checkpoint.about["tokenizer"]["end_of_text"] == 768


def test_gpt2_s_first_files_are_imported_too(tmp_path: Path, tokenizer: str) -> None:
    """Whose names have no `transformer.`, and which hold masks beside the weights."""
    other = theirs("gpt2", tmp_path / "there")
    path = tmp_path / "there" / "model.safetensors"
    weights = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    weights["h.0.attn.bias"] = torch.ones(1, 1, 48, 48).tril()
    save_file(weights, path)
    made = checkpoints.open_checkpoint(import_model(tmp_path / "there", tmp_path / "here", tokenizer))
    with torch.no_grad():
        ids = torch.arange(20)[None]
        ours = checkpoints.load_model(made, torch.device("cpu"))(ids)
        torch.testing.assert_close(ours, other(ids).logits, rtol=1e-4, atol=1e-4)


def test_what_was_exported_comes_back_bit_for_bit(tmp_path: Path) -> None:
    """And its tokenizer with it; a training may begin with it."""
    shards = make_shards(tmp_path / "shards")
    train(settings(shards, tmp_path / "model", 2), lambda _: None)
    before = checkpoints.open_checkpoint(tmp_path / "model")
    export(before, tmp_path / "out")
    after = checkpoints.open_checkpoint(import_model(tmp_path / "out", tmp_path / "back"))
    left_open = {"initial_deviation", "hidden"}  # the first is no part of a model, the second is 4 x width either way
    assert before.shape.model_dump(exclude=left_open) == after.shape.model_dump(exclude=left_open)
    assert before.shape.feed_forward == after.shape.feed_forward
    assert all(torch.equal(tensor, after.weights()[name]) for name, tensor in before.weights().items())
    assert after.about["tokenizer"]["end_of_text"] == before.about["tokenizer"]["end_of_text"]


def test_what_is_not_computed_here_is_refused_by_name(tmp_path: Path, tokenizer: str) -> None:
    place = tmp_path / "there"
    theirs("llama", place)
    config = json.loads((place / "config.json").read_text())

    def refused(changes: dict[str, Any], message: str, error: type[Exception] = ModelImportError) -> None:
        (place / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=message):
            import_model(place, tmp_path / "here", tokenizer)

    refused({"head_dim": 16}, "head_dim 16 is not computed here; it must be 8")
    refused({"hidden_act": "gelu"}, "hidden_act 'gelu' is not computed here; it must be silu")
    refused({"model_type": "mamba"}, "model_type 'mamba' is not known here", ModelExportError)
    refused({"num_hidden_layers": 3}, r"has no model\.layers\.2\.\S+ and 8 more")
    refused({"num_hidden_layers": 1}, r"has, and this model has no place for, model\.layers\.1\.\S+ and 8 more")
    refused(
        {"intermediate_size": 60}, r"model\.layers\.0\.mlp\.up_proj\.weight is \[56, 32\], and should be \[60, 32\]"
    )
    refused({"vocab_size": 700}, "should be")
    (place / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelImportError, match=r"no tokenizer\.json: give --tokenizer"):
        import_model(place, tmp_path / "here")
    shutil.move(place / "model.safetensors", place / "pytorch_model.bin")
    with pytest.raises(ModelImportError, match="weights are read from safetensors only"):
        import_model(place, tmp_path / "here", tokenizer)
    with pytest.raises(ModelImportError, match=r"no config\.json"):
        import_model(tmp_path, tmp_path / "here", tokenizer)
    assert not (tmp_path / "here").exists()
