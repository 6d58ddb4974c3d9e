"""Language identification by a fastText model, such as lid.176: its labels and probabilities, as the library gives them.

Knows fastText's files and where they come from; knows no pipeline.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.storage import atomic_path, digest_file, is_remote, open_binary
from curate.text.caching import cache_folder
from curate.text.characters import Bytes, Offsets

_LABEL = "__label__"  # fastText's default prefix of labels
_CHUNK = 1 << 20


def local_model(address: str, sha256: str | None = None) -> str:
    """The path of a model file: itself, or, of an address, a copy in the cache folder, downloaded once.

    Raises ValueError where the content has another SHA-256 than given, and OSError where it cannot be had.
    """
    if not is_remote(address):
        if not os.path.isfile(address):
            raise FileNotFoundError(f"no language model at {address}")
        found = digest_file(address) if sha256 else None
        if found != sha256:
            raise ConfigError(f"{address} has the SHA-256 {found}, not {sha256}")
        return address
    if sha256 is None:
        raise ConfigError(f"{address}: give the model's sha256, so that a run always means the same model")
    kept = cache_folder("models") / f"{sha256}{Path(address).suffix}"
    if not kept.is_file():
        digest = hashlib.sha256()
        with atomic_path(kept) as temporary:
            with open_binary(address) as source, open(temporary, "wb") as target:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
            if digest.hexdigest() != sha256:
                raise ConfigError(f"{address} has the SHA-256 {digest.hexdigest()}, not {sha256}")
    return str(kept)


def load_fasttext(path: str) -> Any:
    """fastText's model of a file. Raises ConfigError where it is no such file."""
    try:
        return fasttext.load_model(path)
    except ValueError as error:
        raise ConfigError(f"{path} is no model of fastText's ({error})") from None


def identifier_of(path: str) -> Callable[[Bytes, Offsets], tuple[pa.Array, NDArray[np.float32]]]:
    """What names languages by a model file. Raises FileNotFoundError, and ValueError for another kind of file."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no language model at {path}")
    model = load_fasttext(path)

    def of_bytes(data: Bytes, bounds: Offsets) -> tuple[pa.Array, NDArray[np.float32]]:
        lines = [
            data[start:end].tobytes().decode("utf-8", "replace").replace("\n", " ")
            for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ]
        labels, probabilities = model.predict(lines) if lines else ([], [])
        codes = [names[0].removeprefix(_LABEL) if names else "und" for names in labels]
        scores = [min(float(values[0]), 1.0) if len(values) else 0.0 for values in probabilities]
        return pa.array(codes, pa.string()), np.array(scores, np.float32)

    return of_bytes
