//! `sandbus demo`, as a newcomer runs it: nothing is there but the build.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use regex_lite::Regex;
use sandbus_tests::Deployment;
use sandbus_tests::host::{Metrics, built};
use serde_json::Value;

use super::cli_outcome::Outcome;

/// What a newcomer waits for.
const PATIENCE: Duration = Duration::from_secs(30);
const EVENTS: u64 = 3000;

/// A folder for what the demo leaves behind, so that runs side by side do not meet.
fn place() -> Deployment {
    let deployment = Deployment::new("");
    let directory = deployment.directory().display().to_string();
    deployment.env("TMPDIR", &directory)
}

struct Shown {
    outcome: Outcome,
    took: Duration,
    result: Value,
    metrics: String,
}

/// One run for all tests that look at it.
static SHOWN: LazyLock<Shown> = LazyLock::new(|| {
    let place = place();
    let start = Instant::now();
    let outcome = Outcome::of(&place, &["demo", "--json"]).expect(0);
    let took = start.elapsed();
    let result = outcome.json();
    let path = result["metrics"].as_str().unwrap_or_else(|| panic!("no metrics in {result}"));
    let metrics = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Shown { outcome, took, result, metrics }
});

impl Shown {
    fn handlers(&self) -> &[Value] {
        self.result["handlers"].as_array().expect("handlers are a list")
    }

    fn metrics(&self) -> Metrics {
        Metrics::parse(&self.metrics).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn verdicts(handler: &Value, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| handler["verdicts"].get(name)).map(number).sum()
}

/// Dead letters by reason and error type.
fn dead_letters(handler: &Value) -> BTreeMap<(String, String), u64> {
    let list = handler["dead_letters"].as_array().expect("dead letters are a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let entry = |letter: &Value| ((text(&letter["reason"]), text(&letter["error_type"])), number(&letter["count"]));
    list.iter().map(entry).collect()
}

#[test]
fn it_is_over_before_anybody_wonders() {
    assert!(SHOWN.took < PATIENCE, "{:?}", SHOWN.took);
}

#[test]
fn every_event_is_accounted_for() {
    let result = &SHOWN.result;
    assert_eq!(number(&result["consumed"]), EVENTS, "{result}");
    // `audit` takes every event, so what it was not given was given to nobody.
    let audit = SHOWN.handlers().iter().find(|handler| handler["name"] == "audit").unwrap();
    assert_eq!(number(&audit["events"]) + number(&result["undecodable"]), EVENTS, "{result}");
    for handler in SHOWN.handlers() {
        let dead: u64 = dead_letters(handler).values().sum();
        let ends = verdicts(handler, &["ack", "skip"]) + dead;
        assert_eq!(number(&handler["events"]), ends, "the ends of {handler}");
        let tries = verdicts(handler, &["ack", "skip", "retry", "error", "fault", "dead-letter"]);
        assert_eq!(tries, ends + number(&handler["retries"]), "the tries of {handler}");
    }
}

#[test]
fn the_same_events_come_to_the_same_ends_every_time() {
    let mut ends = BTreeMap::new();
    for handler in SHOWN.handlers() {
        let name = handler["name"].as_str().unwrap();
        let counts = ["ack", "skip", "retry", "error", "fault", "dead-letter"].map(|v| verdicts(handler, &[v]));
        assert!(ends.insert(name, (counts, dead_letters(handler))).is_none(), "{name} twice");
    }
    let letters = |letters: &[(&str, &str, u64)]| -> BTreeMap<(String, String), u64> {
        letters.iter().map(|(reason, kind, count)| (((*reason).into(), (*kind).into()), *count)).collect()
    };
    let expected = BTreeMap::from([
        ("audit", ([2999, 0, 0, 0, 0, 0], letters(&[]))),
        ("notify", ([1500, 749, 0, 0, 0, 0], letters(&[]))),
        // Three empty baskets, each tried four times.
        ("order-projection", ([822, 0, 0, 12, 0, 0], letters(&[("max_retries_exceeded", "empty_order", 3)]))),
        // One division by zero, tried four times; 63 payments whose provider answers at the third try.
        (
            "payment-check",
            ([734, 0, 126, 0, 4, 15], letters(&[("max_retries_exceeded", "trap", 1), ("rejected", "rejected", 15)])),
        ),
    ]);
    assert_eq!(ends, expected);
    assert_eq!(number(&SHOWN.result["undecodable"]), 1);
    assert_eq!(number(&SHOWN.result["published"]), 1500, "one for each ack of `notify`");
}

#[test]
fn times_are_those_of_a_machine() {
    for handler in SHOWN.handlers() {
        let time = |name: &str| handler[name].as_f64().unwrap_or_else(|| panic!("{name} of {handler}"));
        let (median, late, cpu) = (time("p50_ms"), time("p99_ms"), time("cpu_us_per_try"));
        assert!(0.0 < median && median <= late && late < 10_000.0, "{handler}");
        assert!(0.0 < cpu && cpu < 1e6, "{handler}");
    }
}

#[test]
fn the_metrics_agree() {
    let metrics = SHOWN.metrics();
    let sum = |name: &str, labels: &[(&str, &str)]| metrics.sum(name, labels).unwrap_or_default();
    assert_eq!(sum("kafka_eventbus_messages_consumed_total", &[]), EVENTS as f64);
    let published = number(&SHOWN.result["published"]) as f64;
    assert_eq!(sum("kafka_eventbus_messages_published_total", &[]), published);

    let mut dead = BTreeMap::from([(
        ("deserialization_error".to_owned(), "deserialization_error".to_owned()),
        number(&SHOWN.result["undecodable"]),
    )]);
    for handler in SHOWN.handlers() {
        let name = handler["name"].as_str().unwrap();
        let labels = [("handler_name", name)];
        let worked = verdicts(handler, &["ack", "skip"]) as f64;
        assert_eq!(sum("kafka_eventbus_handler_invocations_total", &labels), worked, "{name}");
        let failed = verdicts(handler, &["retry", "error", "fault", "dead-letter"]) as f64;
        assert_eq!(sum("kafka_eventbus_handler_errors_total", &labels), failed, "{name}");
        assert_eq!(sum("kafka_eventbus_handler_duration_count", &labels), worked + failed, "{name}");
        assert_eq!(sum("sandbus_handler_retries_total", &labels), number(&handler["retries"]) as f64, "{name}");
        assert_eq!(sum("sandbus_handler_faults_total", &labels), verdicts(handler, &["fault"]) as f64, "{name}");
        for (letter, count) in dead_letters(handler) {
            *dead.entry(letter).or_default() += count;
        }
    }
    for ((reason, kind), count) in &dead {
        let labels = [("dlq_reason", reason.as_str()), ("error_type", kind.as_str())];
        assert_eq!(sum("kafka_eventbus_messages_dlq_total", &labels), *count as f64, "{labels:?}");
    }
    let all: u64 = dead.values().sum();
    assert_eq!(sum("kafka_eventbus_messages_dlq_total", &[]), all as f64);
}

#[test]
fn as_json_there_is_nothing_else_on_stdout() {
    assert_eq!(SHOWN.outcome.stdout.lines().count(), 1, "{}", SHOWN.outcome);
}

#[test]
fn people_get_a_table() {
    let mut outcome = Outcome::of(&place(), &["demo", "--events", "500"]).expect(0);
    assert!(!outcome.stdout.contains('\x1b') && !outcome.stderr.contains('\x1b'), "colours without a terminal");
    // Events, verdicts and dead letters are the same every time; what is measured is not, nor is progress.
    let measured = Regex::new(r" +\d+\.\d+\b").unwrap();
    let table = measured.replace_all(&outcome.stdout, " [MEASURED]").into_owned();
    outcome.stdout = table;
    outcome.stderr.clear();
    outcome.snapshot("cli-demo-table");
}

#[test]
fn too_little_time_is_a_failure_that_says_so() {
    let outcome = Outcome::of(&place(), &["demo", "--timeout", "1ms", "--json"]);
    assert_eq!(outcome.status, 1, "{outcome}");
    assert!(outcome.stderr.contains("within 1ms"), "{outcome}");
}

#[test]
fn handlers_that_happen_to_be_here_take_no_part() {
    let place = place().handler("stray", "probe-rust").write("handlers/broken.wasm", "not a component");
    let result = Outcome::of(&place, &["demo", "--events", "100", "--json"]).expect(0).json();
    let names: Vec<_> = result["handlers"].as_array().unwrap().iter().map(|handler| &handler["name"]).collect();
    assert_eq!(names, ["order-projection", "payment-check", "notify", "audit"]);
}

#[test]
fn a_missing_folder_of_components_says_how_to_get_one() {
    let outcome = Outcome::of(&place(), &["demo", "--components", "nowhere"]).expect(1);
    assert!(outcome.stderr.contains("make build"), "{outcome}");
    outcome.snapshot("cli-demo-no-components");
}

#[test]
fn a_component_that_is_none_is_named() {
    let place = ["payment-check", "notify", "audit"].iter().fold(place(), |place, name| {
        let bytes = fs::read(built::component(&format!("{name}-rust"))).unwrap();
        place.write(&format!("mine/{name}-rust.wasm"), bytes)
    });
    let place = place.write("mine/order-projection-rust.wasm", "not a component");
    Outcome::of(&place, &["demo", "--components", "mine"]).expect(1).snapshot("cli-demo-wrong-component");
}
