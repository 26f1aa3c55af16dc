//! The name of a project, which is that of its package, its component and its handler at once.

use std::fmt;

use super::language::Language;

/// Longest name, in bytes: a handler's.
const MAX: usize = 64;

/// What the library of a crate cannot be called: words of the language, and crates that are there already.
const TAKEN: &str = "
    Self abstract alloc as async await become box break build const continue core crate do dyn else enum extern false
    final fn for gen if impl in let loop macro match mod move mut override priv proc_macro pub ref return sandbus_sdk
    self serde serde_json static std struct super test trait true try type typeof unsafe unsized use virtual where
    while wit_bindgen yield
";

/// A name that no project can have; says why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProjectName {
    /// Not well formed.
    #[error(
        "a project cannot be called {0:?}: a name has 1 to {MAX} letters, digits, `-` and `_`, and begins with a letter"
    )]
    Form(String),
    /// It means something else.
    #[error("a project cannot be called {0:?}: in Rust that means something else; take a name of its own")]
    Taken(String),
}

/// A checked name: `[A-Za-z][A-Za-z0-9_-]{0,63}`, and nothing that means something to its language's compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
    /// Checks a name.
    ///
    /// # Errors
    /// If a package of that language cannot be called that.
    pub fn new(text: &str, language: Language) -> Result<Self, BadProjectName> {
        let formed = text.len() <= MAX
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !formed {
            return Err(BadProjectName::Form(text.to_owned()));
        }
        // Only Rust makes an identifier of it.
        if language == Language::Rust && TAKEN.split_whitespace().any(|taken| taken == text.replace('-', "_")) {
            return Err(BadProjectName::Taken(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_crate_a_file_and_a_handler() {
        for good in ["a", "Orders", "order-projection", "order_projection2", "a-", &"x".repeat(MAX)] {
            assert_eq!(ProjectName::new(good, Language::Rust).unwrap().as_str(), good);
        }
        for bad in ["", "2fast", "-a", "_a", "a b", "a/b", "a.b", "größe", "../x", "a\n", &"x".repeat(MAX + 1)] {
            assert_eq!(ProjectName::new(bad, Language::Rust), Err(BadProjectName::Form(bad.to_owned())));
        }
    }

    #[test]
    fn what_means_something_to_rust_is_refused() {
        for bad in ["fn", "Self", "std", "serde", "sandbus-sdk", "proc-macro", "test"] {
            assert_eq!(ProjectName::new(bad, Language::Rust), Err(BadProjectName::Taken(bad.to_owned())));
        }
    }
}
