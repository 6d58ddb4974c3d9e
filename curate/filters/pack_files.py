"""The files of packs: where they lie by name, and their YAML. Knows no rule, edit or metric."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from curate.filters.errors import PackError, nearest


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


def read_pack(path: Path, keys: Sequence[str]) -> dict[str, object]:
    """The top mapping of a pack file. Raises PackError on YAML that cannot be read, unknown keys or a missing name."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PackError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise PackError(f"{path}: expected a mapping of {', '.join(keys)}, found {content!r}")
    if "urls" in content and "urls" not in keys:
        raise PackError(f"{path}: a pack of URL rules; it belongs in a url step")
    for key in content:
        if key not in keys:
            raise PackError(f"{path}: {key}: unknown key{nearest(str(key), keys)}")
    if not isinstance(content.get("name"), str):
        raise PackError(f"{path}: name: expected the pack's name, found {content.get('name')!r}")
    return content
