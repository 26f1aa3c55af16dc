"""A host for one instance of a handler, which records what it does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._errors import Error
from .._event import Record
from .._handler import registration_of
from .._host import door
from .._instance import Instance
from .._logging import TRACE, HostHandler
from .._verdict import Verdict
from ._event import placed
from ._outcome import Outcome
from ._pattern import matches
from ._recorder import Recorder


class Host:
    """Runs tries of one handler: a function or class with ``@sandbus.handler(...)``.

    ``config`` are the keys of ``[handler.config]``; numbers and booleans read as TOML writes them. ``grants`` are the
    topics, or patterns of them, that it may publish to.
    """

    def __init__(
        self,
        handler: Callable[..., Any],
        *,
        config: Mapping[str, str | int | float | bool] | None = None,
        grants: Iterable[str] = (),
    ) -> None:
        self._registration = registration_of(handler)
        self._config = {key: _toml(value) for key, value in (config or {}).items()}
        self._grants = list(grants)
        self._next_offset = 0
        self._instance = Instance(self._registration)

    def wants(self, event_type: str) -> bool:
        """Whether the handler asks for events of this type."""
        return any(matches(pattern, event_type) for pattern in self._registration.events)

    def deliver(self, event: Record) -> Outcome:
        """Gives the event to the handler, for one try."""
        record = placed(event, self._next_offset)
        self._next_offset = record.offset + 1
        recorder, ended = self._recorded(lambda: self._instance.run(record))
        return Outcome(ended, recorder)

    @property
    def handler(self) -> Any:
        """The handler's object, once its instance has had an event. For a function, the function."""
        return self._instance.made

    def restart(self) -> None:
        """Throws the instance away, as the host does after a fault or for a new version: the next event makes a new
        one."""
        self._instance = Instance(self._registration)

    def _recorded(self, work: Callable[[], Verdict | Error]) -> tuple[Recorder, Verdict | Error]:
        """Runs it with a recorder behind the imports, and Python's log lines going there."""
        recorder = Recorder(self._config, self._grants)
        root = logging.getLogger()
        former, level = door.imports, root.level
        handler = HostHandler()
        door.imports = recorder
        root.addHandler(handler)
        root.setLevel(TRACE)
        try:
            return recorder, work()
        finally:
            root.setLevel(level)
            root.removeHandler(handler)
            door.imports = former


def _toml(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
