//! Handlers of all languages in one host on one topic, at the same time. Each gets every event, and each one's numbers on
//! `/metrics` are its own, by `handler.name`. First the probe of each language, then the shop's example handlers in each that
//! they are written in.

use std::collections::BTreeMap;

use sandbus_tests::host::{Metrics, built};
use sandbus_tests::{LANGUAGES, Record, StoredRecord, Topic};

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

/// How often an event is tried that fails each time.
const TRIES: usize = 3;

/// A handler of the shop, in the languages that it is written in, and how the tries of all events of [`shop`] end.
struct Example {
    name: &'static str,
    languages: &'static [&'static str],
    verdicts: &'static [(&'static str, usize)],
    publishes: usize,
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "order-projection",
        languages: &["rust", "python"],
        verdicts: &[("ack", 30 + 8), ("error", TRIES * (3 + 2))],
        publishes: 0,
    },
    Example {
        name: "notify",
        languages: &["rust", "ts"],
        verdicts: &[("ack", 30 + 3 + 8), ("skip", 5), ("error", TRIES * 2)],
        publishes: 30 + 3 + 8,
    },
    Example {
        name: "payment-check",
        languages: &["rust", "go"],
        verdicts: &[("ack", 20), ("dead-letter", 4 + 6), ("retry", (TRIES - 1) * 6)],
        publishes: 0,
    },
    Example { name: "plain", languages: &["c"], verdicts: &[("ack", 30 + 3 + 2 + 8 + 5 + 20 + 4 + 6)], publishes: 0 },
];

/// Types and bodies, and how many of each are written.
fn shop() -> Vec<Record> {
    let created = |items: &str| format!(r#"{{"order_id":"o-1","currency":"EUR","items":{items}}}"#);
    let kinds = [
        ("OrderCreated", created(r#"[{"quantity":2,"price_cents":150}]"#), 30),
        ("OrderCreated", created("[]"), 3),
        ("OrderCreated", "no JSON".to_owned(), 2),
        ("OrderCancelled", r#"{"order_id":"o-1","reason":"too late"}"#.to_owned(), 8),
        ("OrderPicked", r#"{"order_id":"o-1"}"#.to_owned(), 5),
        ("PaymentRequested", payment("alpha", "4242", 1), 20),
        ("PaymentRequested", payment("alpha", "0002", 1), 4),
        // Refused when the provider has come back, at the third try.
        ("PaymentRequested", payment("beta", "0069", 1), 6),
    ];
    let each = |(kind, body, times): (&str, String, usize)| vec![Record::event(kind, &body); times];
    kinds.into_iter().flat_map(each).collect()
}

fn payment(provider: &str, card: &str, installments: u32) -> String {
    format!(
        "{{\"payment_id\":\"p-1\",\"amount_cents\":1000,\"installments\":{installments},\"currency\":\"EUR\",\
         \"provider\":\"{provider}\",\"card_last4\":\"{card}\"}}"
    )
}

#[test]
fn the_examples_of_all_languages_work_in_one_host_as_their_table_says() {
    let mut stage = Stage::new(PARTITIONS);
    let mut published = BTreeMap::new();
    for Example { name, languages, .. } in EXAMPLES {
        for language in *languages {
            let topic = Topic::create(&stage.connection, 1);
            stage = stage.handler(&example(name, language, topic.name()));
            published.insert((*name, *language), topic);
        }
    }
    let host = stage.start();
    let mut records = shop();
    fastrand::shuffle(&mut records);
    let written = i64::try_from(records.len()).expect("a small number");
    stage.topic.write(records);
    stage.wait_final(written);

    let metrics = host.metrics();
    let mut wrong = Vec::new();
    for Example { name, languages, verdicts, publishes } in EXAMPLES {
        for language in *languages {
            let handler = format!("{name}-{language}");
            for verdict in ["ack", "skip", "retry", "dead-letter", "error", "fault"] {
                let expected = verdicts.iter().find(|(known, _)| *known == verdict).map_or(0, |(_, times)| *times);
                let labels = [("handler_name", &*handler), ("verdict", verdict)];
                let found = metrics.sum("sandbus_handler_verdicts_total", &labels).unwrap_or_default();
                if found != expected as f64 {
                    wrong.push(format!("{handler}: {found} times {verdict} instead of {expected}"));
                }
            }
            let topic = &published[&(*name, *language)];
            assert_eq!(topic.read().len(), *publishes, "{handler} publishes");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    // The same words, whoever says them.
    let words = |language: &str| -> Vec<StoredRecord> { published[&("notify", language)].read() };
    let sorted = |records: Vec<StoredRecord>| {
        let mut texts: Vec<String> = records.iter().map(|record| record.text().to_owned()).collect();
        texts.sort_unstable();
        texts
    };
    assert_eq!(sorted(words("rust")), sorted(words("ts")));

    // The bug in payment-check: what traps in Rust, Go can catch.
    stage.topic.write([Record::event("PaymentRequested", &payment("alpha", "4242", 0))]);
    stage.wait_final(written + 1);
    let metrics = host.metrics();
    for (handler, kind) in [("payment-check-rust", "trap"), ("payment-check-go", "panic")] {
        let labels = [("handler_name", handler), ("error_type", kind)];
        assert_eq!(metrics.sum("kafka_eventbus_handler_errors_total", &labels), Some(TRIES as f64), "{handler}");
    }
}

fn example(name: &str, language: &str, topic: &str) -> String {
    format!(
        "
[[handler]]
name = \"{name}-{language}\"
component = {component:?}
concurrency = 1
max_retries = {retries}
retry_base_delay = \"10ms\"
quarantine_tries = 0
timeout = \"60s\"
[handler.config]
topic = {topic:?}
provider_retry_ms = 10
[handler.grants]
publish = [{topic:?}]
",
        component = built::component(&format!("{name}-{language}")).display().to_string(),
        retries = TRIES - 1,
    )
}
