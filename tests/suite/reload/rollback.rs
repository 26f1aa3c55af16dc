//! A generation all of whose first events fail is taken back by itself, and its events have lost nothing.

use sandbus_tests::Record;

use super::{QUIET, assert_complete, generation, probe_file, put, reconfigure, version, wait_generation, wait_reloads};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage};

/// The probe acknowledges it; `order-projection` cannot read it.
fn order(number: usize) -> Record {
    Record::event("OrderCreated", "{}").key(format!("key-{number}"))
}

#[test]
fn a_generation_whose_first_events_all_fail_is_taken_back_and_they_are_tried_as_if_it_had_not_been() {
    // Without retries each failure would be a dead letter.
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3"));
    let mut host = stage.start();
    stage.topic.write((0..5).map(order));
    stage.wait_final(5);
    put(&probe_file(&host), &version("order-projection-rust", 1));
    wait_reloads(&host, "probe", "applied", 1);
    wait_generation(&host, "probe", 2);
    stage.topic.write((5..15).map(order));
    stage.wait_final(15);
    let acks = stage.acks();
    assert_complete(&acks, 15);
    assert!(acks.iter().all(|ack| ack.attempt == 1), "no try is lost: {acks:?}");
    assert_eq!(stage.topic.dead_letters().read().len(), 0);
    wait_reloads(&host, "probe", "rolled_back", 1);
    wait_generation(&host, "probe", 1);
    host.log_line_containing("rolled back; they are tried again", SOON);

    // The same file is not taken again: neither by itself nor by a reload of the configuration.
    let file = std::fs::read(probe_file(&host)).expect("its file");
    put(&probe_file(&host), &file);
    host.signal(libc::SIGHUP);
    host.log_line_containing("the configuration was read again", SOON);
    std::thread::sleep(QUIET);
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(1));
    // Another one is.
    put(&probe_file(&host), &version("probe-rust", 2));
    wait_generation(&host, "probe", 3);
    stage.topic.write([order(15)]);
    stage.wait_final(16);
}

#[test]
fn a_generation_that_does_one_event_stays() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3\nconcurrency = 1"));
    let host = stage.start();
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_generation(&host, "probe", 2);
    let steps = |number: usize| if number == 2 { "ack" } else { "error:Bad:it" };
    stage.topic.write((0..8).map(|number| crate::delivery::stage::event(&format!("key-{number}"), steps(number))));
    stage.wait_final(8);
    assert_eq!(stage.topic.dead_letters().read().len(), 7, "events fail for themselves");
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(2));
    wait_reloads(&host, "probe", "rolled_back", 0);
}

#[test]
fn a_file_that_is_mended_is_taken_with_the_configuration_that_was_taken_back_with_it() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3"));
    let mut host = stage.start();
    let second = host.directory().join("second.wasm");
    put(&second, &version("order-projection-rust", 1));
    // In the folder and not named, it would be a handler of its own.
    std::fs::remove_file(probe_file(&host)).expect("its first file");
    reconfigure(&mut host, |text| {
        let text = text.replacen("component = \"handlers/probe.wasm\"", "component = \"second.wasm\"", 1);
        let (head, config) = text.split_once("[handler.config]").expect("its configuration");
        format!("{head}[handler.config]{}", config.replacen("name = \"probe\"", "name = \"renamed\"", 1))
    });
    wait_generation(&host, "probe", 2);
    stage.topic.write((0..5).map(order));
    stage.wait_final(5);
    wait_generation(&host, "probe", 1);
    assert!(stage.acks().iter().all(|ack| ack.handler == "probe"), "by the generation before");

    put(&second, &version("probe-rust", 2));
    wait_generation(&host, "probe", 3);
    stage.topic.write([order(5)]);
    stage.wait_final(6);
    assert_eq!(stage.acks().last().map(|ack| ack.handler.clone()).as_deref(), Some("renamed"));
}
