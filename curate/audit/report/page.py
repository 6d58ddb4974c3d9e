"""Puts the report's sections together under a policy that lets the page load nothing and run only its own script.

Knows sections and the page around them; counts nothing.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.audit.findings import findings_of_time
from curate.audit.finished_run import Mode, OpenedRun, beside, open_finished
from curate.audit.report import (
    combinations,
    copies,
    dials_panel,
    facts,
    flow,
    head,
    overlap,
    panels,
    performance,
    reader,
    thresholds,
)
from curate.audit.report import domains_and_languages as standing
from curate.audit.report.choices import choices_of
from curate.audit.report.frame import document
from curate.audit.report.headlines import headlines
from curate.audit.report.presets import with_presets
from curate.audit.report.reasons import whys
from curate.audit.report.river import river
from curate.audit.report.rules_panel import rules_table
from curate.audit.sampled import candidates_of
from curate.audit.timings import stage_times
from curate.audit.whatif import written_tree
from curate.config.document import write_document
from curate.engine.commit import Commit
from curate.engine.lock import hold
from curate.engine.mirror import run_address
from curate.records.statistics import RunNumbers, outputs
from curate.storage import write_atomically
from curate.text.html import Html, bar, clean, count, join, named, percent, table, tag

_FILES_SHOWN = 50
_OPEN_RIVERS = 2
"""Sources up to which each one's flow is unfolded."""
_RIVERS = 24
"""Sources whose flow is drawn: those with the most records."""
_GROUPS = 30
_OF_THE_CHOSEN = frozenset(
    ("flow", "product", "rules", "overlap", "thresholds", "languages", "domains", "quality", "duplicates", "lengths")
)
"""Sections that begin with what is chosen on the map or in the reader, where something is."""
_SETTINGS_SHOWN = 60_000
"""Characters of the pipeline that are shown: it may name a hundred thousand files."""


def write_report(
    folder: str | Path, texts: Mode = "scrubbed", against: str | Path | None = None, mapped: bool = True
) -> Path:
    """Write report.html into a finished run's directory, or for a run in a bucket beside what is mirrored of it here;
    returns its path. `texts`: how it shows texts; `against`: another
    run, whose numbers are marked beside this one's; `mapped`: whether the map of the crawl is drawn."""
    if run_address(folder) is not None:
        run = dataclasses.replace(open_finished(folder), texts=texts)
        other = open_finished(against) if against is not None else None
        path = run.folder.parent / "report.html"
        write_atomically(path, report_page(run, other, mapped).encode())
        return path
    with hold(Path(folder)):
        run = dataclasses.replace(open_finished(folder), texts=texts)
        commit = Commit(run.folder)
        other = open_finished(against) if against is not None else None
        commit.write("report.html", report_page(run, other, mapped).encode())
        commit.finish()
    return run.folder / "report.html"


def report_page(run: OpenedRun, against: OpenedRun | None = None, mapped: bool = True) -> str:
    """The whole page; `mapped`: with the map of the crawl, where the pipeline does not leave it out."""
    stats = run.stats
    candidates = outputs(stats["sources"])
    audit, unit = stats["audit"], facts.unit(stats)
    found, packs = with_presets(thresholds.sliders(audit, candidates, dials_panel.shares_of(run)))
    lists = choices_of(stats, candidates)
    agree = facts.summed(audit, candidates, "overlap")
    alike = facts.summed(audit, candidates, "duplicates")
    sample = candidates_of(_sample(run), candidates)
    drawn = mapped and run.pipeline.report.map
    rows = reader.packed(run, sample, len(found), drawn, {"domains": standing.script_data(stats)})
    data = thresholds.script_data(audit, candidates, found, sample, lists) | {
        "reader": rows | {"run": clean(shlex.quote(run.place)), "total": facts.totals(stats["sources"]).documents},
        "run": clean(run.place),
        "overlap": overlap.script_data(agree),
        "copies": copies.script_data(alike, run.pipeline),
        "presets": [each.bounds for each in packs],
        **_pipeline_data(run, candidates),
    }
    together = join([combinations.panel(facts.summed(audit, candidates, "sets")), overlap.panel(agree)])
    engines, told = panels.engines(stats["sources"]), whys(run.pipeline)
    sections = [
        ("map", "Map", "The map of the crawl", reader.map_panel(bool(rows["map"]))),
        ("reader", "Reader", "What it read", reader.panel(rows["rows"], facts.totals(stats["sources"]).documents)),
        ("flow", "Flow", "Where it went", _flow(stats)),
        ("product", "Product", "What came out", _product(stats)),
        *((("engines", "Engines", "Texts by engine", engines),) if engines else ()),
        ("rules", "Rules", "What the rules removed", rules_table(stats, found, told)),
        ("overlap", "Overlap", "Which rules agree", together),
        ("thresholds", "Dials", "Dials", dials_panel.panel(run, found, lists, told, packs)),
        ("languages", "Languages", "Languages", standing.languages(stats)),
        ("domains", "Domains", "Domains", standing.domains(stats)),
        ("quality", "Quality", "Quality", panels.scores(facts.summed(audit, candidates, "quality"), stats["sources"])),
        ("duplicates", "Duplicates", "Duplicates", copies.panel(alike, run.pipeline)),
        ("contamination", "Contamination", "Contamination", panels.contamination(stats)),
        ("personal", "Personal data", "Personal data", panels.personal_data(facts.summed(audit, candidates, "pii"))),
        ("lengths", "Lengths", f"{unit.capitalize()} per document", panels.lengths(
            facts.summed(audit, candidates, "lengths"), facts.summed(audit, candidates, "amounts"), stats
        )),
        ("damage", "Damage", "Damage and quarantine", panels.damage(stats["sources"])),
        ("time", "Time", "Time and throughput", performance.panel(run.folder / "timings", stats)),
        ("settings", "Settings", "Settings and inputs", _settings(run)),
    ]  # fmt: skip
    says = headlines(run.pipeline, stats, stage_times(run.folder / "timings"))
    if rows["map"]:
        says["map"] = rows["says"]
    links = (tag("a", link, href=f"#{name}") for name, link, _, _ in sections)
    body = [
        tag("a", "To the content", href="#map", class_="skip"),
        _header(run, stats, against),
        tag("nav", tag("div", *links), _chosen(), aria_label="Contents"),
        tag("main", *(_section(name, title, says.get(name, ""), content) for name, _, title, content in sections)),
        tag(
            "footer",
            "Every number is in stats.json beside this file, but for those of time, which are in timings/. ",
            f"Run {run.record['fingerprint']}.",
        ),
    ]
    return document(
        f"{stats['name']} — report", join(body), data, ("report.js", "dials.js", "places.js", "chosen.js", "reader.js")
    )


def _pipeline_data(run: OpenedRun, candidates: Sequence[str]) -> dict[str, Any]:
    """The pipeline that moved thresholds are written into; none where it is too long for a page."""
    tree = written_tree(run.pipeline)
    if len(json.dumps(tree)) > _SETTINGS_SHOWN:
        return {}
    return {"pipeline": tree, "outputs": list(candidates)}


def _section(name: str, title: str, says: str, content: Html) -> Html:
    """A part of the page: what it is about, what it found, and the pictures that show it."""
    head = (
        [tag("p", title, class_="kicker"), tag("h2", says.replace(" %", "\N{NO-BREAK SPACE}%"))]
        if says
        else [tag("h2", title)]
    )
    place = tag("div", "", data_narrowed=name, hidden=True, class_="chosen") if name in _OF_THE_CHOSEN else None
    return tag("section", *head, place, content, id=name)


def _chosen() -> Html:
    """What the reader and the map are narrowed to, in view wherever the page is read; the script fills it."""
    says, clear = tag("span", "", id="chosen-said"), tag("button", "Clear", type="button", id="chosen-clear")
    return tag("p", says, " ", clear, id="chosen", hidden=True, role="status")


def _sample(run: OpenedRun) -> pa.Table:
    """The sample that the run's counts hold; empty where `.work` was removed."""
    stem = run.record["aggregate"]
    path = beside(run.folder / ".work" / stem, "sample") if stem else None
    if path is None or not path.exists():
        return pa.table({"source": pa.array([], pa.string()), "fixed": pa.array([], pa.bool_())})
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _header(run: OpenedRun, stats: RunNumbers, against: OpenedRun | None) -> Html:
    totals = facts.totals(stats["sources"])
    settings = run.pipeline.tokens
    made_of = settings.tokenizer if settings is not None else f"documents after {run.pipeline.last_step}"
    found = [*stats.get("findings", []), *findings_of_time(run.folder / "timings")]
    other = against.stats if against else None
    return tag(
        "header",
        tag("button", "Light or dark", type="button", id="theme"),
        tag("p", "Report of a run", class_="quiet"),
        tag("h1", named(stats["name"])),
        tag("p", run.pipeline.about, class_="about") if run.pipeline.about else None,
        tag("p", head.sentence(stats), class_="sentence"),
        head.figures(stats, made_of),
        panels.note(
            f"{count(totals.reference_documents)} documents only train a classifier, and are in none of these numbers."
        )
        if totals.reference_documents
        else None,
        tag(
            "div",
            head.funnel_picture(stats, other, against.place if against else ""),
            head.findings_panel(found, run.place),
            class_="first",
        ),
        class_="top",
    )


def _flow(stats: RunNumbers) -> Html:
    """All sources in one picture; and a river for each, the largest first where there are many."""
    listed = [(name, each) for name, each in stats["sources"].items()]
    if len(listed) > _RIVERS:
        listed = sorted(listed, key=lambda item: -item[1]["records"])[:_RIVERS]
    more = len(stats["sources"]) - len(listed)
    unit = facts.unit(stats)
    estimated = (
        " Tokens of what was dropped are its characters at the rate of what is kept." if unit == "tokens" else ""
    )
    says = (
        "From the sources, left, to what became of their documents: kept, or dropped at the first step that they fail. "
        "A band is as thick as it has documents; into the mixture, right, it widens where a group has more than one "
        f"epoch.{estimated} A band or a name, clicked, leads to its documents in the reader."
    )
    by_source = panels.note(
        "From the records read, at the top, to the documents kept. Beside a step stand the rules that most documents fail, "
        "counted on every document, also on those that left before, so their numbers may add up to more than the step "
        "drops."
    )
    rest = panels.note(f"{count(more)} sources with fewer records are in stats.json.") if more else None
    rivers = tag(
        "details",
        tag("summary", f"Step by step, {'source by source' if len(listed) > 1 else 'from records to text'}"),
        by_source,
        *(river(name, each) for name, each in listed),
        rest,
        open=len(listed) <= _OPEN_RIVERS,
    )
    return join([panels.note(says), flow.picture(stats), rivers])


_ENDS = panels.note(
    "Tokens of splits and of a mixture's groups, which are what a trainer reads, count the end-of-text token after each "
    "document. All other numbers of this page leave it out."
)


def _product(stats: RunNumbers) -> Html:
    """Shards, and each group's share of the tokens: as asked, and as it is."""
    columns = ("shards", "documents", "tokens")
    splits = [
        (split, count(each["shards"]), count(each["documents"]), count(each["tokens"]))
        for split, each in facts.splits(stats)
    ]
    mixture, unit = stats.get("mixture"), facts.unit(stats)
    rows = [
        (
            named(each.group), "" if each.asked is None else percent(each.asked, 1), percent(each.share, 1),
            count(each.tokens), count(each.documents), f"{each.epochs:.3g}", count(each.available),
            bar(0, each.share, each.asked),
        )
        for each in facts.shares(stats)
    ]  # fmt: skip
    heads = ("group", "asked", "achieved", unit, "documents", "epochs", f"available {unit}", "share")
    if mixture:
        says = (
            "The bar is the share that each group has of the mixture, the mark what was asked for. Epochs: how often the "
            "mixture has each document of the group."
        )
    else:
        says = "No mixture was asked for: every kept document is in the shards once."
    missing = mixture["missing_tokens"] if mixture else 0
    return join(
        [
            None if facts.unit(stats) != "tokens" else join([table(("split", *columns), splits, class_="slim"), _ENDS]),
            panels.note(says),
            panels.long_table(heads, rows, _GROUPS, "groups"),
            panels.note(f"{count(missing)} tokens are missing: every group is at its cap.") if missing else None,
        ]
    )


def _settings(run: OpenedRun) -> Html:
    written = write_document(run.record["pipeline"], width=100)
    if len(written) > _SETTINGS_SHOWN:
        written = written[:_SETTINGS_SHOWN] + "\n… the rest is in run.json\n"
    files = [(name, each["file"], each["bytes"]) for name, listed in run.record["inputs"].items() for each in listed]
    shown = [(name, named(file), count(size)) for name, file, size in files[:_FILES_SHOWN]]
    more = (
        f"The first {_FILES_SHOWN} of {count(len(files))} input files" if len(files) > _FILES_SHOWN else "Input files"
    )
    return join(
        [
            tag(
                "details", tag("summary", "The pipeline, every default written out"), tag("pre", written, tabindex="0")
            ),
            tag("details", tag("summary", more), table(("source", "file", "bytes"), shown)),
        ]
    )
