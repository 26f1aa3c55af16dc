"""Unit tests of the handler, without WebAssembly."""

import unittest

import sandbus
from sandbus.testing import Host, event

from handler import Orders


class OrdersTest(unittest.TestCase):
    def test_orders_are_counted(self) -> None:
        host = Host(Orders)
        order = event("OrderCreated", json={"order_id": "o-1", "total_cents": 4998})
        host.deliver(order).assert_ack()
        outcome = host.deliver(order)
        outcome.assert_ack()
        self.assertEqual(outcome.messages, ["order o-1 over 4998 cents is number 2"])

    def test_a_negative_total_is_a_dead_letter(self) -> None:
        order = event("OrderCreated", json={"order_id": "o-1", "total_cents": -1})
        outcome = Host(Orders).deliver(order)
        outcome.assert_verdict(sandbus.dead_letter("the total is negative"))

    def test_a_bad_body_is_an_error(self) -> None:
        outcome = Host(Orders).deliver(event("OrderCreated", "no JSON"))
        outcome.assert_error("bad_json")


if __name__ == "__main__":
    unittest.main()
