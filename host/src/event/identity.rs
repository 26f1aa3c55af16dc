//! Which type an event has and which id: the rules for plain headers and for CloudEvents.
//!
//! The type is the header `event_type`, else `ce_type` (CloudEvents, binary mode), else the `type` of a
//! structured CloudEvent, else the topic. The id is `event_id`, else `ce_id`, else the structured `id`,
//! else `topic/partition/offset`. The first of repeated headers counts, and an empty one is absent.
//! See the CloudEvents Kafka protocol binding, version 1.0.2, sections 3.2 and 3.3.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::Record;

/// The longest event type, in bytes. It becomes a metric attribute and a pattern's subject.
pub const MAX_TYPE_BYTES: usize = 256;

/// The content type, without parameters, of a structured CloudEvent.
const STRUCTURED: &[u8] = b"application/cloudevents+json";

/// Where type and id of an event stand. Nothing is copied, but out of the body of a structured CloudEvent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    event_type: Place,
    id: Place,
    structured: Option<Arc<Texts>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// The value of the header with this number.
    Header(u32),
    /// The text out of the structured CloudEvent.
    Structured,
    /// The topic, or the record's coordinates.
    #[default]
    Record,
}

impl Place {
    fn header(self) -> Option<usize> {
        match self {
            Place::Header(index) => Some(index as usize),
            _ => None,
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Texts {
    event_type: String,
    id: String,
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
    /// Type and id of a record with these headers and that value.
    ///
    /// # Errors
    /// Where a header's name is not UTF-8, the type's or id's header is not, or the type is too long.
    pub fn of<'a>(
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        value: Option<&'a [u8]>,
    ) -> Result<Identity, Undecodable> {
        let mut first = [const { First { seen: false, found: None } }; 4];
        let mut is_structured = None;
        for (index, (name, value)) in headers.enumerate() {
            if !name.is_ascii() && std::str::from_utf8(name).is_err() {
                let name = name.escape_ascii().to_string();
                return Err(Undecodable::HeaderName { index, name });
            }
            if let Some(place) = NAMES.iter().position(|known| known.as_bytes() == name)
                && let Some(first) = first.get_mut(place).filter(|first| !first.seen)
            {
                *first =
                    First { seen: true, found: value.filter(|value| !value.is_empty()).map(|value| (index, value)) };
            } else if name.eq_ignore_ascii_case(b"content-type") {
                is_structured.get_or_insert_with(|| value.is_some_and(names_structured));
            }
        }
        let [event_type, ce_type, event_id, ce_id] = first.map(|first| first.found);
        let mut structured = is_structured.unwrap_or_default().then(|| Structured::new(value));
        let mut texts = Texts::default();
        let event_type = match text(event_type, 0)? {
            Some((place, text)) => bounded("header \"event_type\"", text).map(|_| place)?,
            None => match text(ce_type, 1)? {
                Some((place, text)) => bounded("header \"ce_type\"", text).map(|_| place)?,
                None => match structured.as_mut().and_then(|body| body.field(|envelope| &envelope.event_type)) {
                    Some(text) => {
                        texts.event_type = bounded("the CloudEvent's \"type\"", &text)?.to_owned();
                        Place::Structured
                    }
                    None => Place::Record,
                },
            },
        };
        let id = match text(event_id, 2)? {
            Some((place, _)) => place,
            None => match text(ce_id, 3)? {
                Some((place, _)) => place,
                None => match structured.as_mut().and_then(|body| body.field(|envelope| &envelope.id)) {
                    Some(text) => {
                        texts.id = text;
                        Place::Structured
                    }
                    None => Place::Record,
                },
            },
        };
        let structured = [event_type, id].contains(&Place::Structured).then(|| Arc::new(texts));
        Ok(Identity { event_type, id, structured })
    }

    /// The type, 1 to [`MAX_TYPE_BYTES`] bytes of UTF-8, of the record that it was found in.
    pub fn event_type<'a>(&'a self, record: &'a Record) -> &'a [u8] {
        self.bytes(self.event_type, record, |texts| &texts.event_type).unwrap_or(record.topic().as_bytes())
    }

    /// The number of the header that is the type, if one is.
    pub fn type_header(&self) -> Option<usize> {
        self.event_type.header()
    }

    /// The number of the header that is the id, if one is.
    pub fn id_header(&self) -> Option<usize> {
        self.id.header()
    }

    /// The id, in UTF-8, of the record that it was found in. `None`: its coordinates.
    pub fn own_id<'a>(&'a self, record: &'a Record) -> Option<&'a [u8]> {
        self.bytes(self.id, record, |texts| &texts.id)
    }

    fn bytes<'a>(&'a self, place: Place, record: &'a Record, pick: fn(&Texts) -> &str) -> Option<&'a [u8]> {
        match place {
            Place::Header(index) => record.header_at(index as usize)?.1,
            Place::Structured => self.structured.as_deref().map(pick).map(str::as_bytes),
            Place::Record => None,
        }
    }
}

/// Headers that name the type or the id.
const NAMES: [&str; 4] = ["event_type", "ce_type", "event_id", "ce_id"];

/// The first header of a name, with its number and its value, unless that is empty.
#[derive(Clone, Copy)]
struct First<'a> {
    seen: bool,
    found: Option<(usize, &'a [u8])>,
}

fn text(found: Option<(usize, &[u8])>, name: usize) -> Result<Option<(Place, &str)>, Undecodable> {
    let Some((index, bytes)) = found else { return Ok(None) };
    let not_text = |_| Undecodable::HeaderNotUtf8(NAMES.get(name).copied().unwrap_or_default());
    let text = std::str::from_utf8(bytes).map_err(not_text)?;
    Ok(Some((Place::Header(index as u32), text)))
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
    value: Option<&'a [u8]>,
    envelope: Option<Envelope<'a>>,
}

impl<'a> Structured<'a> {
    fn new(value: Option<&'a [u8]>) -> Self {
        Self { value, envelope: None }
    }

    fn field(&mut self, pick: for<'e> fn(&'e Envelope<'a>) -> &'e Field<'a>) -> Option<String> {
        let value = self.value;
        // A body that is no JSON object, or has no such text, is simply no structured CloudEvent.
        let envelope = self.envelope.get_or_insert_with(|| match value {
            Some(body) => serde_json::from_slice(body).unwrap_or_default(),
            None => Envelope::default(),
        });
        match pick(envelope) {
            Field::Text(text) if !text.is_empty() => Some(text.to_string()),
            _ => None,
        }
    }
}

fn names_structured(content_type: &[u8]) -> bool {
    let essence = content_type.split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(STRUCTURED)
}

#[cfg(test)]
mod tests;
