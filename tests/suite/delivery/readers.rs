//! A partition is read by one client while it has a backlog and by another while it waits: nothing is lost, repeated
//! or swapped when it goes from one to the other.

use std::collections::BTreeMap;

use sandbus_tests::{Host, eventually};

use super::SOON;
use super::stage::{Probe, Stage, event};

const PARTITIONS: i32 = 2;
/// Of each burst: more than 512 KiB for each partition.
const RECORDS: i64 = 1200;

/// Waits until that many changes to this pace have been logged.
fn wait_for_changes(host: &Host, pace: &str, changes: usize) {
    eventually(&format!("{changes} changes to {pace}"), SOON, || {
        let found = host.log().iter().filter(|line| line.contains("changes its reader") && line.contains(pace)).count();
        if found >= changes { Ok(()) } else { Err(format!("{found} so far")) }
    });
}

#[test]
fn a_partition_that_is_busy_now_and_idle_then_is_read_without_a_gap() {
    let stage = Stage::new(PARTITIONS).probe(Probe::named("probe"));
    let mut host = stage.deploy().env("RUST_LOG", "info,sandbus::kafka=debug").start();
    host.wait_ready(SOON);
    let partitions = PARTITIONS as usize;
    for burst in 0..3 {
        // Before there is anything, and after all of it, they wait.
        wait_for_changes(&host, "Idle", (burst + 1) * partitions);
        let records = (0..RECORDS).map(|number| {
            let event = event(&format!("key-{}", number % 40), "ack").partition((number % 2) as i32);
            event.value(vec![b'x'; 2048])
        });
        stage.topic.write(records);
        wait_for_changes(&host, "Busy", (burst + 1) * partitions);
        stage.wait_final((burst as i64 + 1) * RECORDS);
    }

    let mut by_key: BTreeMap<(i32, String), Vec<i64>> = BTreeMap::new();
    let acks = stage.acks();
    for ack in &acks {
        by_key.entry((ack.partition, ack.key())).or_default().push(ack.offset);
    }
    assert!(by_key.values().all(|offsets| offsets.is_sorted()), "{by_key:?}");
    let mut places: Vec<_> = acks.iter().map(|ack| (ack.partition, ack.offset)).collect();
    places.sort_unstable();
    let expected: Vec<_> =
        (0..PARTITIONS).flat_map(|of| (0..3 * RECORDS / 2).map(move |offset| (of, offset))).collect();
    assert_eq!(places, expected, "each event is acknowledged once");
}
