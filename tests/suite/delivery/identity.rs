//! Which type and id an event has, and what becomes of a record that has none.

mod undecodable;

use sandbus_tests::{Record, Topic, names};

use super::SOON;
use super::stage::{Probe, Stage};

/// A record whose JSON every handler here reads, with nothing that says what it is.
fn plain() -> Record {
    Record::new().value(r#"{"order_id":"o-1","type":"NotThis","id":"not-this"}"#)
}

fn structured(content_type: &str) -> Record {
    let value = r#"{"specversion":"1.0","type":"OrderShipped","source":"/s","id":"structured-1","order_id":"o-1"}"#;
    Record::new().header("content-type", content_type).value(value)
}

/// Stands for the id `topic/partition/offset`.
const COORDINATES: &str = "";

/// What is written, and its type and id.
fn vectors() -> Vec<(Record, &'static str, &'static str)> {
    vec![
        (plain().header("event_type", "OrderCreated").header("event_id", "e-1"), "OrderCreated", "e-1"),
        (plain().header("ce_type", "OrderShipped").header("ce_id", "c-1"), "OrderShipped", "c-1"),
        (structured("application/cloudevents+json"), "OrderShipped", "structured-1"),
        (structured("application/cloudevents+json; charset=UTF-8"), "OrderShipped", "structured-1"),
        // The headers go before each other, and before the body, each for itself.
        (structured("application/cloudevents+json").header("ce_type", "OrderCreated"), "OrderCreated", "structured-1"),
        (
            plain().header("ce_type", "OrderShipped").header("event_type", "OrderCreated").header("ce_id", "c-2"),
            "OrderCreated",
            "c-2",
        ),
        // The first counts; an empty one, or one without a value, is absent.
        (
            plain().header("event_type", "OrderCreated").header("event_type", "OrderShipped").header("event_id", ""),
            "OrderCreated",
            COORDINATES,
        ),
        (
            plain()
                .header("event_type", "")
                .header("ce_type", "OrderCreated")
                .null_header("event_id")
                .header("ce_id", "c-3"),
            "OrderCreated",
            "c-3",
        ),
    ]
}

/// What the handler of orders tells the customer, by type.
fn text(event_type: &str) -> &'static str {
    match event_type {
        "OrderCreated" => "Thank you: we have your order.",
        "OrderShipped" => "Your order is on its way.",
        other => panic!("no vector has the type {other}"),
    }
}

#[test]
fn types_and_ids_are_found_where_the_rules_say() {
    let stage = Stage::new(1);
    let told = Topic::create_named(&stage.connection, &names::unique("told"), 1);
    let stage = stage.handler(&format!(
        "
[[handler]]
name = \"notify\"
component = \"handlers/notify.wasm\"
max_retries = 0
[handler.config]
topic = {:?}
[handler.grants]
publish = [{:?}]
",
        told.name(),
        told.name()
    ));
    let _host = stage.start();
    let vectors = vectors();
    let places = stage.topic.write(vectors.iter().map(|(record, _, _)| record.clone()));
    stage.wait_final(vectors.len() as i64);

    let told = told.read();
    let ids = told.iter().map(|record| record.header("event_id").unwrap().to_owned());
    let expected = vectors.iter().zip(&places).map(|((_, _, id), (partition, offset))| match *id {
        COORDINATES => format!("{}/{partition}/{offset}/notification", stage.topic.name()),
        id => format!("{id}/notification"),
    });
    assert_eq!(ids.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for (record, (sent, event_type, _)) in told.iter().zip(&vectors) {
        assert!(record.text().contains(text(event_type)), "{} of {sent:?}", record.text());
    }
}

#[test]
fn an_event_that_says_nothing_is_named_after_its_topic() {
    let stage = Stage::new(1);
    let name = stage.topic.name().to_owned();
    let stage = stage.probe(Probe::named("probe").line(&format!("events = [{name:?}]")));
    let host = stage.start();
    stage.topic.write([
        plain(),
        plain().header("content-type", "application/json"),
        // A body that is no JSON, or says nothing, is no error.
        structured("application/cloudevents+json").value("{"),
        structured("application/cloudevents+json").value(r#"{"type":7}"#),
        Record::new().header("content-type", "application/cloudevents+json"),
        plain().header("event_type", "").null_header("ce_type"),
        structured("application/cloudevents+json"),
    ]);
    stage.wait_final(7);
    assert_eq!(stage.acks().iter().map(|ack| ack.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let labels = [("handler_name", "probe"), ("event_type", name.as_str())];
    host.wait_metric("kafka_eventbus_handler_invocations_total", &labels, 6.0, SOON);
    assert_eq!(stage.topic.dead_letters().read(), []);
}
