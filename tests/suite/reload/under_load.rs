//! While events flow, good and bad files come one after the other: nothing is lost, repeated or swapped.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{assert_all_handled, events, generation, probe_file, put, version, wait_reloads};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

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
    stage.topic.write([event("a", "sleep:3s")]);
    host.wait_metric("sandbus_handler_in_flight", &[("handler_name", "probe")], 1.0, SOON);
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_reloads(&host, "probe", "applied", 1);
    // Its one instance sleeps in the old generation; the new one has its own.
    stage.topic.write([event("b", "ack"), event("a", "ack")]);
    let acks = stage.wait_acks(3);
    let offsets: Vec<_> = acks.iter().map(|ack| ack.offset).collect();
    assert_eq!(offsets, [1, 0, 2], "another key goes on, and the key of what sleeps does not");
    assert_ne!(acks[1].instance, acks[0].instance);
}

#[test]
fn what_a_handler_may_count_is_bounded_over_all_of_its_generations() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 0"));
    let host = stage.start();
    // As many metrics as a handler may have: docs/metrics.md.
    stage.topic.write((0..50).map(|number| event("a", &format!("count:c{number}"))));
    stage.wait_final(50);
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_reloads(&host, "probe", "applied", 1);
    stage.topic.write([event("a", "count:one_more"), event("b", "count:c7")]);
    stage.wait_final(52);
    assert_eq!(stage.topic.dead_letters().read().len(), 1, "another metric is refused, and one of before is not");
    let labels = [("handler_name", "probe")];
    host.wait_metric("sandbus_telemetry_refused_total", &labels, 1.0, SOON);
    assert_eq!(host.metrics().sum("sandbus_guest_counter_c7_total", &labels), Some(2.0));
}
