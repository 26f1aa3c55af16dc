//! The properties of librdkafka: which there are, which clients take them, which are secrets or
//! files, and which the host sets itself.

mod table;

use super::properties::Clients;

/// One property.
pub(super) type Property = (&'static str, Clients, Kind);

/// How a property is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Handed on as it is.
    Plain,
    /// A file, relative to the configuration file.
    Path,
    /// A file or the word `probe`.
    PathOrProbe,
    /// Never shown; may be read from a file.
    Secret,
    /// The host sets it: what to do instead.
    Owned(&'static str),
}

/// The property of that name.
pub(super) fn find(name: &str) -> Option<&'static Property> {
    let at = table::PROPERTIES.binary_search_by_key(&name, |(known, ..)| known).ok()?;
    table::PROPERTIES.get(at)
}

/// What to do instead of setting this one, if the host sets it.
pub(super) fn owned(name: &str) -> Option<&'static str> {
    match find(name) {
        Some((_, _, Kind::Owned(instead))) => Some(instead),
        Some(_) => None,
        None if name.starts_with("enable.auto.") => Some(table::COMMIT),
        None if name.starts_with("plugin.") => Some(table::PLUGIN),
        None => None,
    }
}

/// All names, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    table::PROPERTIES.iter().map(|(name, ..)| *name)
}

/// All names, and whether they are secrets.
pub(super) fn all_and_secret() -> impl Iterator<Item = (&'static str, bool)> {
    table::PROPERTIES.iter().map(|(name, _, kind)| (*name, *kind == Kind::Secret))
}

/// All names of a kind, sorted.
pub(super) fn names_of(wanted: fn(Kind) -> bool) -> impl Iterator<Item = &'static str> {
    table::PROPERTIES.iter().filter(move |(_, _, kind)| wanted(*kind)).map(|(name, ..)| *name)
}

/// A name as an environment variable spells it, in lower case: what separates its words is lost.
pub(super) fn spelled(name: &str) -> String {
    name.to_ascii_lowercase().replace(['.', '-'], "_")
}

#[cfg(test)]
mod tests;
