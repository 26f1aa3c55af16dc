//! What a recorder leaves on `/metrics`.

use std::collections::BTreeSet;

use super::*;
use crate::delivery::ports::PublishedType;

struct Bench {
    telemetry: Telemetry,
    recorder: Recorder,
}

impl Bench {
    /// One handler that names these types, reads `in` and may publish to `out`.
    fn start(event_types: Vec<&str>) -> Bench {
        let telemetry = crate::telemetry::page_alone();
        let watched = Watched { name: "h".into(), event_types, topics: vec!["in", "out"] };
        let recorder = Recorder::new(&telemetry, "g", [watched]);
        Bench { telemetry, recorder }
    }

    fn page(&self) -> Vec<String> {
        self.telemetry.prometheus().unwrap().lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn assert_has(&self, line: &str) {
        let page = self.page();
        assert!(page.iter().any(|found| found == line), "{line} is not in\n{}", page.join("\n"));
    }

    /// Values of a label in the series of that name.
    fn values(&self, name: &str, label: &str) -> BTreeSet<String> {
        let series = self.page().into_iter().filter(|line| line.starts_with(&format!("{name}{{")));
        series
            .filter_map(|line| Some(line.split_once(&format!("{label}=\""))?.1.split_once('"')?.0.to_owned()))
            .collect()
    }

    fn overflow(&self, label: &str, count: u64) {
        self.assert_has(&format!("sandbus_telemetry_overflow_total{{label=\"{label}\"}} {count}"));
    }

    fn read(&self, event_type: &str) {
        self.recorder.consumed(&TopicPartition { topic: "in".into(), partition: 0 }, event_type, 1);
    }
}

fn batch(topic: &str, records: &[(&str, u64, u64)], took: Option<Duration>) -> Published {
    let records = records.iter().map(|(event_type, taken, refused)| PublishedType {
        event_type: (*event_type).into(),
        taken: *taken,
        refused: *refused,
    });
    Published { topic: topic.into(), records: records.collect(), took }
}

const INVOCATIONS: &str = "kafka_eventbus_handler_invocations_total";
const CONSUMED: &str = "kafka_eventbus_messages_consumed_total";
const PUBLISHED: &str = "kafka_eventbus_messages_published_total";
const DEAD_LETTERS: &str = "kafka_eventbus_messages_dlq_total";

#[test]
fn a_declared_type_keeps_its_name_whatever_comes_before_it() {
    let bench = Bench::start(vec!["A"]);
    (0..300).for_each(|number| bench.read(&format!("junk-{number}")));
    bench.read("A");
    bench.recorder.tried(0, "A", None, 1);
    bench.assert_has(&format!("{INVOCATIONS}{{event_type=\"A\",handler_name=\"h\"}} 1"));
    assert!(bench.values(CONSUMED, "event_type").contains("A"));
    bench.overflow("event.type", 101);
    // What cannot be decoded takes no place, and is not too much.
    bench.read("_other");
    bench.overflow("event.type", 101);
}

#[test]
fn more_declared_types_than_are_kept_share_a_name() {
    let types: Vec<String> = (0..300).map(|number| format!("type-{number}")).collect();
    let bench = Bench::start(types.iter().map(String::as_str).collect());
    let found = bench.values(INVOCATIONS, "event_type");
    assert_eq!((found.len(), found.contains("_other")), (201, true));
    bench.overflow("event.type", 0);
}

#[test]
fn a_topic_that_is_read_or_granted_keeps_its_name_whatever_else_is_published_to() {
    let bench = Bench::start(vec![]);
    let took = Some(Duration::from_millis(1));
    for number in 0..300 {
        bench.recorder.published(&batch(&format!("invented-{number}"), &[("T", 1, 1)], took));
    }
    bench.recorder.published(&batch("out", &[("T", 2, 0)], took));
    bench.recorder.published(&batch("in", &[("T", 3, 0)], took));
    for name in [PUBLISHED, "kafka_eventbus_publish_errors_total", "kafka_eventbus_publish_duration_count"] {
        let found = bench.values(name, "messaging_destination");
        assert!(found.len() <= 201 && found.contains("_other"), "{name}: {}", found.len());
    }
    let line = |topic: &str, count: u64| {
        format!("{PUBLISHED}{{event_type=\"T\",messaging_destination=\"{topic}\",messaging_system=\"kafka\"}} {count}")
    };
    bench.assert_has(&line("out", 2));
    bench.assert_has(&line("in", 3));
    bench.assert_has(&line("_other", 102));
    // Batches, not records.
    bench.overflow("messaging.destination", 102);
}

#[test]
fn a_batch_is_timed_and_measured_once_though_a_part_of_it_was_refused() {
    let bench = Bench::start(vec![]);
    let took = Some(Duration::from_millis(3));
    bench.recorder.published(&batch("out", &[("A", 2, 1), ("B", 0, 1)], took));
    bench.recorder.published(&batch("out", &[("A", 1, 0)], took));
    // Of a partition that was given up: records, and no batch.
    bench.recorder.published(&batch("out", &[("A", 1, 0)], None));
    let published = |event_type: &str, error: &str, name: &str, count: u64| {
        format!(
            "{name}{{{error}event_type=\"{event_type}\",messaging_destination=\"out\",messaging_system=\"kafka\"}} {count}"
        )
    };
    bench.assert_has(&published("A", "", PUBLISHED, 4));
    bench.assert_has(&published("B", "", PUBLISHED, 0));
    let refused = "error_type=\"publish_rejected\",";
    bench.assert_has(&published("A", refused, "kafka_eventbus_publish_errors_total", 1));
    bench.assert_has(&published("B", refused, "kafka_eventbus_publish_errors_total", 1));
    bench.assert_has("kafka_eventbus_publish_duration_count{messaging_destination=\"out\"} 2");
    bench.assert_has("kafka_eventbus_publish_duration_sum{messaging_destination=\"out\"} 6");
    bench.assert_has("kafka_eventbus_batch_size_count 2");
    bench.assert_has("kafka_eventbus_batch_size_sum 5");
}

#[test]
fn what_can_be_known_stands_at_0() {
    let bench = Bench::start(vec!["A"]);
    let letters =
        |reason: &str, error: &str| format!("{DEAD_LETTERS}{{dlq_reason=\"{reason}\",error_type=\"{error}\"}} 0");
    for word in ["rejected", "publish_rejected", "deserialization_error"] {
        bench.assert_has(&letters(word, word));
    }
    for error in FaultKind::ALL.map(FaultKind::name).into_iter().chain(["retry", "_other"]) {
        bench.assert_has(&letters("max_retries_exceeded", error));
    }
    for name in ["dropped", "abandoned"] {
        bench.assert_has(&format!("sandbus_handler_{name}_total{{handler_name=\"\"}} 0"));
        bench.assert_has(&format!("sandbus_handler_{name}_total{{handler_name=\"h\"}} 0"));
    }
    for label in ["event.type", "error.type", "messaging.destination", "series"] {
        bench.overflow(label, 0);
    }
    bench.assert_has(&format!("{INVOCATIONS}{{event_type=\"A\",handler_name=\"h\"}} 0"));
    // A guest's own kind, from the first try on that ends in it.
    bench.recorder.tried(0, "A", Some("Broken"), 1);
    bench.assert_has(&letters("max_retries_exceeded", "Broken"));
}

#[test]
fn one_value_too_many_is_counted_once_for_what_came_with_it() {
    let bench = Bench::start(vec![]);
    for number in 0..200 {
        bench.read(&format!("type-{number}"));
        bench.recorder.tried(0, &format!("type-{number}"), Some(&format!("kind-{number}")), 1);
    }
    bench.overflow("event.type", 0);
    bench.overflow("error.type", 0);
    bench.read("one more");
    bench.recorder.tried(0, "one more", Some("another"), 1);
    bench.recorder.dead_lettered(Some(0), "max_retries_exceeded", "another");
    bench.recorder.tried(0, "one more", Some("trap"), 1);
    bench.overflow("event.type", 1);
    bench.overflow("error.type", 1);
    bench.assert_has(&format!("{DEAD_LETTERS}{{dlq_reason=\"max_retries_exceeded\",error_type=\"_other\"}} 1"));
}
