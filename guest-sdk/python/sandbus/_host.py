"""The one door to the host: the imports of the component in WebAssembly, a recording host in tests.

Every import that counts for an event goes through here, so that the host is told which event of a frame calls, with
the event's first call: most events call nothing, and then it costs nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Final, Protocol

#: Names and values, in order.
RawHeaders = Sequence[tuple[str, bytes | None]]
Attributes = Sequence[tuple[str, str]]

#: No event waits to be announced.
NONE: Final = -1


class Imports(Protocol):
    """What the contract offers to a handler. Refusals are raised as :class:`sandbus.Refusal`."""

    def batch_at(self, index: int) -> None: ...
    def log(self, level: int, message: str) -> None: ...
    def config_get(self, key: str) -> str | None: ...
    def config_entries(self) -> list[tuple[str, str]]: ...
    def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None: ...
    def counter_add(self, name: str, value: int, attributes: Attributes) -> None: ...
    def histogram_record(self, name: str, value: float, attributes: Attributes) -> None: ...
    def updown_add(self, name: str, value: int, attributes: Attributes) -> None: ...


class Nowhere:
    """Outside of a component and of a test, and while a component is made: nothing is configured or granted, and log
    lines go to standard error."""

    def batch_at(self, index: int) -> None:
        raise AssertionError(f"event {index} of no frame")

    def log(self, level: int, message: str) -> None:
        print(f"{logging.getLevelName(level)}: {message}", file=sys.stderr)

    def config_get(self, key: str) -> str | None:
        return None

    def config_entries(self) -> list[tuple[str, str]]:
        return []

    def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        self._refuse()

    def counter_add(self, name: str, value: int, attributes: Attributes) -> None:
        self._refuse()

    def histogram_record(self, name: str, value: float, attributes: Attributes) -> None:
        self._refuse()

    def updown_add(self, name: str, value: int, attributes: Attributes) -> None:
        self._refuse()

    def _refuse(self) -> None:
        raise RuntimeError("there is no host here: handlers are called by Sandbus, or by sandbus.testing.Host")


class Door:
    """Who stands behind the imports now, and which event of a frame they are called for."""

    __slots__ = ("imports", "unannounced")

    def __init__(self) -> None:
        self.imports: Imports = Nowhere()
        #: Index in the frame of the event that is worked on, until the host knows it.
        self.unannounced = NONE

    def open(self) -> Imports:
        """The imports, once the host knows which event calls. Goes before every call that counts for an event."""
        index = self.unannounced
        if index != NONE:
            self.unannounced = NONE
            self.imports.batch_at(index)
        return self.imports


door: Final = Door()
