"""What no handler should do."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn


def trap() -> NoReturn:
    """Executes ``unreachable``: that is what abort is in WebAssembly."""
    os.abort()


def endless() -> NoReturn:
    """Never ends, and calls nothing."""
    while True:
        pass


def recurse() -> None:
    """Calls itself until the call stack is full.

    A function that calls itself directly takes no stack of WebAssembly's, and ends in a RecursionError after a thousand
    levels; here each level goes through the interpreter's own code.
    """
    sys.setrecursionlimit(2**31 - 1)
    _descend(0)


def _descend(level: int) -> int:
    return max(map(_descend, (level + 1,))) ^ level


def alloc(size: int) -> None:
    """Takes so many bytes, writes to all of them, and frees them."""
    taken = b"\1" * size
    del taken


def log_flood(lines: int) -> None:
    """Writes so many lines, each with its number from 1."""
    for line in range(1, lines + 1):
        logging.info("log-flood %d", line)
