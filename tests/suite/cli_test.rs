//! `sandbus test` with the probe, which does what each event tells it to.

mod faults;
mod input;
mod options;
mod verdicts;

use sandbus_tests::Deployment;
use serde_json::{Value, json};

use super::cli_outcome::Outcome;

/// Limits that a misbehaving event reaches at once.
const SMALL: &str = r#"
[kafka]
topic_prefix = "shop"

[[handler]]
name = "probe"
component = "handlers/probe.wasm"
timeout = "1s"
cpu_time = "50ms"
memory = "16MiB"

[handler.limits]
logs = 3
publishes = 2
result = "10KiB"
hostcall = "1MiB"

[handler.grants]
publish = ["granted.*"]
"#;

/// One event that carries out `steps`, as a line.
fn event(steps: &str) -> String {
    json!({ "type": "Tried", "key": "k", "headers": { "probe": steps }, "value": { "n": 1 } }).to_string()
}

fn deployment(config: &str, events: &str) -> Deployment {
    Deployment::new(config).handler("probe", "probe-rust").write("events.jsonl", events)
}

/// Under the limits of [`SMALL`].
#[track_caller]
fn small(steps: &[&str], arguments: &[&str]) -> Outcome {
    let events: Vec<String> = steps.iter().map(|steps| event(steps)).collect();
    let fixed = ["test", "handlers/probe.wasm", "-c", "sandbus.toml", "--handler", "probe", "-e", "events.jsonl"];
    Outcome::of(&deployment(SMALL, &events.join("\n")), &[&fixed, arguments].concat())
}

/// Without a configuration.
#[track_caller]
fn plain(events: &str, arguments: &[&str]) -> Outcome {
    let fixed = ["test", "handlers/probe.wasm", "--events", "events.jsonl"];
    Outcome::of(&deployment("", events), &[&fixed, arguments].concat())
}

/// The value of each line's field.
fn each<'a>(lines: &'a [Value], field: &str) -> Vec<&'a Value> {
    lines.iter().map(|line| &line[field]).collect()
}
