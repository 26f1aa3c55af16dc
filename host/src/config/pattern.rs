//! Patterns of event types and topics: whole text, case-sensitive, `*` is any run of characters
//! and nothing else is special.

use std::fmt;
use std::sync::Arc;

/// Longest pattern, in bytes.
const MAX: usize = 256;

/// A pattern that is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// It has no character.
    #[error("expected 1 to 256 bytes; this is empty")]
    Empty,
    /// It has more than 256 bytes.
    #[error("expected 1 to 256 bytes; this has {0}")]
    TooLong(usize),
}

/// A pattern of 1 to 256 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// If it is empty or longer than 256 bytes.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        match text.len() {
            0 => Err(BadPattern::Empty),
            1..=MAX => Ok(Self(text.into())),
            length => Err(BadPattern::TooLong(length)),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The only text that fits; `None` where there are others.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether all of `text` fits, in time linear in its length.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else {
            return *self.0 == *text;
        };
        let Some(text) = text.strip_prefix(head) else {
            return false;
        };
        // What stands between stars is taken at its first place: a later one leaves less for the rest.
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut text) = text.strip_suffix(tail) else {
            return false;
        };
        for piece in middle.split('*') {
            match text.split_once(piece) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        true
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
