//! The kinds of values that keys have: numbers, sizes, durations, choices, text, lists.

mod choice;
mod list;
mod number;
mod text;

pub(super) use choice::{Flag, OneOf};
pub(super) use list::ListOf;
pub(super) use number::{Count, Duration, Fraction, Positive, Size, size_text};
pub(super) use text::{SecretText, Text};
