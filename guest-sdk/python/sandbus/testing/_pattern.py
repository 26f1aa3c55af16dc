"""Patterns of event types and topics: ``*`` is any run of characters, nothing else is special."""

from __future__ import annotations

import re


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches, case-sensitively."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
