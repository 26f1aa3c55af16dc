//! Several handlers on one topic: each gets what it wants.

use sandbus_tests::Record;

use super::SOON;
use super::stage::{Probe, Stage};

const TYPES: [&str; 8] = [
    "OrderCreated",
    "OrderCancelled",
    "PaymentRequested",
    "PaymentCreated",
    "Payment",
    "ordercreated",
    "MyPaymentCreatedLate",
    "Order.Created",
];

fn probe(name: &str, events: &str) -> Probe {
    Probe::named(name).line(&format!("events = {events}"))
}

/// Offsets of what a handler acknowledged.
fn given(stage: &Stage, handler: &str) -> Vec<i64> {
    let mut offsets: Vec<_> = stage.acks().iter().filter(|ack| ack.handler == handler).map(|ack| ack.offset).collect();
    offsets.sort_unstable();
    offsets
}

#[track_caller]
fn write_all(stage: &Stage) {
    stage.topic.write(TYPES.map(|name| Record::event(name, "{}").key(name)));
    stage.wait_final(TYPES.len() as i64);
}

#[test]
fn each_handler_gets_every_event_that_it_wants_and_no_other() {
    let stage = Stage::new(1)
        .probe(Probe::named("described"))
        .probe(probe("everything", "[\"*\"]"))
        .probe(probe("exact", "[\"OrderCreated\"]"))
        .probe(probe("front", "[\"Payment*\"]"))
        .probe(probe("back", "[\"*Created\"]"))
        .probe(probe("both", "[\"Order*\", \"*Created\"]"))
        .probe(probe("middle", "[\"*Payment*Late\"]"))
        .probe(probe("dots", "[\"Order.Created\", \"Order?Created\", \"[A-Z]*\"]"));
    let host = stage.start();
    write_all(&stage);

    let all: Vec<i64> = (0..TYPES.len() as i64).collect();
    assert_eq!(given(&stage, "described"), all, "the probe describes *");
    assert_eq!(given(&stage, "everything"), all);
    assert_eq!(given(&stage, "exact"), [0], "the whole type, and case counts");
    assert_eq!(given(&stage, "front"), [2, 3, 4]);
    assert_eq!(given(&stage, "back"), [0, 3, 7]);
    assert_eq!(given(&stage, "both"), [0, 1, 3, 7], "two patterns that match are one event");
    assert_eq!(given(&stage, "middle"), [6]);
    assert_eq!(given(&stage, "dots"), [7], "nothing but * is special");
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[], TYPES.len() as f64, SOON);
}

#[test]
fn what_nobody_wants_is_consumed_and_committed() {
    let stage = Stage::new(2).probe(probe("payments", "[\"PaymentRequested\"]"));
    let host = stage.start();
    stage.topic.write((0..50).map(|_| Record::event("Unwanted", "{}")));
    stage.wait_final(50);
    assert!(stage.acks().is_empty());
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[("event_type", "Unwanted")], 50.0, SOON);
    let invoked = host.metrics().sum("kafka_eventbus_handler_invocations_total", &[]);
    assert_eq!(invoked.unwrap_or_default(), 0.0);
    assert_eq!(stage.topic.dead_letters().read(), []);
}

#[test]
fn without_events_in_the_configuration_a_handler_gets_what_it_describes() {
    let handler = |name: &str, line: &str| {
        format!(
            "\n[[handler]]\nname = \"{name}\"\ncomponent = \"handlers/order-projection.wasm\"\nmax_retries = 0\n{line}\n"
        )
    };
    let stage = Stage::new(1)
        .handler(&handler("described", ""))
        .handler(&handler("narrowed", "events = [\"OrderCancelled\"]"))
        .handler(&handler("widened", "events = [\"Order*\", \"Payment*\"]"));
    let host = stage.start();
    let value = r#"{"order_id":"o","currency":"EUR","items":[{"quantity":1,"price_cents":2}],"reason":"r"}"#;
    stage.topic.write(TYPES.map(|name| Record::event(name, value)));
    stage.wait_final(TYPES.len() as i64);

    let metrics = host.metrics();
    let types = |handler: &str| {
        let mut types: Vec<_> = metrics
            .named("kafka_eventbus_handler_invocations_total")
            .into_iter()
            .filter(|sample| sample.has(&[("handler_name", handler)]) && sample.value > 0.0)
            .map(|sample| (sample.labels["event_type"].clone(), sample.value))
            .collect();
        types.sort_by(|one, other| one.0.cmp(&other.0));
        types.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(types("described"), ["OrderCancelled 1", "OrderCreated 1"]);
    assert_eq!(types("narrowed"), ["OrderCancelled 1"]);
    let widened = ["Order.Created", "OrderCancelled", "OrderCreated", "Payment", "PaymentCreated", "PaymentRequested"];
    assert_eq!(types("widened"), widened.map(|name| format!("{name} 1")));
}
