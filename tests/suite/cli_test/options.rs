//! What can be chosen for a test.

use sandbus_tests::Deployment;
use serde_json::json;

use super::{SMALL, deployment, each, event, plain};
use crate::cli_outcome::Outcome;

#[test]
fn attempts_go_on_until_a_verdict_that_is_final() {
    let scripts = ["until:3:error:Early:not yet", "error:Never:ever", "dead-letter:at once", "until:2:retry;skip"];
    let events = scripts.map(event).join("\n");
    let outcome = plain(&events, &["--attempts", "4"]).expect(0);
    outcome.snapshot("cli-test-attempts");
    let lines = plain(&events, &["--attempts", "4", "--json"]).expect(0).json_lines();
    let seen: Vec<_> = lines.iter().map(|line| (line["event"].as_str().unwrap(), line["attempt"].as_u64())).collect();
    let expected: Vec<_> = [("0", 3), ("1", 4), ("2", 1), ("3", 2)]
        .iter()
        .flat_map(|(offset, last)| (1..=*last).map(move |attempt| (format!("events.stream/0/{offset}"), Some(attempt))))
        .collect();
    assert_eq!(seen, expected.iter().map(|(event, attempt)| (event.as_str(), *attempt)).collect::<Vec<_>>());
}

#[test]
fn settings_reach_the_guest_and_grants_let_it_publish() {
    let with = ["--json", "--set", "results=out.a", "--set", "name=mine=or yours", "--grant-publish", "out.*"];
    let tried = plain(&event("ack"), &with).expect(0).json();
    assert_eq!(tried["verdict"], "ack");
    assert_eq!(tried["published"][0]["topic"], "out.a");
    let handler = json!(["probe_handler", "mine=or yours"]);
    assert!(tried["published"][0]["headers"].as_array().unwrap().contains(&handler), "{tried}");

    let without = ["--json", "--set", "results=out.a", "--grant-publish", "other"];
    let tried = plain(&event("ack"), &without).expect(0).json();
    assert_eq!((&tried["verdict"], &tried["error_type"]), (&json!("error"), &json!("denied")));
}

#[test]
fn a_pattern_grants_no_topic_by_which_a_handler_feeds_itself() {
    let topics = ["events.stream", "events.stream.dlq", "events.stream.default.redrive", "other.dlq", "other"];
    let events = topics.map(|topic| event(&format!("publish:{topic}"))).join("\n");
    let outcome = plain(&events, &["--json", "--grant-publish", "*"]).expect(0);
    let (denied, sent) = (json!("denied"), json!(null));
    assert_eq!(each(&outcome.json_lines(), "error_type"), [&denied, &denied, &denied, &denied, &sent]);
    for refused in
        ["refused to publish: \"events.stream\" is a source topic of this handler", "\"other.dlq\" has the name of"]
    {
        assert!(outcome.stderr.contains(refused), "{outcome}");
    }
    let exactly = ["--json", "--grant-publish", "events.stream", "--grant-publish", "other.dlq"];
    let outcome = plain(&events, &exactly).expect(0);
    assert_eq!(each(&outcome.json_lines(), "error_type"), [&sent, &denied, &denied, &sent, &denied]);
}

#[test]
fn a_setting_goes_before_the_configured_one() {
    let config = format!("{SMALL}\n[handler.config]\nresults = \"granted.configured\"\n");
    let fixed = ["test", "handlers/probe.wasm", "-c", "sandbus.toml", "--handler", "probe", "-e", "events.jsonl"];
    let deployment = deployment(&config, &event("ack"));
    let run = |more: &[&str]| Outcome::of(&deployment, &[&fixed, more].concat()).expect(0).json();
    assert_eq!(run(&["--json"])["published"][0]["topic"], "granted.configured");
    assert_eq!(run(&["--json", "--set", "results=granted.set"])["published"][0]["topic"], "granted.set");
}

#[test]
fn fresh_instances_are_fresh_here_too() {
    let config = r#"
[[handler]]
name = "probe"
component = "handlers/probe.wasm"
isolation = "fresh"
config = { results = "seen" }
grants = { publish = ["seen"] }
"#;
    let deployment = deployment(config, &[event("ack"), event("ack")].join("\n"));
    let fixed = ["test", "handlers/probe.wasm", "-c", "sandbus.toml", "--handler", "probe", "-e", "events.jsonl"];
    let lines = Outcome::of(&deployment, &[&fixed[..], &["--json"]].concat()).expect(0).json_lines();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let headers = line["published"][0]["headers"].as_array().unwrap();
        assert!(headers.contains(&json!(["probe_sequence", "1"])), "{line}");
    }
}

#[test]
fn a_setting_without_a_value_is_wrong_usage() {
    plain(&event("ack"), &["--set", "results"]).expect(2).snapshot("cli-test-set-without-value");
}

#[test]
fn a_grant_that_is_no_pattern_is_wrong_usage() {
    plain(&event("ack"), &["--grant-publish", ""]).expect(2).snapshot("cli-test-grant-empty");
}

#[test]
fn an_unknown_handler_is_named() {
    let deployment = deployment(SMALL, &event("ack"));
    let arguments = ["test", "handlers/probe.wasm", "-c", "sandbus.toml", "--handler", "prob", "-e", "events.jsonl"];
    Outcome::of(&deployment, &arguments).expect(2).snapshot("cli-test-unknown-handler");
}

#[test]
fn a_component_that_is_none_is_the_thing_asked_about() {
    let deployment = Deployment::new("").write("broken.wasm", "").write("events.jsonl", event("ack"));
    let arguments = ["test", "broken.wasm", "-e", "events.jsonl"];
    Outcome::of(&deployment, &arguments).expect(1).snapshot("cli-test-wrong-component");
    let arguments = ["test", "absent.wasm", "-e", "events.jsonl"];
    Outcome::of(&deployment, &arguments).expect(1).snapshot("cli-test-no-component");
}
