"""The component's exports: what ``sandbus build`` hands to componentize-py.

Imported once, when the component is made. Everything that is imported and made then is in the component: the project's
module, the standard library as far as it is used, and nothing that is read or imported later.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from typing import Final

from componentize_py_types import Err
from wit_world.exports.descriptor import Description
from wit_world.imports import batch, config, logging, metrics, publish, types

from . import _logging, _output
from ._errors import Error, Refusal
from ._event import Header, Headers, Record
from ._frame import Malformed
from ._handler import Registration, the_handler
from ._host import Attributes, RawHeaders, door
from ._instance import Instance
from ._verdict import Code, Verdict

_LEVELS: Final = (
    (_logging.TRACE, logging.Level.TRACE),
    (10, logging.Level.DEBUG),
    (20, logging.Level.INFO),
    (30, logging.Level.WARN),
)


class _Component:
    """The imports of the sandbox."""

    def batch_at(self, index: int) -> None:
        batch.at(index)

    def log(self, level: int, message: str) -> None:
        for upper, named in _LEVELS:
            if level <= upper:
                return logging.log(named, message)
        return logging.log(logging.Level.ERROR, message)

    def config_get(self, key: str) -> str | None:
        return config.get(key)

    def config_entries(self) -> list[tuple[str, str]]:
        return config.entries()

    def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        raw = [types.Header(name, header) for name, header in headers]
        try:
            publish.send(publish.Message(topic, key, value, raw))
        except Err as error:
            raise _refusal(error.value) from None

    def counter_add(self, name: str, value: int, attributes: Attributes) -> None:
        try:
            metrics.counter_add(name, value, list(attributes))
        except Err as error:
            raise _refusal(error.value) from None

    def histogram_record(self, name: str, value: float, attributes: Attributes) -> None:
        try:
            metrics.histogram_record(name, value, list(attributes))
        except Err as error:
            raise _refusal(error.value) from None

    def updown_add(self, name: str, value: int, attributes: Attributes) -> None:
        try:
            metrics.updown_add(name, value, list(attributes))
        except Err as error:
            raise _refusal(error.value) from None


def _refusal(refusal: types.Refusal) -> Refusal:
    return Refusal(refusal.code, refusal.message)


class _TooLate:
    """Says of a module that is not in the component why not. There is no file to import."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if path is None:
            raise ModuleNotFoundError(
                f"No module named {name!r} in this component: import it at the top of a module, because modules "
                "are read while the component is made",
                name=name,
            )


class _State:
    """What is set when the component is made, and what wakes with the first call."""

    registration: Registration
    instance: Instance
    attributes: list[tuple[str, str]]
    awake = False

    def wake(self) -> Instance:
        """The instance, once what was frozen when the component was made goes to the host."""
        if not self.awake:
            self.awake = True
            door.imports = _Component()
            _output.install()
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [_TooLate]
        return self.instance


_state: Final = _State()


def start(module: str, *, name: str, version: str, environment: Mapping[str, str]) -> None:
    """Imports the project's module. ``environment`` are variables of the build that it may read while it is
    imported."""
    _logging.install()
    os.environ.update(environment)
    known = set(sys.modules)
    try:
        importlib.import_module(module)
        registration = the_handler(module)
    except BaseException as error:
        _logging.show_exception(error)
        raise
    finally:
        for variable in environment:
            os.environ.pop(variable, None)
    for path in {getattr(sys.modules[new], "__file__", None) for new in set(sys.modules) - known}:
        if path is not None and not path.startswith("/python/"):
            _logging.keep_source(path)
    _state.registration = registration
    _state.instance = Instance(registration)
    _state.attributes = [
        ("sdk", "sandbus-sdk-python 0.1.0"),
        ("language", "python"),
        ("name", name),
        ("version", version),
    ]


class Descriptor:
    """What the component says of itself."""

    def describe(self) -> Description:
        _state.wake()
        return Description(list(_state.registration.events), _state.attributes)


class Packed:
    """Many events in one call."""

    def handle(self, frame: bytes) -> bytes:
        try:
            return _state.wake().run_frame(frame)
        except Malformed as problem:
            _logging.write(40, f"the host's frame breaks the contract: {problem}")
            # No verdict would be right: the host sees an answer that is none.
            return b""


class Typed:
    """One event in a call."""

    def handle(self, event: types.Event) -> types.Verdict:
        ended = _state.wake().run(_lift(event))
        if isinstance(ended, Error):
            raise Err(types.Error(ended.kind, ended.message))
        return _lower(ended)


def _lift(event: types.Event) -> Record:
    return Record(
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
        timestamp=event.timestamp,
        id=event.id,
        type=event.event_type,
        attempt=event.attempt,
        key=event.key,
        value=event.value,
        headers=Headers(Header(header.name, header.value) for header in event.headers),
    )


def _lower(verdict: Verdict) -> types.Verdict:
    if verdict.code is Code.ACK:
        return types.Verdict_Ack()
    if verdict.code is Code.SKIP:
        return types.Verdict_Skip()
    if verdict.code is Code.RETRY:
        return types.Verdict_Retry(verdict.delay_ms)
    return types.Verdict_DeadLetter(verdict.reason or "")
