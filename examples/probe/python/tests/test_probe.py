"""The probe as a whole, event by event, and its grammar."""

from __future__ import annotations

import os
import time
import unittest
from datetime import timedelta
from typing import Any

import sandbus
from sandbus.testing import Host, Outcome, event

from probe import Probe
from probe.step import Step, parse


def probed(script: str, **more: Any) -> Any:
    return event("Probed", headers=[("probe", script)], **more)


def run(script: str) -> Outcome:
    return Host(Probe).deliver(probed(script))


class Steps(unittest.TestCase):
    def test_steps_are_read(self) -> None:
        read = {
            "retry": Step("retry"),
            "retry:250ms": Step("retry", 250_000),
            "retry:0s": Step("retry", 0),
            "spin:50us": Step("spin", 50),
            "sleep:007s": Step("sleep", 7_000_000),
            "sleep:18446744073709551615us": Step("sleep", 2**64 - 1),
            "dead-letter:a:b": Step("dead-letter", "a:b"),
            "dead-letter:": Step("dead-letter", ""),
            "error:boom:a:b": Step("error", ("boom", "a:b")),
            "error::x": Step("error", ("", "x")),
            "until:0:ack": Step("until", (0, Step("ack"))),
            "until:3:until:2:error:k:a:b": Step("until", (3, Step("until", (2, Step("error", ("k", "a:b")))))),
            "alloc:100MiB": Step("alloc", 100 << 20),
            "alloc:4294967295": Step("alloc", 2**32 - 1),
            "result:17B": Step("result", 17),
            "result:64KiB": Step("result", 65_536),
            "log-flood:100000": Step("log-flood", 100_000),
            "log: a : b ": Step("log", " a : b "),
            "publish:": Step("publish", ""),
            "log-flood:" + "0" * 5000 + "7": Step("log-flood", 7),
        }
        for text, step in read.items():
            self.assertEqual(parse(text), step)

    def test_anything_else_is_a_bad_step_that_names_itself(self) -> None:
        malformed = [
            "Ack",
            "ack:",
            "skip:x",
            "trap:1",
            "loop:",
            "recurse:9",
            "retry:",
            "retry:20",
            "retry:ms",
            "retry:-1ms",
            "retry:+1ms",
            "retry:1.5s",
            "retry:1_0ms",
            "retry:5m",
            "retry:99999999999999999999ms",
            "retry:18446744073709551615s",
            "dead-letter",
            "error",
            "error:",
            "error:kind",
            "until",
            "until:3",
            "until:3:",
            "until:x:ack",
            "until:-1:ack",
            "until:3:nothing",
            "until:4294967296:ack",
            "spin",
            "spin:",
            "sleep:soon",
            "alloc",
            "alloc:",
            "alloc:x",
            "alloc:1mib",
            "alloc:1MB",
            "alloc:MiB",
            "alloc:4GiB",
            "alloc:4294967296",
            "result:-1",
            "result:1.5MiB",
            "log-flood",
            "log-flood:",
            "log-flood:many",
            "log-flood:18446744073709551616",
            "log",
            "count",
            "publish",
            "unknown",
            "unknown:x",
            "probe:ack",
            "größe",
            "sleep:٣s",
        ]
        for text in [
            *malformed,
            "",
            " ",
            " ack",
            "ack ",
            "retry:1 s",
            "ack\n",
            "sleep:1s\n",
            "log-flood:" + "9" * 5000,
        ]:
            with self.subTest(text), self.assertRaises(sandbus.Error) as raised:
                parse(text)
            self.assertEqual((raised.exception.kind, raised.exception.message), ("bad_step", text))


class Scripts(unittest.TestCase):
    def test_without_steps_it_acks(self) -> None:
        Host(Probe).deliver(event("Probed")).assert_ack()
        Host(Probe).deliver(event("Probed", headers=[("probe", None)])).assert_ack()
        for script in ("", "log:only this"):
            run(script).assert_ack()
        self.assertTrue(Host(Probe).wants("Whatever it is"))

    def test_verdicts_are_as_told(self) -> None:
        run("ack").assert_ack()
        run("skip").assert_skip()
        run("retry").assert_verdict(sandbus.retry())
        run("retry:250ms").assert_verdict(sandbus.retry(0.25))
        run("retry:1us").assert_verdict(sandbus.retry(timedelta(milliseconds=1)))
        run("dead-letter:no: really").assert_verdict(sandbus.dead_letter("no: really"))
        self.assertEqual(run("error:boom:it: broke").assert_error("boom").message, "it: broke")

    def test_steps_run_in_order_and_the_first_verdict_ends_them(self) -> None:
        outcome = run("log:one;log:two;skip;log:three;nonsense")
        outcome.assert_skip()
        self.assertEqual(outcome.messages, ["one", "two"])

    def test_a_malformed_step_is_an_error_when_it_is_reached(self) -> None:
        run("log:before;ack; ack").assert_ack()
        outcome = run("log:before;sleep:soon;ack")
        self.assertEqual(outcome.assert_error("bad_step").message, "sleep:soon")
        self.assertEqual(outcome.messages, ["before"])
        self.assertEqual(run("log:a;").assert_error("bad_step").message, "")
        outcome = Host(Probe).deliver(event("Probed", headers=[("probe", b"ack\xff")]))
        self.assertEqual(outcome.assert_error("bad_step").message, "ack\ufffd")

    def test_the_first_of_repeated_headers_counts(self) -> None:
        twice = event("Probed", headers=[("probe", "skip"), ("probe", "trap")])
        Host(Probe).deliver(twice).assert_skip()

    def test_until_runs_its_step_in_earlier_attempts_alone(self) -> None:
        host, script = Host(Probe), "until:3:retry;until:4:error:late:x:y;ack"
        for attempt in (1, 2):
            host.deliver(probed(script, attempt=attempt)).assert_verdict(sandbus.retry())
        self.assertEqual(host.deliver(probed(script, attempt=3)).assert_error("late").message, "x:y")
        host.deliver(probed(script, attempt=4)).assert_ack()
        outcome = run("until:2:log:first;skip")
        outcome.assert_skip()
        self.assertEqual(outcome.messages, ["first"])

    def test_spin_and_sleep_take_their_time(self) -> None:
        for script in ("spin:20ms", "sleep:20ms"):
            start = time.monotonic()
            run(script).assert_ack()
            self.assertGreaterEqual(time.monotonic() - start, 0.02, script)

    def test_what_is_raised_is_an_error_of_its_class(self) -> None:
        self.assertEqual(run("throw:it broke;ack").assert_error("RuntimeError").message, "it broke")

    def test_what_fits_is_no_misbehaviour(self) -> None:
        run("alloc:16MiB;alloc:0;skip").assert_skip()
        verdict = run("result:1MiB;trap").verdict
        assert verdict is not None and verdict.reason is not None
        self.assertEqual(len(verdict.reason), 1 << 20)
        outcome = run("log-flood:1000;skip")
        self.assertEqual((len(outcome.logs), str(outcome.logs[999])), (1000, "info: log-flood 1000"))

    def test_log_count_and_publish_use_the_imports(self) -> None:
        made = event(
            "Probed", b"\xff", key="k", headers=[("probe", "log:hello;count:seen;publish:copies"), ("n", None)]
        )
        outcome = Host(Probe, grants=["copies"]).deliver(made)
        outcome.assert_ack()
        self.assertEqual((str(outcome.logs[0]), outcome.counter("seen")), ("info: hello", 1))
        (copy,) = outcome.published
        self.assertEqual((copy.key, copy.value), (b"k", b"\xff"))
        self.assertEqual([name for name, _ in copy.headers], ["event_type", "probe", "n"])
        self.assertIsNone(copy.headers[2][1])

    def test_a_refused_import_is_an_error_of_its_code(self) -> None:
        run("publish:elsewhere;skip").assert_error("denied")
        run("publish:no topic").assert_error("bad_topic")
        run("count:Not-A-Name").assert_error("bad_name")


class ResultsOfEvents(unittest.TestCase):
    def test_results_tell_who_had_the_event(self) -> None:
        host = Host(Probe, config={"results": "probe.results", "name": "first"}, grants=["probe.results"])
        outcome = host.deliver(event("Probed", "v", key="k", topic="t", partition=2, offset=40, attempt=3))
        outcome.assert_ack()
        (result,) = outcome.published
        self.assertEqual((result.topic, result.key, result.value), ("probe.results", b"k", b"v"))
        instance = result.header("probe_instance")
        assert instance is not None
        self.assertRegex(instance, "^[0-9a-f]{16}$")
        expected = {
            "probe_handler": "first",
            "probe_topic": "t",
            "probe_partition": "2",
            "probe_offset": "40",
            "probe_attempt": "3",
            "probe_instance": instance,
            "probe_sequence": "1",
            "probe_language": "python",
            "probe_build": os.environ.get("PROBE_BUILD", "dev"),
        }
        self.assertEqual(result.headers, tuple((name, value.encode()) for name, value in expected.items()))

    def test_an_instance_keeps_its_number_and_counts_its_events(self) -> None:
        host = Host(Probe, config={"results": "r"}, grants=["r"])

        def seen(script: str) -> tuple[str | None, str | None]:
            sent = host.deliver(probed(script)).sent[0]
            self.assertIsNone(sent.header("probe_handler"))
            return sent.header("probe_instance"), sent.header("probe_sequence")

        (first, one), (second, two) = seen("skip"), seen("error:a:b")
        self.assertEqual((first, one, two), (second, "1", "2"))
        host.restart()
        other, again = seen("ack")
        self.assertNotEqual(other, first)
        self.assertEqual(again, "1")

    def test_results_keep_absent_keys_and_tombstones_absent(self) -> None:
        host = Host(Probe, config={"results": "r"}, grants=["r"])
        absent = host.deliver(event("Probed")).published[0]
        empty = host.deliver(event("Probed", "", key="")).published[0]
        self.assertEqual([(absent.key, absent.value), (empty.key, empty.value)], [(None, None), (b"", b"")])

    def test_only_an_ack_lets_the_result_out(self) -> None:
        host = Host(Probe, config={"results": "r"}, grants=["r"])
        for script in ("skip", "retry", "dead-letter:x", "error:a:b", "nonsense"):
            outcome = host.deliver(probed(script))
            self.assertEqual((len(outcome.sent), outcome.published), (1, []), script)
        self.assertEqual(len(host.deliver(probed("ack")).published), 1)

    def test_a_refused_result_is_an_error_before_any_step(self) -> None:
        outcome = Host(Probe, config={"results": "r"}).deliver(probed("log:a;ack"))
        outcome.assert_error("denied")
        self.assertEqual(outcome.logs, [])
