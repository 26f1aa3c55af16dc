//! `[telemetry]`, checked: what is measured and where it goes.

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
}
