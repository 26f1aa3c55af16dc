"""Reads JSON as every other reader of these events does: no ``NaN``, and not nested deeper than 127."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

#: As deep as Rust's serde_json goes. Deeper, Python's own would overflow the sandbox's call stack, which is a fault.
_MAX_DEPTH: Final = 127

_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def decode(data: bytes) -> Any:
    """The value that the bytes are. Raises ``ValueError``."""
    # Few have so many brackets that they could be nested too deep.
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH and _too_deep(data):
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH}")
    text = data.decode()
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass
    # There is space around it, or something is wrong, and this says where.
    return _decoder.decode(text)


def _too_deep(data: bytes) -> bool:
    # Each round takes away the innermost pairs: most documents are broad and not deep, and are gone in a few.
    brackets = data.translate(None, _NOT_BRACKETS)
    for _ in range(8):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) <= _MAX_DEPTH:
            return False
    # Brackets in texts are none.
    depth = 0
    for token in _TOKENS.finditer(data):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Python's own would take NaN and Infinity.
_decoder: Final = json.JSONDecoder(parse_constant=_no_constant)
_scan: Final = _decoder.scan_once  # type: ignore[attr-defined]  # what `raw_decode` calls
