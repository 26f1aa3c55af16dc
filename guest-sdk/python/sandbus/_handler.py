"""Registers the handler: one function or class of the project."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from ._event import Event
from ._verdict import Verdict

Handle = Callable[[Event], "Verdict | None"]


class HandlerObject(Protocol):
    """An object of the class form."""

    def handle(self, event: Event, /) -> Verdict | None: ...


T = TypeVar("T", bound="Handle | Callable[[], HandlerObject]")

#: Bounds of the contract.
_MAX_PATTERNS: Final = 1000
_MAX_PATTERN: Final = 256


@dataclass(frozen=True)
class Registration:
    """A handler, and what it wants."""

    target: Any
    events: tuple[str, ...]

    def make(self) -> tuple[Handle, object]:
        """What handles events in one instance, and the object whose state lives as long as that."""
        if not isinstance(self.target, type):
            return self.target, self.target
        made = self.target()
        handle: Handle = made.handle
        return handle, made


_ATTRIBUTE: Final = "__sandbus_handler__"
#: The handler that was registered last; a component has one.
_registered: list[Registration] = []


def handler(*, events: Iterable[str]) -> Callable[[T], T]:
    """Makes a function, or a class with a method ``handle``, the handler of this component.

    ``events`` are the event types that it wants, unless the configuration says otherwise: whole type, case-sensitive,
    ``*`` is any run of characters. At most 1000 patterns of 1 to 256 bytes.

    An object of the class is made when an instance gets its first event, so ``__init__`` may read the configuration,
    and may fail: then the event's try ends in that error, and the next makes another. The object lives as long as
    its sandbox instance. Treat what it keeps as a cache: there may be several instances, and each may end any time.
    """
    patterns = _patterns(events)

    def register(target: T) -> T:
        _check(target)
        registration = Registration(target, patterns)
        setattr(target, _ATTRIBUTE, registration)
        _registered.append(registration)
        return target

    return register


def registration_of(target: object) -> Registration:
    """What the decorator has left on a function or class."""
    registration = getattr(target, _ATTRIBUTE, None)
    if not isinstance(registration, Registration):
        raise TypeError(f"{_name(target)} is no handler; put @sandbus.handler(events=[...]) before it")
    return registration


def the_handler(module: str) -> Registration:
    """The only handler that importing this module has registered."""
    if not _registered:
        raise RuntimeError(f"the module {module} registers no handler; put @sandbus.handler(events=[...]) before one")
    if len(_registered) > 1:
        names = ", ".join(_name(registration.target) for registration in _registered)
        raise RuntimeError(f"a component has one handler, and {module} registers {len(_registered)}: {names}")
    return _registered[0]


def _patterns(events: Iterable[str]) -> tuple[str, ...]:
    if isinstance(events, str):
        raise TypeError(f"events is a list of patterns: [{events!r}]")
    patterns = tuple(events)
    for pattern in patterns:
        if not isinstance(pattern, str) or not 1 <= len(pattern.encode()) <= _MAX_PATTERN:
            raise ValueError(f"{pattern!r} is no pattern of event types: it takes 1 to {_MAX_PATTERN} bytes of text")
    if len(patterns) > _MAX_PATTERNS:
        raise ValueError(f"{len(patterns)} patterns are more than {_MAX_PATTERNS}")
    return patterns


def _check(target: object) -> None:
    handle = getattr(target, "handle", None) if isinstance(target, type) else target
    if not callable(handle):
        raise TypeError(f"{_name(target)} is no function, and no class with a method handle(self, event)")
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(is_of_kind(handle) for is_of_kind in kinds):
        raise TypeError(
            f"{_name(target)} has to be a plain function: an instance works on one event at a time, so nothing else "
            "could be done while it waits"
        )


def _name(target: object) -> str:
    return str(getattr(target, "__qualname__", None) or repr(target))
