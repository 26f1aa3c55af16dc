//! What a handler may answer.

use serde_json::{Value, json};

use super::{each, event, plain, small};

const VERDICTS: [&str; 8] = [
    "ack",
    "skip",
    "retry",
    "retry:250ms",
    "dead-letter:not for us",
    "error:Boom:it broke",
    "error:timeout:a name that is the host's own",
    "publish:denied.topic",
];

#[test]
fn each_is_shown_and_none_is_a_failure_of_the_command() {
    small(&VERDICTS, &[]).expect(0).snapshot("cli-test-verdicts");
}

#[test]
fn imports_are_shown_with_their_event() {
    let steps = ["log:one;log:two \u{1b}[31mred;count:seen;publish:granted.topic", "log:three;error:Boom:after a line"];
    small(&steps, &[]).expect(0).snapshot("cli-test-imports");
}

#[test]
fn as_json_each_try_is_one_object() {
    let outcome = small(&VERDICTS, &["--json"]).expect(0).without_log();
    assert_eq!(outcome.stderr, "", "{outcome}");
    let lines = outcome.json_lines();
    assert_eq!(lines.len(), VERDICTS.len(), "{outcome}");
    let fields = [
        "event",
        "id",
        "type",
        "attempt",
        "verdict",
        "error_type",
        "message",
        "retry_after_ms",
        "logs",
        "metrics",
        "published",
        "wall_ms",
        "cpu_ms",
        "memory_bytes",
    ];
    for (offset, line) in lines.iter().enumerate() {
        let names: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(names, fields);
        let place = format!("shop.stream/0/{offset}");
        assert_eq!((&line["event"], &line["id"]), (&json!(place), &json!(place)));
        assert_eq!((&line["type"], &line["attempt"]), (&json!("Tried"), &json!(1)));
        assert_eq!((&line["logs"], &line["metrics"], &line["published"]), (&json!([]), &json!([]), &json!([])));
        let (wall, cpu) = (line["wall_ms"].as_f64().unwrap(), line["cpu_ms"].as_f64().unwrap());
        assert!(0.0 < wall && wall < 1000.0 && 0.0 < cpu && cpu < 50.0, "{line}");
        let memory = line["memory_bytes"].as_u64().unwrap();
        assert!((64 << 10..=16 << 20).contains(&memory), "{line}");
    }
    let verdicts = ["ack", "skip", "retry", "retry", "dead-letter", "error", "error", "error"];
    assert_eq!(each(&lines, "verdict"), verdicts);
    let types = [
        Value::Null,
        Value::Null,
        json!("retry"),
        json!("retry"),
        json!("rejected"),
        json!("Boom"),
        json!("_other"),
        json!("denied"),
    ];
    assert_eq!(each(&lines, "error_type"), types.iter().collect::<Vec<_>>());
    assert_eq!(lines[4]["message"], "not for us");
    assert_eq!(lines[5]["message"], "it broke");
    assert_eq!(lines[6]["message"], "a name that is the host's own");
    assert!(lines[7]["message"].as_str().unwrap().contains("denied.topic"), "{}", lines[7]);
}

#[test]
fn as_json_imports_are_fields() {
    let outcome = small(&["log:one;count:seen;publish:granted.topic", "publish:granted.topic;skip"], &["--json"]);
    let lines = outcome.expect(0).json_lines();
    assert_eq!(lines[0]["logs"], json!([{ "level": "info", "message": "one" }]));
    assert_eq!(lines[0]["metrics"], json!(["seen +1"]));
    let published = json!({
        "topic": "granted.topic",
        "key": "k",
        "headers": [["event_type", "Tried"], ["probe", "log:one;count:seen;publish:granted.topic"]],
        "value": { "n": 1 },
    });
    assert_eq!(lines[0]["published"], json!([published]));
    assert_eq!(lines[1]["published"], json!([]), "what is not acknowledged is not published");
}

#[test]
fn an_event_that_is_not_wanted_is_not_tried() {
    let config = "[[handler]]\nname = \"probe\"\ncomponent = \"handlers/probe.wasm\"\nevents = [\"Other*\"]\n";
    let deployment = super::deployment(config, &event("trap"));
    let arguments = ["test", "handlers/probe.wasm", "-c", "sandbus.toml", "--handler", "probe", "-e", "events.jsonl"];
    let outcome = super::Outcome::of(&deployment, &arguments).expect(0);
    outcome.snapshot("cli-test-not-wanted");
}

#[test]
fn what_the_guest_sees_is_what_the_line_says() {
    let line = json!({
        "topic": "elsewhere", "partition": 7, "offset": 42, "timestamp": 1_000, "key_base64": "/wA=",
        "headers": [["event_type", "T"], ["event_id", "e-1"]], "value_base64": "/wE=",
    });
    let outcome = plain(&line.to_string(), &["--json", "--set", "results=seen", "--grant-publish", "seen"]).expect(0);
    let tried = outcome.json();
    assert_eq!((&tried["event"], &tried["id"]), (&json!("elsewhere/7/42"), &json!("e-1")));
    let seen = &tried["published"][0];
    assert_eq!((&seen["key_base64"], &seen["value_base64"]), (&json!("/wA="), &json!("/wE=")), "{seen}");
    for header in [["probe_topic", "elsewhere"], ["probe_partition", "7"], ["probe_offset", "42"]] {
        assert!(seen["headers"].as_array().unwrap().contains(&json!(header)), "{header:?} in {seen}");
    }
}
