//! Values out of a few: flags and words.

use crate::config::document::{Entry, Raw, quote};
use crate::config::key::{Check, Wrong};
use crate::config::suggest;

/// `true` or `false`.
pub(in crate::config) struct Flag;

impl Check for Flag {
    type Out = bool;

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }

    fn check(&self, entry: &Entry) -> Result<bool, Vec<Wrong>> {
        let flag = match &entry.value {
            Raw::Boolean(flag) => Some(*flag),
            Raw::Word(word) => word.trim().parse().ok(),
            _ => None,
        };
        flag.ok_or_else(|| vec![Wrong::not_bare(self.allowed(), &entry.value)])
    }
}

/// One of these words.
pub(in crate::config) struct OneOf<T: 'static> {
    /// Words and what they mean.
    pub words: &'static [(&'static str, T)],
    /// Words that will mean something one day, and what to say until then.
    pub refused: &'static [(&'static str, &'static str)],
}

impl<T> OneOf<T> {
    /// One of these words.
    pub const fn new(words: &'static [(&'static str, T)]) -> Self {
        Self { words, refused: &[] }
    }
}

impl<T: Copy + Sync> Check for OneOf<T> {
    type Out = T;

    fn allowed(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|(word, _)| quote(word)).collect();
        suggest::either(&words)
    }

    fn check(&self, entry: &Entry) -> Result<T, Vec<Wrong>> {
        let Some(text) = entry.value.text() else {
            return Err(vec![Wrong::not_text(self.allowed(), &entry.value)]);
        };
        if let Some((_, meaning)) = self.words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let wrong = Wrong::new(self.allowed());
        let refused = self.refused.iter().find(|(word, _)| *word == text);
        let near = suggest::nearest(text, self.words.iter().map(|(word, _)| *word));
        Err(vec![match (refused, near) {
            (Some((_, reason)), _) => wrong.hint(*reason),
            (None, Some(near)) => wrong.hint(format!("did you mean {}?", quote(near))),
            (None, None) => wrong,
        }])
    }
}
