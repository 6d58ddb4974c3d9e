"""Plans of trainings: the published ones come out again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("scipy")

from curate.cli.main import main
from curate.trainer.compare.plan import PUBLISHED, cost, effective_tokens, with_inference


def test_gpt_3_costs_what_it_did() -> None:
    found = cost(175e9, 300e9, batch=2**20, devices=1024, peak=312e12, utilisation=0.45)
    assert found.flops == pytest.approx(315e21)
    assert int(found.steps) == 286_102
    assert found.days == pytest.approx(25, abs=0.5)
    assert found.weight_bytes == 350e9


def test_the_best_model_is_that_of_the_law() -> None:
    assert PUBLISHED["hoffmann"].best(5.76e23) == pytest.approx((3.219e10, 2.982e12), rel=1e-3)
    assert PUBLISHED["besiroglu"].best(5.76e23) == pytest.approx((7.225e10, 1.329e12), rel=2e-3)


def test_a_model_that_is_much_used_should_be_smaller_and_trained_for_longer() -> None:
    """Sardana and Frankle 2023: the quality of a 13B, used on 2e12 tokens."""
    law = PUBLISHED["hoffmann"]
    law = type(law)(1.69, 406.4, 410.7, 0.336, 0.283, 0.0)
    parameters, tokens = with_inference(law, 13e9, 5.765e11, 2e12)
    assert (parameters, tokens) == pytest.approx((6.97e9, 1.248e12), rel=0.01)


def test_repeated_tokens_are_worth_less_and_less() -> None:
    assert [effective_tokens(e, 1) for e in (0.5, 1, 2, 4, 8, 40)] == pytest.approx(
        [0.5, 1, 1.968, 3.726, 6.624, 15.167], abs=1e-3
    )


def test_the_command_plans_by_published_laws_and_fits_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["scaling", "plan", "--flops", "5.76e23", "--format", "json", "--used", "1e12", "--unique", "5e11"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == pytest.approx(7.225e10, rel=2e-3)
    assert told["with_inference"]["parameters"] < told["parameters"]
    assert told["effective_tokens"] < told["tokens"]
    law = PUBLISHED["hoffmann"]
    rows = [f"{n},{d},{law.loss(n, d)}" for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["parameters,tokens,loss", *rows]))
    assert main(["scaling", "fit", str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["chinchilla"]["a"] == pytest.approx(0.34, abs=0.01)
