//! What a rebalance does to a partition that stays, beyond what it has read: nothing.

use super::drains::take;
use super::protocols::Protocol;
use crate::delivery::stage::event;

/// Records that come while another partition drains are handled before its long try ends.
#[track_caller]
fn is_read(protocol: Protocol) {
    let taken = take(protocol, "40s", "10s");
    let stage = &taken.stage;
    let stays = 1 - taken.partition;
    stage.topic.write((0..20).map(|number| event(&format!("key-{number}"), "ack").partition(stays)));
    let fresh = |key: &[u8]| key.starts_with(b"key-");
    let records =
        stage.results.read_until("acks of the records that came meanwhile", crate::delivery::SOON, |records| {
            records.iter().filter(|record| record.key.as_deref().is_some_and(fresh)).count() == 20
        });
    let long = |record: &&sandbus_tests::StoredRecord| record.key.as_deref() == Some(b"long");
    let ended: Vec<_> = records.iter().filter(long).map(|record| record.header("probe_partition")).collect();
    assert!(!ended.contains(&Some(taken.partition.to_string().as_str())), "they came after the long try: {ended:?}");
}

#[test]
fn a_partition_that_stays_is_read_while_another_drains_with_cooperative_sticky() {
    is_read(Protocol::CooperativeSticky);
}

#[test]
fn a_partition_that_stays_is_read_while_another_drains_with_the_consumer_protocol() {
    is_read(Protocol::Consumer);
}
