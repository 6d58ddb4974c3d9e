"""datatrove as a neighbour, with datatrove's own code: its blocks as steps here, a pack as a block there."""

import pyarrow as pa
import pytest

from curate import filters
from curate.filters.datatrove_adapter import datatrove_step
from curate.filters.for_datatrove import CurateFilter

pytest.importorskip("datatrove")

GOOD = "This line has enough words in it.\n" * 5


def apply(block: str, texts: list[str], **args: object) -> tuple[pa.Array, list[str | None], dict[str, float]]:
    step = datatrove_step(f"datatrove.pipeline.{block}", args)
    ids = [number.to_bytes(16, "big") for number in range(len(texts))]
    return step.apply(pa.array(texts), pa.array(ids, pa.binary(16)), [f"http://a.com/{n}" for n in range(len(texts))])


def test_a_filter_gives_its_reason_and_its_statistics() -> None:
    texts = [GOOD, "short", GOOD + "a { b c d e."]
    out, reasons, statistics = apply("filters.C4QualityFilter", texts, min_num_sentences=-1)
    assert reasons == [None, None, "curly_bracket"]
    assert out.to_pylist() == [GOOD.strip(), "", texts[2]]
    assert statistics["total"] == 3 and statistics["dropped_curly_bracket"] == 1 and statistics["line-kept"] == 10
    assert not any("time" in label for label in statistics)


def test_statistics_are_of_one_call_and_unchanged_text_is_the_same_object() -> None:
    step = datatrove_step("datatrove.pipeline.filters.RegexFilter", {"regex_exp": "bad"})
    texts = pa.array(["good", "bad"])
    for _ in range(2):
        out, reasons, statistics = step.apply(texts, ["a", "b"], [None, None])
        assert out is texts and reasons == [None, "dropped"] and statistics["total"] == 2


def test_a_formatter_changes_text_and_drops_nothing() -> None:
    out, reasons, _ = apply("formatters.SymbolLinesFormatter", ["a\n-----\nb", "c"], symbols_to_remove=["-"])
    assert out.to_pylist() == ["a\nb", "c"] and reasons == [None, None]


def test_a_filter_sees_the_address() -> None:
    step = datatrove_step(
        "datatrove.pipeline.filters.LambdaFilter", {"filter_function": lambda document: "1" in document.metadata["url"]}
    )
    assert step.apply(pa.array(["x", "y"]), ["a", "b"], ["http://1", "http://2"])[1] == [None, "dropped"]


def test_a_block_that_raises_costs_one_document() -> None:
    step = datatrove_step(
        "datatrove.pipeline.filters.LambdaFilter", {"filter_function": lambda document: 1 // len(document.text) >= 0}
    )
    out, reasons, _ = step.apply(pa.array(["a", "", "b", ""]), ["1", "2", "3", "4"], [None] * 4)
    error = "error: ZeroDivisionError: integer division or modulo by zero"
    assert reasons[0] is None and reasons[2] is None
    assert all(reason and reason.startswith(error[:28]) for reason in (reasons[1], reasons[3]))
    assert out.to_pylist() == ["a", "", "b", ""]


@pytest.mark.parametrize(
    ("block", "args", "message"),
    [
        ("datatrove.pipeline.filters.C4QualtyFilter", {}, "did you mean 'C4QualityFilter'"),
        ("datatrove.pipeline.filter.C4QualityFilter", {}, "cannot import"),
        ("C4QualityFilter", {}, "write its module too"),
        ("datatrove.data.Document", {}, "no block 'Document'"),
        ("datatrove.pipeline.filters.RegexFilter", {"pattern": "x"}, "cannot be made with"),
    ],
)
def test_a_block_that_cannot_be_made_says_why(block: str, args: dict[str, object], message: str) -> None:
    with pytest.raises(filters.PackError, match=message):
        datatrove_step(block, args)


def test_a_pack_is_a_filter_in_a_datatrove_pipeline() -> None:
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.base import PipelineStep

    kept: list[Document] = []

    class Source(PipelineStep):  # type: ignore[misc]
        name, type = "source", "test"

        def run(self, data, rank=0, world_size=1):  # type: ignore[no-untyped-def]
            for number, text in enumerate(["menu\n" + GOOD, "too short"]):
                yield Document(text=text, id=str(number))

    class Sink(PipelineStep):  # type: ignore[misc]
        name, type = "sink", "test"

        def run(self, data, rank=0, world_size=1):  # type: ignore[no-untyped-def]
            for document in data:
                kept.append(document)
                yield document

    block = CurateFilter("c4", overrides={"min_sentences": {"min": 4}})
    LocalPipelineExecutor([Source(), block, Sink()], skip_completed=False)._run_for_rank(0)
    assert [document.text for document in kept] == [GOOD.strip()]
    assert kept[0].metadata["curate"]["sentences"] == 5
    assert block.stats["dropped_min_sentences"].total == 1


def test_every_failing_rule_is_counted_and_the_first_is_the_reason() -> None:
    from datatrove.data import Document

    block = CurateFilter("gopher-quality")
    document = Document(text="### ...", id="0")
    assert block.filter(document) == (False, "min_words")
    assert document.text == "### ..."
    failed = {label for label in block.stats.stats if label.startswith("failed_")}
    assert {"failed_min_words", "failed_hashes", "failed_stop_words", "failed_alphabetic_words"} <= failed
