"""Several sizes: crossovers are shown where they are and not where they are not, and the law looks ahead as it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize

torch = pytest.importorskip("torch")

from curate.errors import ConfigError  # noqa: E402
from curate.trainer.compare.ladder import Rung, climb, fit_law  # noqa: E402
from curate.trainer.compare.ladder_markdown import ladder_markdown  # noqa: E402
from curate.trainer.compare.settings import Validation  # noqa: E402
from curate.trainer.compare.validate import read_validation, validate_sizes  # noqa: E402
from curate.trainer.compare.validation_plan import Device, plan_validation  # noqa: E402
from curate.trainer.model.architecture import matrix_parameters  # noqa: E402
from tests.support.trainer_example import LENGTH, make_shards  # noqa: E402
from tests.trainer.test_validate import config  # noqa: E402

FLOPS = np.array([1e15, 1e16, 1e17, 1e18])


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def rungs(means: Any, noise: float, seeds: int, draw: int, flops: Any = FLOPS) -> list[Rung]:
    """Mixes a, b, ... whose means at each size are given; seeds have a level of their own, ten times the noise."""
    random = np.random.default_rng(draw)
    made = []
    for place, column in enumerate(np.asarray(means).T):
        level = random.normal(0, 10 * noise, seeds)
        values = {"abcdef"[row]: mean + level + random.normal(0, noise, seeds) for row, mean in enumerate(column)}
        made.append(Rung(f"s{place}", 10**place, 20 * 10**place, float(flops[place]), values))
    return made


def test_the_law_of_losses_that_follow_it_is_found() -> None:
    means = np.array([[0.9 + 50 / c**0.12, 0.85 + 90 / c**0.12] for c in FLOPS]).T
    law = fit_law(FLOPS, means)
    assert law.exponent == pytest.approx(0.12, rel=1e-4)
    np.testing.assert_allclose(law.floors, [0.9, 0.85], atol=1e-4)
    np.testing.assert_allclose(law.factors, [50, 90], rtol=1e-2)
    ahead = 1e20
    np.testing.assert_allclose(law.at(ahead), [0.9 + 50 / ahead**0.12, 0.85 + 90 / ahead**0.12], atol=1e-4)


def test_the_law_of_noisy_losses_is_scipy_s(  # its own least squares over all numbers at once, from the truth
) -> None:
    random = np.random.default_rng(5)
    means = np.array([[0.9 + 50 / c**0.12, 0.85 + 90 / c**0.12] for c in FLOPS]).T + random.normal(0, 0.004, (2, 4))

    def rests(numbers: Any) -> Any:
        exponent, *rest = numbers
        floors, factors = np.array(rest[:2]), np.exp(rest[2:])
        return (floors[:, None] + factors[:, None] * FLOPS**-exponent - means).ravel()

    start = [0.12, 0.9, 0.85, np.log(50), np.log(90)]
    lower = [0.005, 0, 0, -np.inf, -np.inf]
    theirs = optimize.least_squares(
        rests, start, bounds=(lower, [2, *[np.inf] * 4]), xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    law = fit_law(FLOPS, means)
    assert law.exponent == pytest.approx(theirs.x[0], rel=1e-3)
    assert law.error**2 * means.size == pytest.approx(float((theirs.fun**2).sum()), rel=1e-6)


def test_a_loss_that_would_fall_below_zero_has_its_floor_at_zero() -> None:
    law = fit_law(FLOPS[:3], np.array([[1.0, 0.1, 0.01], [2.0, 0.2, 0.02]]))
    assert law.floors.min() >= 0 and (law.at(1e30) >= 0).all()


def test_a_crossover_is_shown_where_it_is() -> None:
    """b is worse at the smallest size and better at the largest, by many deviations."""
    means = [[1.50, 1.30, 1.20, 1.15], [1.60, 1.34, 1.18, 1.10]]
    found = climb("x", rungs(means, 0.002, 4, 0))
    assert [move.crossed for move in found.moves] == ["no", "shown", "no"]
    assert any("a and b change places from s1 to s2: that is shown" in each for each in found.sentences)
    assert all(move.low < move.moved < move.high < 0 for move in found.moves)
    crossing = found.expected[0].crossing
    assert crossing is not None and FLOPS[1] < crossing < FLOPS[2]
    assert min(found.losses, key=lambda mix: found.losses[mix]) == "b"
    assert json.loads(json.dumps([level.name for level in found.levels])) == ["s0", "s1", "s2", "s3"]
    assert "| b less a | s1 | s2 |" in ladder_markdown(found)


def test_equal_mixes_are_rarely_shown_to_move_or_to_cross() -> None:
    """At most one ladder in twenty, over 120, of all its pairs and steps; 5 % and two standard errors of a share."""
    means = np.array([[1.5, 1.3, 1.2]] * 4)
    false = crossed = 0
    for draw in range(120):
        found = climb("x", rungs(means, 0.01, 3, draw))
        false += any(move.low > 0 or move.high < 0 for move in found.moves)
        crossed += any(move.crossed == "shown" for move in found.moves)
    assert false / 120 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 120)
    assert crossed == 0


def test_intervals_ahead_cover_what_comes_as_often_as_they_say() -> None:
    """Mixes that follow the law, noise of seeds: all three pairs' intervals together, at ten times the compute."""
    floors, factors = np.array([0.90, 0.88, 0.93]), np.array([50.0, 70.0, 40.0])
    truth = floors + factors * (1e19) ** -0.12
    means = floors[:, None] + factors[:, None] * FLOPS**-0.12
    covered, beyond = 0, []
    for draw in range(100):
        found = climb("x", rungs(means, 0.004, 3, draw))
        inside = [
            each.low <= truth["abc".index(each.second)] - truth["abc".index(each.first)] <= each.high
            for each in found.expected
        ]
        covered += all(inside)
        beyond.append(found.missed)
    assert covered / 100 >= 0.91
    assert max(each for each in beyond if each is not None) < 0.2


def test_two_sizes_say_whether_an_order_holds_and_nothing_of_a_larger() -> None:
    found = climb("x", rungs([[1.5, 1.3], [1.6, 1.4]], 0.001, 3, 0))
    assert found.exponent is None and not found.expected and found.missed is None
    assert "It is that of s0" in found.sentences[1]
    assert "give three" in found.sentences[-1]


def test_a_file_of_sizes_is_trained_and_compared_at_each(shards: Path, tmp_path: Path) -> None:
    """Three sizes at as many tokens a parameter, of two mixes that are the same; and again, where nothing is trained."""
    file = config(tmp_path, shards, sizes="{large: {model: {width: 32}}, small: {}, middle: {model: {width: 24}}}")
    changes = ["proxy.budget={tokens_per_parameter: 0.05}", "evaluation.points=1", "seeds=2"]
    settings = read_validation(file, changes)
    said: list[str] = []
    ladder = validate_sizes(settings, said.append)
    assert [level.name for level in ladder.levels] == ["small", "middle", "large"]
    for level in ladder.levels:
        shape = settings.sizes[level.name].model
        assert level.parameters == matrix_parameters(shape)
        assert level.tokens == int(0.05 * level.parameters // (4 * LENGTH)) * 4 * LENGTH
    assert {move.crossed for move in ladder.moves} == {"no"}
    assert ladder.losses["one"] == pytest.approx(ladder.losses["two"])
    out = tmp_path / "out"
    assert json.loads((out / "ladder.json").read_bytes())["levels"][0]["name"] == "small"
    assert (out / "ladder.md").exists() and (out / "sizes" / "large" / "verdict.html").exists()
    assert not (out / "proxies").exists()
    said.clear()
    assert validate_sizes(settings, said.append) == ladder
    assert [line for line in said if "done already" in line] == ["4 proxies, 4 done already"] * 3
    plans = {name: plan_validation(each, Device(1e12, 0.3)) for name, each in settings.by_size().items()}
    assert plans["small"].chosen.hours < plans["large"].chosen.hours


def test_mistakes_in_sizes_are_named(shards: Path, tmp_path: Path) -> None:
    for sizes, more, message in (
        ("{small: {}}", [], "sizes: one size is no ladder"),
        ("{a: {model: {widht: 8}}, b: {}}", [], r"sizes\.a\.model\.widht: unknown key; did you mean 'width'"),
        ("{a: {budget: {minutes: 3}}, b: {}}", [], "a budget in minutes is no number of FLOPs"),
        ("{a: {}, b: {model: {width: 32}}}", ["stopping={looks: [2]}", "seeds=3"], "stopping: leave it out with sizes"),
        ("{a: {}, b: {model: {width: 32}}}", ["seeds=1"], "a ladder needs two or more"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_validation(config(tmp_path, shards, sizes=sizes), more)
    with pytest.raises(ConfigError, match="target: give sizes"):
        read_validation(config(tmp_path, shards), ["target=1e18"])


def test_a_size_changes_a_preset_and_replaces_a_budget() -> None:
    made = Validation.model_validate(
        {
            "mixes": {"a": "x", "b": "y"},
            "proxy": {"model": "gpt2-124m", "budget": {"tokens": 1}},
            "sizes": {"one": {"model": {"layers": 3}, "budget": {"flops": 1e18}}, "two": {"model": "gpt3-350m"}},
            "evaluation": {"texts": {"t": "t.jsonl"}},
        }
    )
    assert (made.sizes["one"].model.layers, made.sizes["one"].model.width) == (3, 768)
    assert made.sizes["one"].budget.flops == 1e18 and made.sizes["one"].budget.tokens is None
    assert (made.sizes["two"].model.layers, made.sizes["two"].budget.tokens) == (24, 1)
