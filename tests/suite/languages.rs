//! Handlers of all languages in one host on one topic, at the same time. Each gets every event, and each one's numbers on
//! `/metrics` are its own, by `handler.name`.

use std::collections::BTreeMap;

use sandbus_tests::host::{Metrics, built};
use sandbus_tests::{LANGUAGES, Record};

use crate::delivery::stage::{Stage, event};

/// Steps, for how many events, and what the tries of one end in with one retry.
const STEPS: [(&str, usize, &[&str]); 7] = [
    ("ack", 200, &["ack"]),
    ("skip", 20, &["skip"]),
    ("count:seen", 30, &["ack"]),
    ("until:2:retry;ack", 10, &["retry", "ack"]),
    ("until:2:error:Broken:once;ack", 15, &["error Broken", "ack"]),
    ("error:Stuck:always", 5, &["error Stuck", "error Stuck"]),
    ("dead-letter:no use", 7, &["dead-letter"]),
];
/// Written when all others are final, one after the other: what ends in a fault with others in one frame has them run
/// again, and a retry among them counts as one more.
const TRAPS: usize = 3;
const PARTITIONS: i32 = 3;

#[test]
fn all_languages_work_in_one_host_and_each_is_counted_for_itself() {
    let mut stage = Stage::new(PARTITIONS);
    for language in LANGUAGES {
        let handler = handler(language, stage.results.name());
        stage = stage.handler(&handler);
    }
    let host = stage.start();

    let mut records: Vec<Record> = Vec::new();
    for (steps, times, _) in STEPS {
        records.extend((0..times).map(|number| event(&format!("{steps} {number}"), steps)));
    }
    // Mixed, and differently in each run.
    fastrand::shuffle(&mut records);
    let written = i64::try_from(records.len()).expect("a small number");
    stage.topic.write(records);
    stage.wait_final(written);
    let mut all = written;
    for number in 0..TRAPS {
        stage.topic.write([event(&format!("trap {number}"), "trap")]);
        all += 1;
        stage.wait_final(all);
    }

    let metrics = host.metrics();
    let wrong: Vec<String> = LANGUAGES.iter().flat_map(|language| wrong_counts(&metrics, language)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(metrics.sum("kafka_eventbus_messages_consumed_total", &[]), Some(all as f64), "once for the group");
    assert_acks(&stage);
}

fn handler(language: &str, results: &str) -> String {
    // A careless neighbour's time is a processor's, and a machine that has other work gives it late.
    format!(
        "
[[handler]]
name = \"probe-{language}\"
component = {component:?}
concurrency = 1
max_retries = 1
retry_base_delay = \"10ms\"
quarantine_tries = 0
timeout = \"60s\"
[handler.config]
results = {results:?}
name = \"probe-{language}\"
[handler.grants]
publish = [{results:?}]
",
        component = built::component(&format!("probe-{language}")).display().to_string(),
    )
}

/// What the tries of all events end in, and how often.
fn tries() -> BTreeMap<&'static str, usize> {
    let mut tries = BTreeMap::from([("fault trap", 2 * TRAPS)]);
    for (_, times, ends) in STEPS {
        ends.iter().for_each(|end| *tries.entry(end).or_default() += times);
    }
    tries
}

fn wrong_counts(metrics: &Metrics, language: &str) -> Vec<String> {
    let handler = format!("probe-{language}");
    let tries = tries();
    let of = |end: &str| tries.get(end).copied().unwrap_or_default();
    let starting = |start: &str| -> usize {
        tries.iter().filter(|(end, _)| end.split(' ').next() == Some(start)).map(|(_, times)| times).sum()
    };
    let mut expected = Vec::new();
    for verdict in ["ack", "skip", "retry", "dead-letter", "error", "fault"] {
        expected.push(("sandbus_handler_verdicts_total", Some(("verdict", verdict)), starting(verdict)));
    }
    for (kind, end) in [
        ("retry", "retry"),
        ("Broken", "error Broken"),
        ("Stuck", "error Stuck"),
        ("rejected", "dead-letter"),
        ("trap", "fault trap"),
    ] {
        expected.push(("kafka_eventbus_handler_errors_total", Some(("error_type", kind)), of(end)));
    }
    expected.push((
        "kafka_eventbus_handler_errors_total",
        None,
        tries.values().sum::<usize>() - of("ack") - of("skip"),
    ));
    expected.push(("kafka_eventbus_handler_invocations_total", None, of("ack") + of("skip")));
    expected.push(("sandbus_handler_faults_total", Some(("error_type", "trap")), of("fault trap")));
    expected.push(("sandbus_handler_faults_total", None, of("fault trap")));
    expected.push(("sandbus_handler_retries_total", None, 10 + 15 + 5 + TRAPS));
    expected.push(("sandbus_guest_counter_seen_total", None, 30));
    let differs = |(name, label, count): (&str, Option<(&str, &str)>, usize)| {
        let labels: Vec<_> = [("handler_name", handler.as_str())].into_iter().chain(label).collect();
        let found = metrics.sum(name, &labels).unwrap_or_default();
        (found != count as f64).then(|| format!("{name} {labels:?} is {found} instead of {count}"))
    };
    expected.into_iter().filter_map(differs).collect()
}

/// Each language acknowledged each event that ends in `ack` once, and said so itself.
#[track_caller]
fn assert_acks(stage: &Stage) {
    let acks = stage.acks();
    for language in LANGUAGES {
        let own: Vec<_> = acks.iter().filter(|ack| ack.handler == format!("probe-{language}")).collect();
        assert_eq!(own.len(), tries()["ack"], "{language}");
        let mut places: Vec<_> = own.iter().map(|ack| ack.place()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), own.len(), "{language} acknowledged an event twice");
        assert!(own.iter().all(|ack| ack.record.header("probe_language") == Some(language)), "{language}");
    }
    assert_eq!(acks.len(), LANGUAGES.len() * tries()["ack"]);
}
