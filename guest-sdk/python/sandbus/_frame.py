"""Reads a frame where it lies, as ``docs/packed-frame.md`` has it: fields by their place, text and bytes by reference.

Nothing of an event is read or copied before it is asked for. What the frame's header says is checked once; a reference
that lies outside can harm no memory in Python, and the host guarantees that there is none.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from . import _given
from ._event import Event, Header, Headers

#: The length of a reference that refers to nothing.
ABSENT: Final = 0xFFFF_FFFF

_HEADER: Final = Struct("<4sHHHHIII")
_REFERENCE: Final = Struct("<II").unpack_from
_ENTRY: Final = Struct("<IIII").unpack_from
_U32: Final = Struct("<I").unpack_from
_U64: Final = Struct("<Q").unpack_from
_I64: Final = Struct("<q").unpack_from
#: Lengths of version 1. A frame names its own, which may be longer.
_RECORD_LEN: Final = 80
_ENTRY_LEN: Final = 16
_MAX_COUNT: Final = 65_536


class Malformed(Exception):
    """A frame is not what the contract says. No verdict would be right."""


class Frame:
    """A frame whose header holds."""

    __slots__ = ("count", "data", "entry_len", "header_len", "lanes", "record_len")

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size:
            raise Malformed("it is shorter than a header")
        magic, version, header_len, record_len, entry_len, count, total_len, lanes = _HEADER.unpack_from(data)
        if magic != b"SBEV" or version != 1:
            raise Malformed("magic or version is unknown")
        if header_len < _HEADER.size or record_len < _RECORD_LEN or entry_len < _ENTRY_LEN:
            raise Malformed("a length is shorter than in version 1")
        if (header_len | record_len | entry_len) % 8:
            raise Malformed("a length is no multiple of 8")
        if not 1 <= count <= _MAX_COUNT or not 1 <= lanes <= count:
            raise Malformed("no number of events or lanes")
        if total_len != len(data) or header_len + count * record_len > total_len:
            raise Malformed("its length is not the one it names")
        self.data = data
        self.header_len: int = header_len
        self.record_len: int = record_len
        self.entry_len: int = entry_len
        self.count: int = count
        self.lanes: int = lanes

    def lane_at(self, record: int) -> int:
        """The lane of the event whose record begins there."""
        lane: int = _U32(self.data, record)[0]
        return lane


class FrameEvent(Event):
    """One event of a frame. It keeps the frame's bytes, so a handler may keep it as long as it likes."""

    __slots__ = ("_at", "_data", "_frame")

    def __init__(self, frame: Frame, at: int) -> None:
        self._frame = frame
        self._data = frame.data
        #: Where the event's record begins.
        self._at = at

    @property
    def attempt(self) -> int:
        number: int = _U32(self._data, self._at + 4)[0]
        return number

    @property
    def partition(self) -> int:
        number: int = _U32(self._data, self._at + 8)[0]
        return number

    @property
    def offset(self) -> int:
        number: int = _U64(self._data, self._at + 16)[0]
        return number

    @property
    def timestamp(self) -> int | None:
        millis: int = _I64(self._data, self._at + 24)[0]
        return None if millis == -1 else millis

    @property
    def topic(self) -> str:
        offset, length = _REFERENCE(self._data, self._at + 32)
        return self._data[offset : offset + length].decode()

    @property
    def type(self) -> str:
        offset, length = _REFERENCE(self._data, self._at + 40)
        return self._data[offset : offset + length].decode()

    @property
    def id(self) -> str:
        offset, length = _REFERENCE(self._data, self._at + 48)
        if length == ABSENT:
            return f"{self.topic}/{self.partition}/{self.offset}"
        return self._data[offset : offset + length].decode()

    @property
    def key(self) -> bytes | None:
        offset, length = _REFERENCE(self._data, self._at + 56)
        return None if length == ABSENT else self._data[offset : offset + length]

    @property
    def value(self) -> bytes | None:
        offset, length = _REFERENCE(self._data, self._at + 64)
        return None if length == ABSENT else self._data[offset : offset + length]

    @property
    def value_view(self) -> memoryview | None:
        offset, length = _REFERENCE(self._data, self._at + 64)
        return None if length == ABSENT else memoryview(self._data)[offset : offset + length]

    @property
    def headers(self) -> Headers:
        data, step = self._data, self._frame.entry_len
        at, length = _REFERENCE(data, self._at + 72)
        entries = []
        for entry in range(at, at + length, step):
            name_at, name_length, value_at, value_length = _ENTRY(data, entry)
            value = None if value_length == ABSENT else data[value_at : value_at + value_length]
            entries.append(Header(data[name_at : name_at + name_length].decode(), value))
        return Headers(entries)

    def first_header(self, name: str) -> Header | None:
        # Compared as bytes, and without making the others.
        data, step = self._data, self._frame.entry_len
        wanted = _given.name("a header's name", name).encode(errors="surrogatepass")
        at, length = _REFERENCE(data, self._at + 72)
        for entry in range(at, at + length, step):
            name_at, name_length, value_at, value_length = _ENTRY(data, entry)
            if name_length == len(wanted) and data.startswith(wanted, name_at):
                value = None if value_length == ABSENT else data[value_at : value_at + value_length]
                return Header(name, value)
        return None
