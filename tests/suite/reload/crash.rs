//! A host that dies in the middle of a reload: what it had not finished comes again, in order, and nothing is lost.

use std::collections::BTreeSet;

use super::{events, probe_file, put, version};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage};

#[test]
fn a_host_that_is_killed_while_it_reloads_loses_nothing() {
    let stage = Stage::new(2)
        .property("session.timeout.ms", "6000")
        .delivery("drain_timeout = \"2s\"")
        .probe(Probe::named("probe").line("concurrency = 3"));
    let deployment = stage.deploy();
    let mut written = 0;
    for round in 0..4_u8 {
        let mut host = deployment.start();
        host.wait_ready(SOON);
        written += stage.topic.write(events(written..written + 400, "sleep:1ms")).len();
        put(&probe_file(&host), &version("probe-rust", round + 1));
        // Sooner and later in what a reload does.
        std::thread::sleep(std::time::Duration::from_millis(250 + u64::from(round) * 130));
        host.kill();
    }
    let mut host = deployment.start();
    host.wait_ready(SOON);
    stage.wait_final(i64::try_from(written).expect("a small number"));
    let acks = stage.acks();
    let handled: BTreeSet<_> = acks.iter().map(|ack| ack.place()).collect();
    assert_eq!(handled.len(), written, "events are missing");
    assert_eq!(stage.topic.dead_letters().read().len(), 0);
}
