//! `sandbus bench`: that every record is counted, and what it prints. How fast anything is, is not tested: this
//! machine has other work.

use std::time::Duration;

use sandbus_tests::kafka::environment;
use sandbus_tests::{Collector, Connection, Deployment, Topic};
use serde_json::Value;

use crate::cli_outcome::Outcome;

/// On a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(150);

fn bench(arguments: &[&str]) -> Outcome {
    let connection = Connection::shared();
    let mut all = vec!["bench", "--bootstrap-servers", connection.bootstrap()];
    all.extend(arguments);
    Outcome::from(Deployment::new("").run(&all, b"", PATIENCE))
}

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|value| value > 0.0)
}

/// What each contender counted in its only round.
#[track_caller]
fn counted(result: &Value) -> Vec<(&str, u64)> {
    let contenders = result["contenders"].as_array().unwrap_or_else(|| panic!("no contenders in {result}"));
    let each = contenders.iter().map(|contender| {
        assert_eq!(contender["rounds"].as_array().map(Vec::len), Some(1), "{contender}");
        assert!(positive(&contender["events_per_second"]["median"]), "{contender}");
        assert!(positive(&contender["cpu_us_per_event"]["median"]), "{contender}");
        (contender["name"].as_str().unwrap(), contender["rounds"][0]["counted"].as_u64().unwrap())
    });
    each.collect()
}

#[test]
fn every_contender_handles_every_record() {
    let outcome = bench(&["--records", "20000", "--fresh-records", "2000", "--rounds", "1", "--json"]).expect(0);
    let result = outcome.json();
    let all = [("bare", 20_000), ("native", 20_000), ("packed", 20_000), ("typed", 20_000), ("fresh", 2_000)];
    assert_eq!(counted(&result), all);
    for ratio in ["packed_bare", "packed_native", "typed_bare", "fresh_bare"] {
        assert!(positive(&result["ratios"][ratio]), "{ratio} in {result}");
    }
    assert!(result["machine"]["cores"].as_u64() > Some(0), "{result}");
    assert_eq!(result["settings"]["size"], 1024);
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn orders_are_parsed_and_every_instance_counts() {
    let arguments =
        ["--handler", "json", "--contenders", "native,packed,typed", "--instances", "7", "--partitions", "1"];
    let mut arguments = arguments.to_vec();
    arguments.extend(["--records", "5000", "--rounds", "1", "--json", "--no-metrics"]);
    let result = bench(&arguments).expect(0).json();
    assert_eq!(counted(&result), [("native", 5000), ("packed", 5000), ("typed", 5000)]);
}

#[test]
fn every_handler_handles_every_record() {
    let broker = std::env::var(environment::PROCESS).unwrap();
    let arguments = ["--handlers", "3", "--contenders", "bare,native,packed,typed,fresh", "--fresh-records", "500"];
    let mut arguments = arguments.to_vec();
    arguments.extend(["--records", "4000", "--rounds", "1", "--broker-process", &broker, "--json"]);
    let result = bench(&arguments).expect(0).json();
    let all = [("bare", 4000), ("native", 4000), ("packed", 4000), ("typed", 4000), ("fresh", 500)];
    assert_eq!(counted(&result), all);
    assert_eq!(result["settings"]["handlers"], 3);
    for contender in result["contenders"].as_array().unwrap() {
        let round = &contender["rounds"][0];
        let handlers = if contender["name"] == "bare" { 1.0 } else { 3.0 };
        let [events, deliveries] =
            ["events_per_second", "deliveries_per_second"].map(|name| round[name].as_f64().unwrap());
        // Both are rounded.
        assert!((deliveries - events * handlers).abs() <= 2.0, "{contender}");
        assert!(round["broker_cpu_us_per_event"].is_number(), "{contender}");
        let memory = ["before", "loaded", "after", "peak"].map(|name| round["memory"][name].as_u64().unwrap());
        assert!(memory.iter().all(|bytes| (1..=memory[3]).contains(bytes)), "{contender}");
    }
    for kind in ["engine", "kafka", "guest"] {
        let threads = &result["contenders"][2]["rounds"][0]["threads"][kind];
        assert!(positive(&threads["cpu_us_per_event"]) && positive(&threads["number"]), "{kind} in {result}");
    }
}

#[test]
fn a_value_may_have_a_mebibyte() {
    let shape = ["--size", "1048576", "--headers", "20", "--records", "20", "--fresh-records", "20"];
    let result = bench(&[&shape[..], &["--rounds", "1", "--json"]].concat()).expect(0).json();
    let all = [("bare", 20), ("native", 20), ("packed", 20), ("typed", 20), ("fresh", 20)];
    assert_eq!(counted(&result), all);
}

#[test]
fn what_is_published_is_there() {
    let arguments = ["--handler", "publish", "--contenders", "native,packed", "--records", "3000", "--rounds", "1"];
    let outcome = bench(&arguments).expect(0);
    assert!(outcome.stdout.contains("handler publish"), "{outcome}");
    let outcome = bench(&[&arguments[..], &["--handlers", "2"]].concat()).expect(0);
    assert!(outcome.stdout.contains("deliveries/s to 2 handlers"), "{outcome}");
}

#[test]
fn what_telemetry_costs_is_measured_on_and_off_by_turns() {
    let collector = Collector::start();
    let arguments = ["--telemetry-cost", "--records", "3000", "--rounds", "2", "--json"];
    let result = bench(&[&arguments[..], &["--otlp-endpoint", &collector.http()]].concat()).expect(0).json();
    let rows = result["telemetry_cost"].as_array().unwrap();
    let names: Vec<_> =
        rows.iter().map(|row| [&row["contender"], &row["telemetry"]].map(|of| of.as_str().unwrap())).collect();
    let ways = ["off", "metrics", "tracing", "otlp-metrics", "otlp-traces"];
    let expected: Vec<_> = ["packed", "typed"].into_iter().flat_map(|of| ways.map(|way| [of, way])).collect();
    assert_eq!(names, expected);
    for row in rows {
        assert_eq!(row["rounds"].as_array().map(Vec::len), Some(1), "the first is a warm-up: {row}");
        assert_eq!(row["rounds"][0]["counted"], 3000);
        for of_off in ["events_per_second_of_off", "cpu_of_off"] {
            let median = row[of_off]["median"].as_f64().unwrap();
            assert!(if row["telemetry"] == "off" { median == 1.0 } else { median > 0.0 }, "{of_off} of {row}");
        }
    }
    assert!(!collector.spans().is_empty(), "traces were sent where they are said to be");
    let metrics = collector.series();
    assert!(metrics.iter().any(|of| of.name == "kafka.eventbus.handler.duration"), "and metrics");

    let without = bench(&arguments).expect(0).json();
    let ways = without["telemetry_cost"].as_array().unwrap().len();
    assert_eq!(ways, 6, "nothing is sent without a receiver: {without}");
}

#[test]
fn latency_is_measured_at_the_rates_that_are_asked_for() {
    let rates = ["--rates", "200,500", "--latency-time", "1s", "--latency-rounds", "2", "--json"];
    let result = bench(&[&["--rounds", "0", "--latency"], &rates[..]].concat()).expect(0).json();
    let steps = result["latency"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 12, "three contenders, two rates, two rounds: {result}");
    let medians = result["latency"]["medians"].as_array().unwrap();
    assert_eq!(medians.len(), 6, "{result}");
    for median in medians {
        let of = |step: &&Value| step["contender"] == median["contender"] && step["rate"] == median["rate"];
        let p99: f64 = steps.iter().filter(of).map(|step| step["p99_ms"].as_f64().unwrap()).sum();
        assert!((median["p99_ms"].as_f64().unwrap() - p99 / 2.0).abs() < 1e-6, "{median} of {result}");
        assert!(positive(&median["p99_of_bare"]["median"]), "{median}");
    }
    for step in steps {
        assert_eq!(step["records"], step["rate"], "one second of it: {step}");
        assert!(positive(&step["p50_ms"]) && step["p99_ms"].as_f64() <= step["max_ms"].as_f64(), "{step}");
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let empty = Topic::create(&Connection::shared(), 1);
    let outcome = bench(&["--topic", empty.name(), "--rounds", "1"]).expect(1);
    assert!(outcome.stderr.contains("there is nothing to read"), "{outcome}");
    let wrong: [(&[&str], &str); 6] = [
        (&["--handler", "json", "--size", "10"], "--size"),
        (&["--handler", "publish", "--size", "1000001"], "--size"),
        (&["--handlers", "1000", "--instances", "11"], "--instances"),
        (&["--broker-process", "0"], "--broker-process"),
        (&["--telemetry-cost", "--contenders", "bare,packed"], "--contenders"),
        (&["--otlp-endpoint", "http://localhost:4317"], "--telemetry-cost"),
    ];
    for (arguments, named) in wrong {
        let outcome = bench(arguments).expect(2);
        assert!(outcome.stderr.contains(named), "{outcome}");
    }
    let outcome = Outcome::from(Deployment::new("").run(&["bench", "-b", "127.0.0.1:1"], b"", PATIENCE)).expect(1);
    assert!(outcome.stderr.contains("127.0.0.1:1"), "{outcome}");
}
