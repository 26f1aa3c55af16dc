//! Every way for a group to share partitions: two hosts, a join and a leave under load, and again.

use std::collections::{BTreeMap, BTreeSet};

use sandbus_tests::Host;

use crate::delivery::SOON;
use crate::delivery::groups::under_load;
use crate::delivery::stage::{Probe, Stage};

/// How a group shares partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The default.
    CooperativeSticky,
    /// Eager: everything is given back first.
    Range,
    /// KIP-848: the broker assigns.
    Consumer,
}

impl Protocol {
    /// A stage whose groups use it and notice changes soon.
    pub(super) fn on(self, stage: Stage) -> Stage {
        match self {
            Protocol::CooperativeSticky => stage.property("heartbeat.interval.ms", "300"),
            Protocol::Range => {
                stage.property("heartbeat.interval.ms", "300").property("partition.assignment.strategy", "range")
            }
            Protocol::Consumer => stage.property("group.protocol", "consumer"),
        }
    }
}

/// Waits for a host's log to say that it was given a partition for the `times`th time.
#[track_caller]
pub(super) fn wait_assigned(host: &Host, times: usize) {
    sandbus_tests::eventually(&format!("{times} partitions to have been assigned"), SOON, || {
        let assigned = host.log().iter().filter(|line| line.contains("\"assigned\"")).count();
        if assigned >= times { Ok(()) } else { Err(format!("{assigned}")) }
    });
}

/// Joins and leaves `rounds` times while events come, and looks at what became of them.
#[track_caller]
fn join_and_leave(stage: &Stage, rounds: usize, second: impl Fn() -> Host) {
    let go_on = || stage.wait_acks(stage.acks().len() + 50);
    let (first, written) = under_load(stage, || {
        let mut first = stage.start();
        go_on();
        for _ in 0..rounds {
            let mut second = second();
            wait_assigned(&second, 1);
            go_on();
            assert_eq!(second.terminate(SOON).code(), Some(0));
            go_on();
        }
        let third = second();
        wait_assigned(&third, 1);
        go_on();
        assert_eq!(first.terminate(SOON).code(), Some(0));
        third
    });
    stage.wait_final(written.len() as i64);
    assert_handled_in_order(stage, &written);
    stage.assert_commits_advance();
    drop(first);
}

/// Nothing is lost; the first time that each event is handled keeps the order of its key.
#[track_caller]
pub(super) fn assert_handled_in_order(stage: &Stage, written: &BTreeSet<(i32, i64)>) {
    let mut seen = BTreeSet::new();
    let mut by_key: BTreeMap<String, Vec<(i32, i64)>> = BTreeMap::new();
    for ack in stage.acks() {
        if seen.insert(ack.place()) {
            by_key.entry(ack.key()).or_default().push(ack.place());
        }
    }
    assert_eq!(&seen, written);
    for (key, places) in &by_key {
        assert!(places.is_sorted(), "{key} was handled in this order: {places:?}");
    }
    assert_eq!(stage.topic.dead_letters().read(), []);
}

fn stage(protocol: Protocol) -> Stage {
    protocol.on(Stage::new(4)).probe(Probe::named("probe").line("concurrency = 2"))
}

#[test]
fn vector_22006_partitions_that_come_and_go_are_read_with_cooperative_sticky() {
    let stage = stage(Protocol::CooperativeSticky);
    join_and_leave(&stage, 3, || stage.start());
}

#[test]
fn restate_2437_partitions_that_come_and_go_keep_their_order_with_range() {
    let stage = stage(Protocol::Range);
    join_and_leave(&stage, 2, || stage.start());
}

#[test]
fn alpakka_kafka_1027_partitions_that_come_and_go_are_read_with_the_consumer_protocol() {
    let stage = stage(Protocol::Consumer);
    join_and_leave(&stage, 3, || stage.start());
}

/// With a name of its own for each host, which comes back under that name.
#[track_caller]
fn static_members(protocol: Protocol) {
    let name = "SANDBUS_KAFKA__PROPERTIES__GROUP_INSTANCE_ID";
    let mut stage = protocol.on(Stage::new(4)).probe(Probe::named("probe").line("concurrency = 2"));
    if protocol != Protocol::Consumer {
        // A static member says no good-bye: it is missed when its session ends.
        stage = stage.property("session.timeout.ms", "3000").delivery("drain_timeout = \"1s\"");
    }
    let (one, other) = (stage.deploy().env(name, "one"), stage.deploy().env(name, "other"));
    let start = |deployment: &sandbus_tests::Deployment| {
        let mut host = deployment.start();
        host.wait_ready(SOON);
        host
    };
    let go_on = || stage.wait_acks(stage.acks().len() + 50);
    let (_hosts, written) = under_load(&stage, || {
        let first = start(&one);
        go_on();
        let mut second = start(&other);
        wait_assigned(&second, 1);
        go_on();
        assert_eq!(second.terminate(SOON).code(), Some(0));
        // It is back before it is missed, and has what it had.
        let again = start(&other);
        wait_assigned(&again, 1);
        go_on();
        (first, again)
    });
    stage.wait_final(written.len() as i64);
    assert_handled_in_order(&stage, &written);
}

#[test]
fn static_members_come_back_and_nothing_is_lost() {
    static_members(Protocol::CooperativeSticky);
}

#[test]
fn static_members_of_the_consumer_protocol_come_back_and_nothing_is_lost() {
    static_members(Protocol::Consumer);
}
