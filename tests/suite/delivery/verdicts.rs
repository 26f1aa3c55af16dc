//! What follows each verdict: an end, another try, a dead letter.

mod dead_letters;
mod kinds;
mod retries;
mod traps;

use sandbus_tests::{Host, Topic};

use super::SOON;
use super::stage::{Probe, Stage, event};

const INVOCATIONS: &str = "kafka_eventbus_handler_invocations_total";
const ERRORS: &str = "kafka_eventbus_handler_errors_total";
const DROPPED: &str = "sandbus_handler_dropped_total";

/// The sum of a metric of the handler `probe`; 0 where there is no sample.
#[track_caller]
fn sum(host: &Host, name: &str) -> f64 {
    host.metrics().sum(name, &[("handler_name", "probe")]).unwrap_or_default()
}

/// Asserts that a topic of dead letters is there and empty.
#[track_caller]
fn assert_none(dead_letters: &Topic) {
    assert_eq!(dead_letters.read(), [], "dead letters");
}

/// The time of the log line about a failed try.
#[track_caller]
pub(super) fn failed_at(host: &Host, attempt: u32) -> String {
    let record = host.log_record(&format!("the failure of try {attempt}"), SOON, |record| {
        record["verdict"].is_string() && record["attempt"] == attempt
    });
    record["timestamp"].as_str().expect("a log record has a timestamp").to_owned()
}

#[test]
fn an_ack_and_a_skip_are_final_at_once() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("a", "ack"), event("a", "skip"), event("a", "")]);
    stage.wait_final(3);

    let places: Vec<_> = stage.acks().iter().map(|ack| (ack.offset, ack.attempt)).collect();
    assert_eq!(places, [(0, 1), (2, 1)], "only an ack lets out what the probe published");
    assert_eq!((sum(&host, INVOCATIONS), sum(&host, ERRORS)), (3.0, 0.0));
    assert_none(&stage.topic.dead_letters());
}

#[test]
fn without_dead_letters_what_is_given_up_is_dropped_counted_and_committed() {
    let stage = Stage::new(1).delivery("enable_dlq = false").probe(Probe::named("probe").line("max_retries = 1"));
    let host = stage.start();
    let undecodable = sandbus_tests::Record::new().header("event_type", [0xff]);
    stage.topic.write([event("a", "error:Broken:it"), event("b", "dead-letter:no"), undecodable, event("a", "ack")]);
    stage.wait_final(4);

    let places: Vec<_> = stage.acks().iter().map(|ack| ack.offset).collect();
    assert_eq!(places, [3]);
    host.wait_metric(DROPPED, &[("handler_name", "probe")], 2.0, SOON);
    host.wait_metric(DROPPED, &[], 3.0, SOON);
    assert_eq!(stage.topic.dead_letters().partitions(), None, "no topic is made for what is not kept");
    assert_eq!(host.metrics().sum("kafka_eventbus_messages_dlq_total", &[]).unwrap_or_default(), 0.0);
}
