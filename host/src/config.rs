//! The configuration: what `sandbus.toml` and the environment say, checked.
//!
//! [`Config`] holds only values that are right and fit together; whatever is wrong is reported at
//! once, as a [`ConfigError`] of [`Fault`]s. No secret is ever printed. This room imports no other,
//! and is the only one that reads the process environment (in [`Config::load`]).

mod admin;
mod check;
mod claims;
mod context;
mod delivery;
mod development;
mod document;
mod environment;
mod fault;
mod folder;
mod grants;
mod handler;
mod handlers;
mod kafka;
mod key;
mod layer;
mod librdkafka;
mod limits;
mod load;
mod name;
mod paths;
mod pattern;
mod policy;
mod properties;
mod redrive;
mod reference;
mod sandbox;
mod schema;
mod secret;
mod section;
mod suggest;
mod telemetry;
mod together;

use std::path::PathBuf;

pub use admin::Admin;
pub use delivery::{DeadLetters, Delivery, Guarantee};
pub use environment::places;
pub use fault::{ConfigError, Fault, Found, Origin};
pub use folder::is_component;
pub use grants::{
    Ambiguous, Grants, Guarded, HttpDenied, HttpGrant, HttpOrigin, IpNet, Path, PublishDenied, Scheme, is_public,
};
pub use handler::{Group, Handler, Isolation};
pub use kafka::{Kafka, OffsetReset};
pub use limits::Limits;
pub use load::Source;
pub use name::{BadName, GroupName, HandlerName, TopicName};
pub use pattern::{BadPattern, Pattern};
pub use policy::{Ordering, Quarantine, RetryPolicy};
pub use properties::Properties;
pub use redrive::{REDRIVE_SUFFIX, redrive_source, redrive_topic};
pub use reference::reference;
pub use sandbox::{Harden, Sandbox};
pub use secret::Secret;
pub use telemetry::{OtlpProtocol, Telemetry};

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
    /// Every file and folder that the configuration names to be read, resolved, and those that the environment names to
    /// libraries: components, secrets, certificates. Some may be missing.
    pub files: Vec<PathBuf>,
    /// Every handler with its effective values: first each `[[handler]]` in the file's order, then
    /// the components found in [`handlers_dir`](Self::handlers_dir) by name. Names are unique.
    /// May be empty.
    pub handlers: Vec<Handler>,
}

#[cfg(test)]
mod tests;
