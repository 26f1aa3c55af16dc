//! Sends records to Kafka.
//!
//! ```
//! use sandbus_sdk::{Event, Message, Result, Verdict};
//! use sandbus_sdk::serde_json::json;
//!
//! fn confirm(event: &Event) -> Result {
//!     Message::to("events.notifications")
//!         .key(event.id())
//!         .header("event_type", "OrderConfirmed")
//!         .json(&json!({ "order_id": "o-1" }))?
//!         .send()?;
//!     Ok(Verdict::Ack)
//! }
//! ```
//!
//! What a try publishes leaves when that try ends in `ack`; what any other try published is
//! dropped. Messages and bytes of one event are bounded by the handler's `limits.publishes` and
//! `limits.publish_bytes`; more is the fault `publish_quota`.

use serde::Serialize;

use crate::event::HeaderRecord;
use crate::{Event, Refusal, Result, host};

/// A record to send: built up, then [sent](Message::send).
///
/// It starts without a key (any partition will do), without a value (a tombstone) and without
/// headers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a message leaves only by `send`"]
pub struct Message {
    pub(crate) topic: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<HeaderRecord>,
}

impl Message {
    /// A message to this topic. A `publish` grant of the handler must allow it.
    pub fn to(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), key: None, value: None, headers: Vec::new() }
    }

    /// The event as it is, to another topic: its key, its value, all its headers.
    pub fn forward(event: &Event, topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            key: event.key().map(<[u8]>::to_vec),
            value: event.value().map(<[u8]>::to_vec),
            headers: event.headers().map(HeaderRecord::from).collect(),
        }
    }

    /// Sets the key. Its murmur2 hash chooses the partition, as with Kafka's own clients.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets the value to this as compact JSON.
    ///
    /// # Errors
    ///
    /// What cannot be JSON, such as a map whose keys are no strings.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, serde_json::Error> {
        self.value = Some(serde_json::to_vec(value)?);
        Ok(self)
    }

    /// Adds a header after those that are there. Names may repeat.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(HeaderRecord { name: name.into(), value: Some(value.into()) });
        self
    }

    /// Adds a header without a value, which differs from an empty one.
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(HeaderRecord { name: name.into(), value: None });
        self
    }

    /// Gives the message to the host, which keeps it until the try ends.
    ///
    /// # Errors
    ///
    /// A refusal: `denied` without a grant, `too_large`, `bad_topic`.
    pub fn send(self) -> Result<(), Refusal> {
        host::publish(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Host, event};
    use crate::{Handler, Verdict};

    #[derive(Default)]
    struct Copy;

    impl Handler for Copy {
        const EVENTS: &'static [&'static str] = &["*"];

        fn handle(&mut self, event: &Event) -> Result {
            Message::forward(event, "copies").send()?;
            Message::to("made").key([1]).header("a", "1").null_header("b").header("a", [0xff]).json(&[1, 2])?.send()?;
            Ok(if event.attempt() == 1 { Verdict::Ack } else { Verdict::Skip })
        }
    }

    #[test]
    fn messages_arrive_as_they_were_built() {
        let mut host = Host::<Copy>::new().grant("copies").grant("made");
        let outcome = host.deliver(event("A").key("k").value("v").null_header("h"));
        let [copy, made] = outcome.published() else { panic!("{outcome:?}") };
        assert_eq!(copy.topic, "copies");
        assert_eq!(copy.key.as_deref(), Some(&b"k"[..]));
        assert_eq!(copy.value.as_deref(), Some(&b"v"[..]));
        assert_eq!(copy.header("event_type"), Some("A"));
        assert_eq!(copy.headers[1], ("h".to_owned(), None));
        assert_eq!(made.json::<Vec<u8>>().unwrap(), [1, 2]);
        assert_eq!(
            made.headers,
            [("a".to_owned(), Some(b"1".to_vec())), ("b".to_owned(), None), ("a".to_owned(), Some(vec![0xff]))]
        );
    }

    #[test]
    fn a_message_starts_as_a_tombstone_without_key() {
        let message = Message::to("t");
        assert_eq!((message.key, message.value), (None, None));
    }

    #[test]
    fn only_an_ack_publishes() {
        let mut host = Host::<Copy>::new().grant("*");
        let outcome = host.deliver(event("A").attempt(2));
        assert_eq!(outcome.published(), []);
        assert_eq!(outcome.sent().len(), 2);
    }

    #[test]
    fn without_a_grant_publishing_is_denied() {
        let outcome = Host::<Copy>::new().grant("made").deliver(event("A"));
        outcome.assert_error("denied");
        assert_eq!(outcome.sent(), []);
    }
}
