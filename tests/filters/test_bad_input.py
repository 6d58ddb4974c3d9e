"""Text that breaks filters: no crash, no division by zero, defined values."""

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest

from curate import filters
from curate.filters.metrics import METRICS
from curate.text.view import TextView

ONE_LANGUAGE = {"fineweb2": "deu_Latn" if find_spec("spacy") else None}
"""The language that a pack of several is tried in; its words come from a library of an extra."""
PACKS = [
    filters.load(name, language=ONE_LANGUAGE.get(name))
    for name, _ in filters.available()
    if name not in ("url", "webtext-urls", "c4-badwords") and ONE_LANGUAGE.get(name, name)
]

AWKWARD = {
    "empty": "",
    "one space": " ",
    "one character": "a",
    "one mark": ".",
    "NUL bytes": "\x00\x00\n\x00",
    "line feeds": "\n" * 5_000,
    "carriage returns": "\r" * 5_000,
    "one enormous line": "word " * 50_000,
    "one enormous word": "a" * 200_000,
    "one word again and again": "\n".join(["spam"] * 5_000),
    "brackets": "[" * 20_000 + "]" * 20_000,
    "full stops": "." * 20_000,
    "full stops apart": ". " * 20_000,
    "quotes": "\"'" * 20_000,
    "right to left": "שלום עולם. زلة القلم؟ " * 50,
    "combining marks": "e" + "\u0301" * 10_000,
    "no spaces": "中文沒有空格。" * 500,
    "surrogate pairs": "👩‍👩‍👧‍👦🇩🇪 " * 200,
    "byte order mark": "\ufeffText after a mark.",
    "every line break": "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\r\nj\rk\n",
    "noncharacters": "\ufffe\uffff\U0010ffff\ue000",
}


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_awkward_text_has_defined_values(pack: filters.Pack) -> None:
    batch = pack.evaluate(list(AWKWARD.values()))
    assert batch.num_rows == len(AWKWARD)
    for name in pack.metric_names:
        values = np.asarray(batch.column(name), float)
        assert np.isfinite(values).all() and (values >= 0).all()


def test_every_metric_of_empty_text_is_zero_or_one_paragraph() -> None:
    view = TextView(pa.array([""]))
    assert {name: metric(view).tolist() for name, metric in METRICS.items()} == {name: [0] for name in METRICS}


def test_a_batch_of_no_rows_is_a_batch_of_no_rows() -> None:
    for pack in PACKS:
        for kind in (pa.string(), pa.large_string()):
            batch = pack.evaluate(pa.array([], kind))
            assert batch.num_rows == 0
            assert [field.name for field in batch.schema] == [*pack.metric_names, "failed", "text"]


def test_a_text_has_the_same_values_whatever_stands_beside_it() -> None:
    texts = list(AWKWARD.values())
    for pack in PACKS:
        together = pack.evaluate(texts).to_pylist()
        assert together == [pack.evaluate([text]).to_pylist()[0] for text in texts]
        assert together[::-1] == pack.evaluate(texts[::-1]).to_pylist()


def test_lone_surrogates_are_replaced() -> None:
    batch = filters.load("gopher-quality").evaluate(["a\ud800 b"])
    assert batch.column("text").to_pylist() == ["a\ufffd b"]


def test_nulls_are_refused() -> None:
    with pytest.raises(ValueError, match="1 nulls of 2 rows"):
        filters.load("c4").apply(pa.array(["a", None]))


def test_ten_million_line_feeds() -> None:
    batch = filters.load("gopher-repetition").evaluate(["\n" * 10_000_000])
    assert batch.column("fraction_duplicate_lines").to_pylist() == [0]
    assert filters.load("c4").evaluate(["\n" * 10_000_000]).column("text").to_pylist() == [""]
