"""A base adapted by thin matrices: it begins as it was, keeps its own weights, and ends as a model of its own shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from curate.errors import ConfigError  # noqa: E402
from curate.trainer.compare.validate import read_validation, validate  # noqa: E402
from curate.trainer.model.architecture import Architecture  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.model.presets import PRESETS  # noqa: E402
from curate.trainer.train.checkpoint import load_model, open_checkpoint  # noqa: E402
from curate.trainer.train.lora import adapt, merged  # noqa: E402
from curate.trainer.train.settings import Lora, Training  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import make_shards, settings  # noqa: E402
from tests.trainer.test_anneal import annealing  # noqa: E402

SHAPE = Architecture(vocabulary=97, context=16, layers=2, width=16, heads=2)
EVERY = ("query", "key", "value", "output", "inward")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


@pytest.fixture(scope="module")
def base(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lora-base")
    train(settings(shards, out, 30), lambda _: None)
    return out


def adapted(**how: Any) -> tuple[GPT, GPT]:
    """A model, and the same adapted."""
    made = []
    for _ in range(2):
        model = GPT(SHAPE).eval()
        model.initialise(0)
        made.append(model)
    adapt(made[1], Lora(**how), 3)
    return made[0], made[1]


def tokens() -> torch.Tensor:
    return torch.randint(0, 97, (2, 16), generator=torch.Generator().manual_seed(1))


def test_an_adapted_model_begins_as_it_was_and_only_thin_matrices_learn() -> None:
    plain, model = adapted(rank=2, parts=EVERY)
    with torch.no_grad():
        assert torch.equal(plain(tokens()), model(tokens()))
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.rpartition(".")[2] for name in learning} == {"up", "down"}
    assert len(learning) == 2 * 2 * 6
    down = model.blocks[0].attention.query.down
    assert down.abs().max() <= 16**-0.5
    assert down.std() > 0.1


def test_what_was_learnt_is_added_to_the_matrix_it_stands_beside() -> None:
    """The merged model's logits are the adapted one's, and each matrix changed by one of the rank asked for."""
    plain, model = adapted(rank=2, alpha=6, parts=EVERY)
    draws = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".up"):
                parameter.copy_(torch.randn(parameter.shape, generator=draws))
    made = GPT(SHAPE).eval()
    made.load_state_dict(merged(model.state_dict(), Lora(rank=2, alpha=6, parts=EVERY)))
    with torch.no_grad():
        assert torch.allclose(made(tokens()), model(tokens()), atol=1e-4)
        assert not torch.allclose(made(tokens()), plain(tokens()), atol=1e-1)
    layer, before = model.blocks[1].feed_forward.inward, plain.blocks[1].feed_forward.inward.weight
    change = made.blocks[1].feed_forward.inward.weight - before
    assert torch.allclose(change, 3 * layer.up @ layer.down, atol=1e-5)
    assert torch.linalg.matrix_rank(change.double(), tol=1e-4) == 2


def test_the_published_number_of_parameters_learns() -> None:
    """Hu et al.: of GPT-3, query and value, 4.7 million with rank 1 and 37.7 million with rank 8."""
    for name, rank, count in (("gpt2-124m", 8, 294_912), ("gpt3-175b", 1, 4_718_592), ("gpt3-175b", 8, 37_748_736)):
        shape = PRESETS[name].shape
        with torch.device("meta"):
            block = GPT(shape.model_copy(update={"layers": 1, "vocabulary": 8, "context": 8}))
        each = [getattr(block.blocks[0].attention, part) for part in ("query", "value")]
        assert shape.layers * sum(rank * (part.in_features + part.out_features) for part in each) == count


def test_training_adapts_resumes_bit_for_bit_and_ends_as_a_model_like_any(
    shards: Path, base: Path, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"base": str(base), "lora": {"rank": 4}, "optimizer": {"learning_rate": 0.02}}
    train(settings(shards, tmp_path / "whole", 8, **how), lambda _: None)
    train(settings(shards, tmp_path / "parts", 8, **how), lambda _: None, stop_after=3)
    train(settings(shards, tmp_path / "parts", 8, **how), lambda _: None)
    first, second = (open_checkpoint(tmp_path / name) for name in ("whole", "parts"))
    assert all(torch.equal(tensor, second.weights()[name]) for name, tensor in first.weights().items())
    load_model(first, torch.device("cpu"))
    was, now = open_checkpoint(base).weights(), first.weights()
    assert set(was) == set(now)
    changed = {name for name in was if not torch.equal(was[name], now[name])}
    assert changed == {f"blocks.{n}.attention.{part}.weight" for n in (0, 1) for part in ("query", "value")}
    state = torch.load(first.path / "training.pt", weights_only=True)["state"]
    assert all(name.endswith((".up", ".down")) for name in state)


def test_a_comparison_anneals_by_thin_matrices(shards: Path, base: Path, tmp_path: Path) -> None:
    file = annealing(tmp_path, shards, base)
    verdict = validate(read_validation(file, ["proxy.lora={rank: 2}", "seeds=1"]), lambda _: None)
    assert verdict.pairs[0].primary.comparison.difference == 0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"average": 0.1}, "average: leave it out with lora"),
        ({"optimizer": {"name": "muon"}}, "lora's thin matrices are trained by adamw"),
        ({"parallel": {"tensor": 2}}, "parallel.tensor splits no layers with lora"),
        ({"lora": {"parts": ["head"]}}, "lora"),
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training.model_validate({"budget": {"tokens": 1_000_000}, "lora": {}, **keys})


def test_adapting_needs_a_base_and_parts_that_are_there(shards: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lora: give a base"):
        train(settings(shards, tmp_path, 2, lora={}), lambda _: None)
    with pytest.raises(ConfigError, match="the model's blocks have no gate"):
        train(settings(shards, tmp_path, 2, lora={"parts": ["gate"]}, base=str(base)), lambda _: None)
