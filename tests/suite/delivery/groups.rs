//! Several hosts in one group, several groups in one host.

use std::collections::BTreeSet;

use sandbus_tests::{Group, Record};

use super::SOON;
use super::stage::{Probe, Stage, event};

#[test]
fn a_rebalance_under_load_loses_nothing() {
    let stage = Stage::new(4).probe(Probe::named("probe").line("concurrency = 2"));
    let events = (0..3000).map(|number| event(&format!("key-{}", number % 60), "until:2:retry:5ms;sleep:2ms"));
    let written: BTreeSet<_> = stage.topic.write(events).into_iter().collect();

    let mut first = stage.start();
    stage.wait_acks(150);
    let second = stage.start();
    second.log_line_containing("assigned", SOON);
    first.log_line_containing("revoked", SOON);
    first.wait_metric("kafka_eventbus_rebalances_total", &[("messaging_kafka_consumer_group", stage.group.name())], 1.0, SOON);
    let before = stage.acks().len();
    stage.wait_acks(before + 150);
    assert!(stage.group.committed_sum(&stage.topic) < 3000, "the first host left after the work");
    assert_eq!(first.terminate(SOON).code(), Some(0));
    stage.wait_final(3000);

    let acked: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    assert_eq!(acked, written);
    assert_eq!(stage.topic.dead_letters().read(), []);
    let shared = second.metrics().sum("kafka_eventbus_handler_invocations_total", &[]);
    assert!(shared.is_some_and(|events| events > 0.0), "the second host did nothing");
}

#[test]
fn a_group_of_its_own_has_its_own_offsets_and_holds_up_nobody() {
    let probe = |name: &str, group: &str| {
        Probe::named(name).line(&format!("group = \"{group}\"\nevents = [\"For-{name}\"]"))
    };
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
