"""One instance of a handler: runs tries, one event or a frame of events at a time.

The same code for the sandbox and for tests. A component speaks both ways of the contract: event by event, and by
frames, which cost a fraction.
"""

from __future__ import annotations

from ._answer import ACK, NOT_RUN, SKIP, Answer
from ._errors import Error, failure_of
from ._event import Event
from ._frame import Frame, FrameEvent
from ._handler import Handle, Registration
from ._host import NONE, door
from ._logging import log_exception
from ._output import flush
from ._verdict import ACK as ACK_VERDICT
from ._verdict import SKIP as SKIP_VERDICT
from ._verdict import Stop, Verdict


class Instance:
    """The handler's object, made with the first event, and what runs it."""

    __slots__ = ("_handle", "_registration", "made")

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._handle: Handle | None = None
        #: The object of the class form, once there is one.
        self.made: object = None

    def run(self, event: Event) -> Verdict | Error:
        """Runs one try. The host never calls an instance that is working."""
        try:
            handle = self._handle
            if handle is None:
                handle, self.made = self._registration.make()
                self._handle = handle
            verdict = handle(event)
            if verdict is None:
                return ACK_VERDICT
            if isinstance(verdict, Verdict):
                return verdict
            raise TypeError(f"a handler returns a verdict or None, and this one returned {verdict!r:.100}")
        except Stop as stop:
            return stop.verdict
        # SystemExit among them: a handler has nothing to exit from.
        except BaseException as exception:
            if not isinstance(exception, Error):
                log_exception(exception)
            return failure_of(exception)
        finally:
            flush()

    def run_frame(self, data: bytes) -> bytes:
        """Runs one try of each event of a frame, in order, and answers with what became of them."""
        frame = Frame(data)
        count = frame.count
        if count == 1:
            answer = Answer(1)
            answer.add(self.run(FrameEvent(frame, frame.header_len)))
            return answer.finish()
        try:
            return self._run_many(frame)
        finally:
            door.unannounced = NONE

    def _run_many(self, frame: Frame) -> bytes:
        answer = Answer(frame.count)
        records = answer.records
        run = self.run
        stopped: set[int] = set()
        at = frame.header_len
        for index in range(frame.count):
            if stopped and frame.lane_at(at) in stopped:
                records.append(NOT_RUN)
            else:
                door.unannounced = index
                ended = run(FrameEvent(frame, at))
                if ended is ACK_VERDICT:
                    records.append(ACK)
                elif ended is SKIP_VERDICT:
                    records.append(SKIP)
                else:
                    answer.add(ended)
                    stopped.add(frame.lane_at(at))
            at += frame.record_len
        return answer.finish()
