//! What leaves by OTLP, as a real collector gets it, and what happens while there is none.

mod away;
mod logs;
mod memory;
mod metrics;
mod receivers;
mod rejecting;
mod tls;
mod traces;
mod variables;

use sandbus_tests::{Collector, Deployment};

pub(crate) use super::delivery::SOON;
use super::delivery::stage::Stage;

/// A trace that began elsewhere.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{SPAN}-{flags}")
}

/// Sends to that address, and often.
#[track_caller]
fn sending_to(stage: &Stage, address: &str) -> Deployment {
    let deployment = often(stage.deploy());
    deployment.env("SANDBUS_TELEMETRY__OTLP_ENDPOINT", address)
}

/// The same, by gRPC or by HTTP.
#[track_caller]
fn sending(stage: &Stage, collector: &Collector, protocol: &str) -> Deployment {
    let address = if protocol == "grpc" { collector.grpc() } else { collector.http() };
    sending_to(stage, &address).env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", protocol)
}

fn often(deployment: Deployment) -> Deployment {
    deployment
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("OTEL_BLRP_SCHEDULE_DELAY", "100")
}
