"""What a try ends in, and how it leaves a handler from deep within."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ._given import told


class Code(enum.IntEnum):
    """Verdicts as ``docs/packed-frame.md`` numbers them."""

    ACK = 1
    SKIP = 2
    RETRY = 3
    DEAD_LETTER = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the event. Made by :func:`ack`, :func:`skip`, :func:`retry` and :func:`dead_letter`."""

    code: Code
    #: Milliseconds that a retry waits; ``None`` is the configured delay.
    delay_ms: int | None = None
    #: Why a dead letter was given up.
    reason: str | None = None

    def __str__(self) -> str:
        if self.code is Code.DEAD_LETTER:
            return f"dead-letter: {self.reason}"
        if self.delay_ms is not None:
            return f"retry after {self.delay_ms} ms"
        return self.code.name.lower()


ACK: Final = Verdict(Code.ACK)
SKIP: Final = Verdict(Code.SKIP)
RETRY: Final = Verdict(Code.RETRY)


def ack() -> Verdict:
    """Done. What this try published leaves for the broker, and then the event is final. ``None`` is the same."""
    return ACK


def skip() -> Verdict:
    """Done, and nothing was to be done. What this try published is dropped."""
    return SKIP


def retry(after: timedelta | float | None = None) -> Verdict:
    """Try again: after that time, given in seconds or as a ``timedelta``, or after the configured delay.

    Counts as a try. The delay is counted in milliseconds, rounded up, and cut to the configured
    ``retry_max_delay``.
    """
    if after is None:
        return RETRY
    # By way of microseconds: 0.007 s are 7 ms, although 0.007 * 1000 is a little more.
    delay = after if isinstance(after, timedelta) else timedelta(seconds=after)
    millis = -(-(delay // timedelta(microseconds=1)) // 1000)
    if millis < 0:
        raise ValueError(f"a retry cannot wait for {after}")
    return Verdict(Code.RETRY, delay_ms=millis)


def dead_letter(reason: object) -> Verdict:
    """Give up now, with a reason for the person who reads the dead letters. The first 1000 characters are kept.

    What is no text, such as an exception, is taken as ``str`` gives it.
    """
    return Verdict(Code.DEAD_LETTER, reason=told(reason))


class Stop(Exception):
    """Raised, ends the try in this verdict, as if the handler had returned it::

    raise sandbus.Stop(sandbus.skip())
    """

    def __init__(self, verdict: Verdict) -> None:
        if not isinstance(verdict, Verdict):
            raise TypeError(f"Stop takes a verdict, such as sandbus.skip(), not {type(verdict).__name__}")
        super().__init__(str(verdict))
        self.verdict = verdict
