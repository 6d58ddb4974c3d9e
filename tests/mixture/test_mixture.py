"""Mixtures: how much of each group there is, and where its copies lie."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.config.mixture import Mixture
from curate.mixture.available_tokens import Stock
from curate.mixture.groups import domains, group_names
from curate.mixture.solve import MixtureError, plan_mixture, share_out
from curate.shards.copies import BINS, Span, copies, key_bins
from curate.text.chance import draw


def ids_of(count: int, name: str = "") -> pa.Array:
    return pa.array(
        [hashlib.blake2b(f"{name}{i}".encode(), digest_size=16).digest() for i in range(count)], pa.binary(16)
    )


def stock(tokens_per_document: list[int], name: str = "") -> Stock:
    bins = key_bins(draw(ids_of(len(tokens_per_document), name), 0, "shuffle"))
    listed, where = np.unique(bins, return_inverse=True)
    tokens, documents = np.zeros(len(listed), np.int64), np.zeros(len(listed), np.int64)
    np.add.at(tokens, where, tokens_per_document)
    np.add.at(documents, where, 1)
    return Stock(listed, tokens, documents)


def span(
    count: int, whole: int, bins: int, begin: tuple[int, int] = (0, 0), slope: tuple[float, float] = (1, 1)
) -> Span:
    return Span.of(np.tile([*begin, whole, bins, *slope], (count, 1)).astype(np.float64))


STOCKS = {"web": stock([50] * 2_000, "w"), "books": stock([1_000] * 20, "b"), "wiki": stock([100] * 100, "k")}


def test_weights_are_shares_of_tokens() -> None:
    plan = plan_mixture(Mixture(tokens=60_000, sources={"web": {"weight": 0.6}, "wiki": {"weight": 0.4}}), STOCKS)
    assert plan.groups["web"].tokens == pytest.approx(36_000, abs=50)
    assert plan.groups["wiki"].tokens == pytest.approx(24_000, abs=100)
    assert plan.groups["wiki"].epochs == pytest.approx(2.4, abs=0.01)
    assert plan.groups["books"].tokens == 0
    assert plan.missing_tokens == 0


def test_epochs_are_epochs() -> None:
    plan = plan_mixture(Mixture(tokens=100_000, sources={"wiki": {"epochs": 3.4}, "web": {"weight": 1}}), STOCKS)
    assert plan.groups["wiki"].tokens == 34_000
    assert plan.groups["web"].tokens == pytest.approx(66_000, abs=50)


def test_what_a_capped_source_leaves_goes_to_the_others_by_weight() -> None:
    sources = {"web": {"weight": 0.3}, "wiki": {"weight": 0.6, "max_epochs": 2}, "books": {"weight": 0.1}}
    plan = plan_mixture(Mixture(tokens=100_000, sources=sources), STOCKS)
    assert plan.groups["wiki"].tokens == 20_000
    assert plan.groups["web"].target_tokens == pytest.approx(60_000)
    assert plan.groups["books"].target_tokens == pytest.approx(20_000)


def test_where_every_source_is_at_its_cap_the_plan_says_what_is_missing() -> None:
    sources = {"web": {"weight": 0.5, "max_epochs": 1}, "wiki": {"weight": 0.5, "max_epochs": 2}}
    plan = plan_mixture(Mixture(tokens=500_000, sources=sources), STOCKS)
    assert plan.tokens == 120_000
    assert plan.missing_tokens == 380_000


def test_all_is_as_many_tokens_as_there_are() -> None:
    plan = plan_mixture(
        Mixture(sources={"web": {"weight": 0.5}, "books": {"weight": 0.5}, "wiki": {"weight": 0}}), STOCKS
    )
    assert plan.tokens == pytest.approx(130_000, rel=0.01)


def test_a_temperature_evens_sizes_out() -> None:
    proportional = plan_mixture(Mixture(tokens=65_000, temperature=1), STOCKS)
    assert {name: round(group.epochs, 1) for name, group in proportional.groups.items()} == dict.fromkeys(STOCKS, 0.5)
    even = plan_mixture(Mixture(tokens=30_000, temperature=1e9), STOCKS)
    assert all(group.target_tokens == pytest.approx(10_000, rel=1e-6) for group in even.groups.values())


def test_a_source_of_which_nothing_was_kept_is_named() -> None:
    with pytest.raises(MixtureError, match=r"'code'.*books, web, wiki"):
        plan_mixture(Mixture(sources={"code": {"weight": 1}}), STOCKS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sources": {"web": {"weight": 1, "epochs": 1}}},
        {"sources": {"web": {"max_epochs": 1}}},
        {"sources": {"web": {"epochs": 1, "max_epochs": 2}}},
        {"temperature": 2, "sources": {"web": {"weight": 1}}},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"weight|epochs"):
        Mixture.model_validate(wrong)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(1, 3_000), min_size=1, max_size=300), min_size=1, max_size=4),
    st.integers(1, 2_000_000),
    st.data(),
)
def test_every_target_is_met_within_a_thousandth_or_a_document(
    sizes: list[list[int]], tokens: int, data: st.DataObject
) -> None:
    stocks = {f"s{i}": stock(each, f"s{i}") for i, each in enumerate(sizes)}
    shares = {name: {"weight": data.draw(st.floats(0.01, 1))} for name in stocks}
    plan = plan_mixture(Mixture(tokens=tokens, sources=shares), stocks)
    for index, group in enumerate(plan.groups.values()):
        allowed = max(0.001 * group.target_tokens, max(sizes[index]))
        assert abs(group.tokens - group.target_tokens) <= allowed


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 10), min_size=1),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 1e6)),
    st.floats(0, 1e6),
)
def test_sharing_out_gives_everything_and_never_more_than_a_cap(weights: dict, caps: dict, total: float) -> None:
    given_out = share_out(total, weights, caps)
    assert sum(given_out.values()) <= total * (1 + 1e-9)
    for name, tokens in given_out.items():
        assert tokens <= caps.get(name, np.inf) * (1 + 1e-9)
    open_names = [name for name in weights if given_out[name] < caps.get(name, np.inf) * (1 - 1e-9)]
    if open_names:
        assert sum(given_out.values()) == pytest.approx(total)
        scales = [given_out[name] / weights[name] for name in open_names]
        assert max(scales) == pytest.approx(min(scales))


@pytest.mark.parametrize("epochs", [0.25, 1.0, 1.7, 3.0, 4.03])
def test_each_epoch_is_permuted_as_a_whole_and_repeats_lie_an_epoch_apart(epochs: float) -> None:
    count = 20_000
    ids = ids_of(count)
    order = draw(ids, 0, "shuffle")
    whole, bins = int(epochs), round((epochs - int(epochs)) * BINS)
    rows, keys = copies(ids, order, 0, span(count, whole, bins))
    sequence = rows[np.argsort(keys, kind="stable")]
    assert len(sequence) == pytest.approx(epochs * count, rel=0.03)
    per_epoch = count
    orders = []
    for epoch in range(whole):
        here = sequence[epoch * per_epoch : (epoch + 1) * per_epoch]
        # the borders of epochs in the stream of documents are where they are in the stream of keys, within chance
        assert len(np.unique(here)) > 0.97 * count
        orders.append(here)
    for first, second in itertools.pairwise(orders):
        assert (first == second).mean() < 0.01
    place = np.argsort(keys, kind="stable")
    position = np.empty(len(rows))
    position[place] = np.arange(len(rows))
    by_row = np.lexsort((position, rows))
    same = np.diff(rows[by_row]) == 0
    gaps = np.diff(position[by_row])[same] / count
    if whole > 1 or (whole and bins):
        assert gaps.min() > 0.9 and gaps.max() < 1.1


def test_one_epoch_of_everything_keeps_the_order_of_a_run_without_mixture() -> None:
    ids = ids_of(500)
    order = draw(ids, 3, "shuffle")
    rows, keys = copies(ids, order, 3, span(500, 1, 0))
    assert np.array_equal(rows, np.arange(500)) and np.array_equal(keys, order)


def test_a_part_of_an_epoch_is_spread_over_all_shards() -> None:
    ids = ids_of(10_000)
    order = draw(ids, 0, "shuffle")
    _, keys = copies(ids, order, 0, span(10_000, 0, BINS // 10))
    shares = np.histogram(keys.astype(np.float64) / 2.0**64, bins=10, range=(0, 1))[0] / len(keys)
    assert shares == pytest.approx(np.full(10, 0.1), abs=0.04)


def test_groups_come_from_any_column() -> None:
    assert group_names(pa.array(["en", None])).to_pylist() == ["en", "none"]
    assert group_names(pa.array([0.31, 0.999, None], pa.float32())).to_pylist() == ["0.3", "0.9", "none"]
    assert group_names(pa.array([3, None], pa.int64())).to_pylist() == ["3", "none"]
    urls = ["https://www.Example.org:8080/a?b", "http://user@host.example", None, "not an address"]
    assert domains(pa.array(urls)).to_pylist() == ["example.org", "host.example", "none", "none"]
