//! Events as JSON Lines: what `publish` and `test` read and `tail` writes.
//!
//! `{"type":"OrderCreated","key":"o-1","headers":{"tenant_id":"t"},"value":{...}}`. Headers may also be
//! `[["name","text"],["name",null],["name",{"base64":"..."}]]`, which keeps order and repeats; a name
//! that is no text is `{"base64":"..."}` as well. `value` is
//! sent as compact JSON, `value_text` as it is, `value_base64` and `key_base64` are bytes; with no value
//! at all the event is a tombstone. What `tail` adds (`topic`, `partition`, `offset`, `timestamp`) is
//! read back, so that its output can be fed to `test` and `publish`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::outgoing::{Outgoing, OutgoingHeader};
use super::{Record, RecordBuilder};

/// One line, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(rename = "type")]
    event_type: Option<String>,
    key: Option<String>,
    key_base64: Option<String>,
    #[serde(default)]
    headers: Headers,
    // Not an `Option`: `"value": null` is JSON's null, which is not a tombstone.
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    value_text: Option<String>,
    value_base64: Option<String>,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<i64>,
}

fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(d).map(Some)
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "headers must be an object, or a list of pairs of name and value")]
enum Headers {
    Named(Map<String, Value>),
    Listed(Vec<(Value, Value)>),
}

impl Default for Headers {
    fn default() -> Self {
        Headers::Listed(Vec::new())
    }
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No JSON object of the known fields.
    #[error("{}", in_one_line(.0))]
    Json(#[from] serde_json::Error),
    /// JSON of another kind.
    #[error("an event is a JSON object")]
    NotAnObject,
    /// Two fields that say the same thing.
    #[error("{0} and {1} exclude each other")]
    Both(&'static str, &'static str),
    /// A field that should be base64 and is not.
    #[error("{0} is not base64: {1}")]
    Base64(String, base64::DecodeError),
    /// A header's value is neither text, null nor base64.
    #[error("header {0} must be a string, null or {{\"base64\":\"...\"}}")]
    Header(String),
    /// A header's name is neither text nor base64.
    #[error("the name of a header must be a string or {{\"base64\":\"...\"}}")]
    HeaderName,
    /// No topic was named for the event.
    #[error("no topic: name one with --topic, or in the field \"topic\"")]
    NoTopic,
    /// Partition or offset below zero.
    #[error("{0} must not be negative")]
    Negative(&'static str),
}

/// An event read from a line.
#[derive(Debug)]
pub struct ParsedLine {
    /// The record to send; its topic is the line's own where it names one.
    pub outgoing: Outgoing,
    /// Partition and offset that the line names, or (0, `None`).
    position: (i32, Option<i64>),
}

impl ParsedLine {
    /// Reads one line. `topic` goes before the line's own, and that before `default_topic`.
    ///
    /// # Errors
    /// Where the line is no event.
    pub fn parse(line: &str, topic: Option<&str>, default_topic: Option<&str>) -> Result<ParsedLine, LineError> {
        // Serde would take a list of the fields' values as well.
        if line.trim_start().starts_with('[') {
            return Err(LineError::NotAnObject);
        }
        let line: Line<'_> = serde_json::from_str(line)?;
        let mut headers: Vec<OutgoingHeader> = Vec::new();
        if let Some(event_type) = &line.event_type {
            headers.push((b"event_type".to_vec(), Some(event_type.clone().into_bytes())));
        }
        let listed = match line.headers {
            Headers::Named(map) => map.into_iter().map(|(name, value)| (Value::String(name), value)).collect(),
            Headers::Listed(list) => list,
        };
        for (name, value) in listed {
            let of = name.to_string();
            let name = text_or_bytes(name, &of)?.ok_or(LineError::HeaderName)?;
            let value = match value {
                Value::Null => None,
                value => Some(text_or_bytes(value, &of)?.ok_or(LineError::Header(of))?),
            };
            headers.push((name, value));
        }
        let topic = topic.or(line.topic.as_deref()).or(default_topic).ok_or(LineError::NoTopic)?;
        let partition = line.partition.unwrap_or(0);
        if partition < 0 {
            return Err(LineError::Negative("partition"));
        }
        if line.offset.is_some_and(|offset| offset < 0) {
            return Err(LineError::Negative("offset"));
        }
        let outgoing = Outgoing {
            topic: topic.into(),
            key: one_of(("key", line.key), ("key_base64", line.key_base64))?,
            value: match line.value {
                None => one_of(("value_text", line.value_text), ("value_base64", line.value_base64))?,
                Some(_) if line.value_text.is_some() => {
                    return Err(LineError::Both("value", "value_text"));
                }
                Some(_) if line.value_base64.is_some() => {
                    return Err(LineError::Both("value", "value_base64"));
                }
                Some(json) => Some(compact(json.get())),
            },
            headers,
            timestamp: line.timestamp,
        };
        Ok(ParsedLine { outgoing, position: (partition, line.offset) })
    }

    /// The event as a record that was read: at the line's own position, or at `offset`.
    pub fn into_record(self, offset: i64) -> Record {
        let (partition, own_offset) = self.position;
        let outgoing = self.outgoing;
        let topic: Arc<str> = outgoing.topic.clone();
        let mut record = RecordBuilder::new(topic, partition, own_offset.unwrap_or(offset), 0)
            .timestamp(outgoing.timestamp)
            .key(outgoing.key.as_deref())
            .value(outgoing.value.as_deref());
        for (name, value) in &outgoing.headers {
            record.header(name, value.as_deref());
        }
        record.build()
    }
}

fn one_of(
    text: (&'static str, Option<String>),
    base64: (&'static str, Option<String>),
) -> Result<Option<Vec<u8>>, LineError> {
    match (text, base64) {
        ((a, Some(_)), (b, Some(_))) => Err(LineError::Both(a, b)),
        ((_, Some(text)), _) => Ok(Some(text.into_bytes())),
        (_, (name, Some(text))) => BASE64.decode(text).map(Some).map_err(|e| LineError::Base64(name.into(), e)),
        _ => Ok(None),
    }
}

/// A string's bytes, or those of `{"base64":"..."}`. `None` is something else.
fn text_or_bytes(value: Value, header: &str) -> Result<Option<Vec<u8>>, LineError> {
    match value {
        Value::String(text) => Ok(Some(text.into_bytes())),
        Value::Object(map) if map.len() == 1 => match map.get("base64") {
            Some(Value::String(text)) => {
                BASE64.decode(text).map(Some).map_err(|error| LineError::Base64(format!("header {header}"), error))
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The caller says which line it is; the error would call every line the first.
fn in_one_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} (column {column})"),
        None => text,
    }
}

/// JSON without the white space between its tokens. Numbers keep every digit, objects their order and
/// repeats: a parsed value would not.
fn compact(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

/// One record as a line, without the line's end: what `tail` prints, and what [`ParsedLine::parse`]
/// reads back to the same bytes.
pub fn write(record: &Record) -> String {
    #[derive(Serialize)]
    struct Written<'a> {
        topic: &'a str,
        partition: i32,
        offset: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        timestamp: Option<i64>,
        #[serde(flatten)]
        fields: Map<String, Value>,
    }
    let mut fields = Map::new();
    if let Some(key) = record.key() {
        text_or_base64(&mut fields, "key", "key_base64", key);
    }
    let written = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => json!({ "base64": BASE64.encode(bytes) }),
    };
    let headers = record.headers().map(|(name, value)| json!([written(name), value.map_or(Value::Null, written)]));
    fields.insert("headers".into(), Value::Array(headers.collect()));
    if let Some(value) = record.value() {
        // Only what comes back as the very same bytes may stand as JSON.
        match serde_json::from_slice::<Value>(value) {
            Ok(json) if serde_json::to_vec(&json).is_ok_and(|bytes| bytes == value) => {
                fields.insert("value".into(), json);
            }
            _ => text_or_base64(&mut fields, "value_text", "value_base64", value),
        }
    }
    let written = Written {
        topic: record.topic(),
        partition: record.partition(),
        offset: record.offset(),
        timestamp: record.timestamp(),
        fields,
    };
    // Maps with text keys always serialise; were it otherwise, the line would say so.
    serde_json::to_string(&written).unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}

fn text_or_base64(fields: &mut Map<String, Value>, text: &str, base64: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(utf8) => fields.insert(text.into(), utf8.into()),
        Err(_) => fields.insert(base64.into(), BASE64.encode(bytes).into()),
    };
}

#[cfg(test)]
mod tests;
