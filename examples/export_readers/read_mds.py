"""Proves an MDS export with MosaicML's own reader: the same documents, tokens and order as the shards.

pip install mosaicml-streaming
curate export runs/webtext --to mds --out exported/mds
python read_mds.py runs/webtext exported/mds
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from streaming import StreamingDataset

from curate.shards import ShardReader


def main(run: str, exported: str) -> None:
    """Compare every document of every split."""
    reader = ShardReader(run)
    for split in dict.fromkeys(entry.split for entry in reader.entries):
        dataset = StreamingDataset(local=str(Path(exported).resolve() / split), batch_size=1, shuffle=False)
        count = tokens = 0
        for entry in reader.split(split):
            batch = reader.open(entry).batch
            for identity, source, row in zip(*(batch.column(name) for name in ("id", "source", "tokens")), strict=True):
                sample = dataset[count]
                expected = row.values.to_numpy()
                assert sample["id"] == identity.as_py() and sample["source"] == source.as_py()
                assert np.array_equal(np.frombuffer(sample["tokens"], expected.dtype), expected)
                count, tokens = count + 1, tokens + len(expected)
        assert count == len(dataset)
        print(f"{split}: {count:,} documents, {tokens:,} tokens, all equal")


if __name__ == "__main__":
    tempfile.tempdir = tempfile.mkdtemp()  # streaming keeps its locks there
    main(*sys.argv[1:])
