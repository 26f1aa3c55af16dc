"""Write Sandbus event handlers in Python.

A handler is a function, or a class with a method ``handle``, that :func:`handler` registers::

    import logging

    import sandbus

    log = logging.getLogger(__name__)


    @sandbus.handler(events=["OrderCreated"])
    def handle(event: sandbus.Event) -> sandbus.Verdict | None:
        order = event.json()
        log.info("order %s", order["order_id"])
        return None  # ack

``sandbus build`` makes a WebAssembly component of it. Under the machine's own Python it is plain Python, and
:mod:`sandbus.testing` runs it against a host that records what it did.
"""

from . import config, metrics
from ._errors import ConfigError, Error, EventError, Refusal
from ._event import Event, Header, Headers
from ._handler import handler
from ._logging import TRACE
from ._publish import forward, publish
from ._verdict import Stop, Verdict, ack, dead_letter, retry, skip

__version__ = "0.1.0"

__all__ = [
    "TRACE",
    "ConfigError",
    "Error",
    "Event",
    "EventError",
    "Header",
    "Headers",
    "Refusal",
    "Stop",
    "Verdict",
    "ack",
    "config",
    "dead_letter",
    "forward",
    "handler",
    "metrics",
    "publish",
    "retry",
    "skip",
]
