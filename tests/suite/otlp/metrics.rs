//! Metrics under their OpenTelemetry names: kinds, units, temporality, attributes, values.

use std::collections::BTreeSet;

use sandbus_tests::collector::Series;
use sandbus_tests::{Collector, eventually};

use super::super::delivery::stage::{Probe, Stage, event};
use super::{SOON, sending};
use crate::prometheus::definitions::{self, Kind};

const CUMULATIVE: Option<u64> = Some(2);

/// The newest point of each series of that name.
fn newest(all: &[Series], name: &str) -> Vec<Series> {
    let mut newest: Vec<Series> = Vec::new();
    for point in all.iter().filter(|point| point.name == name) {
        match newest.iter_mut().find(|other| other.attributes == point.attributes) {
            Some(other) => *other = point.clone(),
            None => newest.push(point.clone()),
        }
    }
    newest
}

/// What begins with its first label set, and has no reason here: no topic is refused.
const NO_REASON: [&str; 1] = ["kafka.eventbus.publish.errors"];

/// The definitions without a point, in the order of their names.
fn missing(all: &[Series]) -> Vec<&'static str> {
    let sent: BTreeSet<&str> = all.iter().map(|point| &*point.name).collect();
    let mut missing: Vec<_> = definitions::ALL.iter().map(|definition| definition.name).collect();
    missing.retain(|name| !sent.contains(name));
    missing.sort_unstable();
    missing
}

/// Each point is what its definition says.
#[track_caller]
fn as_defined(all: &[Series]) {
    for point in all.iter().filter(|point| !point.name.starts_with("sandbus.guest.")) {
        let definition = definitions::ALL.iter().find(|definition| definition.name == point.name);
        let definition = definition.unwrap_or_else(|| panic!("{point:#?} is not defined"));
        assert_eq!((&*point.unit, &*point.description), (definition.unit, definition.description), "{point:#?}");
        let (kind, monotonic, temporality) = match definition.kind {
            Kind::Counter => ("sum", true, CUMULATIVE),
            Kind::UpDownCounter => ("sum", false, CUMULATIVE),
            Kind::Histogram => ("histogram", false, CUMULATIVE),
            Kind::Gauge => ("gauge", false, None),
        };
        assert_eq!((&*point.kind, point.monotonic, point.temporality), (kind, monotonic, temporality), "{point:#?}");
        let mut attributes = definition.attributes.to_vec();
        attributes.sort_unstable();
        assert_eq!(point.attributes.keys().collect::<Vec<_>>(), attributes, "{point:#?}");
    }
}

#[track_caller]
fn arrive_by(protocol: &str) {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0"));
    let mut host = sending(&stage, &collector, protocol).start();
    host.wait_ready(SOON);
    stage.topic.write(["ack", "ack", "skip", "error:Broken:it", "count:seen"].map(|steps| event("a", steps)));
    stage.wait_final(5);

    let invocations = eventually("all tries to have arrived", SOON, || {
        let points = newest(&collector.series(), "kafka.eventbus.handler.invocations");
        match &*points {
            [point] if point.value == 4.0 => Ok(point.clone()),
            points => Err(format!("{points:#?}")),
        }
    });
    assert_eq!((&*invocations.kind, &*invocations.unit, invocations.monotonic), ("sum", "invocations", true));
    assert_eq!(invocations.temporality, CUMULATIVE);
    assert!(!invocations.description.is_empty());
    let attributes: Vec<_> = invocations.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(attributes, [("event.type", "Tried"), ("handler.name", "probe")]);
    assert_eq!(invocations.resource["service.name"], "sandbus");
    assert_eq!(invocations.resource["service.instance.id"].len(), 32);

    let all = collector.series();
    let errors = newest(&all, "kafka.eventbus.handler.errors");
    assert_eq!((errors.len(), errors[0].value, &*errors[0].attributes["error.type"]), (1, 1.0, "Broken"));
    let duration = newest(&all, "kafka.eventbus.handler.duration");
    assert_eq!((duration.len(), &*duration[0].kind, &*duration[0].unit), (1, "histogram", "ms"));
    assert_eq!((duration[0].count, duration[0].temporality), (Some(5), Some(2)));
    assert_eq!((duration[0].bounds.first(), duration[0].bounds.last()), (Some(&0.01), Some(&10_000.0)));
    let memory = newest(&all, "sandbus.handler.memory_peak");
    assert_eq!((memory.len(), &*memory[0].kind, &*memory[0].unit), (1, "gauge", "By"));
    let guest = newest(&all, "sandbus.guest.counter.seen");
    assert_eq!((guest.len(), guest[0].value), (1, 1.0));
    let own = newest(&all, "sandbus.telemetry.export_failures");
    let own: Vec<_> = own.iter().map(|point| (&*point.attributes["signal"], point.value)).collect();
    assert!(own.contains(&("metrics", 0.0)) && own.contains(&("traces", 0.0)), "from 0: {own:?}");

    // What was said once is never taken back.
    let counts = eventually("a second export", SOON, || {
        let all = collector.series();
        let counts: Vec<_> =
            all.iter().filter(|point| point.name == invocations.name).map(|point| point.value).collect();
        (counts.len() > 1).then_some(counts)
    });
    assert!(counts.is_sorted() && counts.last() == Some(&4.0), "{counts:?}");
    // The lag is known a second after the assignment.
    eventually("each instrument to have arrived", SOON, || {
        let missing = missing(&collector.series());
        if missing == NO_REASON { Ok(()) } else { Err(format!("{missing:?}, and expected {NO_REASON:?}")) }
    });
    assert!(host.terminate(SOON).success());
    as_defined(&collector.series());
}

#[test]
fn metrics_arrive_by_grpc() {
    arrive_by("grpc");
}

#[test]
fn metrics_arrive_by_http() {
    arrive_by("http/protobuf");
}

#[test]
fn what_a_shutdown_gives_up_is_in_the_last_export() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start();
        let stage = Stage::new(1)
            .delivery("shutdown_timeout = \"300ms\"")
            .probe(Probe::named("probe").line("timeout = \"120s\""));
        let mut host = sending(&stage, &collector, protocol).start();
        host.wait_ready(SOON);
        stage.topic.write([event("a", "log:at work;sleep:100s")]);
        host.log_line_containing("at work", SOON);
        // There is one for what had no handler, too.
        let abandoned = || -> Vec<f64> {
            let all = newest(&collector.series(), "sandbus.handler.abandoned");
            let own = all.iter().filter(|point| point.attributes["handler.name"] == "probe");
            own.map(|point| point.value).collect()
        };
        let before = eventually("an export", SOON, || Some(abandoned()).filter(|points| !points.is_empty()));
        assert_eq!(before, [0.0]);
        assert_eq!(host.terminate(SOON).code(), Some(1));
        assert_eq!(abandoned(), [1.0], "by {protocol}");
    }
}

#[test]
fn the_standard_variables_alone_are_enough() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = super::often(stage.deploy())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &format!("{}/v1/metrics", collector.http()))
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.grpc())
        .env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.instance.id=one")
        .env("OTEL_SERVICE_NAME", "orders");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "ack")]);
    let found = eventually("a metric and a span", SOON, || {
        let (series, spans) = (collector.series(), collector.spans());
        match (series.into_iter().next(), spans.into_iter().next()) {
            (Some(series), Some(span)) => Ok((series.resource, span.resource)),
            (series, span) => Err(format!("{series:?} {span:?}")),
        }
    });
    for resource in [found.0, found.1] {
        let of = ["service.name", "service.instance.id", "deployment.environment.name"].map(|name| &*resource[name]);
        assert_eq!(of, ["orders", "one", "test"], "{resource:?}");
    }
    assert!(host.terminate(SOON).success());
}

#[test]
fn a_signal_that_the_variables_turn_off_is_not_sent() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = sending(&stage, &collector, "grpc").env("OTEL_METRICS_EXPORTER", "none").start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "ack")]);
    eventually("a span", SOON, || (!collector.spans().is_empty()).then_some(()));
    // The end sends what is left, whatever the interval is.
    assert!(host.terminate(SOON).success());
    assert_eq!(collector.series(), []);
}
