"""Events for tests."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterable
from typing import Any, Final

from .. import _given
from .._event import Header, Headers, Record

#: Topic of events that name none.
_TOPIC: Final = "events.stream"


class _Nothing:
    """No JSON was given, which differs from ``None``."""


_NOTHING: Final = _Nothing()


def event(
    type: str,
    value: bytes | str | None = None,
    *,
    json: Any = _NOTHING,
    key: bytes | str | None = None,
    headers: Iterable[tuple[str, bytes | str | None]] = (),
    id: str | None = None,
    attempt: int = 1,
    topic: str = _TOPIC,
    partition: int = 0,
    offset: int | None = None,
    timestamp: int | None = None,
) -> Record:
    """An event of this type, as a producer writes it: with the header ``event_type``, and the others behind it.

    ``json`` becomes the value as compact JSON; without any value it is a tombstone. Without an offset
    :meth:`Host.deliver` gives the next one. ``id`` adds the header ``event_id``; else the id is
    ``topic/partition/offset``.
    """
    if json is not _NOTHING:
        if value is not None:
            raise TypeError("an event has a value or json, not both")
        value = json_module.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    made = [Header("event_type", type.encode())]
    made += [Header(name, header) for name, header in _given.headers(headers)]
    if id is not None:
        made.append(Header("event_id", id.encode()))
    return Record(
        topic=topic,
        partition=partition,
        offset=-1 if offset is None else offset,
        timestamp=timestamp,
        id=id or "",
        type=type,
        attempt=attempt,
        key=_given.data("key", key),
        value=_given.data("value", value),
        headers=Headers(made),
    )


def placed(record: Record, offset: int) -> Record:
    """The event with what it was not given: an offset, and the id that comes of it."""
    at = offset if record.offset < 0 else record.offset
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=at,
        timestamp=record.timestamp,
        id=record.id or f"{record.topic}/{record.partition}/{at}",
        type=record.type,
        attempt=record.attempt,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )
