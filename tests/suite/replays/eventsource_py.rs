//! What eventsource-py does to its neighbours, and to its own.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use sandbus_tests::{Group, Host};

use crate::cli_outcome::Outcome;
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

/// Events handled by a handler.
#[track_caller]
fn invocations(host: &Host, handler: &str) -> f64 {
    let labels = [("handler_name", handler)];
    host.metrics().sum("kafka_eventbus_handler_invocations_total", &labels).unwrap_or_default()
}

#[test]
fn eventsource_py_retries_leak_into_no_other_group_and_no_other_handler() {
    let stage = Stage::new(1)
        .probe(Probe::named("fails").line("max_retries = 3"))
        .probe(Probe::named("beside").line("events = [\"Fine\", \"Tried\"]"))
        .probe(Probe::named("apart").line("group = \"own\""));
    let host = stage.start();
    // For the first handler only: the others have nothing to wait for.
    let failing = event("a", "ack").header("event_id", "1");
    stage.topic.write([failing, event("a", "until:4:retry:5ms")]);
    stage.wait_final(2);
    let own = Group::named(&stage.connection, &format!("{}.apart", stage.group.name()));
    own.wait_committed_sum(&stage.topic, 2, SOON);
    // Every handler has its own count of tries, and ends after it.
    for handler in ["fails", "beside", "apart"] {
        let attempts: Vec<_> =
            (stage.acks().iter().filter(|ack| ack.handler == handler)).map(|ack| (ack.offset, ack.attempt)).collect();
        assert_eq!(attempts, [(0, 1), (1, 4)], "{handler}");
        assert_eq!(invocations(&host, handler), 2.0);
    }
    assert_eq!(stage.topic.read().len(), 2, "nothing goes back to the main topic");
    assert_eq!(stage.topic.dead_letters().read(), []);
}

#[test]
fn eventsource_py_a_retry_runs_no_handler_again_that_succeeded() {
    let example = "
[[handler]]
name = \"audit\"
component = \"handlers/audit.wasm\"
";
    let stage = Stage::new(1).handler(example).probe(Probe::named("fails").line("max_retries = 2"));
    let host = stage.start();
    stage.topic.write([event("a", "error:Broken:it").header("tenant_id", "t")]);
    stage.wait_final(1);
    assert_eq!((invocations(&host, "audit"), invocations(&host, "fails")), (1.0, 0.0));
    let errors = host.metrics().sum("kafka_eventbus_handler_errors_total", &[("handler_name", "fails")]);
    assert_eq!(errors, Some(3.0));
    let letters = stage.topic.dead_letters().read();
    assert_eq!(letters.len(), 1, "of the one that failed alone");
}

#[test]
fn eventsource_py_an_idle_host_ends_at_once() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let mut host = stage.start();
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    let asked = Instant::now();
    assert_eq!(host.terminate(SOON).code(), Some(0));
    // Its shutdown_timeout is 25 s, and there is nothing to wait for.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[test]
fn eventsource_py_who_only_publishes_joins_no_group() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let deployment = stage.deploy();
    let mut host = deployment.start();
    host.wait_ready(SOON);
    for count in 1..=3 {
        let line = "{\"type\":\"Tried\",\"key\":\"a\",\"value\":{}}\n";
        Outcome::with_input(&deployment, &["publish", "-c", "sandbus.toml"], line).expect(0);
        stage.wait_final(count);
    }
    assert_eq!(host.metrics().sum("kafka_eventbus_rebalances_total", &[]).unwrap_or_default(), 0.0);
    assert!(!host.log().iter().any(|line| line.contains("revoked")), "{:#?}", host.log());
}

#[test]
fn parallel_consumer_metadata_of_a_commit_by_another_program_is_no_ones_end() {
    // One instance: between keys there is no order but that of who runs first.
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 1"));
    stage.topic.write((0..4).map(|number| event(&number.to_string(), "ack")));
    // As another program of the same group may have left it.
    let consumer: BaseConsumer = stage.connection.client().set("group.id", stage.group.name()).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(stage.topic.name(), 0, Offset::Offset(2)).unwrap();
    let mut element = offsets.find_partition(stage.topic.name(), 0).unwrap();
    element.set_metadata("bAAGAAEAAg== é\u{0}");
    consumer.commit(&offsets, CommitMode::Sync).unwrap();

    let mut host = stage.start();
    stage.wait_final(4);
    assert_eq!(stage.acks().iter().map(|ack| ack.offset).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(host.terminate(SOON).code(), Some(0));
}
