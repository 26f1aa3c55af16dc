//! Partitions that a topic gets while it is read.

use std::collections::BTreeSet;

use sandbus_tests::Record;

use crate::delivery::stage::{Probe, Stage, event};

/// A stage that looks for new partitions often.
#[track_caller]
fn stage() -> Stage {
    Stage::new(1).property("topic.metadata.refresh.interval.ms", "1000").probe(Probe::named("probe"))
}

/// Three records for each partition, to be handled at once.
fn events(partitions: std::ops::Range<i32>) -> impl Iterator<Item = Record> {
    (0..3).flat_map(move |number| partitions.clone().map(move |at| event(&number.to_string(), "ack").partition(at)))
}

#[test]
fn new_partitions_are_read_from_their_beginning() {
    let stage = stage();
    let host = stage.start();
    stage.topic.write(events(0..1));
    stage.wait_final(3);
    stage.topic.grow(4);
    // Before the host can know of them.
    stage.topic.write(events(0..4));
    stage.wait_final(15);
    let handled: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    assert_eq!(handled.len(), 15);
    // Nothing is taken from a group's only member by that.
    stage.topic.write(events(0..4));
    stage.wait_final(27);
    assert_eq!(stage.acks().len(), 27, "each once");
    drop(host);
}
