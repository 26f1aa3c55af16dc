//! `[telemetry]`: what is measured and where it goes.

use super::HttpOrigin;
use super::check::{Flag, OneOf, Text};
use super::key::keys;
use super::section::{Absent, Section};

/// What is measured, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Whether instruments are recorded and `/metrics` has content.
    pub enable_metrics: bool,
    /// Whether spans are made; without an endpoint none is.
    pub enable_tracing: bool,
    /// `http://` or `https://` address of an OTLP receiver. `None`: what the standard `OTEL_*`
    /// variables say, which are not part of this configuration.
    pub otlp_endpoint: Option<String>,
    /// How it is spoken to. `None`: what the standard variables say, or what its port is for.
    pub otlp_protocol: Option<OtlpProtocol>,
    /// Whether the log is sent there, too.
    pub export_logs: bool,
}

/// How an OTLP receiver is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf in HTTP requests, usually to port 4318.
    HttpProtobuf,
    /// gRPC, usually to port 4317.
    Grpc,
}

keys! {
    /// `[telemetry]`, as it is read.
    TelemetryKeys {
        enable_metrics: bool = Flag, "true",
            "Record metrics, and serve them at `/metrics`.";
        enable_tracing: bool = Flag, "true",
            "Make spans, where there is an endpoint to send them to.";
        otlp_endpoint: Option<String> = Text {
            allowed: "the http:// or https:// address of an OTLP receiver, or nothing",
            parse: endpoint,
        }, "\"\"", "OTLP receiver for metrics, traces and, on demand, the log. Empty: what the standard `OTEL_*` variables say.";
        otlp_protocol: Option<OtlpProtocol> = OneOf::new(&[
            ("http/protobuf", Some(OtlpProtocol::HttpProtobuf)),
            ("grpc", Some(OtlpProtocol::Grpc)),
            ("", None),
        ]), "\"\"", "How it is spoken to. Empty: what the standard variables say, else gRPC on port 4317 and HTTP on any other.";
        export_logs: bool = Flag, "false",
            "Send the log there, too, by lines as the log has them.";
    }
}

/// Reads `[telemetry]`. `None` if something is wrong, which has been noted.
pub(super) fn read(section: &mut Section<'_>) -> Option<Telemetry> {
    let keys = TelemetryKeys::read(section, Absent::Default);
    Some(Telemetry {
        enable_metrics: *keys.enable_metrics.value()?,
        enable_tracing: *keys.enable_tracing.value()?,
        otlp_endpoint: keys.otlp_endpoint.value()?.clone(),
        otlp_protocol: *keys.otlp_protocol.value()?,
        export_logs: *keys.export_logs.value()?,
    })
}

fn endpoint(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (_, path) = HttpOrigin::split(text)?;
    if path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#')) {
        Ok(Some(text.to_owned()))
    } else {
        Err("an address ends after its path".to_owned())
    }
}
