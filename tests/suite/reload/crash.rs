//! A host that dies in the middle of a reload: what it had not finished comes again, in order, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sandbus_tests::eventually;

use super::{events, generation, probe_file, put, version};
use crate::compiling::compilers_of;
use crate::delivery::SOON;
use crate::delivery::stage::{Ack, Probe, Stage};

/// Where in a reload the host is killed.
#[derive(Debug, Clone, Copy)]
enum At {
    /// A child compiles the new version.
    Compiling,
    /// The new version has just taken over.
    TakenOver,
}

/// Of each run and key, events were acknowledged in the order of their offsets.
#[track_caller]
fn assert_in_order(acks: &[Ack]) {
    let mut by_run = BTreeMap::<_, Vec<_>>::new();
    for ack in acks {
        by_run.entry((ack.handler.clone(), ack.key())).or_default().push(ack.place());
    }
    for ((run, key), places) in &by_run {
        let rises = places.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(rises, "{run} handled {key} in this order: {places:?}");
    }
}

#[test]
fn a_host_that_is_killed_while_it_reloads_loses_nothing_and_keeps_the_order() {
    let stage = Stage::new(2)
        .property("session.timeout.ms", "6000")
        .delivery("drain_timeout = \"2s\"")
        .probe(Probe::named("run-0").line("concurrency = 3\nrollback_after = 0"))
        // Found there by no other run of this test, for which it was compiled before.
        .handler("\n[sandbox]\ncache = \"compiled\"\n");
    let deployment = stage.deploy();
    let config = deployment.directory().join("sandbus.toml");
    // Each run says in its results which one it is.
    let start = |run: usize| {
        let text = fs::read_to_string(&config).expect("its configuration");
        let (head, settings) = text.split_once("[handler.config]").expect("what the probe reads");
        let lines = settings.lines().map(|line| match line.starts_with("name = ") {
            true => format!("name = \"run-{run}\""),
            false => line.to_owned(),
        });
        put(&config, format!("{head}[handler.config]{}\n", lines.collect::<Vec<_>>().join("\n")).as_bytes());
        let mut host = deployment.start();
        host.wait_ready(SOON);
        host
    };
    let mut written = 0;
    let kills = [At::Compiling, At::TakenOver, At::Compiling];
    for (run, at) in kills.into_iter().enumerate() {
        let mut host = start(run);
        written += stage.topic.write(events(written..written + 600, "sleep:20ms")).len();
        // In the middle of its work, or there would be no order to look at.
        eventually("the first events of this run", SOON, || {
            stage.acks().iter().any(|ack| ack.handler == format!("run-{run}")).then_some(())
        });
        let number = u8::try_from(run).expect("a small number") + 1;
        match at {
            At::Compiling => {
                // Large enough that its compiler is seen at work.
                put(&probe_file(&host), &version("probe-js", number));
                eventually("a child that compiles", SOON, || compilers_of(host.id()).pop());
            }
            At::TakenOver => {
                put(&probe_file(&host), &version("probe-rust", number));
                eventually("the new version", SOON, || generation(&host, "run-0").filter(|(number, _)| *number == 2));
            }
        }
        host.kill();
        let handled: BTreeSet<_> = stage.acks().iter().map(Ack::place).collect();
        assert!(handled.len() < written, "killed {at:?} when all was done: {written}");
    }
    let host = start(kills.len());
    stage.wait_final(i64::try_from(written).expect("a small number"));
    let acks = stage.acks();
    assert_in_order(&acks);
    let handled: BTreeSet<_> = acks.iter().map(Ack::place).collect();
    assert_eq!(handled.len(), written, "events are missing");
    let runs: BTreeSet<_> = acks.iter().map(|ack| ack.handler.as_str()).collect();
    assert_eq!(runs.len(), kills.len() + 1, "each run handled some: {runs:?}");
    assert_eq!(stage.topic.dead_letters().read().len(), 0);
    drop(host);
}
