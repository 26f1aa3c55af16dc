//! The lines of `tail` as another command's input.

use sandbus_tests::host::built;
use sandbus_tests::{Connection, Deployment, Record, StoredRecord, Topic};
use serde_json::Value;

use super::{everything, strange_records};
use crate::cli_outcome::Outcome;

/// All of a record but its place.
fn contents(record: &StoredRecord) -> StoredRecord {
    StoredRecord { partition: 0, offset: 0, ..record.clone() }
}

#[test]
fn publish_makes_the_same_records_of_them() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    topic.write(strange_records());
    let lines = everything(&topic).stdout;
    // Each line names its topic, so the copies follow their originals.
    let arguments = ["publish", "-b", connection.bootstrap()];
    Outcome::with_input(&Deployment::new(""), &arguments, &lines).expect(0);

    let records = topic.read();
    let (originals, copies) = records.split_at(strange_records().len());
    assert_eq!(copies.len(), originals.len());
    for (original, copy) in originals.iter().zip(copies) {
        assert_eq!(contents(copy), contents(original));
    }
}

/// What `publish` would write of this object.
fn bytes(record: &Value, text: &str, base64: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text = record.get(text).map(|text| text.as_str().unwrap().as_bytes().to_vec());
    let decode = |bytes: &Value| base64::engine::general_purpose::STANDARD.decode(bytes.as_str().unwrap()).unwrap();
    text.or_else(|| record.get(base64).map(decode))
}

#[test]
fn test_gives_the_same_events_to_the_handler() {
    let topic = Topic::create(&Connection::shared(), 1);
    topic.write(strange_records());
    let lines = everything(&topic).stdout;
    let deployment = Deployment::new("").handler("probe", "probe-rust").write("events.jsonl", lines);
    let arguments = [
        "test",
        "handlers/probe.wasm",
        "-e",
        "events.jsonl",
        "--json",
        "--set",
        "results=seen",
        "--grant-publish",
        "seen",
    ];
    // One event has a type that is not text.
    let tried = Outcome::of(&deployment, &arguments).expect(1).json_lines();
    let records = topic.read();
    assert_eq!(tried.len(), records.len());
    for (tried, record) in tried.iter().zip(&records) {
        assert_eq!(tried["event"], format!("{}/0/{}", topic.name(), record.offset));
        if record.headers_named("event_type").any(|value| value == Some(&[0xff])) {
            assert_eq!(tried["verdict"], "undecodable");
            continue;
        }
        let seen = &tried["published"][0];
        assert_eq!(bytes(seen, "key", "key_base64"), record.key, "{seen}");
        let json = seen.get("value").map(|json| serde_json::to_vec(json).unwrap());
        assert_eq!(json.or_else(|| bytes(seen, "value_text", "value_base64")), record.value, "{seen}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    // More than a pipe holds, so that the end of the reader is noticed.
    topic.write((0..5000).map(|number| Record::new().value(format!("{{\"n\":{number}}}"))));
    for exit in ["", "--exit"] {
        let script = format!(
            "{{ '{}' tail -b {} -t {} --from-beginning {exit}; echo \"status $?\" >&2; }} | head -n 1",
            built::sandbus().display(),
            connection.bootstrap(),
            topic.name()
        );
        let outcome = Outcome::of_script(&script).expect(0);
        assert_eq!(outcome.stderr, "status 0\n", "{outcome}");
        assert_eq!(outcome.json()["value"]["n"], 0);
    }
}

#[test]
fn a_full_disk_is_a_failure_that_is_said() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    topic.write([Record::new()]);
    let script = format!(
        "'{}' tail -b {} -t {} --from-beginning --exit > /dev/full",
        built::sandbus().display(),
        connection.bootstrap(),
        topic.name()
    );
    Outcome::of_script(&script).expect(1).snapshot("cli-tail-disk-full");
}
