"""The grammar of steps: text in, :class:`Step` out.

A script is steps parted by ``;``, read strictly: no spaces around them, nothing left out. Each step is read when it is
reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import sandbus

_U64: Final = 2**64
_U32: Final = 2**32


@dataclass(frozen=True)
class Step:
    """One thing to do, with its argument as it was read."""

    word: str
    argument: Any = None


def parse(text: str) -> Step:
    """Reads one step."""
    step = _step(text)
    if step is None:
        raise bad_step(text)
    return step


def bad_step(text: str) -> sandbus.Error:
    """The error that a malformed step is."""
    return sandbus.Error("bad_step", text)


def _step(text: str) -> Step | None:
    if text in ("ack", "skip", "retry", "trap", "loop", "recurse"):
        return Step(text)
    word, colon, argument = text.partition(":")
    read = _ARGUMENTS.get(word)
    if not colon or read is None:
        return None
    value = read(argument)
    return None if value is None else Step(word, value)


def _number(text: str, below: int = _U64) -> int | None:
    """Decimal digits and nothing else; ``int`` alone would take signs, spaces, underscores and other scripts."""
    if not re.fullmatch("[0-9]+", text):
        return None
    digits = text.lstrip("0")
    # Longer than any number of 64 bits, and maybe than what `int` reads.
    if len(digits) > 20:
        return None
    value = int(digits or "0")
    return value if value < below else None


def _micros(text: str) -> int | None:
    """``20ms``, ``2s`` or ``50us``, up to the longest that is 64 bits of microseconds."""
    for unit, micros in (("us", 1), ("ms", 1_000), ("s", 1_000_000)):
        if text.endswith(unit):
            value = _number(text.removesuffix(unit))
            return None if value is None or value * micros >= _U64 else value * micros
    return None


def _size(text: str) -> int | None:
    """``100MiB``, ``64KiB``, ``1GiB``, ``17B`` or ``17``, less than the 4 GiB that a 32-bit memory can hold."""
    for unit, power in (("KiB", 10), ("MiB", 20), ("GiB", 30), ("B", 0), ("", 0)):
        if text.endswith(unit):
            value = _number(text.removesuffix(unit))
            return None if value is None or value << power >= _U32 else value << power
    return None


def _error(text: str) -> tuple[str, str] | None:
    kind, colon, message = text.partition(":")
    return (kind, message) if colon else None


def _until(text: str) -> tuple[int, Step] | None:
    attempt, colon, inner = text.partition(":")
    number, step = _number(attempt, _U32), _step(inner)
    return (number, step) if colon and number is not None and step is not None else None


_ARGUMENTS: Final[dict[str, Callable[[str], Any]]] = {
    "retry": _micros,
    "dead-letter": str,
    "error": _error,
    "until": _until,
    "spin": _micros,
    "sleep": _micros,
    "alloc": _size,
    "result": _size,
    "log-flood": _number,
    "throw": str,
    "log": str,
    "count": str,
    "publish": str,
}
