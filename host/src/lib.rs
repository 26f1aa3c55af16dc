//! Sandbus: reads Kafka and runs event handlers as sandboxed WebAssembly components.
//!
//! # Layout
//! - [`admin`]: the admin server.
//! - [`app`]: wires the parts into a running host.
//! - [`cli`]: the command line.
//! - [`confine`]: what the process gives up.
//! - [`config`]: what the operator says, checked.
//! - [`event`]: a Kafka record and what it means.
//! - [`delivery`]: what is decided about each event, and the loop that carries it out.
//! - [`kafka`]: talks to Kafka; the only room that knows librdkafka.
//! - [`sandbox`]: runs guests; the only room that knows wasmtime.
//! - [`telemetry`]: metrics, traces and log lines.
//! - [`toolchain`]: new projects, and building them.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod confine;
pub mod delivery;
pub mod event;
pub mod kafka;
pub mod sandbox;
pub mod telemetry;
pub mod toolchain;
