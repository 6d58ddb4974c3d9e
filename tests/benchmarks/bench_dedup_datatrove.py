"""What is removed beside datatrove's four-stage MinHash, on the same texts and parameters, and why the two differ.

Also against the truth: every pair's exact Jaccard similarity. Texts come from Parquet files with a column `text`.

    python -m tests.benchmarks.bench_dedup_datatrove runs/deb/documents/extract --documents 5000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import datatrove.pipeline.dedup.minhash as peer
import numpy as np
import pyarrow.dataset as ds
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.text import simplify_text

from curate.dedup import signatures
from curate.dedup.banding import band_keys
from tests.benchmarks.bench_dedup_signatures import hash_string
from tests.dedup.test_recall import jaccard, sets_of, similar_pairs
from tests.support.deduplicating import deduplicate

_BANDS, _ROWS, _NGRAM = 14, 8, 5
_VERIFY = 0.7
Near = dict[int, dict[int, float]]
"""Per document its neighbours and how similar they are."""

_SEVERAL = 0.5  # pairs at least this similar are looked at


def peer_clusters(texts: list[str], folder: Path) -> tuple[set[int], dict[int, int]]:
    """(documents that datatrove removes, the cluster of each document in one), by its four stages."""
    peer.create_hash_func = lambda config, input_type=str: hash_string
    (folder / "in").mkdir()
    with open(folder / "in" / "texts.jsonl", "w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    config = peer.MinhashConfig(_NGRAM, _BANDS, _ROWS)
    reader = JsonlReader(str(folder / "in"))
    cluster = peer.MinhashDedupCluster(str(folder / "buckets"), str(folder / "remove"), config, save_cluster_id=True)
    stages = (
        ([reader, peer.MinhashDedupSignature(str(folder / "signatures"), config)], 1),
        ([peer.MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"), config=config)], _BANDS),
        ([cluster], 1),
        (
            [
                reader,
                peer.MinhashDedupFilter(
                    str(folder / "remove"),
                    exclusion_writer=JsonlWriter(str(folder / "out"), compression=None),
                    load_cluster_ids=True,
                ),
                JsonlWriter(str(folder / "kept"), compression=None),
            ],
            1,
        ),
    )
    for index, (steps, tasks) in enumerate(stages):
        LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=str(folder / f"logs{index}")).run()
    removed, clusters = set(), {}
    for name in ("out", "kept"):
        for path in (folder / name).glob("*.jsonl"):
            for line in path.read_text("utf-8").split("\n")[:-1]:
                row = json.loads(line)
                if name == "out":
                    removed.add(int(row["id"]))
                cluster = row.get("metadata", {}).get("minhash_cluster_id", -1)
                if cluster not in (-1, None):
                    clusters[int(row["id"])] = cluster
    return removed, clusters


def why_theirs_only(number: int, similar: Near, folded: Near, shared: set[int], survivors: set[int]) -> str:
    """The cause of datatrove removing what is kept here."""
    best = max(similar.get(number, {}).values(), default=0.0)
    if number in survivors:
        return "another copy is the survivor"
    if best >= _VERIFY:
        if number not in shared:
            return "similar, but in no shared band"
        return "similar, but estimated below .7, or to a removed one only"
    if max(folded.get(number, {}).values(), default=0.0) >= _VERIFY:
        return "similar only with numbers and diacritics folded"
    return f"unlike every other document (largest similarity below {_VERIFY}): not verified there"


def why_ours_only(number: int, kind: str, clusters: dict[int, int], shingles: int) -> str:
    """The cause of this project removing what datatrove keeps."""
    if not shingles:
        return "shorter than a shingle, equal text"
    if number in clusters:
        return "another copy is the survivor"
    if kind == "exact":
        return "equal text there divided otherwise"
    return "similar, in no shared band there"


def by_document(pairs: list[tuple[int, int]], texts: list[str]) -> Near:
    """Per document its neighbours and how similar they are."""
    sets = sets_of(texts)
    found: Near = {}
    for i, j in pairs:
        found.setdefault(i, {})[j] = found.setdefault(j, {})[i] = jaccard(sets, i, j)
    return found


def main() -> None:
    """Run both, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=5000)
    options = parser.parse_args()
    table = ds.dataset(sorted(map(str, options.folder.glob("*.parquet")))).to_table(columns=["text"])
    step = max(1, len(table) // options.documents)
    texts = [text for text in table["text"].to_pylist()[::step][: options.documents] if text.strip()]
    print(f"{len(texts):,} documents, {sum(map(len, texts)) / 1e6:.1f} M characters")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        rows = [{"id": f"t{i:05d}", "text": text, "url": None, "date": None} for i, text in enumerate(texts)]
        ledger = {int(n[1:]): row for n, row in deduplicate(folder / "ours", {"all": rows}, {"minhash": {}}).items()}
        print(f"curate {time.perf_counter() - started:.1f} s, the whole run")
        started = time.perf_counter()
        (folder / "peer").mkdir()
        theirs, clusters = peer_clusters(texts, folder / "peer")
        print(f"datatrove {time.perf_counter() - started:.1f} s, its four stages")
    ours = {number for number, row in ledger.items() if row["duplicate_of"]}
    sets = sets_of(texts)
    least = min((jaccard(sets, n, int(ledger[n]["duplicate_of"][1:])) for n in ours), default=1.0)
    similar = by_document(similar_pairs(texts, _SEVERAL), texts)
    folded_texts = [simplify_text(text) for text in texts]
    folded = by_document(similar_pairs(folded_texts, _VERIFY), folded_texts)
    print(f"removed: curate {len(ours):,}, datatrove {len(theirs):,}, both {len(ours & theirs):,}")
    print(f"least exact similarity of a removed document to its survivor, here: {least:.3f}")
    for bound in (0.7, 0.8, 0.9):
        pairs = [(i, j) for i, near in similar.items() for j, value in near.items() if i < j and value >= bound]
        for title, gone in (("curate", ours), ("datatrove", theirs)):
            left = sum(i not in gone and j not in gone for i, j in pairs)
            print(f"pairs of exact similarity {bound} or more with both kept, {title}: {left:,} of {len(pairs):,}")
    unlike = Counter(
        sum(max(similar.get(n, {}).values(), default=0.0) >= bound for bound in (0.5, 0.6, 0.7)) for n in theirs
    )
    below = [unlike[0], unlike[0] + unlike[1], unlike[0] + unlike[1] + unlike[2]]
    print("removed by datatrove though no document is so similar:", dict(zip((0.5, 0.6, 0.7), below, strict=True)))
    signed = signatures(texts)
    keys = band_keys(signed.values, np.zeros(len(texts), np.uint64), _BANDS, _ROWS)
    shared = {n for n, near in similar.items() if any((keys[n] == keys[m]).any() for m in near)}
    survivors = {int(row["duplicate_of"][1:]) for row in ledger.values() if row["duplicate_of"]}
    theirs_only = Counter(why_theirs_only(n, similar, folded, shared, survivors) for n in theirs - ours)
    kinds = {n: ledger[n]["duplicate_kind"] for n in ours - theirs}
    ours_only = Counter(why_ours_only(n, kind, clusters, int(signed.sizes[n])) for n, kind in kinds.items())
    for title, causes in (("datatrove", theirs_only), ("curate", ours_only)):
        print(f"removed by {title} only:")
        for cause, count in causes.most_common():
            print(f"  {count:6,} {cause}")


if __name__ == "__main__":
    main()
