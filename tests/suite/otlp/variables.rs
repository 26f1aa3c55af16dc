//! OpenTelemetry's standard variables, as receivers see that they are heeded.

use std::collections::BTreeMap;

use sandbus_tests::collector::Series;
use sandbus_tests::{Collector, eventually};

use super::super::delivery::stage::{Probe, Stage, event};
use super::receivers::Receiver;
use super::{SOON, often, sending, sending_to};

const CUMULATIVE: Option<u64> = Some(2);
const DELTA: Option<u64> = Some(1);

#[test]
fn headers_go_with_every_export_of_each_signal() {
    let of_http = ["/v1/traces", "/v1/metrics", "/v1/logs"];
    let of_grpc = ["trace", "metrics", "logs"].map(|signal| {
        let service = if signal == "trace" {
            "TraceService"
        } else if signal == "logs" {
            "LogsService"
        } else {
            "MetricsService"
        };
        format!("/opentelemetry.proto.collector.{signal}.v1.{service}/Export")
    });
    for (protocol, receiver, paths) in [
        ("http/protobuf", Receiver::http(vec![]), of_http.map(str::to_owned)),
        ("grpc", Receiver::grpc(vec![]), of_grpc),
    ] {
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let deployment = sending_to(&stage, &format!("http://127.0.0.1:{}", receiver.port))
            .env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", protocol)
            .env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x-tenant=one")
            .env("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "authorization=Basic%20b25l,x-tenant=two");
        let mut host = deployment.start();
        host.wait_ready(SOON);
        stage.topic.write([event("a", "log:hello")]);
        let heads = eventually(&format!("all signals by {protocol}"), SOON, || {
            let heads = receiver.heads();
            let all = paths.iter().all(|path| heads.iter().any(|head| head.path == *path));
            if all { Ok(heads) } else { Err(format!("{heads:#?}")) }
        });
        for head in &heads {
            assert!(paths.contains(&head.path), "{head:?}");
            let told = |name: &str| head.headers.get(name).map(String::as_str);
            let own = head.path == paths[1];
            let expected = if own { ("Basic b25l", "two") } else { ("Bearer s3cret", "one") };
            assert_eq!((told("authorization"), told("x-tenant")), (Some(expected.0), Some(expected.1)), "{head:?}");
        }
        assert!(
            !host.log().iter().any(|line| line.contains("s3cret") || line.contains("b25l")),
            "a token is in no line: {:#?}",
            host.log()
        );
    }
}

#[test]
fn a_grpc_address_without_a_scheme_is_not_encrypted_where_the_variable_says_so() {
    let receiver = Receiver::grpc(vec![]);
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = often(stage.deploy())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("127.0.0.1:{}", receiver.port))
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let failed = |host: &sandbus_tests::Host| {
        host.metrics().sum("sandbus_telemetry_export_failures_total", &[("signal", "metrics")]).unwrap_or_default()
    };
    let mut encrypted = deployment.start();
    encrypted.wait_ready(SOON);
    eventually("exports to fail", SOON, || (failed(&encrypted) > 0.0).then_some(()));
    assert_eq!(receiver.heads(), [], "TLS is no call");
    assert!(encrypted.terminate(SOON).success());

    let mut host = deployment.env("OTEL_EXPORTER_OTLP_INSECURE", "true").start();
    host.wait_ready(SOON);
    eventually("metrics to arrive", SOON, || (!receiver.heads().is_empty()).then_some(()));
    assert_eq!(failed(&host), 0.0);
}

/// All points of a series, oldest first.
fn values(all: &[Series], name: &str) -> Vec<f64> {
    all.iter().filter(|point| point.name == name).map(|point| point.value).collect()
}

#[test]
fn counters_and_histograms_are_deltas_where_the_receiver_wants_them() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start();
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let mut host = sending(&stage, &collector, protocol)
            .env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
            .start();
        host.wait_ready(SOON);
        let name = "kafka.eventbus.handler.invocations";
        for written in 1..=3 {
            stage.topic.write([event("a", "ack"), event("b", "ack")]);
            eventually(&format!("events of round {written} by {protocol}"), SOON, || {
                let values = values(&collector.series(), name);
                if values.iter().sum::<f64>() == 2.0 * f64::from(written) { Ok(()) } else { Err(format!("{values:?}")) }
            });
        }
        assert!(host.terminate(SOON).success());
        let all = collector.series();
        assert_eq!(values(&all, name).iter().sum::<f64>(), 6.0, "each is told once");
        let mut temporality: BTreeMap<_, _> = BTreeMap::new();
        for point in &all {
            temporality.insert((&*point.kind, point.monotonic), point.temporality);
        }
        // What goes up and down is told as it is.
        let expected = [
            (("gauge", false), None),
            (("histogram", false), DELTA),
            (("sum", false), CUMULATIVE),
            (("sum", true), DELTA),
        ];
        assert_eq!(temporality, BTreeMap::from(expected));
    }
}

#[test]
fn a_disabled_sdk_sends_nothing_and_the_page_is_there() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = sending(&stage, &collector, "grpc")
        .env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true")
        .env("OTEL_SDK_DISABLED", "true")
        .start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    host.wait_metric("kafka_eventbus_handler_invocations_total", &[("handler_name", "probe")], 1.0, SOON);
    // The end would send what is left.
    assert!(host.terminate(SOON).success());
    assert_eq!((collector.series(), collector.spans(), collector.lines()), (vec![], vec![], vec![]));
}

#[test]
fn without_metrics_no_series_is_sent_and_spans_are() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let mut host = sending(&stage, &collector, "grpc").env("SANDBUS_TELEMETRY__ENABLE_METRICS", "false").start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "count:seen;ack")]);
    stage.wait_final(1);
    eventually("a span", SOON, || (!collector.spans().is_empty()).then_some(()));
    // The end sends what is left, whatever the interval is.
    assert!(host.terminate(SOON).success());
    assert_eq!(collector.series(), []);
}
