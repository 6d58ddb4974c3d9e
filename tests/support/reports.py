"""What a report's page holds of the run's sample, unpacked as its script does it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any


def embedded(page: str) -> dict[str, Any]:
    """The data of the page's script."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def unpacked(page: str) -> dict[str, Any]:
    """The rows of the reader, and the map."""
    rows: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(embedded(page)["reader"]["packed"])))
    return rows
