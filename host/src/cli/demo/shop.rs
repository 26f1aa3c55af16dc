//! The shop of the demo: orders and payments as a small business would write them, and the few that go
//! wrong in every such business. The same events at every run.

use serde_json::{Value, json};

use crate::event::Outgoing;

/// Writes events, the given number of them.
pub struct Shop {
    topic: &'static str,
    events: u32,
    written: u32,
    random: fastrand::Rng,
}

impl Shop {
    /// Events for `topic`.
    pub fn new(topic: &'static str, events: u32) -> Shop {
        Shop { topic, events, written: 0, random: fastrand::Rng::with_seed(7) }
    }

    fn event(&mut self, number: u32) -> (Vec<u8>, String, Value) {
        let order = format!("o-{}", number / 4);
        match number % 4 {
            // Every order is created and paid for; most are shipped, some are cancelled.
            0 => self.created(order, number),
            1 => self.payment(order, number),
            2 => (b"OrderPicked".to_vec(), order.clone(), json!({ "order_id": order })),
            _ if number % 40 == 39 => {
                let reason = self.random.choice(["changed my mind", "too late"]).unwrap_or_default();
                (b"OrderCancelled".to_vec(), order.clone(), json!({ "order_id": order, "reason": reason }))
            }
            _ => (b"OrderShipped".to_vec(), order.clone(), json!({ "order_id": order, "carrier": "bicycle" })),
        }
    }

    fn created(&mut self, order: String, number: u32) -> (Vec<u8>, String, Value) {
        // Now and then somebody submits an empty basket: an error, however often it is tried.
        let items = if number % 1200 == 400 { 0 } else { self.random.u64(1..4) };
        let items: Vec<_> = (0..items)
            .map(|_| json!({ "quantity": self.random.u32(1..5), "price_cents": self.random.u64(199..9999) }))
            .collect();
        let currency = self.random.choice(["EUR", "USD", "CHF"]).unwrap_or_default();
        let body = json!({ "order_id": order, "currency": currency, "items": items });
        (b"OrderCreated".to_vec(), order, body)
    }

    fn payment(&mut self, order: String, number: u32) -> (Vec<u8>, String, Value) {
        // A provider that answers at the third try, cards that are refused, and one corrupt record.
        let provider = if number % 48 == 5 { "beta" } else { "alpha" };
        let card = match number % 400 {
            101 => "0002",
            301 => "9979",
            _ => "4242",
        };
        let installments = u32::from(number != 61);
        let body = json!({
            "payment_id": format!("p-{number}"), "order_id": order, "amount_cents": self.random.u64(199..40_000),
            "currency": "EUR", "installments": installments, "provider": provider, "card_last4": card,
        });
        (b"PaymentRequested".to_vec(), order, body)
    }
}

impl Iterator for Shop {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        if self.written == self.events {
            return None;
        }
        let number = self.written;
        self.written += 1;
        let (event_type, order, body) = self.event(number);
        // One producer has a bug: its event type is not text.
        let event_type = if number == 82 { b"\xff\xfeOrder".to_vec() } else { event_type };
        let headers = vec![
            (b"event_id".to_vec(), Some(format!("e-{number}").into_bytes())),
            (b"event_type".to_vec(), Some(event_type)),
            (b"tenant_id".to_vec(), Some(b"shop".to_vec())),
        ];
        Some(Outgoing {
            topic: self.topic.into(),
            key: Some(order.into_bytes()),
            value: Some(body.to_string().into_bytes()),
            headers,
            timestamp: None,
        })
    }
}
