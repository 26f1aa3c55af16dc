//! The configuration: what `sandbus.toml` and the environment say, checked.
//!
//! [`Config`] holds only values that are right and fit together; whatever is wrong is reported at
//! once, as a [`ConfigError`] of [`Fault`]s. No secret is ever printed. This room imports no other,
//! and is the only one that reads the process environment (in [`Config::load`]).

mod admin;
mod delivery;
mod fault;
mod grants;
mod handler;
mod kafka;
mod name;
mod pattern;
mod properties;
mod sandbox;
mod secret;
mod telemetry;

use std::path::PathBuf;

pub use admin::Admin;
pub use delivery::{DeadLetters, Delivery, Guarantee, Ordering, Quarantine, RetryPolicy};
pub use fault::{ConfigError, Fault, Found, Origin};
pub use grants::{Grants, HttpOrigin, Scheme};
pub use handler::{Group, Handler, Isolation, Limits};
pub use kafka::{Kafka, OffsetReset};
pub use name::{BadName, GroupName, HandlerName, TopicName};
pub use pattern::{BadPattern, Pattern};
pub use properties::Properties;
pub use sandbox::Sandbox;
pub use secret::Secret;
pub use telemetry::Telemetry;

/// A whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[kafka]`
    pub kafka: Kafka,
    /// `[delivery]`, as far as it holds for the whole process. What may differ between handlers
    /// stands, resolved, in each [`Handler`].
    pub delivery: Delivery,
    /// `[sandbox]`
    pub sandbox: Sandbox,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[admin]`
    pub admin: Admin,
    /// `handlers.dir`, resolved. It may be missing if it is the default.
    pub handlers_dir: PathBuf,
    /// Every handler with its effective values: first each `[[handler]]` in the file's order, then
    /// the components found in [`handlers_dir`](Self::handlers_dir) by name. Names are unique.
    /// May be empty.
    pub handlers: Vec<Handler>,
}
