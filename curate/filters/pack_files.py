"""The files of packs: where they lie by name, and their YAML. Knows no rule, edit or metric."""

from collections.abc import Sequence
from pathlib import Path

from curate.config.document import Document, read_document
from curate.errors import ConfigError, nearest
from curate.filters.errors import PackError


def folders() -> tuple[Path, ...]:
    """Where packs are found by name: beside the package in a checkout, within it once installed."""
    package = Path(__file__).resolve().parent.parent
    return tuple(folder for folder in (package.parent / "filters", package / "_packs") if folder.is_dir())


def available() -> list[tuple[str, Path]]:
    """(name, file) of every pack found by name, sorted; packs of URLs included."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return sorted(found.items())


def names() -> list[str]:
    """The names of packs of rules on text, sorted."""
    return [name for name, path in available() if not is_of_addresses(path)]


def address_names() -> list[str]:
    """The names of packs of rules on addresses, sorted."""
    return [name for name, path in available() if is_of_addresses(path)]


def is_of_addresses(path: Path) -> bool:
    """Whether a pack's rules are on addresses. Raises ConfigError where the file is no YAML."""
    return "urls" in read_document(path).tree


def find(name_or_path: str, base: str | Path | None = None) -> Path:
    """The file of a pack given by name, or by a path relative to `base` (else the working directory)."""
    if "/" not in name_or_path and not name_or_path.endswith((".yaml", ".yml")):
        known = dict(available())
        if name_or_path not in known:
            raise PackError(f"no pack is named {name_or_path!r}{nearest(name_or_path, known)}")
        return known[name_or_path]
    path = Path(base or ".") / Path(name_or_path).expanduser()
    if not path.is_file():
        raise PackError(f"no pack at {path}")
    return path


def read_pack(path: Path, keys: Sequence[str]) -> Document:
    """A pack file's keys and their lines. Raises PackError on what is no YAML, unknown keys or a missing name."""
    try:
        document = read_document(path, "a pack", keys)
    except ConfigError as error:
        raise PackError(str(error)) from None
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror or error}", file=str(path)) from None
    if "urls" in document.tree and "urls" not in keys:
        raise PackError(
            f"{path.stem!r} is a pack of rules on addresses: it belongs in a step, '- url: {{packs: [{path.stem}]}}'"
        )
    for key in document.tree:
        if key not in keys:
            raise PackError(f"{document.where((key,))}: unknown key{nearest(key, keys)}")
    name = document.tree.get("name")
    if not isinstance(name, str):
        raise PackError(f"{document.where(('name',))}: expected the pack's name, found {name!r}")
    return document
