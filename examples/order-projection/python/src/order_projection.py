"""Teaches: the JSON body, state that lives as long as the instance, metrics.

Keeps running totals of orders for each currency. The totals are this instance's own view, for its log lines; what must
be complete goes to the metrics, which the host adds up over all instances.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import sandbus
from sandbus import metrics

log = logging.getLogger(__name__)

CREATED = metrics.Counter("orders_created")
CANCELLED = metrics.Counter("orders_cancelled")
OPEN = metrics.UpDown("orders_open")
VALUE = metrics.Histogram("order_value_cents")


@dataclass
class Item:
    quantity: int
    price_cents: int

    def __post_init__(self) -> None:
        if not 0 <= self.quantity < 2**32 or not 0 <= self.price_cents < 2**64:
            raise sandbus.Error("bad_json", "a quantity or price is out of range")


@dataclass
class OrderCreated:
    """The body of ``OrderCreated``. Fields that it does not name may be there."""

    order_id: str
    currency: str
    items: list[Item]


@dataclass
class OrderCancelled:
    """The body of ``OrderCancelled``."""

    order_id: str
    reason: str


@dataclass
class Totals:
    orders: int = 0
    cents: int = 0


@sandbus.handler(events=["OrderCreated", "OrderCancelled"])
class OrderProjection:
    """The projection, as far as this instance has seen the events."""

    def __init__(self) -> None:
        self.by_currency: dict[str, Totals] = {}

    def handle(self, event: sandbus.Event) -> sandbus.Verdict | None:
        match event.type:
            case "OrderCreated":
                return self._created(event.json(OrderCreated))
            case "OrderCancelled":
                return _cancelled(event.json(OrderCancelled))
            case _:
                # The configuration may send more than `events` asks for.
                return sandbus.skip()

    def _created(self, order: OrderCreated) -> sandbus.Verdict:
        value = _value_of(order)
        totals = self.by_currency.setdefault(order.currency, Totals())
        totals.orders += 1
        totals.cents += value
        log.debug(
            "order %s is number %d in %s, %d cents so far", order.order_id, totals.orders, order.currency, totals.cents
        )
        CREATED.add(1, currency=order.currency)
        OPEN.add(1)
        VALUE.record(value, currency=order.currency)
        return sandbus.ack()


def _cancelled(order: OrderCancelled) -> sandbus.Verdict:
    log.info("order %s is cancelled: %s", order.order_id, order.reason)
    CANCELLED.add(1)
    OPEN.add(-1)
    return sandbus.ack()


def _value_of(order: OrderCreated) -> int:
    """The order's value in cents."""
    if not order.items:
        raise sandbus.Error("empty_order", f"order {order.order_id} has no items")
    value = sum(item.quantity * item.price_cents for item in order.items)
    if value >= 2**64:
        raise sandbus.Error("order_too_large", f"order {order.order_id}")
    return value
