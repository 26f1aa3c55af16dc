//! Events for tests, built field by field.

use serde::Serialize;

use crate::Event;
use crate::event::{HeaderRecord, Record};

/// Topic of events that name none.
const TOPIC: &str = "events.stream";

/// Begins an event of this type, as a producer writes it: with the header `event_type`.
///
/// It has topic `events.stream`, partition 0, attempt 1, no key, no value, no timestamp; its id is
/// `topic/partition/offset`.
pub fn event(event_type: impl Into<String>) -> EventBuilder {
    let event_type = event_type.into();
    EventBuilder {
        offset: None,
        id: None,
        record: Record {
            topic: TOPIC.to_owned(),
            partition: 0,
            offset: 0,
            timestamp: None,
            key: None,
            value: None,
            headers: vec![HeaderRecord { name: "event_type".to_owned(), value: Some(event_type.clone().into_bytes()) }],
            id: String::new(),
            event_type,
            attempt: 1,
        },
    }
}

/// An event in the making; see [`event`].
#[derive(Clone, Debug)]
#[must_use = "an event comes of it by `build`, or by `Host::deliver`"]
pub struct EventBuilder {
    offset: Option<u64>,
    id: Option<String>,
    record: Record,
}

impl EventBuilder {
    /// Sets the topic.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.record.topic = topic.into();
        self
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: u32) -> Self {
        self.record.partition = partition;
        self
    }

    /// Sets the offset; else the host gives the next one.
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Sets the timestamp, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn timestamp(mut self, millis: u64) -> Self {
        self.record.timestamp = Some(millis);
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.record.key = Some(key.into());
        self
    }

    /// Sets the value's bytes.
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.record.value = Some(value.into());
        self
    }

    /// Sets the value to this text.
    pub fn text(self, value: impl Into<String>) -> Self {
        self.value(value.into())
    }

    /// Sets the value to this as compact JSON.
    ///
    /// # Panics
    ///
    /// If it cannot be JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.value(json),
            Err(error) => panic!("the test's value cannot be JSON: {error}"),
        }
    }

    /// Adds a header after those that are there. Names may repeat.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.record.headers.push(HeaderRecord { name: name.into(), value: Some(value.into()) });
        self
    }

    /// Adds a header without a value, which differs from an empty one.
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.record.headers.push(HeaderRecord { name: name.into(), value: None });
        self
    }

    /// Sets the id, and adds the header `event_id` that carries it.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        self.id = Some(id.clone());
        self.header("event_id", id)
    }

    /// Sets which try this is, from 1.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.record.attempt = attempt;
        self
    }

    /// The event, at offset 0 unless an offset was set.
    pub fn build(self) -> Event {
        self.build_at(0)
    }

    /// The event, at this offset unless another was set.
    pub(super) fn build_at(self, offset: u64) -> Event {
        let mut record = self.record;
        record.offset = self.offset.unwrap_or(offset);
        record.id = self.id.unwrap_or_else(|| format!("{}/{}/{}", record.topic, record.partition, record.offset));
        Event::of_record(record)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::event;

    #[test]
    fn an_event_has_what_it_was_given() {
        let event =
            event("OrderCreated").topic("t").partition(3).offset(9).timestamp(1_500).id("e-1").attempt(2).build();
        assert_eq!(event.event_type(), "OrderCreated");
        assert_eq!((event.topic(), event.partition(), event.offset()), ("t", 3, 9));
        assert_eq!(event.timestamp(), Some(Duration::from_millis(1_500)));
        assert_eq!((event.id(), event.attempt()), ("e-1", 2));
        assert_eq!(event.header("event_id").unwrap(), "e-1");
        assert_eq!((event.key(), event.value()), (None, None));
    }

    #[test]
    fn without_an_id_the_place_is_the_id() {
        let event = event("A").topic("t").partition(1).build();
        assert_eq!(event.id(), "t/1/0");
        assert!(event.header("event_id").is_err());
    }
}
