//! The dead letter of an event: its key, value and headers as they came, and where it comes from and why
//! it is there as `dlq_*` headers, all of them text. Incoming headers of these names are replaced.
//!
//! - [`letter`]: a dead letter read back.
//! - [`selection`]: which of them are meant.
//! - [`ledger`]: which of them were redriven or purged.
//! - [`refusal`]: which of them cannot be redriven.

use std::time::SystemTime;

use crate::config::redrive_source;
use crate::event::outgoing::{Outgoing, OutgoingHeader};
use crate::event::{Record, dlq};

pub mod ledger;
pub mod letter;
pub mod refusal;
pub mod selection;

/// The longest `dlq_error_message`, in characters.
pub const MAX_MESSAGE_CHARS: usize = 1000;

/// What is said of an event that was given up.
#[derive(Clone, Debug)]
pub struct DeadLetter<'a> {
    /// `dlq_reason`.
    pub reason: &'a str,
    /// `dlq_error_type`.
    pub error_type: &'a str,
    /// `dlq_error_message`, cut to [`MAX_MESSAGE_CHARS`].
    pub message: &'a str,
    /// The last try's number; 0 where there was none. `dlq_retry_count` is one less.
    pub attempt: u32,
    /// `dlq_timestamp`.
    pub at: SystemTime,
    /// `dlq_consumer_group`.
    pub group: &'a str,
    /// Name and digest of the handler that failed; `None` for a record that no handler could be shown.
    pub handler: Option<(&'a str, &'a str)>,
    /// How often the event was redriven in vain, this time included; 0 where it was not.
    pub redrives: u32,
}

/// The source topic of a topic that `group` reads: itself, or the one whose redrive topic it is. It is
/// what the name of the dead-letter topic begins with.
pub fn source_of<'a>(topic: &'a str, group: &str) -> &'a str {
    redrive_source(topic, group).unwrap_or(topic)
}

impl DeadLetter<'_> {
    /// The record to send to `topic`.
    pub fn to_record(&self, record: &Record, topic: &str) -> Outgoing {
        let mut headers: Vec<OutgoingHeader> = record
            .headers()
            .filter(|(name, _)| !name.starts_with(dlq::PREFIX.as_bytes()))
            .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
            .collect();
        let mut add = |name: &str, value: String| headers.push(header(name, value));
        add(dlq::REASON, self.reason.into());
        add(dlq::ERROR_TYPE, self.error_type.into());
        add(dlq::ERROR_MESSAGE, self.message.chars().take(MAX_MESSAGE_CHARS).collect());
        add(dlq::RETRY_COUNT, self.attempt.saturating_sub(1).to_string());
        add(dlq::TIMESTAMP, rfc3339(self.at));
        if let Some(millis) = record.timestamp() {
            add(dlq::ORIGINAL_TIMESTAMP, millis.to_string());
        }
        add(dlq::ORIGINAL_TOPIC, record.topic().to_string());
        add(dlq::ORIGINAL_PARTITION, record.partition().to_string());
        add(dlq::ORIGINAL_OFFSET, record.offset().to_string());
        add(dlq::CONSUMER_GROUP, self.group.into());
        if let Some((name, digest)) = self.handler {
            add(dlq::HANDLER, name.into());
            add(dlq::HANDLER_DIGEST, digest.into());
        }
        if self.redrives > 0 {
            add(dlq::REDRIVE_COUNT, self.redrives.to_string());
        }
        Outgoing {
            topic: topic.into(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers,
            timestamp: None,
        }
    }
}

fn header(name: &str, value: String) -> OutgoingHeader {
    (name.as_bytes().to_vec(), Some(value.into_bytes()))
}

/// The same dead letter without its value: for one that is too large for its topic.
pub fn truncated(mut letter: Outgoing) -> Outgoing {
    letter.value = None;
    letter.headers.push(header(dlq::TRUNCATED, "true".into()));
    letter
}

/// With microseconds and offset, as Python's `isoformat` writes UTC.
fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_micros(at).to_string().replace('Z', "+00:00")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::RecordBuilder;

    fn headers(outgoing: &Outgoing) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = outgoing.headers.iter();
        headers.map(|(n, v)| (text(n), v.as_deref().map_or("<null>".into(), text))).collect()
    }

    fn letter() -> DeadLetter<'static> {
        DeadLetter {
            reason: "max_retries_exceeded",
            error_type: "ValueError",
            message: "no such order",
            attempt: 4,
            at: SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456),
            group: "g",
            handler: Some(("h", "abc")),
            redrives: 0,
        }
    }

    #[test]
    fn keeps_the_record_and_says_where_it_comes_from() {
        let mut builder =
            RecordBuilder::new("orders".into(), 3, 42, 0).timestamp(Some(7)).key(Some(b"")).value(Some(b"v"));
        builder.header(b"a", None);
        builder.header(b"dlq_reason", Some(b"forged"));
        builder.header(b"a", Some(b"2"));
        let outgoing = letter().to_record(&builder.build(), "orders.dlq");
        assert_eq!(
            (&*outgoing.topic, outgoing.key.as_deref(), outgoing.value.as_deref()),
            ("orders.dlq", Some(&b""[..]), Some(&b"v"[..]))
        );
        let expected = [
            ("a", "<null>"),
            ("a", "2"),
            ("dlq_reason", "max_retries_exceeded"),
            ("dlq_error_type", "ValueError"),
            ("dlq_error_message", "no such order"),
            ("dlq_retry_count", "3"),
            ("dlq_timestamp", "2023-11-14T22:13:20.123456+00:00"),
            ("dlq_original_timestamp", "7"),
            ("dlq_original_topic", "orders"),
            ("dlq_original_partition", "3"),
            ("dlq_original_offset", "42"),
            ("dlq_consumer_group", "g"),
            ("dlq_handler", "h"),
            ("dlq_handler_digest", "abc"),
        ];
        assert_eq!(headers(&outgoing), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn a_record_without_a_handler_names_none_and_header_names_stay_bytes() {
        let mut builder = RecordBuilder::new("orders".into(), 0, 0, 0);
        builder.header(b"\xff", Some(b"x"));
        let outgoing = DeadLetter { handler: None, attempt: 0, ..letter() }.to_record(&builder.build(), "d");
        assert_eq!(outgoing.headers.first().map(|(n, _)| n.as_slice()), Some(&b"\xff"[..]));
        assert!(!headers(&outgoing).iter().any(|(n, _)| n.starts_with("dlq_handler")));
        assert_eq!(outgoing.text_header("dlq_retry_count"), Some("0"));
        assert_eq!(outgoing.value, None);
    }

    #[test]
    fn long_messages_are_cut_at_characters_and_a_truncated_letter_says_so() {
        let message = "é".repeat(MAX_MESSAGE_CHARS + 1);
        let record = RecordBuilder::new("orders".into(), 0, 0, 0).value(Some(b"large")).build();
        let outgoing = truncated(DeadLetter { message: &message, ..letter() }.to_record(&record, "d"));
        assert_eq!(outgoing.text_header("dlq_error_message").map(|m| m.chars().count()), Some(MAX_MESSAGE_CHARS));
        assert_eq!((outgoing.value.as_deref(), outgoing.text_header("dlq_truncated")), (None, Some("true")));
    }
}
