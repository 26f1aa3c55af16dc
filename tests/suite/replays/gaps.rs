//! Offsets that are no records: compacted ones, control records, aborted transactions.

use std::time::Duration;

use sandbus_tests::{End, Record, Topic, eventually, names};

use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

fn events(count: usize) -> Vec<Record> {
    (0..count).map(|number| event(&format!("key-{}", number % 3), "ack")).collect()
}

/// The offsets that a handler was given are those that can be read, once each and in order.
#[track_caller]
fn assert_all_once(stage: &Stage) {
    let mut handled: Vec<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    handled.sort_unstable();
    let readable: Vec<_> = stage.topic.read().iter().map(|record| (record.partition, record.offset)).collect();
    assert_eq!(handled, readable);
}

#[test]
fn transaction_markers_and_aborted_records_are_passed() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let deployment = stage.deploy();
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let to = |partition| move |record: Record| record.partition(partition);
    let topic = &stage.topic;
    topic.write_in_transaction(events(3).into_iter().map(to(0)), End::Abort);
    topic.write_in_transaction(events(3).into_iter().map(to(0)), End::Commit);
    topic.write(events(2).into_iter().map(to(0)));
    topic.write_in_transaction(
        events(5).into_iter().flat_map(|record| [to(0)(record.clone()), to(1)(record)]),
        End::Commit,
    );
    // The end of one partition is a marker, that of the other an aborted transaction.
    topic.write_in_transaction(events(4).into_iter().map(to(1)), End::Abort);

    stage.wait_acks(15);
    assert_all_once(&stage);
    let ends = topic.offsets();
    let last =
        |partition: i32| topic.read().iter().filter(|r| r.partition == partition).map(|r| r.offset).max().unwrap();
    eventually("both partitions to be committed to the last that can be read", SOON, || {
        let committed = stage.group.committed(topic);
        let done = |partition: i32| committed[&partition].is_some_and(|offset| offset > last(partition));
        if done(0) && done(1) { Ok(()) } else { Err(format!("{committed:?} of {ends:?}")) }
    });
    for (partition, offset) in stage.group.committed(topic) {
        assert!(offset.unwrap() <= ends[&partition].end, "partition {partition}: {offset:?} of {ends:?}");
    }
    assert_eq!(host.terminate(SOON).code(), Some(0));
    stage.assert_commits_advance();

    // Started again, nothing is repeated, and what comes next is handled.
    let mut host = deployment.start();
    host.wait_ready(SOON);
    topic.write_in_transaction(events(2).into_iter().map(to(1)), End::Commit);
    stage.wait_acks(17);
    assert_all_once(&stage);
    assert_eq!(stage.topic.dead_letters().read(), []);
}

#[test]
fn compacted_offsets_are_passed() {
    let settings = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("segment.ms", "50"),
        ("delete.retention.ms", "0"),
        ("min.compaction.lag.ms", "0"),
    ];
    let connection = sandbus_tests::Connection::shared();
    let topic = Topic::create_with(&connection, &names::unique("compacted"), 1, &settings);
    let results = Topic::create_named(&connection, &names::unique("results"), 1);
    let stage = Stage::with(&connection, topic, results).probe(Probe::named("probe"));
    let mut written = 0;
    // Each write may begin a new segment; those before it can then be compacted.
    eventually("records to be compacted away", 2 * SOON, || {
        written += stage.topic.write(events(6)).len();
        std::thread::sleep(Duration::from_millis(100));
        let left = stage.topic.read().len();
        if left < written - 10 { Ok(()) } else { Err(format!("{left} of {written} are left")) }
    });
    let left: Vec<_> = stage.topic.read().iter().map(|record| record.offset).collect();
    let gap = (left[0]..).find(|offset| !left.contains(offset)).unwrap();
    // What is committed is itself a gap.
    stage.group.commit(&stage.topic, 0, gap);

    let _host = stage.start();
    stage.wait_final(written as i64);
    let acks: Vec<_> = stage.acks().iter().map(|ack| ack.offset).collect();
    let still: Vec<_> = stage.topic.read().iter().map(|record| record.offset).filter(|offset| *offset >= gap).collect();
    // It may be compacted further at any time: nothing that is still there is missing.
    assert!(still.iter().all(|offset| acks.contains(offset)), "{acks:?} of {still:?}");
    assert!(acks.len() < written && acks.iter().all(|offset| left.contains(offset)), "{acks:?} of {left:?}");
}
