//! `[kafka.properties]`, checked: what librdkafka is told besides what the host decides.

use std::collections::BTreeMap;
use std::fmt;

use super::Secret;

/// librdkafka properties that were configured: known names, none that the host owns, no NUL byte in
/// a value, files resolved. Whether librdkafka likes a value, it says itself when a client is made.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<&'static str, Setting>);

/// Which clients take a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    /// Consumers and producers.
    Both,
    /// Consumers alone.
    Consumer,
    /// Producers alone.
    Producer,
}

/// Value of one property, and whom it is for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// Kept as a secret, whatever it is: an address may hold one as well.
    pub value: Secret,
    /// Who takes it.
    pub clients: Clients,
}

impl Properties {
    pub(super) fn new(settings: BTreeMap<&'static str, Setting>) -> Self {
        Self(settings)
    }

    /// Names and values of what a consumer takes, sorted by name. Values may be secrets.
    pub fn for_consumer(&self) -> impl Iterator<Item = (&str, &str)> {
        self.without(Clients::Producer)
    }

    /// Names and values of what a producer takes, sorted by name. Values may be secrets.
    pub fn for_producer(&self) -> impl Iterator<Item = (&str, &str)> {
        self.without(Clients::Consumer)
    }

    /// The value of one property, if it was configured. It may be a secret.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|setting| setting.value.expose())
    }

    fn without(&self, others: Clients) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(move |(_, setting)| setting.clients != others)
            .map(|(name, setting)| (*name, setting.value.expose()))
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(name, setting)| (name, &setting.value)))
            .finish()
    }
}
