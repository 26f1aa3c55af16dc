//! Groups that start at the end: what is written after that is theirs, whatever they have handled.

use std::collections::{BTreeMap, BTreeSet};

use sandbus_tests::{Deployment, Record, eventually};

use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

#[track_caller]
fn deploy(stage: &Stage) -> Deployment {
    stage.deploy().env("SANDBUS_KAFKA__AUTO_OFFSET_RESET", "latest")
}

fn events(count: usize, partition: i32) -> impl Iterator<Item = Record> {
    (0..count).map(move |number| event(&format!("key-{number}"), "ack").partition(partition))
}

/// A group that has joined and was stopped before it handled anything has its place: at the end as it was then.
#[test]
fn a_start_at_the_end_is_kept_by_a_group_that_has_handled_nothing() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    // One partition has records, the other is empty.
    stage.topic.write(events(3, 0));
    let deployment = deploy(&stage);
    let mut host = deployment.start();
    let starts = BTreeMap::from([(0, Some(3)), (1, Some(0))]);
    eventually("the starts to be committed", SOON, || {
        let committed = stage.group.committed(&stage.topic);
        if committed == starts { Ok(()) } else { Err(format!("{committed:?}")) }
    });
    assert_eq!(host.terminate(SOON).code(), Some(0));

    stage.topic.write(events(2, 0).chain(events(2, 1)));
    let _host = deployment.start();
    let handled: BTreeSet<_> = stage.wait_acks(4).iter().map(|ack| ack.place()).collect();
    assert_eq!(handled, BTreeSet::from([(0, 3), (0, 4), (1, 0), (1, 1)]));
}

/// `latest` is for a group without a committed offset. One that has one, which is gone, has to go on at the first that is
/// there, or it loses what still exists.
#[test]
fn records_deleted_beyond_the_commit_are_passed_and_no_other_where_groups_start_at_the_end() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    stage.topic.write(events(10, 0));
    stage.group.commit(&stage.topic, 0, 2);
    stage.topic.delete_before(0, 6);
    let _host = deploy(&stage).start();
    stage.wait_final(10);
    let handled: BTreeSet<_> = stage.acks().iter().map(|ack| ack.offset).collect();
    assert_eq!(handled, (6..10).collect());
}

/// A partition that is new to the topic is no partition that the group was late for.
#[test]
fn new_partitions_are_read_from_their_beginning_where_groups_start_at_the_end() {
    let stage = Stage::new(1).property("topic.metadata.refresh.interval.ms", "1000").probe(Probe::named("probe"));
    let mut host = deploy(&stage).start();
    host.wait_ready(SOON);
    stage.topic.grow(2);
    stage.topic.write(events(3, 1));
    let handled: BTreeSet<_> = stage.wait_acks(3).iter().map(|ack| ack.place()).collect();
    assert_eq!(handled, BTreeSet::from([(1, 0), (1, 1), (1, 2)]));
}
