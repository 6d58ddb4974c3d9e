"""JSON that carries a checksum of itself, so that a changed byte is seen. Knows no content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_KEY = "checksum"


def sealed(content: Mapping[str, Any]) -> bytes:
    """The content as JSON, with a SHA-256 of the rest of it under `checksum`."""
    return (json.dumps({**content, _KEY: _checksum(content)}, indent=1, ensure_ascii=False) + "\n").encode()


def unsealed(data: bytes) -> dict[str, Any]:
    """What `sealed` wrote, without the checksum. Raises ValueError where a byte is not as it was."""
    content = json.loads(data)
    if not isinstance(content, dict) or content.pop(_KEY, None) != _checksum(content):
        raise ValueError("its checksum is not that of its content")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def as_json(value: Any) -> bytes:
    """JSON for people and programs to read, without a checksum."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
