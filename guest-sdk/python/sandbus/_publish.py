"""Sends records to Kafka.

What a try publishes leaves when that try ends in ``ack``; what any other try published is dropped. Messages and bytes
of one event are bounded by the handler's ``limits.publishes`` and ``limits.publish_bytes``; more is the fault
``publish_quota``.
"""

from __future__ import annotations

import json as json_module
from typing import Any, Final

from . import _given
from ._event import Event
from ._given import HeadersLike
from ._host import door


class _Nothing:
    """No JSON was given, which differs from ``None``."""


_NOTHING: Final = _Nothing()


def publish(
    topic: str,
    value: bytes | bytearray | memoryview | str | None = None,
    *,
    key: bytes | bytearray | memoryview | str | None = None,
    headers: HeadersLike = (),
    json: Any = _NOTHING,
) -> None:
    """Gives a record to the host, which keeps it until the try ends.

    Without a key any partition will do; without a value (or ``json``) it is a tombstone. Text is written as UTF-8,
    ``json`` as compact JSON. ``headers`` is a mapping, or pairs, which keep repeats; a value of ``None`` differs from
    an empty one. Raises :class:`sandbus.Refusal`: ``denied`` without a grant, ``too_large``, ``bad_topic``.
    """
    if json is not _NOTHING:
        if value is not None:
            raise TypeError("a record has a value or json, not both")
        value = json_module.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    topic, raw = _given.text("topic", topic), _given.headers(headers)
    checked_key, checked_value = _given.data("key", key), _given.data("value", value)
    door.open().publish(topic, checked_key, checked_value, raw)


def forward(event: Event, topic: str) -> None:
    """Sends the event on as it is: its key, its value, all its headers."""
    topic, headers = _given.text("topic", topic), _given.headers(event.headers)
    door.open().publish(topic, event.key, event.value, headers)
