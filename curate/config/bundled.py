"""Finds pipelines and packs by name, in a checkout or as installed. Knows folders; reads nothing."""

from __future__ import annotations

from pathlib import Path

from curate.errors import nearest

_PACKAGE = Path(__file__).resolve().parent.parent


def bundled(kind: str, installed: str) -> Path:
    """The folder of bundled data: `kind` at the top of a checkout, `installed` within an installed package."""
    folder = _PACKAGE / installed
    return folder if folder.is_dir() else _PACKAGE.parent / kind


def recipes() -> list[Path]:
    """The files of the bundled pipelines, by name."""
    return sorted(bundled("pipelines", "_recipes").glob("*.yaml"))


def sample_folder() -> Path:
    """The folder of the sample: a few pages of an invented web, and what recipes read beside them. Installed, it lies where
    the recipes look for the example of a checkout."""
    folder = _PACKAGE / "examples"
    return folder if folder.is_dir() else _PACKAGE.parent / "examples" / "sample"


def recipe_named(name: str) -> Path:
    """The file of a bundled recipe. Raises FileNotFoundError naming the nearest."""
    known = {path.stem: path for path in recipes()}
    if name not in known:
        raise FileNotFoundError(f"no recipe {name!r}{nearest(name, known)}; `curate recipes list` tells of each")
    return known[name]


def find_recipe(name: str) -> Path:
    """The pipeline file at a path, or the bundled recipe of that name. Raises FileNotFoundError naming the recipes."""
    path = Path(name)
    stem = path.name.removesuffix(".yaml")
    known = {each.stem: each for each in recipes()}
    if path.is_file() or (path.exists() and stem not in known):
        return path
    if len(path.parts) == 1 and stem in known:
        return known[stem]
    beside = [each.name for each in path.parent.glob("*.y*ml")] if path.suffix else []
    hint = nearest(path.name, beside)
    if "did you mean" not in hint:
        hint = nearest(stem, known).replace("; known:", "; bundled recipes:")
    raise FileNotFoundError(f"no pipeline file {name!r}{hint}")


def is_recipe(name: str) -> bool:
    """Whether a pipeline's name is that of a bundled recipe, and no file here."""
    return find_recipe(name) in recipes() and not Path(name).is_file()
