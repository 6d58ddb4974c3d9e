"""Language identification by a fastText model, such as lid.176: its labels and probabilities, as the library gives them.

Knows fastText's files and where they come from; knows no pipeline.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import ConfigError, nearest
from curate.storage import atomic_path, digest_file, is_remote, open_binary
from curate.text.caching import cache_folder
from curate.text.characters import Bytes, Offsets
from curate.text.language_codes import code_of_label

_LABEL = "__label__"  # fastText's default prefix of labels
_CHUNK = 1 << 20
_LOOKED_AT = 5  # labels of a text whose probabilities are added by code; a sixth has hardly any
UNDETERMINED = "und"
OWN, CODES = "own", "codes"
Labels = str | tuple[tuple[str, str], ...]
"""OWN: the labels as the model has them. CODES: codes of ISO 639, `code_of_label`. Pairs of label and code: so for these,
and CODES for the others."""


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


def identifier_of(path: str, labels: Labels = OWN) -> Callable[[Bytes, Offsets], tuple[pa.Array, NDArray[np.float32]]]:
    """What names languages by a model file, under the names that `labels` give its labels.

    OWN: as they are, with the library's probability of the first. Else probabilities of labels of one code are added, a text
    without a letter is `und`, and `und` has the score 0. Raises FileNotFoundError, and ValueError for another kind of file.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no language model at {path}")
    model = load_fasttext(path)
    codes_of = None if labels == OWN else _codes([str(label).removeprefix(_LABEL) for label in model.labels], labels)
    most = min(_LOOKED_AT, len(model.labels))

    def of_bytes(data: Bytes, bounds: Offsets) -> tuple[pa.Array, NDArray[np.float32]]:
        lines = [
            data[start:end].tobytes().decode("utf-8", "replace").replace("\n", " ")
            for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ]
        found, probabilities = model.predict(lines, k=1 if codes_of is None else most) if lines else ([], [])
        pairs = zip(found, probabilities, strict=True)
        if codes_of is None:
            named = [
                (names[0].removeprefix(_LABEL), float(values[0])) if names else ("und", 0.0) for names, values in pairs
            ]
        else:
            named = [_added(line, names, values, codes_of) for line, (names, values) in zip(lines, pairs, strict=True)]
        codes, scores = [code for code, _ in named], [min(score, 1.0) for _, score in named]
        return pa.array(codes, pa.string()), np.array(scores, np.float32)

    return of_bytes


def _codes(own: Sequence[str], labels: Labels) -> dict[str, str]:
    """The code of each of a model's labels. Raises ConfigError where a label is named that it does not have."""
    given = {} if isinstance(labels, str) else dict(labels)
    strange = [label for label in given if label not in own]
    if strange:
        raise ConfigError(f"labels: the model has no label {strange[0]!r}{nearest(strange[0], own)}")
    return {label: given.get(label) or code_of_label(label) for label in own}


def _added(line: str, names: Sequence[str], values: Any, codes: Mapping[str, str]) -> tuple[str, float]:
    """The code of the greatest probability, and that; of two alike the one that comes first."""
    if not any(map(str.isalpha, line)):
        return UNDETERMINED, 0.0
    sums: dict[str, float] = {}
    for name, value in zip(names, values, strict=True):
        code = codes[name.removeprefix(_LABEL)]
        sums[code] = sums.get(code, 0.0) + float(value)
    best = max(sums, key=sums.__getitem__, default=UNDETERMINED)
    return (best, sums[best]) if best != UNDETERMINED else (best, 0.0)
