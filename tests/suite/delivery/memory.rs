//! Memory while the lag is many times of what may be held.
//!
//! Stands for parallel-consumer 832, 817 and 836, where what waited for another try, or was in flight, was in no bound.

use sandbus_tests::{Record, Topic, eventually, names};

use super::SOON;
use super::stage::Stage;

const MIB: u64 = 1 << 20;
const BUFFER: u64 = 64 * MIB;
/// What the process has besides, as docs/delivery.md lists it: itself with its guests, what is fetched ahead of the four
/// partitions, the fetch that is being received, and those that are pinned until 100 ms have passed.
const CONSTANT: u64 = (100 + 4 * 2 + 50 + 34) * MIB;

const PARTITIONS: i32 = 4;
/// Of each partition, 1 MiB each: 1.5 GiB in all.
const RECORDS: i64 = 384;
/// In the first partition, each of this many records has the key that is stuck.
const STUCK: i64 = 8;

/// One that reports nothing: its results would be as large.
const PROBE: &str = "
[[handler]]
name = \"probe\"
component = \"handlers/probe.wasm\"
retry_max_delay = \"600s\"
concurrency = 2
";

fn record(partition: i32, number: i64) -> Record {
    let (key, steps) = match (partition, number % STUCK) {
        (0, 2) => ("stuck".to_owned(), "until:2:retry:600s;skip"),
        // Slower than it is read, so that all bounds are reached.
        _ => (format!("key-{}", number % 50), "sleep:8ms;skip"),
    };
    Record::event("Large", "").key(key).header("probe", steps).partition(partition).value(vec![b'x'; MIB as usize])
}

#[test]
fn a_backlog_of_large_events_and_a_stuck_key_stay_within_the_bound() {
    let connection = sandbus_tests::Connection::shared();
    let settings = [("max.message.bytes", "2097152"), ("file.delete.delay.ms", "1000")];
    let topic = Topic::create_with(&connection, &names::unique("large"), PARTITIONS, &settings);
    let results = Topic::create_named(&connection, &names::unique("results"), 1);
    let stage = Stage::with(&connection, topic, results).delivery(&format!("max_buffer = {BUFFER}")).handler(PROBE);
    // In parts, because the writer's own queue holds all of what is given at once.
    for first in (0..RECORDS).step_by(16) {
        let part = first..first + 16;
        stage.topic.write(part.flat_map(|number| (0..PARTITIONS).map(move |partition| record(partition, number))));
    }

    let host = stage.start();
    eventually("every partition but the stuck one to be committed", 2 * SOON, || {
        let committed = stage.group.committed(&stage.topic);
        let peak = host.peak_memory();
        assert!(peak <= BUFFER + CONSTANT, "{} MiB at {committed:?}", peak / MIB);
        let others = committed.iter().filter(|(partition, _)| **partition > 0);
        if others.clone().all(|(_, offset)| *offset == Some(RECORDS)) { Ok(()) } else { Err(format!("{committed:?}")) }
    });
    // The stuck key is 2, 10, 18, ...: what waits takes a good part of the partition's share, and all between is handled.
    let handled = |host: &sandbus_tests::Host| {
        host.metrics().sum("kafka_eventbus_handler_invocations_total", &[]).unwrap_or_default() as i64
            - RECORDS * i64::from(PARTITIONS - 1)
    };
    let share = (BUFFER / MIB) as i64 / i64::from(PARTITIONS);
    let least = (share / 2 - 2) * (STUCK - 1);
    eventually(&format!("{least} events of the stuck partition to be handled"), SOON, || {
        let handled = handled(&host);
        if handled >= least { Ok(()) } else { Err(format!("{handled}")) }
    });
    assert!(handled(&host) <= RECORDS - RECORDS / STUCK);
    assert_eq!(stage.group.committed(&stage.topic)[&0], Some(2), "the stuck event holds the watermark");

    // It has stayed a member, and stays one while nothing can be read.
    assert_eq!(host.metrics().sum("kafka_eventbus_rebalances_total", &[]).unwrap_or_default(), 0.0);
    assert!(!host.log().iter().any(|line| line.contains("revoked")), "{:#?}", host.log());
    let peak = host.peak_memory();
    assert!(peak <= BUFFER + CONSTANT, "{} MiB", peak / MIB);
    println!("the most that was held: {} MiB with a buffer of {} MiB", peak / MIB, BUFFER / MIB);
    drop(host);
    stage.topic.delete();
}
