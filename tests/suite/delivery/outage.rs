//! Kafka that is away, or lacks what is asked for: waited for, and no event's fault.

use std::collections::BTreeSet;

use sandbus_tests::{Connection, Host, Kafka, Record, Topic, eventually, names, ports};

use super::SOON;
use super::stage::{Probe, Stage, event};

/// Waits until `/readyz` answers 503 for want of this topic alone; the process itself is well.
#[track_caller]
fn wait_missing(host: &Host, topic: &str) {
    eventually(&format!("/readyz to answer 503 for topic {topic} alone"), SOON, || match host.get("/readyz") {
        Ok(answer) if answer.status == 503 && answer.body.trim().ends_with(&format!(": {topic}")) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(host.get("/healthz").unwrap().status, 200);
}

#[test]
fn a_broker_and_then_a_topic_that_are_not_there_are_waited_for() {
    let port = ports::free();
    let connection = Connection::plaintext(&format!("127.0.0.1:{port}"));
    let (topic, results) = (Topic::named(&connection, "orders"), Topic::named(&connection, "results"));
    let stage = Stage::with(&connection, topic, results)
        .property("reconnect.backoff.max.ms", "500")
        .probe(Probe::named("probe"));
    let mut host = stage.deploy().start();
    let line = host.log_line_containing("Kafka does not answer", SOON);
    assert!(line.contains(connection.bootstrap()), "{line}");
    assert_eq!(host.get("/healthz").unwrap().status, 200);
    assert_eq!(host.get("/readyz").unwrap().status, 503);

    let kafka = Kafka::setup().short_lived().prefer_port(port).start().unwrap();
    assert_eq!(kafka.connection(), connection, "the port was taken meanwhile");
    let line = host.log_line_containing("no such topic", SOON);
    assert!(line.contains("orders"), "{line}");
    wait_missing(&host, "orders");

    let _ = Topic::create_named(&connection, "results", 1);
    let _ = Topic::create_named(&connection, "orders", 3);
    host.wait_ready(SOON);
    assert_eq!(stage.topic.dead_letters().partitions(), Some(3), "as many as the topic has");
    stage.topic.write([event("a", "ack"), event("b", "dead-letter:no")]);
    stage.wait_final(2);
    assert_eq!((stage.acks().len(), stage.topic.dead_letters().read().len()), (1, 1));
    assert_eq!(host.terminate(SOON).code(), Some(0));
}

#[test]
fn a_missing_topic_holds_up_no_other() {
    let stage = Stage::new(1);
    let late = names::unique("late");
    let topics = [stage.topic.name().to_owned(), late.clone()];
    let stage = stage.probe(Probe::named("probe").line(&format!("topics = {topics:?}")));
    let mut host = stage.deploy().start();
    wait_missing(&host, &late);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);

    let late = Topic::create_named(&stage.connection, &late, 2);
    host.wait_ready(SOON);
    assert_eq!(late.dead_letters().partitions(), Some(2));
    late.write([event("b", "ack"), event("c", "ack")]);
    stage.group.wait_committed_sum(&late, 2, SOON);
    stage.topic.write([event("d", "ack")]);
    stage.wait_final(2);
    let mut keys: Vec<_> = stage.acks().iter().map(|ack| ack.key()).collect();
    keys.sort();
    assert_eq!(keys, ["a", "b", "c", "d"]);
}

/// Acks, retries and dead letters, which all need the broker.
fn load(count: usize) -> impl Iterator<Item = Record> {
    (0..count).map(|number| {
        let steps = match number % 20 {
            7 => "until:2:retry;sleep:2ms",
            13 => "sleep:2ms;dead-letter:no",
            _ => "sleep:2ms",
        };
        event(&format!("key-{}", number % 50), steps)
    })
}

#[test]
fn an_outage_under_load_loses_nothing_and_blames_nobody() {
    let mut kafka = Kafka::start();
    let stage = Stage::on(&kafka.connection(), 4)
        .property("reconnect.backoff.max.ms", "500")
        .probe(Probe::named("probe").line("concurrency = 4\nmax_retries = 2"));
    let mut host = stage.start();
    let written: BTreeSet<_> = stage.topic.write(load(2000)).into_iter().collect();
    stage.wait_acks(200);
    kafka.stop();
    host.log_line_containing("Kafka cannot be reached", SOON);
    assert_eq!(host.get("/healthz").unwrap().status, 200);
    kafka.start_again();
    let before = stage.acks().len();
    assert!(before < 1800, "Kafka was stopped after the host's work");
    stage.wait_final(2000);

    let dead = stage.topic.dead_letters().read();
    let of_dead = dead.iter().map(|letter| {
        assert_eq!(letter.header("dlq_reason"), Some("rejected"), "{letter:?}");
        let number = |name| letter.header(name).unwrap().parse::<i64>().unwrap();
        (number("dlq_original_partition").try_into().unwrap(), number("dlq_original_offset"))
    });
    let through: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).chain(of_dead).collect();
    assert_eq!(through, written);

    let metrics = host.metrics();
    for sample in metrics.named("kafka_eventbus_handler_errors_total") {
        assert!(sample.value == 0.0 || ["rejected", "retry"].contains(&&*sample.labels["error_type"]), "{sample:?}");
    }
    assert_eq!(metrics.sum("kafka_eventbus_publish_errors_total", &[]).unwrap_or_default(), 0.0);
    assert_eq!(host.terminate(SOON).code(), Some(0));
}
