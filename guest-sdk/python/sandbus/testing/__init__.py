"""Unit tests of handlers, with the machine's own Python and without WebAssembly.

:func:`event` builds an event, :class:`Host` gives it to an instance of the handler, :class:`Outcome` tells what came of
it: verdict, log lines, messages, metrics. For ``unittest`` and ``pytest`` alike::

    host = Host(handle, config={"topic": "events.notifications"}, grants=["events.*"])
    outcome = host.deliver(event("OrderCreated", key="o-1", json={"total": 1999}))
    outcome.assert_ack()
    assert outcome.published[0].key == b"o-1"

The test host refuses what the real one would by its form and by the grants. It has no limits, neither on time nor on
volume: for these there is ``sandbus test``, which runs the component itself.
"""

from ._event import event
from ._host import Host
from ._outcome import LogLine, Message, Outcome

__all__ = ["Host", "LogLine", "Message", "Outcome", "event"]
