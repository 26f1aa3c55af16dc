"""One Kafka record as a handler sees it. How it reached the guest does not show."""

from __future__ import annotations

import abc
import builtins
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, overload

from . import _given
from ._errors import EventError
from ._json import decode
from ._shape import BadShape, read

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Header(tuple[str, "bytes | None"]):
    """One header: a name, and bytes or nothing. Unpacks like a pair."""

    __slots__ = ()

    def __new__(cls, name: str, value: bytes | None) -> Header:
        return super().__new__(cls, (name, value))

    @property
    def name(self) -> str:
        """The name; may be empty, and may repeat."""
        return self[0]

    @property
    def value(self) -> bytes | None:
        """The value. ``None`` differs from empty."""
        return self[1]

    def text(self) -> str:
        """The value as text. Raises :class:`sandbus.EventError`: ``missing_header`` without a value, ``bad_header`` if
        it is not UTF-8."""
        name, value = self
        if value is None:
            raise EventError("missing_header", f'the header "{name}" is missing or null')
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise EventError("bad_header", f'the header "{name}" is not text: {error}') from None


class Headers(Sequence[Header]):
    """The headers of an event, in the record's order, repeats included."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Iterable[Header]) -> None:
        self._headers = tuple(headers)

    @overload
    def __getitem__(self, index: int) -> Header: ...
    @overload
    def __getitem__(self, index: slice) -> Headers: ...
    def __getitem__(self, index: int | slice) -> Header | Headers:
        if isinstance(index, slice):
            return Headers(self._headers[index])
        return self._headers[index]

    def __len__(self) -> int:
        return len(self._headers)

    def __iter__(self) -> Iterator[Header]:
        return iter(self._headers)

    def __eq__(self, other: object) -> bool:
        return self._headers == other._headers if isinstance(other, Headers) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._headers)

    def __repr__(self) -> str:
        return f"Headers({list(self._headers)!r})"

    def all(self, name: str) -> list[Header]:
        """All headers of that name, in order. Names are compared case-sensitively."""
        return [header for header in self._headers if header[0] == name]


class Event(abc.ABC):
    """One Kafka record, with its type, identity and attempt."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def topic(self) -> str:
        """Topic of the record; for a redriven event the topic it first stood in."""

    @property
    @abc.abstractmethod
    def partition(self) -> int:
        """Partition, from 0."""

    @property
    @abc.abstractmethod
    def offset(self) -> int:
        """Offset within the partition, from 0."""

    @property
    @abc.abstractmethod
    def timestamp(self) -> int | None:
        """Milliseconds since 1970-01-01T00:00:00Z; ``None`` where the record has none."""

    @property
    @abc.abstractmethod
    def id(self) -> str:
        """The event's identity: the same in every try, and after a restart. Never empty.

        Header ``event_id``, else ``ce_id``, else the structured CloudEvent's ``id``, else
        ``topic/partition/offset``.
        """

    @property
    @abc.abstractmethod
    def type(self) -> str:
        """The event's type, 1 to 256 bytes: header ``event_type``, else ``ce_type``, else the structured CloudEvent's
        ``type``, else the topic."""

    @property
    @abc.abstractmethod
    def attempt(self) -> int:
        """Counts the tries of this event by this handler, from 1. Starts again at 1 after a restart or a
        rebalance."""

    @property
    @abc.abstractmethod
    def key(self) -> bytes | None:
        """The key. ``None`` differs from empty."""

    @property
    @abc.abstractmethod
    def value(self) -> bytes | None:
        """The value. ``None`` is a tombstone, and differs from empty."""

    @property
    @abc.abstractmethod
    def headers(self) -> Headers:
        """All headers, in the record's order, repeats included."""

    @property
    def value_view(self) -> memoryview | None:
        """The value where it lies, not copied."""
        value = self.value
        return None if value is None else memoryview(value)

    @property
    def time(self) -> datetime | None:
        """The timestamp as an aware ``datetime``."""
        millis = self.timestamp
        return None if millis is None else _EPOCH + timedelta(milliseconds=millis)

    def key_text(self) -> str:
        """The key as text. Raises :class:`EventError`: ``missing_key`` without one, ``bad_key`` if it is not UTF-8."""
        key = self.key
        if key is None:
            raise EventError("missing_key", "the event has no key")
        try:
            return key.decode()
        except UnicodeDecodeError as error:
            raise EventError("bad_key", f"the key is not text: {error}") from None

    def text(self) -> str:
        """The value as text. Raises :class:`EventError`: ``tombstone`` without one, ``bad_text`` if it is not UTF-8."""
        value = self.value
        if value is None:
            raise EventError("tombstone", _TOMBSTONE)
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise EventError("bad_text", f"the value is not text: {error}") from None

    @overload
    def json(self) -> Any: ...
    @overload
    def json(self, shape: builtins.type[T]) -> T: ...
    def json(self, shape: builtins.type[T] | None = None) -> T | Any:
        """The value read as JSON; with a dataclass (or ``list[...]``, ``dict[str, ...]``, ...) as its shape, checked
        and made one. Fields that the dataclass does not name may be there.

        Raises :class:`EventError`: ``tombstone`` without a value, ``bad_json`` if it is not JSON of that shape.
        """
        value = self.value
        if value is None:
            raise EventError("tombstone", _TOMBSTONE)
        try:
            body = decode(value)
            return body if shape is None else read(shape, body)
        except (ValueError, BadShape) as error:
            raise EventError("bad_json", f"the value is not the JSON expected: {error}") from None

    def first_header(self, name: str) -> Header | None:
        """The first header of that name, if there is one."""
        name = _given.name("a header's name", name)
        for header in self.headers:
            if header[0] == name:
                return header
        return None

    def header(self, name: str) -> str:
        """The first value of that header, as text.

        Raises :class:`EventError`: ``missing_header`` if no header has that name or the first that has it carries no
        value, ``bad_header`` if the value is not UTF-8.
        """
        header = self.first_header(name)
        if header is None:
            raise EventError("missing_header", f'the header "{name}" is missing or null')
        return header.text()

    def __eq__(self, other: object) -> bool:
        return self._record() == other._record() if isinstance(other, Event) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Event {self.type} {self.topic}/{self.partition}/{self.offset}, attempt {self.attempt}>"

    def _record(self) -> tuple[object, ...]:
        place = (self.topic, self.partition, self.offset, self.timestamp)
        return (*place, self.id, self.type, self.attempt, self.key, self.value, self.headers)


class Record(Event):
    """An event in fields of its own: the typed way, and tests."""

    __slots__ = ("attempt", "headers", "id", "key", "offset", "partition", "timestamp", "topic", "type", "value")

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    id: str
    type: str
    attempt: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def __init__(
        self,
        *,
        topic: str,
        partition: int,
        offset: int,
        timestamp: int | None,
        id: str,
        type: str,
        attempt: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.id = id
        self.type = type
        self.attempt = attempt
        self.key = key
        self.value = value
        self.headers = headers


_TOMBSTONE: Final = "the event has no value (a tombstone)"
