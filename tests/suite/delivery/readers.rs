//! A partition is read by one client while it has a backlog and by another while it waits: nothing is lost, repeated
//! or swapped when it goes from one to the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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

#[test]
fn a_backlog_does_not_wait_for_partitions_that_have_nothing() {
    // How long a fetch waits for those, if a backlog has to share it with them: far longer than all else takes.
    const WAIT: Duration = Duration::from_secs(12);
    // Slower than it is read, so that what is queued fills up and librdkafka leaves the partition out of a fetch.
    const PROBE: &str = "[[handler]]\nname = \"probe\"\ncomponent = \"handlers/probe.wasm\"\nconcurrency = 8\n";
    let stage = Stage::new(PARTITIONS).property("fetch.wait.max.ms", &WAIT.as_millis().to_string()).handler(PROBE);
    let backlog = (0..3000)
        .map(|number| event(&format!("key-{number}"), "sleep:2ms;skip").partition(0).value(vec![b'x'; 10 << 10]));
    stage.topic.write(backlog);
    let _host = stage.start();
    let begun = Instant::now();
    stage.wait_final(3000);
    assert!(begun.elapsed() < WAIT - Duration::from_secs(2), "{:?}", begun.elapsed());
}
