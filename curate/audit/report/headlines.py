"""What each section of the report found, in one sentence that stands above its pictures.

Knows the numbers of stats.json, timings' sums and where the map's dots lie; knows no markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curate.audit.finding_facts import SCOPES
from curate.audit.layout import nearest
from curate.audit.rates import NO_ADDRESS, NOT_IDENTIFIED, below, rates
from curate.audit.report import facts
from curate.audit.report.losses import losses
from curate.audit.report.ranking import rule_losses
from curate.audit.source_facts import score_facts
from curate.config.models import Pipeline
from curate.records.statistics import RunNumbers, outputs
from curate.text.html import count, roughly, rounded, share_of, shortened
from curate.verdicts.steps import BEFORE_DOCUMENTS, ROLE

_HALF = 0.5
_LEAST_DOTS = 20
"""Dots of a fate below which where they lie says nothing."""
_NEIGHBOURS = 10
_TOGETHER, _ANYWHERE = 3.0, 1.5
"""Times as many of its own fate among a dot's neighbours as among all dots: from, and up to."""
_LIFT, _ALIKE = 0.1, 0.5
"""Share by which a score has to keep more of the best scored quarter than of the worst to be said to decide; or the worst
quarter's share of what the best one keeps, below which it is said too: a rule that keeps little keeps little of both."""


def headlines(pipeline: Pipeline, stats: RunNumbers, times: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """{section: sentence} of every section that these numbers say something about."""
    audit, candidates = stats["audit"], outputs(stats["sources"])
    found = {
        "reader": _reader(stats), "flow": _flow(stats), "product": _product(stats), "engines": _engines(stats),
        "rules": _rules(stats), "overlap": _overlap(facts.summed(audit, candidates, "overlap")),
        "thresholds": _thresholds(pipeline, stats), "languages": _languages(stats), "domains": _domains(stats),
        "quality": _quality(facts.summed(audit, candidates, "quality")),
        "duplicates": _duplicates(stats, facts.summed(audit, candidates, "duplicates")),
        "contamination": _contamination(stats), "personal": _personal(stats),
        "lengths": _lengths(stats, facts.summed(audit, candidates, "amounts")), "damage": _damage(stats),
        "time": _time(times),
    }  # fmt: skip
    return {section: says for section, says in found.items() if says}


def plural(number: int, one: str, several: str = "") -> str:
    """A number of things.

    >>> plural(1, "rule"), plural(1200, "copy", "copies")
    ('1 rule', '1,200 copies')
    """
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def _reader(stats: RunNumbers) -> str:
    totals = facts.totals(stats["sources"])
    return f"{plural(totals.documents, 'document')} were read, {count(totals.kept)} kept" if totals.documents else ""


def lost_by_step(stats: RunNumbers) -> list[tuple[str, int]]:
    """(step, documents that it dropped) over all sources, most first."""
    lost: dict[str, int] = {}
    for name in outputs(stats["sources"]):
        for row in stats["sources"][name]["funnel"]:
            if row["step"] not in (*BEFORE_DOCUMENTS, ROLE) and row["dropped"]:
                lost[row["step"]] = lost.get(row["step"], 0) + row["dropped"]
    return sorted(lost.items(), key=lambda item: (-item[1], item[0]))


def _flow(stats: RunNumbers) -> str:
    lost, documents = lost_by_step(stats), facts.totals(stats["sources"]).documents
    if not lost:
        return "Every document is kept" if documents else "No document was found"
    step, dropped = lost[0]
    says = f"{step} drops most: {share_of(dropped, documents)} of the documents"
    return says + (f", then {lost[1][0]}: {share_of(lost[1][1], documents)}" if len(lost) > 1 else "")


def _product(stats: RunNumbers) -> str:
    shares = sorted(facts.shares(stats), key=lambda share: (-share.share, share.group))
    amount = (stats["mixture"] or {}).get("tokens", facts.totals(stats["sources"]).amount)
    if not amount or not shares:
        return "Nothing came out"
    first = shares[0]
    says = f"{rounded(amount)} {facts.unit(stats)}"
    if len(shares) > 1:
        says += f", {share_of(first.share, 1)} of them from {shortened(first.group)}"
    missed = [each for each in shares if each.asked is not None and abs(each.asked - each.share) >= 0.01]
    if missed:
        worst = max(missed, key=lambda each: abs((each.asked or 0.0) - each.share))
        found, asked = share_of(worst.share, 1) or "none", share_of(worst.asked or 0.0, 1) or "none"
        return f"{says}; {shortened(worst.group)} was to have {asked} and has {found}"
    return says + (", as was asked for" if stats["mixture"] and len(shares) > 1 else "")


def _engines(stats: RunNumbers) -> str:
    chosen: dict[str, int] = {}
    for engine, _, *numbers in facts.engines(stats["sources"]):
        chosen[engine] = chosen.get(engine, 0) + numbers[-1]
    if not sum(chosen.values()):
        return ""
    best = max(chosen, key=lambda engine: (chosen[engine], engine))
    return f"Most texts chosen are {best}'s: {share_of(chosen[best], sum(chosen.values()))}"


def _rules(stats: RunNumbers) -> str:
    listed = [loss for loss in rule_losses(stats) if loss.chars_alone]
    if not listed:
        return "No rule drops anything by itself" if facts.removals(stats["sources"]) else ""
    worst, unit = listed[0], facts.unit(stats)
    amount = f"about {roughly(worst.amount_alone)} {unit} of {plural(worst.alone, 'document')}"
    return f"{worst.rule} alone costs most: {amount} that pass every other rule"


def _overlap(overlap: Mapping[str, Mapping[str, int]]) -> str:
    pairs = facts.overlaps(overlap)
    if not pairs:
        return "No two rules fail the same document" if len(overlap) > 1 else ""
    first, second, both, one, _ = pairs[0]
    whole = "All" if both == one else f"{share_of(both, one)} of"
    return f"{whole} {plural(one, 'document')} that fail {first} fail {second} too"


def _thresholds(pipeline: Pipeline, stats: RunNumbers) -> str:
    moved = max(SCOPES["bounds"](pipeline, stats), key=lambda each: float(each["flips"]), default=None)
    if moved is None:
        return ""
    number, documents = int(moved["moved"]), int(moved["documents"])
    if not number:
        return "No document lies within 1 % of a threshold that alone decides about it"
    share = share_of(number, documents)
    return (
        f"The closest call is {moved['rule']}: 1 % more or less decides about {share} of {moved['source']}'s documents"
    )


def _languages(stats: RunNumbers) -> str:
    found = [rate for rate in rates(stats, "languages", NOT_IDENTIFIED) if rate.name != NOT_IDENTIFIED]
    documents: dict[str, int] = {}
    kept: dict[str, int] = {}
    for rate in found:
        documents[rate.name] = documents.get(rate.name, 0) + rate.documents
        kept[rate.name] = kept.get(rate.name, 0) + rate.kept
    if not documents:
        return "The language of no document was asked"
    order = sorted(documents, key=lambda name: (-documents[name], name))
    total, first = sum(documents.values()), order[0]
    says = f"{share_of(documents[first], total)} of the documents are {first}"
    gone = [name for name in order[1:] if not kept[name]]
    if gone:
        says += f"; none is kept of {plural(len(gone), 'language')}, most in {gone[0]} ({count(documents[gone[0]])})"
    return says


def _domains(stats: RunNumbers) -> str:
    found = [rate for rate in rates(stats, "domains", NO_ADDRESS) if rate.name != NO_ADDRESS]
    low = below(found)
    if not found:
        return ""
    if not low:
        return f"None of {plural(len(found), 'domain')} is kept less often than its source, beyond chance"
    worst = low[0]
    return (
        f"{count(len(low))} of {plural(len(found), 'domain')} "
        f"{'is kept less often than its source' if len(low) == 1 else 'are kept less often than their source'}; "
        f"{shortened(worst.name)} most: {share_of(worst.kept, worst.documents) or '0 %'} of {count(worst.documents)}"
    )


def _quality(found: Mapping[str, Mapping[str, int]]) -> str:
    scored = score_facts(found)
    if not scored:
        return "Documents have scores, and none is dropped for its own" if found.get("all") else ""
    best, worst = (share_of(float(scored[name]), 1) for name in ("kept_of_best", "kept_of_worst"))
    if not float(scored["score_dropped"]):
        return "The score drops nothing that the other rules pass"
    tells = float(scored["score_lift"]) > _LIFT or float(scored["kept_alike"]) < _ALIKE
    decides = "the score decides" if tells else "the score hardly decides"
    return f"Of the best scored quarter {best} is kept, of the worst {worst}: {decides}"


def _duplicates(stats: RunNumbers, found: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        row for name in outputs(stats["sources"]) for row in stats["sources"][name]["funnel"] if row["step"] == "deduplicate"
    ]  # fmt: skip
    entering, dropped = sum(row["in"] for row in rows), sum(row["dropped"] for row in rows)
    if not rows:
        return ""
    if not dropped:
        return f"No copy among {plural(entering, 'document')}"
    largest = max((int(size) for size in found.get("clusters", {})), default=0)
    says = f"{share_of(dropped, entering)} of what passes the rules are copies"
    return says + (f"; the largest cluster has {plural(largest, 'document')}" if largest else "")


def _contamination(stats: RunNumbers) -> str:
    if not stats["contamination"]:
        return ""
    sets = stats["contamination"]["sets"].values()
    items, found, documents = (sum(each[name] for each in sets) for name in ("items", "found", "documents"))
    if not found:
        return f"None of {plural(items, 'evaluation item')} was found"
    done = "the documents were dropped" if stats["contamination"]["mode"] == "drop" else "the passages were cut out"
    return f"{count(found)} of {plural(items, 'evaluation item')} stood in {plural(documents, 'document')}; {done}"


def _personal(stats: RunNumbers) -> str:
    found = facts.summed(stats["audit"], outputs(stats["sources"]), "pii")
    number = sum(each["found"] for each in found.values())
    if not number:
        return ""
    first = max(found, key=lambda kind: (found[kind]["found"], kind))
    most = share_of(found[first]["found"], number)
    says = f"{plural(number, 'piece')} of personal data {'was' if number == 1 else 'were'} replaced"
    tokens = sum(stats["sources"][name]["tokens"] for name in outputs(stats["sources"]))
    rate = f", {rounded(1e6 * number / tokens)} per million tokens" if tokens else ""
    return f"{says}{rate}; {most} of type {first}"


def _lengths(stats: RunNumbers, amounts: Mapping[str, int]) -> str:
    """Where the upper half of the tokens begins: the shortest bin so that it and all longer ones hold half."""
    rows, total, above = facts.lengths(amounts, amounts), sum(amounts.values()), 0
    if not total:
        return ""
    for label, _, amount in reversed(rows):
        above += amount
        if above >= _HALF * total:
            least = label.partition("–")[0]
            return f"{share_of(above, total)} of the {facts.unit(stats)} are in documents of {least} or more"
    return ""


def _damage(stats: RunNumbers) -> str:
    found = losses(stats["sources"])
    damaged = sum(loss.number for loss in found if loss.kind == "damaged" and loss.unit == "bytes")
    records = sum(loss.number for loss in found if loss.kind == "damaged" and loss.unit == "records")
    if not damaged and not records:
        return "Nothing was damaged"
    size = sum(source["bytes"] for source in stats["sources"].values())
    share = f", {share_of(damaged, size)} of all" if damaged and size else ""
    return f"{plural(records, 'record')} and {plural(damaged, 'byte')} were damaged{share}"


def _time(times: Sequence[Mapping[str, Any]]) -> str:
    whole = sum(each["cpu"] for each in times)
    if not whole:
        return ""
    longest = max(times, key=lambda each: float(each["cpu"]))
    return f"{spent(whole)} of CPU, {share_of(longest['cpu'], whole)} of it for {longest['stage']}"


def spent(seconds: float) -> str:
    """A time as it is said.

    >>> spent(0.5), spent(130), spent(7000), spent(3e6)
    ('0.5 s', '2.2 min', '1.9 h', '830 h')
    """
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{float(f'{seconds / size:.2g}'):,g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} s"


def map_headline(fates: Sequence[str], sources: Sequence[str], x: Sequence[int], y: Sequence[int]) -> str:
    """Whether what each step drops lies together on the map, or anywhere among its sources' documents: a step that drops
    like for like is no coin."""
    names, of = np.unique(np.asarray(fates, object).astype(str), return_inverse=True)
    _, whose = np.unique(np.asarray(sources, object).astype(str), return_inverse=True)
    places = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)
    if len(places) <= _NEIGHBOURS:
        return ""
    near = of[nearest(places, _NEIGHBOURS)[0]]
    together, anywhere = [], []
    for place, name in enumerate(names):
        mine = of == place
        if name == "kept" or mine.sum() < _LEAST_DOTS:
            continue
        lift = float((near[mine] == place).mean() / mine[np.isin(whose, whose[mine])].mean())
        if lift >= _TOGETHER:
            together.append((-int(mine.sum()), str(name)))
        elif lift <= _ANYWHERE:
            anywhere.append((-int(mine.sum()), str(name)))
    parts = []
    if together:
        parts.append(f"{_dropped(together)} lies together")
    if anywhere:
        parts.append(f"{_dropped(anywhere)} is spread almost evenly")
    says = "; ".join(parts)
    return says[:1].upper() + says[1:]


def _dropped(steps: Sequence[tuple[int, str]]) -> str:
    return f"what {_listed([name for _, name in sorted(steps)])} drop{'s' if len(steps) == 1 else ''}"


_MOST_LISTED = 3


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_LISTED])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
