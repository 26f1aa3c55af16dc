//! The log by OTLP, where it is asked for: the same lines, with the trace that they belong to.

use sandbus_tests::{Collector, eventually};

use super::super::delivery::stage::{Probe, Stage, event};
use super::{SOON, sending};

#[test]
fn a_guests_line_belongs_to_the_span_of_its_try() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = sending(&stage, &collector, "grpc").env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true").start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "ack"), event("b", "until:2:retry;log:the shelf is full")]);
    stage.wait_final(2);
    let line = eventually("the guest's line", SOON, || {
        let lines = collector.lines();
        let found = lines.iter().find(|line| line.body == "the shelf is full").cloned();
        found.ok_or_else(|| format!("{lines:#?}"))
    });
    assert_eq!(line.severity, "INFO");
    for (name, value) in
        [("handler", "probe"), ("topic", stage.topic.name()), ("partition", "0"), ("offset", "1"), ("attempt", "2")]
    {
        assert_eq!(line.attributes.get(name).map(String::as_str), Some(value), "{name} of {line:#?}");
    }
    let span = eventually("the span of its try", SOON, || {
        let spans = collector.spans();
        let found = spans.iter().find(|span| span.id == line.span && span.trace == line.trace).cloned();
        found.ok_or_else(|| format!("{line:#?}\n{spans:#?}"))
    });
    assert_eq!((&*span.attributes["messaging.kafka.offset"], &*span.attributes["sandbus.attempt"]), ("1", "2"));
    let shown = host.log_line_containing("the shelf is full", SOON);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["trace_id"], &shown["span_id"]), (&(*line.trace).into(), &(*line.span).into()), "{shown}");
    // Nothing of what sends is sent: that would never end.
    let lines = collector.lines();
    assert!(
        lines.iter().any(|line| line.body == "all handlers are loaded"),
        "the host's own, from the start: {lines:#?}"
    );
    assert!(host.terminate(SOON).success());
}

#[test]
fn without_being_asked_for_no_line_is_sent() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = sending(&stage, &collector, "http/protobuf").start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "log:hello")]);
    stage.wait_final(1);
    assert!(host.terminate(SOON).success());
    assert!(!collector.spans().is_empty());
    assert_eq!(collector.lines(), []);
}
