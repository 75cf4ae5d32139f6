"""JSON as the host gets it: compact, in UTF-8, and without the NaN that JSON does not have."""

from __future__ import annotations

import json
from typing import Any


def dumps(value: Any) -> str:
    """Serializes a value; raises ``TypeError``, ``ValueError`` or ``RecursionError`` if JSON cannot hold it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    if text.isascii() or _is_well_formed(text):
        return text
    # Lone surrogates can only be written as escapes.
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def loads_optional(text: str | None) -> Any:
    """Parses JSON text that may be missing."""
    return None if text is None else json.loads(text)


def well_formed(text: object) -> str:
    """Replaces lone surrogates, which UTF-8 does not have."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _is_well_formed(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
