"""What a try left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _given
from .._errors import Error
from .._given import AttributeValue
from .._verdict import Code, Verdict, ack, skip

if TYPE_CHECKING:
    from ._recorder import Measurement, Recorder


@dataclass(frozen=True)
class LogLine:
    """One log line. As text it is ``level: message``."""

    #: ``trace``, ``debug``, ``info``, ``warn`` or ``error``.
    level: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.message}"


@dataclass(frozen=True)
class Message:
    """One message that a try sent."""

    topic: str
    key: bytes | None
    #: ``None`` is a tombstone.
    value: bytes | None
    #: Names and values, in order.
    headers: tuple[tuple[str, bytes | None], ...]

    def header(self, name: str) -> str | None:
        """The first value of that header, if there is one, as text."""
        for at, value in self.headers:
            if at == name:
                return None if value is None else value.decode()
        return None

    def json(self) -> Any:
        """The value read as JSON; a tombstone reads as ``None``."""
        return None if self.value is None else json.loads(self.value)


class Outcome:
    """One try: the verdict or error it ended in, and what it did through the imports."""

    def __init__(self, ended: Verdict | Error, recorder: Recorder) -> None:
        self._ended = ended
        #: Log lines, in order.
        self.logs: list[LogLine] = recorder.logs
        #: Messages that the handler sent, whatever the verdict.
        self.sent: list[Message] = recorder.sent
        self._measurements = recorder.measurements

    @property
    def verdict(self) -> Verdict | None:
        """What the try ended in, unless that was an error."""
        return self._ended if isinstance(self._ended, Verdict) else None

    @property
    def error(self) -> Error | None:
        """The error that the try ended in, if it did."""
        return self._ended if isinstance(self._ended, Error) else None

    @property
    def published(self) -> list[Message]:
        """Messages that leave for the broker: all that were sent if the try ended in ``ack``, else none."""
        verdict = self.verdict
        return self.sent if verdict is not None and verdict.code is Code.ACK else []

    @property
    def messages(self) -> list[str]:
        """The texts of the log lines."""
        return [line.message for line in self.logs]

    def counter(self, name: str, /, **attributes: AttributeValue) -> int:
        """What was added to the counter; with attributes, what was added with exactly these."""
        return int(sum(self._values("counter", name, attributes)))

    def histogram(self, name: str, /, **attributes: AttributeValue) -> list[float]:
        """The values recorded in the histogram, in order; with attributes, those recorded with exactly these."""
        return self._values("histogram", name, attributes)

    def updown(self, name: str, /, **attributes: AttributeValue) -> int:
        """The sum of what was added to and taken from the up-down counter; with attributes, with exactly these."""
        return int(sum(self._values("updown", name, attributes)))

    def assert_ack(self) -> None:
        """Fails unless the try ended in ``ack``."""
        self.assert_verdict(ack())

    def assert_skip(self) -> None:
        """Fails unless the try ended in ``skip``."""
        self.assert_verdict(skip())

    def assert_verdict(self, verdict: Verdict) -> None:
        """Fails unless the try ended in this verdict."""
        if self._ended != verdict:
            raise AssertionError(f"{verdict} was expected, {self._told()}")

    def assert_error(self, kind: str) -> Error:
        """The error that the try ended in. Fails unless it is of this kind."""
        error = self.error
        if error is None or error.kind != kind:
            raise AssertionError(f"an error of the kind {kind} was expected, {self._told()}")
        return error

    def __repr__(self) -> str:
        return f"<Outcome: {self._told()}>"

    def _told(self) -> str:
        error = self.error
        ended = f"the error {error.kind}: {error.message}" if error is not None else str(self._ended)
        return "\n  ".join([f"the try ended in {ended}", *map(str, self.logs)])

    def _values(self, instrument: str, name: str, attributes: dict[str, AttributeValue]) -> list[float]:
        texts = dict(_given.attributes(attributes))

        def wanted(measurement: Measurement) -> bool:
            same = (measurement.instrument, measurement.name) == (instrument, name)
            return same and (not texts or measurement.attributes == texts)

        return [measurement.value for measurement in self._measurements if wanted(measurement)]
