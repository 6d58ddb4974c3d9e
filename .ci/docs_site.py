"""What `mkdocs build` needs to know of these pages.

Links to files outside the docs become their names, what only tests read of a block is left out, and every page lies beside
its HTML as it was written, for programs that read llms.txt.
"""

import re
import shutil
from pathlib import Path
from typing import Any

_NEEDS = re.compile(r'^(```\w+) needs="[^"]*"', re.MULTILINE)
"""What only the tests of tutorials read of a block: which library it wants."""
_LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, **others: Any) -> str:
    """A page's text as the site's maker reads it."""
    docs = Path(config["docs_dir"]).resolve()
    here = (docs / page.file.src_uri).parent

    def kept(found: re.Match[str]) -> str:
        return found[0] if (here / found[2]).resolve().is_relative_to(docs) else found[1]

    return re.sub(_NEEDS, r"\1", re.sub(_LINK, kept, markdown))


def on_post_build(config: Any, **others: Any) -> None:
    """The pages as they were written, beside the site's."""
    docs, site = Path(config["docs_dir"]), Path(config["site_dir"])
    for path in docs.rglob("*.md"):
        shutil.copyfile(path, site / path.relative_to(docs))
