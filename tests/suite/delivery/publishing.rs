//! What handlers publish: when it leaves, where it lands, and what follows when the broker does not want it.

mod partitions;
mod refusals;

use std::collections::BTreeSet;

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

#[test]
fn names_of_topics_that_a_guest_invents_make_no_more_series_than_are_kept() {
    const INVENTED: i64 = 300;
    let prefix = names::unique("invented");
    let stage = Stage::new(1).property("topic.metadata.propagation.max.ms", "500");
    let outlet = outlet(&stage, 1);
    let stage = stage.probe(Probe::named("probe").publishes(&format!("{prefix}-*")).publishes(outlet.name()));
    let host = stage.start();
    // None of these topics is there, so each record is refused for good.
    stage.topic.write((0..INVENTED).map(|number| event(&number.to_string(), &format!("publish:{prefix}-{number}"))));
    stage.wait_final(INVENTED);
    stage.topic.write([event("last", &format!("publish:{}", outlet.name()))]);
    stage.wait_final(INVENTED + 1);

    let published = [("messaging_destination", outlet.name())];
    host.wait_metric("kafka_eventbus_messages_published_total", &published, 1.0, super::SOON);
    let page = host.metrics();
    let published = page.samples().iter().filter(|sample| sample.name.contains("publish"));
    let destinations: BTreeSet<_> = published.filter_map(|sample| sample.labels.get("messaging_destination")).collect();
    // The source has a place, too, but nothing is published to it.
    assert_eq!(destinations.len(), 200 - 1 + 1, "{destinations:#?}");
    assert_eq!(page.sum("kafka_eventbus_publish_errors_total", &[]), Some(INVENTED as f64), "none is lost");
    // What is read or granted by its name has its place in advance: the source, the results and the outlet.
    let over = INVENTED - (200 - 3);
    let overflow = page.sum("sandbus_telemetry_overflow_total", &[("label", "messaging.destination")]);
    assert_eq!(overflow, Some(over as f64));
    let other = page.sum("kafka_eventbus_publish_errors_total", &[("messaging_destination", "_other")]);
    assert_eq!(other, Some(over as f64));
}
