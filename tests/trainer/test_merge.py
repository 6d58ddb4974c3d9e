"""Several checkpoints as one: the mean of their weights, or the arc between two; by numbers, and as a model that is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from curate.cli.main import main  # noqa: E402
from curate.trainer.model.architecture import Architecture  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.train.checkpoint import load_model, open_checkpoint, save_model  # noqa: E402
from curate.trainer.train.merge import slerp, soup  # noqa: E402
from curate.trainer.train.settings import Training  # noqa: E402

TOKENIZER = {"name": "gpt2"}


def saved(folder: Path, seed: int, width: int = 8) -> Path:
    shape = Architecture(vocabulary=31, layers=1, width=width, heads=1, context=16)
    model = GPT(shape)
    model.initialise(seed)
    settings = Training.model_validate(
        {"model": shape.model_dump(), "budget": {"tokens": 1}, "data": {"sequence_length": 16}, "batch": {"tokens": 16}}
    )
    about = {
        "step": seed,
        "tokens": 1,
        "seconds": 0.0,
        "settings": settings.model_dump(mode="json"),
        "tokenizer": TOKENIZER,
    }
    return save_model(folder, about, model.state_dict())


def test_slerp_is_that_of_the_worked_example() -> None:
    """Angle 1.1592795 at a quarter of the way; parallel tensors are mixed along the line."""
    first, second = torch.tensor([1.0, 0, 0, 2]), torch.tensor([0.0, 2, 0, 1])
    found = slerp({"w": first, "p": first}, {"w": second, "p": 3 * first}, 0.25)
    assert found["w"].numpy() == pytest.approx([0.8335709, 0.6236222, 0, 1.9789530], abs=1e-6)
    assert float(found["w"].norm()) == pytest.approx(5**0.5, rel=1e-6)
    assert torch.allclose(found["p"], 1.5 * first)
    zero = slerp({"w": 0 * first}, {"w": second}, 0.5)["w"]
    assert torch.allclose(zero, second / 2)


def test_a_soup_is_the_mean_of_weights_and_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [saved(tmp_path / str(seed), seed) for seed in (1, 2, 3)]
    weights = [open_checkpoint(path).weights() for path in paths]
    assert main(["model", "merge", *map(str, paths), "--out", str(tmp_path / "soup")]) == 0
    made = open_checkpoint(tmp_path / "soup")
    for name, tensor in made.weights().items():
        expected = np.mean([each[name].numpy() for each in weights], axis=0)
        assert tensor.numpy() == pytest.approx(expected, abs=1e-7), name
    assert made.about["merged"] == [str(path) for path in paths]
    model = load_model(made, torch.device("cpu"))
    assert model(torch.zeros(1, 4, dtype=torch.int64)).shape[-1] >= 31
    assert soup([weights[0], weights[0]])["embedding.weight"].equal(weights[0]["embedding.weight"])


def test_what_cannot_be_merged_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, wide = saved(tmp_path / "1", 1), saved(tmp_path / "2", 2), saved(tmp_path / "3", 3, width=16)
    out = ["--out", str(tmp_path / "out")]
    assert main(["model", "merge", str(one), str(wide), *out]) == 1
    assert "another shape or tokenizer" in capsys.readouterr().err
    assert main(["model", "merge", str(one), *out]) == 1
    assert "a soup takes two or more" in capsys.readouterr().err
    assert main(["model", "merge", str(one), str(two), "--slerp", "1.5", *out]) == 2
    assert main(["model", "merge", str(one), str(two), "--slerp", "0", *out]) == 0
    assert (
        open_checkpoint(tmp_path / "out")
        .weights()["embedding.weight"]
        .equal(open_checkpoint(one).weights()["embedding.weight"])
    )
