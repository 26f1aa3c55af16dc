"""Log lines through Python's own ``logging``: the root logger's lines become the host's, which adds handler, topic,
partition, offset and attempt."""

from __future__ import annotations

import linecache
import logging
import re
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ._given import sound
from ._host import door

#: Below ``logging.DEBUG``, as the host has it: every step.
TRACE: Final = 5

#: Lines of a traceback that are worth a log line each; the last ones say most.
_TRACEBACK_LINES: Final = 20

_package: Final = str(Path(__file__).parent)


class HostHandler(logging.Handler):
    """Writes records to the host: the message alone, for it knows the rest."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        # A wrong format is no reason to lose the event; logging itself only prints it.
        except Exception as error:
            message = f"{record.msg} (which its arguments do not fit: {error})"
        write(record.levelno, message)
        if record.exc_info and record.exc_info[1] is not None:
            log_exception(record.exc_info[1], record.levelno)
        if record.stack_info:
            for line in record.stack_info.splitlines():
                write(record.levelno, line)


def write(level: int, line: str) -> None:
    """Writes one line, whatever loggers are set to."""
    door.open().log(level, sound(line))


def install() -> None:
    """Makes the host's log the one of this process, unless the project's modules have set up one already."""
    logging.addLevelName(TRACE, "TRACE")
    root = logging.getLogger()
    root.addHandler(HostHandler())
    root.setLevel(TRACE)


def log_exception(exception: BaseException, level: int = logging.ERROR) -> None:
    """Writes the end of the traceback, one log line for each of its lines."""
    for line in deque(_lines(exception), _TRACEBACK_LINES):
        write(level, line)


def show_exception(exception: BaseException) -> None:
    """Writes what went wrong while the component was made to standard error, between marks that the build looks for."""
    print("<sandbus>", *_lines(exception), "</sandbus>", sep="\n", file=sys.stderr)


def _lines(exception: BaseException) -> Iterator[str]:
    try:
        shown = traceback.TracebackException.from_exception(exception)
        _without_sdk(shown)
        for part in shown.format():
            yield from map(_project_path, part.rstrip("\n").split("\n"))
    except Exception:  # A broken __str__ or __repr__.
        yield f"{type(exception).__name__}, whose traceback cannot be shown"


def _without_sdk(shown: traceback.TracebackException) -> None:
    """Leaves out the way to the handler, which is the same each time."""
    own = [frame for frame in shown.stack if not _is_sdk(frame.filename)]
    shown.stack = traceback.StackSummary.from_list(own)
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            _without_sdk(other)


def _is_sdk(path: str) -> bool:
    return path.startswith((_package, "<frozen importlib")) or path.endswith(
        ("/sandbus_application.py", "/importlib/__init__.py")
    )


def _project_path(line: str) -> str:
    """Folders of the project are /0, /1 and so on where the component is made."""
    return re.sub(r'^(\s*File ")/\d+/', r"\1", line)


def keep_source(path: str | None) -> None:
    """Keeps a file's lines for tracebacks: where the component runs there is no file."""
    if path is None:
        return
    lines = linecache.getlines(path)
    if lines:
        # Without a time the cache does not look whether the file has changed.
        linecache.cache[path] = (sum(map(len, lines)), None, lines, path)
