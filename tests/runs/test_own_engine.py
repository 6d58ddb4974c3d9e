"""Runs whose pages are read by the project's own engine: its formats, its settings, and a task whose process died."""

from __future__ import annotations

from pathlib import Path

import pytest

import curate
from curate.config.reading import read_pipeline
from curate.engine.task import Output, Task, execute
from curate.errors import ConfigError
from tests.audit.test_takedown import texts_below
from tests.support.archives import record, response
from tests.support.running import curate as command

PIPELINE = """
name: own
sources:
  web:
    read: {{format: warc, paths: [{folder}/*.warc]}}
    steps: [{{extract: {extract}}}]
tokens: {{tokenizer: gpt2}}
shards: {{validation: 0}}
"""
PAGES = {
    "http://a.example/": b"<nav>Home</nav><h1>Tea</h1><ol><li>Boil.<li>Steep.</ol>",
    "http://b.example/": b"<script>nothing()</script>",
    "http://c.example/": b"<div>" * 500_001,
}


def pipeline(folder: Path, extract: str) -> Path:
    blocks = [record(response(page), WARC_Target_URI=url) for url, page in PAGES.items()]
    (folder / "pages.warc").write_bytes(b"".join(blocks))
    (folder / "p.yaml").write_text(PIPELINE.format(folder=folder, extract=extract))
    return folder / "p.yaml"


@pytest.mark.parametrize(
    ("extract", "text"),
    [
        ("{engine: curate}", "Tea\nBoil.\nSteep."),
        ("{engine: curate, format: markdown}", "# Tea\n\n1. Boil.\n2. Steep."),
    ],
)
def test_a_run_extracts_in_the_format_that_is_asked_for_and_quarantines_what_has_no_text(
    tmp_path: Path, extract: str, text: str
) -> None:
    made = curate.run(pipeline(tmp_path, extract), out=tmp_path / "run", engine="serial")
    ledger = {row["url"]: row for row in made.ledger().to_table().to_pylist()}
    assert ledger["http://a.example/"]["chars"] == len(text) and ledger["http://a.example/"]["kept"]
    assert ledger["http://b.example/"]["failed"] == ["extract/no-text"]
    assert ledger["http://c.example/"]["failed"] == ["extract/too-many-nodes"]
    (explained,) = made.explain("http://a.example/")
    assert text.splitlines()[0] in str(explained)


def test_what_pages_say_of_themselves_is_in_the_ledger_where_it_is_asked_for(tmp_path: Path) -> None:
    file = pipeline(tmp_path, "{engine: curate, metadata: true}")
    told = (
        b"<html lang=en><title>T</title><meta name=robots content=noai><a rel=license href=/l>l</a><p>Some text here."
    )
    silent = b"<p>Nothing told."
    blocks = [
        record(response(page), WARC_Target_URI=f"http://{i}.example/") for i, page in enumerate((told, b"", silent))
    ]
    (tmp_path / "pages.warc").write_bytes(b"".join(blocks))
    made = curate.run(file, out=tmp_path / "run", engine="serial")
    rows = {row["url"]: row for row in made.ledger().to_table().to_pylist()}
    row = rows["http://0.example/"]
    assert (row["meta.title"], row["meta.language"], row["meta.robots"], row["meta.licence"]) == (
        "T",
        "en",
        "noai",
        "/l",
    )
    assert rows["http://2.example/"]["kept"] and rows["http://2.example/"]["meta.title"] is None
    plain = curate.run(pipeline(tmp_path, "{engine: curate}"), out=tmp_path / "plain", engine="serial")
    assert not [name for name in plain.ledger().schema.names if name.startswith("meta.")]
    with pytest.raises(ConfigError, match="metadata: true needs engine: curate"):
        read_pipeline(pipeline(tmp_path, "{engine: resiliparse, metadata: true}"))


RULES = """
name: rules
sources:
  web:
    read: {{format: warc, paths: [{folder}/*.warc]}}
    steps:
      - extract: {{metadata: true}}
      - metadata:
          allow: {{language: [en, en-*], licence: ["https://creativecommons.org/*"]}}
          refuse: {{robots: [noai, "gptbot: *"], robots_header: [noai, "tdm-reservation: 1"]}}
          missing: pass
tokens: null
"""
CC = "<a rel=license href=https://creativecommons.org/licenses/by/4.0/>l</a>"
TOLD: dict[str, tuple[str, list[str], list[str]]] = {
    "silent": ("", [], []),
    "english": ("<html lang=en-GB><meta name=robots content='max-snippet: 20, noindex'>" + CC, [], []),
    "german": ("<html lang=de>", [], ["metadata/language"]),
    "enclosed": ("<html lang=enm>", [], ["metadata/language"]),
    "reserved": ("<a rel=license href=/terms>l</a>", [], ["metadata/licence"]),
    "meta": ("<meta name=robots content='noindex, NOAI'>", [], ["metadata/refused_robots"]),
    "one robot": (
        "<meta name=GPTBot content=noindex><meta name=robots content=index>",
        [],
        ["metadata/refused_robots"],
    ),
    "google": ("<meta name=googlebot content='noai'>", [], []),
    "header": ("", ["X-Robots-Tag: noindex, noai"], ["metadata/refused_robots_header"]),
    "header of one": ("", ["X-Robots-Tag: googlebot: noindex, noai"], []),
    "second header": ("", ["X-Robots-Tag: index", "TDM-Reservation: 1"], ["metadata/refused_robots_header"]),
}


def test_rules_decide_by_what_pages_and_their_headers_say(tmp_path: Path) -> None:
    blocks = []
    for name, (said, headers, _) in TOLD.items():
        answer = response(f"{said}<p>Some text of a page here.".encode(), *headers)
        blocks.append(record(answer, WARC_Target_URI=f"http://{name.replace(' ', '-')}.example/"))
    (tmp_path / "pages.warc").write_bytes(b"".join(blocks))
    (tmp_path / "p.yaml").write_text(RULES.format(folder=tmp_path))
    made = curate.run(tmp_path / "p.yaml", out=tmp_path / "run", engine="serial")
    rows = {row["url"]: row for row in made.ledger().to_table().to_pylist()}
    for name, (_, _, failed) in TOLD.items():
        row = rows[f"http://{name.replace(' ', '-')}.example/"]
        assert (row["failed"] or [], row["kept"]) == (failed, not failed), name
    assert rows["http://header-of-one.example/"]["meta.robots_header"] == "googlebot: noindex, googlebot: noai"


def test_another_format_reads_anew_and_the_same_one_does_not(tmp_path: Path) -> None:
    folders = []
    for extract in ("{engine: curate}", "{engine: curate, format: markdown}", "{engine: curate, format: text}"):
        curate.run(pipeline(tmp_path, extract), out=tmp_path / "run", engine="serial")
        folders.append({path.name for path in (tmp_path / "run" / ".work").glob("read-*")})
    assert len(folders[1] - folders[0]) == 1
    assert folders[2] & folders[0]


def test_an_engine_that_writes_text_alone_is_not_asked_for_markdown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"p\.yaml:6: .*format: markdown needs engine: curate"):
        read_pipeline(pipeline(tmp_path, "{engine: resiliparse, format: markdown}"))


def tell(params: dict[str, str], inputs: object, output: Output) -> dict[str, bool]:
    """A task that says whether it was begun before, and dies of the page that its params name."""
    if params["page"] == "bad":
        raise ValueError("bad page")
    return {"begun_before": output.begun_before}


def test_a_task_whose_process_died_is_told_so_and_one_that_failed_is_not(tmp_path: Path) -> None:
    good = Task("read", tell, {"page": "good"})
    assert execute(tmp_path, good)[0].counts == {"begun_before": False}
    (tmp_path / good.folder / f"{good.key}.json").unlink()
    (tmp_path / good.folder / f".{good.key}.begun").touch()  # what a process leaves that is killed
    assert execute(tmp_path, good)[0].counts == {"begun_before": True}
    assert execute(tmp_path, good)[0].counts == {"begun_before": False}
    bad = Task("read", tell, {"page": "bad"})
    with pytest.raises(ValueError, match="bad page"):
        execute(tmp_path, bad)
    assert not list((tmp_path / bad.folder).iterdir())


def test_what_a_removed_page_said_of_itself_is_nowhere_below_the_run(tmp_path: Path) -> None:
    file = pipeline(tmp_path, "{engine: curate, metadata: true}")
    pages = [
        b"<title>Nightjar</title><meta name=author content=Nightjar><p>The first.",
        b"<title>Wren</title><p>The second.",
    ]
    blocks = [record(response(page), WARC_Target_URI=f"http://{i}.example/") for i, page in enumerate(pages)]
    (tmp_path / "pages.warc").write_bytes(b"".join(blocks))
    folder = tmp_path / "run"
    curate.run(file, out=folder, engine="serial")
    assert any("Nightjar" in text for _, text in texts_below(folder))
    (tmp_path / "urls").write_text("http://0.example/\n")
    command("remove", folder, "--urls", tmp_path / "urls")
    assert [path for path, text in texts_below(folder) if "Nightjar" in text] == []
    assert [path for path in folder.rglob("*") if path.is_file() and b"Nightjar" in path.read_bytes()] == []
    assert any("Wren" in text for _, text in texts_below(folder))
