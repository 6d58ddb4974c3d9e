"""How often the packs decide as independent oracles do, on the extracted text of realweb-dev: the table of docs/filters.md.

python tests/benchmarks/conformance_filters.py [FOLDER OF TEST DATA]
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate import filters
from tests.support import filter_oracles as oracles
from tests.support.real_text import extracted_pages

Judge = Callable[[str], set[str]]


def decisions(name: str, texts: pa.Array) -> list[set[str]]:
    """The rules that each text fails."""
    pack = filters.load(name)
    verdicts = pack.verdicts(pack.apply(texts).metrics)
    return [{rule for rule, failed in verdicts.items() if failed[row]} for row in range(len(texts))]


def first_reason(block: object) -> Judge:
    return lambda text: {reason} if (reason := oracles.datatrove_failure(block, text)) else set()


def row(pack: str, oracle: str, texts: pa.Array, judge: Judge, cause: str) -> str:
    """One line of the table: pages on which keeping and dropping agree, and the rules behind the others."""
    ours, theirs = decisions(pack, texts), [judge(text) for text in texts.to_pylist()]
    differ = [place for place, pair in enumerate(zip(ours, theirs, strict=True)) if bool(pair[0]) != bool(pair[1])]
    rules = Counter(rule for place in differ for rule in ours[place] | theirs[place])
    told = ", ".join(f"{rule} {count}" for rule, count in rules.most_common(3))
    share = len(differ) / len(texts)
    return (
        f"| `{pack}` | {oracle} | {len(texts):,} | {len(differ)} | {share:.2%} | {cause if differ else ''} | {told} |"
    )


def main(folder: Path) -> None:
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        c4_filters,
        fineweb_quality_filter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )
    from datatrove.utils.text import TERMINAL_PUNCTUATION

    texts = pa.array(extracted_pages(folder), pa.large_string())
    count = oracles.punkt()

    def c4(text: str) -> set[str]:
        kept, dropped = oracles.c4_lines(text)
        return dropped | ({"min_sentences"} if sum(map(count, kept)) < 3 else set())

    blocks = {
        "c4-datatrove": (C4QualityFilter(), c4_filters),
        "gopher-quality-datatrove": (GopherQualityFilter(), gopher_quality_filter),
        "gopher-repetition-datatrove": (GopherRepetitionFilter(), gopher_repetition_filter),
        "fineweb": (FineWebQualityFilter(), fineweb_quality_filter),
    }
    print("| pack | oracle | pages | differ | rate | cause | rules on the pages that differ |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(row("c4", "reference code, NLTK's Punkt", texts, c4, "Punkt's word lists"))
    for name, (block, module) in blocks.items():
        print(row(name, "datatrove as it is", texts, first_reason(block), "spaCy's words or sentences"))
        words = getattr(module, "split_into_words", None)
        if words is not None:
            module.split_into_words = lambda text, language: text.split()
            print(row(name, "datatrove, words split at white space", texts, first_reason(block), "see below"))
            module.split_into_words = words
        else:
            sentences = module.split_into_sentences
            module.split_into_sentences = lambda text, language: range(count(text))
            print(row(name, "datatrove, NLTK's Punkt", texts, first_reason(block), "Punkt's word lists"))
            module.split_into_sentences = sentences
    print(row("gopher-quality", "the paper's definition", texts, oracles.gopher_quality, ""))
    print(row("gopher-repetition", "the paper's definition", texts, oracles.gopher_repetition, ""))
    print(row("fineweb-paper", "the paper's text", texts, lambda t: oracles.fineweb_paper(t, TERMINAL_PUNCTUATION), ""))
    for name, judge in (("gopher-repetition-dolma", oracles.dolma), ("redpajama-v2", oracles.redpajama)):
        pack = filters.load(name)
        ours = pack.apply(texts).metrics
        theirs = [judge(text) for text in texts.to_pylist()]
        shared = [metric for metric in ours if metric in theirs[0]]
        apart = np.zeros(len(texts), np.bool_)
        for metric in shared:
            apart |= ~np.isclose(np.asarray(ours[metric], float), [each[metric] for each in theirs], rtol=1e-9, atol=0)
        cause = "canonical composition" if apart.any() else ""
        print(
            f"| `{name}` | its code's definition, {len(shared)} metrics | {len(texts):,} | {apart.sum()} |"
            f" {apart.mean():.2%} | {cause} | |"
        )


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
