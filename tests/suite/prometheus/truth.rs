//! A host at work on a real Kafka, scraped by both versions of Prometheus: every query answers with what it has to.

use std::collections::{BTreeMap, BTreeSet};

use sandbus_tests::host::Metrics;
use sandbus_tests::prometheus::{Release, Sample};
use sandbus_tests::{Host, Prometheus, Record, Topic, eventually, names};

use super::artifacts::{self, Query, RULES, Rule};
use super::promql::{Answer, Evaluation, by_labels, normalize, same, stored_labels, text};
use super::subquery::written;
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

const PARTITIONS: i32 = 3;
/// The first is there before Prometheus looks, so that rates are of the others.
const ROUNDS: usize = 40;
/// Records of a round, by type; one besides has no type that can be read.
const ROUND: [(&str, usize); 7] = [
    ("OrderPlaced", 3),
    ("OrderCancelled", 1),
    ("PaymentRequested", 3),
    ("OrderCreated", 1),
    ("Slow", 1),
    ("BigReport", 1),
    ("BadCounter", 1),
];
const UNDECODABLE: usize = 1;
/// Behind an event that does not get through.
const BEHIND: usize = 1200;
/// Of recorded aggregates: a scrape that was under way when they were evaluated may be in or not.
const RECORDED: f64 = 0.05;
/// Of a slope over seconds, which is the difference of large numbers.
const SLOPE: f64 = 1e-3;
/// Queries that ask for trouble, which a host that works has not: empty, in both phases.
const EMPTY: [&str; 2] = ["up{job=\"sandbus\"} == 0", "absent(sandbus_handler_info)"];

/// Metrics of what leaves by OTLP, which is nothing here.
const ABSENT: [&str; 2] = ["sandbus_telemetry_dropped_total", "sandbus_telemetry_export_failures_total"];

/// A host, what it reads and where it writes.
struct Scene {
    stage: Stage,
    outlet: Topic,
    small: Topic,
    host: Host,
}

impl Scene {
    #[track_caller]
    fn new() -> Scene {
        let stage = Stage::new(PARTITIONS);
        let outlet = Topic::create_named(&stage.connection, &names::unique("outlet"), 1);
        let small = Topic::create_with(&stage.connection, &names::unique("small"), 1, &[("max.message.bytes", "1000")]);
        let stage = stage
            .probe(Probe::named("all").line("max_retries = 1").publishes(outlet.name()).publishes(small.name()))
            .probe(Probe::named("orders").line("max_retries = 1\nevents = [\"Order*\"]").publishes(outlet.name()))
            .handler(
                "\n[[handler]]\nname = \"projection\"\ncomponent = \"handlers/order-projection.wasm\"\nevents = [\"OrderCreated\"]\n",
            );
        let host = stage.start();
        Scene { stage, outlet, small, host }
    }

    /// One of each kind.
    fn round(&self, round: usize) -> Vec<Record> {
        let order = r#"{"order_id":"o","currency":"EUR","items":[{"quantity":2,"price_cents":500}]}"#;
        let publish = format!("publish:{0};publish:{0};count:sent", self.outlet.name());
        let publish_small = format!("publish:{}", self.small.name());
        let large = "x".repeat(2000);
        let steps = [
            ("OrderPlaced", "{}", "ack"),
            ("OrderPlaced", "{}", "until:2:retry"),
            ("OrderPlaced", "{}", publish.as_str()),
            ("OrderCancelled", "{}", "dead-letter:no"),
            ("PaymentRequested", "{}", "skip"),
            ("PaymentRequested", "{}", "error:Broken:it"),
            ("PaymentRequested", "{}", "until:2:trap"),
            ("OrderCreated", order, "ack"),
            ("Slow", "{}", "sleep:20ms"),
            ("BigReport", large.as_str(), publish_small.as_str()),
            ("BadCounter", "{}", "count:Bad"),
        ];
        let records = steps.iter().enumerate().map(|(index, (kind, value, steps))| {
            let partition = i32::try_from((round + index) % 3).expect("a small number");
            Record::event(kind, value).partition(partition).key(format!("{index}")).header("probe", steps)
        });
        records.chain([Record::new().partition(0).header("event_type", [0xff])]).collect()
    }

    #[track_caller]
    fn work(&self, rounds: std::ops::Range<usize>, final_records: usize) {
        self.stage.topic.write(rounds.flat_map(|round| self.round(round)));
        self.stage.wait_final(final_records as i64);
    }

    /// What must stand on the host's page, of what was written and of what Kafka has.
    #[track_caller]
    fn assert_page(&self, page: &Metrics, behind: usize) {
        let stage = &self.stage;
        let mut consumed: BTreeMap<(String, String), f64> = BTreeMap::new();
        for record in stage.topic.read() {
            let kind = record.headers_named("event_type").next().flatten().unwrap_or_default();
            let kind = std::str::from_utf8(kind).unwrap_or("_other").to_owned();
            *consumed.entry((kind, record.partition.to_string())).or_default() += 1.0;
        }
        let page_consumed = page.named("kafka_eventbus_messages_consumed_total").into_iter().filter(|s| s.value > 0.0);
        let page_consumed: BTreeMap<_, _> = page_consumed
            .map(|s| ((s.labels["event_type"].clone(), s.labels["messaging_kafka_partition"].clone()), s.value))
            .collect();
        assert_eq!(page_consumed, consumed, "what was consumed is what Kafka has");

        let rounds = ROUNDS as f64;
        let is = |name: &str, labels: &[(&str, &str)], value: f64| {
            assert_eq!(page.sum(&format!("kafka_eventbus_{name}"), labels), Some(value), "{name} {labels:?}");
        };
        let invocations = "handler_invocations_total";
        for (handler, kind, of_round) in [
            ("all", "OrderPlaced", 3.0),
            ("all", "PaymentRequested", 2.0),
            ("all", "OrderCreated", 1.0),
            ("all", "Slow", 1.0),
            ("all", "BigReport", 0.0),
            ("orders", "OrderPlaced", 3.0),
            ("orders", "OrderCreated", 1.0),
            ("orders", "OrderCancelled", 0.0),
            ("projection", "OrderCreated", 1.0),
        ] {
            is(invocations, &[("handler_name", handler), ("event_type", kind)], of_round * rounds);
        }
        for (handler, error, of_round) in [
            ("all", "retry", 1.0),
            ("all", "rejected", 1.0),
            ("all", "Broken", 2.0),
            ("all", "trap", 1.0),
            ("all", "publish_rejected", 1.0),
            ("all", "bad_name", 2.0),
            ("orders", "retry", 1.0),
            ("orders", "rejected", 1.0),
        ] {
            let held = if behind > 0 && (handler, error) == ("all", "retry") { 1.0 } else { 0.0 };
            is("handler_errors_total", &[("handler_name", handler), ("error_type", error)], of_round * rounds + held);
        }
        let dead_letters = end_sum(&stage.topic.dead_letters());
        assert_eq!(dead_letters, 6.0 * rounds, "in the topic");
        assert_eq!(page.sum("kafka_eventbus_messages_dlq_total", &[]), Some(dead_letters));
        for topic in [&self.outlet, &stage.results] {
            is("messages_published_total", &[("messaging_destination", topic.name())], end_sum(topic));
        }
        self.assert_tries(page, behind);
        // What ran in a batch that ended in a trap runs again, each alone.
        let refused = page.sum("sandbus_telemetry_refused_total", &[("handler_name", "all")]);
        assert!(refused.is_some_and(|refused| refused >= 2.0 * rounds), "{refused:?}");
        is("publish_errors_total", &[("messaging_destination", self.small.name())], rounds);
        is("connections_active", &[("messaging_kafka_consumer_group", stage.group.name())], 1.0);
        if behind > 0 {
            // All but the one that holds the partition.
            is(invocations, &[("event_type", "Tried")], behind as f64 - 1.0);
        }

        let committed = stage.group.committed(&stage.topic);
        for (partition, range) in stage.topic.offsets() {
            let behind = range.end - committed[&partition].unwrap_or(range.start);
            let labels = [
                ("messaging_destination", stage.topic.name()),
                ("messaging_kafka_partition", &*partition.to_string()),
                ("messaging_kafka_consumer_group", stage.group.name()),
            ];
            is("consumer_lag", &labels, behind as f64);
        }
    }
}

/// What is tried in a round, by handler: verdicts in the order of [`VERDICTS`], and retries. A verdict is the handler's word, also
/// where what it published is refused.
const TRIES: [(&str, [f64; 6], f64); 3] = [
    ("all", [7.0, 1.0, 1.0, 1.0, 4.0, 1.0], 4.0),
    ("orders", [4.0, 0.0, 1.0, 1.0, 0.0, 0.0], 1.0),
    ("projection", [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.0),
];
const VERDICTS: [&str; 6] = ["ack", "skip", "retry", "dead-letter", "error", "fault"];

impl Scene {
    /// What stands on the page of tries, how long they took, and what they published.
    #[track_caller]
    fn assert_tries(&self, page: &Metrics, behind: usize) {
        let rounds = ROUNDS as f64;
        let is = |name: &str, labels: &[(&str, &str)], value: f64| {
            assert_eq!(page.sum(name, labels), Some(value), "{name} {labels:?}");
        };
        // All but the one that holds the partition, whose first try is over.
        let through = behind.saturating_sub(1) as f64;
        let held = f64::from(u8::from(behind > 0));
        for (handler, verdicts, retries) in TRIES {
            let more = |verdict| match (handler, verdict) {
                ("all", "ack") => through,
                ("all", "retry") => held,
                _ => 0.0,
            };
            let mut tries = 0.0;
            for (verdict, of_round) in VERDICTS.into_iter().zip(verdicts) {
                let expected = of_round * rounds + more(verdict);
                is("sandbus_handler_verdicts_total", &[("handler_name", handler), ("verdict", verdict)], expected);
                tries += expected;
            }
            is("sandbus_handler_retries_total", &[("handler_name", handler)], retries * rounds);
            is("sandbus_handler_faults_total", &[("handler_name", handler)], verdicts[5] * rounds);
            is("kafka_eventbus_handler_duration_count", &[("handler_name", handler)], tries);
            // What a batch did not come to is started once more: behind a trap, or behind a retry of the same key.
            let started = page.sum("sandbus_handler_queue_wait_count", &[("handler_name", handler)]);
            let most = if verdicts[2] + verdicts[5] > 0.0 { f64::INFINITY } else { tries };
            assert!(started.is_some_and(|started| tries <= started && started <= most), "{handler}: {started:?}");
        }
        let of_round = ROUND.iter().map(|(_, count)| *count).sum::<usize>() as f64;
        let consumed = [("messaging_destination", self.stage.topic.name())];
        is("kafka_eventbus_consume_duration_count", &consumed, of_round * rounds + through);
        // Two handlers publish two records each in one try of each round.
        let outlet = [("messaging_destination", self.outlet.name())];
        is("kafka_eventbus_publish_duration_count", &outlet, 2.0 * rounds);
    }
}

fn end_sum(topic: &Topic) -> f64 {
    topic.offsets().values().map(|range| range.end - range.start).sum::<i64>() as f64
}

/// The host's page, and the moment of a scrape that has taken exactly that.
#[track_caller]
fn settled(host: &Host, prometheus: &Prometheus) -> (Metrics, f64) {
    eventually("Prometheus to have what the host shows", SOON, || {
        let page = host.metrics();
        let at = prometheus.query("timestamp(up)", sandbus_tests::prometheus::now())?;
        let at = at.first().ok_or("no scrape")?.value;
        // A second ago too, so that what is recorded of it is there, and a range has two samples.
        for at in [at, at - 1.0] {
            let has = by_labels(prometheus.query("{__name__=~\"(kafka_eventbus|sandbus)_.+\",instance!=\"\"}", at)?);
            for sample in page.samples().iter().filter(|sample| sample.name != "sandbus_partition_held_time") {
                let stored = has.get(&stored_labels(sample));
                if stored != Some(&sample.value) {
                    return Err(format!("{sample:?} is {stored:?}"));
                }
            }
        }
        Ok((page, at))
    })
}

/// Asks everything, and answers with the queries that were answered by nothing.
#[track_caller]
fn ask_all(
    host: &Host,
    prometheus: &Prometheus,
    parser: &Prometheus,
    rules: &[Rule],
    guide_alerts: &[Query],
) -> BTreeSet<String> {
    let (page, time) = settled(host, prometheus);
    let instance = host.admin().to_string();
    let evaluation =
        |time, nudge| Evaluation { prometheus, parser, page: &page, instance: &instance, rules, time, nudge };
    let mut queries: Vec<Query> =
        [artifacts::guide(), artifacts::dashboard(), artifacts::documented()].into_iter().flatten().collect();
    queries.extend_from_slice(guide_alerts);
    for rule in rules {
        queries.push(Query { place: rule.name.clone(), text: rule.query.clone(), legends: vec![] });
        if rule.alert.is_none() {
            queries.push(Query { place: rule.name.clone(), text: rule.name.clone(), legends: vec![] });
        }
    }
    let (mut empty, mut wrong) = (BTreeSet::new(), vec![]);
    for Query { place, text: query, .. } in &queries {
        let tree = parser.parse(query);
        let recorded = rules.iter().any(|rule| rule.alert.is_none() && rule.name == *query);
        let mut found = prometheus.query(query, time).unwrap_or_else(|error| panic!("{place}: {query}: {error}"));
        found.iter_mut().for_each(|sample| normalize(&mut sample.labels));
        if found.is_empty() {
            empty.insert(query.clone());
        }
        if text(&tree["name"]).starts_with("scrape_") {
            // How long a scrape took is known to nobody else.
            assert!(found.len() == 1 && found[0].value > 0.0, "{query}: {found:?}");
            continue;
        }
        let (time, tolerance) = match found.first() {
            // It was evaluated a moment before.
            Some(_) if recorded => {
                let at = prometheus.query(&format!("timestamp({query})"), time).unwrap();
                (at[0].value, RECORDED)
            }
            _ if query.contains("deriv(") => (time, SLOPE),
            _ => (time, 0.0),
        };
        let differences: Vec<String> = [0.0, -1e-9, 1e-9]
            .into_iter()
            .map(|nudge| difference(evaluation(time, nudge).of(&tree), &found, tolerance))
            .take_while(Option::is_some)
            .flatten()
            .collect();
        if differences.len() == 3 {
            wrong.push(format!("{place}: {query}\n{}", differences[0]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} queries are wrong:\n\n{}", wrong.len(), queries.len(), wrong.join("\n\n"));
    empty
}

/// The guide's alerts as they are written, and what each of them compares, which has an answer though nothing is wrong.
#[track_caller]
fn guide_alerts(parser: &Prometheus) -> (Vec<Query>, BTreeSet<String>) {
    let guide = Prometheus::scraping(Release::Newest, &[], &[&super::names::guide_alerts()]);
    let (mut queries, mut fire) = (vec![], BTreeSet::new());
    for rule in artifacts::rules(&guide) {
        let place = format!("the guide's alert {}", rule.name);
        let compared = written(&parser.parse(&rule.query)["lhs"]);
        fire.insert(rule.query.clone());
        for text in [rule.query, compared] {
            queries.push(Query { place: place.clone(), text, legends: vec![] });
        }
    }
    assert_eq!(fire.len(), 7, "{fire:#?}");
    (queries, fire)
}

/// What is wrong with an answer, if anything is.
fn difference(expected: Answer, found: &[Sample], tolerance: f64) -> Option<String> {
    let expected = match expected {
        Answer::Vector(samples) => samples,
        Answer::Scalar(value) => vec![Sample { labels: BTreeMap::new(), value }],
        Answer::Text(text) => panic!("{text:?} is no answer"),
    };
    let equal = |left: f64, right: f64| same(left, right) || (left - right).abs() <= tolerance * right.abs();
    let mut lines = vec![];
    for sample in &expected {
        match found.iter().find(|found| found.labels == sample.labels) {
            Some(found) if equal(found.value, sample.value) => {}
            found => lines.push(format!(
                "  expected {} of {:?}, found {:?}",
                sample.value,
                sample.labels,
                found.map(|found| found.value)
            )),
        }
    }
    for found in found.iter().filter(|found| !expected.iter().any(|sample| sample.labels == found.labels)) {
        lines.push(format!("  expected nothing of {:?}, found {}", found.labels, found.value));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[test]
fn every_query_answers_with_what_was_done() {
    let scene = Scene::new();
    let of_round = ROUND.iter().map(|(_, count)| count).sum::<usize>() + UNDECODABLE;
    scene.work(0..1, of_round);
    let hosts = [scene.host.admin()];
    let newest = Prometheus::scraping(Release::Newest, &hosts, &RULES);
    let debian = Prometheus::scraping(Release::Debian, &hosts, &RULES);
    let rules = artifacts::rules(&newest);
    let (guide_alerts, guide_fires) = guide_alerts(&newest);
    for prometheus in [&newest, &debian] {
        settled(&scene.host, prometheus);
    }

    scene.work(1..ROUNDS, ROUNDS * of_round);
    let mut empty: Option<BTreeSet<String>> = None;
    let mut keep = |found: BTreeSet<String>| {
        empty = Some(match empty.take() {
            Some(before) => before.intersection(&found).cloned().collect(),
            None => found,
        });
    };
    for prometheus in [&newest, &debian] {
        let (page, _) = settled(&scene.host, prometheus);
        scene.assert_page(&page, 0);
        keep(ask_all(&scene.host, prometheus, &newest, &rules, &guide_alerts));
    }

    // An event that does not get through holds its partition, and lag is what came behind it.
    let stuck = event("stuck", "until:2:retry:300s").partition(1);
    let behind = (0..BEHIND).map(|number| event(&format!("key-{number}"), "ack").partition(1));
    scene.stage.topic.write([stuck].into_iter().chain(behind));
    let lag = [("messaging_kafka_partition", "1")];
    scene.host.wait_metric("kafka_eventbus_consumer_lag", &lag, (BEHIND + 1) as f64, SOON);
    let tried = [("event_type", "Tried"), ("handler_name", "all")];
    scene.host.wait_metric("kafka_eventbus_handler_invocations_total", &tried, BEHIND as f64, SOON);
    for prometheus in [&newest, &debian] {
        let (page, _) = settled(&scene.host, prometheus);
        scene.assert_page(&page, BEHIND + 1);
        keep(ask_all(&scene.host, prometheus, &newest, &rules, &guide_alerts));
        for rule in prometheus.rules() {
            assert_eq!((&rule["health"], text(&rule["lastError"])), (&"ok".into(), ""), "{rule}");
        }
    }
    let mut of_alerts: BTreeSet<&str> =
        rules.iter().filter(|rule| rule.alert.is_some()).map(|rule| rule.query.as_str()).collect();
    of_alerts.extend(guide_fires.iter().map(String::as_str));
    let empty: Vec<String> = empty
        .unwrap_or_default()
        .into_iter()
        .filter(|query| !EMPTY.contains(&query.as_str()) && !of_alerts.contains(query.as_str()))
        .filter(|query| !ABSENT.iter().any(|name| query.contains(name)))
        .collect();
    assert!(empty.is_empty(), "answered by nothing in all phases: {empty:#?}");
    for rule in rules.iter().filter(|rule| rule.alert.is_some() && !EMPTY.contains(&rule.query.as_str())) {
        if ABSENT.iter().any(|name| rule.query.contains(name)) {
            continue;
        }
        let tree = newest.parse(&rule.query);
        assert_eq!(tree["rhs"]["type"], "numberLiteral", "{} compares with a number", rule.name);
        let left = rule.query.rsplit_once([' ']).and_then(|(left, _)| left.rsplit_once(' ')).expect("a comparison").0;
        let found = newest.query(left, sandbus_tests::prometheus::now()).unwrap();
        assert!(!found.is_empty(), "{}: {left} is answered by nothing, so it can never fire", rule.name);
    }
}
