//! `/metrics` after a known mix of events: every counter under the guide's names, with exactly these labels and values.

use std::collections::{BTreeMap, BTreeSet};

use sandbus_tests::host::Metrics;
use sandbus_tests::host::metrics::Sample;
use sandbus_tests::{Host, Record, Topic, eventually, names};

use super::SOON;
use super::stage::{Probe, Stage};
use crate::prometheus::definitions::{self, Kind};

const PREFIX: &str = "kafka_eventbus_";

/// Durations, in milliseconds.
const DURATION_BOUNDS: &str =
    "0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 25 50 75 100 250 500 750 1000 2500 5000 7500 10000 +Inf";
/// Messages.
const BATCH_BOUNDS: &str = "1 2 5 10 20 50 100 200 500 1000 2000 5000 +Inf";

/// The names of the guide, and their kinds.
const GUIDE: [(&str, &str); 15] = [
    ("messages_published_total", "counter"),
    ("messages_consumed_total", "counter"),
    ("handler_invocations_total", "counter"),
    ("handler_errors_total", "counter"),
    ("messages_dlq_total", "counter"),
    ("connection_errors_total", "counter"),
    ("reconnections_total", "counter"),
    ("rebalances_total", "counter"),
    ("publish_errors_total", "counter"),
    ("publish_duration", "histogram"),
    ("consume_duration", "histogram"),
    ("handler_duration", "histogram"),
    ("batch_size", "histogram"),
    ("connections_active", "gauge"),
    ("consumer_lag", "gauge"),
];

/// A host that has gone through the mix, and its topics.
struct Mix {
    stage: Stage,
    outlet: Topic,
    host: Host,
}

impl Mix {
    /// `all` gets everything, `orders` the orders alone.
    #[track_caller]
    fn run() -> Mix {
        let stage = Stage::new(2);
        let outlet = Topic::create_named(&stage.connection, &names::unique("outlet"), 1);
        let stage = stage
            .probe(Probe::named("all").line("max_retries = 1").publishes(outlet.name()))
            .probe(Probe::named("orders").line("max_retries = 1\nevents = [\"Order*\"]").publishes(outlet.name()));
        let host = stage.start();
        let event =
            |kind: &str, partition, steps: &str| Record::event(kind, "{}").partition(partition).header("probe", steps);
        let publish = format!("publish:{0};publish:{0};count:sent", outlet.name());
        let mut events = vec![
            event("OrderCreated", 0, "ack"),
            event("OrderCreated", 0, "until:2:retry"),
            event("OrderCreated", 1, &publish),
            event("OrderCancelled", 0, "dead-letter:no"),
            event("PaymentRequested", 1, "skip"),
            event("PaymentRequested", 1, "skip"),
            event("PaymentRequested", 1, "error:Broken:it"),
            event("PaymentRequested", 1, "until:2:trap"),
        ];
        events.push(Record::new().partition(0).header("event_type", [0xff]));
        let count = events.len() as i64;
        stage.topic.write(events);
        stage.wait_final(count);
        // Alone, for the events of a batch share its time.
        stage.topic.write([event("Slow", 0, "sleep:60ms")]);
        stage.wait_final(count + 1);
        Mix { stage, outlet, host }
    }

    /// Waits for all samples of a family that are not 0, as `label=value … number`, without the labels that every
    /// sample has. Topics are called by what they are for.
    #[track_caller]
    fn assert_samples(&self, name: &str, expected: &[&str]) {
        let mut expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        sandbus_tests::eventually(&format!("{name} to be {expected:#?}"), SOON, || {
            let found = self.samples(&self.host.metrics(), name);
            if found == expected { Ok(()) } else { Err(format!("{found:#?}")) }
        });
    }

    fn samples(&self, metrics: &Metrics, name: &str) -> Vec<String> {
        let topics = [(&self.stage.topic, "TOPIC"), (&self.stage.results, "RESULTS"), (&self.outlet, "OUTLET")];
        let mut found: Vec<String> = metrics
            .named(&format!("{PREFIX}{name}"))
            .into_iter()
            .filter(|sample| sample.value != 0.0)
            .map(|sample| {
                let labels: String = sample.labels.iter().map(|(label, value)| format!("{label}={value} ")).collect();
                format!("{labels}{}", sample.value)
            })
            .map(|line| topics.iter().fold(line, |line, (topic, word)| line.replace(topic.name(), word)))
            .collect();
        found.sort();
        found
    }
}

#[test]
fn every_counter_has_exactly_its_value_and_labels() {
    let mix = Mix::run();
    mix.assert_samples(
        "handler_invocations_total",
        &[
            "event_type=OrderCreated handler_name=all 3",
            "event_type=OrderCreated handler_name=orders 3",
            "event_type=PaymentRequested handler_name=all 3",
            "event_type=Slow handler_name=all 1",
        ],
    );
    mix.assert_samples(
        "handler_errors_total",
        &[
            "error_type=retry event_type=OrderCreated handler_name=all 1",
            "error_type=retry event_type=OrderCreated handler_name=orders 1",
            "error_type=rejected event_type=OrderCancelled handler_name=all 1",
            "error_type=rejected event_type=OrderCancelled handler_name=orders 1",
            "error_type=Broken event_type=PaymentRequested handler_name=all 2",
            "error_type=trap event_type=PaymentRequested handler_name=all 1",
        ],
    );
    mix.assert_samples(
        "handler_duration_count",
        &[
            "event_type=OrderCreated handler_name=all 4",
            "event_type=OrderCreated handler_name=orders 4",
            "event_type=OrderCancelled handler_name=all 1",
            "event_type=OrderCancelled handler_name=orders 1",
            "event_type=PaymentRequested handler_name=all 6",
            "event_type=Slow handler_name=all 1",
        ],
    );
    let consumed = |kind: &str, partition, count| {
        format!(
            "event_type={kind} messaging_destination=TOPIC messaging_kafka_partition={partition} messaging_system=kafka {count}"
        )
    };
    let consumed = [
        consumed("OrderCreated", 0, 2),
        consumed("OrderCreated", 1, 1),
        consumed("OrderCancelled", 0, 1),
        consumed("PaymentRequested", 1, 4),
        consumed("Slow", 0, 1),
        // What cannot be decoded has no type.
        consumed("_other", 0, 1),
    ];
    mix.assert_samples("messages_consumed_total", &consumed.each_ref().map(String::as_str));
    mix.assert_samples(
        "messages_dlq_total",
        &[
            "dlq_reason=rejected error_type=rejected 2",
            "dlq_reason=max_retries_exceeded error_type=Broken 1",
            "dlq_reason=deserialization_error error_type=deserialization_error 1",
        ],
    );
    let metrics = mix.host.metrics();
    let sibling = [("handler_name", "orders"), ("event_type", "OrderCancelled")];
    let invocations = metrics.sum("kafka_eventbus_handler_invocations_total", &sibling);
    assert_eq!(invocations, Some(0.0), "where there are errors there are invocations, if none succeeded");
    let sent = metrics.named("sandbus_guest_counter_sent_total");
    let sent: BTreeMap<_, _> =
        sent.iter().map(|sample| (sample.labels["handler_name"].as_str(), sample.value)).collect();
    assert_eq!(sent, BTreeMap::from([("all", 1.0), ("orders", 1.0)]));
}

#[test]
fn what_was_published_is_counted_by_record_and_timed_by_batch() {
    let mix = Mix::run();
    // A probe's report has no type, and so its topic's name.
    let published = |topic: &str, kind: &str, count| {
        format!("event_type={kind} messaging_destination={topic} messaging_system=kafka {count}")
    };
    let published = [published("OUTLET", "OrderCreated", 4), published("RESULTS", "RESULTS", 8)];
    mix.assert_samples("messages_published_total", &published.each_ref().map(String::as_str));
    mix.assert_samples(
        "publish_duration_count",
        &["messaging_destination=OUTLET 2", "messaging_destination=RESULTS 8"],
    );
    mix.assert_samples("batch_size_count", &["10"]);
    mix.assert_samples("batch_size_sum", &["12"]);
    mix.assert_samples("publish_errors_total", &[]);
}

#[test]
fn names_kinds_units_and_buckets_are_the_guides() {
    let mix = Mix::run();
    let metrics = mix.host.metrics();
    for sample in metrics.samples() {
        let name = &*sample.name;
        if let Some(rest) = name.strip_prefix(PREFIX) {
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| rest.strip_suffix(suffix)).unwrap_or(rest);
            let kind = GUIDE.iter().find(|(known, _)| *known == family).map(|(_, kind)| *kind);
            assert!(kind.is_some(), "{name} is none of the guide's names");
            assert_eq!(metrics.kind(&format!("{PREFIX}{family}")), kind, "{name}");
        }
        if name.starts_with("kafka_eventbus_handler_") || name.starts_with("sandbus_handler_") {
            // What no handler can be shown belongs to none.
            let of_nobody = ["sandbus_handler_dropped_total", "sandbus_handler_abandoned_total"].contains(&name);
            let handlers = if of_nobody { &["all", "orders", ""][..] } else { &["all", "orders"] };
            assert!(handlers.contains(&&*sample.labels["handler_name"]), "{sample:?}");
        }
        assert!(!sample.labels.keys().any(|label| label.starts_with("otel_")), "{sample:?}");
    }
    for definition in definitions::ALL.iter().filter(|definition| definition.kind == Kind::Histogram) {
        let name = definition.prometheus_name();
        let expected = if name == "kafka_eventbus_batch_size" { BATCH_BOUNDS } else { DURATION_BOUNDS };
        assert_eq!(bounds(&metrics, &name), expected, "{name}");
    }

    // One event slept for 60 ms: the unit is the millisecond.
    let slow = [("handler_name", "all"), ("event_type", "Slow")];
    let took = metrics.sum("kafka_eventbus_handler_duration_sum", &slow).unwrap();
    assert!((60.0..10_000.0).contains(&took), "{took} ms");
    let below = metrics.sum("kafka_eventbus_handler_duration_bucket", &[slow[0], slow[1], ("le", "50")]);
    assert_eq!(below, Some(0.0));
}

/// Upper bounds of a histogram, of each of its series the same.
#[track_caller]
fn bounds(metrics: &Metrics, name: &str) -> String {
    let mut series: BTreeMap<Vec<(String, String)>, Vec<String>> = BTreeMap::new();
    for mut sample in metrics.named(&format!("{name}_bucket")).into_iter().cloned() {
        let bound = sample.labels.remove("le").unwrap_or_else(|| panic!("{sample:?} has no bound"));
        series.entry(sample.labels.into_iter().collect()).or_default().push(bound);
    }
    let mut all: Vec<_> = series.into_values().map(|bounds| bounds.join(" ")).collect();
    all.dedup();
    assert_eq!(all.len(), 1, "{name}: {all:#?}");
    all.remove(0)
}

/// What the mix has no reason for: no topic is refused, and nothing leaves by OTLP.
const NO_REASON: [&str; 3] =
    ["kafka.eventbus.publish.errors", "sandbus.telemetry.dropped", "sandbus.telemetry.export_failures"];

/// Whether a sample is one of that definition.
fn is_of(sample: &Sample, definition: &definitions::Definition) -> bool {
    let series = sample.name.strip_prefix(&definition.prometheus_name());
    match definition.kind {
        Kind::Histogram => series.is_some_and(|series| ["_bucket", "_sum", "_count"].contains(&series)),
        _ => series == Some(""),
    }
}

#[test]
fn every_sample_has_the_kind_and_the_labels_of_its_definition() {
    let mix = Mix::run();
    // Some are known a second after the assignment, such as the lag.
    let metrics = eventually("each instrument to be on the page", SOON, || {
        let metrics = mix.host.metrics();
        let is_missing =
            |definition: &&definitions::Definition| !metrics.samples().iter().any(|sample| is_of(sample, definition));
        let missing: BTreeSet<_> = definitions::ALL.iter().filter(is_missing).map(|missing| missing.name).collect();
        if missing == BTreeSet::from(NO_REASON) { Ok(metrics) } else { Err(format!("{missing:?} are missing")) }
    });
    for sample in metrics.samples().iter().filter(|sample| !sample.name.starts_with("sandbus_guest_")) {
        let definition = definitions::ALL.iter().find(|definition| is_of(sample, definition));
        let definition = definition.unwrap_or_else(|| panic!("{sample:?} is not defined"));
        let kind = match definition.kind {
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Gauge | Kind::UpDownCounter => "gauge",
        };
        assert_eq!(metrics.kind(&definition.prometheus_name()), Some(kind), "{sample:?}");
        let mut labels: Vec<_> = definition.attributes.iter().map(|name| name.replace('.', "_")).collect();
        if sample.name.ends_with("_bucket") {
            labels.push("le".to_owned());
        }
        labels.sort();
        assert_eq!(sample.labels.keys().cloned().collect::<Vec<_>>(), labels, "{sample:?}");
    }
    let told = metrics
        .samples()
        .iter()
        .filter(|sample| sample.labels.contains_key("digest") || sample.labels.contains_key("generation"));
    let told: Vec<_> = told.map(|sample| &*sample.name).collect();
    assert_eq!(told, ["sandbus_handler_info"; 2], "digest and generation stand there alone");
}

#[test]
fn what_can_be_known_stands_at_0_before_the_first_event() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("events = [\"OrderCreated\", \"Pay*\"]"));
    let metrics = stage.start().metrics();
    let is_0 = |name: &str, labels: &[(&str, &str)]| {
        assert_eq!(metrics.sum(name, labels), Some(0.0), "{name} {labels:?}");
    };
    let dead_letters = "kafka_eventbus_messages_dlq_total";
    for word in ["rejected", "publish_rejected", "deserialization_error"] {
        is_0(dead_letters, &[("dlq_reason", word), ("error_type", word)]);
    }
    for error in "retry _other trap stack_overflow exit timeout cpu_time memory table handles bad_result result_size \
                  hostcall_bytes log_quota publish_quota instantiate"
        .split(' ')
        .filter(|word| !word.is_empty())
    {
        is_0(dead_letters, &[("dlq_reason", "max_retries_exceeded"), ("error_type", error)]);
    }
    for refusal in ["bad_name", "bad_attribute", "bad_value"] {
        is_0("sandbus_telemetry_refused_total", &[("handler_name", "probe"), ("error_type", refusal)]);
    }
    for handler in ["probe", ""] {
        is_0("sandbus_handler_dropped_total", &[("handler_name", handler)]);
        is_0("sandbus_handler_abandoned_total", &[("handler_name", handler)]);
    }
    for label in ["event.type", "error.type", "messaging.destination", "series"] {
        is_0("sandbus_telemetry_overflow_total", &[("label", label)]);
    }
    is_0("kafka_eventbus_handler_invocations_total", &[("handler_name", "probe"), ("event_type", "OrderCreated")]);
    for name in ["verdicts", "faults", "retries", "batch_faults", "reloads"] {
        is_0(&format!("sandbus_handler_{name}_total"), &[("handler_name", "probe")]);
    }
}

#[test]
fn without_metrics_the_page_is_empty_and_events_pass() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = stage.deploy().env("SANDBUS_TELEMETRY__ENABLE_METRICS", "false").start();
    host.wait_ready(SOON);
    stage.topic.write([Record::event("Tried", "{}")]);
    stage.wait_final(1);
    assert_eq!(stage.acks().len(), 1);
    assert_eq!(host.metrics().samples(), []);
}
