//! The configuration file as a tree of entries that know their line, before any key has a meaning.

use std::collections::{BTreeMap, btree_map};
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Fault, Found, Origin};

/// Entries by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub BTreeMap<String, Entry>);

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where the key stands.
    pub origin: Origin,
    /// What it is set to.
    pub value: Raw,
}

/// A value without a meaning.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML float.
    Float(f64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML date, as text.
    Date(String),
    /// A TOML array.
    List(Vec<Entry>),
    /// A TOML table.
    Table(Table),
    /// The text of an environment variable, to be read as the key wants it.
    Word(String),
}

/// Reads TOML. The error has every syntax error.
pub(super) fn parse(text: &str) -> Result<Table, Vec<Fault>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> = errors.iter().map(|error| syntax(&lines, error.span(), error.message())).collect();
    let table = convert_table(table.get_ref(), &lines, &mut faults);
    if faults.is_empty() { Ok(table) } else { Err(faults) }
}

/// Reads one value as TOML writes it. `None` if it is none.
pub(super) fn parse_value(text: &str) -> Option<Raw> {
    let (value, errors) = DeValue::parse_recoverable(text);
    let mut faults = Vec::new();
    let entry = convert(value.get_ref(), Origin::Nowhere, &Lines::of(text), &mut faults);
    (errors.is_empty() && faults.is_empty()).then_some(entry.value)
}

impl Raw {
    /// The value as TOML would write it, as far as it may be shown: what an address says of its user
    /// is left out, and much is shortened.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Word(text) => quote(&without_user(text)),
            Self::List(items) if items.iter().any(|item| matches!(item.value, Self::Table(_))) => {
                "a list of tables".to_owned()
            }
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.shown()).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(_) => "a table".to_owned(),
            _ => self.scalar().unwrap_or_default(),
        }
    }

    /// The value of a scalar as text: what a string says, and numbers, flags and dates as TOML
    /// writes them. `None` for lists and tables.
    pub fn scalar(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Word(text) | Self::Date(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Float(number) => Some(toml::Value::Float(*number).to_string()),
            Self::Boolean(flag) => Some(flag.to_string()),
            Self::List(_) | Self::Table(_) => None,
        }
    }

    /// What a string says.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) => Some(text),
            _ => None,
        }
    }
}

/// Text in quotes, at most 100 characters of it.
pub(super) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(100).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// An address without what it says of its user.
fn without_user(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}<secret>@{host}"),
        None => text.to_owned(),
    }
}

impl Table {
    /// The table of that name. Made if it is missing; `None` if something else stands there.
    pub fn child(&mut self, name: &str) -> Option<&mut Table> {
        let made = || Entry { origin: Origin::Nowhere, value: Raw::Table(Table::default()) };
        match &mut self.0.entry(name.to_owned()).or_insert_with(made).value {
            Raw::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Turns tables in this one into dotted keys: `sasl.username` unquoted is the table `sasl` to
    /// TOML, but means the property. Returns the keys that were then set twice.
    pub fn flatten(&mut self) -> Vec<(String, Origin)> {
        let mut twice = Vec::new();
        for (name, entry) in std::mem::take(&mut self.0) {
            flatten_into(&mut self.0, name, entry, &mut twice);
        }
        twice
    }
}

fn flatten_into(flat: &mut BTreeMap<String, Entry>, name: String, entry: Entry, twice: &mut Vec<(String, Origin)>) {
    if let Raw::Table(table) = entry.value {
        for (inner, entry) in table.0 {
            flatten_into(flat, format!("{name}.{inner}"), entry, twice);
        }
        return;
    }
    match flat.entry(name) {
        btree_map::Entry::Occupied(taken) => twice.push((taken.key().clone(), entry.origin)),
        btree_map::Entry::Vacant(free) => {
            free.insert(entry);
        }
    }
}

fn syntax(lines: &Lines, span: Option<Range<usize>>, message: &str) -> Fault {
    Fault {
        path: String::new(),
        origin: span.map_or(Origin::Nowhere, |span| lines.origin(span.start)),
        found: Found::Other(format!("not valid TOML: {message}")),
        expected: String::new(),
        hint: None,
    }
}

fn convert_table(table: &DeTable<'_>, lines: &Lines, faults: &mut Vec<Fault>) -> Table {
    let entries = table.iter().map(|(key, value)| {
        let origin = lines.origin(key.span().start);
        (key.get_ref().to_string(), convert(value.get_ref(), origin, lines, faults))
    });
    Table(entries.collect())
}

fn convert(value: &DeValue<'_>, origin: Origin, lines: &Lines, faults: &mut Vec<Fault>) -> Entry {
    let value = match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Raw::Integer(parsed.unwrap_or_else(|_| {
                faults.push(Fault {
                    path: String::new(),
                    origin: origin.clone(),
                    found: Found::Other(format!("the number {number} is out of range")),
                    expected: "at most 64 bits".to_owned(),
                    hint: None,
                });
                i64::MAX
            }))
        }
        // Only "out of range" cannot be parsed, and that is infinite.
        DeValue::Float(number) => Raw::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
        DeValue::Boolean(flag) => Raw::Boolean(*flag),
        DeValue::Datetime(date) => Raw::Date(date.to_string()),
        DeValue::Array(array) => Raw::List(
            array
                .iter()
                .map(|item| {
                    let origin = lines.origin(item.span().start);
                    convert(item.get_ref(), origin, lines, faults)
                })
                .collect(),
        ),
        DeValue::Table(table) => Raw::Table(convert_table(table, lines, faults)),
    };
    Entry { origin, value }
}

/// Where each line starts, in bytes.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin::Line(self.0.partition_point(|start| *start <= offset))
    }
}
