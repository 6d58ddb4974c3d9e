"""The search for a better mix: honest about what a few results can say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curate.mixture.fit import Fit, FitError, fit
from curate.mixture.results import ResultsError, read_json_lines
from curate.mixture.search import SearchError, most_by_epochs, propose

GROUPS = ("books", "web", "wiki")


def fitted(noise: float = 0.0, runs: int = 16) -> Fit:
    """Lowest at web 0.55, books 0.35, wiki 0.10."""
    random = np.random.default_rng(1)
    points = random.dirichlet([1, 1, 1], runs)
    losses = 3 + (points[:, 1] - 0.55) ** 2 + (points[:, 0] - 0.35) ** 2 + noise * random.standard_normal(runs)
    return fit(GROUPS, points, losses[:, None], ("loss",))


def test_the_lowest_loss_between_what_was_tried_is_found() -> None:
    proposal = propose(fitted())
    assert proposal.weights["web"] == pytest.approx(0.55, abs=0.06)
    assert proposal.weights["books"] == pytest.approx(0.35, abs=0.06)
    assert sum(proposal.weights.values()) == pytest.approx(1)
    assert proposal.error < 0.02


def test_noise_shows_in_the_error_that_is_stated() -> None:
    assert fitted(0.05, 60).mean.error > 3 * fitted(0, 60).mean.error


def test_nothing_is_proposed_beyond_what_was_tried() -> None:
    """Less web looked better all the way to 0.5; that is as far as anybody looked."""
    web = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    found = fit(("books", "web"), np.column_stack([1 - web, web]), 3 + web[:, None], ("loss",))
    assert propose(found).weights["web"] >= 0.5 - 1e-9


def test_a_gain_within_the_error_supports_no_proposal() -> None:
    assert not propose(fitted(0.1, 100)).supported


def test_the_same_results_give_the_same_proposal() -> None:
    assert propose(fitted(0.01)) == propose(fitted(0.01))


def test_no_group_is_proposed_beyond_its_epochs() -> None:
    most = most_by_epochs({"web": 1e8}, tokens=1e9, epochs=4)
    assert most == {"web": 0.4}
    assert propose(fitted(), most=most).weights["web"] <= 0.4
    with pytest.raises(SearchError, match="keeps to the epochs"):
        propose(fitted(), most=dict.fromkeys(GROUPS, 0.1))


def test_groups_reused_keep_their_shares_to_each_other() -> None:
    weights = propose(fitted(), reuse={"web": 0.75, "books": 0.25}).weights
    assert weights["web"] / weights["books"] == pytest.approx(3)
    with pytest.raises(SearchError, match="webb is no group"):
        propose(fitted(), reuse={"webb": 1})


def test_losses_that_pull_apart_are_shown_with_what_each_gives_up() -> None:
    points = np.random.default_rng(3).dirichlet([1, 1, 1], 30)
    found = fit(GROUPS, points, np.column_stack([3 - points[:, 0], 3 - points[:, 1]]), ("prose", "pages"))
    for each in propose(found).trade_offs:
        assert each.predicted > each.least + 0.2


def test_too_few_or_odd_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="at least 4"):
        fitted(runs=3)
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({"weights": {"web": 2, "books": 2}, "loss": 3}) + "\n\n{}\n")
    with pytest.raises(ResultsError, match=":3:"):
        read_json_lines(path)
    path.write_text(json.dumps({"weights": {"web": 2, "books": 2}, "loss": 3}) + "\n")
    found = read_json_lines(path)
    assert (found.groups, found.weights.tolist(), found.losses.tolist()) == (("books", "web"), [[0.5, 0.5]], [[3.0]])
