"""What handlers see: events, verdicts, errors, logging, configuration, publishing, metrics, and the test host."""

from __future__ import annotations

import binascii
import contextlib
import io
import json
import logging
import unittest
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sandbus
from sandbus import Event, Verdict, config, metrics
from sandbus._errors import failure_of
from sandbus._handler import _registered, registration_of, the_handler
from sandbus._host import door
from sandbus._logging import HostHandler
from sandbus._output import LineWriter
from sandbus.testing import Host, Outcome, event
from sandbus.testing._pattern import matches
from sandbus.testing._recorder import Recorder


def kind_of(work: Any, *arguments: Any) -> str:
    try:
        work(*arguments)
    except sandbus.Error as error:
        return error.kind
    raise AssertionError("no error")


@dataclass
class Item:
    quantity: int
    price: float = 0


@dataclass
class Order:
    order_id: str
    items: list[Item]
    note: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    state: Literal["new", "paid"] = "new"


class Events(unittest.TestCase):
    def test_json_is_any_value_or_one_of_a_shape(self) -> None:
        made = event("A", '{"order_id":"o-1","items":[{"quantity":2,"price":1},{"quantity":1}],"more":0}')
        self.assertEqual(made.json()["more"], 0)
        order = made.json(Order)
        self.assertEqual(order, Order("o-1", [Item(2, 1.0), Item(1)]))
        self.assertIs(type(order.items[0].price), float)
        self.assertEqual(event("A", "[1,2]").json(list[int]), [1, 2])

    def test_what_is_not_of_the_shape_is_bad_json(self) -> None:
        wrong = {
            "[]": "a list where an object belongs",
            '{"items":[]}': "the field order_id is missing",
            '{"order_id":1,"items":[]}': "order_id: a whole number where text belongs",
            '{"order_id":"o","items":[{"quantity":true}]}': r"items: \[0\]: quantity: true or false where a whole",
            '{"order_id":"o","items":[{"quantity":1.5}]}': "quantity: a number where a whole number belongs",
            '{"order_id":"o","items":[],"note":1}': "note: a whole number where text belongs and a whole number where",
            '{"order_id":"o","items":[],"tags":{"a":null}}': "tags: a: null where text belongs",
            '{"order_id":"o","items":[],"state":"old"}': "state: none of 'new', 'paid'",
        }
        for body, problem in wrong.items():
            with self.subTest(body), self.assertRaisesRegex(sandbus.EventError, problem) as raised:
                event("A", body).json(Order)
            self.assertEqual(raised.exception.kind, "bad_json")

    def test_what_is_no_json_is_bad_json(self) -> None:
        for body in ("", "no JSON", '{"a":1', "[NaN]", "Infinity", b"\xff", "[" * 100_000, "1" * 5000, "\ufeff{}"):
            with self.subTest(body[:10]):
                self.assertEqual(kind_of(event("A", body).json), "bad_json")

    def test_depth_is_bounded_and_breadth_is_not(self) -> None:
        for body in ("[" * 127 + "]" * 127, '{"a":' * 127 + "1" + "}" * 127, json.dumps(["[{" * 1000, [[]] * 1000])):
            event("A", body).json()
        for body in ("[" * 129 + "]" * 129, '[{"a":' * 65 + "1" + "}]" * 65, json.dumps(["[{" * 1000]) + "[" * 1000):
            with self.subTest(body[:10]), self.assertRaisesRegex(sandbus.EventError, "deeper than 127|Extra data"):
                event("A", body).json()
        self.assertEqual(event("A", ' \n{"a": 1}\t').json(), {"a": 1})

    def test_a_shape_that_no_json_has_is_the_handlers_mistake(self) -> None:
        with self.assertRaisesRegex(TypeError, "no type that JSON can be read as"):
            event("A", "[]").json(set)

    def test_a_tombstone_is_neither_empty_nor_bad(self) -> None:
        tombstone = event("A")
        self.assertIsNone(tombstone.value)
        self.assertEqual([kind_of(tombstone.json), kind_of(tombstone.text)], ["tombstone"] * 2)
        self.assertEqual(event("A", "").value, b"")
        self.assertEqual(kind_of(event("A", b"\xff").text), "bad_text")

    def test_a_key_may_be_absent_empty_or_binary(self) -> None:
        self.assertEqual(kind_of(event("A").key_text), "missing_key")
        self.assertEqual(event("A", key="").key_text(), "")
        self.assertEqual(kind_of(event("A", key=b"\xff").key_text), "bad_key")

    def test_headers_keep_order_and_repeats(self) -> None:
        made = event("A", headers=[("tag", "a"), ("signature", b"\xff\0"), ("tag", None), ("tag", "")])
        self.assertEqual([header.name for header in made.headers], ["event_type", "tag", "signature", "tag", "tag"])
        self.assertEqual([header.value for header in made.headers.all("tag")], [b"a", None, b""])
        self.assertEqual(made.header("tag"), "a")
        self.assertEqual(kind_of(made.header, "Tag"), "missing_header")
        self.assertEqual(kind_of(made.header, "signature"), "bad_header")
        self.assertEqual(kind_of(event("A", headers=[("tag", None)]).header, "tag"), "missing_header")
        name, value = made.headers[2]
        self.assertEqual((name, value), ("signature", b"\xff\0"))

    def test_a_timestamp_is_milliseconds_and_a_time(self) -> None:
        self.assertIsNone(event("A").time)
        expected = datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
        self.assertEqual(event("A", timestamp=1500).time, expected)

    def test_events_are_equal_by_what_they_are(self) -> None:
        self.assertEqual(event("A", key="k", offset=1), event("A", key=b"k", offset=1))
        self.assertNotEqual(event("A", key=""), event("A"))


class Verdicts(unittest.TestCase):
    def test_delays_are_never_shortened(self) -> None:
        delays: list[tuple[timedelta | float, int]] = [
            (0, 0),
            (0.25, 250),
            (0.007, 7),
            (0.0001, 1),
            (timedelta(microseconds=1), 1),
            (timedelta(microseconds=250_001), 251),
            (timedelta.max, 86_400_000_000_000_000),
        ]
        for delay, millis in delays:
            self.assertEqual(sandbus.retry(delay).delay_ms, millis, delay)
        self.assertIsNone(sandbus.retry().delay_ms)
        with self.assertRaises(ValueError):
            sandbus.retry(-1)

    def test_none_is_ack_and_anything_else_has_to_be_a_verdict(self) -> None:
        @sandbus.handler(events=["*"])
        def handle(event: Event) -> Any:
            return {"ack": None, "wrong": True}.get(event.type, sandbus.skip())

        host = Host(handle)
        host.deliver(event("ack")).assert_ack()
        host.deliver(event("other")).assert_skip()
        self.assertIn("returned True", host.deliver(event("wrong")).assert_error("TypeError").message)

    def test_a_verdict_can_be_raised(self) -> None:
        @sandbus.handler(events=["*"])
        def handle(event: Event) -> None:
            raise sandbus.Stop(sandbus.dead_letter("no"))

        Host(handle).deliver(event("A")).assert_verdict(sandbus.dead_letter("no"))


class Errors(unittest.TestCase):
    def test_the_kind_is_the_name_of_the_class(self) -> None:
        class _Odd_Größe(Exception): ...

        kinds = {
            KeyError("a"): "KeyError",
            binascii.Error("x"): "binascii.Error",
            _Odd_Größe(): "Odd_Gre",
            type("_1", (Exception,), {})(): "Error",
            type("x" * 100, (Exception,), {})(): "x" * 64,
        }
        for exception, kind in kinds.items():
            self.assertEqual(failure_of(exception).kind, kind)

    def test_causes_follow_the_message_once(self) -> None:
        try:
            try:
                int("x")
            except ValueError as error:
                raise RuntimeError("the amount cannot be read") from error
        except RuntimeError as error:
            message = failure_of(error).message
        self.assertEqual(message, "the amount cannot be read: invalid literal for int() with base 10: 'x'")

    def test_an_exception_that_cannot_be_shown_is_an_error_still(self) -> None:
        class Broken(Exception):
            def __str__(self) -> str:
                raise ValueError("broken")

        self.assertEqual(failure_of(Broken()).kind, "Broken")

    def test_an_error_of_the_sdk_needs_no_traceback(self) -> None:
        @sandbus.handler(events=["*"])
        def handle(event: Event) -> None:
            if event.type == "A":
                raise sandbus.Error("no_stock", "none left")
            raise ValueError("x")

        outcome = Host(handle).deliver(event("A"))
        self.assertEqual((outcome.assert_error("no_stock").message, outcome.logs), ("none left", []))
        outcome = Host(handle).deliver(event("B"))
        outcome.assert_error("ValueError")
        self.assertEqual(outcome.messages[-1], "ValueError: x")


class Logging(unittest.TestCase):
    def deliver(self, work: Any) -> Outcome:
        @sandbus.handler(events=["*"])
        def handle(event: Event) -> None:
            work()

        return Host(handle).deliver(event("A"))

    def test_lines_keep_level_and_order(self) -> None:
        log = logging.getLogger("shop")

        def work() -> None:
            log.log(sandbus.TRACE, "plain %s")
            log.debug("%d", 1)
            log.info("two\nlines")
            log.warning("%s", "x")
            log.critical("last")
            logging.getLogger("other").error("\ud800")

        lines = [str(line) for line in self.deliver(work).logs]
        self.assertEqual(
            lines, ["trace: plain %s", "debug: 1", "info: two\nlines", "warn: x", "error: last", "error: ?"]
        )

    def test_an_exception_is_logged_with_its_traceback(self) -> None:
        def work() -> None:
            try:
                int("x")
            except ValueError:
                logging.exception("no number")

        messages = self.deliver(work).messages
        self.assertEqual(messages[0], "no number")
        self.assertEqual(messages[-1], "ValueError: invalid literal for int() with base 10: 'x'")

    def test_a_wrong_format_loses_neither_line_nor_event(self) -> None:
        outcome = self.deliver(lambda: logging.info("%d", "x"))
        outcome.assert_ack()
        self.assertIn("which its arguments do not fit", outcome.messages[0])

    def test_python_s_own_setup_is_as_before_after_a_delivery(self) -> None:
        before = (list(logging.getLogger().handlers), logging.getLogger().level)
        self.deliver(lambda: None)
        self.assertEqual((list(logging.getLogger().handlers), logging.getLogger().level), before)

    def test_what_is_printed_is_a_line_for_each_line(self) -> None:
        recorder, former = Recorder({}, []), door.imports
        self.addCleanup(setattr, door, "imports", former)
        door.imports = recorder
        stream = LineWriter(logging.INFO)
        print("one", 2, file=stream)
        print("a\nb", end="", file=stream)
        self.assertEqual([line.message for line in recorder.logs], ["one 2", "a"])
        stream.end_line()
        stream.write("x" * 20_000)
        stream.end_line()
        self.assertEqual([len(line.message) for line in recorder.logs[2:]], [1, 8192, 8192, 3616])
        self.assertIsInstance(stream, io.TextIOBase)
        logging.StreamHandler(stream).emit(logging.makeLogRecord({"msg": "handled"}))
        self.assertEqual(recorder.logs[-1].message, "handled")

    def test_without_a_host_lines_go_to_standard_error(self) -> None:
        record = logging.makeLogRecord({"msg": "alone", "levelno": 30, "exc_info": (None, None, None)})
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            HostHandler().emit(record)
        self.assertEqual(errors.getvalue(), "WARNING: alone\n")


class Imports(unittest.TestCase):
    def deliver(self, work: Any, **host: Any) -> Outcome:
        @sandbus.handler(events=["*"])
        def handle(event: Event) -> Verdict | None:
            verdict: Verdict | None = work(event)
            return verdict

        return Host(handle, **host).deliver(event("A", "v", key="k", headers=[("h", None)]))

    def test_configuration_reads_as_toml_writes_it(self) -> None:
        def work(_: Event) -> None:
            self.assertEqual(config.get("region"), "eu")
            self.assertEqual(config.get("other", "us"), "us")
            self.assertEqual(config.require("limit", int), 5)
            self.assertIs(config.parse("on", bool), True)
            self.assertIsNone(config.parse("other", int))
            self.assertEqual(config.parse("other", int, 7), 7)
            self.assertEqual(list(config.entries()), ["limit", "on", "region"])
            self.assertEqual(kind_of(config.require, "other"), "missing_config")
            self.assertEqual(kind_of(config.parse, "region", bool), "bad_config")
            with self.assertRaisesRegex(sandbus.ConfigError, 'key "region" cannot be read as int$'):
                config.require("region", int)

        self.deliver(work, config={"region": "eu", "limit": 5, "on": True}).assert_ack()

    def test_messages_arrive_as_they_were_made(self) -> None:
        def work(event: Event) -> None:
            sandbus.forward(event, "copies")
            sandbus.publish("made", key=b"\1", headers=[("a", "1"), ("b", None), ("a", b"\xff")], json={"ü": [1, None]})
            sandbus.publish("made", "text", headers={"x": "y"})
            sandbus.publish("made")
            sandbus.publish("made", json=None)

        copy, made, text, tombstone, null = self.deliver(work, grants=["*"]).published
        self.assertEqual((copy.topic, copy.key, copy.value), ("copies", b"k", b"v"))
        self.assertEqual(copy.headers, (("event_type", b"A"), ("h", None)))
        self.assertEqual((made.key, made.value), (b"\1", '{"ü":[1,null]}'.encode()))
        self.assertEqual(made.headers, (("a", b"1"), ("b", None), ("a", b"\xff")))
        self.assertEqual(made.json(), {"ü": [1, None]})
        self.assertEqual((text.value, text.header("x"), text.header("z")), (b"text", "y", None))
        self.assertEqual((tombstone.value, null.value), (None, b"null"))

    def test_only_an_ack_publishes(self) -> None:
        def work(event: Event) -> Verdict:
            sandbus.publish("t")
            return sandbus.skip()

        outcome = self.deliver(work, grants=["t"])
        self.assertEqual((len(outcome.sent), outcome.published), (1, []))

    def test_publishing_is_refused_without_a_grant_or_a_topic(self) -> None:
        self.deliver(lambda _: sandbus.publish("t"), grants=["u*"]).assert_error("denied")
        self.deliver(lambda _: sandbus.publish("no topic"), grants=["*"]).assert_error("bad_topic")

    def test_metrics_are_recorded_with_their_attributes(self) -> None:
        def work(_: Event) -> None:
            seen = metrics.Counter("seen")
            seen.add(2, lang="python")
            seen.add()
            metrics.Histogram("size").record(0.5)
            metrics.UpDown("open").add(-3, value="v", self="s")
            self.assertEqual(kind_of(seen.add, -1), "bad_value")
            self.assertEqual(kind_of(metrics.Counter("Seen").add), "bad_name")
            self.assertEqual(kind_of(metrics.Counter("seen_total").add), "bad_name")
            self.assertEqual(kind_of(metrics.Histogram("size").record, float("nan")), "bad_value")
            with self.assertRaises(sandbus.Refusal):
                seen.add(1, **{"Key": "v"})

        outcome = self.deliver(work)
        outcome.assert_ack()
        self.assertEqual((outcome.counter("seen"), outcome.counter("seen", lang="python")), (3, 2))
        self.assertEqual((outcome.histogram("size"), outcome.updown("open")), ([0.5], -3))

    def test_outside_of_a_host_there_is_none(self) -> None:
        self.assertIsNone(config.get("key"))
        with self.assertRaisesRegex(RuntimeError, "there is no host here"):
            sandbus.publish("t")


class Handlers(unittest.TestCase):
    def test_state_lives_until_a_restart(self) -> None:
        @sandbus.handler(events=["A", "B*"])
        class Counting:
            def __init__(self) -> None:
                self.events = 0

            def handle(self, event: Event) -> None:
                self.events += 1

        host = Host(Counting)
        self.assertIsNone(host.handler)
        host.deliver(event("A"))
        host.deliver(event("A"))
        self.assertEqual(host.handler.events, 2)
        host.restart()
        host.deliver(event("A"))
        self.assertEqual(host.handler.events, 1)
        self.assertTrue(host.wants("A") and host.wants("Bug") and not host.wants("a") and not host.wants("AB"))

    def test_offsets_follow_each_other(self) -> None:
        ids: list[str] = []

        @sandbus.handler(events=["*"])
        def handle(event: Event) -> None:
            ids.append(event.id)

        host = Host(handle)
        for made in (event("A"), event("A", offset=7), event("A"), event("A", id="e-1")):
            host.deliver(made)
        self.assertEqual(ids, ["events.stream/0/0", "events.stream/0/7", "events.stream/0/8", "e-1"])

    def test_what_is_no_handler_is_refused(self) -> None:
        wrong: list[tuple[Any, Any, str]] = [
            ("A", lambda event: None, "is a list of patterns"),
            ([""], lambda event: None, "1 to 256 bytes"),
            (["x"] * 1001, lambda event: None, "more than 1000"),
            (["*"], type("NoHandle", (), {}), "no class with a method handle"),
            (["*"], 7, "is no function"),
        ]
        for events, target, problem in wrong:
            with self.subTest(problem), self.assertRaisesRegex((TypeError, ValueError), problem):
                sandbus.handler(events=events)(target)

        async def waits(event: Event) -> None: ...

        with self.assertRaisesRegex(TypeError, "plain function"):
            sandbus.handler(events=["*"])(waits)  # type: ignore[type-var]
        with self.assertRaisesRegex(TypeError, "is no handler"):
            registration_of(waits)

    def test_a_component_has_one_handler(self) -> None:
        kept = list(_registered)
        self.addCleanup(_registered.extend, kept)
        _registered.clear()
        with self.assertRaisesRegex(RuntimeError, "the module shop registers no handler"):
            the_handler("shop")

        @sandbus.handler(events=["*"])
        def one(event: Event) -> None: ...

        self.assertIs(the_handler("shop").target, one)

        @sandbus.handler(events=["*"])
        def two(event: Event) -> None: ...

        with self.assertRaisesRegex(RuntimeError, "registers 2: .*one, .*two"):
            the_handler("shop")

    def test_an_outcome_says_what_was_not_expected(self) -> None:
        @sandbus.handler(events=["*"])
        def handle(event: Event) -> Verdict:
            logging.info("a line")
            return sandbus.retry(1.5)

        outcome = Host(handle).deliver(event("A"))
        with self.assertRaisesRegex(
            AssertionError, "ack was expected, the try ended in retry after 1500 ms\n  info: a line"
        ):
            outcome.assert_ack()
        with self.assertRaisesRegex(AssertionError, "of the kind x was expected"):
            outcome.assert_error("x")

    def test_patterns_match_the_whole_text(self) -> None:
        cases = [
            ("Order*", "Order", True),
            ("Order*", "PreOrder", False),
            ("*Created", "OrderCreated", True),
            ("ab*ba", "aba", False),
            ("*", "", True),
            ("a.c", "abc", False),
            ("*ü*", "Grün\n", True),
        ]
        for pattern, text, expected in cases:
            self.assertEqual(matches(pattern, text), expected, (pattern, text))
