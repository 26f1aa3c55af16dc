"""Carries out a script: steps in order, the first verdict ends it, without one it is ``ack``."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

import sandbus
from sandbus import metrics

from . import misbehave
from .step import Step, parse

#: The longest that `time.sleep` takes, more or less: three hundred years.
_LONGEST = 10**10 * 10**6 // 2


def run_script(script: str, event: sandbus.Event) -> sandbus.Verdict | None:
    """Runs the script on this event. An empty script has no steps."""
    if script == "":
        return None
    for text in script.split(";"):
        verdict = _run(parse(text), event)
        if verdict is not None:
            return verdict
    return None


def _run(step: Step, event: sandbus.Event) -> sandbus.Verdict | None:
    """Runs one step; a verdict ends the script."""
    argument = step.argument
    match step.word:
        case "ack":
            return sandbus.ack()
        case "skip":
            return sandbus.skip()
        case "retry":
            return sandbus.retry(None if argument is None else timedelta(microseconds=argument))
        case "dead-letter":
            return sandbus.dead_letter(argument)
        case "error":
            kind, message = argument
            raise sandbus.Error(kind, message)
        case "until":
            attempt, inner = argument
            return _run(inner, event) if event.attempt < attempt else None
        case "result":
            return sandbus.dead_letter("x" * argument)
        case "spin":
            _spin(argument)
        case "sleep":
            time.sleep(min(argument, _LONGEST) / 1e6)
        case "trap":
            misbehave.trap()
        case "throw":
            raise RuntimeError(argument)
        case "loop":
            misbehave.endless()
        case "recurse":
            misbehave.recurse()
        case "alloc":
            misbehave.alloc(argument)
        case "log-flood":
            misbehave.log_flood(argument)
        case "log":
            logging.info("%s", argument)
        case "count":
            metrics.Counter(argument).add()
        case "publish":
            sandbus.forward(event, argument)
    return None


def _spin(micros: int) -> None:
    """Burns CPU until that much time has passed. The clock is read every few microseconds, so that the time goes to the
    guest and not to host calls."""
    end = time.monotonic_ns() + micros * 1_000
    state = 1
    while time.monotonic_ns() < end:
        for _ in range(100):
            state = state * 6_364_136_223_846_793_005 & 0xFFFF_FFFF
