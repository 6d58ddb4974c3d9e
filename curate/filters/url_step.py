"""The `url` step: rules on addresses. It is carried out while a source is read, before text is extracted."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import Field

from curate.filters.errors import PackError
from curate.filters.pack_files import address_names, find, is_of_addresses
from curate.settings import A_PATH, Model, Strings, one_of
from curate.steps import ON_ADDRESSES, SourceStep
from curate.storage import open_binary


class Url(Model):
    """Rules on addresses, applied before extraction."""

    packs: Annotated[Strings, Field(min_length=1)] = Field(
        description="packs of rules on addresses, by name or path", json_schema_extra=one_of(address_names, A_PATH)
    )
    lists: dict[str, str] = Field(
        {},
        description="files or addresses of the lists that the packs name but do not carry",
        examples=[{"blocked": "lists/blocked-hosts.txt"}],
    )


def url_params(setting: Url) -> dict[str, Any]:
    """What decides which addresses are refused: packs, lists, and what names the content of both."""
    for pack in setting.packs:
        if not is_of_addresses(find(pack)):
            raise PackError(f"{pack!r} is a pack of rules on text: it belongs in a step, '- filter: {pack}'")
    packs = {pack: find(pack).read_bytes() for pack in setting.packs}
    content = {name: hashlib.sha256(data).hexdigest() for name, data in packs.items()}
    for name, path in setting.lists.items():
        with open_binary(path) as file:
            content[f"list {name}"] = hashlib.sha256(file.read()).hexdigest()
    return {"packs": list(setting.packs), "lists": setting.lists, "content": content}


STEP = SourceStep(
    "url",
    Url,
    place=ON_ADDRESSES,
    example="url: {packs: [url]}",
    reading=lambda setting: {"url": url_params(setting)},
)
