//! Names with rules: handlers, topics, consumer groups. A value of these types is well formed, and
//! cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Longest name of a Kafka topic, in bytes.
const TOPIC_MAX: usize = 249;
/// Longest name of a handler, in bytes.
const HANDLER_MAX: usize = 64;

/// A name that is not well formed; says what would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadName(pub &'static str);

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn is_handler(text: &str) -> bool {
    text.len() <= HANDLER_MAX
        && text.bytes().all(is_plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn is_topic(text: &str) -> bool {
    is_group(text) && text != "." && text != ".."
}

fn is_group(text: &str) -> bool {
    (1..=TOPIC_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $rule:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What a well-formed name is.
            pub const EXPECTED: &'static str = $expected;

            /// Checks a name.
            ///
            /// # Errors
            /// If it is not well formed.
            pub fn new(text: &str) -> Result<Self, BadName> {
                if $rule(text) { Ok(Self(text.into())) } else { Err(BadName(Self::EXPECTED)) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as shared text, without a copy.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Name of a handler: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
    HandlerName,
    is_handler,
    "1 to 64 characters of A-Z a-z 0-9 . _ -, the first a letter or digit"
);

name!(
    /// Name of a Kafka topic: 1 to 249 of `[A-Za-z0-9._-]`, neither `.` nor `..`.
    TopicName,
    is_topic,
    "a topic name: 1 to 249 characters of A-Z a-z 0-9 . _ -"
);

name!(
    /// Name of a consumer group: 1 to 249 of `[A-Za-z0-9._-]`, because it becomes part of topic
    /// names.
    GroupName,
    is_group,
    "1 to 249 characters of A-Z a-z 0-9 . _ -"
);

impl GroupName {
    /// The group of a handler that has one of its own: `<group>.<handler>`.
    ///
    /// # Errors
    /// If that is too long.
    pub fn own(&self, handler: &HandlerName) -> Result<Self, BadName> {
        Self::new(&format!("{self}.{handler}"))
    }
}
