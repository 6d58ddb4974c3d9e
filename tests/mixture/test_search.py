"""The search for a better mix: honest about what a few results can say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curate.mixture.search import Result, SearchError, propose, read_results


def loss(web: float, books: float) -> float:
    """Lowest at web 0.55, books 0.35, wiki 0.10."""
    return 3.0 + (web - 0.55) ** 2 + (books - 0.35) ** 2


def tried(noise: float = 0.0) -> list[Result]:
    random = np.random.default_rng(1)
    points = random.dirichlet([1, 1, 1], 16)
    return [
        Result({"web": w, "books": b, "wiki": k}, loss(w, b) + noise * random.standard_normal()) for w, b, k in points
    ]


def test_the_lowest_loss_between_what_was_tried_is_found() -> None:
    proposal = propose(tried())
    assert proposal.weights["web"] == pytest.approx(0.55, abs=0.06)
    assert proposal.weights["books"] == pytest.approx(0.35, abs=0.06)
    assert sum(proposal.weights.values()) == pytest.approx(1)
    assert proposal.predicted <= proposal.best_loss
    assert proposal.error < 0.02


def test_noise_shows_in_the_error_that_is_stated() -> None:
    assert propose(tried(0.05)).error > 3 * propose(tried()).error


def test_nothing_is_proposed_beyond_what_was_tried() -> None:
    """Less web looked better all the way to 0.5; that is as far as anybody looked."""
    results = [Result({"web": w, "books": 1 - w}, 3 + w) for w in (0.5, 0.6, 0.7, 0.8, 0.9)]
    assert propose(results).weights["web"] >= 0.5 - 1e-9


def test_the_same_results_give_the_same_proposal() -> None:
    assert propose(tried(0.01)) == propose(tried(0.01))


def test_too_few_or_odd_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="at least 4"):
        propose(tried()[:3])
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({"weights": {"web": 2, "books": 2}, "loss": 3}) + "\n\n{}\n")
    with pytest.raises(SearchError, match=":3:"):
        read_results(path)
    path.write_text(json.dumps({"weights": {"web": 2, "books": 2}, "loss": 3}) + "\n")
    assert read_results(path) == [Result({"web": 0.5, "books": 0.5}, 3.0)]
