//! What handlers publish: when it leaves, where it lands, and what follows when the broker does not want it.

mod partitions;
mod refusals;

use sandbus_tests::{Topic, names};

use super::stage::{Probe, Stage, event};

/// A topic to publish to.
#[track_caller]
fn outlet(stage: &Stage, partitions: i32) -> Topic {
    Topic::create_named(&stage.connection, &names::unique("outlet"), partitions)
}

#[test]
fn only_what_an_acknowledged_try_published_leaves() {
    let stage = Stage::new(1);
    let outlet = outlet(&stage, 1);
    let stage = stage.probe(Probe::named("probe").line("max_retries = 1").publishes(outlet.name()));
    let _host = stage.start();
    let publish = format!("publish:{}", outlet.name());
    let endings =
        ["ack", "skip", "error:Broken:it", "dead-letter:no", "retry", "trap", "until:2:retry", "until:2:trap"];
    stage.topic.write(endings.map(|ending| event(ending, &format!("{publish};{publish};{ending}"))));
    stage.wait_final(endings.len() as i64);

    let mut keys: Vec<_> =
        outlet.read().into_iter().map(|record| String::from_utf8(record.key.unwrap()).unwrap()).collect();
    keys.sort();
    assert_eq!(keys, ["ack", "ack", "until:2:retry", "until:2:retry", "until:2:trap", "until:2:trap"]);
}

#[test]
fn without_a_grant_nothing_leaves() {
    let stage = Stage::new(1);
    let outlet = outlet(&stage, 1);
    let stage = stage.probe(Probe::named("probe").line("max_retries = 0"));
    let host = stage.start();
    stage.topic.write([event("a", &format!("publish:{};ack", outlet.name()))]);
    stage.wait_final(1);
    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].header("dlq_error_type"), Some("denied"));
    assert_eq!(outlet.read(), []);
    assert!(stage.acks().is_empty());
    host.wait_metric("kafka_eventbus_handler_errors_total", &[("error_type", "denied")], 1.0, super::SOON);
}
