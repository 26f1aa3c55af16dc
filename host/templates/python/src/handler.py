"""A handler: keeps an eye on orders, and turns away those that cannot be right.

What a handler can do besides stands in ``.sandbus/guest-sdk/python/README.md``.
"""

import logging
from dataclasses import dataclass

import sandbus

log = logging.getLogger(__name__)


@dataclass
class OrderCreated:
    """The body of an ``OrderCreated`` event. It may have more fields than these."""

    order_id: str
    total_cents: int


# The event types that it wants; `*` is any run of characters.
@sandbus.handler(events=["OrderCreated"])
class Orders:
    """Lives as long as its sandbox instance: good for a cache, not for what must last."""

    def __init__(self) -> None:
        self.seen = 0

    def handle(self, event: sandbus.Event) -> sandbus.Verdict | None:
        # An exception is tried again as configured; then the event goes to the dead letters.
        order = event.json(OrderCreated)
        if order.total_cents < 0:
            # No later try would end better.
            return sandbus.dead_letter("the total is negative")
        self.seen += 1
        log.info("order %s over %d cents is number %d", order.order_id, order.total_cents, self.seen)
        return sandbus.ack()
