//! Values with a range: numbers, sizes in bytes, durations.

use std::num::NonZero;
use std::time;

use bytesize::ByteSize;

use crate::config::document::{Entry, Raw};
use crate::config::key::{Check, Wrong};

/// A whole number from 0 or more.
pub(in crate::config) struct Count(pub u32, pub u32);

/// A whole number from 1 to this one.
pub(in crate::config) struct Positive(pub u32);

/// A number from 0 to 1.
pub(in crate::config) struct Fraction;

/// A number of bytes, from and to: text with a unit, or a plain number.
pub(in crate::config) struct Size(pub u64, pub u64);

/// A duration, from and to, in milliseconds: text with a unit.
pub(in crate::config) struct Duration(pub u64, pub u64);

impl Check for Count {
    type Out = u32;

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.0, self.1)
    }

    fn check(&self, entry: &Entry) -> Result<u32, Vec<Wrong>> {
        whole(&entry.value)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (self.0..=self.1).contains(number))
            .ok_or_else(|| vec![Wrong::not_bare(self.allowed(), &entry.value)])
    }
}

impl Check for Positive {
    type Out = NonZero<u32>;

    fn allowed(&self) -> String {
        Count(1, self.0).allowed()
    }

    fn check(&self, entry: &Entry) -> Result<NonZero<u32>, Vec<Wrong>> {
        let number = Count(1, self.0).check(entry)?;
        NonZero::new(number).ok_or_else(|| vec![Wrong::new(self.allowed())])
    }
}

impl Check for Fraction {
    type Out = f64;

    fn allowed(&self) -> String {
        "a number from 0 to 1".to_owned()
    }

    fn check(&self, entry: &Entry) -> Result<f64, Vec<Wrong>> {
        let number = match &entry.value {
            Raw::Float(number) => Some(*number),
            Raw::Integer(0) => Some(0.0),
            Raw::Integer(1) => Some(1.0),
            Raw::Word(word) => word.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| (0.0..=1.0).contains(number))
            .ok_or_else(|| vec![Wrong::not_bare(self.allowed(), &entry.value)])
    }
}

impl Check for Size {
    type Out = u64;

    fn allowed(&self) -> String {
        let (from, to) = (size_text(self.0), size_text(self.1));
        format!("a size from {from} to {to}")
    }

    fn check(&self, entry: &Entry) -> Result<u64, Vec<Wrong>> {
        let bytes = match &entry.value {
            Raw::Integer(number) => u64::try_from(*number).ok(),
            Raw::Text(text) | Raw::Word(text) => text.trim().parse().ok().map(|size: ByteSize| size.0),
            _ => None,
        };
        match bytes {
            Some(bytes) if (self.0..=self.1).contains(&bytes) => Ok(bytes),
            Some(_) => Err(vec![Wrong::new(self.allowed())]),
            None => Err(vec![Wrong::new(self.allowed()).hint("write a size as \"64KiB\", \"256MiB\" or in bytes")]),
        }
    }
}

impl Check for Duration {
    type Out = time::Duration;

    fn allowed(&self) -> String {
        let show = |millis| humantime::format_duration(time::Duration::from_millis(millis));
        format!("a duration from {} to {}", show(self.0), show(self.1))
    }

    fn check(&self, entry: &Entry) -> Result<time::Duration, Vec<Wrong>> {
        let parsed = entry.value.text().map(humantime::parse_duration);
        let range = time::Duration::from_millis(self.0)..=time::Duration::from_millis(self.1);
        match parsed {
            Some(Ok(duration)) if range.contains(&duration) => Ok(duration),
            Some(Ok(_)) => Err(vec![Wrong::new(self.allowed())]),
            _ => Err(vec![
                Wrong::new(self.allowed()).hint("write a duration with its unit, as \"250ms\", \"5s\" or \"1m\""),
            ]),
        }
    }
}

fn whole(value: &Raw) -> Option<i64> {
    match value {
        Raw::Integer(number) => Some(*number),
        Raw::Word(word) => word.trim().parse().ok(),
        _ => None,
    }
}

/// A number of bytes in the largest unit that shows all of it.
pub(in crate::config) fn size_text(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = |(_, shift): &(&str, u32)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match units.iter().find(|unit| fits(unit)) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}
