//! What `sandbus publish` and handlers publish, as its typed handlers are given it.

use serde_json::{Value, json};

use super::{Bus, PLACED, order, places, stage, written};
use crate::cli_outcome::Outcome;
use crate::delivery::stage::Probe;
use sandbus_tests::{Connection, Deployment, Topic};

/// Lines for `sandbus publish`: an event as the package would write it, with its headers and in its field order.
fn line(number: usize, aggregate: &str, probe: Option<&str>) -> Value {
    let event = json!({
        "event_id": format!("bbbbbbbb-0000-4000-8000-{number:012}"),
        "event_type": "OrderCreated",
        "event_version": 1,
        "occurred_at": "2025-12-08T12:00:00.123456Z",
        "aggregate_id": aggregate,
        "aggregate_type": "Order",
        "aggregate_version": number + 1,
        "tenant_id": null,
        "actor_id": "user é",
        "correlation_id": "bbbbbbbb-0000-4000-8000-000000009999",
        "causation_id": null,
        "metadata": {"k": [1, null, "é"]},
        "order_id": format!("o-{number}"),
        "currency": "EUR",
        "items": [{"quantity": 2, "price_cents": 150}],
    });
    let mut headers: Vec<Value> = written(&event).into_iter().map(|(name, value)| json!([name, value])).collect();
    headers.extend(probe.map(|steps| json!(["probe", steps])));
    json!({"key": aggregate, "headers": headers, "value": event})
}

#[track_caller]
fn publish(topic: &Topic, lines: &[Value]) {
    let connection = Connection::shared();
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let arguments = ["publish", "-b", connection.bootstrap(), "-t", topic.name()];
    Outcome::with_input(&Deployment::new(""), &arguments, &input).expect(0);
}

/// The events that it was given are those of the lines: each once, and each key's in its order.
#[track_caller]
fn assert_given(given: &[Value], lines: &[Value]) {
    let of = |key: &str, all: Vec<&Value>| -> Vec<Value> {
        all.into_iter().filter(|event| event["aggregate_id"] == key).cloned().collect()
    };
    assert_eq!(given.len(), lines.len());
    for (key, _) in PLACED {
        let found = of(key, given.iter().map(|line| &line["event"]).collect());
        assert_eq!(found, of(key, lines.iter().map(|line| &line["value"]).collect()), "{key}");
    }
    assert!(given.iter().all(|line| line["handler"] == "OrderCreated"), "{given:#?}");
}

fn lines(probe: Option<&str>) -> Vec<Value> {
    (0..9).map(|number| line(number, PLACED[number % PLACED.len()].0, probe)).collect()
}

#[test]
fn what_the_command_publishes_is_typed_and_where_it_looks_for_it() {
    let bus = Bus::create(12);
    let lines = lines(None);
    publish(&bus.topic, &lines);
    assert_given(&bus.consume(lines.len(), &[]), &lines);
    assert_eq!(bus.group.committed_sum(&bus.topic), lines.len() as i64);

    // Its own events of the same aggregates go to the same partitions: `places` holds that for each key.
    let events: Vec<_> = PLACED.iter().map(|(key, _)| order(key, 100)).collect();
    bus.publish(&events);
    let records = bus.topic.read();
    assert_eq!(records.len(), lines.len() + events.len());
    assert_eq!(places(&records), PLACED.map(|(key, at)| (key.to_owned(), at)).into());
}

#[test]
fn what_a_handler_publishes_is_typed_and_where_it_looks_for_it() {
    let source = Bus::create(3);
    let sink = Bus::create(12);
    let stage = stage(&source, 1).probe(Probe::named("probe").publishes(sink.topic.name()));
    let _host = stage.start();
    // Retries first, so that the order is the handler's work and not the topic's.
    let lines = lines(Some(&format!("until:2:retry:5ms;publish:{}", sink.topic.name())));
    publish(&source.topic, &lines);
    assert_given(&sink.consume(lines.len(), &[]), &lines);
    assert_eq!(places(&sink.topic.read()), PLACED.map(|(key, at)| (key.to_owned(), at)).into());
}
