//! Gauges that tell the truth: the lag of each partition that is held, and of no other, and every group's connection.

use sandbus_tests::{End, Host};

use super::protocols::Protocol;
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

#[test]
fn eventsource_py_every_group_of_a_process_has_its_gauges() {
    let stage = Stage::new(2).probe(Probe::named("one").line("group = \"own\"")).probe(Probe::named("other"));
    let host = stage.start();
    stage.topic.write([0, 1].map(|partition| event("a", "ack").partition(partition)));
    stage.wait_final(2);
    let groups = [stage.group.name().to_owned(), format!("{}.one", stage.group.name())];
    for group in &groups {
        let labels = [("messaging_kafka_consumer_group", group.as_str())];
        host.wait_metric("kafka_eventbus_connections_active", &labels, 1.0, SOON);
        sandbus_tests::eventually(&format!("two lags of {group}, both 0"), SOON, || {
            let metrics = host.metrics();
            let lags = metrics.named("kafka_eventbus_consumer_lag");
            let lags: Vec<_> = lags.iter().filter(|sample| sample.has(&labels)).map(|sample| sample.value).collect();
            if lags == [0.0, 0.0] { Ok(()) } else { Err(format!("{lags:?}")) }
        });
    }
}

#[test]
fn vector_24647_a_partition_that_was_given_away_has_no_lag_here() {
    let stage = Protocol::CooperativeSticky.on(Stage::new(2)).probe(Probe::named("probe"));
    let first = stage.start();
    stage.topic.write((0..10).map(|number| event(&number.to_string(), "ack")));
    stage.wait_final(10);
    let partitions = |host: &Host| -> std::collections::BTreeSet<String> {
        let metrics = host.metrics();
        let lag = metrics.named("kafka_eventbus_consumer_lag");
        lag.iter().map(|sample| sample.labels["messaging_kafka_partition"].clone()).collect()
    };
    let wait = |host: &Host, count: usize| {
        sandbus_tests::eventually(&format!("lag of {count} partitions"), SOON, || {
            let partitions = partitions(host);
            if partitions.len() == count { Ok(()) } else { Err(format!("{partitions:?}")) }
        });
    };
    wait(&first, 2);
    let second = stage.start();
    wait(&second, 1);
    wait(&first, 1);
    assert_ne!(partitions(&first), partitions(&second));
}

#[test]
fn librdkafka_3917_transaction_markers_and_aborted_records_are_no_lag() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let host = stage.start();
    let to = |partition: i32, count: usize| (0..count).map(move |n| event(&n.to_string(), "ack").partition(partition));
    stage.topic.write_in_transaction(to(0, 3), End::Commit);
    stage.topic.write_in_transaction(to(1, 3), End::Commit);
    stage.topic.write_in_transaction(to(1, 3), End::Abort);
    stage.wait_acks(6);
    host.wait_metric("kafka_eventbus_consumer_lag", &[], 0.0, SOON);
}
