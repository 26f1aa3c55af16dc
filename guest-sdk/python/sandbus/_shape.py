"""Reads what JSON gave into dataclasses, strictly: nothing is converted that has another type.

Each type is looked into once; what reads it is kept.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]


class BadShape(Exception):
    """What is there is not what was asked for."""


def read(shape: type[T], body: object) -> T:
    """The body as such a value. Raises :class:`BadShape`, or ``TypeError`` for a type that no JSON has."""
    value: T = _reader(shape)(body)  # type: ignore[arg-type]
    return value


@cache
def _reader(shape: Any) -> Reader:
    if dataclasses.is_dataclass(shape) and isinstance(shape, type):
        return _of_dataclass(shape)
    origin, arguments = get_origin(shape), get_args(shape)
    if shape is Any or shape is object:
        return lambda body: body
    if shape is None or shape is type(None):
        return _exactly(type(None), "null")
    if origin in (Union, types.UnionType):
        return _of_union(arguments)
    if origin is Literal:
        return _of_literal(arguments)
    if origin is list:
        return _of_list(arguments[0])
    if origin is dict and arguments[0] is str:
        return _of_dict(arguments[1])
    names = {str: "text", bool: "true or false", list: "a list", dict: "an object"}
    if shape in names:
        return _exactly(shape, names[shape])
    if shape is int:
        return _number(int)
    if shape is float:
        return _number(int, float)
    raise TypeError(
        f"{shape!r} is no type that JSON can be read as; use dataclasses, list, dict[str, ...], str, int, "
        "float, bool, None, Literal and unions of these"
    )


def _of_dataclass(shape: type) -> Reader:
    hints = get_type_hints(shape)
    fields = []
    for field in dataclasses.fields(shape):
        if not field.init:
            continue
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        fields.append((field.name, _reader(hints[field.name]), optional))

    def reader(body: Any) -> Any:
        if type(body) is not dict:
            raise BadShape(f"{_name(body)} where an object belongs")
        values = {}
        for name, read_field, optional in fields:
            try:
                value = body[name]
            except KeyError:
                if optional:
                    continue
                raise BadShape(f"the field {name} is missing") from None
            try:
                values[name] = read_field(value)
            except BadShape as error:
                raise BadShape(f"{name}: {error}") from None
        return shape(**values)

    return reader


def _of_list(element: Any) -> Reader:
    read_element = _reader(element)

    def reader(body: Any) -> Any:
        if type(body) is not list:
            raise BadShape(f"{_name(body)} where a list belongs")
        values = []
        for index, value in enumerate(body):
            try:
                values.append(read_element(value))
            except BadShape as error:
                raise BadShape(f"[{index}]: {error}") from None
        return values

    return reader


def _of_dict(element: Any) -> Reader:
    read_element = _reader(element)

    def reader(body: Any) -> Any:
        if type(body) is not dict:
            raise BadShape(f"{_name(body)} where an object belongs")
        values = {}
        for name, value in body.items():
            try:
                values[name] = read_element(value)
            except BadShape as error:
                raise BadShape(f"{name}: {error}") from None
        return values

    return reader


def _of_union(shapes: tuple[Any, ...]) -> Reader:
    readers = [_reader(shape) for shape in shapes]

    def reader(body: Any) -> Any:
        problems = []
        for read_one in readers:
            try:
                return read_one(body)
            except BadShape as error:
                problems.append(str(error))
        raise BadShape(" and ".join(problems))

    return reader


def _of_literal(values: tuple[Any, ...]) -> Reader:
    def reader(body: Any) -> Any:
        # 1 == True, but they are two things in JSON.
        if any(body == value and type(body) is type(value) for value in values):
            return body
        raise BadShape(f"none of {', '.join(repr(value) for value in values)}")

    return reader


def _exactly(kind: type, name: str) -> Reader:
    def reader(body: Any) -> Any:
        if type(body) is not kind:
            raise BadShape(f"{_name(body)} where {name} belongs")
        return body

    return reader


def _number(*kinds: type) -> Reader:
    """A bool is an int in Python, and none in JSON."""
    name = "a number" if float in kinds else "a whole number"

    def reader(body: Any) -> Any:
        if type(body) not in kinds:
            raise BadShape(f"{_name(body)} where {name} belongs")
        return float(body) if float in kinds else body

    return reader


def _name(body: object) -> str:
    names: dict[type, str] = {
        type(None): "null",
        bool: "true or false",
        str: "text",
        int: "a whole number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(body), "something else")
