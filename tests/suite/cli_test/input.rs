//! Files of events that are not as they should be.

use super::{event, plain};

/// Two good lines around a bad one, with an empty line before it.
fn with_bad_line(line: &str) -> String {
    format!("{}\n\n{line}\n{}\n", event("ack"), event("ack"))
}

#[test]
fn a_bad_line_is_named_by_its_number() {
    let lines = [
        ("no-json", "{\"type\": \"T\", "),
        ("no-object", "[1, 2]"),
        ("unknown-field", "{\"typ\": \"T\"}"),
        ("two-values", "{\"value\": 1, \"value_text\": \"1\"}"),
        ("two-keys", "{\"key\": \"k\", \"key_base64\": \"aw==\"}"),
        ("no-base64", "{\"value_base64\": \"***\"}"),
        ("header-number", "{\"headers\": {\"n\": 5}}"),
        ("header-base64", "{\"headers\": [[\"n\", {\"base64\": \"*\"}]]}"),
        ("headers-text", "{\"headers\": \"n\"}"),
        ("negative", "{\"partition\": -1}"),
    ];
    for (name, line) in lines {
        let outcome = plain(&with_bad_line(line), &[]).expect(1);
        assert!(outcome.stderr.contains("events.jsonl, line 3: "), "{outcome}");
        outcome.snapshot(&format!("cli-test-line-{name}"));
    }
}

#[test]
fn an_event_that_cannot_be_decoded_makes_the_command_fail() {
    let line = r#"{"headers": [["event_type", {"base64": "//8="}]]}"#;
    plain(&with_bad_line(line), &[]).expect(1).snapshot("cli-test-undecodable");
    let lines = plain(&with_bad_line(line), &["--json"]).expect(1).json_lines();
    assert_eq!(super::each(&lines, "verdict"), ["ack", "undecodable", "ack"]);
}

#[test]
fn a_type_that_is_too_long_cannot_be_decoded() {
    let line = serde_json::json!({ "type": "T".repeat(257) }).to_string();
    plain(&line, &[]).expect(1).snapshot("cli-test-long-type");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let deployment = sandbus_tests::Deployment::new("").handler("probe", "probe-rust");
    let arguments = ["test", "handlers/probe.wasm", "-e", "nowhere.jsonl"];
    crate::cli_outcome::Outcome::of(&deployment, &arguments).expect(1).snapshot("cli-test-no-events-file");
}

#[test]
fn a_file_that_is_not_text_is_an_error() {
    let deployment = sandbus_tests::Deployment::new("").handler("probe", "probe-rust").write("e.jsonl", b"{}\n\xff\n");
    let arguments = ["test", "handlers/probe.wasm", "-e", "e.jsonl"];
    crate::cli_outcome::Outcome::of(&deployment, &arguments).expect(1).snapshot("cli-test-not-utf8");
}

#[test]
fn no_events_are_no_failure() {
    plain("\n", &[]).expect(0).snapshot("cli-test-no-events");
}

#[test]
fn lines_that_end_as_on_windows_are_read() {
    let events = format!("{}\r\n{}\r\n", event("ack"), event("skip"));
    let lines = plain(&events, &["--json"]).expect(0).json_lines();
    assert_eq!(super::each(&lines, "verdict"), ["ack", "skip"]);
}
