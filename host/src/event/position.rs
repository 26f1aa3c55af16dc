//! Where a record stands: `topic/partition/offset`, as it is printed, typed and kept in headers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Record;

/// The place of one record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset within the partition, from 0.
    pub offset: i64,
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected TOPIC/PARTITION/OFFSET, such as events.stream.dlq/0/42")]
pub struct NoPosition;

impl Position {
    /// Where a record stands.
    pub fn of(record: &Record) -> Position {
        Position { topic: record.topic().clone(), partition: record.partition(), offset: record.offset() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Position, NoPosition> {
        // A topic's name has no slash.
        let mut parts = text.split('/');
        let (Some(topic), Some(partition), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoPosition);
        };
        let partition = number(partition).and_then(|number| i32::try_from(number).ok()).ok_or(NoPosition)?;
        let offset = number(offset).ok_or(NoPosition)?;
        if topic.is_empty() {
            return Err(NoPosition);
        }
        Ok(Position { topic: topic.into(), partition, offset })
    }
}

/// Digits alone: a sign would make two texts of one number.
pub(super) fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            topic in "[A-Za-z0-9._-]{1,20}", partition in 0..=i32::MAX, offset in 0..=i64::MAX,
        ) {
            let position = Position { topic: topic.as_str().into(), partition, offset };
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["", "a", "a/0", "a/0/", "a//1", "/0/1", "a/0/1/2", "a/-1/0", "a/0/+1", "a/0/1x", "a/4294967296/1"]
        {
            assert_eq!(text.parse::<Position>(), Err(NoPosition), "{text}");
        }
    }
}
