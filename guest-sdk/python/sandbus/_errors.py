"""A failed try: its kind, its message, and how exceptions become one.

Kinds become the metric attribute ``error.type``, so they are taken from what does not vary: the class of an
exception, never its text.
"""

from __future__ import annotations

import re
from typing import Final

from ._given import sound, told

#: Longest kind that the host reports as it is.
_MAX_KIND: Final = 64


class Error(Exception):
    """The try failed: a kind for metrics and a message for people.

    The kind is ``[A-Za-z][A-Za-z0-9_.]{0,63}`` and not the name of a fault or verdict (``trap``, ``timeout``,
    ``retry``, ...): the host reports anything else as ``_other``. Keep the number of different kinds small.
    Of the message the host keeps the first 1000 characters; what is no text, such as another exception, is taken as
    ``str`` gives it.

    Any other exception that escapes a handler is a failed try too; its kind is the name of its class.
    """

    def __init__(self, kind: str, message: object) -> None:
        if not isinstance(kind, str):
            raise TypeError(f"the kind of an error is str, not {type(kind).__name__}")
        super().__init__(kind, message)
        self.kind = kind
        self.message = told(message)

    def __str__(self) -> str:
        return self.message


class EventError(Error):
    """The event is not what the handler reads it as: ``tombstone``, ``bad_json``, ``bad_text``, ``missing_key``,
    ``bad_key``, ``missing_header``, ``bad_header``."""


class ConfigError(Error):
    """A key of ``[handler.config]`` is missing (``missing_config``) or not what the handler reads it as
    (``bad_config``). The text names the key and never the value, which may be a secret."""


class Refusal(Error):
    """The host did not do what an import was asked for. The try goes on if the handler catches it.

    The kind is the host's word for it: ``denied``, ``too_large``, ``bad_topic``, ``bad_name``,
    ``bad_attribute``, ``bad_value``. The set may grow.
    """


def failure_of(exception: BaseException) -> Error:
    """The error that an exception is, in text that the host takes. Those of this SDK are what they say."""
    if not isinstance(exception, Error):
        return Error(_kind_of(type(exception)), _message_of(exception))
    # A class of the project's own may have set neither, or to what is no text.
    kind, message = getattr(exception, "kind", None), getattr(exception, "message", None)
    if isinstance(kind, str) and isinstance(message, str) and (sound(kind), sound(message)) == (kind, message):
        return exception
    told_kind = sound(kind) if isinstance(kind, str) else _kind_of(type(exception))
    return Error(told_kind, message if isinstance(message, str) else _text_of(exception))


def _kind_of(kind: type[BaseException]) -> str:
    """The class's name, with the module's first part before it where that is just ``Error``: ``binascii.Error``."""
    name = kind.__name__
    if name in ("Error", "error") and kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__.split('.')[0]}.{name}"
    name = re.sub(r"[^A-Za-z0-9_.]", "", name).lstrip("_.0123456789")[:_MAX_KIND]
    return name or "Error"


def _message_of(exception: BaseException) -> str:
    """The exception's text, and those of its causes after it, without what it repeats itself."""
    message = _text_of(exception)
    cause = exception.__cause__
    # Causes can be made to go round in circles.
    for _ in range(10):
        if cause is None:
            break
        text = _text_of(cause)
        if not message.endswith(text):
            message = f"{message}: {text}"
        cause = cause.__cause__
    return message


def _text_of(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception:  # A broken __str__ is no reason to lose the verdict.
        return f"a {type(exception).__name__} that cannot be shown"
