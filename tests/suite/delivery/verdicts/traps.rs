//! A guest that traps: its instance is gone, nobody else notices.

use sandbus_tests::Record;

use super::super::SOON;
use super::super::stage::{Ack, Probe, Stage};
use super::{ERRORS, assert_none};

fn calm(steps: &str) -> Record {
    Record::event("Calm", "{}").key("one").header("probe", steps)
}

fn wild(steps: &str) -> Record {
    Record::event("Wild", "{}").key("one").header("probe", steps)
}

#[test]
fn a_trap_ends_the_try_and_the_instance_and_nothing_else() {
    let stage = Stage::new(1)
        .probe(Probe::named("all").line("concurrency = 1"))
        .probe(Probe::named("calm").line("concurrency = 1\nevents = [\"Calm\"]"));
    let host = stage.start();
    stage.topic.write([calm(""), calm("until:1:trap"), wild("until:3:trap"), calm(""), wild(""), calm("")]);
    stage.wait_final(6);

    let acks = stage.acks();
    let of = |handler: &str| acks.iter().filter(|ack| ack.handler == handler).cloned().collect::<Vec<Ack>>();
    let all = of("all");
    let tries: Vec<_> = all.iter().map(|ack| (ack.offset, ack.attempt)).collect();
    assert_eq!(tries, [(0, 1), (1, 1), (2, 3), (3, 1), (4, 1), (5, 1)], "only who trapped is charged with it");
    // Two tries of the third event took an instance each; the third try is the first event of a new one.
    let sequences: Vec<_> = all[2..].iter().map(|ack| ack.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert_ne!(all[1].instance, all[2].instance, "the instance that trapped was used again");
    assert!(all[2..].iter().all(|ack| ack.instance == all[2].instance), "{all:#?}");

    let calm = of("calm");
    let tries: Vec<_> = calm.iter().map(|ack| (ack.offset, ack.attempt, ack.sequence)).collect();
    assert_eq!(tries, [(0, 1, 1), (1, 1, 2), (3, 1, 3), (5, 1, 4)]);
    assert!(calm.iter().all(|ack| ack.instance == calm[0].instance), "another handler lost its instance");

    let trapped = [("handler_name", "all"), ("error_type", "trap")];
    host.wait_metric(ERRORS, &[("event_type", "Wild"), trapped[0], trapped[1]], 2.0, SOON);
    host.wait_metric(ERRORS, &[], 2.0, SOON);
    host.wait_metric("sandbus_handler_faults_total", &trapped, 2.0, SOON);
    assert_none(&stage.topic.dead_letters());
}

#[test]
fn a_fresh_instance_sees_one_try() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("isolation = \"fresh\""));
    let _host = stage.start();
    stage.topic.write([calm(""), calm("until:2:retry"), calm("")]);
    stage.wait_final(3);
    let acks = stage.acks();
    assert_eq!(acks.iter().map(|ack| ack.sequence).collect::<Vec<_>>(), [1, 1, 1]);
    let mut instances: Vec<_> = acks.iter().map(|ack| &ack.instance).collect();
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 3);
}
