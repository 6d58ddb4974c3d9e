"""The statistics that a verdict rests on: intervals that cover, plans that hold, laws that are found again."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")

from curate.trainer.compare.comparison import Verdict, judge
from curate.trainer.compare.comparison_html import to_html
from curate.trainer.compare.comparison_markdown import to_markdown
from curate.trainer.compare.scaling import Chinchilla, Kaplan, Run, fit_chinchilla, fit_kaplan, read_runs
from curate.trainer.compare.signal import signal
from curate.trainer.compare.statistics import (
    Values,
    compare,
    compare_mean,
    holm,
    seeds_needed,
    smallest_detectable,
    tokens_needed,
)


def drawn(
    draws: np.random.Generator,
    difference: float,
    seeds: int = 4,
    items: int = 60,
    noise: tuple[float, float, float] = (1, 1, 1),
) -> tuple[Values, Values]:
    """Two mixes whose true difference is known, with noise of seeds, of items, and of both; items are of unequal size."""
    weights = np.exp(draws.normal(0, 0.5, items))
    hard = draws.normal(5, 1, items)
    of_seed, of_item, of_both = noise
    sides = []
    for shift in (0.0, difference):
        values = (
            hard + shift + draws.normal(0, of_seed, (seeds, 1)) * 0.1 + draws.normal(0, of_both, (seeds, items)) * 0.2
        )
        values = values + (draws.normal(0, of_item, items) * 0.2 if shift or not sides else 0)
        sides.append(Values("domain", "bits/byte", values * weights, weights))
    return sides[0], sides[1]


@pytest.mark.parametrize("noise", [(1, 1, 1), (1, 0, 0.1), (0, 1, 0.1), (0, 0, 1)])
@pytest.mark.parametrize("seeds", [2, 5])
def test_intervals_exclude_the_truth_no_more_than_once_in_twenty(noise: tuple[float, float, float], seeds: int) -> None:
    """Whether the noise is of seeds, of items, or of both; with a margin for 400 draws."""
    draws = np.random.default_rng(0)
    wrong = sum(compare(*drawn(draws, 0.0, seeds, noise=noise)).shown for _ in range(400))
    assert wrong <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


def test_a_large_difference_is_shown_and_its_size_is_right() -> None:
    draws = np.random.default_rng(1)
    found = [compare(*drawn(draws, 1.0)) for _ in range(50)]
    assert all(each.shown for each in found)
    assert np.mean([each.difference for each in found]) == pytest.approx(1.0, abs=0.05)


def test_one_seed_shows_nothing() -> None:
    found = compare(*drawn(np.random.default_rng(2), 5.0, seeds=1))
    assert math.isnan(found.low)
    assert not found.shown
    assert seeds_needed(found) is None


def test_pairing_by_items_takes_out_how_hard_they_are() -> None:
    """Items differ a hundred times more than the mixes do."""
    draws = np.random.default_rng(3)
    hard = draws.normal(0, 10, 100)
    first = Values("d", "bits/byte", hard + draws.normal(0, 0.01, (3, 100)), np.ones(100))
    second = Values("d", "bits/byte", hard + 0.1 + draws.normal(0, 0.01, (3, 100)), np.ones(100))
    assert compare(first, second).shown


def test_other_items_are_not_compared() -> None:
    first, second = drawn(np.random.default_rng(4), 0.0)
    with pytest.raises(ValueError, match="the same items"):
        compare(first, Values(second.name, second.unit, second.values, second.weights * 2))


def test_the_mean_of_domains_is_the_mean_of_their_differences() -> None:
    draws = np.random.default_rng(5)
    pairs = [drawn(draws, 0.5), drawn(draws, 1.5)]
    whole = compare_mean("all", pairs)
    assert whole.difference == pytest.approx(np.mean([compare(*pair).difference for pair in pairs]))
    assert compare_mean("one", pairs[:1]).low == pytest.approx(compare(*pairs[0]).low)


def test_as_many_seeds_as_planned_show_the_difference_four_times_in_five() -> None:
    """Planned from the true noise: with it, the power is that promised, or near."""
    draws = np.random.default_rng(6)
    pilot = compare(*drawn(draws, 0.2, seeds=200, items=400, noise=(1, 0, 0)))
    needed = seeds_needed(pilot)
    assert needed is not None
    shown = sum(compare(*drawn(draws, 0.2, seeds=needed, items=100, noise=(1, 0, 0))).shown for _ in range(300))
    assert 0.7 <= shown / 300 <= 0.95
    assert smallest_detectable(pilot) < 0.1


def test_more_tokens_are_planned_only_where_the_curves_part() -> None:
    tokens = [1_000_000, 2_000_000, 4_000_000]
    assert tokens_needed(tokens, [0.01, 0.02, 0.03], 0.05) == pytest.approx(16_000_000, rel=1e-6)
    assert tokens_needed(tokens, [-0.01, -0.02, -0.03], 0.05) == pytest.approx(16_000_000, rel=1e-6)
    assert tokens_needed(tokens, [0.03, 0.02, 0.01], 0.05) is None
    assert tokens_needed(tokens[:2], [0.01, 0.02], 0.05) is None


def test_holm_corrects_for_several() -> None:
    assert holm([0.01, 0.04, 0.03, math.nan]) == pytest.approx([0.03, 0.06, 0.06, math.nan], nan_ok=True)


def results(difference: float, seeds: int) -> dict[str, list[dict[str, Any]]]:
    """What proxies write, of two mixes with one domain and one task."""
    draws = np.random.default_rng(7)
    domain, task = drawn(draws, difference, seeds), drawn(draws, 0.0, seeds)
    return {
        mix: [
            {
                "curve": [
                    *(
                        {
                            "tokens": tokens,
                            "measures": [{"name": "web", "unit": "bits/byte", "mean": 8 + share * difference * side}],
                        }
                        for tokens, share in ((1000, 0.2), (2000, 0.4), (4000, 0.7))
                    ),
                    {
                        "tokens": 8000,
                        "measures": [
                            {
                                "name": name,
                                "unit": unit,
                                "mean": float(values.values[seed].sum() / values.weights.sum()),
                                "values": values.values[seed].tolist(),
                                "weights": values.weights.tolist(),
                            }
                            for name, unit, values in (
                                ("web", "bits/byte", domain[side]),
                                ("quiz", "accuracy", task[side]),
                            )
                        ],
                    },
                ]
            }
            for seed in range(seeds)
        ]
        for side, mix in enumerate(("clean", "noisy"))
    }


def verdict(difference: float, seeds: int = 4) -> Verdict:
    return judge("test", results(difference, seeds), ["a note"], {"quiz": {"clean": 0.25, "noisy": math.nan}})


def test_the_verdict_names_the_better_mix_when_the_difference_is_shown() -> None:
    pair = verdict(1.0).pairs[0]
    assert pair.primary.better == "first"
    assert pair.sentence.startswith("clean makes the better model than noisy (noisy less clean: +")
    assert [row.better for row in pair.rows] == ["first", None]


def test_the_verdict_says_when_no_difference_is_shown_and_what_would_settle_it() -> None:
    pair = verdict(0.01).pairs[0]
    assert pair.primary.better is None
    assert pair.sentence.startswith("No difference shown between clean and noisy")
    assert "would have been shown four times in five" in pair.sentence
    assert "seeds" in pair.sentence
    assert "tokens" in pair.sentence
    assert "one seed says nothing" in verdict(1.0, seeds=1).pairs[0].sentence


def test_the_report_holds_the_verdict_in_every_form() -> None:
    found = verdict(1.0)
    markdown, page = to_markdown(found), to_html(found)
    for text in (markdown, page):
        for words in (found.pairs[0].sentence, "quiz", "25.0%", "a note", "no difference shown"):
            assert words in text
    assert "<main>" in page and "<th></th>" not in page and 'scope="col"' in page
    assert page.count("<polyline") == 3, "two curves, and the difference of one from the other"
    for words in (
        "Ranking on these texts",
        "rank between",
        "Domains",
        "probability that clean is the best",
        "8 proxies",
    ):
        assert words in page
        assert words in markdown or words == "Ranking"
    cells = re.findall(r'<td class="d(\d+)">([\d.]+)', page)
    assert [int(depth) for depth, _ in cells] == [70, 0], "the better mix is coloured, the worse is not"
    assert float(cells[0][1]) < float(cells[1][1])
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{allowed}&#x27;" in page
    assert "http:" not in page and "https:" not in page
    assert " style=" not in page, "which the policy would not let work"
    known = json.loads(found.to_json())
    assert known["contamination"]["quiz"]["noisy"] is None
    assert known["pairs"][0]["primary"]["comparison"]["low"] > 0
    for seeds in (1, 2):
        assert "<svg" in to_html(verdict(0.0, seeds))


def test_a_measure_s_spread_over_mixes_stands_beside_its_noise() -> None:
    """The worked ranking: MSE 1.4166667e-4, means 3.1, 3.05, 3.123333, 2.99."""
    values = np.array([[3.10, 3.12, 3.08], [3.05, 3.08, 3.02], [3.11, 3.14, 3.12], [3.00, 3.01, 2.96]])
    found = signal("web", "bits/byte", values)
    assert found.noise == pytest.approx(1.4166667e-4**0.5)
    assert found.spread == pytest.approx(np.std([3.1, 3.05, 3.123333, 2.99], ddof=1), rel=1e-5)
    told = verdict(1.0)
    assert [each.name for each in told.signals] == ["all domains", "web", "quiz"]
    assert told.signals[1].ratio > 3 > told.signals[2].ratio
    assert "What each measure can tell apart" in to_markdown(told)
    assert verdict(1.0, seeds=1).signals == ()


def test_chinchilla_s_law_is_found_again_from_noisy_runs() -> None:
    true = Chinchilla(1.69, 406.4, 410.7, 0.34, 0.28, 0.0)
    draws = np.random.default_rng(8)
    runs = [
        Run(n, d, true.loss(n, d) * math.exp(draws.normal(0, 0.001)))
        for n in (1e7, 1e8, 1e9, 1e10)
        for d in (1e9, 1e10, 1e11, 1e12)
    ]
    found = fit_chinchilla(runs)
    assert (found.a, found.b) == pytest.approx((true.a, true.b), abs=0.02)
    assert pytest.approx(true.E, abs=0.05) == found.E
    assert found.best(5.76e23)[0] == pytest.approx(true.best(5.76e23)[0], rel=0.25)


def test_the_best_model_for_a_budget_is_the_best() -> None:
    """No other share of the same compute between parameters and tokens has a lower loss."""
    law = Chinchilla(1.69, 406.4, 410.7, 0.34, 0.28, 0.0)
    parameters, tokens = law.best(1e21)
    assert 6 * parameters * tokens == pytest.approx(1e21)
    for factor in (0.8, 1.25):
        assert law.loss(parameters * factor, tokens / factor) > law.loss(parameters, tokens)


def test_kaplan_s_law_is_found_again() -> None:
    true = Kaplan(8.8e13, 5.4e13, 0.076, 0.095, 0.0)
    found = fit_kaplan([Run(n, d, true.loss(n, d)) for n in (1e6, 1e8, 1e10) for d in (1e8, 1e10, 1e12)])
    assert (found.aN, found.aD) == pytest.approx((true.aN, true.aD), abs=1e-3)


def test_runs_that_make_no_law_are_refused() -> None:
    with pytest.raises(ValueError, match="row 2: needs the numbers"):
        read_runs([{"parameters": 1, "tokens": 2, "loss": 3}, {"parameters": 1}])
    with pytest.raises(ValueError, match="1 runs: a fit of 5 numbers"):
        fit_chinchilla(read_runs([{"parameters": 1, "tokens": 2, "loss": 3}]))
