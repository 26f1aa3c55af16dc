//! SIGTERM: what runs is finished, the rest is for the next run.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sandbus_tests::{Host, eventually};

use super::SOON;
use super::stage::{Probe, Stage, event};

/// They take 2.5 s: time enough to be asked to end before they are through.
const EVENTS: usize = 2000;

/// Runs hosts one after the other, each asked to end under load, until all is final; the last one ends idle.
#[track_caller]
fn run_in_parts(stage: &Stage) {
    let deployment = stage.deploy();
    let events = (0..EVENTS).map(|number| event(&format!("key-{}", number % 40), "sleep:5ms"));
    stage.topic.write(events);
    for part in 1..=2 {
        let mut host = deployment.start();
        stage.wait_acks(400 * part);
        end_in_order(&mut host);
        let committed = stage.group.committed_sum(&stage.topic);
        assert!(committed < EVENTS as i64, "the host was asked to end after its work");
    }
    let mut host = deployment.start();
    stage.wait_final(EVENTS as i64);
    end_in_order(&mut host);
}

#[track_caller]
fn end_in_order(host: &mut Host) {
    assert_eq!(host.terminate(SOON).code(), Some(0));
    let log = host.log();
    let last = log.last().unwrap();
    assert!(last.contains("nothing was abandoned"), "{last}");
}

#[test]
fn nothing_is_lost_when_the_host_is_asked_to_end_under_load() {
    let stage = Stage::new(4).probe(Probe::named("probe").line("concurrency = 4"));
    run_in_parts(&stage);
    let acked: BTreeSet<_> = stage.acks().iter().map(|ack| ack.place()).collect();
    assert_eq!(acked.len(), EVENTS);
}

#[test]
fn where_nothing_overtakes_nothing_is_repeated_either() {
    let stage = Stage::new(4).probe(Probe::named("probe").line("concurrency = 4\nordering = \"partition\""));
    run_in_parts(&stage);
    let acks = stage.acks();
    let acked: BTreeSet<_> = acks.iter().map(|ack| ack.place()).collect();
    assert_eq!((acks.len(), acked.len()), (EVENTS, EVENTS));
}

/// A stage with an event at work that takes longer than any shutdown here.
fn busy(shutdown_timeout: &str) -> (Stage, sandbus_tests::Deployment, Host) {
    let stage = Stage::new(1)
        .delivery(&format!("shutdown_timeout = {shutdown_timeout:?}"))
        .probe(Probe::named("probe").line("timeout = \"120s\""));
    let deployment = stage.deploy();
    let mut host = deployment.start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "ack"), event("a", "log:at work;sleep:100s")]);
    host.log_line_containing("at work", SOON);
    (stage, deployment, host)
}

#[test]
fn what_takes_too_long_is_abandoned_said_and_repeated() {
    let (stage, deployment, mut host) = busy("300ms");
    assert_eq!(host.terminate(SOON).code(), Some(1));
    let log = host.log();
    let tail = log[log.len().saturating_sub(4)..].join("\n");
    assert!(tail.contains("abandoned"), "{tail}");
    assert!(!tail.contains("nothing was abandoned"), "{tail}");
    assert_eq!(stage.group.committed_sum(&stage.topic), 1, "what was done before is committed");

    let host = deployment.start();
    host.log_line_containing("at work", SOON);
}

#[test]
fn while_it_drains_the_host_is_alive_and_not_ready() {
    let (_stage, _deployment, mut host) = busy("100s");
    host.signal(libc::SIGTERM);
    eventually("/readyz to say that it drains", SOON, || match host.get("/readyz") {
        Ok(answer) if answer.status == 503 && answer.body.contains("draining") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(host.get("/healthz").unwrap().status, 200);

    let asked = Instant::now();
    assert_eq!(host.terminate(SOON).code(), Some(1), "a second signal ends it");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?} from the second signal to the end", asked.elapsed());
    let log = host.log();
    assert!(log.iter().any(|line| line.contains("at once")), "{log:#?}");
}
