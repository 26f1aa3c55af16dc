//! Teaches: publishing, configuration that is read once, an id that survives retries.
//!
//! Tells customers what became of their orders: for each order event it knows, a `CustomerNotified`
//! event to the topic that the key `topic` of `[handler.config]` names. The handler needs the
//! grant for it.

use sandbus_sdk::serde_json::json;
use sandbus_sdk::{Create, Error, Event, Handler, Message, Result, Verdict, config};
use serde::Deserialize;

/// What every order event says, whatever else it does.
#[derive(Deserialize)]
struct Order {
    order_id: String,
}

/// The notifier, with its configuration.
struct Notify {
    topic: String,
}

impl Create for Notify {
    fn create() -> Result<Self, Error> {
        Ok(Self { topic: config::require("topic")? })
    }
}

impl Handler for Notify {
    const EVENTS: &'static [&'static str] = &["Order*"];

    fn handle(&mut self, event: &Event) -> Result {
        let text = match event.event_type() {
            "OrderCreated" => "Thank you: we have your order.",
            "OrderShipped" => "Your order is on its way.",
            "OrderCancelled" => "Your order is cancelled.",
            _ => return Ok(Verdict::Skip),
        };
        let order: Order = event.json()?;
        Message::to(&self.topic)
            .key(order.order_id.as_str())
            .header("event_type", "CustomerNotified")
            // An event may be handled twice. Made from its id, the notification's is the same
            // both times, and a reader can tell.
            .header("event_id", format!("{}/notification", event.id()))
            .json(&json!({ "order_id": order.order_id, "text": text }))?
            .send()?;
        Ok(Verdict::Ack)
    }
}

sandbus_sdk::export!(Notify);

#[cfg(test)]
mod tests;
