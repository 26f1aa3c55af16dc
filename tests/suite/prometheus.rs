//! Metrics as operators ask for them: a real Prometheus scrapes a host at work, or receives from it, and every query of the
//! guide, the dashboard, the rules and the documentation is compared with what it has to be.

mod artifacts;
mod bursts;
mod cases;
mod names;
mod outage;
mod promql;
mod received;
mod subquery;
mod truth;

pub(crate) use names::definitions;
