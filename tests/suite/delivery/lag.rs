//! The lag: what stands before the last stable offset and is not final, and 0 where nothing does.

use std::collections::{BTreeMap, BTreeSet};

use sandbus_tests::topic::End;
use sandbus_tests::{Connection, Host, Topic, eventually, names};

use super::SOON;
use super::stage::{Probe, Stage, event};

const LAG: &str = "kafka_eventbus_consumer_lag";

/// The lag of each partition that has one, as a host says.
fn lag(host: &Host, stage: &Stage) -> BTreeMap<i32, i64> {
    let labels =
        [("messaging_destination", stage.topic.name()), ("messaging_kafka_consumer_group", stage.group.name())];
    let metrics = host.metrics();
    let of_topic = metrics
        .named(LAG)
        .into_iter()
        .filter(|sample| labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|of| of == value)));
    of_topic.map(|sample| (sample.labels["messaging_kafka_partition"].parse().unwrap(), sample.value as i64)).collect()
}

#[track_caller]
fn wait_lag(host: &Host, stage: &Stage, expected: &[(i32, i64)]) {
    let expected: BTreeMap<_, _> = expected.iter().copied().collect();
    eventually(&format!("the lag to be {expected:?}"), SOON, || match lag(host, stage) {
        found if found == expected => Ok(()),
        found => Err(format!("{found:?}")),
    });
}

#[test]
fn it_is_what_is_not_final_even_where_nothing_more_is_read() {
    let stage = Stage::new(2).delivery("window = 4").probe(Probe::named("probe").line("concurrency = 4"));
    let host = stage.start();
    wait_lag(&host, &stage, &[(0, 0), (1, 0)]);
    stage.topic.write((0..5).map(|_| event("a", "ack").partition(0)));
    stage.wait_final(5);
    wait_lag(&host, &stage, &[(0, 0), (1, 0)]);

    // The first holds the watermark, and the window is full before the last is read.
    let stuck = event("stuck", "until:2:retry:300s").partition(1);
    stage.topic.write([stuck].into_iter().chain((0..19).map(|n| event(&format!("key-{n}"), "ack").partition(1))));
    wait_lag(&host, &stage, &[(0, 0), (1, 20)]);
    assert_eq!(stage.topic.offsets()[&1], 0..20);
    assert_eq!(stage.group.committed(&stage.topic)[&1].unwrap_or_default(), 0, "the broker knows as much");
    let partition = host.partition(stage.topic.name(), 1).unwrap();
    assert_eq!(partition["lag"], 20, "{partition}");
}

#[test]
fn marks_of_transactions_and_what_was_aborted_are_none() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write_in_transaction((0..3).map(|_| event("a", "ack")), End::Commit);
    eventually("the committed ones to be handled", SOON, || match stage.acks().len() {
        3 => Ok(()),
        acks => Err(format!("{acks} acks")),
    });
    wait_lag(&host, &stage, &[(0, 0)]);
    stage.topic.write_in_transaction((0..4).map(|_| event("b", "ack")), End::Abort);
    wait_lag(&host, &stage, &[(0, 0)]);
    // 3 records and their mark, 4 that were aborted and theirs: what others measure by the commit is 0, too.
    assert_eq!(stage.topic.offsets()[&0].end, 9);
    stage.group.wait_committed_sum(&stage.topic, 9, SOON);
    assert_eq!(stage.acks().len(), 3);

    stage.topic.write([event("c", "ack")]);
    stage.group.wait_committed_sum(&stage.topic, 10, SOON);
    wait_lag(&host, &stage, &[(0, 0)]);
}

#[test]
fn what_stands_in_an_open_transaction_is_none_until_it_is_committed() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("a", "ack").partition(0)]);
    stage.wait_final(1);
    let open = stage.topic.write_in_open_transaction((0..5).map(|_| event("b", "ack").partition(0)));
    // What comes behind it cannot be read either.
    stage.topic.write((0..3).map(|_| event("c", "ack").partition(0)));
    assert_eq!((stage.topic.high_watermarks()[&0], stage.topic.offsets()[&0].end), (9, 1), "where it ends, for whom");
    // Both partitions are asked about together: what is known of the other shows that it was asked since.
    stage.topic.write([event("stuck", "until:2:retry:300s").partition(1)]);
    wait_lag(&host, &stage, &[(0, 0), (1, 1)]);
    assert_eq!(stage.group.committed(&stage.topic)[&0], Some(1), "none of it was read");

    open.end(End::Commit);
    let acks: BTreeSet<_> = stage.wait_acks(9).iter().map(|ack| ack.offset).collect();
    assert_eq!(acks, (0..9).collect());
    assert_eq!(stage.topic.offsets()[&0].end, 10, "with the transaction's mark");
    wait_lag(&host, &stage, &[(0, 0), (1, 1)]);
}

#[test]
fn it_leaves_with_its_partition_and_the_rebalance_is_counted() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    let first = stage.start();
    wait_lag(&first, &stage, &[(0, 0), (1, 0)]);
    let group = [("messaging_kafka_consumer_group", stage.group.name())];
    let rebalances = |host: &Host| host.metrics().sum("kafka_eventbus_rebalances_total", &group);
    assert_eq!(rebalances(&first), Some(0.0), "it is there before the first");

    let mut second = stage.start();
    eventually("each to have one partition", SOON, || {
        let (one, other) = (lag(&first, &stage), lag(&second, &stage));
        let both: Vec<_> = one.keys().chain(other.keys()).copied().collect();
        if one.len() == 1 && other.len() == 1 && (both == [0, 1] || both == [1, 0]) {
            Ok(())
        } else {
            Err(format!("{one:?} {other:?}"))
        }
    });
    assert_eq!((rebalances(&first), rebalances(&second)), (Some(1.0), Some(0.0)), "one has lost something");
    assert_eq!(second.terminate(SOON).code(), Some(0));
    wait_lag(&first, &stage, &[(0, 0), (1, 0)]);
    assert_eq!(rebalances(&first), Some(1.0), "it has only got something");
}

#[test]
fn a_topic_that_is_deleted_does_not_hide_the_lag_of_another() {
    let other = Topic::create_named(&Connection::shared(), &names::unique("other"), 2);
    let stage = Stage::new(1)
        .probe(Probe::named("probe").line("concurrency = 4"))
        .probe(Probe::named("other").line(&format!("topics = [{:?}]", other.name())));
    let host = stage.start();
    wait_lag(&host, &stage, &[(0, 0)]);
    let other_has = |lag: f64| host.wait_metric(LAG, &[("messaging_destination", other.name())], lag, SOON);
    other_has(0.0);
    other.delete();
    let stuck = event("stuck", "until:2:retry:300s");
    stage.topic.write([stuck].into_iter().chain((0..5).map(|n| event(&format!("key-{n}"), "ack"))));
    wait_lag(&host, &stage, &[(0, 6)]);
    stage.topic.write((0..4).map(|n| event(&format!("key-{n}"), "ack")));
    wait_lag(&host, &stage, &[(0, 10)]);
}
