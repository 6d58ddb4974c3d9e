"""Plans of trainings: the published ones come out again."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("scipy")

from curate.cli.main import main
from curate.errors import ConfigError
from curate.trainer.compare.memory import activation_bytes, kv_cache_bytes, training_bytes
from curate.trainer.compare.plan import PUBLISHED, cost, data_constrained_loss, effective_tokens, with_inference
from curate.trainer.compare.scaling import Run
from curate.trainer.compare.scaling_intervals import bootstrap, isoflop
from curate.trainer.compare.scaling_plot import scaling_svg
from curate.trainer.model.presets import PRESETS


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


def test_a_published_training_is_planned_by_its_model_and_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    """GPT-3: 315 ZFLOP, 286,102 steps, 25 days on 1,024 A100 at 45 %, 350 GB of weights."""
    arguments = ["scaling", "plan", "--parameters", "175e9", "--trained", "300e9", "--devices", "1024", "--format"]
    assert main([*arguments, "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["flops"] == pytest.approx(315e21)
    assert int(told["steps"]) == 286_102
    assert round(told["days"]) == 25
    assert told["weight_bytes"] == 350e9
    assert main(["scaling", "plan", "--model", "gpt3-175b", "--trained", "300e9", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["kv_cache_bytes_per_token"] == 4_718_592
    assert main(["scaling", "plan", "--model", "mixtral-8x7b", "--trained", "1e12", "--format", "json"]) == 0
    sparse = json.loads(capsys.readouterr().out)
    assert sparse["flops"] == pytest.approx(6 * 12.88e9 * 1e12, rel=1e-3), "of the experts that a token takes"
    assert sparse["weight_bytes"] == pytest.approx(2 * 46.70e9, rel=1e-3), "of all"
    assert main(["scaling", "plan", "--model", "gpt3"]) == 2
    assert main(["scaling", "plan", "--trained", "1e9"]) == 2
    assert "give --flops, or --trained with" in capsys.readouterr().err


def test_memory_is_that_of_the_papers() -> None:
    """ZeRO's figure 1: 7.5e9 parameters on 64 devices; Korthikanti et al.'s layer of GPT-3; published caches."""
    found = [round(training_bytes(7.5e9, 64, stage) / 1e9, 1) for stage in range(4)]
    assert found == [120, 31.4, 16.6, 1.9]
    shape = PRESETS["gpt3-175b"].shape
    per_layer = [activation_bytes(shape, 1, 2048, each) / shape.layers / 1e9 for each in ("none", "attention", "all")]
    assert per_layer == pytest.approx([2.869, 0.856, 0.0503], rel=1e-3)
    caches = {name: kv_cache_bytes(PRESETS[name].shape) for name in ("llama1-7b", "llama3-8b", "llama3-405b")}
    assert caches == {"llama1-7b": 524_288, "llama3-8b": 131_072, "llama3-405b": 516_096}


def test_the_law_of_repeated_data_gives_the_paper_s_losses() -> None:
    assert data_constrained_loss(6.34e9, 242e9, 25e9) == pytest.approx(2.2256441, abs=2e-6)
    assert data_constrained_loss(8.67e9, 178e9, 25e9) == pytest.approx(2.2269634, abs=2e-6)


def budgets(noise: float = 0.0) -> list[Run]:
    law = PUBLISHED["besiroglu"]
    draws = np.random.default_rng(1)
    runs = []
    for flops in (1e19, 1e20, 1e21):
        for factor in (0.35, 0.55, 0.8, 1.25, 1.8, 2.9):
            n = law.best(flops)[0] * factor
            runs.append(Run(n, flops / (6 * n), law.loss(n, flops / (6 * n)) * math.exp(draws.normal(0, noise))))
    return runs


def test_minima_of_equal_compute_lie_on_the_law() -> None:
    law, found = PUBLISHED["besiroglu"], isoflop(budgets())
    assert found.exponent == pytest.approx(law.b / (law.a + law.b), abs=0.02)
    for budget in found.budgets:
        best, _ = law.best(budget.flops)
        assert budget.parameters == pytest.approx(best, rel=0.12)
        assert np.polyval(budget.parabola, math.log(budget.parameters)) == pytest.approx(budget.loss)
    with pytest.raises(ConfigError, match="IsoFLOP needs 2"):
        isoflop(budgets()[:6])


def test_the_bootstrap_s_interval_holds_the_truth_and_widens_with_noise() -> None:
    law = PUBLISHED["besiroglu"]
    quiet, loud = (bootstrap(law, budgets(noise), 100, 1e21) for noise in (0.001, 0.004))
    for name, true in (("a", law.a), ("b", law.b), ("E", law.E), ("best_parameters", law.best(1e21)[0])):
        assert quiet[name].low <= true <= quiet[name].high, name
        assert loud[name].high - loud[name].low > 1.5 * (quiet[name].high - quiet[name].low), name


def test_the_drawing_is_an_svg_of_every_run_and_budget() -> None:
    runs = budgets()
    drawn = ElementTree.fromstring(scaling_svg(runs, PUBLISHED["besiroglu"], isoflop(runs)))
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.tag == f"{space}svg"
    assert len(drawn.findall(f"{space}circle")) == len(runs) + 3
    assert len(drawn.findall(f"{space}polyline")) == 1 + 3


def test_the_numbers_are_the_same_as_csv_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a fit with intervals, and of a plan; read by Python's own reader."""
    law = PUBLISHED["hoffmann"]
    path = tmp_path / "runs.csv"
    sizes = [(n, d) for n in (1e7, 1e8, 1e9, 1e10) for d in (1e9, 1e10, 1e11)]
    path.write_text("parameters,tokens,loss\n" + "".join(f"{n},{d},{law.loss(n, d)}\n" for n, d in sizes))
    for command in (
        ["fit", str(path), "--bootstrap", "3", "--flops", "1e20"],
        ["plan", "--flops", "1e20", "--used", "1e9"],
    ):
        assert main(["scaling", *command, "--format", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert main(["scaling", *command, "--format", "csv"]) == 0
        rows = {row["quantity"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
        for name, value in told.items():
            if isinstance(value, float):
                assert float(rows[name]["value"]) == value
        if command[0] == "fit":
            assert float(rows["chinchilla.E"]["value"]) == told["chinchilla"]["E"]
            assert [float(rows["chinchilla.E"][end]) for end in ("low", "high")] == told["intervals"]["E"]
            assert [float(rows["exponent"][end]) for end in ("low", "high")] == told["intervals"]["exponent"]
            assert float(rows["best.tokens"]["value"]) == told["best"]["tokens"]
        else:
            assert float(rows["with_inference.parameters"]["value"]) == told["with_inference"]["parameters"]
