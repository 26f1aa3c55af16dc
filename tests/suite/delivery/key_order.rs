//! What stays in order, and what does not wait for it.

use std::collections::BTreeMap;

use sandbus_tests::Record;

use super::stage::{Ack, Probe, Stage, event};

/// What event `number` goes through before it is acknowledged.
fn steps(number: usize) -> &'static str {
    match number % 11 {
        0 => "until:3:retry:3ms",
        3 => "until:2:trap",
        5 => "sleep:4ms",
        6 => "until:2:error:Broken:it;sleep:1ms",
        8 => "until:2:retry;until:3:trap",
        _ => "ack",
    }
}

#[test]
fn a_key_keeps_its_order_over_retries_and_traps() {
    let stage = Stage::new(3).probe(Probe::named("probe").line("concurrency = 4"));
    let _host = stage.start();
    let events = (0..800).map(|number| event(&format!("key-{}", number * 7 % 29), steps(number)));
    let written = stage.topic.write(events);
    stage.wait_final(800);

    let mut by_key: BTreeMap<String, Vec<(i32, i64)>> = BTreeMap::new();
    let acks = stage.acks();
    for ack in &acks {
        by_key.entry(ack.key()).or_default().push(ack.place());
    }
    for (key, places) in &by_key {
        assert!(places.is_sorted(), "{key} was handled in this order: {places:?}");
    }
    assert_eq!((by_key.len(), acks.len()), (29, written.len()), "each event is acknowledged once");
    let instances: std::collections::BTreeSet<_> = acks.iter().map(|ack| &ack.instance).collect();
    assert!(instances.len() > 4, "traps replaced no instance");
    // Otherwise the order above proves nothing.
    let offsets: Vec<_> = acks.iter().filter(|ack| ack.partition == 0).map(|ack| ack.offset).collect();
    assert!(!offsets.is_sorted(), "keys wait for each other");
}

#[test]
fn each_ordering_holds_up_what_it_says() {
    let probe = |ordering: &str| {
        Probe::named(ordering).line(&format!("ordering = \"{ordering}\"\nconcurrency = 4\nretry_base_delay = \"2s\""))
    };
    let stage = Stage::new(1).probe(probe("key")).probe(probe("partition")).probe(probe("none"));
    let _host = stage.start();
    // Sleeps tell those that run side by side apart: each event ends well before the next.
    stage.topic.write([
        event("a", "until:2:retry"),
        event("b", "ack"),
        event("a", "sleep:200ms"),
        event("b", "sleep:400ms"),
    ]);
    stage.wait_final(4);
    let acks = stage.acks();
    assert_eq!(order(&acks, "key"), [1, 3, 0, 2]);
    assert_eq!(order(&acks, "partition"), [0, 1, 2, 3]);
    assert_eq!(order(&acks, "none"), [1, 2, 3, 0]);
}

#[test]
fn events_without_a_key_share_one_order_of_their_own() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 4\nretry_base_delay = \"2s\""));
    let _host = stage.start();
    let keyless = |steps: &str| Record::event("Tried", "{}").header("probe", steps);
    stage.topic.write([keyless("until:2:retry"), keyless("ack"), event("", "ack"), keyless("ack")]);
    stage.wait_final(4);
    assert_eq!(order(&stage.acks(), "probe"), [2, 0, 1, 3], "an empty key is a key");
}

/// Offsets in the order in which a handler acknowledged them.
fn order(acks: &[Ack], handler: &str) -> Vec<i64> {
    acks.iter().filter(|ack| ack.handler == handler).map(|ack| ack.offset).collect()
}
