"""Writes an answer, as ``docs/packed-frame.md`` has it: one record for each event, and the texts behind them."""

from __future__ import annotations

from struct import Struct
from typing import Final

from ._errors import Error
from ._frame import ABSENT
from ._verdict import Code, Verdict

_HEADER: Final = Struct("<4sHHHHIII")
#: Code, flags, delay, kind, text.
_RECORD: Final = Struct("<BB6xQIIII")
_ERROR: Final = 5
_NOT_RUN: Final = 6
#: Bit of the flags: there is a delay.
_DELAYED: Final = 1


def _plain(code: int) -> bytes:
    return _RECORD.pack(code, 0, 0, 0, ABSENT, 0, ABSENT)


#: Most verdicts are one of these, whole.
ACK: Final = _plain(Code.ACK)
SKIP: Final = _plain(Code.SKIP)
RETRY: Final = _plain(Code.RETRY)
NOT_RUN: Final = _plain(_NOT_RUN)

_PLAIN: Final = {Code.ACK: ACK, Code.SKIP: SKIP, Code.RETRY: RETRY}


class Answer:
    """An answer in the making, to so many events."""

    __slots__ = ("_count", "_next_text", "_texts", "records")

    def __init__(self, count: int) -> None:
        self._count = count
        #: One for each event that is answered, in order. Who runs the events may add plain ones itself.
        self.records: list[bytes] = []
        self._texts: list[bytes] = []
        self._next_text = _HEADER.size + count * _RECORD.size

    def add(self, ended: Verdict | Error) -> None:
        """Answers the next event with how its try ended."""
        if isinstance(ended, Error):
            kind = self._text(ended.kind)
            self.records.append(_RECORD.pack(_ERROR, 0, 0, *kind, *self._text(ended.message)))
        elif ended.code is Code.DEAD_LETTER:
            self.records.append(_RECORD.pack(ended.code, 0, 0, 0, ABSENT, *self._text(ended.reason or "")))
        elif ended.delay_ms is not None:
            self.records.append(_RECORD.pack(ended.code, _DELAYED, ended.delay_ms, 0, ABSENT, 0, ABSENT))
        else:
            self.records.append(_PLAIN[ended.code])

    def finish(self) -> bytes:
        """The bytes, once each event is answered."""
        header = _HEADER.pack(b"SBVD", 1, _HEADER.size, _RECORD.size, 0, self._count, self._next_text, 0)
        return b"".join((header, *self.records, *self._texts))

    def _text(self, text: str) -> tuple[int, int]:
        """Keeps a text for the end, and refers to it."""
        # A lone surrogate, as a bad decoding leaves it, is no text for the host.
        data = text.encode(errors="replace")
        if not data:
            return 0, 0
        at = self._next_text
        self._texts.append(data)
        self._next_text += len(data)
        return at, len(data)
