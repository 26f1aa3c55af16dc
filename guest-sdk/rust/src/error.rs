//! A failed try: its kind, its message, and how other errors become one.
//!
//! Kinds become the metric attribute `error.type`, so they are taken from what does not vary: the
//! type of an error, never its text.

use std::any::{Any, type_name};
use std::error::Error as StdError;
use std::fmt::{self, Display};

use crate::config::ConfigError;
use crate::{EventError, Result, Verdict, http};

/// Longest kind that the host reports as it is, in bytes.
const MAX_KIND: usize = 64;

/// The try failed: a kind for metrics and a message for people.
///
/// Made by `?` from anything that implements [`std::error::Error`]. The message is the error's
/// text with its sources; the kind is
///
/// - for errors of this SDK the word that their documentation gives, such as `bad_json`;
/// - else the last segment of the error's type: `ParseIntError` for
///   [`std::num::ParseIntError`], with the crate before it where that is just `Error`:
///   `serde_json.Error`.
///
/// Because everything converts into it, this type does not implement [`std::error::Error`] itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: String,
    message: String,
}

impl Error {
    /// An error of this kind.
    ///
    /// The kind is `[A-Za-z][A-Za-z0-9_.]{0,63}` and not the name of a fault or verdict (`trap`,
    /// `timeout`, `retry`, …): the host reports anything else as `_other`. Keep the number of
    /// different kinds small. Of the message the host keeps the first 1000 characters.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into() }
    }

    /// The kind, as it was given.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The message, as it was given.
    pub fn message(&self) -> &str {
        &self.message
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (String, String) {
        (self.kind, self.message)
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl<E: StdError + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(kind_of(&error), message_of(&error))
    }
}

/// Names the end of the try where an error arises.
pub trait OrStop<T> {
    /// On failure an error of this kind, its message the failure's text. See [`Error::new`].
    ///
    /// # Errors
    ///
    /// The error described.
    fn or_error(self, kind: &str) -> Result<T, Error>;

    /// On failure a dead letter, with `reason: the failure's text` as its reason.
    ///
    /// # Errors
    ///
    /// [`Verdict::DeadLetter`], ready for `?`.
    fn or_dead_letter(self, reason: &str) -> Result<T, Verdict>;
}

impl<T, E: Display> OrStop<T> for Result<T, E> {
    fn or_error(self, kind: &str) -> Result<T, Error> {
        self.map_err(|error| Error::new(kind, error.to_string()))
    }

    fn or_dead_letter(self, reason: &str) -> Result<T, Verdict> {
        self.map_err(|error| Verdict::DeadLetter(format!("{reason}: {error}")))
    }
}

/// Why the host did not do what an import was asked for. The try goes on.
///
/// As an error its kind is the code, with `_` for `-`, so that it is well formed: `denied`,
/// `too_large`, `bad_topic`, `bad_name`, `bad_attribute`, `bad_value`. The set may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The host's word for programs, such as `denied` or `bad_topic`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Refusal {}

fn kind_of<E: StdError + 'static>(error: &E) -> String {
    let any: &dyn Any = error;
    if let Some(error) = any.downcast_ref::<EventError>() {
        return error.kind().to_owned();
    }
    if let Some(error) = any.downcast_ref::<ConfigError>() {
        return error.kind().to_owned();
    }
    if let Some(refusal) = any.downcast_ref::<Refusal>() {
        return refusal.code.clone();
    }
    if let Some(error) = any.downcast_ref::<http::Error>() {
        return error.code().to_owned();
    }
    kind_from_type(type_name::<E>())
}

/// A well-formed kind from the path of a type: generics dropped, the last segment taken.
fn kind_from_type(path: &str) -> String {
    let path = path.split('<').next().unwrap_or_default();
    let last = path.rsplit("::").next().unwrap_or_default();
    let name = match path.split("::").next() {
        Some(krate) if last == "Error" && krate != last => format!("{krate}.{last}"),
        _ => last.to_owned(),
    };
    let kind: String = name
        .chars()
        .skip_while(|c| !c.is_ascii_alphabetic())
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        .take(MAX_KIND)
        .collect();
    if kind.is_empty() { "Error".to_owned() } else { kind }
}

/// The error's text and its sources' after it, without those that it repeats itself.
fn message_of(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the amount cannot be read")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    fn parse_error() -> std::num::ParseIntError {
        "x".parse::<u8>().unwrap_err()
    }

    #[test]
    fn the_kind_is_the_name_of_the_type() {
        assert_eq!(Error::from(parse_error()).kind(), "ParseIntError");
        assert_eq!(Error::from(Outer(parse_error())).kind(), "Outer");
    }

    #[test]
    fn an_error_called_error_gets_its_crate() {
        let json = serde_json::from_str::<u8>("x").unwrap_err();
        assert_eq!(Error::from(json).kind(), "serde_json.Error");
    }

    #[test]
    fn kinds_are_well_formed_whatever_the_type() {
        assert_eq!(kind_from_type("a::b::Wrong<c::D>"), "Wrong");
        assert_eq!(kind_from_type("a::b::_Wrong"), "Wrong");
        assert_eq!(kind_from_type("a::b::r#Größe"), "rGre");
        assert_eq!(kind_from_type("(u8, u8)"), "u8u8");
        assert_eq!(kind_from_type("a::b::_1"), "Error");
        assert_eq!(kind_from_type("Error"), "Error");
        assert_eq!(kind_from_type(&"x".repeat(100)), "x".repeat(64));
    }

    #[test]
    fn sources_follow_the_message_once() {
        let message = Error::from(Outer(parse_error())).message;
        assert_eq!(message, "the amount cannot be read: invalid digit found in string");
        let repeated = Error::from(EventError::BadJson(serde_json::from_str::<u8>("x").unwrap_err()));
        assert_eq!(repeated.message.matches("expected value").count(), 1);
    }

    #[test]
    fn a_refusal_is_known_by_its_code() {
        let error = Error::from(Refusal::new("too_large", "2 MiB"));
        assert_eq!((error.kind(), error.message()), ("too_large", "2 MiB"));
    }

    #[test]
    fn failures_can_be_named_where_they_arise() {
        let named = "x".parse::<u8>().or_error("bad_amount").unwrap_err();
        assert_eq!(named.to_string(), "bad_amount: invalid digit found in string");
        let given_up = "x".parse::<u8>().or_dead_letter("amount").unwrap_err();
        assert_eq!(given_up, Verdict::dead_letter("amount: invalid digit found in string"));
    }
}
