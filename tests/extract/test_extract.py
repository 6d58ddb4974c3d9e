"""Extraction: a page that crashes, hangs or explodes is quarantined with its reason, and its neighbours are not lost."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from curate.extract import EXTRACTED, EngineUnavailable, Extractor, Limits, extractor
from curate.extract.attributes import comparisons

QUICK = Limits(cpu_seconds=0.5, wall_seconds=2.0, memory_bytes=256 << 20)
"""Tight enough for tests: the pages that obey them cost under a millisecond."""

PARAGRAPH = "<p>" + "The harbour was built in 1871 and has served the fishing fleet of the island ever since. " * 5


@pytest.fixture(autouse=True)
def hostile_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "support"))


@pytest.fixture(scope="module")
def plain() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


def pages(*bodies: str | bytes | None, content_type: str | None = "text/html; charset=utf-8") -> pa.RecordBatch:
    encoded = [body.encode() if isinstance(body, str) else body for body in bodies]
    return pa.record_batch(
        {
            "body": pa.array(encoded, pa.large_binary()),
            "content_type": pa.array([content_type] * len(bodies), pa.string()),
        }
    )


def outcome(batch: pa.RecordBatch) -> list[str]:
    """Per row `!reason`, or the text."""
    return [f"!{row['reason']}" if row["reason"] else str(row["text"]) for row in batch.to_pylist()]


def test_the_article_is_found_and_the_menu_is_not(plain: Extractor) -> None:
    menu = "<nav><ul>" + "<li><a href=/>Products and services</a>" * 20 + "</ul></nav>"
    done = plain.extract(pages(f"<html><body>{menu}<article>{PARAGRAPH * 5}</article><footer>Imprint</footer>"))
    assert done.schema == EXTRACTED
    (row,) = done.to_pylist()
    assert row["text"].startswith("The harbour was built") and "Products" not in row["text"]
    assert (row["charset"], row["reason"]) == ("utf-8", None)


def test_a_page_whose_layout_looks_like_a_side_bar_is_not_lost(plain: Extractor) -> None:
    done = plain.extract(pages(f'<body><nav>Products</nav><div class="sidebar comments">{PARAGRAPH * 3}</div>'))
    assert "The harbour was built" in outcome(done)[0] and "Products" not in outcome(done)[0]


def test_trafilatura_is_an_option() -> None:
    with Extractor("trafilatura") as made:
        article = f"<html><body><article>{PARAGRAPH * 5}</article></body></html>"
        first, second = outcome(made.extract(pages(article, article)))
    assert first.startswith("The harbour was built")
    assert first == second, "a page's text depends on the page alone"


def test_hostile_markup_is_refused_by_exact_rules_and_neighbours_survive(plain: Extractor) -> None:
    limits = plain.limits
    bodies = {
        b"<div>" * 1_000_000: "!too-many-nodes",
        b"<" * 100_000_000: "!too-large",
        b"<" * 16_000_000: "!too-many-nodes",
        b"<div>" * (limits.depth + 1) + b"deep": "!too-deep",
        b"<div>" * 100_000 + b"deep": "!too-deep",
        b"".join(b"<p><font size=%d>" % i for i in range(1500)) + b"multiplying": "!too-many-nodes",
        b"<div>" * 200 + b"deep enough": "deep enough",
        b"\0" * 1_000_000: "!no-text",
        b"": "!no-text",
        b"<script>only()</script>": "!no-text",
    }
    for body, expected in bodies.items():
        assert outcome(plain.extract(pages("<p>before", body, "<p>after"))) == ["before", expected, "after"]


def attributes(count: int, quote: str = "") -> bytes:
    return b"<div " + " ".join(f"a{i}={quote}1{quote}" for i in range(count)).encode() + b">x"


@pytest.mark.parametrize(
    "page",
    [
        attributes(200_000),
        attributes(100_000, '"'),
        attributes(100_000, "'").replace(b"'1'", b"'<>'"),
        b"<div " + b"/".join(b"a%d" % i for i in range(50_000)) + b">x",
        attributes(1_000) * 300,
        attributes(50_000).decode().encode("utf-16"),
        attributes(50_000).decode().encode("utf-16-be"),
        attributes(50_000).replace(b"<div", b'<div "'),
        b"<div " + b"=a" * 100 + b" " + b" ".join(b"=%d" % i for i in range(40_000)) + b">x",
    ],
    ids=["bare", "quoted", "marks in values", "slashes", "many tags", "utf-16", "utf-16-be", "a stray quote", "equals"],
)
def test_tags_that_take_the_real_parser_forever_are_refused_by_the_page_alone(plain: Extractor, page: bytes) -> None:
    done = plain.extract(pages("<p>before", page, "<p>after", content_type="text/html"))
    assert outcome(done) == ["before", "!too-many-attributes", "after"]


def test_what_is_no_attribute_is_not_counted() -> None:
    words = b" ".join(b"word%d" % i for i in range(30_000))
    for page in (
        b"<p>" + words,
        b"<!-- <p " + words + b"> -->",
        b"<script>if (a <b " + words + b") {}</script><p x y>",
        b"<STYLE>p{}<p " + words + b"</STYLE >",
        b"<p title='" + words + b"'>",
        b"1 < 2 " + words,
    ):
        assert comparisons(page) <= 4, page[:30]


def test_the_real_pages_stay_far_below_the_limit(shared_data: Path) -> None:
    with open(shared_data / "realweb-dev.warc.gz", "rb") as file:
        archive = ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True)
        most = max(comparisons(record.reader.read()) for record in archive)
    assert 0 < most < Limits().comparisons / 500


def test_a_page_that_takes_all_the_real_parsers_memory_is_named_so() -> None:
    multiplying = b"".join(b"<p><font size=%d>" % i for i in range(1500))
    with Extractor(limits=Limits(memory_bytes=128 << 20)) as made:
        assert outcome(made.extract(pages("<p>before", multiplying, "<p>after"))) == ["before", "!memory", "after"]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("LOOP", "timeout"),
        ("LOOP-IN-C", "timeout"),
        ("SLEEP", "timeout"),
        ("SEGFAULT", "crash"),
        ("EXIT", "crash"),
        ("KILL", "memory"),
        ("HOG", "memory"),
        ("RAISE", "error"),
        ("RECURSE", "error"),
    ],
)
def test_whatever_a_page_does_its_neighbours_are_not_lost(order: str, reason: str) -> None:
    with Extractor("hostile:extract", QUICK) as made:
        done = made.extract(pages("one 1", f"{order} now", "two 2", "three 3"))
        assert outcome(done) == ["one 1", f"!{reason}", "two 2", "three 3"]


def test_a_page_that_fails_once_is_not_blamed(tmp_path: Path) -> None:
    page = f"FAIL-ONCE {tmp_path / 'failed'}"
    with Extractor("hostile:extract", QUICK) as made:
        assert outcome(made.extract(pages("one 1", page, "two 2"))) == ["one 1", page, "two 2"]


def test_a_child_killed_between_pages_is_replaced_unnoticed() -> None:
    with Extractor("hostile:extract", QUICK) as made:
        (first,) = outcome(made.extract(pages("PID")))
        os.kill(int(first), signal.SIGKILL)
        second, third = outcome(made.extract(pages("PID", "PID")))
        assert first != second == third, "one child serves page after page"


def test_the_result_does_not_depend_on_batch_boundaries() -> None:
    bodies = ["one 1", "SEGFAULT", "RAISE", "two 2", "HOG", "EXIT", "three 3", "<br>" * 1000]
    with Extractor("hostile:extract", QUICK) as made:
        whole = made.extract(pages(*bodies)).to_pylist()
        for size in (1, 3):
            parts = [made.extract(pages(*bodies[i : i + size])) for i in range(0, len(bodies), size)]
            assert [row for part in parts for row in part.to_pylist()] == whole


def test_a_missing_body_yields_a_row_of_nulls(plain: Extractor) -> None:
    done = plain.extract(pages("<p>before", None, "<p>after", content_type=None)).to_pylist()
    assert done[1] == {"text": None, "charset": None, "reason": None}
    assert (done[0]["text"], done[2]["text"]) == ("before", "after")
    assert plain.extract(pages()).num_rows == 0


def test_what_an_engine_prints_does_not_reach_the_results(capfd: pytest.CaptureFixture[str]) -> None:
    with Extractor("hostile:extract", QUICK) as made:
        assert outcome(made.extract(pages("PRINT 1", "two 2"))) == ["PRINT 1", "two 2"]
    assert capfd.readouterr() == ("", "")


def test_text_has_plain_newlines_no_nul_and_no_margin() -> None:
    with Extractor("hostile:extract", QUICK) as made:
        assert outcome(made.extract(pages(" \r\n<p>a\r\nb\rc\0d \n\n"))) == ["a\nb\ncd"]


def test_large_pages_and_large_texts_cross_the_pipe_whole() -> None:
    words = [" ".join(f"{word}{i}" for i in range(1_000_000)) for word in ("word", "é")]
    with Extractor("hostile:extract") as made:
        assert outcome(made.extract(pages(*words))) == words


def test_an_engine_that_cannot_be_loaded_is_the_runs_fault_not_the_pages() -> None:
    for engine, said in (("resiliparze", "use curate, resiliparse"), ("no_such_module:f", "no_such_module")):
        with Extractor(engine) as made, pytest.raises(EngineUnavailable, match=said):
            made.extract(pages("<p>a"))


def test_the_child_inherits_nothing_and_starts_light() -> None:
    opened = os.open(__file__, os.O_RDONLY)
    os.set_inheritable(opened, True)
    try:
        with Extractor("hostile:extract", QUICK) as made:
            (files,) = outcome(made.extract(pages("FILES")))
    finally:
        os.close(opened)
    assert len(files.split()) <= 7, "standard streams, the pipe, bodies, replies, and the listing itself"
    heavy = "import sys, curate.extract.child as _; print({'pyarrow', 'numpy', 'numba', 'ray'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "set()\n"


def test_when_the_parent_is_killed_the_child_goes_too() -> None:
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import pyarrow as pa; from curate.extract import extractor\n"
        "batch = pa.record_batch({'body': pa.array([b'PID'], pa.large_binary()), 'content_type': pa.array(['text/html'])})\n"
        "print(extractor('hostile:extract').extract(batch)['text'][0].as_py(), flush=True); time.sleep(1e6)"
    )
    here = str(Path(__file__).parents[1] / "support")
    with subprocess.Popen([sys.executable, "-c", script, here], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, signal.SIGINT)
        time.sleep(0.1)
        assert _alive(child), "an interrupt is the parent's to handle"
        parent.kill()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_has_one_extractor_per_engine() -> None:
    made = extractor("hostile:extract", QUICK)
    assert made is extractor("hostile:extract", QUICK)
    assert outcome(made.extract(pages("one 1"))) == ["one 1"]
    made.close()


@given(st.lists(st.one_of(st.binary(max_size=300), st.text(alphabet="<>/abdip &;\"'=!-\0é", max_size=300)), max_size=5))
def test_any_bytes_give_a_text_or_a_reason(plain: Extractor, bodies: list[bytes | str]) -> None:
    for row in plain.extract(pages(*bodies)).to_pylist():
        assert (row["text"] is None) != (row["reason"] is None)
        assert row["reason"] in (None, "no-text") and row["text"] != ""


def test_real_pages_give_the_text_that_people_chose(plain: Extractor, shared_data: Path) -> None:
    """Mean word F1 (multiset of lower-cased words) on every fourth page with a full text by people; 0.88 on all."""
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz") as lines:
        gold = {row["record_id"]: row for row in map(json.loads, lines)}
    scores = []
    with open(shared_data / "realweb-dev.warc.gz", "rb") as file:
        for i, record in enumerate(ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True)):
            want = gold[record.headers["WARC-Record-ID"]]
            if i % 4 == 0 and want["gold_kind"] == "human" and want["text"] and not want["truncated"]:
                kind = record.http_headers.get("Content-Type")
                (row,) = plain.extract(pages(record.reader.read(), content_type=kind)).to_pylist()
                found, wanted = (Counter(re.findall(r"\w+", (t or "").lower())) for t in (row["text"], want["text"]))
                scores.append(2 * (found & wanted).total() / max(1, found.total() + wanted.total()))
    assert len(scores) > 200 and sum(scores) / len(scores) > 0.85
