//! Reads one section of the document key by key. What is wrong is noted; what nobody asked for is an
//! unknown key.

use super::context::Context;
use super::document::{self, Entry, Raw, Table};
use super::key::{Check, Key, Reading, Slot, Wrong};
use super::{Fault, Found, Origin};

/// One section of the document.
pub(super) struct Section<'a> {
    /// Whom faults are told.
    pub context: &'a Context,
    /// Its name in key paths.
    pub path: String,
    /// Where it begins.
    pub origin: Origin,
    table: Table,
}

/// What to do about a key that is not set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It takes its default.
    Default,
    /// It stays unset, because another section may set it.
    Unset,
}

impl<'a> Section<'a> {
    pub fn new(context: &'a Context, path: &str, origin: Origin, table: Table) -> Self {
        Self { context, path: path.to_owned(), origin, table }
    }

    /// A section in which nothing is set.
    pub fn empty(context: &'a Context, path: &str) -> Self {
        Self::new(context, path, Origin::Default, Table::default())
    }

    /// The path of a key of this section.
    pub fn path_of(&self, key: &str) -> String {
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let key = if key.is_empty() || !key.bytes().all(bare) { document::quote(key) } else { key.to_owned() };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    /// Takes a key out without a check.
    pub fn take(&mut self, name: &str) -> Option<Entry> {
        self.table.0.remove(name)
    }

    /// Takes a section out of this one; an empty one if there is none.
    pub fn section(&mut self, name: &str) -> Section<'a> {
        let path = self.path_of(name);
        match self.take(name) {
            None => Self::empty(self.context, &path),
            Some(Entry { origin, value: Raw::Table(table) }) => Self::new(self.context, &path, origin, table),
            Some(entry) => {
                let hint = matches!(entry.value, Raw::List(_))
                    .then(|| format!("[{path}] has single brackets; only [[handler]] may stand there twice"));
                self.context.add(Fault {
                    // Not its value: it may have been meant for a secret inside.
                    found: Found::Other("is not a table".to_owned()),
                    origin: entry.origin,
                    expected: format!("one table: [{path}]"),
                    hint,
                    path: path.clone(),
                });
                Self::empty(self.context, &path)
            }
        }
    }

    /// Takes a key out and checks it.
    pub fn read<C: Check>(&mut self, absent: Absent, key: &Key<C>) -> Slot<C::Out> {
        match self.take(key.name) {
            Some(entry) => self.check(key.name, &key.check, &entry),
            None if absent == Absent::Unset || key.default.is_empty() => Slot::Absent,
            None => {
                let entry = Entry {
                    origin: Origin::Default,
                    value: document::parse_value(key.default).unwrap_or_else(|| Raw::Text(key.default.to_owned())),
                };
                self.check(key.name, &key.check, &entry)
            }
        }
    }

    /// Checks the value of a key of this section.
    pub fn check<C: Check>(&self, name: &str, check: &C, entry: &Entry) -> Slot<C::Out> {
        let path = self.path_of(name);
        match check.check(entry) {
            Ok(value) => Slot::Good(Reading { value, path, origin: entry.origin.clone() }),
            Err(wrongs) => {
                for wrong in wrongs {
                    self.note(&path, entry, wrong, C::SECRET);
                }
                Slot::Bad
            }
        }
    }

    fn note(&self, path: &str, entry: &Entry, wrong: Wrong, secret: bool) {
        let (path, entry) = match &wrong.item {
            Some((index, item)) => (format!("{path}[{index}]"), item),
            None => (path.to_owned(), entry),
        };
        self.context.add(Fault {
            path,
            origin: entry.origin.clone(),
            found: if secret { Found::Secret } else { Found::Value(entry.value.shown()) },
            expected: wrong.expected,
            hint: wrong.hint,
        });
    }

    /// Takes out all that is left.
    pub fn rest(&mut self) -> impl Iterator<Item = (String, Entry)> + use<> {
        std::mem::take(&mut self.table).0.into_iter()
    }
}
