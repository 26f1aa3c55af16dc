//! The harness against real Kafka: what the other tests rely on.

mod broker;
mod group;
mod host;
mod records;
mod sasl;
mod with_kafka;

use std::time::Duration;

/// For what takes moments on an idle machine.
const SOON: Duration = Duration::from_secs(30);
