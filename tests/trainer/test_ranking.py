"""Several mixes: simultaneous intervals, equality, the chance of being best, and the errors that they promise."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from curate.errors import ConfigError
from curate.trainer.compare.ranking import critical, rank
from curate.trainer.compare.statistics import Values, compare

NAMES = ["m0", "m1", "m2", "m3"]
Y = np.array([[3.10, 3.12, 3.08], [3.05, 3.08, 3.02], [3.11, 3.14, 3.12], [3.00, 3.01, 2.96]])


def test_seeds_are_blocks_and_the_residual_is_pooled() -> None:
    found = rank(NAMES, Y)
    assert (found.residual, found.freedom) == (pytest.approx(1.4166667e-4), 6)
    assert found.correlation == pytest.approx(0.746269, abs=1e-5)
    assert [each.p for each in found.differences] == pytest.approx(
        [0.00848, 0.17707, 0.00012, 0.00116, 0.00337, 0.00004], abs=1e-5
    )
    assert found.differences[0].high - found.differences[0].difference == pytest.approx(0.0336418, abs=1e-6)
    assert [(each.mix, each.highest, each.lowest) for each in found.places] == [
        ("m3", 1, 1),
        ("m1", 2, 2),
        ("m0", 3, 4),
        ("m2", 3, 4),
    ]
    assert found.places[0].best > 0.998


def test_a_baseline_needs_less_than_all_pairs() -> None:
    found = rank(NAMES, Y, baseline="m0")
    assert [each.p for each in found.differences] == pytest.approx([0.00525, 0.12126, 0.00006], abs=1e-4)
    assert found.differences[1].low == pytest.approx(-0.00679, abs=1e-4)
    with pytest.raises(ConfigError, match="m9 is no mix"):
        rank(NAMES, Y, baseline="m9")


@pytest.mark.parametrize(
    ("mixes", "freedom", "tukey", "dunnett"), [(2, 2, 4.3027, 4.3026), (4, 6, 3.4617, 3.0993), (10, 36, 3.3688, 2.8262)]
)
def test_critical_values_are_those_of_the_tables(mixes: int, freedom: int, tukey: float, dunnett: float) -> None:
    assert critical(mixes, freedom, 0.95, False) == pytest.approx(tukey, abs=1e-3)
    assert critical(mixes, freedom, 0.95, True) == pytest.approx(dunnett, abs=5e-3)


def test_mixes_that_differ_by_less_than_matters_are_equal() -> None:
    found = rank(NAMES, Y, matters=0.06)
    assert [each.verdict for each in found.differences] == ["better", "equal", "better", "worse", "better", "better"]
    assert rank(NAMES, Y).differences[1].verdict == "not settled"


def test_mixes_that_differ_by_what_matters_are_called_equal_no_more_than_once_in_twenty() -> None:
    """And mixes that are equal are called so nearly always, with seeds enough: three standard errors are within it."""
    draws = np.random.default_rng(3)
    wrong = right = 0
    for _ in range(150):
        noise = draws.normal(0, 1, 8) + draws.normal(0, 0.2, (2, 8))
        apart, same = (rank(["a", "b"], noise + np.array([[0.0], [d]]), matters=0.4) for d in (0.4, 0.0))
        wrong += "equal" in apart.differences[0].verdict
        right += "equal" in same.differences[0].verdict
    assert wrong / 150 <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5
    assert right / 150 > 0.9


def test_no_mix_of_equals_is_shown_to_be_better_more_than_once_in_twenty() -> None:
    draws = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        found = rank(NAMES, draws.normal(0, 1, 3) + draws.normal(0, 0.2, (4, 3)), baseline="m0")
        wrong += any(each.verdict != "not settled" for each in found.differences)
    assert wrong / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_the_interval_on_texts_of_this_kind_has_satterthwaite_s_degrees() -> None:
    d = np.array([[0.010, 0.020, 0.000, 0.030], [0.014, 0.022, 0.006, 0.026], [0.002, 0.012, -0.004, 0.022]])
    found = compare(Values("d", "bits/byte", 0 * d, np.ones(4)), Values("d", "bits/byte", d, np.ones(4)))
    assert found.freedom == pytest.approx(4.158028, abs=1e-5)
    assert found.high - found.difference == pytest.approx(0.01671309, abs=1e-7)
    assert found.p == pytest.approx(0.0919246, abs=1e-6)
    assert found.high_here - found.difference == pytest.approx(0.01173958, abs=1e-7)
    assert found.p_here == pytest.approx(0.0394157, abs=1e-6)


def test_a_difference_is_shown_nearly_as_often_as_could_be() -> None:
    """Against the same test with the variance known, which no data can do better than; five seeds, texts' noise."""
    draws = np.random.default_rng(1)
    shown = best = 0
    for _ in range(400):
        seeds, items = draws.normal(0, 0.003, (5, 1)), draws.normal(0, 0.05, 120)
        d = 0.018 + seeds + items + draws.normal(0, 0.01, (5, 120))
        found = compare(Values("d", "bits/byte", 0 * d, np.ones(120)), Values("d", "bits/byte", d, np.ones(120)))
        shown += found.shown
        best += abs(found.difference) > 1.959964 * (0.003**2 / 5 + 0.05**2 / 120 + 0.01**2 / 600) ** 0.5
    assert shown >= 0.9 * best
