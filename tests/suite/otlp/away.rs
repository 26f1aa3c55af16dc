//! Receivers that are away, or hang: events pass, losses are counted, and the end comes in time.

use std::time::{Duration, Instant};

use sandbus_tests::{Collector, Host, eventually, ports};

use super::super::delivery::stage::{Probe, Stage, event};
use super::memory::hanging;
use super::{SOON, sending_to};

/// The flush at the end has 5 s, and the log's another one; then some for the rest of the end on a busy machine. The exports
/// themselves may take longer here.
const END: Duration = Duration::from_secs(9);

#[track_caller]
fn wait_more_than(host: &Host, name: &str, signal: &str, least: f64) -> f64 {
    eventually(&format!("{name} of {signal} above {least}"), SOON, || {
        let value = host.metrics().sum(name, &[("signal", signal)]);
        value.filter(|value| *value > least).ok_or_else(|| format!("{value:?}"))
    })
}

#[test]
fn while_the_receiver_is_away_events_pass_and_failures_are_counted() {
    let (grpc, http) = (ports::free(), ports::free());
    for (protocol, port) in [("grpc", grpc), ("http/protobuf", http)] {
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let deployment = sending_to(&stage, &format!("http://127.0.0.1:{port}"));
        let mut host = deployment
            .env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", protocol)
            .env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true")
            .start();
        host.wait_ready(SOON);
        stage.topic.write((0..50).map(|_| event("a", "log:hello")));
        stage.wait_final(50);
        for (signal, least) in [("traces", 0.0), ("metrics", 1.0), ("logs", 0.0)] {
            wait_more_than(&host, "sandbus_telemetry_export_failures_total", signal, least);
        }
        let said = host.log().iter().filter(|line| line.contains("an export by OTLP failed")).count();
        assert_eq!(said, 3, "once for each signal, though more have failed");

        // It comes back: what is new is sent, and nothing had to be restarted.
        let collector = Collector::start_on(grpc, http);
        stage.topic.write([event("late", "ack")]);
        eventually("the late event's span, and metrics", SOON, || {
            let late = |span: &sandbus_tests::collector::Span| {
                span.attributes.get("messaging.kafka.offset").is_some_and(|own| own == "50")
            };
            (collector.spans().iter().any(late) && !collector.series().is_empty()).then_some(())
        });
        assert!(host.terminate(SOON).success());
    }
}

#[test]
fn a_receiver_that_hangs_delays_neither_events_nor_the_end() {
    for protocol in ["grpc", "http/protobuf"] {
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let deployment = sending_to(&stage, &format!("http://127.0.0.1:{}", hanging()));
        let mut host = deployment
            .env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", protocol)
            .env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true")
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "120000")
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "10")
            .start();
        host.wait_ready(SOON);
        stage.topic.write((0..200).map(|number| event(&number.to_string(), "ack")));
        stage.wait_final(200);
        // Each event has two spans; ten wait, and ten are on their way.
        wait_more_than(&host, "sandbus_telemetry_dropped_total", "traces", 300.0);
        let started = Instant::now();
        assert!(host.terminate(SOON).success(), "nothing was abandoned");
        assert!(started.elapsed() < END, "{protocol}: {:?}", started.elapsed());
    }
}

#[test]
fn an_export_ends_when_its_time_is_up() {
    for protocol in ["grpc", "http/protobuf"] {
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let deployment = sending_to(&stage, &format!("http://127.0.0.1:{}", hanging()));
        let mut host = deployment
            .env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
            .start();
        host.wait_ready(SOON);
        wait_more_than(&host, "sandbus_telemetry_export_failures_total", "metrics", 0.0);
    }
}
