"""Proves a Megatron export with Megatron-LM's own reader: the same documents, tokens and order as the shards.

pip install megatron-core
curate export runs/webtext --to megatron --out exported/megatron
python read_megatron.py runs/webtext exported/megatron
"""

import sys
from pathlib import Path

import numpy as np
from megatron.core.datasets.indexed_dataset import IndexedDataset

from curate.shards import ShardReader

NAMES = {"train": "train", "validation": "valid"}


def main(run: str, exported: str) -> None:
    """Compare every document of every split."""
    reader = ShardReader(run)
    for split in dict.fromkeys(entry.split for entry in reader.entries):
        dataset = IndexedDataset(str(Path(exported) / NAMES[split]))
        count = tokens = 0
        for entry in reader.split(split):
            for row in reader.open(entry).batch.column("tokens"):
                expected = row.values.to_numpy()
                assert np.array_equal(dataset[count], expected)
                count, tokens = count + 1, tokens + len(expected)
        assert count == len(dataset) == len(dataset.document_indices) - 1
        print(f"{split}: {count:,} documents, {tokens:,} tokens, all equal")


if __name__ == "__main__":
    main(*sys.argv[1:])
