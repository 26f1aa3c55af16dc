"""The handler's own configuration: ``[handler.config]``, and nothing else.

Values never change within one instance: a change of the configuration is a new generation. Numbers and booleans read
as TOML writes them::

    region = config.get("region", "eu")
    limit = config.parse("limit_cents", int, 50_000)
    topic = config.require("topic")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from . import _given
from ._errors import ConfigError
from ._host import door

__all__ = ["entries", "get", "parse", "require"]

T = TypeVar("T")
D = TypeVar("D")


@overload
def get(key: str) -> str | None: ...
@overload
def get(key: str, default: D) -> str | D: ...
def get(key: str, default: object = None) -> object:
    """The value of a key, if it is set."""
    key = _given.text("a configuration key", key)
    value = door.open().config_get(key)
    return default if value is None else value


def entries() -> dict[str, str]:
    """Every key with its value, sorted by key."""
    return dict(door.open().config_entries())


@overload
def parse(key: str, read: Callable[[str], T]) -> T | None: ...
@overload
def parse(key: str, read: Callable[[str], T], default: D) -> T | D: ...
def parse(key: str, read: Callable[[str], object], default: object = None) -> object:
    """The value of a key as ``read`` makes it of the text, such as ``int``, ``float`` or ``bool``.

    Raises :class:`sandbus.ConfigError` of the kind ``bad_config`` if it makes nothing of it.
    """
    value = get(key)
    if value is None:
        return default
    try:
        return _boolean(value) if read is bool else read(value)
    except (ValueError, ArithmeticError):
        # Its text would hold the value.
        name = getattr(read, "__name__", "value")
        raise ConfigError("bad_config", f'the configuration key "{key}" cannot be read as {name}') from None


@overload
def require(key: str) -> str: ...
@overload
def require(key: str, read: Callable[[str], T]) -> T: ...
def require(key: str, read: Callable[[str], object] = str) -> object:
    """As :func:`parse`, but the key must be set; else :class:`sandbus.ConfigError` of the kind ``missing_config``."""
    value = parse(key, read)
    if value is None:
        raise ConfigError("missing_config", f'the configuration key "{key}" is not set')
    return value


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"
