"""What handlers give to the host: what is taken, what it becomes, and how the rest is refused."""

from __future__ import annotations

import unittest
from decimal import Decimal
from typing import Any

import sandbus
from sandbus import Event, metrics
from sandbus.testing import Host, Outcome, event

from .cases import CASES, Work, publish


def deliver(work: Work) -> Outcome:
    @sandbus.handler(events=["*"])
    def handle(event: Event) -> Any:
        return work(event)

    return Host(handle, grants=["*"]).deliver(event("A", "v"))


class Given(unittest.TestCase):
    def test_what_is_not_taken_is_refused_by_name(self) -> None:
        for name, work, ends in CASES:
            with self.subTest(name):
                outcome = deliver(work)
                error = outcome.error
                ended = str(outcome.verdict) if error is None else f"{error.kind}: {error.message}"
                # The message of a refusal is the host's, and that of an exception Python's.
                self.assertEqual(ended[: len(ends)] if ends.endswith(": ") else ended, ends)
                if ends != "ack":
                    self.assertEqual(outcome.sent, [])

    def test_an_event_for_a_test_is_checked_too(self) -> None:
        value: Any = 5
        with self.assertRaisesRegex(TypeError, "value is bytes, str or None, not int"):
            event("A", value)

    def test_bytes_of_every_kind_arrive(self) -> None:
        def work(_: Event) -> None:
            publish("out", bytearray(b"v"), key=memoryview(b"kk")[::2], headers={"h": bytearray(b"x"), "ü\ud800": "é"})

        [message] = deliver(work).published
        self.assertEqual((message.key, message.value), (b"k", b"v"))
        self.assertEqual(message.headers, (("h", b"x"), ("ü?", "é".encode())))
        for part in (message.key, message.value, message.headers[0][1]):
            self.assertIs(type(part), bytes)

    def test_attributes_and_numbers_read_as_in_other_languages(self) -> None:
        def work(_: Event) -> None:
            seen = metrics.Counter("seen")
            seen.add(1, n=3, half=1.5, whole=2.0, large=1e20, yes=True, text="a\ud800")
            seen.add(True)
            metrics.Histogram("size").record(Decimal("0.5"))  # type: ignore[arg-type]
            metrics.Histogram("size").record(2)

        outcome = deliver(work)
        outcome.assert_ack()
        texts = {"n": "3", "half": "1.5", "whole": "2", "large": "1" + "0" * 20, "yes": "true", "text": "a?"}
        self.assertEqual(outcome.counter("seen", **texts), 1)
        self.assertEqual(outcome.counter("seen", n=3, half=1.5, whole=2, large=10**20, yes=True, text="a?"), 1)
        self.assertEqual((outcome.counter("seen"), outcome.histogram("size")), (2, [0.5, 2.0]))
