//! Records that no handler can be shown: one dead letter each, and the partition goes on.

use sandbus_tests::Record;

use super::super::SOON;
use super::super::stage::{Probe, Stage, event};

/// Each with a word that its error message has to hold.
fn undecodable() -> Vec<(Record, &'static str)> {
    let plain = || Record::new().key("same").value("{}").header("before", "1");
    let long = "x".repeat(257);
    vec![
        (plain().header("event_type", [0xff, 0xfe]), "event_type"),
        (plain().header("ce_type", [0xc3, 0x28]), "ce_type"),
        (plain().header("event_type", &long), "257"),
        (plain().header("ce_type", &long), "257"),
        (
            plain()
                .header("content-type", "application/cloudevents+json")
                .value(format!("{{\"type\":\"{long}\",\"id\":\"1\"}}")),
            "257",
        ),
        (plain().header("event_type", "Tried").header([0xff, b'n'], "x"), "\\xff"),
        (plain().header("event_type", "Tried").header("event_id", [0xff]), "event_id"),
    ]
}

#[test]
fn each_is_one_dead_letter_and_no_handlers_business() {
    let stage = Stage::new(1).probe(Probe::named("one")).probe(Probe::named("other").line("max_retries = 0"));
    let host = stage.start();
    let bad = undecodable();
    // In one lane with events that are handled, before and after.
    stage.topic.write([event("same", "ack")]);
    stage.topic.write(bad.iter().map(|(record, _)| record.clone()));
    let longest = Record::new().header("event_type", "x".repeat(256)).key("same");
    stage.topic.write([longest, event("same", "ack")]);
    let count = bad.len() as i64;
    stage.wait_final(count + 3);

    let acks = stage.acks();
    for handler in ["one", "other"] {
        let of: Vec<_> = acks.iter().filter(|ack| ack.handler == handler).map(|ack| ack.offset).collect();
        assert_eq!(of, [0, count + 1, count + 2], "{handler}");
    }
    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), bad.len(), "one for each record, though two handlers share the group: {dead:#?}");
    for (letter, (index, (_, word))) in dead.iter().zip(bad.iter().enumerate()) {
        assert_eq!(letter.header("dlq_original_offset"), Some((index + 1).to_string().as_str()));
        assert_eq!(letter.header("dlq_reason"), Some("deserialization_error"));
        assert_eq!(letter.header("dlq_error_type"), Some("deserialization_error"));
        assert_eq!(letter.header("dlq_retry_count"), Some("0"));
        assert_eq!(letter.header("dlq_consumer_group"), Some(stage.group.name()));
        let message = letter.header("dlq_error_message").unwrap();
        assert!(message.contains(word), "{message:?} does not name {word}");
        let names: Vec<_> = letter.headers.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        assert!(!names.iter().any(|name| name.starts_with("dlq_handler")), "{names:?}");
        assert_eq!(names[0], "before");
    }
    let raw = dead.iter().find_map(|letter| letter.headers.iter().find(|(name, _)| name == &[0xff, b'n']));
    assert!(raw.is_some(), "a name that is not UTF-8 is kept as it was");

    let letters = [("dlq_reason", "deserialization_error"), ("error_type", "deserialization_error")];
    host.wait_metric("kafka_eventbus_messages_dlq_total", &letters, count as f64, SOON);
    host.wait_metric("kafka_eventbus_handler_invocations_total", &[], 6.0, SOON);
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[], (count + 3) as f64, SOON);
    let metrics = host.metrics();
    assert_eq!(metrics.sum("kafka_eventbus_handler_errors_total", &[]).unwrap_or_default(), 0.0);
    assert_eq!(metrics.sum("kafka_eventbus_handler_duration_count", &[]), Some(6.0));
}
