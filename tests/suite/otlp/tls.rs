//! Receivers behind TLS, with a certificate whose authority only the host is told of.

use std::time::Duration;

use sandbus_tests::{Collector, Host, eventually};

use super::super::delivery::stage::{Probe, Stage, event};
use super::{SOON, sending};

const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

fn failures(host: &Host, signal: &str) -> f64 {
    host.metrics().sum("sandbus_telemetry_export_failures_total", &[("signal", signal)]).unwrap_or_default()
}

#[test]
fn a_receiver_is_trusted_whose_authority_the_variable_names() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start_with_tls();
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let authority = collector.authority();
        let deployment = sending(&stage, &collector, protocol).env(CERTIFICATE, &authority.display().to_string());
        let mut host = deployment.start();
        host.wait_ready(SOON);
        stage.topic.write([event("a", "ack")]);
        eventually(&format!("spans and metrics by {protocol}"), SOON, || {
            let (spans, series) = (collector.spans().len(), collector.series().len());
            if spans >= 2 && series > 0 { Ok(()) } else { Err(format!("{spans} spans, {series} points")) }
        });
        assert_eq!(["traces", "metrics"].map(|signal| failures(&host, signal)), [0.0, 0.0]);
    }
}

#[test]
fn a_receiver_that_nobody_vouches_for_gets_nothing() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start_with_tls();
        let stage = Stage::new(1).probe(Probe::named("probe"));
        let mut host = sending(&stage, &collector, protocol).start();
        host.wait_ready(SOON);
        stage.topic.write([event("a", "ack")]);
        stage.wait_final(1);
        eventually("exports to fail", SOON, || {
            let failed = ["traces", "metrics"].map(|signal| failures(&host, signal));
            if failed.iter().all(|failed| *failed > 0.0) { Ok(()) } else { Err(format!("{failed:?}")) }
        });
        assert_eq!((collector.spans().len(), collector.series().len()), (0, 0), "{protocol}");
    }
}

#[test]
fn a_file_without_certificates_is_said_at_the_start() {
    let collector = Collector::start_with_tls();
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let config = stage.deploy().directory().join("sandbus.toml");
    for file in ["/nowhere/ca.pem".to_owned(), config.display().to_string()] {
        let deployment = sending(&stage, &collector, "grpc").env(CERTIFICATE, &file);
        let finished = deployment.run(&["run"], b"", Duration::from_secs(30));
        assert!(!finished.status.success());
        assert!(finished.stderr.contains(CERTIFICATE) && finished.stderr.contains(&file), "{}", finished.stderr);
    }
}
