//! Several hosts in one group, several groups in one host.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use sandbus_tests::{Group, Host, Record, eventually};

use super::SOON;
use super::stage::{Probe, Stage, event};

/// Writes as fast as events become final, and never lets the hosts run dry, until it is told to stop. Answers with the
/// place of each event.
#[track_caller]
fn keep_busy(stage: &Stage, stop: &AtomicBool) -> BTreeSet<(i32, i64)> {
    let mut written = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let events = (0..100).map(|number| event(&format!("key-{}", number % 60), "until:2:retry:5ms;sleep:2ms"));
        written.extend(stage.topic.write(events));
        eventually("all but 300 events to be final", SOON, || {
            let left = written.len() as i64 - stage.group.committed_sum(&stage.topic);
            if left <= 300 || stop.load(Ordering::Relaxed) { Ok(()) } else { Err(format!("{left} are left")) }
        });
    }
    written
}

/// Two hosts share the work, then the first one leaves.
#[track_caller]
fn share(stage: &Stage) -> Host {
    let go_on = || stage.wait_acks(stage.acks().len() + 100);
    let mut first = stage.start();
    go_on();
    let second = stage.start();
    second.log_line_containing("assigned", SOON);
    first.log_line_containing("revoked", SOON);
    let group = [("messaging_kafka_consumer_group", stage.group.name())];
    first.wait_metric("kafka_eventbus_rebalances_total", &group, 1.0, SOON);
    go_on();
    assert_eq!(first.terminate(SOON).code(), Some(0));
    go_on();
    second
}

/// Does `run` while hosts have work, and answers with what it did and the place of each event.
#[track_caller]
pub(crate) fn under_load<T>(stage: &Stage, run: impl FnOnce() -> T) -> (T, BTreeSet<(i32, i64)>) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| keep_busy(stage, &stop));
        // The writer has to end, whatever becomes of the hosts.
        let ran = std::panic::catch_unwind(AssertUnwindSafe(run));
        stop.store(true, Ordering::Relaxed);
        let written = writer.join().expect("the writer writes");
        (ran.unwrap_or_else(|panic| resume_unwind(panic)), written)
    })
}

#[test]
fn a_rebalance_under_load_loses_nothing() {
    let stage = Stage::new(4).probe(Probe::named("probe").line("concurrency = 2"));
    let (second, written) = under_load(&stage, || share(&stage));
    stage.wait_final(written.len() as i64);
    let acked: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    assert_eq!(acked, written);
    stage.assert_commits_advance();
    assert_eq!(stage.topic.dead_letters().read(), []);
    let shared = second.metrics().sum("kafka_eventbus_handler_invocations_total", &[]);
    assert!(shared.is_some_and(|events| events > 0.0), "the second host did nothing");
}

#[test]
fn a_group_of_its_own_has_its_own_offsets_and_holds_up_nobody() {
    let probe =
        |name: &str, group: &str| Probe::named(name).line(&format!("group = \"{group}\"\nevents = [\"For-{name}\"]"));
    let stage = Stage::new(1).probe(probe("a", "own")).probe(probe("b", "own")).probe(probe("c", "shared"));
    let own = |name: &str| Group::named(&stage.connection, &format!("{}.{name}", stage.group.name()));
    let mut host = stage.start();
    let of = |name: &str, steps: &str| Record::event(&format!("For-{name}"), "{}").header("probe", steps);
    let waits = "until:2:retry:300s";
    stage.topic.write([of("b", "ack"), of("a", waits), of("c", "ack"), of("b", "ack"), of("c", waits), of("b", "ack")]);

    own("b").wait_committed_sum(&stage.topic, 6, SOON);
    own("a").wait_committed_sum(&stage.topic, 1, SOON);
    stage.group.wait_committed_sum(&stage.topic, 4, SOON);
    let mut acks: Vec<_> = stage.acks().iter().map(|ack| (ack.handler.clone(), ack.offset)).collect();
    acks.sort();
    let acked = |name: &str, offset| (name.to_owned(), offset);
    assert_eq!(acks, [acked("b", 0), acked("b", 3), acked("b", 5), acked("c", 2)]);
    // Each group reads every record.
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[], 18.0, SOON);
    host.kill();
}

#[test]
fn a_dead_letter_names_the_group_that_gave_up() {
    let stage = Stage::new(1)
        .probe(Probe::named("own").line("group = \"own\"\nmax_retries = 0"))
        .probe(Probe::named("shared").line("max_retries = 0"));
    let _host = stage.start();
    let undecodable = Record::new().header("event_type", [0xff]);
    stage.topic.write([event("a", "error:Broken:it"), undecodable]);
    stage.wait_final(2);
    let mut by: Vec<_> = (stage.topic.dead_letters().read_count(4, SOON).iter())
        .map(|letter| {
            let group = letter.header("dlq_consumer_group").unwrap().replace(stage.group.name(), "GROUP");
            (letter.header("dlq_error_type").unwrap().to_owned(), group)
        })
        .collect();
    by.sort();
    let by: Vec<_> = by.iter().map(|(kind, group)| (kind.as_str(), group.as_str())).collect();
    let (broken, unread) = ("Broken", "deserialization_error");
    assert_eq!(by, [(broken, "GROUP"), (broken, "GROUP.own"), (unread, "GROUP"), (unread, "GROUP.own")]);
}
