//! Kafka that is away, or lacks what is asked for: waited for, and no event's fault.

use std::collections::BTreeSet;

use sandbus_tests::{Connection, Deployment, Host, Kafka, Record, Topic, eventually, names, ports};

use super::SOON;
use super::stage::{Probe, Stage, event};

/// Of each host under load.
const EVENTS: usize = 1500;

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

#[test]
fn a_topic_that_is_deleted_later_is_named() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = stage.deploy().start();
    host.wait_ready(SOON);
    stage.topic.delete();
    wait_missing(&host, stage.topic.name());
    host.log_line_containing("no such topic", SOON);
}

/// Acks, retries and dead letters, which all need the broker.
fn load(count: usize) -> impl Iterator<Item = Record> {
    (0..count).map(|number| {
        let steps = match number % 20 {
            7 => "until:2:retry;sleep:20ms",
            13 => "sleep:20ms;dead-letter:no",
            _ => "sleep:20ms",
        };
        event(&format!("key-{}", number % 50), steps)
    })
}

/// A host under load.
struct Loaded {
    stage: Stage,
    deployment: Deployment,
    host: Host,
    written: BTreeSet<(i32, i64)>,
    loses_session: bool,
}

impl Loaded {
    #[track_caller]
    fn start(connection: &Connection, prepare: impl FnOnce(Stage) -> Stage) -> Loaded {
        let stage = Stage::on(connection, 4)
            .property("reconnect.backoff.max.ms", "500")
            .probe(Probe::named("probe").line("concurrency = 4\nmax_retries = 2"));
        let stage = prepare(stage);
        let deployment = stage.deploy();
        let mut host = deployment.start();
        host.wait_ready(SOON);
        Loaded { stage, deployment, host, written: BTreeSet::new(), loses_session: false }
    }

    /// Events that the broker has heard of the end of.
    #[track_caller]
    fn handled(&self) -> f64 {
        let metrics = self.host.metrics();
        let sum = |name: &str| metrics.sum(&format!("kafka_eventbus_{name}_total"), &[]).unwrap_or_default();
        sum("handler_invocations") + sum("messages_dlq")
    }

    /// A partition that was lost may be read again from before a commit that came late; one that was kept may not.
    #[track_caller]
    fn assert_commits_advance(&self) {
        if !self.loses_session {
            self.stage.assert_commits_advance();
        }
    }

    /// Waits until all is final, and looks at what became of each event.
    #[track_caller]
    fn assert_complete(&self) {
        let stage = &self.stage;
        eventually("all events to be final and committed", 2 * SOON, || {
            let committed = stage.group.committed_sum(&stage.topic);
            if committed == EVENTS as i64 {
                return Ok(());
            }
            self.assert_commits_advance();
            Err(format!("{committed} are committed, {} were handled, {} acks seen", self.handled(), stage.acks().len()))
        });
        self.assert_commits_advance();
        let dead = stage.topic.dead_letters().read();
        let of_dead = dead.iter().map(|letter| {
            assert_eq!(letter.header("dlq_reason"), Some("rejected"), "{letter:?}");
            let number = |name| letter.header(name).unwrap().parse::<i64>().unwrap();
            (number("dlq_original_partition").try_into().unwrap(), number("dlq_original_offset"))
        });
        let through: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).chain(of_dead).collect();
        assert_eq!(through, self.written);

        let metrics = self.host.metrics();
        for sample in metrics.named("kafka_eventbus_handler_errors_total") {
            let kind = sample.labels["error_type"].as_str();
            assert!(sample.value == 0.0 || ["rejected", "retry"].contains(&kind), "{sample:?}");
        }
        assert_eq!(metrics.sum("kafka_eventbus_publish_errors_total", &[]).unwrap_or_default(), 0.0);
    }
}

#[test]
fn an_outage_under_load_loses_nothing_and_blames_nobody() {
    let mut kafka = Kafka::start();
    let connection = kafka.connection();
    let mut short = Loaded::start(&connection, |stage| stage);
    // This one's partitions are lost: no word with the broker within a session.
    let mut long = Loaded::start(&connection, |stage| {
        let stage = stage.property("session.timeout.ms", "2000").property("heartbeat.interval.ms", "500");
        stage.delivery("drain_timeout = \"1s\"")
    });
    long.loses_session = true;
    // This one cannot say good-bye, and is missed until its session ends.
    let mut ending = Loaded::start(&connection, |stage| {
        let stage = stage.property("session.timeout.ms", "5000").property("heartbeat.interval.ms", "500");
        stage.delivery("drain_timeout = \"1s\"\nshutdown_timeout = \"1s\"")
    });
    for loaded in [&mut short, &mut long, &mut ending] {
        loaded.written = loaded.stage.topic.write(load(EVENTS)).into_iter().collect();
    }
    for loaded in [&short, &long, &ending] {
        loaded.stage.wait_acks(20);
    }
    kafka.stop();

    for loaded in [&short, &long, &ending] {
        loaded.host.log_line_containing("Kafka cannot be reached", SOON);
        assert_eq!(loaded.host.get("/healthz").unwrap().status, 200);
        let handled = loaded.handled();
        assert!(handled < EVENTS as f64, "Kafka was stopped after {handled} of {EVENTS} events");
    }
    long.host.log_record("a loss", SOON, |record| record["message"] == "revoked" && record["lost"] == true);
    let group = [("messaging_kafka_consumer_group", long.stage.group.name())];
    long.host.wait_metric("kafka_eventbus_rebalances_total", &group, 1.0, SOON);
    assert_eq!(ending.host.terminate(SOON).code(), Some(1), "what it published is not acknowledged");
    assert!(ending.host.log().iter().any(|line| line.contains("abandoned")), "{:#?}", ending.host.log());

    kafka.start_again();
    ending.host = ending.deployment.start();
    for loaded in [&mut short, &mut long, &mut ending] {
        loaded.assert_complete();
        assert_eq!(loaded.host.terminate(SOON).code(), Some(0));
    }
}
