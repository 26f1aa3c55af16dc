//! Events of a small shop, for the example handlers: orders and payments, a few of which go wrong.

use sandbus_tests::Record;
use serde_json::json;

/// Without an end.
#[derive(Debug, Default)]
pub(crate) struct Events(u64);

impl Events {
    /// The next ones.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Record> {
        (0..count).map(|_| self.next_one()).collect()
    }

    fn next_one(&mut self) -> Record {
        let number = self.0;
        self.0 += 1;
        let order = format!("o-{}", number / 4);
        let (kind, body) = match number % 4 {
            // An empty basket is an error, however often it is tried.
            0 => {
                let items = if number % 1200 == 400 {
                    json!([])
                } else {
                    json!([{ "quantity": 1 + number % 3, "price_cents": 199 + number % 9000 }])
                };
                (
                    "OrderCreated",
                    json!({ "order_id": order, "currency": if number.is_multiple_of(8) { "EUR" } else { "USD" }, "items": items }),
                )
            }
            // A provider that answers at the third try, and cards that are refused.
            1 => {
                let provider = if number % 400 == 5 { "beta" } else { "alpha" };
                let card = if number % 2000 == 101 { "0002" } else { "4242" };
                let body = json!({
                    "payment_id": format!("p-{number}"), "order_id": order, "amount_cents": 199 + number % 40_000, "currency": "EUR",
                    "installments": u32::from(number % 4000 != 61), "provider": provider, "card_last4": card,
                });
                ("PaymentRequested", body)
            }
            2 => ("OrderPicked", json!({ "order_id": order })),
            _ if number % 40 == 39 => ("OrderCancelled", json!({ "order_id": order, "reason": "too late" })),
            _ => ("OrderShipped", json!({ "order_id": order, "carrier": "bicycle" })),
        };
        Record::event(kind, &body.to_string())
            .key(order)
            .header("event_id", format!("e-{number}"))
            .header("tenant_id", "shop")
    }
}
