//! The partition of a key is the one that Kafka's Java clients choose, whoever writes.

use std::collections::BTreeMap;

use sandbus_tests::{Record, Topic, names};

use super::super::SOON;
use super::super::stage::{Probe, Stage};

/// A key, and its partition of 12: `toPositive(murmur2(key)) % 12` of `org.apache.kafka.common.utils.Utils`.
const VECTORS: [(&str, i32); 4] = [
    ("00000000-0000-0000-0000-000000000002", 5),
    ("f0a832ce-d7e8-4d20-a573-e44efd56f7c3", 4),
    ("4d6793fb-6cf7-4e3d-b752-a17546193061", 2),
    ("k", 8),
];

#[track_caller]
fn assert_places(topic: &Topic) {
    let records = topic.read();
    let found: BTreeMap<String, i32> =
        records.into_iter().map(|record| (String::from_utf8(record.key.unwrap()).unwrap(), record.partition)).collect();
    let expected: BTreeMap<String, i32> = VECTORS.iter().map(|(key, at)| ((*key).to_owned(), *at)).collect();
    assert_eq!(found, expected);
}

#[test]
fn of_what_handlers_publish() {
    let stage = Stage::new(1);
    let outlet = super::outlet(&stage, 12);
    let stage = stage.probe(Probe::named("probe").publishes(outlet.name()));
    let _host = stage.start();
    let steps = format!("publish:{}", outlet.name());
    stage.topic.write(VECTORS.map(|(key, _)| Record::event("Tried", "{}").key(key).header("probe", &steps)));
    stage.wait_final(VECTORS.len() as i64);
    assert_places(&outlet);
}

#[test]
fn of_dead_letters() {
    let stage = Stage::new(12).probe(Probe::named("probe"));
    let _host = stage.start();
    // Against the key's own partition, so that a copied partition would be seen.
    let reject = |(key, _)| Record::event("Tried", "{}").key(key).header("probe", "dead-letter:no").partition(0);
    stage.topic.write(VECTORS.map(reject));
    stage.wait_final(VECTORS.len() as i64);
    assert_places(&stage.topic.dead_letters());
}

#[test]
fn of_what_the_command_publishes() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let topic = Topic::create_named(&stage.connection, &names::unique("published"), 12);
    let lines: String = VECTORS
        .iter()
        .map(|(key, _)| format!("{{\"type\":\"Tried\",\"key\":\"{key}\",\"value\":{{\"n\":1}}}}\n"))
        .collect();
    let arguments = ["publish", "-c", "sandbus.toml", "--topic", topic.name()];
    let finished = stage.deploy().run(&arguments, lines.as_bytes(), SOON);
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert_places(&topic);
    for record in topic.read() {
        assert_eq!((record.header("event_type"), record.text()), (Some("Tried"), "{\"n\":1}"));
    }
}
