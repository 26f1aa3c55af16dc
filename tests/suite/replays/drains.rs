//! What becomes of long tries when a partition is taken away, and who waits for them.

use std::time::Duration;

use sandbus_tests::Host;

use super::protocols::{Protocol, wait_assigned};
use crate::delivery::SOON;
use crate::delivery::stage::{Ack, Probe, Stage, event};

/// Events of one key of each partition, which the first host has read when the second one joins: some seconds of work.
const READ: i64 = 30;

/// A stage of two partitions, a first host with a try at work on each, and a second one that has joined.
pub(super) struct Taken {
    pub(super) stage: Stage,
    first: Host,
    second: Host,
    /// The partition that the second host is to have.
    pub(super) partition: i32,
}

#[track_caller]
pub(super) fn take(protocol: Protocol, drain_timeout: &str, long: &str) -> Taken {
    let stage = protocol
        .on(Stage::new(2))
        .delivery(&format!("drain_timeout = {drain_timeout:?}"))
        .probe(Probe::named("probe").line("concurrency = 4\ntimeout = \"60s\""));
    let first = stage.start();
    let at_work = format!("log:at work;sleep:{long}");
    let reading = (0..READ).map(|_| event("read", "sleep:150ms"));
    let records: Vec<_> = [event("long", &at_work)].into_iter().chain(reading).collect();
    stage.topic.write([0, 1].into_iter().flat_map(|at| records.clone().into_iter().map(move |r| r.partition(at))));
    for partition in [0, 1] {
        let of = format!("{}/{partition}", stage.topic.name());
        first.log_record("both to be at work", SOON, |record| {
            let text = record.to_string();
            text.contains("at work") && (text.contains(&of) || record["partition"] == partition)
        });
    }
    let second = stage.deploy().start();
    let revoked = first.log_record("a revoke", SOON, |record| record["message"] == "revoked");
    let revoked = revoked["partitions"].as_str().expect("a list of partitions").to_owned();
    let partition = i32::from(revoked.contains(&format!("{}/1", stage.topic.name())));
    Taken { stage, first, second, partition }
}

impl Taken {
    /// The acks of the long try on the partition that was taken, with their place among all.
    #[track_caller]
    fn long(&self, acks: &[Ack]) -> Vec<(usize, Ack)> {
        let long = acks.iter().enumerate().filter(|(_, ack)| ack.place() == (self.partition, 0));
        long.map(|(index, ack)| (index, ack.clone())).collect()
    }
}

/// What drains is finished, committed and not repeated; what the partition that stays has read goes on meanwhile.
#[track_caller]
fn drains(protocol: Protocol) {
    let taken = take(protocol, "40s", "6s");
    let stage = &taken.stage;
    stage.topic.write([event("after", "ack").partition(taken.partition)]);
    stage.wait_final(2 * READ + 3);
    let acks = stage.acks();
    assert_eq!(acks.len() as i64, 2 * READ + 3, "each once: {acks:#?}");
    let long = taken.long(&acks);
    let after = acks.iter().position(|ack| ack.partition == taken.partition && ack.offset == READ + 1).unwrap();
    assert!(long[0].0 < after, "the next owner waits for what is finished");
    assert_ne!(acks[after].instance, long[0].1.instance, "the second host goes on");
    assert!(!taken.first.log().iter().any(|line| line.contains("gave up")), "{:#?}", taken.first.log());
    stage.assert_commits_advance();

    let of = |partition: i32| acks[..long[0].0].iter().filter(move |ack| ack.partition == partition).count() as i64;
    let (stays, goes) = (of(1 - taken.partition), of(taken.partition));
    assert!(goes < READ, "what was not started of the partition that goes is the next owner's");
    assert!(stays > goes, "{stays} of the partition that stays, {goes} of the one that goes");
}

#[test]
fn a_long_try_is_finished_and_not_repeated_with_cooperative_sticky() {
    drains(Protocol::CooperativeSticky);
}

#[test]
fn a_long_try_is_finished_and_not_repeated_with_the_consumer_protocol() {
    drains(Protocol::Consumer);
}

/// What does not end in time is given up, and the next owner has it again; the first one's ending counts for nobody.
#[track_caller]
fn gives_up_and_repeats(protocol: Protocol) {
    let taken = take(protocol, "300ms", "5s");
    let stage = &taken.stage;
    taken.first.log_line_containing("gave up a delivery", SOON);
    wait_assigned(&taken.second, 1);
    stage.wait_final(2 * READ + 2);
    let acks = stage.acks();
    let long = taken.long(&acks);
    // What the first host's try published is not let out: the partition is another's.
    assert_eq!(long.len(), 1, "{long:#?}");
    assert_eq!(long[0].1.attempt, 1);
    assert_eq!(
        taken.second.metrics().sum("kafka_eventbus_handler_invocations_total", &[]).map(|n| n >= 1.0),
        Some(true)
    );
    stage.assert_commits_advance();
}

#[test]
fn redpanda_connect_a_late_ending_of_a_lost_partition_counts_for_nobody() {
    gives_up_and_repeats(Protocol::CooperativeSticky);
}

#[test]
fn redpanda_connect_a_late_ending_counts_for_nobody_with_range_either() {
    gives_up_and_repeats(Protocol::Range);
}

#[test]
fn parallel_consumer_826_what_was_read_and_not_started_is_the_next_owners() {
    let stage = Protocol::CooperativeSticky
        .on(Stage::new(2))
        .probe(Probe::named("probe").line("concurrency = 1\ntimeout = \"60s\""));
    let first = stage.start();
    // One instance is busy; everything else is read and waits for it.
    let records = [0, 1].map(|partition| (0..50).map(move |n| event(&format!("key-{n}"), "ack").partition(partition)));
    stage.topic.write([event("busy", "log:at work;sleep:3s").partition(0)]);
    stage.topic.write(records.into_iter().flatten());
    first.log_line_containing("at work", SOON);
    let second = stage.start();
    wait_assigned(&second, 1);
    stage.wait_final(101);
    let acks = stage.acks();
    let places: std::collections::BTreeSet<_> = acks.iter().map(|ack| ack.place()).collect();
    assert_eq!((acks.len(), places.len()), (101, 101), "each once");
    stage.assert_commits_advance();
}

#[test]
fn librdkafka_5541_a_try_longer_than_the_poll_interval_loses_no_membership() {
    for protocol in [Protocol::CooperativeSticky, Protocol::Consumer] {
        let mut stage = protocol.on(Stage::new(1)).property("max.poll.interval.ms", "3000");
        if protocol != Protocol::Consumer {
            stage = stage.property("session.timeout.ms", "2500");
        }
        let stage = stage
            .delivery("drain_timeout = \"1s\"")
            .probe(Probe::named("probe").line("concurrency = 1\ntimeout = \"60s\""));
        let mut host = stage.start();
        stage.topic.write([event("a", "sleep:5s"), event("b", "ack")]);
        stage.wait_final(2);
        assert_eq!(stage.acks().len(), 2, "each once");
        assert_eq!(host.metrics().sum("kafka_eventbus_rebalances_total", &[]).unwrap_or_default(), 0.0);
        assert_eq!(host.terminate(Duration::from_secs(10)).code(), Some(0));
    }
}

#[test]
fn sentry_a_pause_does_not_outlive_its_assignment() {
    // The front event of each partition waits, so that both windows fill and both partitions stand still.
    // One instance for each host, which so names its host.
    let probe = Probe::named("probe").line("concurrency = 1");
    let stage = Protocol::CooperativeSticky.on(Stage::new(2)).delivery("window = 10").probe(probe);
    let first = stage.start();
    let waits = |partition| event("waits", "until:2:retry:600s").partition(partition);
    let acked = |number, partition| event(&format!("key-{number}"), "ack").partition(partition);
    stage.topic.write([0, 1].map(waits));
    stage.topic.write((0..200).flat_map(|number| [0, 1].map(|partition| acked(number, partition))));
    let instances = |acks: &[Ack], partition: i32| -> std::collections::BTreeSet<String> {
        acks.iter().filter(|ack| ack.partition == partition).map(|ack| ack.instance.clone()).collect()
    };
    let both = stage.results.read_until("acks of both partitions", SOON, |records| {
        let of = |partition| records.iter().filter(|r| r.header("probe_partition") == Some(partition)).count();
        of("0") >= 9 && of("1") >= 9
    });
    let before = both.len();

    // Away, and back again.
    let mut second = stage.start();
    wait_assigned(&second, 1);
    let moved = second.log_record("the partition", SOON, |record| record["message"] == "assigned");
    let moved = i32::from(moved["partition"].as_str().unwrap().ends_with("/1"));
    stage.wait_acks(before + 9);
    assert_eq!(second.terminate(SOON).code(), Some(0));
    wait_assigned(&first, 3);
    stage.wait_acks(before + 18);
    let acks = stage.acks();
    // The first host's instances have served it again, from the watermark: the key parallel-consumer 875 lost is there.
    let mine = instances(&acks[..before], moved);
    let again = acks[before..].iter().filter(|ack| ack.partition == moved && mine.contains(&ack.instance));
    assert!(again.count() >= 9, "{acks:#?}");
}
