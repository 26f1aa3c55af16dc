//! What an event may lack: the errors of reading one.

use std::error::Error;
use std::fmt::{self, Display};
use std::str::Utf8Error;

/// An event is not what the handler reads it as.
///
/// By `?` it becomes an error of the kind named at each case.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventError {
    /// `tombstone`: the event has no value.
    Tombstone,
    /// `bad_json`: the value is not the JSON that was expected.
    BadJson(serde_json::Error),
    /// `bad_text`: the value is not UTF-8.
    BadText(Utf8Error),
    /// `missing_key`: the event has no key.
    MissingKey,
    /// `bad_key`: the key is not UTF-8.
    BadKey(Utf8Error),
    /// `missing_header`: no header has this name, or the first that has it carries no value.
    MissingHeader(String),
    /// `bad_header`: the value of the header of this name is not UTF-8.
    BadHeader(String, Utf8Error),
}

impl EventError {
    /// The error's kind, as given at each case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tombstone => "tombstone",
            Self::BadJson(_) => "bad_json",
            Self::BadText(_) => "bad_text",
            Self::MissingKey => "missing_key",
            Self::BadKey(_) => "bad_key",
            Self::MissingHeader(_) => "missing_header",
            Self::BadHeader(..) => "bad_header",
        }
    }
}

impl Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tombstone => f.write_str("the event has no value (a tombstone)"),
            Self::BadJson(error) => write!(f, "the value is not the JSON expected: {error}"),
            Self::BadText(error) => write!(f, "the value is not text: {error}"),
            Self::MissingKey => f.write_str("the event has no key"),
            Self::BadKey(error) => write!(f, "the key is not text: {error}"),
            Self::MissingHeader(name) => write!(f, "the header {name:?} is missing or null"),
            Self::BadHeader(name, error) => {
                write!(f, "the header {name:?} is not text: {error}")
            }
        }
    }
}

impl Error for EventError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BadJson(error) => Some(error),
            Self::BadText(error) | Self::BadKey(error) | Self::BadHeader(_, error) => Some(error),
            Self::Tombstone | Self::MissingKey | Self::MissingHeader(_) => None,
        }
    }
}
