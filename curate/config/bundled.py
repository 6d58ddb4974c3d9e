"""Finds pipelines and packs by name, in a checkout or as installed. Knows folders; reads nothing."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def bundled(kind: str, installed: str) -> Path:
    """The folder of bundled data: `kind` at the top of a checkout, `installed` within an installed package."""
    folder = _PACKAGE / installed
    return folder if folder.is_dir() else _PACKAGE.parent / kind


def recipes() -> list[Path]:
    """The files of the bundled pipelines, by name."""
    return sorted(bundled("pipelines", "_recipes").glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The pipeline file at a path, or the bundled recipe of that name. Raises FileNotFoundError naming the recipes."""
    path = Path(name)
    if path.exists():
        return path
    folder = bundled("pipelines", "_recipes")
    bundled_path = folder / f"{path.name.removesuffix('.yaml')}.yaml"
    if len(path.parts) == 1 and bundled_path.exists():
        return bundled_path
    known = ", ".join(each.stem for each in recipes())
    raise FileNotFoundError(f"no pipeline file {name!r}; bundled recipes: {known}")
