"""Scheduled sampling: which inputs are replaced, by what, and that a training with it is still one training."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from curate.trainer.model.architecture import Architecture  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.train.checkpoint import open_checkpoint  # noqa: E402
from curate.trainer.train.own_inputs import Own, own_inputs  # noqa: E402
from curate.trainer.train.settings import Training  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import make_shards, settings  # noqa: E402

SHAPE = Architecture(vocabulary=97, context=32, layers=2, width=16, heads=2, tied=False, dropout=0.5)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


@pytest.fixture
def certain() -> GPT:
    """A model that has no doubt: what is drawn is what is likeliest."""
    model = GPT(SHAPE)
    model.initialise(0)
    assert model.head is not None
    with torch.no_grad():
        model.head.weight.mul_(1e6)
    return model.train()


def tokens() -> torch.Tensor:
    return torch.randint(0, 97, (3, 32), generator=torch.Generator().manual_seed(1))


def test_with_certainty_every_input_is_the_guess_from_those_before_it(certain: GPT) -> None:
    """As a plain reading makes it; dropout has no part in guesses, and is on again afterwards."""
    found = own_inputs(certain, tokens(), None, 1.0)
    assert certain.training
    with torch.no_grad():
        guess = certain.eval()(tokens()).argmax(dim=-1)
    assert torch.equal(found[:, 1:], guess[:, :-1])
    assert torch.equal(found[:, 0], tokens()[:, 0])


def test_what_a_document_begins_with_stays(certain: GPT) -> None:
    documents = torch.tensor([0] * 10 + [1] * 1 + [2] * 21).expand(3, -1)
    found = own_inputs(certain, tokens(), documents, 1.0)
    with torch.no_grad():
        hidden = certain.eval().hidden(tokens(), documents)
        guess = (hidden @ certain.output_weight.T).argmax(dim=-1)
    starts = [0, 10, 11]
    assert torch.equal(found[:, starts], tokens()[:, starts])
    others = [place for place in range(32) if place not in starts]
    assert torch.equal(found[:, others], guess[:, [place - 1 for place in others]])


def test_as_many_are_replaced_as_the_chance_says(certain: GPT) -> None:
    torch.manual_seed(0)
    many = tokens().repeat(40, 1)
    replaced = (own_inputs(certain, many, None, 0.25) != many)[:, 1:].float().mean().item()
    always = (own_inputs(certain, many, None, 1.0) != many)[:, 1:].float().mean().item()
    assert replaced == pytest.approx(0.25 * always, abs=0.03)
    assert Own(certain, 0.0)(many, None) is many


def test_a_training_with_it_is_resumed_bit_for_bit_and_is_another(shards: Path, tmp_path: Path) -> None:
    how = {"scheduled_sampling": 0.5}
    train(settings(shards, tmp_path / "whole", 8, **how), lambda _: None)
    train(settings(shards, tmp_path / "parts", 8, **how), lambda _: None, stop_after=3)
    train(settings(shards, tmp_path / "parts", 8, **how), lambda _: None)
    train(settings(shards, tmp_path / "plain", 8), lambda _: None)
    whole, parts, plain = (open_checkpoint(tmp_path / name).weights() for name in ("whole", "parts", "plain"))
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    assert not torch.equal(whole["embedding.weight"], plain["embedding.weight"])


def test_a_model_in_pieces_is_refused() -> None:
    for parallel in ({"data": "fsdp"}, {"tensor": 2}):
        keys = {"budget": {"tokens": 1_000_000}, "scheduled_sampling": 0.1, "parallel": parallel}
        with pytest.raises(ValueError, match="scheduled_sampling needs the whole model on each process"):
            Training.model_validate(keys)
