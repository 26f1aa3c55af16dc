//! Delivery, from the broker to the last commit: each module is one situation.
//!
//! Most tests deploy the probe, whose events say what it is to do, and read what each `ack` let out.

mod fan_out;
mod identity;
mod key_order;
mod offsets;
mod payloads;
mod publishing;
mod shutdown;
mod stage;
mod verdicts;

use std::time::Duration;

/// For what takes moments on an idle machine.
const SOON: Duration = Duration::from_secs(30);
