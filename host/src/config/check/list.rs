//! Lists, whose items are checked one by one.

use crate::config::document::{self, Entry, Raw};
use crate::config::key::{Check, Wrong};

/// A list of text. From the environment: parted by commas, or as TOML writes it.
pub(in crate::config) struct ListOf<T> {
    /// Fewest items.
    pub min: usize,
    /// Whether an item may stand there twice.
    pub repeats: bool,
    /// Completes the sentence "expected a list of …".
    pub plural: &'static str,
    /// Completes the sentence "expected …" for one item.
    pub allowed: &'static str,
    /// Makes an item. Its error is a hint; it may be empty.
    pub parse: fn(&str) -> Result<T, String>,
}

impl<T: PartialEq> Check for ListOf<T> {
    type Out = Vec<T>;

    fn allowed(&self) -> String {
        let least = if self.min == 0 { "" } else { ", at least one" };
        format!("a list of {}{least}", self.plural)
    }

    fn check(&self, entry: &Entry) -> Result<Vec<T>, Vec<Wrong>> {
        let Some(items) = items_of(entry) else {
            return Err(vec![Wrong::new(self.allowed()).hint("a list is written [\"…\", \"…\"]")]);
        };
        if items.len() < self.min {
            return Err(vec![Wrong::new(self.allowed())]);
        }
        let mut good = Vec::with_capacity(items.len());
        let mut wrongs = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match self.item(&item) {
                Ok(value) if !self.repeats && good.contains(&value) => {
                    wrongs.push(at(index, item, Wrong::new("no repeats")));
                }
                Ok(value) => good.push(value),
                Err(wrong) => wrongs.push(at(index, item, wrong)),
            }
        }
        if wrongs.is_empty() { Ok(good) } else { Err(wrongs) }
    }
}

impl<T> ListOf<T> {
    fn item(&self, item: &Entry) -> Result<T, Wrong> {
        let Some(text) = item.value.text() else {
            return Err(Wrong::not_text(self.allowed, &item.value));
        };
        (self.parse)(text).map_err(|hint| {
            let wrong = Wrong::new(self.allowed);
            if hint.is_empty() { wrong } else { wrong.hint(hint) }
        })
    }
}

fn at(index: usize, item: Entry, wrong: Wrong) -> Wrong {
    Wrong { item: Some((index, item)), ..wrong }
}

/// The items of a list. `None` if it is none.
fn items_of(entry: &Entry) -> Option<Vec<Entry>> {
    let items: Vec<Raw> = match &entry.value {
        Raw::List(items) => return Some(items.clone()),
        Raw::Word(word) if word.trim().is_empty() => Vec::new(),
        Raw::Word(word) if word.trim_start().starts_with('[') => match document::parse_value(word.trim())? {
            Raw::List(items) => items.into_iter().map(|item| item.value).collect(),
            _ => return None,
        },
        Raw::Word(word) => word.split(',').map(|item| Raw::Word(item.trim().to_owned())).collect(),
        _ => return None,
    };
    let place = |value| Entry { origin: entry.origin.clone(), value };
    Some(items.into_iter().map(place).collect())
}
