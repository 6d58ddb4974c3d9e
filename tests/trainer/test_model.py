"""The model is the published one: its size, its logits, its masks and its cache."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from curate.trainer.model.architecture import Architecture, count_parameters, training_flops_per_token  # noqa: E402
from curate.trainer.model.loss import _ALIGNED, IGNORED, cross_entropy  # noqa: E402
from curate.trainer.model.model import GPT, Context, KeyValueCache, _band  # noqa: E402
from curate.trainer.model.presets import PRESETS, Preset  # noqa: E402
from curate.trainer.train.export import ModelExportError, from_config, from_transformers, to_config, to_transformers  # noqa: E402

TINY = Architecture(vocabulary=101, context=32, layers=2, width=32, heads=4)
SHAPES = {
    "gpt1": TINY.model_copy(update={"norm_position": "post", "scale_residual": False}),
    "gpt2": TINY,
    "llama": TINY.model_copy(
        update={
            "norm": "rms",
            "positions": "rotary",
            "activation": "swiglu",
            "bias": False,
            "tied": False,
            "hidden": 48,
        }
    ),
    "llama-grouped": TINY.model_copy(
        update={
            "norm": "rms",
            "positions": "rotary",
            "activation": "swiglu",
            "bias": False,
            "tied": False,
            "hidden": 48,
            "key_value_heads": 2,
            "rotary_base": 500_000.0,
        }
    ),
    "llama-multi-query": TINY.model_copy(
        update={
            "norm": "rms",
            "positions": "rotary",
            "activation": "swiglu",
            "bias": False,
            "tied": True,
            "hidden": 48,
            "key_value_heads": 1,
        }
    ),
    "banded": TINY.model_copy(update={"window": 5}),
    "transformer": TINY.model_copy(
        update={
            "norm_position": "post",
            "positions": "sinusoidal",
            "activation": "relu",
            "scale_embedding": True,
            "scale_residual": False,
        }
    ),
}
IN_TRANSFORMERS = [name for name in SHAPES if name not in ("transformer", "banded")]


def model(shape: Architecture) -> GPT:
    """A model with every parameter random, norms and biases too."""
    made = GPT(shape).eval()
    made.initialise(0)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    return made


def tokens(rows: int = 3, length: int = 20, seed: int = 2) -> torch.Tensor:
    return torch.randint(0, 101, (rows, length), generator=torch.Generator().manual_seed(seed))


def rounds_to(count: int, printed: str) -> bool:
    """Whether the count is the printed one at as many digits as are printed."""
    number, unit = re.fullmatch(r"([\d.]+)([MB])", printed).groups()  # type: ignore[union-attr]
    digits = len(number.partition(".")[2])
    return f"{count / {'M': 1e6, 'B': 1e9}[unit]:.{digits}f}" == number


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.printed])
def test_presets_have_the_published_number_of_parameters(name: str) -> None:
    """To the printed rounding; what differs says why, and nothing says so that does not differ."""
    preset: Preset = PRESETS[name]
    assert rounds_to(count_parameters(preset.shape), preset.printed) == (preset.exception is None)
    assert count_parameters(preset.shape) == pytest.approx(
        float(preset.printed[:-1]) * {"M": 1e6, "B": 1e9}[preset.printed[-1]], rel=0.02
    )


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_counted_without_building_the_model(name: str) -> None:
    with torch.device("meta"):
        built = GPT(SHAPES[name])
    assert sum(parameter.numel() for parameter in built.parameters()) == count_parameters(SHAPES[name])


def test_the_exact_count_of_gpt2() -> None:
    assert count_parameters(PRESETS["gpt2-124m"].shape) == 124_439_808


@pytest.mark.parametrize("name", IN_TRANSFORMERS)
@pytest.mark.parametrize("direction", ["there", "back"])
def test_logits_equal_those_of_transformers(name: str, direction: str) -> None:
    """With weights copied either way."""
    transformers = pytest.importorskip("transformers")
    shape = SHAPES[name]
    config = to_config(shape, 0)
    kind = {"openai-gpt": "OpenAIGPT", "gpt2": "GPT2", "llama": "Llama"}[config["model_type"]]
    suffix = "ForCausalLM" if kind == "Llama" else "LMHeadModel"
    settings = {key: value for key, value in config.items() if key not in ("architectures", "model_type", "dtype")}
    torch.manual_seed(3)
    theirs = getattr(transformers, kind + suffix)(getattr(transformers, kind + "Config")(**settings)).eval()
    if direction == "there":
        ours = model(shape)
        missing = theirs.load_state_dict(to_transformers(shape, ours.state_dict()), strict=False)
        assert not missing.unexpected_keys
        assert set(missing.missing_keys) <= {"lm_head.weight"}
        theirs.tie_weights()
    else:
        assert to_config(from_config(theirs.config.to_dict()), 0) == config
        ours = GPT(shape).eval()
        ours.load_state_dict(from_transformers(shape, theirs.state_dict()))
    with torch.no_grad():
        assert torch.allclose(ours(tokens()), theirs(tokens()).logits, atol=1e-4)


def test_a_model_without_a_counterpart_is_not_exported() -> None:
    with pytest.raises(ModelExportError, match="no model of transformers"):
        to_config(SHAPES["transformer"])


@pytest.mark.parametrize("name", IN_TRANSFORMERS)
def test_the_first_loss_is_that_of_a_uniform_guess(name: str) -> None:
    fresh = GPT(SHAPES[name])
    fresh.initialise(0)
    with torch.no_grad():
        loss = fresh(tokens()[:, :-1], tokens()[:, 1:]).mean()
    assert loss.item() == pytest.approx(math.log(101), abs=0.5)


@pytest.mark.parametrize("name", SHAPES)
def test_a_token_sees_no_later_one(name: str) -> None:
    made, seen = model(SHAPES[name]), tokens()
    changed = seen.clone()
    changed[:, 10:] = (changed[:, 10:] + 1) % 101
    with torch.no_grad():
        assert torch.allclose(made(seen)[:, :10], made(changed)[:, :10], atol=1e-6)


def test_document_masks_hide_other_documents() -> None:
    """With rotary positions a masked document is computed as if it stood alone."""
    made, seen = model(SHAPES["llama"]), tokens()
    documents = (torch.arange(20) >= 8).long().expand(3, 20)
    with torch.no_grad():
        together, alone = made(seen, documents=documents), made(seen[:, 8:])
    assert torch.allclose(together[:, 8:], alone, atol=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_the_cache_changes_no_logits(name: str) -> None:
    """In pieces of several tokens and of one, with rows padded on the left."""
    made, seen = model(SHAPES[name]), tokens()
    cache = KeyValueCache(made.shape, 3, 24, torch.device("cpu"))
    cache.starts = torch.tensor([4, 0, 2])
    padded = torch.zeros(3, 24, dtype=torch.long)
    for row, start in enumerate(cache.starts.tolist()):
        padded[row, start : start + 20] = seen[row]
    with torch.no_grad():
        pieces = [made(piece, cache=cache) for piece in (padded[:, :9], padded[:, 9:10], padded[:, 10:24])]
        expected = made(seen)
    got = torch.cat(pieces, dim=1)
    for row, start in enumerate(cache.starts.tolist()):
        assert torch.allclose(got[row, start : start + 20], expected[row], atol=1e-5)


def test_grouped_queries_need_a_smaller_cache() -> None:
    def size(name: str) -> int:
        return KeyValueCache(SHAPES[name], 1, 32, torch.device("cpu")).bytes

    assert size("llama") == 2 * size("llama-grouped") == 4 * size("llama-multi-query")
    assert size("llama") == 2 * 2 * 32 * 32 * 4  # keys and values, layers, tokens, width, bytes of a float


def test_more_tokens_than_the_context_are_refused() -> None:
    with pytest.raises(ValueError, match="33 tokens do not fit into the model's context of 32"):
        model(TINY)(tokens(1, 33))


def test_banded_layers_compute_what_mistral_s_do() -> None:
    """All layers banded, a window of five tokens with one's own: MistralForCausalLM is LLaMA with a window."""
    transformers = pytest.importorskip("transformers")
    dense = SHAPES["llama-grouped"]
    settings = {key: value for key, value in to_config(dense, 0).items() if key not in ("architectures", "model_type")}
    settings = {key: value for key, value in settings.items() if key not in ("attention_bias", "mlp_bias", "dtype")}
    config = transformers.MistralConfig(**settings, sliding_window=5, head_dim=dense.head_width)
    config._attn_implementation = "eager"
    torch.manual_seed(3)
    theirs = transformers.MistralForCausalLM(config).eval()
    ours = GPT(dense.model_copy(update={"window": 5, "dense_every": 0})).eval()
    ours.load_state_dict(from_transformers(dense, theirs.state_dict()))
    whole = GPT(dense).eval()
    whole.load_state_dict(ours.state_dict())
    with torch.no_grad():
        wanted = theirs(tokens()).logits
        assert torch.allclose(ours(tokens()), wanted, atol=1e-4)
        assert not torch.allclose(whole(tokens()), wanted, atol=1e-2)


def test_every_second_layer_is_banded_and_its_attention_counts_its_window_only() -> None:
    """The first layer looks back to the first token, the second to its window; of 8 tokens and 3, 21 pairs of 36."""
    banded = Architecture(vocabulary=11, context=8, layers=4, width=8, heads=2, window=3)
    assert [banded.window_of(layer) for layer in range(4)] == [None, 3, None, 3]
    made, seen = model(banded), torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(2))
    pairs = []
    for block in list(made.blocks)[:2]:
        found = 0
        for key in range(8):
            changed = seen.clone()
            changed[:, key] += 1
            with torch.no_grad():
                context = Context(None, _band(banded, 8, 0, None, torch.device("cpu")), None, None)
                before, after = (block.attention(each, context) for each in (seen, changed))
            found += int(((before - after).abs().amax(dim=-1) > 1e-7).sum())
        pairs.append(found)
    assert pairs == [36, 21]
    dense = banded.model_copy(update={"window": None})
    assert training_flops_per_token(dense, 8) - training_flops_per_token(banded, 8) == 12 * 8 * 2 * (8 - 3)
    with pytest.raises(ModelExportError, match="a model with a window is not exported"):
        to_config(banded)


@pytest.mark.parametrize("chunk", [7, 10_000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("aligned", [1, 64])
def test_the_loss_in_chunks_is_the_loss(
    chunk: int, weighted: bool, aligned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gradients too, of a sum and of any other function of the losses; ignored targets have no loss. Padding of the
    vocabulary, as on a GPU, changes nothing."""
    monkeypatch.setitem(_ALIGNED, "cpu", aligned)
    monkeypatch.setattr("curate.trainer.model.loss._CPU_CHUNK", chunk)
    draws = torch.Generator().manual_seed(4)
    hidden, weight = torch.randn(3, 20, 32, generator=draws), torch.randn(101, 32, generator=draws)
    targets = tokens().clone()
    targets[0, :5] = IGNORED
    scales = torch.rand(3, 20, generator=draws) if weighted else torch.full((3, 20), 0.25)
    found = []
    for chunked in (True, False):
        ours = [hidden.clone().requires_grad_(), weight.clone().requires_grad_()]
        if chunked:
            losses = cross_entropy(*ours, targets)
            ((losses * scales).sum() if weighted else losses.sum() / 4).backward()
        else:
            logits = (ours[0] @ ours[1].T).flatten(0, 1)
            losses = torch.nn.functional.cross_entropy(logits, targets.flatten(), reduction="none").view(3, 20)
            (losses * scales).sum().backward()
        found.append((losses.detach(), ours[0].grad, ours[1].grad))
    assert (found[0][0][0, :5] == 0).all()
    for got, expected in zip(*found, strict=True):
        assert torch.allclose(got, expected, atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(cross_entropy(hidden, weight, targets), found[1][0], atol=1e-5)


def test_the_loss_in_bfloat16_is_near_that_in_float32() -> None:
    """Its weight's gradient is added up in float32, so that many chunks lose nothing."""
    draws = torch.Generator().manual_seed(4)
    hidden, weight = torch.randn(3, 20, 32, generator=draws), torch.randn(101, 32, generator=draws).requires_grad_()
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            losses = cross_entropy(hidden, weight, tokens())
        assert losses.dtype == torch.float32
        gradients.append(torch.autograd.grad(losses.sum(), weight)[0])
    assert gradients[1].dtype == torch.float32
    assert torch.allclose(gradients[0], gradients[1], atol=0.05 * gradients[0].abs().max())


def test_recomputed_activations_give_the_same_gradient() -> None:
    gradients = []
    for recompute in (False, True):
        made = model(TINY).train()
        made.recompute = recompute
        made(tokens()[:, :-1], tokens()[:, 1:]).sum().backward()
        gradients.append(made.embedding.weight.grad)
    assert torch.equal(gradients[0], gradients[1])


def test_settings_and_statistics_need_no_torch() -> None:
    """What reads a file, or weighs numbers, works without it."""
    folder = Path(__file__).parents[2] / "curate" / "trainer"
    names = {
        "model": ("architecture", "presets"),
        "train": ("settings", "metrics"),
        "evaluate": ("tasks", "overlap"),
        "compare": ("settings", "statistics", "scaling", "comparison", "comparison_html", "comparison_markdown"),
    }
    for name in (f"{room}/{each}" for room, all_names in names.items() for each in all_names):
        assert not re.search(r"^(import|from) torch", (folder / f"{name}.py").read_text(), re.MULTILINE), name
