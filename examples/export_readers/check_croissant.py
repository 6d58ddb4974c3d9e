"""Validates an export's Croissant metadata with MLCommons' own library.

pip install mlcroissant
python check_croissant.py exported/parquet
"""

import sys
from pathlib import Path

import mlcroissant

if __name__ == "__main__":
    dataset = mlcroissant.Dataset(jsonld=str(Path(sys.argv[1]) / "croissant.json"))
    print(f"{dataset.metadata.name}: {len(dataset.metadata.distribution)} files; no error")
