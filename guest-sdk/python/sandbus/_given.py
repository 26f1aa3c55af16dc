"""What handlers give to the host's imports: checked before it goes through the door, so that the sandbox and the test
host agree. The component's runtime would take an ``int`` for so many zero bytes, and end the instance over other
mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ._host import Attributes, RawHeaders

HeadersLike = Mapping[str, "bytes | str | None"] | Iterable[tuple[str, "bytes | str | None"]]
AttributeValue = str | int | float | bool

#: From here on a float is written with an exponent, as in JavaScript.
_PLAIN_FLOATS: Final = 1e21


def sound(text: str) -> str:
    """The text with ``?`` for each lone surrogate, as a bad decoding leaves them: they are no text for the host."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def name(what: str, given: object) -> str:
    """A name to look for."""
    if not isinstance(given, str):
        raise TypeError(f"{what} is str, not {type(given).__name__}")
    return given


def text(what: str, given: object) -> str:
    """A name for the host: of a topic, a header, a key, a metric."""
    return sound(name(what, given))


def told(given: object) -> str:
    """Text for people, of whatever it was made."""
    return sound(given if isinstance(given, str) else str(given))


def data(what: str, given: object) -> bytes | None:
    """A key or a value. A lone surrogate raises ``UnicodeEncodeError``: what is stored is never changed in silence."""
    if given is None or isinstance(given, bytes):
        return given
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, bytearray | memoryview):
        return bytes(given)
    raise TypeError(f"{what} is bytes, str or None, not {type(given).__name__}")


def headers(given: HeadersLike) -> RawHeaders:
    """A mapping, or pairs."""
    pairs = given.items() if isinstance(given, Mapping) else given
    return [(text("a header's name", key), data("a header's value", value)) for key, value in pairs]


def whole(what: str, given: object) -> int:
    """A number to add."""
    if not isinstance(given, int):
        raise TypeError(f"{what} adds int, not {type(given).__name__}")
    return int(given)


def real(what: str, given: object) -> float:
    """A number to record. Text is none, even if ``float`` would read it."""
    if not hasattr(type(given), "__float__") and not hasattr(type(given), "__index__"):
        raise TypeError(f"{what} records a number, not {type(given).__name__}")
    return float(given)  # type: ignore[arg-type]  # it has one of them


def attributes(given: Mapping[str, AttributeValue]) -> Attributes:
    """Attributes of a metric."""
    return [(sound(key), _attribute(key, value)) for key, value in given.items()]


def _attribute(key: str, value: object) -> str:
    """Numbers and truth as they read in every language: ``true``, ``1``, ``1.5``."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < _PLAIN_FLOATS:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"the attribute {key} is str, int, float or bool, not {type(value).__name__}")
