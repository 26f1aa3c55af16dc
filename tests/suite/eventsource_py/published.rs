//! What it publishes, as Sandbus' handlers see it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Bus, PLACED, SOON, headers, order, places, refused_payment, stage, written};
use crate::delivery::stage::Probe;

const TENANT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const ACTOR: &str = "user é";

/// Three versions of an order for each of many aggregates, with and without what an event may say besides.
fn orders() -> Vec<Value> {
    let aggregates = (0..12).map(|number| format!("aaaaaaaa-0000-4000-8000-0000000001{number:02}"));
    let aggregates: Vec<_> = PLACED.iter().map(|(key, _)| (*key).to_owned()).chain(aggregates).collect();
    let mut orders = Vec::new();
    for version in 1..=3 {
        for aggregate in &aggregates {
            let mut order = order(aggregate, version);
            if version == 2 {
                order["tenant_id"] = TENANT.into();
                order["actor_id"] = ACTOR.into();
                order["causation_id"] = "aaaaaaaa-0000-4000-8000-000000000002".into();
                order["metadata"] = serde_json::json!({"k": [1, null, "é"]});
            }
            orders.push(order);
        }
    }
    orders
}

#[test]
fn typed_events_reach_handlers_as_they_are() {
    let bus = Bus::create(12);
    let stage = stage(&bus, 12);
    let results = stage.results.name().to_owned();
    let example = |name: &str, lines: &str| {
        format!("\n[[handler]]\nname = {name:?}\ncomponent = \"handlers/{name}.wasm\"\nmax_retries = 0\n{lines}\n")
    };
    let told = sandbus_tests::Topic::create_named(&stage.connection, &sandbus_tests::names::unique("told"), 1);
    let stage = stage
        .probe(Probe::named("probe"))
        .handler(&example("audit", ""))
        .handler(&example("payment-check", "events = [\"PaymentRequested\"]"))
        .handler(&example(
            "notify",
            &format!("[handler.config]\ntopic = {0:?}\n[handler.grants]\npublish = [{0:?}]", told.name()),
        ));
    let host = stage.start();
    let mut events = orders();
    events.push(refused_payment(PLACED[0].0));
    let published = bus.publish(&events);
    stage.wait_final(events.len() as i64);

    // Key and body are the bytes that it wrote; the partition of each result is the one that its partitioner chose.
    let by_id: BTreeMap<&str, &Value> =
        published.iter().map(|line| (line["event"]["event_id"].as_str().unwrap(), line)).collect();
    let source = stage.topic.read();
    assert_eq!(source.len(), events.len());
    for record in &source {
        let line = by_id[record.header("event_id").unwrap()];
        assert_eq!(headers(record), written(&line["event"]), "{record:?}");
    }
    let acks = stage.acks();
    assert_eq!(acks.len(), events.len());
    for ack in &acks {
        let came = source.iter().find(|record| (record.partition, record.offset) == ack.place()).unwrap();
        let line = by_id[came.header("event_id").unwrap()];
        assert_eq!(ack.record.text(), line["body"].as_str().unwrap());
        assert_eq!(ack.key(), line["event"]["aggregate_id"].as_str().unwrap());
        assert_eq!((ack.record.partition, ack.attempt), (came.partition, 1), "{results}");
    }
    let placed = places(&source);
    for (key, partition) in PLACED {
        assert_eq!(placed[key], partition, "{key}");
    }

    // Each aggregate in its order.
    let mut versions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for ack in acks.iter().filter(|ack| !ack.record.text().contains("payment_id")) {
        let body: Value = serde_json::from_str(ack.record.text()).unwrap();
        versions.entry(ack.key()).or_default().push(body["aggregate_version"].as_u64().unwrap());
    }
    assert_eq!(versions.len(), 15);
    assert!(versions.values().all(|versions| versions == &[1, 2, 3]), "{versions:?}");

    // Types and ids are the package's own.
    for (kind, count) in [("OrderCreated", 45.0), ("PaymentRequested", 1.0)] {
        let labels = [("handler_name", "probe"), ("event_type", kind)];
        host.wait_metric("kafka_eventbus_handler_invocations_total", &labels, count, SOON);
    }
    let mut ids: Vec<_> = told.read().iter().map(|record| record.header("event_id").unwrap().to_owned()).collect();
    let orders = published.iter().filter(|line| line["event"]["event_type"] == "OrderCreated");
    let mut expected: Vec<_> =
        orders.map(|line| format!("{}/notification", line["event"]["event_id"].as_str().unwrap())).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);

    // A handler reads its headers as text, and a dead letter has all of them in their order.
    let audited = [("handler_name", "audit"), ("tenant", TENANT)];
    host.wait_metric("sandbus_guest_counter_audited_total", &audited, 15.0, SOON);
    let letters = stage.topic.dead_letters().read();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let payment = published.last().unwrap();
    let expected = written(&payment["event"]);
    assert_eq!(headers(&letters[0])[..expected.len()], expected);
    assert_eq!(letters[0].header("dlq_error_message"), Some("card refused: declined (payment p-1)"));
    assert_eq!(letters[0].text(), payment["body"].as_str().unwrap());
}
