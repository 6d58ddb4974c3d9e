"""Fits of losses to weights: they rank mixes they have not seen, say how well, and refuse where they cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curate.cli.main import main
from curate.mixture.fit import FitError, fit, rank_correlation
from curate.mixture.regression import MODELS
from curate.mixture.results import ResultsError, read_csv, read_mixes


def law(points: np.ndarray) -> np.ndarray:
    """An exponential law of mixing (Ye et al. 2024): 2 + exp(-weights . strengths)."""
    return 2 + np.exp(points @ -np.linspace(0, 3, points.shape[1]))


def write(path: Path, names: list[str], rows: np.ndarray) -> str:
    lines = [",".join(["run", *names]), *(f"r{i}," + ",".join(f"{x:.9g}" for x in row) for i, row in enumerate(rows))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_ranks_what_it_has_not_seen(name: str) -> None:
    points = np.random.default_rng(0).dirichlet(np.ones(5), 260)
    losses = law(points)[:, None]
    predicted = MODELS[name](points[:160], losses[:160], points[160:])
    assert rank_correlation(predicted[:, 0], losses[160:, 0]) > 0.95


def test_intervals_hold_as_many_unseen_runs_as_they_say() -> None:
    inside, stated = [], []
    for seed in range(6):
        draws = np.random.default_rng(seed)
        points = draws.dirichlet(np.ones(4), 260)
        losses = law(points)[:, None] + draws.normal(0, 0.03, (260, 1))
        found = fit("abcd", points[:60], losses[:60], ("loss",))
        inside.append(np.abs(found.predict(points[60:]) - losses[60:]) <= found.mean.half_width)
        stated.append(found.mean.coverage)
    assert 0.91 <= np.mean(inside) <= 0.99
    assert np.mean(stated) == pytest.approx(np.mean(inside), abs=0.04)


def test_losses_that_the_weights_do_not_move_are_refused() -> None:
    draws = np.random.default_rng(1)
    with pytest.raises(FitError, match="cannot carry a fit"):
        fit("abcd", draws.dirichlet(np.ones(4), 60), draws.normal(3, 0.1, (60, 1)), ("loss",))


def test_the_command_predicts_with_intervals_in_json_and_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = np.random.default_rng(2).dirichlet(np.ones(3), 50)
    losses = np.column_stack([law(points), law(points[:, ::-1])])
    mixes = write(tmp_path / "m.csv", ["a", "b", "c"], points[:40])
    found = write(tmp_path / "l.csv", ["val/prose", "val/code"], losses[:40])
    other = write(tmp_path / "o.csv", ["a", "b", "c"], points[40:])
    assert main(["mix", "fit", mixes, found, "--loss", "prose", "--predict", other, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in told["predictions"]] == [f"r{i}" for i in range(10)]
    assert [row["predicted"] for row in told["predictions"]] == pytest.approx(losses[40:, 0].tolist(), abs=0.05)
    assert all(row["low"] < row["predicted"] < row["high"] for row in told["predictions"])
    assert told["cv_error"] < 0.05 and told["model"] in (*MODELS, "average")
    assert main(["mix", "fit", mixes, found, "--loss", "val/*", "--predict", other]) == 0
    out = capsys.readouterr().out
    assert "val/prose" in out and "val/code" in out and "mean" in out


def test_rows_are_joined_by_the_column_that_both_files_share(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("id,a,b\nx,1,3\ny,2,2\n")
    (tmp_path / "l.csv").write_text("id,loss\ny,5\nx,4\n")
    found = read_csv(tmp_path / "m.csv", tmp_path / "l.csv", "loss")
    assert found.losses[:, 0].tolist() == [4, 5]
    assert found.weights[0].tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("mixes", "losses", "pattern", "said"),
    [
        ("id,a,b\nx,1,z\n", "id,loss\nx,1\n", "loss", "m.csv:2: b: 'z' is not a number"),
        ("id,a,b\nx,1,-1\n", "id,loss\nx,1\n", "loss", "m.csv:2: weights must be 0 or more"),
        ("id,a,b\nx,1,1\n", "id,loss\ny,1\n", "loss", "m.csv:2: id x is not in"),
        ("id,a,b\nx,1,1\n", "id,loss\nx,1\nx,2\n", "loss", "l.csv:3: id x is there twice"),
        ("id,a,b\nx,1\n", "id,loss\nx,1\n", "loss", "m.csv:2: expected 3 values"),
        ("id,a,b\nx,1,1\n", "id,loss\nx,1\n", "code", "l.csv:1: no column is like code; there are loss"),
    ],
)
def test_a_table_that_is_wrong_is_told_by_line(
    tmp_path: Path, mixes: str, losses: str, pattern: str, said: str
) -> None:
    (tmp_path / "m.csv").write_text(mixes)
    (tmp_path / "l.csv").write_text(losses)
    with pytest.raises(ResultsError) as caught:
        read_csv(tmp_path / "m.csv", tmp_path / "l.csv", pattern)
    assert said in str(caught.value)


@pytest.mark.data
@pytest.mark.parametrize("pattern", ["*pile_cc*", "*"])
def test_regmix_s_unseen_runs_are_ranked_from_a_hundred_and_twenty_eight_and_from_all(
    shared_data: Path, pattern: str
) -> None:
    """Its own regression reaches .950 on Pile-CC with as many runs, and .989 with 512."""
    papers = shared_data / "papers"
    train = read_csv(papers / "regmix_train_mixture_1m.csv", papers / "regmix_train_pile_loss_1m.csv", pattern)
    test = read_csv(papers / "regmix_test_mixture_1m.csv", papers / "regmix_test_pile_loss_1m.csv", pattern)
    found = fit(train.groups, train.weights[:128], train.losses[:128], train.names)
    mixes = read_mixes(papers / "regmix_test_mixture_1m.csv", train.groups)
    predicted, true = found.predict(mixes.weights).mean(axis=1), test.losses.mean(axis=1)
    assert rank_correlation(predicted, true) > 0.98
    assert true[predicted.argmin()] - true.min() < 0.03
    assert np.mean(np.abs(predicted - true) <= found.mean.half_width) > 0.92
    if pattern != "*":
        whole = fit(train.groups, train.weights, train.losses, train.names)
        assert rank_correlation(whole.predict(mixes.weights).mean(axis=1), true) > 0.985
    with pytest.raises(FitError, match="32 results for 17 groups cannot carry a fit"):
        fit(train.groups, train.weights[:32], train.losses[:32], train.names)
