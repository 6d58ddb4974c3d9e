"""What a comparison can show, what it costs, and mixes that are stopped early: by numbers and by simulation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy import stats

from curate.cli.main import main
from curate.trainer.compare.power import chance_to_show, smallest
from curate.trainer.compare.ranking import critical
from curate.trainer.compare.stopping import hopeless, levels


@pytest.mark.parametrize(("seeds", "wanted"), [(2, 0.1120), (3, 0.03166), (5, 0.01632), (8, 0.01121), (16, 0.00727)])
def test_the_smallest_difference_is_that_of_the_table(seeds: int, wanted: float) -> None:
    """One seed's paired deviation .0097; computed independently, by 20,000 quantiles."""
    found = smallest(0.0097 / seeds**0.5, seeds - 1, float(stats.t.ppf(0.975, seeds - 1)))
    assert found == pytest.approx(wanted, rel=0.01)


def test_several_mixes_pool_their_noise_and_pay_for_their_number() -> None:
    error = (2 * 1.4166667e-4 / 3) ** 0.5
    one = smallest(error, 6, float(stats.t.ppf(0.975, 6)))
    against, all_pairs = (smallest(error, 6, critical(4, 6, 0.95, one)) for one in (True, False))
    assert (one, against, all_pairs) == pytest.approx((0.03272, 0.03971, 0.04364), rel=2e-3)


def test_the_chance_promised_is_the_chance_found() -> None:
    draws = np.random.default_rng(0)
    d = smallest(1.0, 4, float(stats.t.ppf(0.975, 4))) + draws.normal(0, 5**0.5, (20_000, 5))
    t = d.mean(axis=1) / (d.std(axis=1, ddof=1) / 5**0.5)
    assert np.mean(np.abs(t) > stats.t.ppf(0.975, 4)) == pytest.approx(0.8, abs=0.01)
    assert chance_to_show(0.0, 1.0, 4, float(stats.t.ppf(0.975, 4))) == pytest.approx(0.05, abs=1e-3)


def stopped(true: np.ndarray, looks: list[int], draws: np.random.Generator) -> tuple[bool, float]:
    """Whether the best mix was dropped, and the share of the full cost; deviation .03, seeds correlated .9."""
    shared, own = 0.9**0.5 * 0.03, 0.1**0.5 * 0.03
    values = true[:, None] + draws.normal(0, shared, looks[-1]) + draws.normal(0, own, (len(true), looks[-1]))
    alive, cost, before = list(range(len(true))), 0, 0
    for look, level in zip(looks, levels(looks, 0.05), strict=True):
        if len(alive) == 1:
            break
        cost += len(alive) * (look - before)
        before = look
        gone = set(hopeless(values[alive, :look], len(true), level))
        alive = [mix for place, mix in enumerate(alive) if place not in gone]
    return 0 not in alive, cost / (len(true) * looks[-1])


def test_the_best_mix_is_stopped_at_most_once_in_twenty_and_hopeless_ones_save_half() -> None:
    draws = np.random.default_rng(1)
    equal = np.array([stopped(np.zeros(6), [3, 5, 8], draws)[0] for _ in range(1000)])
    assert equal.mean() <= 0.05
    assert equal.mean() > 0.005, "a rule that never stops anything would pass"
    clear = [stopped(np.array([0, 0.03, 0.03, 0.06, 0.06, 0.09]), [3, 5, 8], draws) for _ in range(200)]
    assert np.mean([wrong for wrong, _ in clear]) <= 0.01
    assert np.mean([share for _, share in clear]) == pytest.approx(0.473, abs=0.04)
    near = [stopped(np.array([0, 0.001, 0.03, 0.06, 0.06, 0.09]), [3, 5, 8], draws) for _ in range(200)]
    assert np.mean([wrong for wrong, _ in near]) <= 0.05


def test_one_mix_or_one_seed_is_no_reason_to_stop() -> None:
    assert hopeless(np.zeros((1, 3)), 4, 0.05) == hopeless(np.array([[0.0], [1.0]]), 2, 0.05) == []


def test_a_plan_says_what_the_comparison_costs_and_could_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GPT-2 124M: 854,438,400 FLOPs a token by its matrices and attention; the noise of the ranking of four mixes."""
    verdict = tmp_path / "verdict.json"
    verdict.write_text(json.dumps({"ranking": {"residual": 1.4166667e-4}}))
    file = tmp_path / "validate.yaml"
    file.write_text(
        "mixes: {a: a, b: b, c: c, d: d}\nseeds: 3\nmatters: 0.02\n"
        "proxy: {model: gpt2-124m, budget: {tokens: 524288k}, batch: {tokens: 524288}}\nevaluation: {texts: {x: x.jsonl}}\n"
    )
    arguments = ["validate", str(file), "--plan", "--noise", str(verdict), "--price", "2", "--format", "json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == 124_439_808
    assert told["chosen"]["proxies"] == 12
    assert told["chosen"]["flops"] == pytest.approx(12 * 524_288_000 * 854_438_400, rel=1e-3)
    assert told["chosen"]["hours"] == pytest.approx(told["chosen"]["flops"] / (0.3 * 989e12) / 3600)
    assert told["chosen"]["money"] == pytest.approx(2 * told["chosen"]["hours"])
    assert told["chosen"]["one_pair"] == pytest.approx(0.03272, rel=2e-3)
    assert told["chosen"]["together"] == pytest.approx(0.04364, rel=2e-3)
    wanted = [each["together"] for each in told["others"] if each["seeds"] >= told["seeds_for_matters"]]
    assert wanted, "a later choice shows it"
    assert max(wanted) <= 0.02
    assert all(each["together"] > 0.02 for each in told["others"] if each["seeds"] < told["seeds_for_matters"])
    assert any("is not there yet" in note for note in told["notes"])
    assert main(["validate", str(file), "--plan"]) == 0
    assert "give --noise" in capsys.readouterr().out
    assert main(["validate", str(file), "--plan", "--noise", "much"]) == 2
