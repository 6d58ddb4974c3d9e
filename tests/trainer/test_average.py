"""Less noise for nothing: weights averaged before each checkpoint, a rate that ends at zero, the same order for what two
mixes share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from curate.trainer.train import checkpoint as checkpoints  # noqa: E402
from curate.trainer.train.average import Windows  # noqa: E402
from curate.trainer.train.data import Stream  # noqa: E402
from curate.trainer.train.metrics import read_metrics  # noqa: E402
from curate.trainer.train.optimizer import learning_rate_share  # noqa: E402
from curate.trainer.train.settings import Data, Schedule  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.synthetic_shards import END_OF_TEXT, documents, write_shards  # noqa: E402
from tests.support.trainer_example import LENGTH, make_shards, settings  # noqa: E402

EVERY = {"log": 1, "evaluate": 100, "checkpoint": 1}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def quiet(_: str) -> None:
    """Say nothing."""


def means(folder: Path, steps: Sequence[int]) -> dict[str, Any]:
    """The mean of the checkpoints at these steps, by numpy in double precision."""
    found = [checkpoints.open_checkpoint(folder / f"step-{step:08d}").weights() for step in steps]
    return {name: np.mean([each[name].double().numpy() for each in found], axis=0) for name in found[0]}


def test_each_checkpoint_holds_the_mean_of_the_steps_before_it(shards: Path, tmp_path: Path) -> None:
    """Against all checkpoints of the same training without averaging; what training goes on from is the last."""
    train(settings(shards, tmp_path / "all", 12, every=EVERY, keep=100), quiet)
    train(settings(shards, tmp_path / "mean", 12, average=0.25, keep=100), quiet, points=2)
    for end in (6, 12):
        mean = checkpoints.open_checkpoint(tmp_path / "mean" / f"step-{end:08d}")
        last = checkpoints.open_checkpoint(tmp_path / "all" / f"step-{end:08d}").weights()
        wanted = means(tmp_path / "all", range(end - 2, end + 1))
        assert mean.about["averaged"] == 3
        for name, weight in mean.weights().items():
            np.testing.assert_allclose(weight.numpy(), wanted[name], rtol=1e-5, atol=1e-6)
            assert torch.equal(mean.last_weights()[name], last[name])
        assert not all(torch.equal(weight, last[name]) for name, weight in mean.weights().items())


def test_a_training_stopped_amid_its_mean_goes_on_bit_for_bit(shards: Path, tmp_path: Path) -> None:
    train(settings(shards, tmp_path / "whole", 10, average=0.5), quiet)
    for stop in (2, 7, 9, None):
        train(settings(shards, tmp_path / "stopped", 10, average=0.5, keep=9), quiet, stop_after=stop)
    whole, stopped = (checkpoints.open_checkpoint(tmp_path / name) for name in ("whole", "stopped"))
    assert whole.about["averaged"] == stopped.about["averaged"] == 5
    for name, weight in whole.weights().items():
        assert torch.equal(weight, stopped.weights()[name])
        assert torch.equal(whole.last_weights()[name], stopped.last_weights()[name])
    kept = [checkpoints.open_checkpoint(path).about["averaged"] for path in checkpoints.found(tmp_path / "stopped")]
    assert kept == [0, 2, 4, 5]


def test_the_loss_measured_at_the_end_is_that_of_the_mean(shards: Path, tmp_path: Path) -> None:
    """A rate far too high, which never falls: the mean of the last half is a much better model than the last step's."""
    wild = {"optimizer": {"learning_rate": 0.2}, "schedule": {"kind": "constant"}, "evaluate_tokens": 4000}
    last = train(settings(shards, tmp_path / "last", 120, **wild), quiet).last["bits_per_byte"]
    mean = train(settings(shards, tmp_path / "mean", 120, average=0.5, **wild), quiet).last["bits_per_byte"]
    assert mean < last - 0.05
    rows = [read_metrics(tmp_path / name) for name in ("last", "mean")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]], "training itself is not changed"


@given(st.integers(1, 60), st.integers(0, 70), st.integers(1, 40), st.integers(0, 9))
def test_the_windows_are_the_last_steps_before_each_checkpoint(steps: int, width: int, every: int, points: int) -> None:
    """By listing the checkpoints that the training loop writes."""
    if points:
        saves = {step for step in range(1, steps + 1) if step * points // steps > (step - 1) * points // steps}
    else:
        saves = {step for step in range(1, steps + 1) if step % every == 0}
    ends = sorted(saves | {steps})
    begins: dict[int, int] = {}
    for before, end in zip([0, *ends], ends, strict=False):
        begin = max(before, end - width) + 1
        begins |= dict.fromkeys(range(begin, end + 1), begin)
    windows = Windows(steps, width, every, points or None)
    assert [windows.begin(step) for step in range(1, steps + 3)] == [begins.get(step) for step in range(1, steps + 3)]


def test_an_average_over_a_budget_in_minutes_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="average needs a budget in tokens or flops"):
        settings(shards, tmp_path, 1, average=0.1, budget={"minutes": 1})


def test_the_rate_may_fall_to_zero_by_one_less_the_square_root() -> None:
    falling = Schedule(kind="stable-decay", warmup=0, decay=0.2, shape="sqrt", final=0.0)
    shares = [learning_rate_share(falling, done) for done in (0.5, 0.8, 0.85, 0.95, 1.0)]
    assert shares == pytest.approx([1, 1, 1 - np.sqrt(0.25), 1 - np.sqrt(0.75), 0])


def test_what_two_mixes_share_comes_in_the_same_order_in_both(tmp_path: Path) -> None:
    """One mix lacks every third document of the other. Shuffled, each mix has an order of its own."""
    rows = [row for row in documents(80, mean=30) if len(row) > 4]
    shared = [row for number, row in enumerate(rows) if number % 3]
    mixes = [write_shards(tmp_path / "all", [rows]), write_shards(tmp_path / "fewer", [shared])]

    def sequences(folder: Path, order: Any) -> list[list[int]]:
        stream = Stream(Data(path=str(folder), sequence_length=LENGTH, order=order), 4)
        count = stream.loader.sequences_per_epoch
        taken = stream.take(np.arange(count), torch.device("cpu"))
        return [[*row[:LENGTH].tolist()] for row in taken.batch.tokens]

    whole = [[token for row in sequences(folder, "stored") for token in row] for folder in mixes]
    for tokens, source in zip(whole, (rows, shared), strict=True):
        flat = [token for row in source for token in row.tolist()]
        assert tokens == flat[: len(tokens)]
    assert END_OF_TEXT in whole[0]
    assert sequences(mixes[0], "shuffled") != sequences(mixes[0], "stored")
