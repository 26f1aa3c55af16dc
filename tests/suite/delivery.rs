//! Delivery, from the broker to the last commit: each module is one situation.
//!
//! Most tests deploy the probe, whose events say what it is to do, and read what each `ack` let out.

mod commits;
mod connections;
mod costs;
mod dlq;
mod fan_out;
mod faults;
pub(crate) mod groups;
mod identity;
mod key_order;
mod lag;
mod log_lines;
mod memory;
mod metrics;
mod offsets;
mod outage;
mod payloads;
mod publishing;
mod readers;
mod sasl;
mod shutdown;
pub(crate) mod stage;
mod stuck;
mod three_brokers;
mod verdicts;

use std::time::Duration;

/// For what takes moments on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);
