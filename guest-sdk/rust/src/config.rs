//! The handler's own configuration: `[handler.config]`, and nothing else.
//!
//! Values never change within one instance: a change of the configuration is a new generation.
//! Numbers and booleans read as TOML writes them.
//!
//! ```
//! use sandbus_sdk::config;
//!
//! # fn read() -> Result<(), config::ConfigError> {
//! let region = config::get("region").unwrap_or_else(|| "eu".to_owned());
//! let limit: u64 = config::parse("limit_cents")?.unwrap_or(50_000);
//! let topic: String = config::require("topic")?;
//! # Ok(()) }
//! ```

use std::error::Error;
use std::fmt::{self, Display};
use std::str::FromStr;

use crate::host;

/// The value of a key, if it is set.
pub fn get(key: &str) -> Option<String> {
    host::config_get(key)
}

/// Every key with its value, sorted by key.
pub fn entries() -> Vec<(String, String)> {
    host::config_entries()
}

/// The value of a key read as a `T`, or `None` if the key is not set.
///
/// # Errors
///
/// [`ConfigError`] of the kind `bad_config` if the value is no `T`.
pub fn parse<T>(key: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr<Err: Display>,
{
    let Some(value) = get(key) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(ConfigError { key: key.to_owned(), problem: Some(error.to_string()) }),
    }
}

/// The value of a key read as a `T`; the key must be set.
///
/// # Errors
///
/// [`ConfigError`] of the kind `missing_config` if it is not, and `bad_config` if the value is no
/// `T`.
pub fn require<T>(key: &str) -> Result<T, ConfigError>
where
    T: FromStr<Err: Display>,
{
    parse(key)?.ok_or_else(|| ConfigError { key: key.to_owned(), problem: None })
}

/// A key of `[handler.config]` is missing or not what the handler reads it as.
///
/// The text names the key and never the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: String,
    /// Why the value cannot be read; nothing if there is no value.
    problem: Option<String>,
}

impl ConfigError {
    /// `missing_config` or `bad_config`.
    pub fn kind(&self) -> &'static str {
        match self.problem {
            None => "missing_config",
            Some(_) => "bad_config",
        }
    }

    /// The key in question.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.problem {
            None => write!(f, "set {key:?} in [handler.config]"),
            Some(problem) => write!(f, "{key:?} in [handler.config] cannot be read: {problem}"),
        }
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Host, event};
    use crate::{Event, Handler, Result, Verdict};

    #[derive(Default)]
    struct Reader;

    impl Handler for Reader {
        const EVENTS: &'static [&'static str] = &["*"];

        fn handle(&mut self, _: &Event) -> Result {
            let limit: Option<u8> = parse("limit")?;
            let name: String = require("name")?;
            assert_eq!((limit, name.as_str()), (Some(7), "n"));
            assert_eq!(get("none"), None);
            assert_eq!(entries(), [("limit".to_owned(), "7".to_owned()), ("name".to_owned(), "n".to_owned())]);
            Ok(Verdict::Ack)
        }
    }

    #[test]
    fn values_are_read_as_asked() {
        let mut host = Host::<Reader>::new().config("name", "n").config("limit", 7);
        host.deliver(event("A")).assert_ack();
    }

    #[test]
    fn errors_name_the_key_and_not_the_value() {
        let mut host = Host::<Reader>::new().config("limit", "s3cret");
        let outcome = host.deliver(event("A"));
        let error = outcome.assert_error("bad_config");
        assert!(error.message().contains("\"limit\""), "{error}");
        assert!(!error.message().contains("s3cret"), "{error}");
        Host::<Reader>::new().deliver(event("A")).assert_error("missing_config");
    }
}
