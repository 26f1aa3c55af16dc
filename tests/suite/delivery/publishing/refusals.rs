//! What the broker does not take, now or ever.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sandbus_tests::{Host, Record, StoredRecord, Topic, eventually, names};

use super::super::SOON;
use super::super::stage::{Probe, Stage, event};

/// Creates a topic that takes no batch above `bytes`.
#[track_caller]
fn create_narrow(stage: &Stage, name: &str, bytes: usize) -> Topic {
    let admin: AdminClient<DefaultClientContext> = stage.connection.client().create().unwrap();
    let bytes = bytes.to_string();
    let new = NewTopic::new(name, 1, TopicReplication::Fixed(1)).set("max.message.bytes", &bytes);
    let options = AdminOptions::new().request_timeout(Some(SOON)).operation_timeout(Some(SOON));
    let created = pollster::block_on(admin.create_topics([&new], &options)).unwrap();
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    let topic = Topic::named(&stage.connection, name);
    eventually(&format!("topic {name}"), SOON, || topic.partitions());
    topic
}

/// Text that no compression makes small.
fn noise(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

#[track_caller]
fn assert_rejected(host: &Host, letter: &StoredRecord) {
    assert_eq!(letter.header("dlq_reason"), Some("publish_rejected"));
    assert_eq!(letter.header("dlq_error_type"), Some("publish_rejected"));
    assert!(!letter.header("dlq_error_message").unwrap().is_empty());
    assert_eq!(letter.header("dlq_retry_count"), Some("0"));
    let labels = [("handler_name", "probe"), ("event_type", "Tried")];
    let rejected = [labels[0], labels[1], ("error_type", "publish_rejected")];
    host.wait_metric("kafka_eventbus_handler_errors_total", &rejected, 1.0, SOON);
    assert_eq!(host.metrics().sum("kafka_eventbus_handler_invocations_total", &labels), Some(0.0));
    let counted = [("dlq_reason", "publish_rejected"), ("error_type", "publish_rejected")];
    host.wait_metric("kafka_eventbus_messages_dlq_total", &counted, 1.0, SOON);
}

#[test]
fn a_record_that_is_too_large_for_its_topic_makes_a_dead_letter() {
    let stage = Stage::new(1);
    let narrow = create_narrow(&stage, &names::unique("narrow"), 2000);
    let stage = stage.probe(Probe::named("probe").publishes(narrow.name()));
    let host = stage.start();
    let value = noise(5000);
    let steps = format!("publish:{}", narrow.name());
    stage.topic.write([Record::event("Tried", &value).key("a").header("probe", &steps)]);
    stage.wait_final(1);

    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].text(), value);
    assert_rejected(&host, &dead[0]);
    let refused = [("messaging_destination", narrow.name()), ("error_type", "publish_rejected")];
    host.wait_metric("kafka_eventbus_publish_errors_total", &refused, 1.0, SOON);
    assert_eq!(narrow.read(), []);

    // The next one passes: the producer goes on.
    stage.topic.write([event("a", &steps)]);
    stage.wait_final(2);
    assert_eq!(narrow.read().len(), 1);
}

#[test]
fn a_batch_of_which_a_part_is_refused_is_timed_and_measured_as_a_whole() {
    let stage = Stage::new(1);
    let narrow = create_narrow(&stage, &names::unique("narrow"), 2000);
    let wide = Topic::create_named(&stage.connection, &names::unique("wide"), 1);
    let stage = stage.probe(Probe::named("probe").publishes(narrow.name()).publishes(wide.name()));
    let host = stage.start();
    let steps = format!("publish:{0};publish:{1};publish:{1}", narrow.name(), wide.name());
    stage.topic.write([Record::event("Tried", &noise(5000)).key("a").header("probe", &steps)]);
    stage.wait_final(1);
    stage.topic.write([event("b", &steps)]);
    stage.wait_final(2);

    // Of each try: one record to the narrow topic, two to the wide one, and its report.
    let is = |name: &str, labels: &[(&str, &str)], value: f64| {
        host.wait_metric(&format!("kafka_eventbus_{name}"), labels, value, SOON);
    };
    for topic in [&narrow, &wide, &stage.results] {
        is("publish_duration_count", &[("messaging_destination", topic.name())], 2.0);
    }
    is("batch_size_count", &[], 6.0);
    is("batch_size_sum", &[], 8.0);
    is("publish_errors_total", &[("messaging_destination", narrow.name())], 1.0);
    for (topic, records) in [(&narrow, 1.0), (&wide, 4.0), (&stage.results, 2.0)] {
        is("messages_published_total", &[("messaging_destination", topic.name())], records);
        assert_eq!(topic.read().len() as f64, records);
    }
}

#[test]
fn a_topic_that_does_not_exist_makes_a_dead_letter() {
    let missing = names::unique("missing");
    // How long a topic that was created a moment ago may be unknown; 30 s unless set.
    let stage = Stage::new(1)
        .property("topic.metadata.propagation.max.ms", "500")
        .probe(Probe::named("probe").publishes(&missing));
    let host = stage.start();
    stage.topic.write([event("a", &format!("publish:{missing}")), event("a", "ack")]);
    stage.wait_final(2);

    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].header("dlq_original_offset"), Some("0"));
    assert_eq!(dead[0].header("dlq_error_type"), Some("publish_rejected"));
    host.wait_metric("kafka_eventbus_handler_invocations_total", &[], 1.0, SOON);
    assert_eq!(Topic::named(&stage.connection, &missing).partitions(), None);
}

#[test]
fn small_records_are_not_refused_because_they_came_together() {
    let stage = Stage::new(1);
    let narrow = create_narrow(&stage, &names::unique("narrow"), 10_000);
    let stage = stage.probe(Probe::named("probe").line("concurrency = 4").publishes(narrow.name()));
    let steps = format!("publish:{}", narrow.name());
    let value = noise(1000);
    stage.topic.write((0..200).map(|number| event(&format!("key-{number}"), &steps).value(&value)));
    let _host = stage.start();
    stage.wait_final(200);
    assert_eq!(stage.topic.dead_letters().read().len(), 0, "dead letters");
    assert_eq!(narrow.read().len(), 200);
}

#[test]
fn a_dead_letter_that_its_topic_takes_keeps_its_value() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0").line("memory = \"64MiB\""));
    let _host = stage.start();
    // More than a client's own bound unless it is raised, less than a topic's.
    let value = noise(1_030_000);
    write_large(&stage, &value);
    stage.wait_final(1);
    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].header("dlq_truncated"), None);
    assert!(dead[0].value.as_deref() == Some(value.as_bytes()), "the value has changed");
}

/// Writes one event that is to be rejected, with a client that has no bound of its own.
#[track_caller]
fn write_large(stage: &Stage, value: &str) {
    let producer: BaseProducer = stage.connection.client().set("message.max.bytes", "10000000").create().unwrap();
    let steps = Header { key: "probe", value: Some("dead-letter:no") };
    let record: BaseRecord<'_, str, str> =
        BaseRecord::to(stage.topic.name()).payload(value).headers(OwnedHeaders::new().insert(steps));
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(SOON).unwrap();
}

#[test]
fn a_dead_letter_that_is_too_large_loses_its_value_and_says_so() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let dead = create_narrow(&stage, stage.topic.dead_letters().name(), 4000);
    let _host = stage.start();
    let large = noise(8000);
    let reject = |key: &str, value: &str| Record::event("Tried", value).key(key).header("probe", "dead-letter:no");
    stage.topic.write([reject("small", "intact"), reject("large", &large), reject("small", "intact")]);
    stage.wait_final(3);

    let mut letters = dead.read();
    letters.sort_by(|one, other| one.key.cmp(&other.key));
    let shown: Vec<_> =
        letters.iter().map(|letter| (letter.value.as_deref(), letter.header("dlq_truncated").is_some())).collect();
    let intact = Some(&b"intact"[..]);
    assert_eq!(shown, [(None, true), (intact, false), (intact, false)]);
    assert_eq!(letters[0].key.as_deref(), Some(&b"large"[..]));
    assert_eq!(letters[0].header("probe"), Some("dead-letter:no"));
    assert_eq!(letters[0].header("dlq_error_message"), Some("no"));
}
