//! Orders come and go.

use sandbus_sdk::serde_json::json;
use sandbus_sdk::testing::{EventBuilder, Host, event};

use crate::OrderProjection;

fn created(order_id: &str, currency: &str) -> EventBuilder {
    event("OrderCreated").key(order_id).json(&json!({
        "order_id": order_id,
        "customer_id": "c-1",
        "currency": currency,
        "items": [
            { "sku": "lamp", "quantity": 2, "price_cents": 1999 },
            { "sku": "bulb", "quantity": 4, "price_cents": 250 },
        ],
    }))
}

#[test]
fn an_order_is_counted_and_measured() {
    let outcome = Host::<OrderProjection>::new().deliver(created("o-1", "EUR"));
    outcome.assert_ack();
    assert_eq!(outcome.counter_with("orders_created", &[("currency", "EUR")]), 1);
    assert_eq!(outcome.histogram("order_value_cents"), [4998.0]);
    assert_eq!(outcome.updown("orders_open"), 1);
}

#[test]
fn totals_are_kept_for_each_currency() {
    let mut host = Host::<OrderProjection>::new();
    host.deliver(created("o-1", "EUR"));
    host.deliver(created("o-2", "USD"));
    let outcome = host.deliver(created("o-3", "EUR"));
    assert_eq!(outcome.logs()[0].message, "order o-3 is number 2 in EUR, 9996 cents so far");
    assert_eq!(host.handler().unwrap().by_currency["USD"].orders, 1);
}

#[test]
fn a_cancelled_order_is_open_no_more() {
    let body = json!({ "order_id": "o-1", "reason": "changed mind" });
    let outcome = Host::<OrderProjection>::new().deliver(event("OrderCancelled").json(&body));
    outcome.assert_ack();
    assert_eq!(outcome.counter("orders_cancelled"), 1);
    assert_eq!(outcome.updown("orders_open"), -1);
    assert_eq!(outcome.logs()[0].message, "order o-1 is cancelled: changed mind");
}

#[test]
fn a_bad_body_is_an_error_and_changes_nothing() {
    let mut host = Host::<OrderProjection>::new();
    let outcome = host.deliver(event("OrderCreated").text(r#"{"order_id":"o-1""#));
    outcome.assert_error("bad_json");
    assert_eq!(outcome.counter("orders_created"), 0);
    host.deliver(event("OrderCreated")).assert_error("tombstone");
    assert!(host.handler().unwrap().by_currency.is_empty());
}

#[test]
fn an_order_has_items_and_a_value_that_fits() {
    let mut host = Host::<OrderProjection>::new();
    let order = |items| json!({ "order_id": "o-1", "currency": "EUR", "items": items });
    let empty = event("OrderCreated").json(&order(json!([])));
    host.deliver(empty).assert_error("empty_order");
    let items = json!([{ "quantity": 2, "price_cents": u64::MAX }]);
    let large = event("OrderCreated").json(&order(items));
    host.deliver(large).assert_error("order_too_large");
}

#[test]
fn other_types_are_skipped() {
    let host = Host::<OrderProjection>::new();
    assert!(host.wants("OrderCreated") && !host.wants("OrderShipped"));
    let mut host = host;
    host.deliver(event("OrderShipped")).assert_skip();
}
