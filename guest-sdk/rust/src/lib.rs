//! Write Sandbus event handlers in Rust.
//!
//! A handler is a type that implements [`Handler`], handed to [`export!`]. Built for
//! `wasm32-unknown-unknown` it is a WebAssembly module that Sandbus runs in a sandbox; built
//! natively it is plain Rust, and `sandbus_sdk::testing` runs it against a host that records what it
//! did.
//!
//! ```
//! use sandbus_sdk::{Event, Handler, Result, Verdict, log, metrics::Counter};
//!
//! const ORDERS: Counter = Counter::new("orders");
//!
//! #[derive(serde::Deserialize)]
//! struct Order {
//!     order_id: String,
//! }
//!
//! #[derive(Default)]
//! struct OrderLog {
//!     seen: u64,
//! }
//!
//! impl Handler for OrderLog {
//!     const EVENTS: &'static [&'static str] = &["OrderCreated"];
//!
//!     fn handle(&mut self, event: &Event) -> Result {
//!         let order: Order = event.json()?;
//!         self.seen += 1;
//!         log::info!("order {} is number {}", order.order_id, self.seen);
//!         ORDERS.add(1, &[])?;
//!         Ok(Verdict::Ack)
//!     }
//! }
//!
//! sandbus_sdk::export!(OrderLog);
//!
//! // And its test:
//! use sandbus_sdk::testing::{Host, event};
//!
//! let mut host = Host::<OrderLog>::new();
//! let order = event("OrderCreated").json(&serde_json::json!({ "order_id": "o-1" }));
//! let outcome = host.deliver(order);
//! outcome.assert_ack();
//! assert_eq!(outcome.logs()[0].message, "order o-1 is number 1");
//! assert_eq!(outcome.counter("orders"), 1);
//! host.deliver(event("OrderCreated").text("no JSON")).assert_error("bad_json");
//! ```
//!
//! # How a try ends
//!
//! | the handler | the event |
//! |---|---|
//! | `Ok(Verdict::Ack)` | is done; what was published leaves for Kafka |
//! | `Ok(Verdict::Skip)` | is done; what was published is dropped |
//! | `Ok(Verdict::retry())`, `Ok(Verdict::retry_after(delay))` | is tried again |
//! | `Ok(Verdict::dead_letter(reason))` | goes to the dead letters at once |
//! | an error, by `?` | is tried again as configured, then goes to the dead letters |
//! | a panic | the same; the message is logged, the instance is thrown away |
//!
//! Verdicts travel by `?` as well: see [`Result`].

mod create;
mod error;
mod event;
mod export;
mod handler;
mod host;
mod packed;
mod verdict;

pub mod clock;
pub mod config;
pub mod http;
pub mod log;
pub mod metrics;
pub mod publish;
pub mod random;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(target_arch = "wasm32")]
mod bindings;

pub use create::Create;
pub use error::{Error, OrStop, Refusal};
pub use event::{Event, EventError, Header, Headers};
pub use handler::Handler;
pub use publish::Message;
pub use verdict::{Result, Stop, Verdict};

pub use serde_json;

/// The README's handler, compiled as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What [`export!`] expands to. No part of the API: it changes without notice.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings::handler as bindings;
    pub use crate::export::*;
}
