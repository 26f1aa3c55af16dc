//! A handler: keeps an eye on orders, and turns away those that cannot be right.
//!
//! What a handler can do besides stands in `.sandbus/guest-sdk/rust/README.md`.

use sandbus_sdk::{Event, Handler, Result, Verdict, log};
use serde::Deserialize;

/// The body of an `OrderCreated` event. It may have more fields than these.
#[derive(Deserialize)]
struct OrderCreated {
    order_id: String,
    total_cents: i64,
}

/// Lives as long as its sandbox instance: good for a cache, not for what must last.
#[derive(Default)]
struct Orders {
    seen: u64,
}

impl Handler for Orders {
    /// The event types that it wants; `*` is any run of characters.
    const EVENTS: &'static [&'static str] = &["OrderCreated"];

    fn handle(&mut self, event: &Event) -> Result {
        // An error is tried again as configured; then the event goes to the dead letters.
        let order: OrderCreated = event.json()?;
        if order.total_cents < 0 {
            // No later try would end better.
            return Ok(Verdict::dead_letter("the total is negative"));
        }
        self.seen += 1;
        log::info!(
            "order {} over {} cents is number {}",
            order.order_id,
            order.total_cents,
            self.seen
        );
        Ok(Verdict::Ack)
    }
}

sandbus_sdk::export!(Orders);

#[cfg(test)]
mod tests {
    use sandbus_sdk::Verdict;
    use sandbus_sdk::testing::{Host, event};

    use super::Orders;

    #[test]
    fn orders_are_counted() {
        let mut host = Host::<Orders>::new();
        let order = event("OrderCreated").text(r#"{"order_id":"o-1","total_cents":4998}"#);
        host.deliver(order.clone()).assert_ack();
        let outcome = host.deliver(order);
        outcome.assert_ack();
        assert_eq!(
            outcome.logs()[0].message,
            "order o-1 over 4998 cents is number 2"
        );
    }

    #[test]
    fn a_negative_total_is_a_dead_letter() {
        let order = event("OrderCreated").text(r#"{"order_id":"o-1","total_cents":-1}"#);
        let outcome = Host::<Orders>::new().deliver(order);
        outcome.assert_verdict(Verdict::dead_letter("the total is negative"));
    }

    #[test]
    fn a_bad_body_is_an_error() {
        let order = event("OrderCreated").text("no JSON");
        let outcome = Host::<Orders>::new().deliver(order);
        outcome.assert_error("bad_json");
    }
}
