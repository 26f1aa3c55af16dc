//! Offsets that somebody else moves, records that are gone, topics that are made again.

use std::collections::BTreeSet;

use sandbus_tests::{Record, Topic, eventually};

use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

/// Acknowledged at once, each with a key of its own.
fn events(count: usize) -> impl Iterator<Item = Record> {
    (0..count).map(|number| event(&format!("key-{number}"), "ack"))
}

/// Offsets of the acks after the first `before`.
#[track_caller]
fn since(stage: &Stage, before: usize) -> Vec<i64> {
    let mut offsets: Vec<_> = stage.acks()[before..].iter().map(|ack| ack.offset).collect();
    offsets.sort_unstable();
    offsets
}

#[test]
fn parallel_consumer_409_a_commit_that_was_moved_either_way_is_where_it_goes_on() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = stage.deploy();
    let mut host = deployment.start();
    stage.topic.write(events(10));
    stage.wait_final(10);
    assert_eq!(host.terminate(SOON).code(), Some(0));

    stage.group.commit(&stage.topic, 0, 4);
    let mut host = deployment.start();
    stage.wait_final(10);
    assert_eq!(host.terminate(SOON).code(), Some(0));
    assert_eq!(since(&stage, 10), (4..10).collect::<Vec<_>>());

    stage.topic.write(events(6));
    stage.group.commit(&stage.topic, 0, 13);
    let _host = deployment.start();
    stage.wait_final(16);
    assert_eq!(since(&stage, 16), [13, 14, 15]);
}

#[test]
fn parallel_consumer_62_the_first_record_after_a_restart_is_not_skipped() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = stage.deploy();
    for count in 1..=3 {
        stage.topic.write(events(1));
        let mut host = deployment.start();
        stage.wait_final(count);
        assert_eq!(host.terminate(SOON).code(), Some(0));
    }
    assert_eq!(since(&stage, 0), [0, 1, 2]);
}

#[test]
fn records_deleted_beyond_the_commit_of_a_stopped_host_are_passed_and_no_other() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let deployment = stage.deploy();
    let to = |partition| move |record: Record| record.partition(partition);
    let mut host = deployment.start();
    stage.topic.write(events(2).map(to(0)));
    stage.wait_final(2);
    assert_eq!(host.terminate(SOON).code(), Some(0));

    stage.topic.write(events(8).map(to(0)).chain(events(3).map(to(1))));
    stage.topic.delete_before(0, 6);
    // Nothing was ever committed of this one.
    stage.topic.delete_before(1, 1);
    let _host = deployment.start();
    stage.wait_final(13);
    let handled: BTreeSet<_> = stage.acks()[2..].iter().map(|ack| ack.place()).collect();
    let left = (6..10).map(|offset| (0, offset)).chain([(1, 1), (1, 2)]);
    assert_eq!(handled, left.collect());
}

#[test]
fn records_deleted_beyond_the_position_of_a_running_host_are_passed_and_no_other() {
    // The first event keeps the window full while the records behind it are deleted.
    let stage = Stage::new(1).delivery("window = 20").probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("slow", "until:2:retry:3s")]);
    host.log_record("the first try", SOON, |record| record["verdict"] == "retry");
    // Large, so that not all of them are fetched ahead.
    let large = (0..400).map(|number| event(&format!("key-{number}"), "ack").value(vec![b'x'; 50_000]));
    stage.topic.write(large);
    stage.topic.delete_before(0, 350);
    assert!(stage.acks().iter().all(|ack| ack.offset > 0), "the records were deleted too late");

    stage.wait_final(401);
    let handled: BTreeSet<_> = stage.acks().iter().map(|ack| ack.offset).collect();
    assert!(handled.contains(&0), "what was held is handled");
    let lost: Vec<_> = (350..401).filter(|offset| !handled.contains(offset)).collect();
    assert!(lost.is_empty(), "still there, and not handled: {lost:?}");
    stage.assert_commits_advance();
    // It goes on as if nothing had been.
    stage.topic.write(events(1));
    stage.wait_final(402);
}

/// A host that has handled `before` records of a topic that is then made anew.
#[track_caller]
fn made_anew(before: usize, after: usize, notice: bool) {
    let stage = Stage::new(1).property("topic.metadata.refresh.interval.ms", "500").probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write(events(before));
    stage.wait_final(before as i64);
    stage.topic.delete();
    if notice {
        host.log_line_containing("no such topic", SOON);
    }
    let again = Topic::create_named(&stage.connection, stage.topic.name(), 1);
    again.write(events(after));
    let acks = stage.wait_acks(before + after);
    assert_eq!(acks.len(), before + after);
    assert_eq!(since(&stage, before), (0..after as i64).collect::<Vec<_>>());
    stage.wait_final(after as i64);
}

#[test]
fn a_topic_that_was_missed_is_read_from_its_beginning_when_it_is_made_again() {
    made_anew(5, 3, true);
}

#[test]
fn a_topic_that_is_made_again_at_once_is_read_from_its_beginning() {
    made_anew(5, 3, false);
}

#[test]
fn a_topic_that_is_made_again_and_is_longer_by_then_is_read_from_its_beginning() {
    // What stands beyond the old position may be read before the host knows that the topic is another.
    let stage = Stage::new(1).property("topic.metadata.refresh.interval.ms", "500").probe(Probe::named("probe"));
    let _host = stage.start();
    stage.topic.write(events(5));
    stage.wait_final(5);
    stage.topic.delete();
    let again = Topic::create_named(&stage.connection, stage.topic.name(), 1);
    again.write(events(8));
    eventually("all of the new topic to be handled", SOON, || {
        let handled: BTreeSet<i64> = since(&stage, 5).into_iter().collect();
        if handled == (0..8).collect() { Ok(()) } else { Err(format!("{handled:?}")) }
    });
    stage.wait_final(8);
}

#[test]
fn a_topic_that_is_made_again_has_nothing_to_do_with_what_still_waits_of_it() {
    let stage = Stage::new(1).property("topic.metadata.refresh.interval.ms", "500").probe(Probe::named("probe"));
    let _host = stage.start();
    stage.topic.write(events(5).chain([event("waits", "until:2:retry:600s")]));
    stage.wait_final(5);
    stage.topic.delete();
    let again = Topic::create_named(&stage.connection, stage.topic.name(), 1);
    again.write(events(3).chain([event("waits", "ack")]));
    stage.wait_acks(9);
    assert_eq!(since(&stage, 5), [0, 1, 2, 3]);
    // The old event holds no watermark, and its key holds up no other.
    stage.wait_final(4);
}

#[test]
fn a_kill_between_handling_and_commit_repeats_and_loses_nothing() {
    let stage = Stage::new(2).delivery("").probe(Probe::named("probe"));
    let stage = stage.property("session.timeout.ms", "2000").property("heartbeat.interval.ms", "500");
    let deployment = stage.deploy().env("SANDBUS_DELIVERY__COMMIT_INTERVAL", "1h");
    let deployment = deployment.env("SANDBUS_DELIVERY__DRAIN_TIMEOUT", "1s");
    let mut host = deployment.start();
    let written: BTreeSet<_> = stage.topic.write(events(20)).into_iter().collect();
    stage.wait_acks(20);
    host.kill();
    assert_eq!(stage.group.committed_sum(&stage.topic), 0);

    let mut host = deployment.start();
    let acks = stage.wait_acks(40);
    let repeated: BTreeSet<_> = acks[20..].iter().map(|ack| ack.place()).collect();
    assert_eq!(repeated, written);
    // The end commits what the interval has not.
    assert_eq!(host.terminate(SOON).code(), Some(0));
    assert_eq!(stage.group.committed_sum(&stage.topic), 20);
}
