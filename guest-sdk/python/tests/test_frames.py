"""Frames and answers, byte by byte as the document has them, and what makes an instance go through a frame."""

from __future__ import annotations

import contextlib
import logging
import struct
import unittest
from collections.abc import Iterator

import sandbus
from sandbus._answer import NOT_RUN, Answer
from sandbus._errors import Error
from sandbus._event import Event
from sandbus._frame import Frame, FrameEvent, Malformed
from sandbus._handler import Registration
from sandbus._host import NONE, door
from sandbus._instance import Instance
from sandbus._verdict import Verdict
from sandbus.testing._recorder import Recorder

from .vectors import names, vector


def events_of(data: bytes) -> list[FrameEvent]:
    frame = Frame(data)
    return [FrameEvent(frame, frame.header_len + index * frame.record_len) for index in range(frame.count)]


def show(data: bytes | None) -> str:
    if data is None:
        return "absent"
    if not data:
        return "empty"
    try:
        return f'"{data.decode()}"' if data.decode().isprintable() else f"bytes {data.hex(' ')}"
    except UnicodeDecodeError:
        return f"bytes {data.hex(' ')}"


def show_frame(data: bytes) -> str:
    frame = Frame(data)
    events, lanes = ("event" if frame.count == 1 else "events"), ("lane" if frame.lanes == 1 else "lanes")
    lines = [f"frame of {frame.count} {events} in {frame.lanes} {lanes}"]
    for index, event in enumerate(events_of(data)):
        lane = frame.lane_at(frame.header_len + index * frame.record_len)
        timestamp = "absent" if event.timestamp is None else event.timestamp
        lines += [
            f"event {index}: lane {lane}, attempt {event.attempt}",
            f'  topic "{event.topic}", partition {event.partition}, offset {event.offset}, timestamp {timestamp}',
            f'  type "{event.type}"',
            f'  id "{event.id}"',
            f"  key {show(event.key)}",
            f"  value {show(event.value)}",
            *(f'  header "{name}" {show(value)}' for name, value in event.headers),
        ]
    return "\n".join(lines)


class Vectors(unittest.TestCase):
    def test_every_frame_is_read_as_the_document_says(self) -> None:
        self.assertGreaterEqual(len(names("frame")), 5)
        for name in names("frame"):
            with self.subTest(name):
                data, text = vector(name)
                self.assertEqual(show_frame(data), text)

    def test_every_answer_is_written_as_the_document_says(self) -> None:
        failed = Error("Timeout", "upstream took 3 s")
        no_such = sandbus.dead_letter("no such order")
        written: dict[str, list[Verdict | Error | None]] = {
            "answer-ack": [sandbus.ack()],
            "answer-each-verdict": [
                sandbus.ack(),
                sandbus.skip(),
                sandbus.retry(),
                sandbus.retry(0.25),
                no_such,
                failed,
                None,
            ],
            "answer-two-lanes": [Error("Conflict", ""), sandbus.ack(), None, sandbus.ack()],
        }
        # What `answer-longer` has is never written by a guest of version 1.
        self.assertEqual({*written, "answer-longer"}, set(names("answer")))
        for name, all_ended in written.items():
            with self.subTest(name):
                answer = Answer(len(all_ended))
                for ended in all_ended:
                    if ended is None:
                        answer.records.append(NOT_RUN)
                    else:
                        answer.add(ended)
                self.assertEqual(answer.finish().hex(" "), vector(name)[0].hex(" "))

    def test_what_a_frame_shows_without_copies_and_by_name_is_the_same(self) -> None:
        for name in names("frame"):
            for event in events_of(vector(name)[0]):
                view = event.value_view
                self.assertEqual(None if view is None else bytes(view), event.value)
                for header in event.headers:
                    self.assertEqual(event.first_header(header.name), event.headers.all(header.name)[0])
                self.assertIsNone(event.first_header("ta"))


class WrongFrames(unittest.TestCase):
    def test_a_wrong_header_is_refused(self) -> None:
        good, _ = vector("frame-headers")
        wrong = [
            (0x00, b"SBVD", "magic"),
            (0x04, b"\2\0", "version"),
            (0x06, b"\x10\0", "shorter"),
            (0x08, b"\x48\0", "shorter"),
            (0x0A, b"\x14\0", "multiple of 8"),
            (0x0C, b"\0\0", "no number of events"),
            (0x0C, b"\xff\0", "its length"),
            (0x10, b"\xff" * 4, "its length"),
            (0x14, b"\0", "lanes"),
            (0x14, b"\2", "lanes"),
        ]
        for at, put, problem in wrong:
            with self.subTest(at), self.assertRaisesRegex(Malformed, problem):
                Frame(good[:at] + put + good[at + len(put) :])
        with self.assertRaisesRegex(Malformed, "shorter than a header"):
            Frame(good[:20])


@contextlib.contextmanager
def recorded(config: dict[str, str] | None = None) -> Iterator[Recorder]:
    recorder, former = Recorder(config or {}, []), door.imports
    door.imports = recorder
    try:
        yield recorder
    finally:
        door.imports = former


def codes(answer: bytes) -> list[int]:
    (count,) = struct.unpack_from("<I", answer, 12)
    return [answer[24 + 32 * index] for index in range(count)]


def two_lanes(values: bytes) -> bytes:
    """`frame-two-lanes` with these values of one byte."""
    data = bytearray(vector("frame-two-lanes")[0])
    for index, value in enumerate(values):
        (at,) = struct.unpack_from("<I", data, 24 + 80 * index + 64)
        data[at] = value
    return bytes(data)


class Frames(unittest.TestCase):
    def setUp(self) -> None:
        self.seen: list[Event] = []

    def told(self, event: Event) -> Verdict | None:
        self.seen.append(event)
        match event.text():
            case "0":
                raise sandbus.Error("Conflict", "")
            case "r":
                return sandbus.retry()
            case "s":
                raise sandbus.Stop(sandbus.skip())
            case "l":
                sandbus.config.get("key")
                sandbus.config.get("key")
        return None

    def run_frame(self, data: bytes) -> bytes:
        return Instance(Registration(self.told, ("*",))).run_frame(data)

    def test_a_stopped_lane_stops_and_no_other(self) -> None:
        self.assertEqual(self.run_frame(two_lanes(b"0123")), vector("answer-two-lanes")[0])
        self.assertEqual([event.offset for event in self.seen], [10, 11, 13])
        self.assertEqual(codes(self.run_frame(two_lanes(b"1111"))), [1, 1, 1, 1])
        self.assertEqual(codes(self.run_frame(two_lanes(b"1001"))), [1, 5, 5, 6])
        self.assertEqual(codes(self.run_frame(two_lanes(b"rssr"))), [3, 2, 6, 3])

    def test_an_error_of_the_event_is_answered(self) -> None:
        answer = self.run_frame(vector("frame-tombstone")[0])
        self.assertEqual(codes(answer), [5])
        self.assertTrue(answer.endswith(b"tombstonethe event has no value (a tombstone)"))

    def test_a_kept_event_stays_what_it_is(self) -> None:
        self.run_frame(vector("frame-headers")[0])
        self.run_frame(vector("frame-longer")[0])
        first, second = self.seen
        self.assertEqual(first, second)
        self.assertEqual((first.id, first.type, first.header("tag")), ("e-7", "OrderCreated", "a"))

    def test_an_event_is_announced_once_and_only_if_it_calls(self) -> None:
        with recorded() as recorder:
            self.assertEqual(codes(self.run_frame(two_lanes(b"1l2l"))), [1, 1, 1, 1])
            self.assertEqual(recorder.announced, [1, 3])
            # What calls later is none of the frame's events.
            self.assertEqual(door.unannounced, NONE)
            sandbus.config.get("key")
        self.assertEqual(recorder.announced, [1, 3])

    def test_a_frame_of_one_event_needs_no_announcement(self) -> None:
        with recorded() as recorder:
            data, _ = vector("frame-headers")
            self.run_frame(data[:-3] + b"l  ")
        self.assertEqual(recorder.announced, [])

    def test_an_instance_that_cannot_be_made_fails_each_event_that_it_would_have_had(self) -> None:
        class Made:
            def __init__(self) -> None:
                sandbus.config.require("key")

            def handle(self, event: Event) -> Verdict:
                return sandbus.skip()

        frame, _ = vector("frame-two-lanes")
        with recorded() as recorder:
            self.assertEqual(codes(Instance(Registration(Made, ("*",))).run_frame(frame)), [5, 5, 6, 6])
        self.assertEqual(recorder.announced, [0, 1])
        with recorded({"key": "v"}) as recorder:
            self.assertEqual(codes(Instance(Registration(Made, ("*",))).run_frame(frame)), [2, 2, 2, 2])
        self.assertEqual(recorder.announced, [0])

    def test_an_exception_is_an_error_of_its_class_and_its_end_is_logged(self) -> None:
        def fails(event: Event) -> None:
            raise SystemExit(3)

        handler = sandbus._logging.HostHandler()
        logging.getLogger().addHandler(handler)
        self.addCleanup(logging.getLogger().removeHandler, handler)
        with recorded() as recorder:
            answer = Instance(Registration(fails, ("*",))).run_frame(vector("frame-minimal")[0])
        self.assertTrue(answer.endswith(b"SystemExit3"))
        self.assertEqual(str(recorder.logs[0]), "error: Traceback (most recent call last):")
        self.assertEqual(str(recorder.logs[-1]), "error: SystemExit: 3")
        # The way to the handler is the SDK's, and left out.
        self.assertNotIn("_instance.py", "".join(line.message for line in recorder.logs))
