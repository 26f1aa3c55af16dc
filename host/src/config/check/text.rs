//! Values that are text with a form of its own.

use crate::config::Secret;
use crate::config::document::Entry;
use crate::config::key::{Check, Wrong};

/// Text that a function makes a value of. Its error is a hint; it may be empty.
pub(in crate::config) struct Text<T> {
    /// Completes the sentence "expected …".
    pub allowed: &'static str,
    /// Makes the value.
    pub parse: fn(&str) -> Result<T, String>,
}

impl<T> Check for Text<T> {
    type Out = T;

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }

    fn check(&self, entry: &Entry) -> Result<T, Vec<Wrong>> {
        let Some(text) = entry.value.text() else {
            return Err(vec![Wrong::not_text(self.allowed, &entry.value)]);
        };
        (self.parse)(text).map_err(|hint| {
            let wrong = Wrong::new(self.allowed);
            vec![if hint.is_empty() { wrong } else { wrong.hint(hint) }]
        })
    }
}

/// Text that is never shown. Empty is none.
pub(in crate::config) struct SecretText {
    /// Completes the sentence "expected …".
    pub allowed: &'static str,
    /// Whether text that is not empty has the right form.
    pub is_right: fn(&str) -> bool,
}

impl Check for SecretText {
    type Out = Option<Secret>;
    const SECRET: bool = true;

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }

    fn check(&self, entry: &Entry) -> Result<Option<Secret>, Vec<Wrong>> {
        match entry.value.text() {
            None => Err(vec![Wrong::not_text(self.allowed, &entry.value)]),
            Some("") => Ok(None),
            Some(text) if (self.is_right)(text) => Ok(Some(Secret::new(text.to_owned()))),
            Some(_) => Err(vec![Wrong::new(self.allowed)]),
        }
    }
}
