"""Parts of a model that its settings add: experts, normalised queries and keys, bent logits, the square of ReLU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from curate.trainer.model.architecture import (  # noqa: E402
    Architecture,
    count_parameters,
    matrix_parameters,
    training_flops_per_token,
)
from curate.trainer.model.feed_forward import Experts, FeedForward, balance  # noqa: E402
from curate.trainer.model.generate import Sampling, generate  # noqa: E402
from curate.trainer.model.loss import _ALIGNED, IGNORED, cross_entropy  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.model.presets import PRESETS  # noqa: E402
from curate.trainer.train.checkpoint import open_checkpoint  # noqa: E402
from curate.trainer.train.export import ModelExportError, to_config, to_transformers  # noqa: E402
from curate.trainer.train.optimizer import build_optimizers  # noqa: E402
from curate.trainer.train.settings import Optimizer, Training  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import MERGES, make_shards, settings  # noqa: E402
from tests.trainer.test_model import model, tokens  # noqa: E402

LLAMA: dict[str, Any] = {
    "vocabulary": 101,
    "context": 32,
    "layers": 2,
    "width": 24,
    "heads": 4,
    "key_value_heads": 2,
    "hidden": 40,
    "activation": "swiglu",
    "norm": "rms",
    "positions": "rotary",
    "bias": False,
    "tied": False,
}
SPARSE = Architecture(**LLAMA, experts=4, experts_per_token=2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def theirs(kind: str, shape: Architecture, weights: dict[str, Tensor], **more: Any) -> Any:
    """A model of transformers with our weights: those of a LLaMA, and `weights` besides."""
    transformers = pytest.importorskip("transformers")
    plain = shape.model_copy(update={"experts": None, "qk_norm": False})
    config = {
        key: value for key, value in to_config(plain).items() if key not in ("architectures", "model_type", "dtype")
    }
    made = getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**config, **more)).eval()
    missing = made.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys
    assert not missing.missing_keys
    return made


def test_experts_compute_what_mixtral_s_do() -> None:
    """Logits equal those of transformers, routed to two of four."""
    ours = model(SPARSE)
    state = ours.state_dict()
    dense = GPT(Architecture(**LLAMA)).state_dict() | state  # its feed-forward parts are written over, and gone
    weights = {name: t for name, t in to_transformers(Architecture(**LLAMA), dense).items() if ".mlp." not in name}
    for layer in range(SPARSE.layers):
        there, here = f"model.layers.{layer}.mlp", f"blocks.{layer}.feed_forward"
        each = [[state[f"{here}.experts.{n}.{part}.weight"] for n in range(4)] for part in ("gate", "inward", "output")]
        weights[f"{there}.gate.weight"] = state[f"{here}.router.weight"]
        weights[f"{there}.experts.gate_up_proj"] = torch.cat([torch.stack(each[0]), torch.stack(each[1])], dim=1)
        weights[f"{there}.experts.down_proj"] = torch.stack(each[2])
    made = theirs("Mixtral", SPARSE, weights, num_local_experts=4, num_experts_per_tok=2, sliding_window=None)
    with torch.no_grad():
        assert torch.allclose(ours(tokens()), made(tokens()).logits, atol=1e-4)


def test_queries_and_keys_are_normalised_as_qwen_3_s_are() -> None:
    shape = Architecture(**LLAMA, qk_norm=True)
    ours = model(shape)
    state = ours.state_dict()
    norms = {name: tensor for name, tensor in state.items() if "query_norm" in name or "key_norm" in name}
    weights = to_transformers(Architecture(**LLAMA), {name: state[name] for name in state if name not in norms})
    for name, tensor in norms.items():
        layer, which = name.split(".")[1], name.split(".")[3][0]
        weights[f"model.layers.{layer}.self_attn.{which}_norm.weight"] = tensor
    made = theirs("Qwen3", shape, weights, head_dim=shape.head_width)
    with torch.no_grad():
        assert torch.allclose(ours(tokens()), made(tokens()).logits, atol=1e-4)


def test_no_token_is_dropped_however_unevenly_they_are_sent() -> None:
    """The output is the sum over all experts, those not chosen with weight 0; here all tokens go to the same two."""
    shape = SPARSE.model_copy(update={"layers": 1})
    experts = model(shape).blocks[0].feed_forward
    assert isinstance(experts, Experts)
    x = torch.randn(2, 9, shape.width, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        for skewed in (False, True):
            if skewed:
                x[..., 0] = 1.0
                experts.router.weight.copy_(
                    torch.tensor([9.0, 8.0, 0.0, 0.0])[:, None] * F.one_hot(torch.tensor(0), 24)
                )
            probabilities = (x @ experts.router.weight.T).softmax(dim=-1)
            least = probabilities.topk(2, dim=-1).values[..., -1:]
            weights = torch.where(probabilities >= least, probabilities, 0.0)
            weights = weights / weights.sum(dim=-1, keepdim=True)
            dense = sum(weights[..., n, None] * expert(x) for n, expert in enumerate(experts.experts))
            assert torch.allclose(experts(x), dense, atol=1e-5)


def test_an_expert_that_is_sent_nothing_has_a_gradient_of_zeros() -> None:
    """Data-parallel training waits for a gradient of every parameter."""
    experts = Experts(SPARSE, 4)
    with torch.no_grad():
        experts.router.weight.zero_()
        experts.router.weight[:2, 0] = 9.0
    x = torch.zeros(1, 5, SPARSE.width)
    x[..., 0] = 1.0
    experts(x).sum().backward()
    for number, expert in enumerate(experts.experts):
        gradient = expert.output.weight.grad
        assert gradient is not None
        assert bool(gradient.any()) == (number < 2)


def test_the_balancing_loss_is_that_of_the_worked_example() -> None:
    logits = torch.tensor([[2.0, 1, 0, -1], [1.5, 1.5, -0.5, 0], [0, 2, 1, -1], [3, 0, 0, 0]])
    experts = Experts(SPARSE.model_copy(update={"width": 4}), 4)
    with torch.no_grad():
        experts.router.weight.copy_(torch.eye(4))
    for part in experts.experts:
        part.inward, part.gate, part.output = (torch.nn.Linear(4, 4, bias=False) for _ in range(3))
    experts(logits[None])
    assert experts.balance is not None
    assert experts.balance.item() == pytest.approx(1.4865671, abs=1e-6)
    probabilities = logits.softmax(dim=-1)
    assert balance(probabilities, probabilities.argmax(dim=-1)[:, None]).item() == pytest.approx(1.8558634, abs=1e-6)
    even = torch.full((8, 4), 0.25)
    assert balance(even, torch.arange(8)[:, None] % 4).item() == pytest.approx(1.0)


def test_the_published_sizes_of_mixtral_are_counted_in_all_and_by_active_parameters() -> None:
    shape = PRESETS["mixtral-8x7b"].shape
    embeddings = shape.vocabulary * shape.width
    assert count_parameters(shape) == 46_702_792_704
    assert matrix_parameters(shape) + embeddings == pytest.approx(12.88e9, rel=1e-3)
    dense = shape.model_copy(update={"experts": None, "hidden": 2 * shape.feed_forward})
    router = 6 * shape.layers * shape.width * 8
    assert training_flops_per_token(shape, 4096) == training_flops_per_token(dense, 4096) + router
    with torch.device("meta"):
        built = GPT(shape)
    assert sum(parameter.numel() for parameter in built.parameters()) == count_parameters(shape)


@pytest.mark.parametrize("aligned", [1, 64])
def test_bent_logits_have_the_loss_and_gradients_of_a_plain_reading(
    aligned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without columns of padding, ignored targets, and losses weighted one by one."""
    monkeypatch.setitem(_ALIGNED, "cpu", aligned)
    draws = torch.Generator().manual_seed(5)
    hidden, weight = torch.randn(2, 50, 8, generator=draws), 3 * torch.randn(101, 8, generator=draws)
    targets = torch.randint(0, 101, (2, 50), generator=draws)
    targets[0, ::7] = IGNORED
    for scale in (torch.ones(2, 50), torch.rand(2, 50, generator=draws)):
        found = []
        for way in ("ours", "plain"):
            h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
            if way == "ours":
                losses = cross_entropy(h, w, targets, cap=5.0)
            else:
                logits = 5.0 * torch.tanh(h @ w.T / 5.0)
                losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(2, 50)
            (losses * scale).sum().backward()
            assert h.grad is not None
            assert w.grad is not None
            found.append((losses.detach(), h.grad, w.grad))
        for mine, plain in zip(*found, strict=True):
            assert torch.allclose(mine, plain, atol=1e-4)


def test_bent_logits_are_bent_wherever_they_are_made() -> None:
    made = model(Architecture(**LLAMA, logit_cap=0.5))
    with torch.no_grad():
        assert made(tokens()).abs().max() < 0.5
        losses = made(tokens()[:, :-1], tokens()[:, 1:])
        logits = made(tokens()[:, :-1])
    plain = F.cross_entropy(logits.flatten(0, 1), tokens()[:, 1:].flatten(), reduction="none").view(losses.shape)
    assert torch.allclose(losses, plain, atol=1e-5)


def test_the_square_of_relu() -> None:
    shape = Architecture(**{**LLAMA, "activation": "relu2"})
    part = FeedForward(shape)
    x = torch.randn(3, shape.width, generator=torch.Generator().manual_seed(6))
    plain = (x @ part.inward.weight.T).clamp(min=0) ** 2 @ part.output.weight.T
    assert torch.allclose(part(x), plain, atol=1e-6)


def test_a_model_of_all_these_parts_trains_resumes_and_generates(shards: Path, tmp_path: Path) -> None:
    """Bit for bit on a CPU, whether activations are kept or made again."""
    shape = {**LLAMA, "vocabulary": MERGES + 1, "experts": 4, "balance": 0.1, "qk_norm": True, "logit_cap": 30.0}
    how: dict[str, Any] = {"model": shape, "optimizer": {"name": "muon", "learning_rate": 0.01}}
    train(settings(shards, tmp_path / "whole", 12, **how), lambda _: None)
    train(settings(shards, tmp_path / "parts", 12, **how), lambda _: None, stop_after=5)
    again = settings(shards, tmp_path / "parts", 12, **how, recompute_activations=True)
    train(again, lambda _: None)
    first, second = (open_checkpoint(tmp_path / name) for name in ("whole", "parts"))
    assert all(torch.equal(tensor, second.weights()[name]) for name, tensor in first.weights().items())
    made = GPT(first.shape).eval()
    made.load_state_dict(first.weights())
    (text,) = generate(made, [[MERGES, 5, 7]], 4, Sampling(temperature=0))
    assert len(text) == 4


def test_the_balancing_loss_evens_out_a_router() -> None:
    """Gradient descent on it alone takes a lopsided router to 1."""
    experts = Experts(SPARSE, 4)
    draws = torch.Generator().manual_seed(7)
    x = torch.randn(1, 200, SPARSE.width, generator=draws) + 0.5
    with torch.no_grad():
        experts.router.weight.copy_(torch.randn(4, SPARSE.width, generator=draws))
        experts.router.weight[0] += 0.5
    optimizer = torch.optim.SGD([experts.router.weight], lr=1.0)
    seen = []
    for _ in range(200):
        experts(x)
        assert experts.balance is not None
        seen.append(experts.balance.item())
        optimizer.zero_grad()
        experts.balance.backward()
        optimizer.step()
    assert seen[0] > 1.3
    assert seen[-1] < 1.1


def test_a_router_is_not_given_to_muon() -> None:
    adamw, muon = build_optimizers(GPT(SPARSE), Optimizer(name="muon"))
    router = GPT(SPARSE).blocks[0].feed_forward.router.weight.shape
    assert router not in {p.shape for group in muon.param_groups for p in group["params"]}
    assert router in {p.shape for group in adamw.param_groups for p in group["params"]}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"model": {"experts": 2, "experts_per_token": 3}}, "experts_per_token 3 is more than experts 2"),
        ({"model": {"experts": 1}}, "model.experts"),
        ({"model": {"experts": 4}, "parallel": {"tensor": 2}}, "parallel.tensor splits neither model.experts"),
        ({"model": {"qk_norm": True}, "parallel": {"tensor": 2}}, "parallel.tensor splits neither"),
        ({"model": {"logit_cap": 0}}, "logit_cap"),
    ],
)
def test_settings_that_do_not_fit_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\W*")):
        Training.model_validate({"budget": {"tokens": 1_000_000}, **keys})


@pytest.mark.parametrize("part", [{"experts": 4}, {"qk_norm": True}, {"logit_cap": 30.0}, {"activation": "relu2"}])
def test_a_model_that_transformers_file_cannot_say_is_not_exported(part: dict[str, Any]) -> None:
    with pytest.raises(ModelExportError):
        to_config(Architecture(**{**LLAMA, **part}))
