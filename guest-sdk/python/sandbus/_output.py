"""``print``: each line becomes a log line, info for standard output and error for standard error."""

from __future__ import annotations

import io
import logging
import sys
from typing import Final

from ._logging import write

#: The longest piece that is held back while its line has no end.
_MAX_PENDING: Final = 8 << 10


class LineWriter(io.TextIOBase):
    """A stream whose lines go to the host's log."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level
        self._pending = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        pending = self._pending + text
        if "\n" in pending or len(pending) > _MAX_PENDING:
            *lines, pending = pending.split("\n")
            for line in lines:
                write(self._level, line)
            while len(pending) > _MAX_PENDING:
                write(self._level, pending[:_MAX_PENDING])
                pending = pending[_MAX_PENDING:]
        self._pending = pending
        return len(text)

    def flush(self) -> None:
        """Within a line there is nothing to see yet."""

    def end_line(self) -> None:
        """Writes what has no end."""
        if self._pending:
            pending, self._pending = self._pending, ""
            write(self._level, pending)


_streams: list[LineWriter] = []


def install() -> None:
    """Takes the place of standard output and error. What was printed before, at build, went to the build."""
    sys.stdout = LineWriter(logging.INFO)
    sys.stderr = LineWriter(logging.ERROR)
    _streams.extend((sys.stdout, sys.stderr))


def flush() -> None:
    """Ends the lines that a try has left open, so that they are its own."""
    for stream in _streams:
        if stream._pending:
            stream.end_line()
