"""Training on shards: it learns, resumes exactly, keeps its checkpoints whole, and says what went wrong."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from curate.engine.seal import sealed, unsealed  # noqa: E402
from curate.errors import ConfigError  # noqa: E402
from curate.shards import Loader, StateError  # noqa: E402
from curate.trainer.model.architecture import Architecture, training_flops_per_token  # noqa: E402
from curate.trainer.model.loss import IGNORED  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.train import checkpoint as checkpoints  # noqa: E402
from curate.trainer.train.data import Stream  # noqa: E402
from curate.trainer.train.metrics import model_flops_utilization, peak_flops, read_metrics  # noqa: E402
from curate.trainer.train.nonfinite import NonFiniteLoss  # noqa: E402
from curate.trainer.train.optimizer import build_optimizers, learning_rate_share  # noqa: E402
from curate.trainer.train.out_of_memory import OutOfMemory  # noqa: E402
from curate.trainer.train.settings import Data, Optimizer, Schedule, read_training  # noqa: E402
from curate.trainer.train.train import total_steps, train  # noqa: E402
from tests.support.synthetic_shards import END_OF_TEXT, documents, write_shards  # noqa: E402
from tests.support.trainer_example import LENGTH, make_shards, settings, unigram_bits_per_byte  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def quiet(_: str) -> None:
    """Say nothing."""


def weights(folder: Path) -> dict[str, Any]:
    return checkpoints.open_checkpoint(folder).weights()


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_metrics(folder)]


def same(first: Path, second: Path) -> bool:
    a, b = weights(first), weights(second)
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_a_tiny_model_learns(shards: Path, tmp_path: Path) -> None:
    """Its loss on text it has not seen falls below that of the best model of single tokens."""
    result = train(settings(shards, tmp_path, 300, evaluate_tokens=4000), quiet)
    assert result.last["bits_per_byte"] < unigram_bits_per_byte(shards)
    assert result.last["bits_per_byte_by_source"].keys() == {"reference"}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stopped_run_goes_on_bit_for_bit(shards: Path, tmp_path: Path, optimizer: str) -> None:
    """With dropout, accumulation and document masks; its metrics are those of a run that was not stopped."""
    changes: dict[str, Any] = {
        "model": {"vocabulary": 769, "layers": 1, "width": 16, "heads": 2, "context": LENGTH, "dropout": 0.1},
        "data": {"path": str(shards), "sequence_length": LENGTH, "document_masks": True},
        "batch": {"tokens": 4 * LENGTH, "micro": 3},
        "optimizer": {"name": optimizer},
        "every": {"log": 1, "evaluate": 100, "checkpoint": 100},
    }
    train(settings(shards, tmp_path / "whole", 8, **changes), quiet)
    for stop in (3, 5, None):
        train(settings(shards, tmp_path / "stopped", 8, **changes), quiet, stop_after=stop)
    assert same(tmp_path / "whole", tmp_path / "stopped")
    assert losses(tmp_path / "whole") == losses(tmp_path / "stopped")
    assert len(losses(tmp_path / "whole")) == 8


def test_accumulation_does_not_change_the_step(shards: Path, tmp_path: Path) -> None:
    for micro in (1, 4):
        changes = {"batch": {"tokens": 4 * LENGTH, "micro": micro}, "every": {"log": 1, "evaluate": 9, "checkpoint": 9}}
        train(settings(shards, tmp_path / str(micro), 3, **changes), quiet)
    assert losses(tmp_path / "1") == pytest.approx(losses(tmp_path / "4"), rel=1e-4)


def test_another_seed_is_another_model_and_the_same_seed_the_same(shards: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(settings(shards, tmp_path / name, 2, seed=seed), quiet)
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")


def test_the_newest_checkpoints_are_kept_and_none_is_half_written(shards: Path, tmp_path: Path) -> None:
    every = {"log": 1, "evaluate": 100, "checkpoint": 2}
    (tmp_path / ".step-00000001.killed.tmp").mkdir()
    train(settings(shards, tmp_path, 7, every=every, keep=2), quiet)
    assert [path.name for path in checkpoints.found(tmp_path)] == ["step-00000006", "step-00000007"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl", "step-00000006", "step-00000007"]


def test_a_checkpoint_without_its_description_does_not_count(shards: Path, tmp_path: Path) -> None:
    train(settings(shards, tmp_path, 2), quiet)
    (tmp_path / "step-00000002" / "checkpoint.json").unlink()
    with pytest.raises(checkpoints.CheckpointError, match="no checkpoint in"):
        checkpoints.open_checkpoint(tmp_path)


def test_settings_that_differ_on_resume_are_refused_by_name(shards: Path, tmp_path: Path) -> None:
    """A finished training, too, is not taken for one of other settings; where and how fast may change."""
    out = tmp_path / "out"
    train(settings(shards, out, 2), quiet)
    other = {"seed": 7, "optimizer": {"name": "muon", "learning_rate": 0.05, "weight_decay": 0.0}}
    with pytest.raises(checkpoints.CheckpointError) as error:
        train(settings(shards, out, 2, **other), quiet)
    assert "is of another training: seed was 0, and is 7; optimizer.name was adamw, and is muon. Set them" in str(
        error.value
    )
    moved = shutil.copytree(shards, tmp_path / "moved")
    every = {"log": 1, "evaluate": 50, "checkpoint": 50}
    done = train(settings(moved, out, 3, keep=1, every=every, batch={"tokens": 4 * LENGTH, "micro": 2}), quiet)
    assert done.step == 3


def test_too_little_memory_says_what_to_lower(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What PyTorch raises on a GPU, raised here by hand."""

    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    monkeypatch.setattr(GPT, "forward", full)
    with pytest.raises(
        OutOfMemory, match=r"lower batch\.micro \(now 4\), or set recompute_activations: true.* Tried to"
    ):
        train(settings(shards, tmp_path / "out", 2), quiet)


def test_a_checkpoint_of_other_shards_is_refused(shards: Path, tmp_path: Path) -> None:
    train(settings(shards, tmp_path / "out", 4), quiet, stop_after=2)
    other = tmp_path / "other"
    shutil.copytree(shards / "shards", other)
    manifest = unsealed((other / "manifest.json").read_bytes())
    (other / "manifest.json").write_bytes(sealed({**manifest, "fingerprint": "0123456789abcdef"}))
    with pytest.raises(StateError, match="another stream"):
        train(settings(other, tmp_path / "out", 4), quiet)


def test_a_loss_that_is_no_number_names_its_documents(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documents of the sequence whose loss it is, as the ids that the ledger knows, and no others."""
    config = settings(shards, tmp_path / "out", 10)
    loader = Loader(shards, LENGTH, 1)
    batch = loader.batch(torch.arange(4 * 4, 4 * 4 + 4).numpy())  # the fifth step's sequences
    view = loader.reader.open(loader.reader.split("train")[0])
    expected = {view.batch.column("id")[number].as_py().hex() for number in set(batch.documents[2].tolist())}
    forward = GPT.forward

    def broken(self: GPT, tokens: Any, targets: Any = None, documents: Any = None, cache: Any = None) -> Any:
        nats = forward(self, tokens, targets, documents, cache)
        bad = (tokens == torch.from_numpy(batch.inputs[2].astype("int64"))).all(dim=1)
        return torch.where(bad[:, None], torch.nan, nats)

    monkeypatch.setattr(GPT, "forward", broken)
    with pytest.raises(NonFiniteLoss, match="not finite at step 5, in 1 sequences") as error:
        train(config, quiet)
    assert expected <= set(error.value.documents)
    assert len(error.value.documents) <= len(expected) + 1  # a document that begins with the last target
    assert not checkpoints.found(tmp_path / "out")


def test_a_model_too_small_for_the_vocabulary_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has 769 ids, the model 100"):
        train(settings(shards, tmp_path, 1, model={"vocabulary": 100, "context": LENGTH}), quiet)


def test_budgets_in_flops_and_minutes(shards: Path, tmp_path: Path) -> None:
    config = settings(shards, tmp_path, 1)
    flops = training_flops_per_token(config.model, LENGTH) * config.batch.tokens
    assert total_steps(settings(shards, tmp_path, 1, budget={"flops": 5.5 * flops})) == 5
    result = train(settings(shards, tmp_path, 1, budget={"minutes": 0.005}), quiet)
    assert result.step >= 1
    assert result.last["seconds"] >= 0.3


def test_the_files_in_examples_are_valid() -> None:
    for path in (EXAMPLES / "train").glob("*.yaml"):
        assert read_training(path).name


def test_a_mistake_in_a_training_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: a\nbudget: {tokens: 1M}\noptimizer:\n  learning_rat: 1.0e-3\n")
    with pytest.raises(
        ConfigError, match=r"a.yaml:4: optimizer.learning_rat: unknown key; did you mean 'learning_rate'"
    ):
        read_training(path)
    path.write_text("name: a\nbudget: {tokens: 1M, minutes: 3}\n")
    with pytest.raises(
        ConfigError, match=r"a.yaml:2: budget: give exactly one of tokens, flops, minutes and tokens_per_parameter"
    ):
        read_training(path)
    path.write_text("budget: {tokens: 1M}\nmodel: gpt5\n")
    with pytest.raises(ConfigError, match="no preset 'gpt5'; known: transformer-base, gpt1, gpt2-124m"):
        read_training(path)
    path.write_text("budget: {tokens: 1M}\n")
    changed = read_training(path, ["model.preset=gpt2-124m", "model.layers=3", "budget.tokens=2M"])
    assert (changed.model.layers, changed.model.width, changed.budget.tokens) == (3, 768, 2_000_000)


def test_biases_and_norms_do_not_decay_and_muon_takes_the_matrices_of_blocks() -> None:
    model = GPT(Architecture(vocabulary=11, context=8, layers=1, width=8, heads=2))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    (adam,) = build_optimizers(model, Optimizer())
    plain = {names[id(p)] for group in adam.param_groups if not group["weight_decay"] for p in group["params"]}
    assert plain == {name for name in names.values() if re.search(r"bias$|norm", name)}
    adam, muon = build_optimizers(model, Optimizer(name="muon"))
    taken = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    assert taken == {
        name for name in names.values() if re.search(r"blocks.*(attention|feed_forward)\.\w+\.weight", name)
    }
    rest = {names[id(p)] for group in adam.param_groups for p in group["params"]}
    assert taken | rest == set(names.values())
    assert not taken & rest


def test_best_fit_packing_trains_on_whole_documents_and_not_on_padding(tmp_path: Path) -> None:
    rows = [row for row in documents(60, mean=20) if len(row) <= 33]
    folder = write_shards(tmp_path, [rows])
    stream = Stream(Data(path=str(folder), sequence_length=32, packing="best_fit"), 4)
    count = stream.loader.sequences_per_epoch
    seen: list[list[int]] = []
    targets = 0
    for first in range(count):
        taken = stream.take(np.array([first]), torch.device("cpu"))
        valid = taken.targets[0] != IGNORED
        targets += int(valid.sum())
        row = taken.batch.tokens[0][: int(np.flatnonzero(valid.numpy())[-1]) + 2].tolist()
        while row:
            end = row.index(END_OF_TEXT) + 1
            seen.append(row[:end])
            row = row[end:]
    assert sorted(seen) == sorted(row.tolist() for row in rows)
    assert targets == sum(map(len, rows)) - count  # every token but the first of a sequence is a target
    assert count * 33 > sum(map(len, rows))  # there was padding to leave out


def test_the_learning_rate_follows_its_schedule() -> None:
    cosine = Schedule(kind="cosine", warmup=0.1, final=0.1)
    assert learning_rate_share(cosine, 0.05) == pytest.approx(0.5)
    assert learning_rate_share(cosine, 0.1) == pytest.approx(1.0)
    assert learning_rate_share(cosine, 0.55) == pytest.approx(0.55)
    assert learning_rate_share(cosine, 1.0) == pytest.approx(0.1)
    stable = Schedule(kind="stable-decay", warmup=0.1, decay=0.2, final=0.0)
    assert [learning_rate_share(stable, done) for done in (0.1, 0.5, 0.8, 0.9, 1.0)] == pytest.approx([1, 1, 1, 0.5, 0])
    assert learning_rate_share(Schedule(kind="constant", warmup=0), 1.0) == 1


@pytest.mark.parametrize("asked", [{"tensorboard": True}, {"wandb": "project"}])
def test_a_writer_that_is_not_installed_is_named_before_training(
    shards: Path, tmp_path: Path, asked: dict[str, Any]
) -> None:
    (name,) = asked
    if find_spec(name) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(ValueError, match=f"{name}: not installed: pip install {name}"):
        train(settings(shards, tmp_path, 1, **asked), quiet)


def test_tensorboard_holds_the_metrics(shards: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(settings(shards, tmp_path, 2, tensorboard=True, evaluate_tokens=100), quiet)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"loss", "bits_per_byte_by_source/reference"} <= set(events.Tags()["scalars"])


def test_the_model_flops_are_those_of_the_formula() -> None:
    """nanoGPT's number for GPT-2 124M: N without position embeddings, 6 N + 12 L W T."""
    flops = training_flops_per_token(Architecture(), 1024)
    assert flops == 6 * (124_439_808 - 1024 * 768) + 12 * 12 * 768 * 1024
    assert model_flops_utilization(flops, 100_000, "NVIDIA A100-SXM4-40GB", 1) == pytest.approx(flops * 1e5 / 312e12)


def test_an_unknown_device_has_no_peak() -> None:
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("NVIDIA H100 PCIe") == 756e12
    assert peak_flops("NVIDIA L4") == 121e12
    assert peak_flops("NVIDIA L40S") == 362e12
    assert peak_flops("cpu") is None
    assert peak_flops("NVIDIA T400 4GB") is None
    assert model_flops_utilization(1.0, 1.0, "cpu", 1) is None


@pytest.mark.filterwarnings("ignore")  # the compiler warns of itself
def test_compiled_training_computes_the_same(shards: Path, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    for name, compiled in (("plain", False), ("compiled", True)):
        every = {"log": 1, "evaluate": 9, "checkpoint": 9}
        train(settings(shards, tmp_path / name, 2, compile=compiled, every=every), quiet)
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "plain"), rel=1e-4)
