//! While events flow, good and bad files come one after the other: nothing is lost, repeated or swapped.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{assert_all_handled, events, generation, probe_file, put, version, wait_reloads};
use crate::delivery::stage::{Probe, Stage};

/// Of good files. `make reload-bench` takes a hundred.
const RELOADS: u8 = 12;
const BATCH: usize = 300;

#[test]
fn nothing_is_lost_repeated_or_swapped_however_often_the_file_changes() {
    let stage = Stage::new(3).probe(Probe::named("probe").line("concurrency = 4"));
    let host = stage.start();
    let file = probe_file(&host);
    let cut = version("probe-rust", 0)[..5000].to_vec();
    let done = AtomicBool::new(false);
    let mut written = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=RELOADS {
                put(&file, &version("probe-rust", number));
                wait_reloads(&host, "probe", "applied", number.into());
                if number % 4 == 0 {
                    // What is no component changes nothing.
                    put(&file, if number % 8 == 0 { &cut } else { b"no component" });
                    wait_reloads(&host, "probe", "refused", u32::from(number / 4));
                }
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            written += stage.topic.write(events(written..written + BATCH, "ack")).len();
        }
    });
    written += stage.topic.write(events(written..written + BATCH, "ack")).len();
    assert_all_handled(&stage, written);
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(u32::from(RELOADS) + 1));
    let metrics = host.metrics();
    let invocations = metrics.sum("kafka_eventbus_handler_invocations_total", &[("handler_name", "probe")]);
    assert_eq!(invocations, Some(written as f64), "each event succeeded once");
    assert_eq!(metrics.sum("sandbus_handler_abandoned_total", &[("handler_name", "probe")]), Some(0.0));
}

#[test]
fn started_tries_end_where_they_are_and_others_do_not_wait_for_them() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 1"));
    let host = stage.start();
    stage.topic.write([crate::delivery::stage::event("a", "sleep:3s")]);
    host.wait_metric("sandbus_handler_in_flight", &[("handler_name", "probe")], 1.0, crate::delivery::SOON);
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_reloads(&host, "probe", "applied", 1);
    // Its one instance sleeps in the old generation; the new one has its own.
    stage.topic.write([crate::delivery::stage::event("b", "ack"), crate::delivery::stage::event("a", "ack")]);
    let acks = stage.wait_acks(3);
    let offsets: Vec<_> = acks.iter().map(|ack| ack.offset).collect();
    assert_eq!(offsets, [1, 0, 2], "another key goes on, and the key of what sleeps does not");
    assert_ne!(acks[1].instance, acks[0].instance);
}
