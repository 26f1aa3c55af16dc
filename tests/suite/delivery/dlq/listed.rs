//! `list` and `show`: what people and programs see.

use sandbus_tests::{Deployment, Record};
use serde_json::json;

use super::{probe, states};
use crate::cli_outcome::Outcome;
use crate::delivery::stage::Stage;

/// Six dead letters that differ in what filters ask for.
fn shelf() -> Stage {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0)).probe(probe("other", 0));
    stage.topic.dead_letters().write([
        stage.letter(&[]),
        stage.letter(&[("dlq_handler", "other"), ("dlq_error_type", "trap"), ("dlq_redrive_count", "2")]),
        stage.letter(&[("dlq_reason", "rejected"), ("dlq_error_type", "rejected"), ("dlq_retry_count", "0")]),
        stage
            .letter(&[("dlq_timestamp", "2026-02-01T00:00:00+00:00")])
            .key("another \"key\"\n of more than thirty-two characters"),
        stage.letter(&[
            ("dlq_reason", "deserialization_error"),
            ("dlq_error_type", "deserialization_error"),
            ("dlq_handler", ""),
        ]),
        stage.letter(&[("dlq_consumer_group", "strangers")]),
    ]);
    stage
}

#[test]
fn people_see_a_table_and_totals() {
    let stage = shelf();
    stage.dlq(&["list"]).expect(0).snapshot("dlq-list");
    stage.dlq(&["redrive", &stage.position(1)]).expect(0);
    stage.dlq(&["purge", &stage.position(4)]).expect(0);
    stage.dlq(&["list", "--all"]).expect(0).snapshot("dlq-list-all");
    stage.dlq(&["list", "--handler", "nobody"]).expect(0).snapshot("dlq-list-none");
}

#[test]
fn programs_see_json_lines() {
    let stage = shelf();
    let lines = stage.dlq(&["list", "--json"]).expect(0).json_lines();
    assert_eq!(lines.len(), 5);
    let expected = json!({
        "position": stage.position(1), "state": "open", "group": stage.group.name(), "handler": "other",
        "handler_digest": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "reason": "max_retries_exceeded", "error_type": "trap", "error_message": "it is broken",
        "time": "2026-01-01T12:00:00.123Z", "retry_count": 3, "redrive_count": 2,
        "original": {"topic": stage.topic.name(), "partition": 0, "offset": 42, "timestamp": 1_600_000_000_123_i64},
        "event_type": "Tried", "truncated": false, "refusal": null, "key": "k",
    });
    assert_eq!(lines[1], expected);
    assert_eq!(lines[4]["refusal"], "undecodable");
}

#[test]
fn each_filter_leaves_out_the_others() {
    let stage = shelf();
    let offsets = |filter: &[&str]| {
        let lines = stage.dlq(&[&["list", "--json"], filter].concat()).expect(0);
        let offset = |(position, _): (String, String)| position.rsplit('/').next().unwrap().parse::<i64>().unwrap();
        states(&lines).into_iter().map(offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(&["--handler", "other"]), [1]);
    assert_eq!(offsets(&["--handler", "other", "--handler", "probe"]), [0, 1, 2, 3]);
    assert_eq!(offsets(&["--reason", "rejected"]), [2]);
    assert_eq!(offsets(&["--error-type", "Broken"]), [0, 3]);
    assert_eq!(offsets(&["--since", "2026-01-31T00:00:00Z"]), [3]);
    assert_eq!(offsets(&["--until", "2026-01-01T12:00:00.123456Z"]), [0; 0]);
    assert_eq!(offsets(&["--until", "2026-01-01T12:00:01Z", "--error-type", "Broken"]), [0]);
    assert_eq!(offsets(&["--since", "1s"]), [0; 0]);
    assert_eq!(offsets(&["--key", "k"]), [0, 1, 2, 4]);
    assert_eq!(offsets(&["--group", "strangers"]), [5]);
    let redriven = stage.dlq(&["redrive", "--error-type", "Broken", "--until", "2026-01-02T00:00:00Z", "--json"]);
    assert_eq!(redriven.expect(0).json()["redriven"], 1);
    assert_eq!(super::about(&stage.redrives("").read()), [stage.position(0)]);
}

#[test]
fn one_is_shown_with_everything_in_it() {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0));
    let strange = Record::new().key([0xff]).value([0xfe, 0x00]).header([0xff, b'n'], "x").null_header("none");
    stage.topic.dead_letters().write([stage.letter(&[]).header("tag", "1").null_header("tag"), strange]);
    stage.dlq(&["show", &stage.position(0)]).expect(0).snapshot("dlq-show");
    stage.dlq(&["show", &stage.position(1)]).expect(0).snapshot("dlq-show-strange");
    stage.dlq(&["show", &stage.position(2)]).expect(1).snapshot("dlq-show-none");
    let shown = stage.dlq(&["show", &stage.position(0), "--json"]).expect(0).json();
    assert_eq!((&shown["state"], &shown["record"]["value"]), (&"open".into(), &json!({"n": 1})));
    let (tag, headers) = (json!(["tag", null]), shown["record"]["headers"].as_array().unwrap());
    assert_eq!(headers.last(), Some(&tag));
}

#[test]
fn wrong_usage_says_what_is_right() {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0));
    stage.dlq(&["redrive"]).expect(2).snapshot("dlq-redrive-nothing-asked");
    let purge = stage.dlq(&["purge", "--json"]).expect(2);
    assert!(purge.stderr.contains("--all"), "{purge}");
    stage.dlq(&["show", "orders/0/1"]).expect(2).snapshot("dlq-show-no-dead-letter-topic");
    for command in ["list", "show", "redrive", "purge"] {
        let help = stage.dlq(&[command, "--help"]).expect(0).stdout;
        let example = help.split_once("Example").map(|(_, example)| example);
        assert!(example.is_some_and(|example| example.contains(&format!("sandbus dlq {command}"))), "{help}");
    }
    for arguments in [
        &["show", "orders.dlq"][..],
        &["list", "--since", "soon"],
        &["redrive", "--all", "--handler", "a"],
        &["redrive", "--all", "--rate", "0"],
        &["list", "--topic", "a b"],
    ] {
        let outcome = stage.dlq(arguments).expect(2);
        assert_eq!(outcome.stdout, "", "{outcome}");
    }
}

#[test]
fn a_kafka_that_is_away_is_said() {
    let nowhere = format!("127.0.0.1:{}", sandbus_tests::ports::free());
    for command in [&["list"][..], &["redrive", "--all"], &["show", "events.stream.dlq/0/1"]] {
        let arguments = [&["dlq"], command, &["-b", &nowhere, "--timeout", "1s"]].concat();
        let outcome = Outcome::of(&Deployment::new(""), &arguments).without_log().expect(1);
        assert!(outcome.stderr.contains(&format!("no answer from Kafka at {nowhere}")), "{outcome}");
    }
}

#[test]
fn a_topic_that_is_not_there_is_said() {
    let stage = Stage::new(1).probe(probe("probe", 0));
    stage.dlq(&["list"]).expect(0).snapshot("dlq-list-no-topic");
    let named = stage.dlq(&["list", "--topic", stage.topic.name()]).expect(1);
    assert!(named.stderr.contains("there is no topic"), "{named}");
    let off = Deployment::new("[delivery]\nenable_dlq = false\n");
    Outcome::of(&off, &["dlq", "list"]).expect(2).snapshot("dlq-list-off");
}
