//! While events flow, good and bad files come one after the other: nothing is lost, repeated or swapped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use sandbus_tests::{Record, eventually};

use super::{
    assert_all_handled, assert_complete, events, generation, probe_file, put, reconfigure, version, wait_generation,
    wait_reloads,
};
use crate::compiling::Ends;
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
            // However this ends.
            let _ends = Ends(&done);
            for number in 1..=RELOADS {
                put(&file, &version("probe-rust", number));
                wait_reloads(&host, "probe", "applied", number.into());
                if number % 4 == 0 {
                    // What is no component changes nothing.
                    put(&file, if number % 8 == 0 { &cut } else { b"no component" });
                    wait_reloads(&host, "probe", "refused", u32::from(number / 4));
                }
                if number % 5 == 0 {
                    let answer = host.ask("POST", "/api/v1/handlers/probe/rollback").send().expect("an answer");
                    assert_eq!(answer.status, 200, "{answer:?}");
                    wait_reloads(&host, "probe", "rolled_back", u32::from(number / 5));
                }
            }
        });
        while !done.load(Ordering::Relaxed) {
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
fn a_broken_version_in_between_is_taken_back_by_itself() {
    let stage = Stage::new(3).probe(Probe::named("probe").line("concurrency = 4\nrollback_after = 3"));
    let host = stage.start();
    let file = probe_file(&host);
    // The probe does what the header says, `order-projection` cannot read any of them.
    let orders = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| {
            let steps = if number.is_multiple_of(5) { "until:2:retry:1ms" } else { "ack" };
            Record::event("OrderCreated", "{}").key(format!("key-{}", number * 7 % 31)).header("probe", steps)
        })
    };
    let done = AtomicBool::new(false);
    let mut written = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ends = Ends(&done);
            put(&file, &version("probe-rust", 1));
            wait_reloads(&host, "probe", "applied", 1);
            // What it goes back to has to be known to be good.
            eventually("the first version to have done an event", SOON, || {
                let shown = host.get("/api/v1/handlers/probe")?.json(200);
                if shown["on_trial"] == false { Ok(()) } else { Err(shown.to_string()) }
            });
            put(&file, &version("order-projection-rust", 1));
            wait_reloads(&host, "probe", "applied", 2);
            wait_reloads(&host, "probe", "rolled_back", 1);
            wait_generation(&host, "probe", 2);
            put(&file, &version("probe-rust", 2));
            wait_reloads(&host, "probe", "applied", 3);
        });
        while !done.load(Ordering::Relaxed) {
            written += stage.topic.write(orders(written..written + BATCH)).len();
        }
    });
    written += stage.topic.write(orders(written..written + BATCH)).len();
    assert_all_handled(&stage, written);
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(4));
    // Those that ask for a second try have had one, and the broken version has cost nobody any.
    assert_eq!(stage.acks().iter().map(|ack| ack.attempt).max(), Some(2));
    let second = stage.acks().iter().filter(|ack| ack.attempt == 2).count();
    assert_eq!(second, written.div_ceil(5));
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
fn started_tries_end_within_the_time_of_their_own_generation() {
    let probe = Probe::named("probe").line("timeout = \"20s\"\nmax_retries = 0\nrollback_after = 0");
    let stage = Stage::new(1).probe(probe);
    let mut host = stage.start();
    stage.topic.write([event("a", "sleep:3s")]);
    host.wait_metric("sandbus_handler_in_flight", &[("handler_name", "probe")], 1.0, SOON);
    reconfigure(&mut host, |text| text.replacen("timeout = \"20s\"", "timeout = \"300ms\"", 1));
    wait_generation(&host, "probe", 2);
    stage.topic.write([event("b", "sleep:3s"), event("c", "ack")]);
    stage.wait_final(3);
    let handled: BTreeSet<_> = stage.acks().iter().map(|ack| (ack.key(), ack.attempt)).collect();
    assert_eq!(handled, BTreeSet::from([("a".to_owned(), 1), ("c".to_owned(), 1)]));
    let dead = stage.topic.dead_letters().read();
    let dead: Vec<_> = dead.iter().map(|letter| (letter.key.as_deref(), letter.header("dlq_error_type"))).collect();
    assert_eq!(dead, [(Some(&b"b"[..]), Some("timeout"))], "what starts in the new generation has its time");
}

#[test]
fn many_files_change_at_once() {
    let names = ["one", "two", "three", "four", "five"];
    let stage = names.iter().fold(Stage::new(2), |stage, name| stage.probe(Probe::named(name)));
    let deployment = stage.deploy();
    let file = |name: &str| deployment.directory().join(format!("{name}.wasm"));
    let config = deployment.directory().join("sandbus.toml");
    let mut text = fs::read_to_string(&config).expect("a configuration");
    for name in names {
        text = text.replacen("component = \"handlers/probe.wasm\"", &format!("component = \"{name}.wasm\""), 1);
        put(&file(name), &version("probe-rust", 0));
    }
    put(&config, text.as_bytes());
    fs::remove_file(deployment.directory().join("handlers/probe.wasm")).expect("nobody's");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let mut written = stage.topic.write(events(0..BATCH, "ack")).len();
    for (number, name) in (1..).zip(names) {
        put(&file(name), &version("probe-rust", number));
    }
    written += stage.topic.write(events(written..written + BATCH, "ack")).len();
    for name in names {
        wait_generation(&host, name, 2);
        wait_reloads(&host, name, "applied", 1);
    }
    written += stage.topic.write(events(written..written + BATCH, "ack")).len();
    stage.wait_final(i64::try_from(written).expect("a small number"));
    let mut by_handler = BTreeMap::<_, Vec<_>>::new();
    for ack in stage.acks() {
        by_handler.entry(ack.handler.clone()).or_default().push(ack);
    }
    assert_eq!(by_handler.len(), names.len());
    by_handler.values().for_each(|acks| assert_complete(acks, written));
    let digests: BTreeSet<_> = names.iter().map(|name| generation(&host, name)).collect();
    assert_eq!(digests.len(), names.len(), "each has its own: {digests:?}");
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
