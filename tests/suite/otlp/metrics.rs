//! Metrics under their OpenTelemetry names: kinds, units, temporality, attributes, values.

use sandbus_tests::collector::Series;
use sandbus_tests::{Collector, eventually};

use super::super::delivery::stage::{Probe, Stage, event};
use super::{SOON, sending};

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
    assert_eq!(invocations.temporality, Some(2), "cumulative");
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
    assert!(host.terminate(SOON).success());
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
