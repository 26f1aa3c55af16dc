"""Handlers that give the host what it does not take, and what each try ends in.

``test_given.py`` delivers them to the test host, ``tests/suite/projects/python.rs`` builds a component of this file and
runs it by both ways.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sandbus
from sandbus import Event, config, metrics

Work = Callable[[Event], Any]


class NoStock(sandbus.Error):
    """Sets nothing of what an error has."""

    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        return "none left \ud800"


class Wrong(sandbus.Error):
    """Sets it to what is no text."""

    def __init__(self) -> None:
        super().__init__("wrong", "wrong")
        self.kind = 5  # type: ignore[assignment]
        self.message = 6  # type: ignore[assignment]


# What is given is wrong by its type, on purpose.
publish: Any = sandbus.publish
forward: Any = sandbus.forward
counter: Any = metrics.Counter
histogram: Any = metrics.Histogram
updown: Any = metrics.UpDown
error: Any = sandbus.Error
stop: Any = sandbus.Stop
anything: Any = config


def raises(make: Callable[[], BaseException]) -> Work:
    def work(_: Event) -> None:
        raise make()

    return work


def header(name: Any) -> Work:
    return lambda event: event.header(name)


#: Name, what the handler does, and how the try ends: the verdict, or kind and message of the error.
CASES: list[tuple[str, Work, str]] = [
    ("key 7", lambda _: publish("out", "v", key=7), "TypeError: key is bytes, str or None, not int"),
    ("value 5", lambda _: publish("out", 5), "TypeError: value is bytes, str or None, not int"),
    ("value True", lambda _: publish("out", True), "TypeError: value is bytes, str or None, not bool"),
    ("value list", lambda _: publish("out", [1, 2]), "TypeError: value is bytes, str or None, not list"),
    (
        "header 3",
        lambda _: publish("out", headers={"n": 3}),
        "TypeError: a header's value is bytes, str or None, not int",
    ),
    ("header's name 1", lambda _: publish("out", headers=[(1, "x")]), "TypeError: a header's name is str, not int"),
    ("topic None", lambda _: publish(None, "v"), "TypeError: topic is str, not NoneType"),
    ("topic 5", lambda event: forward(event, 5), "TypeError: topic is str, not int"),
    ("header 5 asked for", header(5), "TypeError: a header's name is str, not int"),
    ("counter 1.5", lambda _: counter("a").add(1.5), 'TypeError: the counter "a" adds int, not float'),
    ("counter's name", lambda _: counter(5).add(1), "TypeError: a metric's name is str, not int"),
    ("updown text", lambda _: updown("a").add("1"), 'TypeError: the metric "a" adds int, not str'),
    ("histogram text", lambda _: histogram("a").record("1"), 'TypeError: the histogram "a" records a number, not str'),
    (
        "attribute None",
        lambda _: counter("a").add(n=None),
        "TypeError: the attribute n is str, int, float or bool, not NoneType",
    ),
    ("configuration", lambda _: anything.get(5), "TypeError: a configuration key is str, not int"),
    ("kind 5", lambda _: error(5, 6), "TypeError: the kind of an error is str, not int"),
    ("stop", raises(lambda: stop("ack")), "TypeError: Stop takes a verdict, such as sandbus.skip(), not str"),
    ("attribute 3", lambda _: counter("a").add(1, n=3, half=1.5, yes=True, text="\ud800"), "ack"),
    (
        "bytes of all kinds",
        lambda _: publish("out", bytearray(b"v"), key=memoryview(b"k"), headers={"h\ud800": "x"}),
        "ack",
    ),
    ("dead letter 5", lambda _: sandbus.dead_letter(5), "dead-letter: 5"),
    ("dead letter of an exception", lambda _: sandbus.dead_letter(ValueError("x")), "dead-letter: x"),
    ("dead letter with a surrogate", lambda _: sandbus.dead_letter("a\ud800"), "dead-letter: a?"),
    ("message 6", raises(lambda: sandbus.Error("own", 6)), "own: 6"),
    ("message with a surrogate", raises(lambda: sandbus.Error("own", "\ud800")), "own: ?"),
    ("exception with a surrogate", raises(lambda: ValueError("\ud800")), "ValueError: ?"),
    ("error without anything", raises(NoStock), "NoStock: none left ?"),
    ("error with anything", raises(Wrong), "Wrong: a Wrong that cannot be shown"),
    ("topic with a surrogate", lambda _: publish("\ud800", "v"), "bad_topic: "),
    ("value with a surrogate", lambda _: publish("out", "\ud800"), "UnicodeEncodeError: "),
    ("header with a surrogate asked for", header("\ud800"), 'missing_header: the header "?" is missing or null'),
]
