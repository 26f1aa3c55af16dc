//! What a redrive topic holds: dead letters to be given again, and marks of those that never will be.
//!
//! `sandbus dlq` writes these records and a group's hosts read them; both find the rules here. A copy of
//! a dead letter has all of its headers and, last, [`REDRIVE`]: the position of the dead letter that it
//! was made of. A mark has no value and no header but [`REDRIVE`] and [`PURGED`].

use std::sync::Arc;

use super::outgoing::Outgoing;
use super::position::{Position, number};
use super::{Record, RecordBuilder, dlq};

/// Headers of this product's own start with this; a handler is never shown one of a redriven event.
pub const PREFIX: &str = "sandbus_";
/// Which dead letter a record of a redrive topic is about: `topic/partition/offset`.
pub const REDRIVE: &str = "sandbus_redrive";
/// The dead letter was purged, and is not to be given again.
pub const PURGED: &str = "sandbus_purged";

/// What a record of a redrive topic is.
#[derive(Clone, Debug)]
pub enum Redrive {
    /// An event to be given again.
    Again(Again),
    /// The mark of a purge: nothing is to be done.
    Purged(Record),
    /// Neither.
    Malformed(Box<Malformed>),
}

/// An event that is given again, to one handler.
#[derive(Clone, Debug)]
pub struct Again {
    /// The event as it first stood in its topic, without the headers of dead letter and redrive.
    pub record: Record,
    /// The handler that failed.
    pub handler: Box<str>,
    /// How often it was redriven in vain before.
    pub redrives: u32,
}

/// A record that cannot be given again.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// The record as far as it could be restored: at its first place where that can be read, else at its
    /// own.
    pub record: Record,
    /// What is wrong with it.
    pub why: Why,
}

/// Why a record cannot be given again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A header that has to be there is not.
    #[error("header {0:?} is missing")]
    Missing(&'static str),
    /// A header that is no text, or not what it has to be.
    #[error("header {0:?} is not {1}")]
    Unreadable(&'static str, &'static str),
    /// It comes from another topic than the one whose dead letters these are.
    #[error("it comes from the topic {found:?}, not from {source_topic:?}")]
    Elsewhere {
        /// The topic that it names.
        found: String,
        /// The topic that it should.
        source_topic: String,
    },
    /// The value was dropped.
    #[error("its value was too large for the dead-letter topic, and is gone")]
    Truncated,
}

impl Redrive {
    /// What a record of the redrive topic of `source` is.
    pub fn of(record: Record, source: &str) -> Redrive {
        // A copy has no such header: those of an event itself are left out of it.
        if record.header(PURGED).is_some() {
            return Redrive::Purged(record);
        }
        match Again::of(&record, source) {
            Ok(again) => Redrive::Again(again),
            Err(why) => {
                let at = first_place(&record, source).unwrap_or_else(|_| Position::of(&record));
                let timestamp = first_timestamp(&record).unwrap_or_else(|_| record.timestamp());
                Redrive::Malformed(Box::new(Malformed { record: restored(&record, at, timestamp), why }))
            }
        }
    }
}

impl Again {
    /// The event of a dead letter, or of its copy, that came from the topic `source`.
    ///
    /// # Errors
    /// Where it cannot be given again.
    pub fn of(letter: &Record, source: &str) -> Result<Again, Why> {
        let Facts { handler, redrives, at, timestamp } = Facts::of(letter, source)?;
        Ok(Again { record: restored(letter, at, timestamp), handler: handler.into(), redrives })
    }
}

/// To which handler a dead letter would be given again; as [`Again::of`], without a copy of the event.
///
/// # Errors
/// Where it cannot be given again.
pub fn handler_of<'a>(letter: &'a Record, source: &str) -> Result<&'a str, Why> {
    Facts::of(letter, source).map(|facts| facts.handler)
}

/// What a redrive needs to know of a dead letter.
struct Facts<'a> {
    handler: &'a str,
    redrives: u32,
    at: Position,
    timestamp: Option<i64>,
}

impl<'a> Facts<'a> {
    fn of(letter: &'a Record, source: &str) -> Result<Facts<'a>, Why> {
        if letter.header(dlq::TRUNCATED).is_some() {
            return Err(Why::Truncated);
        }
        let handler = required(letter, dlq::HANDLER, "the name of a handler")?;
        let redrives = match letter.header(dlq::REDRIVE_COUNT) {
            None => 0,
            Some(_) => required_number(letter, dlq::REDRIVE_COUNT)?,
        };
        let at = first_place(letter, source)?;
        Ok(Facts { handler, redrives, at, timestamp: first_timestamp(letter)? })
    }
}

/// The dead letter that a record of a redrive topic is about.
pub fn redriven(record: &Record) -> Option<Position> {
    // The last, because it is the one that was added.
    let (_, value) = record.headers().filter(|(name, _)| *name == REDRIVE.as_bytes()).last()?;
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// The copy of a dead letter for the redrive topic `topic`.
pub fn copy(letter: &Record, topic: &Arc<str>) -> Outgoing {
    let headers = letter.headers().filter(|(name, _)| !name.starts_with(PREFIX.as_bytes()));
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect();
    headers.push(about(&Position::of(letter)));
    Outgoing {
        topic: topic.clone(),
        key: letter.key().map(<[u8]>::to_vec),
        value: letter.value().map(<[u8]>::to_vec),
        headers,
        timestamp: None,
    }
}

/// The mark that the dead letter at `position` was purged.
pub fn mark(position: &Position, topic: &Arc<str>) -> Outgoing {
    let purged = (PURGED.as_bytes().to_vec(), Some(b"true".to_vec()));
    Outgoing { topic: topic.clone(), key: None, value: None, headers: vec![about(position), purged], timestamp: None }
}

fn about(position: &Position) -> (Vec<u8>, Option<Vec<u8>>) {
    (REDRIVE.as_bytes().to_vec(), Some(position.to_string().into_bytes()))
}

/// The record at its first place, without what dead letter and redrive added.
fn restored(letter: &Record, at: Position, timestamp: Option<i64>) -> Record {
    let mut record = RecordBuilder::new(at.topic, at.partition, at.offset, letter.held_bytes() as usize)
        .timestamp(timestamp)
        .key(letter.key())
        .value(letter.value());
    let added = |name: &[u8]| [dlq::PREFIX, PREFIX].iter().any(|prefix| name.starts_with(prefix.as_bytes()));
    for (name, value) in letter.headers().filter(|(name, _)| !added(name)) {
        record.header(name, value);
    }
    record.build()
}

fn first_place(letter: &Record, source: &str) -> Result<Position, Why> {
    let topic = required(letter, dlq::ORIGINAL_TOPIC, "the name of a topic")?;
    if topic != source {
        return Err(Why::Elsewhere { found: topic.to_owned(), source_topic: source.to_owned() });
    }
    let partition = required_number(letter, dlq::ORIGINAL_PARTITION)?;
    let offset = required_number(letter, dlq::ORIGINAL_OFFSET)?;
    Ok(Position { topic: topic.into(), partition, offset })
}

fn first_timestamp(letter: &Record) -> Result<Option<i64>, Why> {
    let name = dlq::ORIGINAL_TIMESTAMP;
    let Some(value) = letter.header(name) else { return Ok(None) };
    let text = value.and_then(|bytes| std::str::from_utf8(bytes).ok());
    // Kafka lets a time be negative.
    text.and_then(|text| text.parse().ok()).map(Some).ok_or(Why::Unreadable(name, "a number"))
}

fn required<'a>(letter: &'a Record, name: &'static str, what: &'static str) -> Result<&'a str, Why> {
    let value = letter.header(name).ok_or(Why::Missing(name))?;
    let text = value.and_then(|bytes| std::str::from_utf8(bytes).ok()).filter(|text| !text.is_empty());
    text.ok_or(Why::Unreadable(name, what))
}

fn required_number<N: TryFrom<i64>>(letter: &Record, name: &'static str) -> Result<N, Why> {
    let text = required(letter, name, "a number")?;
    number(text).and_then(|number| N::try_from(number).ok()).ok_or(Why::Unreadable(name, "a number"))
}

#[cfg(test)]
mod tests;
