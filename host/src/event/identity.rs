//! Which type an event has and which id: the rules for plain headers and for CloudEvents.
//!
//! The type is the header `event_type`, else `ce_type` (CloudEvents, binary mode), else the `type` of a
//! structured CloudEvent, else the topic. The id is `event_id`, else `ce_id`, else the structured `id`,
//! else `topic/partition/offset`. The first of repeated headers counts, and an empty one is absent.
//! See the CloudEvents Kafka protocol binding, version 1.0.2, sections 3.2 and 3.3.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::Record;

/// The longest event type, in bytes. It becomes a metric attribute and a pattern's subject.
pub const MAX_TYPE_BYTES: usize = 256;

/// The content type, without parameters, of a structured CloudEvent.
const STRUCTURED: &[u8] = b"application/cloudevents+json";

/// Type and id of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 1 to [`MAX_TYPE_BYTES`] bytes.
    pub event_type: Box<str>,
    /// Never empty.
    pub id: Box<str>,
}

/// Why a record cannot be shown to a handler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// A header that names the type or the id is not text.
    #[error("header {0:?} is not UTF-8")]
    HeaderNotUtf8(&'static str),
    /// The event type is longer than [`MAX_TYPE_BYTES`].
    #[error("the event type in {origin} has {length} bytes; at most {MAX_TYPE_BYTES} are allowed")]
    TypeTooLong {
        /// The header or field that gave the type.
        origin: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// The name of a header is not text.
    #[error("the name of header {index} is not UTF-8: {name}")]
    HeaderName {
        /// Position of the header, from 0.
        index: usize,
        /// The name with what is not UTF-8 escaped.
        name: String,
    },
}

impl Identity {
    /// Type and id of a record.
    ///
    /// # Errors
    /// Where a header's name is not UTF-8, the type's or id's header is not, or the type is too long.
    pub fn of(record: &Record) -> Result<Identity, Undecodable> {
        for (index, (name, _)) in record.headers().enumerate() {
            if std::str::from_utf8(name).is_err() {
                let name = name.escape_ascii().to_string();
                return Err(Undecodable::HeaderName { index, name });
            }
        }
        let mut structured = Structured::new(record);
        let event_type = match text_header(record, "event_type")? {
            Some(text) => bounded("header \"event_type\"", text)?.into(),
            None => match text_header(record, "ce_type")? {
                Some(text) => bounded("header \"ce_type\"", text)?.into(),
                None => match structured.field(|e| &e.event_type) {
                    Some(text) => bounded("the CloudEvent's \"type\"", &text)?.into(),
                    None => record.topic().as_ref().into(),
                },
            },
        };
        let id = match text_header(record, "event_id")? {
            Some(text) => text.into(),
            None => match text_header(record, "ce_id")? {
                Some(text) => text.into(),
                None => match structured.field(|e| &e.id) {
                    Some(text) => text.into(),
                    None => coordinates(record).into(),
                },
            },
        };
        Ok(Identity { event_type, id })
    }
}

/// `topic/partition/offset`.
pub fn coordinates(record: &Record) -> String {
    format!("{}/{}/{}", record.topic(), record.partition(), record.offset())
}

fn bounded<'a>(origin: &'static str, text: &'a str) -> Result<&'a str, Undecodable> {
    if text.len() > MAX_TYPE_BYTES {
        return Err(Undecodable::TypeTooLong { origin, length: text.len() });
    }
    Ok(text)
}

fn text_header<'a>(record: &'a Record, name: &'static str) -> Result<Option<&'a str>, Undecodable> {
    match record.header(name).flatten() {
        None | Some([]) => Ok(None),
        Some(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| Undecodable::HeaderNotUtf8(name)),
    }
}

#[derive(Default, Deserialize)]
struct Envelope<'a> {
    #[serde(default, borrow, rename = "type")]
    event_type: Field<'a>,
    #[serde(default, borrow)]
    id: Field<'a>,
}

/// A field that counts only where it is text: what else stands there is no error of ours.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Field<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    #[expect(dead_code, reason = "what is not text is parsed to be skipped")]
    Other(Value),
    #[default]
    #[serde(skip)]
    Absent,
}

/// The body of a structured CloudEvent, parsed when it is first asked for.
struct Structured<'a> {
    record: &'a Record,
    envelope: Option<Envelope<'a>>,
}

impl<'a> Structured<'a> {
    fn new(record: &'a Record) -> Self {
        Self { record, envelope: None }
    }

    fn field(&mut self, pick: for<'e> fn(&'e Envelope<'a>) -> &'e Field<'a>) -> Option<String> {
        let record = self.record;
        // A body that is no JSON object, or has no such text, is simply no structured CloudEvent.
        let envelope = self.envelope.get_or_insert_with(|| match record.value() {
            Some(body) if is_structured(record) => serde_json::from_slice(body).unwrap_or_default(),
            _ => Envelope::default(),
        });
        match pick(envelope) {
            Field::Text(text) if !text.is_empty() => Some(text.to_string()),
            _ => None,
        }
    }
}

fn is_structured(record: &Record) -> bool {
    let content_type = record
        .headers()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"))
        .and_then(|(_, value)| value)
        .unwrap_or_default();
    let essence = content_type.split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(STRUCTURED)
}

#[cfg(test)]
mod tests;
