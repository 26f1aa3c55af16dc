//! Whether handlers of a language can be built on this machine: what `sandbus check --toolchains` tells.

use super::language::Language;

/// What stands between a language and a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing: these tools are used.
    Ready(String),
    /// The first build installs this.
    Installs(String),
    /// This is missing, and has to be installed by hand.
    Missing(String),
}

impl Readiness {
    /// In one word, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Readiness::Ready(_) => "ready",
            Readiness::Installs(_) => "installs",
            Readiness::Missing(_) => "missing",
        }
    }

    /// The tools, or what to do.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Readiness::Ready(text) | Readiness::Installs(text) | Readiness::Missing(text) => text,
        }
    }
}

/// Looks at this machine; installs nothing, and asks no network.
#[must_use]
pub fn readiness(language: Language) -> Readiness {
    match language {
        Language::Rust => super::rust::readiness(),
        Language::Js | Language::Ts => super::js::readiness(),
        Language::Go => super::go::readiness(),
        Language::C => super::c::readiness(),
        Language::Python => super::python::readiness(),
    }
}
