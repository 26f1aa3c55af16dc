//! Dead letters of both, read by the other's tools.

use sandbus_tests::{Connection, Deployment, StoredRecord, Topic};
use serde_json::Value;

use super::{Bus, PLACED, headers, order, refused_payment, stage, written};
use crate::cli_outcome::Outcome;
use crate::delivery::stage::{Probe, event};

#[test]
fn tail_reads_its_dead_letters() {
    let bus = Bus::create(3);
    let letters = Topic::create_named(&bus.connection, bus.topic.dead_letters().name(), 3);
    let published = bus.publish(&[order(PLACED[0].0, 1)]);
    bus.consume(1, &["--fail", "it is broken: é"]);

    let connection = Connection::shared();
    let arguments = ["tail", "-b", connection.bootstrap(), "-t", letters.name(), "--from-beginning", "--exit"];
    let line = Outcome::of(&Deployment::new(""), &arguments).expect(0).json();
    assert_eq!(line["key"], PLACED[0].0);
    assert_eq!(line["value"].to_string(), published[0]["body"].as_str().unwrap());
    let record = &letters.read()[0];
    let all = headers(record);
    let came = written(&published[0]["event"]);
    assert_eq!(all[..came.len()], came);
    // The same names as ours, in the same order, without those that it does not know.
    let names: Vec<_> = all[came.len()..].iter().map(|(name, _)| name.as_str()).collect();
    let known = [
        "dlq_reason",
        "dlq_error_type",
        "dlq_error_message",
        "dlq_retry_count",
        "dlq_timestamp",
        "dlq_original_topic",
        "dlq_original_partition",
        "dlq_original_offset",
        "dlq_consumer_group",
    ];
    assert_eq!(names, known);
    assert_eq!(record.header("dlq_reason"), Some("max_retries_exceeded"));
    assert_eq!(record.header("dlq_error_type"), Some("Refused"));
    assert_eq!(record.header("dlq_error_message"), Some("it is broken: é"));
    assert_eq!(record.header("dlq_retry_count"), Some("0"));
    assert_eq!(record.header("dlq_consumer_group"), Some(bus.group.name()));
    // All of them are in the line that a person or another command reads.
    assert_eq!(line["headers"], serde_json::json!(all));

    let of_group = ["-b", connection.bootstrap(), "--topic", bus.topic.name(), "--group", bus.group.name()];
    let dlq = |arguments: &[&str]| Outcome::of(&Deployment::new(""), &[&["dlq"], arguments, &of_group].concat());
    let listed = dlq(&["list", "--json"]).expect(0).json();
    assert_eq!((&listed["reason"], &listed["error_type"]), (&"max_retries_exceeded".into(), &"Refused".into()));
    // It does not say which handler failed, so there is none to give it to again.
    let redrive = dlq(&["redrive", "--all", "--dry-run"]).expect(0);
    assert!(redrive.stderr.contains("names no handler that failed"), "{redrive}");
}

/// A topic with dead letters of a handler of ours, and a bus that looks at it.
#[track_caller]
fn given_up(count: usize) -> (Bus, sandbus_tests::Host, Vec<StoredRecord>) {
    let bus = Bus::create(1);
    let stage = stage(&bus, 1)
        .handler(
            "
[[handler]]
name = \"payment-check\"
component = \"handlers/payment-check.wasm\"
",
        )
        .probe(Probe::named("probe"));
    let host = stage.start();
    bus.publish(&vec![refused_payment(PLACED[0].0); count]);
    stage.wait_final(count as i64);
    let letters = stage.topic.dead_letters().read_count(count, super::SOON);
    (bus, host, letters)
}

#[test]
fn its_tools_list_and_replay_ours() {
    let (bus, host, letters) = given_up(3);
    // It waits for one more than it was asked for, and ends only then: there are three.
    let listed = bus.lines("dead_letters.py", &["--list", "2"], "");
    assert_eq!(listed.len(), 2, "{listed:#?}");
    for (listed, letter) in listed.iter().zip(&letters) {
        assert_eq!(listed["offset"], letter.offset);
        assert_eq!(listed["key"], PLACED[0].0);
        assert_eq!(listed["payload"], serde_json::from_str::<Value>(letter.text()).unwrap());
        assert_eq!(listed["replay_count"], 0);
        for (name, value) in headers(letter) {
            assert_eq!(listed["headers"][&name], value, "{name}");
        }
    }

    // What it replays goes to the main topic without our headers too, so every handler gets it again.
    let letter = &letters[0];
    let replayed = bus.lines("dead_letters.py", &["--replay", "0", &letter.offset.to_string()], "");
    assert_eq!(replayed[0]["replayed"], true);
    let record = &bus.topic.read_count(4, super::SOON)[3];
    let came = headers(letter).into_iter().take_while(|(name, _)| name != "dlq_reason");
    let added =
        [("retry_count", "0"), ("dlq_replay_count", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers(record), came.chain(added).collect::<Vec<_>>());
    assert_eq!((&record.key, &record.value), (&letter.key, &letter.value));
    let again = &bus.topic.dead_letters().read_count(4, super::SOON)[3];
    assert_eq!(again.header("dlq_original_offset"), Some("3"));
    assert_eq!(again.header("dlq_retry_count"), Some("0"));
    host.wait_metric("kafka_eventbus_handler_invocations_total", &[("handler_name", "probe")], 4.0, super::SOON);
}

#[test]
fn its_tools_fail_on_these_as_on_their_own() {
    let (bus, _host, _) = given_up(1);
    let failed = |arguments: &[&str], words: &str| {
        let finished = bus.run("dead_letters.py", arguments, "");
        assert_ne!(finished.status.code(), Some(0), "{finished:#?}");
        assert!(finished.stderr.contains(words), "{finished:#?}");
    };
    failed(&["--count"], "IllegalStateError");
    // A header without a value, or with bytes that are no text, which Kafka allows.
    bus.topic.write([event("a", "dead-letter:no").null_header("nothing")]);
    bus.topic.dead_letters().read_count(2, super::SOON);
    failed(&["--list", "2"], "has no attribute 'decode'");
}
