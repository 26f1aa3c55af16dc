"""What stands behind the imports in a test: configuration and grants given, calls recorded, ill-formed ones refused as
the real host refuses them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .._errors import Refusal
from .._host import Attributes, RawHeaders
from ._outcome import LogLine, Message
from ._pattern import matches

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
_LEVELS: Final = ((5, "trace"), (10, "debug"), (20, "info"), (30, "warn"))


@dataclass(frozen=True)
class Measurement:
    """One recording of a metric."""

    instrument: str
    name: str
    value: float
    attributes: dict[str, str]


class Recorder:
    """The imports of one try."""

    def __init__(self, config: Mapping[str, str], grants: Sequence[str]) -> None:
        self._config = config
        self._grants = grants
        #: Indices given to ``batch.at``.
        self.announced: list[int] = []
        self.logs: list[LogLine] = []
        self.sent: list[Message] = []
        self.measurements: list[Measurement] = []

    def batch_at(self, index: int) -> None:
        self.announced.append(index)

    def log(self, level: int, message: str) -> None:
        name = next((name for upper, name in _LEVELS if level <= upper), "error")
        self.logs.append(LogLine(name, message))

    def config_get(self, key: str) -> str | None:
        return self._config.get(key)

    def config_entries(self) -> list[tuple[str, str]]:
        return sorted(self._config.items())

    def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
            raise Refusal("bad_topic", f'no topic has the name "{topic}"')
        if not any(matches(grant, topic) for grant in self._grants):
            raise Refusal("denied", f'no publish grant for "{topic}"')
        self.sent.append(Message(topic, key, value, tuple(headers)))

    def counter_add(self, name: str, value: int, attributes: Attributes) -> None:
        self._measure("counter", name, value, attributes)

    def histogram_record(self, name: str, value: float, attributes: Attributes) -> None:
        self._measure("histogram", name, value, attributes)

    def updown_add(self, name: str, value: int, attributes: Attributes) -> None:
        self._measure("updown", name, value, attributes)

    def _measure(self, instrument: str, name: str, value: float, attributes: Attributes) -> None:
        if not _is_name(name):
            raise Refusal("bad_name", f'no metric has the name "{name}"')
        for key, _ in attributes:
            if not _is_name(key):
                raise Refusal("bad_attribute", f'"{key}" of "{name}" is ill-formed')
        if not math.isfinite(value):
            raise Refusal("bad_value", f'a value of "{name}" is not finite')
        self.measurements.append(Measurement(instrument, name, value, dict(attributes)))


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not name.endswith("_total")
