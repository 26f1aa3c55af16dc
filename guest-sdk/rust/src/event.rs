//! One Kafka record as a handler sees it.
//!
//! How the record reached the guest does not show: fields are private, and what the accessors lend
//! is borrowed from the event. An event of a frame has the frame to itself while it is worked on, so
//! the type needs no lifetime, and a handler's functions need not name one.

mod error;
mod header;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::packed::{Frame, FrameEvent, Malformed};

pub use error::EventError;
pub(crate) use header::HeaderRecord;
pub use header::{Header, Headers};

/// One Kafka record, with its type, identity and attempt.
pub struct Event {
    source: Source,
}

/// Where an event's fields are.
enum Source {
    /// In a record of their own: the typed way, and native tests.
    Record(Record),
    /// In a frame, where they are read when they are asked for.
    Frame(FrameEvent),
}

/// The fields of an event, as the host gives them by the typed way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) timestamp: Option<u64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<HeaderRecord>,
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) attempt: u32,
}

impl Event {
    pub(crate) fn of_record(record: Record) -> Self {
        Self { source: Source::Record(record) }
    }

    pub(crate) fn first_of(frame: Frame) -> Self {
        Self { source: Source::Frame(FrameEvent::first_of(frame)) }
    }

    /// Becomes the next event of its frame. An event without a frame stays what it is.
    pub(crate) fn go_on(&mut self) {
        if let Source::Frame(event) = &mut self.source {
            event.go_on();
        }
    }

    /// The event's lane in its frame. Without a frame it is alone.
    pub(crate) fn lane(&self) -> usize {
        match &self.source {
            Source::Record(_) => 0,
            Source::Frame(event) => sound(event.lane()),
        }
    }

    /// Topic of the record; for a redriven event the topic it first stood in.
    pub fn topic(&self) -> &str {
        match &self.source {
            Source::Record(record) => &record.topic,
            Source::Frame(event) => sound(event.topic()),
        }
    }

    /// Partition, from 0.
    pub fn partition(&self) -> u32 {
        match &self.source {
            Source::Record(record) => record.partition,
            Source::Frame(event) => sound(event.partition()),
        }
    }

    /// Offset within the partition, from 0.
    pub fn offset(&self) -> u64 {
        match &self.source {
            Source::Record(record) => record.offset,
            Source::Frame(event) => sound(event.offset()),
        }
    }

    /// The record's timestamp as time since 1970-01-01T00:00:00Z, in whole milliseconds; `None`
    /// where the record has none.
    pub fn timestamp(&self) -> Option<Duration> {
        let millis = match &self.source {
            Source::Record(record) => record.timestamp,
            Source::Frame(event) => sound(event.timestamp()),
        };
        millis.map(Duration::from_millis)
    }

    /// The event's identity: the same in every try, and after a restart. Never empty.
    ///
    /// Header `event_id`, else `ce_id`, else the structured CloudEvent's `id`, else
    /// `topic/partition/offset`.
    pub fn id(&self) -> &str {
        match &self.source {
            Source::Record(record) => &record.id,
            Source::Frame(event) => sound(event.id()),
        }
    }

    /// The event's type, 1 to 256 bytes.
    ///
    /// Header `event_type`, else `ce_type`, else the structured CloudEvent's `type`, else the
    /// topic.
    pub fn event_type(&self) -> &str {
        match &self.source {
            Source::Record(record) => &record.event_type,
            Source::Frame(event) => sound(event.event_type()),
        }
    }

    /// Counts the tries of this event by this handler, from 1. Starts again at 1 after a restart
    /// or a rebalance.
    pub fn attempt(&self) -> u32 {
        match &self.source {
            Source::Record(record) => record.attempt,
            Source::Frame(event) => sound(event.attempt()),
        }
    }

    /// The key. `None` differs from empty.
    pub fn key(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Record(record) => record.key.as_deref(),
            Source::Frame(event) => sound(event.key()),
        }
    }

    /// The key as text.
    ///
    /// # Errors
    ///
    /// [`EventError::MissingKey`] without a key, [`EventError::BadKey`] if it is not UTF-8.
    pub fn key_text(&self) -> Result<&str, EventError> {
        let key = self.key().ok_or(EventError::MissingKey)?;
        std::str::from_utf8(key).map_err(EventError::BadKey)
    }

    /// The value. `None` is a tombstone, and differs from empty.
    pub fn value(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Record(record) => record.value.as_deref(),
            Source::Frame(event) => sound(event.value()),
        }
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// [`EventError::Tombstone`] without a value, [`EventError::BadText`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str, EventError> {
        let value = self.value().ok_or(EventError::Tombstone)?;
        std::str::from_utf8(value).map_err(EventError::BadText)
    }

    /// The value read as JSON.
    ///
    /// What is read may borrow from the event. A `&str` can borrow only text without JSON's
    /// escapes and is [`EventError::BadJson`] for other text; a `String` takes all.
    ///
    /// # Errors
    ///
    /// [`EventError::Tombstone`] without a value, [`EventError::BadJson`] if the value is not the
    /// JSON that `T` expects.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, EventError> {
        let value = self.value().ok_or(EventError::Tombstone)?;
        serde_json::from_slice(value).map_err(EventError::BadJson)
    }

    /// All headers in the record's order, repeats included.
    pub fn headers(&self) -> Headers<'_> {
        match &self.source {
            Source::Record(record) => Headers::of_records(&record.headers),
            Source::Frame(event) => Headers::of_frame(sound(event.headers())),
        }
    }

    /// All headers of that name, in order. Names are compared case-sensitively.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Header<'a>> {
        let mut headers = self.headers();
        std::iter::from_fn(move || headers.next_named(name))
    }

    /// The first header of that name, if there is one.
    pub fn first_header<'a>(&'a self, name: &str) -> Option<Header<'a>> {
        self.headers().next_named(name)
    }

    /// The first value of that header, as text.
    ///
    /// # Errors
    ///
    /// [`EventError::MissingHeader`] if no header has that name or the first that has it carries no
    /// value, [`EventError::BadHeader`] if the value is not UTF-8.
    pub fn header<'a>(&'a self, name: &str) -> Result<&'a str, EventError> {
        self.first_header(name).ok_or_else(|| EventError::MissingHeader(name.to_owned()))?.text()
    }

    /// All fields, read or lent.
    fn record(&self) -> Cow<'_, Record> {
        if let Source::Record(record) = &self.source {
            return Cow::Borrowed(record);
        }
        Cow::Owned(Record {
            topic: self.topic().to_owned(),
            partition: self.partition(),
            offset: self.offset(),
            timestamp: self.timestamp().and_then(|time| u64::try_from(time.as_millis()).ok()),
            key: self.key().map(<[u8]>::to_vec),
            value: self.value().map(<[u8]>::to_vec),
            headers: self.headers().map(HeaderRecord::from).collect(),
            id: self.id().to_owned(),
            event_type: self.event_type().to_owned(),
            attempt: self.attempt(),
        })
    }
}

/// A clone holds its own event alone, however many came with it.
impl Clone for Event {
    fn clone(&self) -> Self {
        Self::of_record(self.record().into_owned())
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.record() == other.record()
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("record", &self.record()).finish()
    }
}

/// What the frame holds, if it holds what it should.
pub(crate) fn sound<T>(read: Result<T, Malformed>) -> T {
    read.unwrap_or_else(|malformed| malformed.trap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[derive(serde::Deserialize)]
    struct Order<'a> {
        order_id: &'a str,
    }

    #[test]
    fn json_may_borrow_from_the_event() {
        let event = event("OrderCreated").text(r#"{"order_id":"o-1"}"#).build();
        assert_eq!(event.json::<Order<'_>>().unwrap().order_id, "o-1");
    }

    #[test]
    fn a_tombstone_is_neither_empty_nor_bad() {
        let tombstone = event("A").build();
        assert_eq!(tombstone.value(), None);
        let error = tombstone.json::<Order<'_>>().map(|_| ()).unwrap_err();
        assert!(matches!(error, EventError::Tombstone));

        let empty = event("A").value("").build();
        assert_eq!(empty.value(), Some(&[][..]));
        let error = empty.json::<Order<'_>>().map(|_| ()).unwrap_err();
        assert!(matches!(error, EventError::BadJson(_)));
    }

    #[test]
    fn a_key_may_be_absent_empty_or_binary() {
        assert!(matches!(event("A").build().key_text(), Err(EventError::MissingKey)));
        assert_eq!(event("A").key("").build().key_text().unwrap(), "");
        let binary = event("A").key([0xff]).build();
        assert_eq!(binary.key(), Some(&[0xff][..]));
        assert!(matches!(binary.key_text(), Err(EventError::BadKey(_))));
    }

    #[test]
    fn headers_keep_order_and_repeats() {
        let event = event("A")
            .header("tag", "first")
            .header("signature", [0xff, 0x00])
            .null_header("tag")
            .header("tag", "last")
            .build();
        let names: Vec<_> = event.headers().map(|header| header.name()).collect();
        assert_eq!(names, ["event_type", "tag", "signature", "tag", "tag"]);
        assert_eq!(event.headers().len(), 5);
        let tags: Vec<_> = event.headers_named("tag").map(|header| header.value()).collect();
        assert_eq!(tags, [Some(&b"first"[..]), None, Some(&b"last"[..])]);
        assert_eq!(event.header("tag").unwrap(), "first");
        assert!(matches!(event.header("Tag"), Err(EventError::MissingHeader(name)) if name == "Tag"));
        assert!(matches!(
            event.header("signature"),
            Err(EventError::BadHeader(name, _)) if name == "signature"
        ));
    }

    #[test]
    fn a_header_without_value_is_missing_as_text_alone() {
        let event = event("A").null_header("tag").build();
        assert_eq!(event.first_header("tag").unwrap().value(), None);
        assert!(matches!(event.header("tag"), Err(EventError::MissingHeader(_))));
    }
}
