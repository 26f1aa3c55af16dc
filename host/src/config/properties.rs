//! `[kafka.properties]`: what librdkafka is told besides what the host decides.

use std::collections::BTreeMap;
use std::fmt;

use super::check::SecretText;
use super::document::{Entry, Raw};
use super::key::{Reading, Slot};
use super::librdkafka::{self, Kind};
use super::section::Section;
use super::{Fault, Found, Origin, Secret, paths, secret, suggest};

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
#[derive(Clone)]
pub(super) struct Setting {
    /// Kept as a secret, whatever it is: an address may hold one as well.
    pub value: Secret,
    /// Who takes it.
    pub clients: Clients,
    /// Where it was set.
    pub origin: Origin,
}

/// The same, wherever it was set.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.clients == other.clients
    }
}

impl Eq for Setting {}

impl Properties {
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

    /// Where a property was set.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.0.get(name).map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// The key path of a property.
    pub(super) fn path(name: &str) -> String {
        format!("kafka.properties.\"{name}\"")
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
        f.debug_map().entries(self.0.iter().map(|(name, setting)| (name, &setting.value))).finish()
    }
}

const SECRET: SecretText = SecretText { allowed: "text without NUL characters", is_right: |text| !text.contains('\0') };

/// What a key of the section means.
enum Meaning {
    /// A property.
    Property(&'static librdkafka::Property),
    /// The file that holds a property.
    FileOf(&'static librdkafka::Property),
    /// A property that the host sets: what to do instead.
    Owned(&'static str),
    /// Nothing.
    Unknown,
}

fn meaning(name: &str) -> Meaning {
    if let Some(instead) = librdkafka::owned(name) {
        return Meaning::Owned(instead);
    }
    if let Some(property) = librdkafka::find(name) {
        return Meaning::Property(property);
    }
    match name.strip_suffix("_file").and_then(librdkafka::find) {
        Some(property) if property.2 == Kind::Secret => Meaning::FileOf(property),
        _ => Meaning::Unknown,
    }
}

/// Reads the section. `None` if something is wrong, which has been noted.
pub(super) fn read(mut section: Section<'_>) -> Option<Properties> {
    let mut settings = BTreeMap::new();
    let mut good = true;
    // Sorted, so a secret's own key comes before the one that names its file.
    for (name, entry) in section.rest() {
        let value = match meaning(&name) {
            Meaning::Property(property) => value(&section, property, &entry).map(|v| (property, v)),
            Meaning::FileOf(property) if settings.contains_key(property.0) => {
                given_twice(&section, &name, property.0, &entry);
                None
            }
            Meaning::FileOf(property) => from_file(&section, &name, &entry).map(|v| (property, v)),
            Meaning::Owned(instead) => {
                refuse(&section, &name, &entry, instead);
                None
            }
            Meaning::Unknown => {
                unknown(&section, &name, &entry);
                None
            }
        };
        match value {
            Some(((name, clients, _), value)) => {
                let setting = Setting { value, clients: *clients, origin: entry.origin };
                settings.insert(*name, setting);
            }
            None => good = false,
        }
    }
    good.then_some(Properties(settings))
}

fn value(section: &Section<'_>, property: &librdkafka::Property, entry: &Entry) -> Option<Secret> {
    let (name, _, kind) = property;
    let text = match &entry.value {
        Raw::Text(_) | Raw::Word(_) | Raw::Integer(_) | Raw::Boolean(_) => entry.value.scalar(),
        _ => None,
    };
    let hint = match text {
        None => None,
        Some(text) if !(SECRET.is_right)(&text) => None,
        Some(text) if *kind == Kind::Path || (*kind == Kind::PathOrProbe && text != "probe") => {
            let path = section.context.resolve(text.as_ref());
            match (paths::missing_file(&path), path.to_str()) {
                (None, Some(path)) => return Some(Secret::new(path.to_owned())),
                (missing, _) => missing,
            }
        }
        Some(text) => return Some(Secret::new(text)),
    };
    section.context.add(Fault {
        path: section.path_of(name),
        origin: entry.origin.clone(),
        found: found(*kind, entry),
        expected: match kind {
            Kind::Path | Kind::PathOrProbe => "a path to a file".to_owned(),
            _ => "text without NUL characters, a whole number, true or false".to_owned(),
        },
        hint,
    });
    None
}

fn found(kind: Kind, entry: &Entry) -> Found {
    if kind == Kind::Secret { Found::Secret } else { Found::Value(entry.value.shown()) }
}

fn from_file(section: &Section<'_>, name: &str, entry: &Entry) -> Option<Secret> {
    match section.check(name, &paths::FILE, entry) {
        Slot::Good(file) => secret::from_file(section, &file, &SECRET),
        Slot::Absent | Slot::Bad => None,
    }
}

fn given_twice(section: &Section<'_>, name: &str, direct: &str, entry: &Entry) {
    if let Slot::Good(file) = section.check(name, &paths::FILE, entry) {
        let file: Reading<_> = file;
        secret::both(section, &file, &section.path_of(direct));
    }
}

fn refuse(section: &Section<'_>, name: &str, entry: &Entry, instead: &str) {
    section.context.add(Fault {
        path: section.path_of(name),
        origin: entry.origin.clone(),
        found: Found::Value(entry.value.shown()),
        expected: "it to be left out: the host sets this property itself".to_owned(),
        hint: Some(instead.to_owned()),
    });
}

fn unknown(section: &Section<'_>, name: &str, entry: &Entry) {
    let base = name.strip_suffix("_file").and_then(librdkafka::find);
    let hint = match (base, suggest::nearest(name, librdkafka::names())) {
        (Some((base, ..)), _) => Some(format!("{base} is no secret: set it directly")),
        (None, Some(near)) => Some(format!("did you mean \"{near}\"?")),
        (None, None) => None,
    };
    section.context.add(Fault {
        path: section.path_of(name),
        origin: entry.origin.clone(),
        found: Found::UnknownKey,
        expected: "a property of librdkafka".to_owned(),
        hint,
    });
}
