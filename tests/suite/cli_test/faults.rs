//! What a handler must not do.

use serde_json::json;

use super::{each, event, plain, small};

const FAULTS: [(&str, &str); 10] = [
    ("trap", "trap"),
    ("recurse", "stack_overflow"),
    ("loop", "cpu_time"),
    ("spin:10s", "cpu_time"),
    ("sleep:60s", "timeout"),
    ("alloc:100MiB", "memory"),
    ("result:1MiB", "result_size"),
    ("result:5MiB", "result_size"),
    ("log-flood:100000", "log_quota"),
    ("publish:granted.a;publish:granted.b;publish:granted.c", "publish_quota"),
];

#[test]
fn each_is_named_and_makes_the_command_fail() {
    let steps = FAULTS.map(|(steps, _)| steps);
    let outcome = small(&steps, &["--json"]).expect(1);
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome}");
    let lines = outcome.json_lines();
    assert_eq!(each(&lines, "error_type"), FAULTS.map(|(_, fault)| fault));
    for line in &lines {
        assert_eq!((&line["verdict"], &line["attempt"], &line["published"]), (&json!("fault"), &json!(1), &json!([])));
        assert_ne!(line["message"], "", "{line}");
    }
    assert_eq!(lines[8]["logs"].as_array().unwrap().len(), 3, "{}", lines[8]);
}

#[test]
fn people_read_which_limit_it_was() {
    // Without the one whose message holds a measured time.
    let steps: Vec<_> = FAULTS.iter().map(|(steps, _)| *steps).filter(|s| !["loop", "spin:10s"].contains(s)).collect();
    small(&steps, &[]).expect(1).snapshot("cli-test-faults");
}

#[test]
fn the_next_event_gets_another_instance() {
    let line = |steps: &str| json!({ "type": "T", "headers": { "probe": steps } }).to_string();
    let events = [line("ack"), line("ack"), line("trap"), line("ack")].join("\n");
    let outcome = plain(&events, &["--json", "--set", "results=seen", "--grant-publish", "seen"]).expect(1);
    let sequence = |line: &serde_json::Value| {
        let headers = line["published"][0]["headers"].as_array()?;
        let of = |header: &&serde_json::Value| header[0] == "probe_sequence";
        headers.iter().find(of).map(|header| header[1].as_str().unwrap().to_owned())
    };
    let sequences: Vec<_> = outcome.json_lines().iter().map(sequence).collect();
    let expected = [Some("1"), Some("2"), None, Some("1")].map(|sequence| sequence.map(ToOwned::to_owned));
    assert_eq!(sequences, expected);
}

#[test]
fn one_fault_among_many_is_enough() {
    let outcome = small(&["ack", "ack", "trap", "ack"], &["--json"]).expect(1);
    assert_eq!(each(&outcome.json_lines(), "verdict"), ["ack", "ack", "fault", "ack"]);
}

#[test]
fn a_fault_that_a_later_attempt_overcomes_is_one_still() {
    let outcome = plain(&event("until:2:trap"), &["--attempts", "3", "--json"]).expect(1);
    let lines = outcome.json_lines();
    assert_eq!(each(&lines, "verdict"), ["fault", "ack"]);
    assert_eq!(each(&lines, "attempt"), [&json!(1), &json!(2)]);
}
