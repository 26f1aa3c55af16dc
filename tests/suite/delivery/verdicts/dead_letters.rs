//! The dead letter: everything that came, and why it is there.

use std::process::Command;

use sandbus_tests::host::built;
use sandbus_tests::process::run_to_end;
use sandbus_tests::{Record, StoredRecord};

use super::super::SOON;
use super::super::stage::{Probe, Stage, event};
use super::{ERRORS, INVOCATIONS, failed_at, sum};

/// A header as a test compares it.
fn headers(letter: &StoredRecord) -> Vec<(&[u8], Option<&[u8]>)> {
    letter.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect()
}

/// The SHA-256 of the probe's file, in hexadecimal, by somebody else's program.
fn digest_of_the_probe() -> String {
    let mut command = Command::new("sha256sum");
    command.arg(built::component("probe-rust"));
    let finished = run_to_end(command, b"", SOON);
    assert!(finished.status.success(), "{finished:?}");
    finished.stdout.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn it_has_what_came_and_then_exactly_these_headers() {
    let stage = Stage::new(2).probe(Probe::named("probe").line("max_retries = 2"));
    let host = stage.start();
    let came = Record::event("Tried", "the value")
        .partition(1)
        .timestamp(1_600_000_000_123)
        .key([0xff, 0x00])
        .header("dlq_reason", "forged")
        .header("tag", "1")
        .null_header("nothing")
        .header("probe", "error:Broken:it is broken: quite")
        .header("dlq_made_up", "forged")
        .header("tag", [0xc3, 0x28])
        .header("empty", "")
        .header("tag", "1");
    stage.topic.write([event("other", "ack").partition(1), came]);
    stage.wait_final(2);

    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), 1, "{dead:#?}");
    let letter = &dead[0];
    assert_eq!(letter.key.as_deref(), Some(&[0xff, 0x00][..]));
    assert_eq!(letter.text(), "the value");
    let (digest, group) = (digest_of_the_probe(), stage.group.name());
    let at = letter.header("dlq_timestamp").unwrap();
    let expected: Vec<(&[u8], Option<&[u8]>)> = vec![
        (b"event_type", Some(b"Tried")),
        (b"tag", Some(b"1")),
        (b"nothing", None),
        (b"probe", Some(b"error:Broken:it is broken: quite")),
        (b"tag", Some(&[0xc3, 0x28])),
        (b"empty", Some(b"")),
        (b"tag", Some(b"1")),
        (b"dlq_reason", Some(b"max_retries_exceeded")),
        (b"dlq_error_type", Some(b"Broken")),
        (b"dlq_error_message", Some(b"it is broken: quite")),
        (b"dlq_retry_count", Some(b"2")),
        (b"dlq_timestamp", Some(at.as_bytes())),
        (b"dlq_original_timestamp", Some(b"1600000000123")),
        (b"dlq_original_topic", Some(stage.topic.name().as_bytes())),
        (b"dlq_original_partition", Some(b"1")),
        (b"dlq_original_offset", Some(b"1")),
        (b"dlq_consumer_group", Some(group.as_bytes())),
        (b"dlq_handler", Some(b"probe")),
        (b"dlq_handler_digest", Some(digest.as_bytes())),
    ];
    assert_eq!(headers(letter), expected);
    let given_up = host.log_record("the dead letter", SOON, |record| record["message"] == "to the dead letters");
    assert_between(&failed_at(&host, 3), at, given_up["timestamp"].as_str().unwrap());
    assert_eq!((sum(&host, INVOCATIONS), sum(&host, ERRORS)), (1.0, 3.0));
    let counted = [("dlq_reason", "max_retries_exceeded"), ("error_type", "Broken")];
    host.wait_metric("kafka_eventbus_messages_dlq_total", &counted, 1.0, SOON);
}

#[test]
fn a_rejected_event_is_tried_once_and_its_reason_kept() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("a", "dead-letter:not ours: never"), event("b", "until:2:retry;dead-letter:")]);
    stage.wait_final(2);

    let mut dead = stage.topic.dead_letters().read();
    dead.sort_by(|one, other| one.key.cmp(&other.key));
    let said = |letter: &StoredRecord| {
        ["reason", "error_type", "error_message", "retry_count"]
            .map(|name| letter.header(&format!("dlq_{name}")).unwrap().to_owned())
    };
    let said: Vec<_> = dead.iter().map(said).collect();
    assert_eq!(said, [["rejected", "rejected", "not ours: never", "0"], ["rejected", "rejected", "", "1"]]);
    host.wait_metric(ERRORS, &[("error_type", "rejected")], 2.0, SOON);
    assert_eq!(sum(&host, INVOCATIONS), 0.0);
    let counted = [("dlq_reason", "rejected"), ("error_type", "rejected")];
    host.wait_metric("kafka_eventbus_messages_dlq_total", &counted, 2.0, SOON);
    assert!(stage.acks().is_empty());
}

#[test]
fn each_handler_that_fails_writes_its_own() {
    let stage = Stage::new(1)
        .probe(Probe::named("once").line("max_retries = 0"))
        .probe(Probe::named("twice").line("max_retries = 1"))
        .probe(Probe::named("five-times").line("max_retries = 4"));
    let _host = stage.start();
    stage.topic.write([event("a", "until:4:error:Broken:it")]);
    stage.wait_final(1);

    let dead = stage.topic.dead_letters().read();
    let header = |letter: &StoredRecord, name| letter.header(name).unwrap().to_owned();
    let mut by: Vec<_> =
        dead.iter().map(|letter| (header(letter, "dlq_handler"), header(letter, "dlq_retry_count"))).collect();
    by.sort();
    assert_eq!(by, [("once".to_owned(), "0".to_owned()), ("twice".to_owned(), "1".to_owned())]);
    let acks: Vec<_> = stage.acks().iter().map(|ack| (ack.handler.clone(), ack.attempt)).collect();
    assert_eq!(acks, [("five-times".to_owned(), 4)]);
}

/// `at` as Python's `isoformat` writes UTC, after the last failure and before the line in the log about the dead letter.
#[track_caller]
fn assert_between(from: &str, at: &str, to: &str) {
    assert_eq!((at.len(), &at[26..]), (32, "+00:00"), "{at}");
    // Both kinds of text have the same width and microseconds.
    assert!(from[..26] <= at[..26] && at[..26] <= to[..26], "{at} is not between {from} and {to}");
}
