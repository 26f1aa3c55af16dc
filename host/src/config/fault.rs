//! What is wrong with a configuration, in words for the person who wrote it: where it stands, what
//! was found there, what would be right. Never a secret's value.

use std::fmt;

/// All that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The configuration's file, or what stands for it.
    pub source_name: String,
    /// What is wrong, in the order of the file; then what the environment set.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, such as `delivery.window` or `handler[orders].timeout`. Empty if it is the file as
    /// a whole.
    pub path: String,
    /// Where the value comes from.
    pub origin: Origin,
    /// What is there.
    pub found: Found,
    /// What would be right; completes the sentence "expected …". Empty if `found` says it.
    pub expected: String,
    /// What to do about it, or why the rule is there.
    pub hint: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere in particular.
    Nowhere,
    /// A line of the configuration file, from 1.
    Line(usize),
    /// The built-in default.
    Default,
    /// An environment variable, which sets the key.
    Variable(String),
    /// The environment; the variable itself is at fault.
    Environment,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A value, as TOML writes it.
    Value(String),
    /// A value that must not be shown.
    Secret,
    /// Nothing.
    Missing,
    /// A key that is not known.
    UnknownKey,
    /// Something else: completes the sentence "KEY …".
    Other(String),
}

impl ConfigError {
    /// In the order of the file.
    pub(super) fn new(source_name: String, mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| a.origin.cmp(&b.origin));
        Self { source_name, faults }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        write!(f, "{count} {noun} in {}", self.source_name)?;
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "\n{:>2}. {fault}", index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match &self.found {
            Found::Value(value) => write!(f, " = {value}")?,
            Found::Secret => f.write_str(" = <secret>")?,
            Found::Missing => f.write_str(" is missing")?,
            Found::UnknownKey => f.write_str(" is not a key")?,
            Found::Other(text) if self.path.is_empty() => f.write_str(text)?,
            Found::Other(text) => write!(f, " {text}")?,
        }
        if self.origin != Origin::Nowhere {
            write!(f, " ({})", self.origin)?;
        }
        if !self.expected.is_empty() {
            write!(f, ": expected {}", self.expected)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => Ok(()),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Default => f.write_str("the default"),
            Self::Variable(name) => f.write_str(name),
            Self::Environment => f.write_str("environment"),
        }
    }
}
