"""Are mixes that are spoilt more and more ranked in their true order? On real text, with tiny models, on a CPU.

    python -m tests.benchmarks.bench_trainer_degradations --out FOLDER
    python -m tests.benchmarks.bench_trainer_degradations --halves 20 --seeds 3 --tokens 20000

Registered before it was run: one mix of real texts, and the same with a tenth, a fifth and two fifths of its documents

    shuffled     their words in another order
    copies       each replaced by one of 40 documents: duplicates left in
    languages    each replaced by as many bytes of text in other languages

The share that is spoilt at a tenth is spoilt at a fifth too, and so on, so the true order is known: within a kind, more is
worse. Asked, on held-out documents of the clean mix: are the means of each kind in this order; which are shown to be worse
than clean (Dunnett's intervals, all nine together, 95 %); which of a kind are shown to be worse than the next (paired by
seed, noise pooled over all mixes, unadjusted). Needs the test data (CURATE_TEST_DATA).
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from curate.trainer.compare.comparison import Verdict
from curate.trainer.evaluate.rows import read_lines
from tests.benchmarks.bench_trainer_validate import (
    DATA,
    HELD_OUT,
    compare,
    documents,
    draw,
    small_tokenizer,
    write_mix,
    write_texts,
)

SHARES = (0.1, 0.2, 0.4)
COPIED = 40  # documents that copies are of
CLEAN = "clean"
TEXTS_OF_A_DOMAIN = 40
ADAM = {"name": "adamw", "learning_rate": 4e-3}  # Muon takes three times the time of a model this small on a CPU
AVERAGED = 0.1  # of the budget
ORDER = "stored"  # what the mixes share comes in the same order in all
Change = Callable[[str], str]


def _shuffle(text: str) -> str:
    words = text.split(" ")
    random.Random(text).shuffle(words)
    return " ".join(words)


def _copy(pool: Sequence[str]) -> Change:
    return lambda text: pool[int(draw(text, "which") * len(pool))]


def foreign(size: int | None = None) -> list[str]:
    """Texts in other languages than English."""
    rows = [*read_lines(DATA / "text" / "wikipedia-multilingual.jsonl.gz"), *read_lines(DATA / "langid-dev.jsonl.gz")]
    texts = [row["text"] for row in rows if row["lang"] != "en"]
    return sorted(texts, key=lambda text: draw(text, "foreign"))[:size]


def _translate(texts: Sequence[str]) -> Change:
    def change(text: str) -> str:
        size, begin, taken = len(text.encode()), int(draw(text, "where") * len(texts)), b""
        while len(taken) < size:
            taken += texts[begin % len(texts)].encode() + b"\n"
            begin += 1
        return taken[:size].decode(errors="ignore")

    return change


def spoilt(change: Change, kind: str, share: float) -> Change:
    """Of this share of documents the changed text, the same documents in a larger share."""
    return lambda text: change(text) if draw(text, kind) < share else text


def kinds(train: Sequence[tuple[str, str]]) -> dict[str, Change]:
    """What is done to a document of each kind of degradation."""
    pool = sorted((text for _, text in train), key=lambda text: draw(text, "pool"))[:COPIED]
    return {"shuffled": _shuffle, "copies": _copy(pool), "languages": _translate(foreign())}


def run(out: Path, chosen: Sequence[str], seeds: int, tokens: int) -> Verdict:
    """The verdict of clean and every spoilt mix."""
    tokenizer = small_tokenizer(out)
    everything = documents()
    train = [each for each in everything if draw(each[1], "held out") >= HELD_OUT]
    mixes = {CLEAN: write_mix(out / CLEAN, tokenizer, train)}
    for kind, change in kinds(train).items():
        for share in SHARES if kind in chosen else ():
            name = f"{kind}-{share:.0%}".removesuffix("%")
            mixes[name] = write_mix(out / name, tokenizer, train, spoilt(change, kind, share))
    texts = write_texts(out / "texts", [each for each in everything if draw(each[1], "held out") < HELD_OUT])
    return compare(
        "degradations",
        out,
        mixes,
        texts,
        seeds,
        tokens,
        TEXTS_OF_A_DOMAIN,
        optimizer=ADAM,
        average=AVERAGED,
        points=1,
        order=ORDER,
        baseline=CLEAN,
    )


def show(verdict: Verdict, chosen: Sequence[str], seeds: int) -> None:
    """The table, and whether each kind is in its true order."""
    ranking = verdict.ranking
    if ranking is None:
        raise SystemExit("a ranking needs two seeds")
    means = {place.mix: place.mean for place in ranking.places}
    from_clean = {each.second if each.first == CLEAN else each.first: each for each in ranking.differences}
    error = math.sqrt(2 * ranking.residual / seeds)
    freedom = (len(means) - 1) * (seeds - 1)
    print("| mix | bits/byte | less clean | 95 %, all together | shown | less the one before | p |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(f"| {CLEAN} | {means[CLEAN]:.4f} | | | | | |")
    for kind in chosen:
        names = [CLEAN, *(f"{kind}-{share:.0%}".removesuffix("%") for share in SHARES)]
        for before, name in itertools.pairwise(names):
            found = from_clean[name]
            side = 1 if found.second == name else -1
            low, high = sorted((side * found.low, side * found.high))
            step = means[name] - means[before]
            p = float(stats.t.sf(step / error, freedom))
            print(
                f"| {name} | {means[name]:.4f} | {means[name] - means[CLEAN]:+.4f} | {low:+.4f} to {high:+.4f} "
                f"| {'yes' if low > 0 else 'no'} | {step:+.4f} | {p:.4f} |"
            )
        order = [means[name] for name in names]
        print(f"{kind}: {'in' if order == sorted(order) else 'NOT in'} the true order", flush=True)
    print(f"deviation of a proxy {math.sqrt(ranking.residual):.4f}, seeds correlate by {ranking.correlation:.2f}")


def halves(out: Path, pairs: int, seeds: int, tokens: int) -> None:
    """Random halves of the clean mix: how many pairs are told apart, falsely, on these texts and on texts of this kind."""
    tokenizer = small_tokenizer(out)
    everything = documents()
    train = [each for each in everything if draw(each[1], "held out") >= HELD_OUT]
    texts = write_texts(out / "texts", [each for each in everything if draw(each[1], "held out") < HELD_OUT])
    told = here = 0
    for pair in range(pairs):
        sides = {
            name: [each for each in train if (draw(each[1], f"half {pair}") < 0.5) == low]
            for name, low in (("first", True), ("second", False))
        }
        mixes = {name: write_mix(out / f"{name}-{pair}", tokenizer, half) for name, half in sides.items()}
        verdict = compare(
            f"halves-{pair}",
            out,
            mixes,
            texts,
            seeds,
            tokens,
            25,
            optimizer=ADAM,
            average=AVERAGED,
            points=1,
            order=ORDER,
        )
        found = verdict.pairs[0].primary.comparison
        told += found.shown
        here += found.p_here < 0.05
        print(f"{pair + 1} pairs: {told} told apart on texts of this kind, {here} on these texts", flush=True)


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="shuffled,copies,languages")
    parser.add_argument("--halves", type=int, help="instead: so many pairs of random halves of the clean mix")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--out", help="keep the proxies here; the same command goes on with them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(options.out or tempfile.mkdtemp(prefix="bench-degradations-"))
    out.mkdir(parents=True, exist_ok=True)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    chosen = options.kinds.split(",")
    started = time.process_time()
    if options.halves:
        halves(out, options.halves, options.seeds, options.tokens)
        return
    verdict = run(out, chosen, options.seeds, options.tokens)
    show(verdict, chosen, options.seeds)
    print(f"{options.seeds} seeds x {options.tokens:,} tokens, {time.process_time() - started:.0f} CPU s")


if __name__ == "__main__":
    main()
