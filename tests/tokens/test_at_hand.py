"""Every tokenizer that this machine has, those of packages and of the Hub's cache too, gives its library's ids."""

from __future__ import annotations

import importlib.metadata
import unicodedata
from pathlib import Path

import huggingface_hub.constants
import pyarrow as pa
import pytest

from curate import tokens
from curate.tokens.verify import verify
from curate.tokens.vocabulary import FILES, VocabularyError
from tests.benchmarks.bench_tokens import prove

FILE_NAMES = ("tokenizer.json", "tokenizer.model", "spiece.model")
RUNS = (
    "a",
    " ",
    "\n",
    "'",
    "1234567890",
    "x y ",
    "\n \r\n",
    "汉字",
    "e\u0301",
    "\U0001f469\u200d\U0001f467",
    "<|endoftext|>",
)


def at_hand() -> list[str]:
    """Names by which they are loaded; of tiktoken's all, whether their files are here or not."""
    names = sorted(FILES)
    for distribution in importlib.metadata.distributions():
        carried = [path for path in distribution.files or () if path.name in FILE_NAMES]
        names += [f"package:{distribution.name}/{path}" for path in carried]
    for pattern in FILE_NAMES:
        cached = Path(huggingface_hub.constants.HF_HUB_CACHE).glob(f"models--*/snapshots/*/{pattern}")
        names += [str(path) for path in sorted(cached)]
    return names


@pytest.mark.parametrize("name", at_hand())
def test_every_tokenizer_at_hand_gives_the_ids_of_its_library_and_of_what_exports_carry(name: str) -> None:
    """Every character in its block, each 64th block between letters, runs of 400,000 characters, and the odd texts."""
    try:
        tokens.load(name)
    except VocabularyError as error:
        pytest.skip(str(error))
    characters = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Co")]
    lines = ["".join(characters[at : at + 64]) for at in range(0, len(characters), 64)]
    planes = pa.array([*lines, *("a".join(line) for line in lines[::64])], pa.large_string())
    longest, long = (pa.array([unit * (most // len(unit)) for unit in RUNS]) for most in (400_000, 20_000))
    for against, runs in ((None, longest), ("hf", long)):
        try:
            found = verify(name, [planes, runs], against)
        except ValueError:  # a .model that no tokenizer.json can say
            assert against == "hf" and name.endswith(".model")
            continue
        assert found.texts > len(planes) and found.differing == 0, found.differences[:3]


@pytest.mark.parametrize("name", ["gpt2", "cl100k_base", "o200k_base"])
def test_web_text_in_quantity_gives_the_ids_of_tiktoken(name: str, shared_data: Path) -> None:
    """34 MB each, 100 together, never the same twice; a gigabyte is in the benchmark."""
    files = [str(file) for file in sorted(shared_data.glob("*.gold.jsonl.gz"))]
    proved = prove(name, files, 34_000_000)
    assert proved.bytes >= 34_000_000 and proved.texts > len(files) and not proved.differing
