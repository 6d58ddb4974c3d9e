"""Puts the report's sections together under a policy that lets the page load nothing and run only its own script.

Knows sections and the page around them; counts nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from curate.audit.opened import OpenedRun, open_finished
from curate.audit.report import panels, performance, thresholds
from curate.audit.report.html import Html, bar, count, join, percent, table, tag
from curate.audit.report.river import river
from curate.storage import write_atomically

_HERE = Path(__file__).parent
_FILES_SHOWN = 50


def write_report(folder: str | Path) -> Path:
    """Write report.html into a finished run's directory; returns its path."""
    run = open_finished(folder)
    path = run.folder / "report.html"
    write_atomically(path, report_page(run).encode())
    return path


def report_page(run: OpenedRun) -> str:
    """The whole page."""
    stats = run.stats
    outputs = tuple(name for name, source in stats["sources"].items() if source["role"] == "training")
    audit = stats["audit"]
    found = thresholds.sliders(audit, outputs)
    data = thresholds.script_data(audit, outputs, found, _sample(run)) | {"run": str(run.folder)}
    sections = [
        ("flow", "Where it went", join(river(name, each) for name, each in stats["sources"].items())),
        ("product", "What came out", _product(stats)),
        ("rules", "What the rules removed", panels.rules_table(stats["sources"])),
        ("overlap", "Which rules agree", _overlap(audit, outputs)),
        ("thresholds", "Thresholds", _thresholds(run, found)),
        ("languages", "Languages", panels.languages(panels.summed(audit, outputs, "languages"))),
        ("domains", "Domains", panels.domains(panels.summed(audit, outputs, "domains"))),
        ("quality", "Quality", panels.scores(panels.summed(audit, outputs, "quality"))),
        ("duplicates", "Duplicates", panels.duplicates(panels.summed(audit, outputs, "duplicates"))),
        ("contamination", "Contamination", panels.contamination(panels.summed(audit, outputs, "contamination"))),
        ("personal", "Personal data", panels.personal_data(panels.summed(audit, outputs, "pii"))),
        ("lengths", "Lengths", panels.lengths(panels.summed(audit, outputs, "lengths"))),
        ("damage", "Damage and quarantine", panels.damage(stats["sources"])),
        ("time", "Time", performance.panel(run.folder / "timings")),
        ("settings", "Settings and inputs", _settings(run)),
    ]
    body = [
        _header(run, stats),
        tag("nav", *(tag("a", name.capitalize(), href=f"#{name}") for name, _, _ in sections), aria_label="Contents"),
        tag("main", *(tag("section", tag("h2", title), content, id=name) for name, title, content in sections)),
        tag("footer", f"Every number is in stats.json and timings/ beside this file. Run {run.record['fingerprint']}."),
    ]
    return _document(f"{stats['name']} — report", join(body), data)


def _document(title: str, body: Html, data: Mapping[str, Any]) -> str:
    script, style = ((_HERE / name).read_text("utf-8") for name in ("report.js", "report.css"))
    embedded = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    embedded = embedded.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    policy = (
        f"default-src 'none'; script-src 'sha256-{_sha256(script)}'; style-src 'sha256-{_sha256(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", title),
            Html(f"<style>{style}</style>"),
        ]
    )
    end = Html(f'<script type="application/json" id="data">{embedded}</script><script>{script}</script>')
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body, end), lang='en')}\n"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _sample(run: OpenedRun) -> pa.Table:
    """The sample that the run's counts hold; empty where `.work` was removed."""
    name = run.record.get("aggregate")
    path = run.folder / ".work" / str(name).replace(".json", ".sample")
    if name is None or not path.exists():
        return pa.table({"fixed": pa.array([], pa.bool_())})
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _header(run: OpenedRun, stats: Mapping[str, Any]) -> Html:
    sources = stats["sources"].values()
    names = ("records", "documents", "kept", "tokens", "files")
    totals = {name: sum(source[name] for source in sources) for name in names}
    figures: tuple[tuple[str, str, str], ...] = (
        (count(totals["records"]), "records read", f"from {count(totals['files'])} files"),
        (count(totals["documents"]), "documents", percent(totals["documents"], totals["records"]) + " of the records"),
        (count(totals["kept"]), "kept", percent(totals["kept"], totals["documents"]) + " of the documents"),
        (count(totals["tokens"]), "tokens", run.pipeline.tokens.tokenizer),
    )
    return tag(
        "header",
        tag("button", "Theme", type="button", id="theme", aria_label="Change between light and dark"),
        tag("p", "Report of a run", class_="quiet"),
        tag("h1", stats["name"]),
        tag("p", run.pipeline.about, class_="about") if run.pipeline.about else None,
        tag(
            "dl",
            *(tag("div", tag("dt", what), tag("dd", tag("b", size), tag("small", note))) for size, what, note in figures),
            class_="figures",
        ),
        class_="top",
    )


def _product(stats: Mapping[str, Any]) -> Html:
    """Shards, and each group's share of the tokens: as asked, and as it is."""
    columns = ("shards", "documents", "tokens")
    splits = [(split, *(count(each[name]) for name in columns)) for split, each in stats["shards"].items()]
    blocks = [table(("split", *columns), splits)]
    mixture = stats.get("mixture")
    if mixture:
        weights = sum(group["weight"] or 0 for group in mixture["groups"].values()) or 1
        rows = []
        for name, group in mixture["groups"].items():
            weight = group["weight"]
            target = weight / weights if weight is not None else None
            rows.append(
                (
                    name, percent(target, 1) if target is not None else "", percent(group["tokens"], mixture["tokens"]),
                    bar(target or 0, group["share"]), count(group["tokens"]), f"{group['epochs']:.3g}",
                    count(group["available_tokens"]),
                )
            )  # fmt: skip
        blocks.append(table(("group", "asked", "achieved", "", "tokens", "epochs", "available tokens"), rows))
        if mixture["missing_tokens"]:
            missing = count(mixture["missing_tokens"])
            blocks.append(tag("p", f"{missing} tokens are missing: every group is at its cap.", class_="quiet"))
    else:
        total = sum(source["tokens"] for source in stats["sources"].values()) or 1
        listed = [
            (name, count(each["kept"]), count(each["tokens"]), percent(each["tokens"], total), bar(each["tokens"] / total))
            for name, each in stats["sources"].items()
            if each["role"] == "training"
        ]
        blocks.append(table(("source", "documents", "tokens", "share", ""), listed))
        blocks.append(tag("p", "No mixture was asked for: every document is there once.", class_="quiet"))
    return join(blocks)


def _overlap(audit: Mapping[str, Any], outputs: tuple[str, ...]) -> Html:
    note = tag(
        "p",
        "Each row is a rule; a cell's ink is the share of the documents failing it that fail the rule of the column too. "
        "Rules are evaluated for every document, so nothing hides behind an earlier step.",
        class_="quiet",
    )
    return join([note, panels.overlap_matrix(panels.summed(audit, outputs, "overlap"))])


def _thresholds(run: OpenedRun, found: list[thresholds.Slider]) -> Html:
    if not found:
        return tag("p", "No rule of this pipeline has a bound to move.", class_="quiet")
    console = tag(
        "div",
        tag("p", tag("b", "", id="yield"), tag("span", "", id="yield-note")),
        tag("code", "", id="command"),
        tag("button", "Reset", type="button", id="reset"),
        class_="console",
        id="console",
        role="status",
    )
    note = tag(
        "p",
        "Drag a threshold: the number of documents that pass every rule follows. One moved threshold is exact; "
        "several together are estimated on a sample of the run's documents, with the interval.",
        class_="quiet",
    )
    return join([note, thresholds.legend(), console, thresholds.cards(run, found)])


def _settings(run: OpenedRun) -> Html:
    written = yaml.safe_dump(dict(run.record["pipeline"]), sort_keys=False, allow_unicode=True, width=100)
    files = [(name, each["file"], count(each["bytes"])) for name, listed in run.record["inputs"].items() for each in listed]
    more = f"The first {_FILES_SHOWN} of {count(len(files))} input files" if len(files) > _FILES_SHOWN else "Input files"
    return join(
        [
            tag("details", tag("summary", "The pipeline, every default written out"), tag("pre", written, tabindex="0")),
            tag("details", tag("summary", more), table(("source", "file", "bytes"), files[:_FILES_SHOWN])),
        ]
    )
