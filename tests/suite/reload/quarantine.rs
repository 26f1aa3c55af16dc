//! A broken deployment does not drain a topic into the dead letters.

use sandbus_tests::Record;

use super::{assert_complete, put, version, wait_state};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

#[test]
fn a_broken_handler_is_quarantined_and_a_reload_brings_all_of_its_events_back() {
    let broken =
        Probe::named("broken").line("quarantine_tries = 6\nquarantine_events = 3\nretry_max_delay = \"200ms\"");
    let stage = Stage::new(2).probe(broken).probe(Probe::named("good"));
    let deployment = stage.deploy();
    let (file, good) = (deployment.directory().join("handlers/probe.wasm"), deployment.directory().join("good.wasm"));
    std::fs::rename(&file, &good).expect("the probe is there");
    put(&file, &version("order-projection-rust", 0));
    // The neighbour has the probe itself.
    let config = deployment.directory().join("sandbus.toml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let (head, tail) = text.split_once("name = \"good\"").expect("the neighbour");
    put(&config, format!("{head}name = \"good\"{}", tail.replacen("handlers/probe.wasm", "good.wasm", 1)).as_bytes());
    let mut host = deployment.start();
    host.wait_ready(SOON);

    stage.topic.write((0..200).map(|number| Record::event("OrderCreated", "{}").key(format!("key-{number}"))));
    wait_state(&host, "broken", "quarantined");
    host.log_line_containing("quarantined: its tries fail", SOON);
    let of = |handler: &'static str| move |ack: &&crate::delivery::stage::Ack| ack.handler == handler;
    // Its neighbour goes on, as far as their window lets it.
    let acks = stage.wait_acks(200);
    assert_eq!(acks.iter().filter(of("good")).count(), 200);
    assert_eq!(stage.topic.dead_letters().read().len(), 0, "nothing is given up");

    put(&file, &version("probe-rust", 1));
    wait_state(&host, "broken", "running");
    stage.wait_final(200);
    let acks = stage.acks();
    let mended: Vec<_> = acks.into_iter().filter(|ack| ack.handler == "broken").collect();
    assert_complete(&mended, 200);
    assert_eq!(stage.topic.dead_letters().read().len(), 0);
}

#[test]
fn one_poisoned_event_goes_to_the_dead_letters() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("quarantine_tries = 4\nquarantine_events = 3"));
    let host = stage.start();
    stage.topic.write([event("a", "error:Bad:it"), event("b", "ack"), event("c", "trap"), event("d", "ack")]);
    stage.wait_final(4);
    assert_eq!(stage.topic.dead_letters().read().len(), 2);
    stage.topic.write([event("e", "ack")]);
    wait_state(&host, "probe", "running");
}

#[test]
fn half_way_to_a_quarantine_it_is_degraded_until_a_success() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("quarantine_tries = 6\nmax_retries = 0"));
    let host = stage.start();
    let shown = || host.get("/api/v1/handlers/probe").expect("an answer").json(200)["state"].clone();
    stage.topic.write((0..2).map(|number| event(&format!("key-{number}"), "error:Bad:it")));
    stage.wait_final(2);
    wait_state(&host, "probe", "running");
    assert_eq!(shown(), "running", "two of six are not half of them");
    stage.topic.write([event("key-2", "error:Bad:it")]);
    wait_state(&host, "probe", "degraded");
    assert_eq!(shown(), "degraded");
    // In one state, and no other.
    host.wait_metric("sandbus_handler_state", &[("handler_name", "probe")], 1.0, SOON);
    stage.topic.write([event("key-3", "ack")]);
    wait_state(&host, "probe", "running");
    assert_eq!(shown(), "running");
    stage.wait_final(4);
    assert_eq!(stage.topic.dead_letters().read().len(), 3);
}
