//! A dead letter read back from its topic. What wrote it may be another version or another program:
//! nothing is taken for granted, and what cannot be read is absent.

use std::time::{Duration, SystemTime};

use crate::event::{Identity, Position, Record, dlq};

/// What a dead letter says of itself, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it stands in the dead-letter topic.
    pub position: Position,
    /// The group that gave the event up.
    pub group: Option<String>,
    /// The handler that failed. `None`: no handler could be shown the record.
    pub handler: Option<String>,
    /// SHA-256 of the handler's component, in hexadecimal.
    pub digest: Option<String>,
    /// Why it was given up: `max_retries_exceeded`, `rejected`, ...
    pub reason: Option<String>,
    /// The last try's `error.type`.
    pub error_type: Option<String>,
    /// What was known, for people.
    pub message: Option<String>,
    /// When it was given up; where it does not say, when it was written.
    pub at: Option<SystemTime>,
    /// Where the event first stood.
    pub original: Option<Position>,
    /// The event's own time, in milliseconds since the Unix epoch.
    pub original_timestamp: Option<i64>,
    /// Tries after the first.
    pub retries: Option<u32>,
    /// How often it was redriven in vain.
    pub redrives: u32,
    /// Its value is gone.
    pub truncated: bool,
    /// The event's type, as the handler would be told.
    pub event_type: Option<String>,
    /// The event's key.
    pub key: Option<Vec<u8>>,
}

impl Letter {
    /// What a record of a dead-letter topic says.
    pub fn of(record: &Record) -> Letter {
        let text = |name| text(record, name);
        let original = || {
            let (partition, offset) = (number(record, dlq::ORIGINAL_PARTITION)?, number(record, dlq::ORIGINAL_OFFSET)?);
            Some(Position { topic: text(dlq::ORIGINAL_TOPIC)?.into(), partition, offset })
        };
        let written = || record.timestamp().and_then(|millis| u64::try_from(millis).ok()).map(since_epoch);
        Letter {
            position: Position::of(record),
            group: text(dlq::CONSUMER_GROUP),
            handler: text(dlq::HANDLER),
            digest: text(dlq::HANDLER_DIGEST),
            reason: text(dlq::REASON),
            error_type: text(dlq::ERROR_TYPE),
            message: text(dlq::ERROR_MESSAGE),
            at: text(dlq::TIMESTAMP).and_then(|text| moment(&text)).or_else(written),
            original: original(),
            original_timestamp: number(record, dlq::ORIGINAL_TIMESTAMP),
            retries: number(record, dlq::RETRY_COUNT),
            redrives: number(record, dlq::REDRIVE_COUNT).unwrap_or_default(),
            truncated: record.header(dlq::TRUNCATED).is_some(),
            event_type: Identity::of(record)
                .ok()
                .map(|identity| identity.event_type(record).to_owned())
                // Without a type of its own an event has its topic's, which is not this one.
                .filter(|event_type: &String| event_type != &**record.topic())
                .or_else(|| text(dlq::ORIGINAL_TOPIC)),
            key: record.key().map(<[u8]>::to_vec),
        }
    }
}

fn text(record: &Record, name: &str) -> Option<String> {
    let value = record.header(name).flatten()?;
    std::str::from_utf8(value).ok().map(str::to_owned)
}

fn number<N: std::str::FromStr>(record: &Record, name: &str) -> Option<N> {
    text(record, name)?.parse().ok()
}

fn since_epoch(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

/// A time in RFC 3339, in UTC, as `Z` or `+00:00`.
pub fn moment(text: &str) -> Option<SystemTime> {
    let utc = text.strip_suffix("+00:00").map(|time| format!("{time}Z"));
    humantime::parse_rfc3339(utc.as_deref().unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::dead_letter::{DeadLetter, truncated};
    use crate::event::{Outgoing, RecordBuilder};

    fn stored(outgoing: &Outgoing) -> Record {
        let mut record = RecordBuilder::new(outgoing.topic.clone(), 2, 9, 0)
            .timestamp(Some(1_700_000_001_000))
            .key(outgoing.key.as_deref())
            .value(outgoing.value.as_deref());
        for (name, value) in &outgoing.headers {
            record.header(name, value.as_deref());
        }
        record.build()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut event =
            RecordBuilder::new("orders".into(), 3, 42, 0).timestamp(Some(7)).key(Some(b"k")).value(Some(b"v"));
        event.header(b"event_type", Some(b"OrderCreated"));
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        let written = DeadLetter {
            reason: "max_retries_exceeded",
            error_type: "ValueError",
            message: "no such order",
            attempt: 4,
            at,
            group: "g",
            handler: Some(("h", "abc")),
            redrives: 2,
        };
        let outgoing = written.to_record(&event.build(), "orders.dlq");
        let letter = Letter::of(&stored(&outgoing));
        let expected = Letter {
            position: "orders.dlq/2/9".parse().unwrap(),
            group: Some("g".into()),
            handler: Some("h".into()),
            digest: Some("abc".into()),
            reason: Some("max_retries_exceeded".into()),
            error_type: Some("ValueError".into()),
            message: Some("no such order".into()),
            at: Some(at),
            original: Some("orders/3/42".parse().unwrap()),
            original_timestamp: Some(7),
            retries: Some(3),
            redrives: 2,
            truncated: false,
            event_type: Some("OrderCreated".into()),
            key: Some(b"k".to_vec()),
        };
        assert_eq!(letter, expected);
        assert!(Letter::of(&stored(&truncated(outgoing))).truncated);
    }

    #[test]
    fn a_stranger_in_the_topic_is_read_as_far_as_it_goes() {
        let mut record = RecordBuilder::new("orders.dlq".into(), 0, 0, 0).timestamp(Some(1000));
        record.header(b"dlq_original_topic", Some(b"orders"));
        record.header(b"dlq_retry_count", Some(b"many"));
        record.header(b"dlq_handler", Some(&[0xff]));
        record.header(b"dlq_timestamp", Some(b"yesterday"));
        let letter = Letter::of(&record.build());
        assert_eq!((letter.handler, letter.retries, letter.original), (None, None, None));
        assert_eq!(letter.at, Some(since_epoch(1000)));
        assert_eq!(letter.event_type.as_deref(), Some("orders"));
    }

    #[test]
    fn times_are_read_in_both_notations() {
        let time = moment("2023-11-14T22:13:20.123456+00:00");
        assert_eq!(time, moment("2023-11-14T22:13:20.123456Z"));
        assert_eq!(time, Some(SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456)));
        assert_eq!(moment("2023-11-14T22:13:20+01:00"), None);
    }
}
