"""Reports each event to the configured topic, so that each ``ack`` is seen there."""

from __future__ import annotations

import os
import random

import sandbus
from sandbus import config

#: The build's mark: the variable ``PROBE_BUILD`` of the build's environment. A module is imported when the component is
#: made, never later.
BUILD = os.environ.get("PROBE_BUILD", "dev")


class Results:
    """Where results go, and what this instance says of itself."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._handler = config.get("name")
        self._instance = f"{random.getrandbits(64):016x}"
        self._sequence = 0

    @classmethod
    def configured(cls) -> Results | None:
        """The reporter, if ``results`` is configured. Made with the instance's first event."""
        topic = config.get("results")
        return None if topic is None else cls(topic)

    def report(self, event: sandbus.Event) -> None:
        """Publishes the event's key and value, with headers that say who had it, and when."""
        self._sequence += 1
        headers = [] if self._handler is None else [("probe_handler", self._handler)]
        headers += [
            ("probe_topic", event.topic),
            ("probe_partition", str(event.partition)),
            ("probe_offset", str(event.offset)),
            ("probe_attempt", str(event.attempt)),
            ("probe_instance", self._instance),
            ("probe_sequence", str(self._sequence)),
            ("probe_language", "python"),
            ("probe_build", BUILD),
        ]
        sandbus.publish(self._topic, event.value, key=event.key, headers=headers)
