//! What is committed: never more than what is final, and in the end all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use sandbus_tests::Record;

use super::SOON;
use super::stage::{Probe, Stage, event};

/// A stage whose group misses a member that was killed soon.
fn stage(partitions: i32) -> Stage {
    stage_of(partitions, 2)
}

/// With so many instances.
fn stage_of(partitions: i32, concurrency: u32) -> Stage {
    Stage::new(partitions)
        .property("session.timeout.ms", "3000")
        .property("heartbeat.interval.ms", "500")
        .delivery("drain_timeout = \"1s\"")
        .probe(Probe::named("probe").line(&format!("concurrency = {concurrency}")))
}

/// Events of many keys over all partitions.
fn events(count: usize, steps: &str) -> impl Iterator<Item = Record> {
    (0..count).map(move |number| event(&format!("key-{}", number % 20), steps))
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let stage = Stage::new(3).probe(Probe::named("probe").line("concurrency = 2"));
    let deployment = stage.deploy();
    let mut written = 0;
    for _ in 0..3 {
        let mut host = deployment.start();
        host.wait_ready(SOON);
        written += stage.topic.write(events(100, "until:2:retry")).len();
        stage.wait_final(written.try_into().unwrap());
        assert_eq!(host.terminate(SOON).code(), Some(0));
    }
    let mut ends: BTreeMap<i32, Option<i64>> = BTreeMap::new();
    for record in stage.topic.read() {
        ends.insert(record.partition, Some(record.offset + 1));
    }
    assert_eq!(stage.group.committed(&stage.topic), ends);

    let acks = stage.acks();
    let places: BTreeSet<_> = acks.iter().map(|ack| ack.place()).collect();
    assert_eq!((acks.len(), places.len()), (written, written), "each event is handled once, over all runs");
}

#[test]
fn a_crash_loses_nothing() {
    let stage = stage(3);
    let deployment = stage.deploy();
    let mut host = deployment.start();
    let written: BTreeSet<_> = stage.topic.write(events(1500, "sleep:2ms")).into_iter().collect();
    stage.wait_acks(300);
    host.kill();

    let committed = stage.group.committed(&stage.topic);
    let acked: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    assert!(acked.len() < written.len(), "the host was killed after its work");
    let is_committed = |(partition, offset): &(i32, i64)| committed[partition].is_some_and(|end| *offset < end);
    let lost: Vec<_> = written.iter().filter(|place| is_committed(place) && !acked.contains(place)).collect();
    assert!(lost.is_empty(), "committed, but not handled: {lost:?}");
    assert!(written.iter().any(is_committed), "nothing was committed on the way");

    let _host = deployment.start();
    stage.wait_final(1500);
    let acked: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    assert_eq!(acked, written);
    stage.assert_commits_advance();
}

#[test]
fn an_event_that_waits_holds_the_watermark_and_no_other_key() {
    // One instance: between keys there is no order but that of who runs first.
    let stage = stage_of(2, 1);
    let deployment = stage.deploy();
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let waits = |key| event(key, "until:2:retry:300s").partition(0);
    let goes_on = |key| event(key, "ack").partition(0);
    stage.topic.write([goes_on("a"), waits("b"), goes_on("b"), goes_on("c"), goes_on("d")]);
    assert_eq!(offsets(&stage, 3), [0, 3, 4]);

    // All watermarks are committed together: once this one is, the other has had its turn.
    stage.topic.write([event("a", "ack").partition(1)]);
    stage.wait_final(2);
    assert_eq!(stage.group.committed(&stage.topic), BTreeMap::from([(0, Some(1)), (1, Some(1))]));
    assert_eq!(offsets(&stage, 4), [0, 3, 4, 0], "the waiting event's key was not held up");

    host.kill();
    let _host = deployment.start();
    // Attempts begin anew, so the event waits again, and what is behind it is repeated.
    assert_eq!(offsets(&stage, 6)[4..], [3, 4]);
}

/// Offsets of the first acks.
#[track_caller]
fn offsets(stage: &Stage, count: usize) -> Vec<i64> {
    stage.wait_acks(count).iter().map(|ack| ack.offset).collect()
}

#[test]
fn a_group_may_start_at_the_end() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    stage.topic.write(events(3, "ack"));
    let deployment = stage.deploy().env("SANDBUS_KAFKA__AUTO_OFFSET_RESET", "latest");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    // A position at the end is found after the assignment: what is written before that may be passed over.
    let seen = (0..NonZero::<u16>::MAX.get()).find(|_| {
        stage.topic.write(events(1, "ack"));
        !stage.acks().is_empty()
    });
    assert!(seen.is_some(), "nothing is read");
    assert!(stage.acks().iter().all(|ack| ack.offset >= 3), "what was there before was read");
}
