//! Notifications that leave, and those that may not.

use sandbus_sdk::serde_json::{Value, json};
use sandbus_sdk::testing::{EventBuilder, Host, event};

use crate::Notify;

const TOPIC: &str = "events.notifications";

fn host() -> Host<Notify> {
    Host::new().config("topic", TOPIC).grant(TOPIC)
}

fn order(event_type: &str) -> EventBuilder {
    event(event_type).id("e-1").json(&json!({ "order_id": "o-1", "total_cents": 1999 }))
}

#[test]
fn a_customer_hears_of_the_order() {
    let texts = [
        ("OrderCreated", "Thank you: we have your order."),
        ("OrderShipped", "Your order is on its way."),
        ("OrderCancelled", "Your order is cancelled."),
    ];
    for (event_type, text) in texts {
        let outcome = host().deliver(order(event_type));
        outcome.assert_ack();
        let [note] = outcome.published() else {
            panic!("{outcome:?}");
        };
        assert_eq!(note.topic, TOPIC);
        assert_eq!(note.key.as_deref(), Some(&b"o-1"[..]));
        assert_eq!(note.header("event_type"), Some("CustomerNotified"));
        assert_eq!(note.header("event_id"), Some("e-1/notification"));
        let body: Value = note.json().unwrap();
        assert_eq!(body, json!({ "order_id": "o-1", "text": text }));
    }
}

#[test]
fn an_order_may_have_any_name() {
    let named = event("OrderCreated").text(r#"{"order_id":"\u00e9 \"1\""}"#);
    let outcome = host().deliver(named);
    assert_eq!(outcome.published()[0].key.as_deref(), Some("é \"1\"".as_bytes()));
}

#[test]
fn other_order_events_are_skipped() {
    let mut host = host();
    assert!(host.wants("OrderPacked") && !host.wants("PaymentRequested"));
    host.deliver(order("OrderPacked")).assert_skip();
}

#[test]
fn without_a_grant_the_event_fails() {
    let mut host = Host::<Notify>::new().config("topic", TOPIC);
    host.deliver(order("OrderCreated")).assert_error("denied");
}

#[test]
fn without_a_topic_no_instance_is_made() {
    let mut host = Host::<Notify>::new();
    host.deliver(order("OrderCreated")).assert_error("missing_config");
    assert!(host.handler().is_none());
}

#[test]
fn a_bad_body_publishes_nothing() {
    let outcome = host().deliver(event("OrderCreated").text("{}"));
    outcome.assert_error("bad_json");
    assert!(outcome.sent().is_empty());
}
