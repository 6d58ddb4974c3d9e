"""One base continued on each mix: its weights, its rate falling to zero, and a verdict of the last data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from curate.errors import ConfigError  # noqa: E402
from curate.trainer.compare.validate import read_validation, validate  # noqa: E402
from curate.trainer.train import checkpoint as checkpoints  # noqa: E402
from curate.trainer.train.metrics import read_metrics  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import LENGTH, make_shards, settings  # noqa: E402
from tests.trainer.test_validate import config, scrambled  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


@pytest.fixture(scope="module")
def base(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a hundred steps, its rate at a tenth of the highest when it stopped."""
    out = tmp_path_factory.mktemp("base")
    steady = {"schedule": {"warmup": 0.1, "final": 0.1}, "optimizer": {"learning_rate": 0.05, "weight_decay": 0.0}}
    train(settings(shards, out, 100, **steady), lambda _: None)
    return out


def annealing(folder: Path, shards: Path, base: Path) -> Path:
    """The file of two mixes that are the same, its proxy's model left to the base."""
    file = config(folder, shards, anneal=f"'{base}'")
    lines = [line for line in file.read_text().splitlines() if "vocabulary:" not in line]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_training_begins_with_its_base(shards: Path, base: Path, tmp_path: Path) -> None:
    still = {"base": str(base), "optimizer": {"learning_rate": 1e-30, "weight_decay": 0.0}}
    train(settings(shards, tmp_path / "out", 2, **still), lambda _: None)
    was, now = (checkpoints.open_checkpoint(path).weights() for path in (base, tmp_path / "out"))
    assert all(torch.equal(was[name], now[name]) for name in was)
    shutil.rmtree(tmp_path / "out")
    learning = {
        "base": str(base),
        "optimizer": {"learning_rate": 1e-3},
        "every": {"log": 1, "evaluate": 9, "checkpoint": 9},
    }
    train(settings(shards, tmp_path / "out", 1, **learning), lambda _: None)
    drawn = {"optimizer": {"learning_rate": 1e-3}, "every": learning["every"]}
    train(settings(shards, tmp_path / "new", 1, **drawn), lambda _: None)
    first, anew = (read_metrics(tmp_path / name)[0]["loss"] for name in ("out", "new"))
    assert first < anew - 0.5


def test_a_base_of_another_shape_is_refused_by_name(shards: Path, base: Path, tmp_path: Path) -> None:
    model = {"vocabulary": 769, "layers": 1, "width": 32, "heads": 2, "context": LENGTH}
    with pytest.raises(checkpoints.CheckpointError, match=r"base: .* has model\.layers 2, and this training 1"):
        train(settings(shards, tmp_path, 1, base=str(base), model=model), lambda _: None)


def test_the_example_of_a_last_mix_runs_as_it_is_written(shards: Path, base: Path, tmp_path: Path) -> None:
    """On other mixes, a smaller base and fewer tokens; with the example's own texts and conversations."""
    changes = [
        f"mixes={{c4: '{shards}', gopher: '{shards}'}}",
        f"anneal='{base}'",
        f"out='{tmp_path / 'out'}'",
        f"proxy.data.sequence_length={LENGTH}",
        "proxy.budget.tokens=256",
        "proxy.batch={tokens: 128, micro: 4}",
        "seeds=1",
        "evaluation.overlap=1",
        "evaluation.limit=2",
        "evaluation.instruct.epochs=1",
    ]
    verdict = validate(read_validation(EXAMPLES / "validate-anneal.yaml", changes), lambda _: None)
    assert [row.comparison.name for row in verdict.pairs[0].rows] == ["encyclopaedia", "instructed answers"]


def test_what_the_file_leaves_out_the_base_says(shards: Path, base: Path, tmp_path: Path) -> None:
    made = read_validation(annealing(tmp_path, shards, base)).proxy
    assert made.model == checkpoints.open_checkpoint(base).shape
    assert made.optimizer.learning_rate == pytest.approx(0.005)
    assert (made.schedule.kind, made.schedule.decay, made.schedule.final) == ("stable-decay", 1.0, 0.0)
    given = read_validation(annealing(tmp_path, shards, base), ["proxy.optimizer.learning_rate=0.02"]).proxy
    assert given.optimizer.learning_rate == 0.02
    with pytest.raises(ConfigError, match=r"proxy\.model: leave it out: proxies are .*step-00000100"):
        read_validation(annealing(tmp_path, shards, base), ["proxy.model.layers=3"])
    with pytest.raises(ConfigError, match="anneal: leave out sizes"):
        read_validation(annealing(tmp_path, shards, base), ["sizes={a: {}, b: {}}"])


def test_a_base_whose_rate_has_come_to_zero_wants_another(shards: Path, tmp_path: Path) -> None:
    train(settings(shards, tmp_path / "base", 2, schedule={"warmup": 0.1, "final": 0.0}), lambda _: None)
    with pytest.raises(ConfigError, match=r"proxy\.optimizer: give it.*had come to zero"):
        read_validation(annealing(tmp_path, shards, tmp_path / "base"))


def test_the_mix_that_a_base_should_end_with_is_told_from_noise(shards: Path, base: Path, tmp_path: Path) -> None:
    """A change of the base is another comparison: its proxies are trained again."""
    file = annealing(tmp_path, shards, base)
    noise = shutil.copytree(tmp_path / "copy", tmp_path / "noise")
    scrambled(noise)
    changes = ["seeds=3", "proxy.budget.tokens=2048", "evaluation.points=1", "proxy.optimizer.learning_rate=0.02"]
    made = read_validation(file, changes).model_copy(update={"mixes": {"text": str(shards), "noise": str(noise)}})
    verdict = validate(made, lambda _: None)
    assert verdict.pairs[0].primary.better == "first"
    assert any("Proxies go on from" in note for note in verdict.notes)
    jobs = sorted((tmp_path / "out" / "proxies").glob("*/*/job.json"))
    assert len({json.loads(job.read_bytes())["inputs"]["base"] for job in jobs}) == 1
