//! A partition that stands still is seen: which event, which handler, how long, and whether reading waits.

use std::time::Duration;

use sandbus_tests::eventually;

use super::SOON;
use super::stage::{Probe, Stage, event};

/// An event is reported that has held its partition for half a minute.
const REPORTED: Duration = Duration::from_secs(60);

#[test]
fn an_event_that_waits_is_named_by_the_api_a_metric_and_the_log() {
    let stage = Stage::new(2).probe(Probe::named("slow")).probe(Probe::named("quick").line("events = [\"Other\"]"));
    let host = stage.start();
    let topic = stage.topic.name();
    stage.topic.write([
        event("a", "ack").partition(0),
        event("b", "until:2:retry:300s").partition(0),
        event("c", "ack").partition(0),
        event("d", "ack").partition(1),
    ]);
    stage.wait_final(2);
    let held = eventually("the event that holds partition 0 to be shown", SOON, || {
        let partition = host.partition(topic, 0).ok_or("it is not assigned".to_owned())?;
        if partition["held_by"].as_array().is_some_and(|holders| !holders.is_empty()) {
            return Ok(partition);
        }
        Err(partition.to_string())
    });
    assert_eq!((&held["watermark"], &held["events"], &held["full"]), (&1.into(), &2.into(), &false.into()), "{held}");
    assert_eq!(held["group"], stage.group.name(), "{held}");
    assert!(held["held_seconds"].as_f64().is_some_and(|seconds| seconds >= 1.0), "{held}");
    let holder = serde_json::json!([{ "handler": "slow", "state": "waiting for its next try", "attempt": 2 }]);
    assert_eq!(held["held_by"], holder);
    let other = host.partition(topic, 1).unwrap();
    assert_eq!((&other["watermark"], &other["held_seconds"]), (&1.into(), &0.0.into()), "{other}");

    let labels = [("messaging_destination", topic), ("messaging_kafka_partition", "0"), ("handler_name", "slow")];
    let seconds = host.metrics().sum("sandbus_partition_held_time", &labels);
    assert!(seconds.is_some_and(|seconds| seconds >= 1.0), "{seconds:?}");

    let stuck = host.log_record("the report of the event", REPORTED, |record| {
        record["message"] == "an event holds its partition's watermark"
    });
    assert_eq!((&stuck["handler"], &stuck["offset"]), (&"slow".into(), &1.into()), "{stuck}");
    assert_eq!(stuck["partition"], format!("{topic}/0"), "{stuck}");
    assert_eq!((&stuck["event_type"], &stuck["attempt"]), (&"Tried".into(), &2.into()), "{stuck}");
}

#[test]
fn a_full_window_stops_its_partition_and_no_other_and_shows() {
    let stage = Stage::new(2).delivery("window = 4").probe(Probe::named("probe").line("concurrency = 4"));
    let host = stage.start();
    let topic = stage.topic.name();
    let waits = event("stuck", "until:2:retry:300s").partition(0);
    let goes_on = |partition| move |number: usize| event(&format!("key-{number}"), "ack").partition(partition);
    stage.topic.write([waits].into_iter().chain((0..20).map(goes_on(0))).chain((0..20).map(goes_on(1))));
    let full = |partition: &'static str| {
        let labels = [("messaging_destination", topic), ("messaging_kafka_partition", partition)];
        host.metrics().sum("sandbus_partition_full", &labels)
    };
    eventually("partition 0 to be full and partition 1 to be through", SOON, || {
        let acks = stage.acks();
        let of = |partition| acks.iter().filter(|ack| ack.partition == partition).count();
        match (full("0"), full("1"), of(0), of(1)) {
            (Some(1.0), Some(0.0), 3, 20) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let partition = host.partition(topic, 0).unwrap();
    assert_eq!((&partition["events"], &partition["full"]), (&4.into(), &true.into()), "{partition}");
}

#[test]
fn the_api_asks_for_the_token_and_nothing_else_does() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = stage.deploy().env("SANDBUS_ADMIN__TOKEN", "open-sesame").start();
    host.wait_ready(SOON);
    assert_eq!(host.get("/api/v1/partitions").unwrap().status, 401);
    assert_eq!(host.get_with_token("/api/v1/partitions", "wrong").unwrap().status, 401);
    eventually("the partition to be shown", SOON, || {
        let answer = host.get_with_token("/api/v1/partitions", "open-sesame")?;
        assert_eq!(answer.status, 200, "{answer:?}");
        if answer.body.contains(stage.topic.name()) { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    assert_eq!(host.get("/metrics").unwrap().status, 200);
}
