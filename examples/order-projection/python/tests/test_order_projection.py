"""Orders come and go."""

from __future__ import annotations

import unittest
from typing import Any

from sandbus.testing import Host, Outcome, event

from order_projection import OrderProjection

ITEMS = [{"sku": "lamp", "quantity": 2, "price_cents": 1999}, {"sku": "bulb", "quantity": 4, "price_cents": 250}]


def created(host: Host, order_id: str, currency: str, items: list[Any] = ITEMS) -> Outcome:
    body = {"order_id": order_id, "customer_id": "c-1", "currency": currency, "items": items}
    return host.deliver(event("OrderCreated", key=order_id, json=body))


class OrdersTest(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host(OrderProjection)

    def test_an_order_is_counted_and_measured(self) -> None:
        outcome = created(self.host, "o-1", "EUR")
        outcome.assert_ack()
        self.assertEqual(outcome.counter("orders_created", currency="EUR"), 1)
        self.assertEqual(outcome.histogram("order_value_cents"), [4998.0])
        self.assertEqual(outcome.updown("orders_open"), 1)

    def test_totals_are_kept_for_each_currency(self) -> None:
        created(self.host, "o-1", "EUR")
        created(self.host, "o-2", "USD")
        outcome = created(self.host, "o-3", "EUR")
        self.assertEqual(str(outcome.logs[0]), "debug: order o-3 is number 2 in EUR, 9996 cents so far")
        self.assertEqual(self.host.handler.by_currency["USD"].orders, 1)

    def test_a_cancelled_order_is_open_no_more(self) -> None:
        outcome = self.host.deliver(event("OrderCancelled", json={"order_id": "o-1", "reason": "changed mind"}))
        outcome.assert_ack()
        self.assertEqual((outcome.counter("orders_cancelled"), outcome.updown("orders_open")), (1, -1))
        self.assertEqual(outcome.messages, ["order o-1 is cancelled: changed mind"])

    def test_a_bad_body_is_an_error_and_changes_nothing(self) -> None:
        outcome = self.host.deliver(event("OrderCreated", '{"order_id":"o-1"'))
        outcome.assert_error("bad_json")
        self.assertEqual(outcome.counter("orders_created"), 0)
        self.host.deliver(event("OrderCreated")).assert_error("tombstone")
        for item in ({"quantity": -1, "price_cents": 1}, {"quantity": 1, "price_cents": 2**64}, {"quantity": 1}):
            created(self.host, "o-1", "EUR", [item]).assert_error("bad_json")
        self.assertEqual(self.host.handler.by_currency, {})

    def test_an_order_has_items_and_a_value_that_fits(self) -> None:
        created(self.host, "o-1", "EUR", []).assert_error("empty_order")
        created(self.host, "o-1", "EUR", [{"quantity": 2, "price_cents": 2**64 - 1}]).assert_error("order_too_large")

    def test_other_types_are_skipped(self) -> None:
        self.assertTrue(self.host.wants("OrderCreated") and not self.host.wants("OrderShipped"))
        self.host.deliver(event("OrderShipped")).assert_skip()
